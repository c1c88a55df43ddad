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
 */
export function nextSurprise(
  losses: LossMap,
  start: number,
  end: number,
  direction: 'next' | 'previous',
): Unit | undefined {
  const surprises = [...losses.units()].filter((unit) => toBits(unit.nats) >= SURPRISING_BITS);
  if (direction === 'next') {
    // With nothing selected, a unit that begins at the cursor is still to come.
    const isAhead = (unit: Unit) => (start === end ? unit.start >= start : unit.start > start);
    return surprises.find(isAhead) ?? surprises[0];
  }
  return surprises.findLast((unit) => unit.start < start) ?? surprises.at(-1);
}
