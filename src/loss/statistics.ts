/** How the loss is spread over the tokens of a text. */
import { totalLoss } from './formulas';

/** Of a longer text, in tokens, there are totals only: no series of losses is sent, and nothing is drawn of it. */
export const SERIES_TOKENS = 250_000;

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
  return concentration(nats)[Math.round(fraction * nats.length)];
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

/**
 * The Lorenz curve counted from its upper end: how much of the total loss the most surprising tokens carry.
 * @param nats [N] surprisals
 * @returns [N + 1] entry k is the share of the k most surprising tokens, from 0 to 1; all 0 when the total is 0
 * @throws RangeError when a surprisal is not finite
 */
export function concentration(nats: ArrayLike<number>): Float64Array {
  totalLoss(nats);
  const ascending = new Float64Array(nats).sort();
  const sums = new Float64Array(ascending.length + 1);
  for (let k = 1; k < sums.length; k++) {
    sums[k] = sums[k - 1] + ascending[ascending.length - k];
  }
  return shareOf(sums, sums[sums.length - 1]);
}

/**
 * The mean loss of the tokens up to and including each: L as it settles along the text.
 * @param nats [N] surprisals; NaN (not scored) is left out of the mean
 * @returns [N] nats per token; NaN before the first scored token
 */
export function runningMean(nats: ArrayLike<number>): Float64Array {
  const means = new Float64Array(nats.length);
  let sum = 0;
  let scored = 0;
  for (let i = 0; i < nats.length; i++) {
    if (!Number.isNaN(nats[i])) {
      sum += nats[i];
      scored++;
    }
    means[i] = scored > 0 ? sum / scored : Number.NaN;
  }
  return means;
}

/** The scored tokens of groups of tokens. */
export interface GroupTotals {
  /** [groups] number of scored tokens. */
  readonly counts: Uint32Array;
  /** [groups] Σ of their surprisals in nats. */
  readonly nats: Float64Array;
}

/**
 * Adds the surprisals up by group: by line, by kind of token, by bin.
 * @param nats [N] surprisals; NaN (not scored) belongs to no group
 * @param groupOf the group of a token, by its index; asked for scored tokens only
 * @param groups number of groups
 * @throws RangeError when a token's group is not 0 … groups − 1
 */
export function totalsByGroup(
  nats: ArrayLike<number>,
  groupOf: (index: number) => number,
  groups: number,
): GroupTotals {
  const counts = new Uint32Array(groups);
  const totals = new Float64Array(groups);
  for (let i = 0; i < nats.length; i++) {
    if (Number.isNaN(nats[i])) {
      continue;
    }
    const group = groupOf(i);
    if (!(Number.isInteger(group) && group >= 0 && group < groups)) {
      throw new RangeError(`token ${i} is of group ${group}, which is not one of ${groups}`);
    }
    counts[group]++;
    totals[group] += nats[i];
  }
  return { counts, nats: totals };
}

/**
 * Each group's part of the whole.
 * @param amounts [groups] counts or totals
 * @returns [groups] between 0 and 1, adding up to 1; all 0 when there is nothing
 */
export function shares(amounts: ArrayLike<number>): Float64Array {
  return shareOf(new Float64Array(amounts), totalLoss(amounts));
}

/** Divides in place; by nothing, everything is 0. */
function shareOf(amounts: Float64Array, total: number): Float64Array {
  for (let i = 0; i < amounts.length; i++) {
    amounts[i] = total > 0 ? amounts[i] / total : 0;
  }
  return amounts;
}

/**
 * The bin of a value among bins that the edges separate, each edge in the bin above it.
 * @param edges ascending
 * @returns 0 … edges.length
 */
export function binOf(value: number, edges: ArrayLike<number>): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value >= edges[middle]) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/**
 * A histogram: how many tokens, and how much loss, fall between the edges.
 * @param nats [N] surprisals; NaN (not scored) is left out
 * @param edges ascending, in nats
 * @returns edges.length + 1 bins: below the first edge, between two, from the last one on
 */
export function histogram(nats: ArrayLike<number>, edges: ArrayLike<number>): GroupTotals {
  return totalsByGroup(nats, (i) => binOf(nats[i], edges), edges.length + 1);
}

/** A stretch of tokens, cut into columns. */
export interface Columns {
  /** [columns + 1] column c holds the tokens from `bounds[c]` up to `bounds[c + 1]`. */
  readonly bounds: Uint32Array;
  /** [columns] mean and largest surprisal in nats; NaN where nothing is scored. */
  readonly means: Float64Array;
  readonly maxima: Float64Array;
  /** [columns] index of the (first) largest; the column's first token where nothing is scored. */
  readonly peaks: Uint32Array;
}

/**
 * What a picture narrower than the text can show of it: per column the mean and the largest surprisal.
 * @param nats [N] surprisals; NaN (not scored) is left out
 * @param first the tokens [first, end) are cut
 * @param count number of columns, at most as many as there are tokens
 * @throws RangeError when the tokens or the columns are out of range
 */
export function columnsOf(nats: ArrayLike<number>, first: number, end: number, count: number): Columns {
  if (!(first >= 0 && first <= end && end <= nats.length)) {
    throw new RangeError(`tokens ${first} to ${end} are not among ${nats.length}`);
  }
  if (!(Number.isInteger(count) && count >= 0 && count <= end - first)) {
    throw new RangeError(`${end - first} tokens do not fill ${count} columns`);
  }
  const bounds = Uint32Array.from({ length: count + 1 }, (_, c) =>
    count === 0 ? first : first + Math.floor((c * (end - first)) / count),
  );
  const means = new Float64Array(count).fill(Number.NaN);
  const maxima = new Float64Array(count).fill(Number.NaN);
  const peaks = new Uint32Array(count);
  for (let c = 0; c < count; c++) {
    let sum = 0;
    let scored = 0;
    let largest = Number.NEGATIVE_INFINITY;
    peaks[c] = bounds[c];
    for (let i = bounds[c]; i < bounds[c + 1]; i++) {
      const value = nats[i];
      if (Number.isNaN(value)) {
        continue;
      }
      sum += value;
      scored++;
      if (value > largest) {
        largest = value;
        peaks[c] = i;
      }
    }
    if (scored > 0) {
      means[c] = sum / scored;
      maxima[c] = largest;
    }
  }
  return { bounds, means, maxima, peaks };
}
