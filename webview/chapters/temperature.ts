/** The distribution of a token at the reader's temperature, recomputed from the logits of the whole vocabulary. */
import { logSoftmax, logSumExp, scaleByTemperature } from '../../src/loss/formulas';
import type { PanelToken } from '../../src/panel/messages';

/** softmax(z / T), by rank: index 0 is the most probable token. */
export interface Tempered {
  /** The temperature that the numbers are of: 1 while the logits for another one are not here. */
  readonly temperature: number;
  /** log Σ exp(z / T), nats. */
  readonly logSumExp: number;
  /** Logit z of the token in the text, not divided by T. */
  readonly targetLogit: number;
  /** −log q of the token in the text, nats. */
  readonly targetNats: number;
  /** −log q of `token.top`, nats. */
  readonly topNats: readonly number[];
  /** The whole vocabulary; absent without the logits. */
  readonly all?: RankedDistribution | undefined;
}

/** All V tokens, most probable first. */
export interface RankedDistribution {
  /** [V] log q, nats, not increasing. */
  readonly logQ: Float64Array;
  /** [V + 1] probability of the first r tokens together: 0 for r = 0, 1 for r = V. */
  readonly mass: Float64Array;
  /** [V + 1] what they leave: 1 for r = 0, 0 for r = V. */
  readonly left: Float64Array;
}

/** What is computed from the logits alone. */
interface Computed {
  readonly temperature: number;
  readonly logSumExp: number;
  readonly all: RankedDistribution;
}

/** Logits by size, and the distribution at the latest temperature; gone when the logits are. */
const sorted = new WeakMap<Float32Array, Float32Array>();
const latest = new WeakMap<Float32Array, Computed>();

/**
 * The token's distribution at a temperature. At T = 1 the surprisals are those that the extension shows elsewhere;
 * at another T they are computed from `token.logits`, and stay those of T = 1 while there are none. The latest
 * temperature of each token is kept.
 * @throws RangeError when the temperature is not a positive number or a logit is not finite
 */
export function temper(token: PanelToken, temperature: number): Tempered {
  const { logits, target, top } = token;
  const computed = logits && compute(logits, temperature);
  if (!computed || temperature === 1) {
    return {
      temperature: 1,
      logSumExp: token.logSumExp,
      targetLogit: target.logit,
      targetNats: target.nats,
      topNats: top.map(({ nats }) => nats),
      all: computed?.all,
    };
  }
  const { logQ } = computed.all;
  return {
    ...computed,
    // The scored token's own logit may differ from this in its last bits; one softmax takes all from one place.
    targetLogit: logits[target.id],
    // Tokens of equal logits share a rank and a probability, so a rank is enough to find the number.
    targetNats: 0 - logQ[token.rank - 1],
    topNats: top.map((_, i) => 0 - logQ[i]),
  };
}

function compute(logits: Float32Array, temperature: number): Computed {
  const known = latest.get(logits);
  if (known?.temperature === temperature) {
    return known;
  }
  let descending = sorted.get(logits);
  if (!descending) {
    descending = logits.slice().sort().reverse();
    sorted.set(logits, descending);
  }
  const scaled = temperature === 1 ? descending : scaleByTemperature(descending, temperature);
  const logQ = logSoftmax(scaled);
  const computed = { temperature, logSumExp: logSumExp(scaled), all: { logQ, ...cumulate(logQ) } };
  latest.set(logits, computed);
  return computed;
}

/** Both sums begin with small numbers of their own end, so that each keeps its digits there. */
function cumulate(logQ: Float64Array): Pick<RankedDistribution, 'mass' | 'left'> {
  const mass = new Float64Array(logQ.length + 1);
  const left = new Float64Array(logQ.length + 1);
  const q = logQ.map(Math.exp);
  for (let r = 0; r < q.length; r++) {
    mass[r + 1] = mass[r] + q[r];
  }
  for (let r = q.length - 1; r >= 0; r--) {
    left[r] = left[r + 1] + q[r];
  }
  return { mass, left };
}

/**
 * −log of the probability that the `count` most probable tokens have together, nats; `undefined` where that is not
 * known (more tokens than were sent, and no logits).
 */
export function cumulativeNats({ all, topNats }: Tempered, count: number): number | undefined {
  if (all) {
    // Near 1, what is left has the digits.
    return all.left[count] < 0.5 ? 0 - Math.log1p(-all.left[count]) : 0 - Math.log(all.mass[count]);
  }
  if (count > topNats.length) {
    return undefined;
  }
  const mass = topNats.slice(0, count).reduce((sum, nats) => sum + Math.exp(-nats), 0);
  return Math.max(0, 0 - Math.log(mass));
}

/** How many of the most probable tokens it takes to have half of the probability; `undefined` where it is not known. */
export function rankOfHalf(tempered: Tempered): number | undefined {
  const known = tempered.all ? tempered.all.logQ.length : tempered.topNats.length;
  for (let count = 1; count <= known; count++) {
    if (cumulativeNats(tempered, count)! <= Math.LN2) {
      return count;
    }
  }
  return undefined;
}
