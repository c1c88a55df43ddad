/**
 * What becomes of the scores of a text when the text is edited, until the edited text has scores of its own.
 *
 * Nothing here is ever a result: a token that an edit touched is dropped, tokens behind it move along with
 * their text, and everything from the edit on is stale, because its context has changed.
 */
import { LossMap, type TokenLayout, type TokenScores, type Unit } from '../loss/lossMap';

/** One replacement in a text, as an editor reports it. */
export interface TextChange {
  /** UTF-16 offset at which characters were taken out and put in. */
  readonly rangeOffset: number;
  /** Number of UTF-16 code units taken out. */
  readonly rangeLength: number;
  /** What was put in. */
  readonly text: string;
}

/** Scores that were moved through edits: scored tokens only, with holes where there are none. */
export interface CarriedScores {
  readonly losses: LossMap;
  /**
   * UTF-16 offset from which on the scores are stale. Tokens that end before it have the place, the context
   * and the index that they had when they were scored.
   */
  readonly staleFrom: number;
  /** UTF-16 length of the text that the positions belong to. */
  readonly textLength: number;
}

/** No scores for a text of this UTF-16 length. */
export function noScores(textLength: number): CarriedScores {
  return { losses: concatenate([], { pageStarts: [], pageContexts: [] }), staleFrom: 0, textLength };
}

/**
 * Moves scores through edits.
 * @param before the scores of the text before the edits
 * @param changes the edits, each relative to the text that the ones before it left
 */
export function carry(before: CarriedScores, changes: readonly TextChange[]): CarriedScores {
  let { losses, staleFrom, textLength } = before;
  for (const change of changes) {
    staleFrom = Math.min(staleFrom, firstDoubt(losses, change.rangeOffset));
    losses = applyChange(losses, change);
    textLength += change.text.length - change.rangeLength;
  }
  return { losses, staleFrom, textLength };
}

/**
 * Puts newer scores over older ones of the same text: the newer ones where there are any, the older ones
 * in the gaps. Everything from the first gap on is stale.
 * @param newer scores of this text, possibly incomplete
 * @param older scores carried to this text
 */
export function overlay(newer: LossMap, older: CarriedScores): CarriedScores {
  const { textLength } = older;
  let prefix = 0;
  while (prefix < newer.length && newer.isScored(prefix)) {
    prefix++;
  }
  if (prefix === newer.length) {
    return { losses: newer, staleFrom: textLength, textLength };
  }
  // A character whose tokens are not all scored yet belongs to the gap.
  prefix = newer.unitOf(prefix).first;
  const staleFrom = newer.layout.starts[prefix];
  const parts: Part[] = [{ map: newer, first: 0, end: prefix, shift: 0 }];
  for (const { map, unit } of displayedUnits(newer, older.losses, staleFrom)) {
    const last = parts[parts.length - 1];
    if (last.map === map && last.end === unit.first) {
      parts[parts.length - 1] = { ...last, end: unit.last + 1 };
    } else {
      parts.push({ map, first: unit.first, end: unit.last + 1, shift: 0 });
    }
  }
  const pages = newer.layout.pageStarts.filter((start) => start < prefix).length;
  return {
    losses: concatenate(parts, {
      pageStarts: newer.layout.pageStarts.slice(0, pages),
      pageContexts: newer.layout.pageContexts.slice(0, pages),
    }),
    staleFrom,
    textLength,
  };
}

/** A unit and the map that its indices belong to. */
export interface DisplayedUnit {
  readonly map: LossMap;
  readonly unit: Unit;
}

/**
 * The scored units that touch a UTF-16 range, in order: those of the newer map, and in its gaps those of
 * the older one that fit entirely. So what is on screen stays until its successor arrives.
 */
export function* displayedUnits(
  newer: LossMap | undefined,
  older: LossMap | undefined,
  start = 0,
  end = Number.POSITIVE_INFINITY,
): Generator<DisplayedUnit> {
  if (newer === undefined) {
    yield* scoredUnits(older, start, end);
    return;
  }
  let gapStart = -1;
  let gapEnd = -1;
  for (const unit of newer.units(start, end)) {
    if (Number.isNaN(unit.nats)) {
      gapStart = gapStart < 0 ? unit.start : gapStart;
      gapEnd = unit.end;
      continue;
    }
    if (gapStart >= 0) {
      yield* scoredUnits(older, gapStart, gapEnd, true);
      gapStart = -1;
    }
    yield { map: newer, unit };
  }
  if (gapStart >= 0) {
    yield* scoredUnits(older, gapStart, gapEnd, true);
  }
}

