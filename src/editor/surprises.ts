/** Finds surprising tokens. No vscode import. */
import { HEAT_EDGES_BITS } from '../loss/heat';
import type { LossMap, Unit } from '../loss/lossMap';
import { toBits } from '../loss/units';

/** From this many bits on a token is worth a jump: the lower edge of the upper bins. */
export const SURPRISING_BITS: number = HEAT_EDGES_BITS[4];

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
