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

/** The arrays of a map: what there is an entry of per token. */
interface TokenArrays extends TokenScores, Pick<TokenLayout, 'starts' | 'ends' | 'ids'> {}

function newArrays(length: number): TokenArrays {
  return {
    starts: new Uint32Array(length),
    ends: new Uint32Array(length),
    ids: new Uint32Array(length),
    nats: new Float32Array(length),
    entropy: new Float32Array(length),
    varentropy: new Float32Array(length),
    rank: new Uint32Array(length),
  };
}

/**
 * Room for the scores that {@link carry} returns, used over and over: megabytes of garbage at every keystroke in a long
 * document would hold the typing up. It holds the last two results; an older one is overwritten.
 */
export class CarryRoom {
  readonly #sets: [TokenArrays | undefined, TokenArrays | undefined] = [undefined, undefined];
  #turn: 0 | 1 = 0;

  /** Arrays of this length, which are not those of the last result. */
  take(length: number): TokenArrays {
    this.#turn = this.#turn === 0 ? 1 : 0;
    let set = this.#sets[this.#turn];
    if (set === undefined || set.ids.length < length) {
      // A little more, for what is typed next.
      set = newArrays(length + (length >> 3));
      this.#sets[this.#turn] = set;
    }
    return {
      starts: set.starts.subarray(0, length),
      ends: set.ends.subarray(0, length),
      ids: set.ids.subarray(0, length),
      nats: set.nats.subarray(0, length),
      entropy: set.entropy.subarray(0, length),
      varentropy: set.varentropy.subarray(0, length),
      rank: set.rank.subarray(0, length),
    };
  }

  /** Gives the memory back; results stay as they are. */
  clear(): void {
    this.#sets.fill(undefined);
  }
}

/** No scores for a text of this UTF-16 length. */
export function noScores(textLength: number): CarriedScores {
  return { losses: concatenate([], { pageStarts: [], pageContexts: [] }), staleFrom: 0, textLength };
}

/**
 * Moves scores through edits.
 * @param before the scores of the text before the edits
 * @param changes the edits, each relative to the text that the ones before it left
 * @param room where the result's arrays are; new ones when it is left out
 */
export function carry(
  before: CarriedScores,
  changes: readonly TextChange[],
  room?: CarryRoom,
): CarriedScores {
  let { losses, staleFrom, textLength } = before;
  for (let first = 0; first < changes.length; ) {
    // From back to front, as editors report the changes of one edit: all of them at once, however many there are.
    let next = first + 1;
    while (next < changes.length && isBefore(changes[next], changes[next - 1])) {
      next++;
    }
    const group = changes.slice(first, next).reverse();
    for (const change of group) {
      staleFrom = Math.min(staleFrom, firstDoubt(losses, change.rangeOffset));
      textLength += change.text.length - change.rangeLength;
    }
    losses = applyChanges(losses, group, room);
    first = next;
  }
  return { losses, staleFrom, textLength };
}