/**
 * The scored units of one map that touch [start, end).
 * @param inside only those that do not reach beyond it
 */
function* scoredUnits(
  map: LossMap | undefined,
  start: number,
  end: number,
  inside = false,
): Generator<DisplayedUnit> {
  if (map === undefined) {
    return;
  }
  for (const unit of map.units(start, end)) {
    if (!Number.isNaN(unit.nats) && (!inside || (unit.start >= start && unit.end <= end))) {
      yield { map, unit };
    }
  }
}

/**
 * Offset from which on an edit puts the scores in doubt: at the edit, or before it where a token ends there
 * that may now be joined with what follows.
 */
function firstDoubt(losses: LossMap, offset: number): number {
  const token = losses.firstTokenAfter(offset - 1);
  return token < losses.length ? Math.min(losses.unitOf(token).start, offset) : offset;
}

/** Drops the units that the change touches and moves those behind it. */
function applyChange(losses: LossMap, { rangeOffset, rangeLength, text }: TextChange): LossMap {
  const { starts, pageStarts, pageContexts } = losses.layout;
  const rangeEnd = rangeOffset + rangeLength;
  // Number of tokens before the touched ones.
  let head = losses.firstTokenAfter(rangeOffset);
  if (head < losses.length && starts[head] < rangeOffset) {
    head = losses.unitOf(head).first;
  }
  // The first token behind the touched ones.
  let tail = losses.firstTokenAfter(rangeEnd);
  if (tail < losses.length && starts[tail] < rangeEnd) {
    tail = losses.unitOf(tail).last + 1;
  }
  const dropped = tail - head;
  const moved = (token: number) => (token <= head ? token : Math.max(head, token - dropped));
  const newStarts: number[] = [];
  const newContexts: number[] = [];
  for (let page = 0; page < pageStarts.length; page++) {
    const start = moved(pageStarts[page]);
    if (start === newStarts.at(-1)) {
      // All tokens of the page before are gone.
      newStarts.pop();
      newContexts.pop();
    }
    if (start < losses.length - dropped) {
      newStarts.push(start);
      newContexts.push(moved(pageContexts[page]));
    }
  }
  return concatenate(
    [
      { map: losses, first: 0, end: head, shift: 0 },
      { map: losses, first: tail, end: losses.length, shift: text.length - rangeLength },
    ],
    { pageStarts: newStarts, pageContexts: newContexts },
  );
}

/** Consecutive scored tokens of a map, and how far they move. */
interface Part {
  readonly map: LossMap;
  readonly first: number;
  readonly end: number;
  readonly shift: number;
}

/** Where pages and their contexts begin, as token indices. */
interface Pages {
  readonly pageStarts: Iterable<number>;
  readonly pageContexts: Iterable<number>;
}

/** A map of all the parts' tokens, one part after the other. */
function concatenate(parts: readonly Part[], pages: Pages): LossMap {
  const length = parts.reduce((sum, part) => sum + part.end - part.first, 0);
  const layout: TokenLayout = {
    starts: new Uint32Array(length),
    ends: new Uint32Array(length),
    ids: new Uint32Array(length),
    // Every map with tokens has a page, even where nobody is told what it is.
    pageStarts: orFirst(Uint32Array.from(pages.pageStarts), length),
    pageContexts: orFirst(Uint32Array.from(pages.pageContexts), length),
  };
  const scores: TokenScores = {
    nats: new Float32Array(length),
    entropy: new Float32Array(length),
    varentropy: new Float32Array(length),
    rank: new Uint32Array(length),
  };
  let at = 0;
  for (const { map, first, end, shift } of parts) {
    // Whole blocks at a time: this happens at every keystroke.
    layout.starts.set(map.layout.starts.subarray(first, end), at);
    layout.ends.set(map.layout.ends.subarray(first, end), at);
    layout.ids.set(map.layout.ids.subarray(first, end), at);
    scores.nats.set(map.nats.subarray(first, end), at);
    scores.entropy.set(map.entropy.subarray(first, end), at);
    scores.varentropy.set(map.varentropy.subarray(first, end), at);
    scores.rank.set(map.rank.subarray(first, end), at);
    const partEnd = at + end - first;
    for (; shift !== 0 && at < partEnd; at++) {
      layout.starts[at] += shift;
      layout.ends[at] += shift;
    }
    at = partEnd;
  }
  const losses = new LossMap(layout);
  losses.write(0, scores);
  return losses;
}

/** The page table, or one page that begins at the first token where it would be empty. */
function orFirst(pages: Uint32Array, tokens: number): Uint32Array {
  return pages.length === 0 && tokens > 0 ? new Uint32Array(1) : pages;
}
