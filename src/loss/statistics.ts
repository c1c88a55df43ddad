/** How the loss is spread over the tokens of a text. */
import { totalLoss } from './formulas';

/**
 * The share of the total loss that the most surprising tokens carry ("20 % of the tokens carry 71 % of the loss"):
 * a point of the Lorenz curve, counted from its upper end.
 * @param nats [N] surprisals
 * @param fraction the part of the tokens taken, between 0 and 1; rounded to whole tokens
 * @returns between 0 and 1; 0 when the total is 0
 * @throws RangeError when a surprisal is not finite or the fraction is out of range
 */
export function lossShareOfTop(nats: ArrayLike<number>, fraction: number): number {
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new RangeError(`fraction ${fraction} is not between 0 and 1`);
  }
  const total = totalLoss(nats);
  if (total <= 0) {
    return 0;
  }
  const ascending = Float64Array.from(nats).sort();
  const taken = Math.round(fraction * ascending.length);
  return totalLoss(ascending.subarray(ascending.length - taken)) / total;
}

/**
 * Indices of the most surprising tokens, most surprising first, equal ones in their order.
 * @param nats [N] surprisals; NaN (not scored) is left out
 * @param count how many at most
 */
export function mostSurprising(nats: ArrayLike<number>, count: number): number[] {
  const indices = Array.from({ length: nats.length }, (_, i) => i).filter((i) => !Number.isNaN(nats[i]));
  return indices.sort((a, b) => nats[b] - nats[a] || a - b).slice(0, count);
}