/** Whether a change ends where the other one begins, or before. */
function isBefore(change: TextChange, other: TextChange): boolean {
  return change.rangeOffset + change.rangeLength <= other.rangeOffset;
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
  const parts: Part[] = [];
  for (let first = 0; first < newer.length; ) {
    const gap = nextGap(newer, Math.max(first, prefix));
    parts.push({ map: newer, first, end: gap.first, shift: 0 });
    if (gap.first < gap.end) {
      const { starts, ends } = newer.layout;
      parts.push(partInside(older.losses, starts[gap.first], ends[gap.end - 1]));
    }
    first = gap.end;
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

/**
 * The next tokens without scores, from a token on that begins a unit; whole units, and as many as there are in a row.
 * Loops over the arrays: this happens to every token of a long document, between two keystrokes.
 * @returns token indices, both `length` when there are none
 */
function nextGap({ length, nats, layout }: LossMap, from: number): { first: number; end: number } {
  const { starts, ends } = layout;
  let first = length;
  for (let token = from; token < length; ) {
    const unit = token;
    let isScored = true;
    do {
      isScored &&= !Number.isNaN(nats[token]);
      token++;
    } while (token < length && starts[token] < ends[token - 1]);
    if (isScored && first < length) {
      return { first, end: unit };
    }
    if (!isScored && first === length) {
      first = unit;
    }
  }
  return { first, end: length };
}

/** The tokens of the units that lie in the UTF-16 range [start, end) entirely, of a map without gaps. */
function partInside(map: LossMap, start: number, end: number): Part {
  const { starts, ends } = map.layout;
  let first = map.firstTokenAfter(start);
  while (first < map.length && (starts[first] < start || (first > 0 && starts[first] < ends[first - 1]))) {
    first++;
  }
  let after = Math.max(first, map.firstTokenAfter(end));
  while (after > first && after < map.length && starts[after] < ends[after - 1]) {
    after--;
  }
  return { map, first, end: after, shift: 0 };
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

/**
 * Drops the units that the changes touch and moves those behind them.
 * @param changes from front to back, each relative to the text before all of them
 */
function applyChanges(losses: LossMap, changes: readonly TextChange[], room?: CarryRoom): LossMap {
  const parts: Part[] = [];
  let first = 0;
  let shift = 0;
  for (const { rangeOffset, rangeLength, text } of changes) {
    const { head, tail } = touched(losses, rangeOffset, rangeOffset + rangeLength);
    if (head > first) {
      parts.push({ map: losses, first, end: head, shift });
    }
    // Neighbouring changes may touch the same unit.
    first = Math.max(first, tail);
    shift += text.length - rangeLength;
  }
  parts.push({ map: losses, first, end: losses.length, shift });
  return concatenate(parts, movedPages(losses, parts), room);
}

/** The tokens [head, tail) of the units that a change of the UTF-16 range [start, end) touches. */
function touched(losses: LossMap, start: number, end: number): { head: number; tail: number } {
  const { starts } = losses.layout;
  let head = losses.firstTokenAfter(start);
  if (head < losses.length && starts[head] < start) {
    head = losses.unitOf(head).first;
  }
  let tail = losses.firstTokenAfter(end);
  if (tail < losses.length && starts[tail] < end) {
    tail = losses.unitOf(tail).last + 1;
  }
  return { head, tail };
}

/** Where pages and their contexts begin among the tokens that are kept. @param parts of this map, in order */
function movedPages({ layout, length }: LossMap, parts: readonly Part[]): Pages {
  const kept = new KeptTokens(parts);
  const remaining = kept.before(length);
  const pageStarts: number[] = [];
  const pageContexts: number[] = [];
  for (let page = 0; page < layout.pageStarts.length; page++) {
    const start = kept.before(layout.pageStarts[page]);
    if (start === pageStarts.at(-1)) {
      // All tokens of the page before are gone.
      pageStarts.pop();
      pageContexts.pop();
    }
    if (start < remaining) {
      pageStarts.push(start);
      pageContexts.push(kept.before(layout.pageContexts[page]));
    }
  }
  return { pageStarts, pageContexts };
}

/** Counts the tokens that are kept before a token of the original map. */
class KeptTokens {
  readonly #parts: readonly Part[];
  /** [parts] tokens in the parts before each. */
  readonly #counts: number[] = [];

  constructor(parts: readonly Part[]) {
    this.#parts = parts;
    let count = 0;
    for (const { first, end } of parts) {
      this.#counts.push(count);
      count += end - first;
    }
  }

  /** How many of the first `token` tokens are kept. O(log parts). */
  before(token: number): number {
    let low = 0;
    let high = this.#parts.length;
    // The last part that begins before the token, if any.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#parts[middle].first < token) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low === 0) {
      return Math.min(0, token);
    }
    const { first, end } = this.#parts[low - 1];
    return this.#counts[low - 1] + Math.min(token, end) - first;
  }
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
function concatenate(parts: readonly Part[], pages: Pages, room?: CarryRoom): LossMap {
  const length = parts.reduce((sum, part) => sum + part.end - part.first, 0);
  const arrays = room?.take(length) ?? newArrays(length);
  let at = 0;
  for (const { map, first, end, shift } of parts) {
    if (first === end) {
      continue;
    }
    // Whole blocks at a time: this happens at every keystroke.
    arrays.starts.set(map.layout.starts.subarray(first, end), at);
    arrays.ends.set(map.layout.ends.subarray(first, end), at);
    arrays.ids.set(map.layout.ids.subarray(first, end), at);
    arrays.nats.set(map.nats.subarray(first, end), at);
    arrays.entropy.set(map.entropy.subarray(first, end), at);
    arrays.varentropy.set(map.varentropy.subarray(first, end), at);
    arrays.rank.set(map.rank.subarray(first, end), at);
    const partEnd = at + end - first;
    for (; shift !== 0 && at < partEnd; at++) {
      arrays.starts[at] += shift;
      arrays.ends[at] += shift;
    }
    at = partEnd;
  }
  const { starts, ends, ids, ...scores } = arrays;
  const layout: TokenLayout = {
    starts,
    ends,
    ids,
    // Every map with tokens has a page, even where nobody is told what it is.
    pageStarts: orFirst(Uint32Array.from(pages.pageStarts), length),
    pageContexts: orFirst(Int32Array.from(pages.pageContexts), length),
  };
  return new LossMap(layout, scores);
}

/** The page table, or one page that begins at the first token where it would be empty. */
function orFirst<Table extends Uint32Array | Int32Array>(pages: Table, tokens: number): Table {
  return pages.length === 0 && tokens > 0
    ? new (pages.constructor as new (length: number) => Table)(1)
    : pages;
}
