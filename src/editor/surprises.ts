/** Finds surprising tokens. No vscode import. */
import { SURPRISING_BITS } from '../loss/heat';
import type { LossMap, Unit } from '../loss/lossMap';
import { toBits } from '../loss/units';

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

/**
 * The most surprising units, most surprising first, equal ones in their order; those without a score are left out.
 * @param count how many at most
 */
export function mostSurprisingUnits(losses: LossMap, count: number): Unit[] {
  const { nats, length } = losses;
  const { starts, ends } = losses.layout;
  // In one pass, and without an object for each token: this is asked for while a long text is being scored.
  const kept: { readonly token: number; readonly nats: number }[] = [];
  for (let token = 0; token < length; ) {
    const first = token;
    let sum = nats[token];
    while (token + 1 < length && starts[token + 1] < ends[token]) {
      sum += nats[++token];
    }
    token++;
    if (kept.length < count ? !Number.isNaN(sum) : sum > kept[count - 1].nats) {
      const place = kept.findIndex((other) => other.nats < sum);
      kept.splice(place < 0 ? kept.length : place, 0, { token: first, nats: sum });
      kept.length = Math.min(kept.length, count);
    }
  }
  return kept.map(({ token }) => losses.unitOf(token));
}
