/** Finds surprising tokens. */
import { SURPRISING_BITS, SURPRISING_WORD_BITS } from '../loss/heat';
import type { LossMap, Unit } from '../loss/lossMap';
import { toBits } from '../loss/units';
import { isInsideWordAt, WordParts } from '../text/words';

/** Whether the place at a UTF-16 offset of a text is inside a word. */
export type InsideWord = (offset: number) => boolean;

/**
 * Where words are in a part of a text.
 * @param from UTF-16 offset of the part in the text
 * @returns false outside of the part
 */
export function wordsIn(part: string, from = 0): InsideWord {
  return (offset) => isInsideWordAt(part, offset - from);
}

/** The units that make a word with one of them, as one; the unit itself where it is none of several. */
export function wordOf(losses: LossMap, token: number, isInside: InsideWord): Unit {
  let { first, last, nats, start, end } = losses.unitOf(token);
  while (first > 0 && isInside(start)) {
    const unit = losses.unitOf(first - 1);
    ({ first, start } = unit);
    nats += unit.nats;
  }
  while (last + 1 < losses.length && isInside(end)) {
    const unit = losses.unitOf(last + 1);
    ({ last, end } = unit);
    nats += unit.nats;
  }
  return { first, last, start, end, nats };
}

/**
 * The next unit of {@link SURPRISING_BITS} or more in a direction, around the end of the document if need be.
 * @param start UTF-16 offsets of the selection: a unit that begins where it begins has been visited already
 * @param end where the selection ends
 * @returns `unknown` when a unit on the way there has no score yet; undefined when there is none in all of the document
 */
export function nextSurprise(
  losses: LossMap,
  start: number,
  end: number,
  direction: 'next' | 'previous',
): Unit | 'unknown' | undefined {
  const { length } = losses;
  // With nothing selected, a unit that begins at the cursor is still to come.
  const isAhead = ({ start: at }: Unit) => (start === end ? at >= start : at > start);
  const after = losses.firstTokenAfter(start);
  const unit = after < length ? losses.unitOf(after) : undefined;
  let token = after;
  if (direction === 'next' && unit && !isAhead(unit)) {
    token = unit.last + 1;
  } else if (direction === 'previous' && !(unit && unit.start < start)) {
    token = (unit?.first ?? length) - 1;
  }
  for (let left = length; left > 0; ) {
    const { first, last, ...found } = losses.unitOf((token + length) % length);
    if (Number.isNaN(found.nats)) {
      return 'unknown';
    }
    if (toBits(found.nats) >= SURPRISING_BITS) {
      return { first, last, ...found };
    }
    left -= last - first + 1;
    token = direction === 'next' ? last + 1 : first - 1;
  }
  return undefined;
}

/** The last token of the unit, or of the word, that begins with one. */
export function lastOf({ layout, length }: LossMap, first: number, isInside: InsideWord): number {
  const { starts, ends } = layout;
  let last = first;
  while (last + 1 < length && (starts[last + 1] < ends[last] || isInside(ends[last]))) {
    last++;
  }
  return last;
}

/** A unit's range in the text, and its surprisal in nats. */
type Found = Pick<Unit, 'start' | 'end' | 'nats'>;

/**
 * Which words of a part of a text are likely typos: those that need {@link SURPRISING_WORD_BITS} and have a part that occurs only
 * once there.
 * @param from UTF-16 offset of the part in the text
 */
export function isLikelyTypo(part: string, from = 0, parts = new WordParts(part)): (word: Found) => boolean {
  return ({ start, end, nats }) =>
    toBits(nats) >= SURPRISING_WORD_BITS && parts.hasUnique(part.slice(start - from, end - from));
}

/** Which units are meant. */
export interface Choice {
  /** To have words, in place of the tokens that they are made of. */
  readonly isInside?: InsideWord;
  /** To have but some of them. */
  readonly isMeant?: (unit: Found) => boolean;
}

/**
 * The most surprising units, most surprising first, equal ones in their order; those without a score are left out.
 * @param count how many at most
 */
export function mostSurprisingUnits(
  losses: LossMap,
  count: number,
  { isInside = () => false, isMeant = () => true }: Choice = {},
): Unit[] {
  const { nats, length } = losses;
  const { starts, ends } = losses.layout;
  // In one pass, and without an object for each token: this is asked for while a long text is being scored.
  const kept: { readonly first: number; readonly last: number; readonly nats: number }[] = [];
  for (let first = 0, last = 0; first < length; first = last + 1) {
    last = lastOf(losses, first, isInside);
    let sum = 0;
    for (let token = first; token <= last; token++) {
      sum += nats[token];
    }
    if (
      (kept.length < count ? !Number.isNaN(sum) : sum > kept[count - 1].nats) &&
      isMeant({ start: starts[first], end: ends[last], nats: sum })
    ) {
      const place = kept.findIndex((other) => other.nats < sum);
      kept.splice(place < 0 ? kept.length : place, 0, { first, last, nats: sum });
      kept.length = Math.min(kept.length, count);
    }
  }
  return kept.map((unit) => ({ ...unit, start: starts[unit.first], end: ends[unit.last] }));
}
