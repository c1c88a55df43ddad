/**
 * The formulas of the cross-entropy loss, on logits z ∈ ℝ^V and distributions p, q over V entries.
 *
 * Natural logarithms: amounts of information are in nats. Everything is accumulated in float64, log-sum-exp is
 * shifted by the maximum, and nothing is clipped. A NaN or an infinity among the logits, or an entry that cannot
 * be a probability, is a RangeError that names the position.
 */

/** V numbers: a Float32Array from the model, a Float64Array from these functions, or a plain array. */
export type Numbers = ArrayLike<number>;

/** How far the sum of a distribution may be from 1: float32 probabilities of a large vocabulary. */
const SUM_TOLERANCE = 1e-4;

/**
 * log Σ exp z, in nats, as max + log Σ exp(z − max): neither overflow nor underflow at any finite logits.
 * @throws RangeError when there are no logits or one is not finite
 */
export function logSumExp(logits: Numbers): number {
  const maximum = finiteMaximum(logits);
  return maximum + Math.log(shiftedSum(logits, maximum));
}

/**
 * q = exp(z) / Σ exp z.
 * @returns [V] probabilities
 * @throws RangeError when there are no logits or one is not finite
 */
export function softmax(logits: Numbers): Float64Array {
  const maximum = finiteMaximum(logits);
  const sum = shiftedSum(logits, maximum);
  return mapNumbers(logits, (logit) => Math.exp(logit - maximum) / sum);
}

/**
 * log q = z − log Σ exp z.
 * @returns [V] log-probabilities in nats, all ≤ 0
 * @throws RangeError when there are no logits or one is not finite
 */
export function logSoftmax(logits: Numbers): Float64Array {
  const maximum = finiteMaximum(logits);
  const logSum = Math.log(shiftedSum(logits, maximum));
  return mapNumbers(logits, (logit) => logit - maximum - logSum);
}

/**
 * Surprisal of the target, −log q_y = log Σ exp z − z_y, in nats: the cross-entropy with a one-hot p.
 * @throws RangeError when a logit is not finite or the target is no index of the logits
 */
export function surprisal(logits: Numbers, target: number): number {
  checkTarget(logits, target);
  const maximum = finiteMaximum(logits);
  // The shift is taken off both terms before they meet, so that it costs no digits.
  return Math.log(shiftedSum(logits, maximum)) + (maximum - logits[target]);
}

/**
 * Entropy of softmax(z), H(q) = log Σ exp z − Σ q z, in nats; between 0 and log V.
 * @throws RangeError when there are no logits or one is not finite
 */
export function entropy(logits: Numbers): number {
  return 0 - weightedSum(softmax(logits), logSoftmax(logits));
}

/**
 * Varentropy of softmax(z), Var_q[−log q] = Σ q (−log q − H)², in nats². The centred form of
 * Σ q (log q)² − H², which would lose its digits where the two terms are close.
 * @throws RangeError when there are no logits or one is not finite
 */
export function varentropy(logits: Numbers): number {
  const q = softmax(logits);
  const logQ = logSoftmax(logits);
  const mean = weightedSum(q, logQ);
  let sum = 0;
  for (let v = 0; v < q.length; v++) {
    sum += q[v] * (logQ[v] - mean) ** 2;
  }
  return sum;
}

/**
 * 1 + the number of entries with a larger logit than the target: 1 for the most probable, ties share a rank.
 * @throws RangeError when a logit is not finite or the target is no index of the logits
 */
export function rank(logits: Numbers, target: number): number {
  checkTarget(logits, target);
  finiteMaximum(logits);
  let larger = 0;
  for (let v = 0; v < logits.length; v++) {
    if (logits[v] > logits[target]) {
      larger++;
    }
  }
  return 1 + larger;
}

/**
 * Cross-entropy H(p, q) = −Σ p log q, in nats. Infinite where q gives no probability to what p does.
 * @throws RangeError when p or q is no distribution or their lengths differ
 */
export function crossEntropy(p: Numbers, q: Numbers): number {
  checkDistribution(p, 'p');
  checkDistribution(q, 'q');
  checkSameLength(p, q);
  return sumOver(p, (v) => -Math.log(q[v]));
}

/**
 * Cross-entropy −Σ p log q from log-probabilities, which do not underflow, in nats.
 * @param logQ [V] log-probabilities in nats; −∞ is allowed
 * @throws RangeError when p is no distribution, a log-probability is NaN or above 0, or the lengths differ
 */
export function crossEntropyFromLog(p: Numbers, logQ: Numbers): number {
  checkDistribution(p, 'p');
  checkSameLength(p, logQ);
  for (let v = 0; v < logQ.length; v++) {
    if (!(logQ[v] <= SUM_TOLERANCE)) {
      throw new RangeError(`log q at position ${v} is ${logQ[v]}, not a log-probability`);
    }
  }
  return sumOver(p, (v) => -logQ[v]);
}

/**
 * Entropy of a distribution, H(p) = −Σ p log p, in nats.
 * @throws RangeError when p is no distribution
 */
export function entropyOf(p: Numbers): number {
  checkDistribution(p, 'p');
  return sumOver(p, (v) => -Math.log(p[v]));
}

/**
 * Kullback–Leibler divergence KL(p‖q) = Σ p log(p / q) = H(p, q) − H(p), in nats; ≥ 0 (Gibbs' inequality).
 * @throws RangeError when p or q is no distribution or their lengths differ
 */
export function klDivergence(p: Numbers, q: Numbers): number {
  checkDistribution(p, 'p');
  checkDistribution(q, 'q');
  checkSameLength(p, q);
  return sumOver(p, (v) => Math.log(p[v] / q[v]));
}

/**
 * The target distribution of label smoothing (Szegedy et al. 2016, §7): (1 − ε) at the target plus ε / V everywhere.
 * @param vocabularySize V
 * @param epsilon between 0 (one-hot) and 1 (uniform)
 * @returns [V] probabilities
 * @throws RangeError when the target or ε is out of range
 */
export function smoothedTarget(vocabularySize: number, target: number, epsilon: number): Float64Array {
  checkEpsilon(epsilon);
  const p = new Float64Array(vocabularySize).fill(epsilon / vocabularySize);
  checkTarget(p, target);
  p[target] += 1 - epsilon;
  return p;
}

/**
 * Cross-entropy with label smoothing, (1 − ε) s + (ε / V) Σ −log q_v, in nats.
 * @throws RangeError when a logit is not finite, or the target or ε is out of range
 */
export function labelSmoothedCrossEntropy(logits: Numbers, target: number, epsilon: number): number {
  checkEpsilon(epsilon);
  checkTarget(logits, target);
  const logQ = logSoftmax(logits);
  let sum = 0;
  for (let v = 0; v < logQ.length; v++) {
    sum -= logQ[v];
  }
  return -(1 - epsilon) * logQ[target] + (epsilon / logQ.length) * sum;
}

/**
 * Gradient of the (label-smoothed) cross-entropy at the logits, ∂H(p, q)/∂z = q − p.
 * @param epsilon label smoothing; 0 for a one-hot p
 * @returns [V] derivatives; they add up to 0
 * @throws RangeError when a logit is not finite, or the target or ε is out of range
 */
export function logitsGradient(logits: Numbers, target: number, epsilon = 0): Float64Array {
  const p = smoothedTarget(logits.length, target, epsilon);
  return softmax(logits).map((probability, v) => probability - p[v]);
}

/**
 * Brier score (Brier 1950), the squared error Σ (q − p)² against a one-hot p; between 0 and 2.
 * @throws RangeError when a logit is not finite or the target is no index of the logits
 */
export function brierLoss(logits: Numbers, target: number): number {
  let sum = 0;
  for (const difference of logitsGradient(logits, target)) {
    sum += difference ** 2;
  }
  return sum;
}

/**
 * Absolute error Σ |q − p| against a one-hot p, which is 2 (1 − q_y); between 0 and 2.
 * @throws RangeError when a logit is not finite or the target is no index of the logits
 */
export function absoluteErrorLoss(logits: Numbers, target: number): number {
  // expm1 keeps the digits of 1 − q_y where q_y is close to 1.
  return -2 * Math.expm1(-surprisal(logits, target));
}

/** Excess surprisal s − H(q), in nats: how much worse the token was than the model itself expected to do. */
export function excessSurprisal(surprisalNats: number, entropyNats: number): number {
  return surprisalNats - entropyNats;
}

/**
 * Excess surprisal in standard deviations, (s − H(q)) / √varentropy.
 * 0 where both are 0 (a uniform distribution: every token is exactly as surprising as expected).
 * @throws RangeError when the varentropy is negative or NaN
 */
export function standardisedSurprisal(
  surprisalNats: number,
  entropyNats: number,
  varentropyNats2: number,
): number {
  if (!(varentropyNats2 >= 0)) {
    throw new RangeError(`varentropy ${varentropyNats2} is not ≥ 0`);
  }
  const excess = excessSurprisal(surprisalNats, entropyNats);
  return excess === 0 ? 0 : excess / Math.sqrt(varentropyNats2);
}

/**
 * Logits at another temperature, z / T.
 * @param temperature above 0; below 1 sharpens the distribution, above 1 flattens it
 * @returns [V] logits
 * @throws RangeError when a logit is not finite or the temperature is not a positive number
 */
export function scaleByTemperature(logits: Numbers, temperature: number): Float64Array {
  if (!(temperature > 0) || !Number.isFinite(temperature)) {
    throw new RangeError(`temperature ${temperature} is not a positive number`);
  }
  finiteMaximum(logits);
  return mapNumbers(logits, (logit) => logit / temperature);
}

/**
 * Σ s over the tokens, in nats.
 * @param nats [N] surprisals
 * @throws RangeError when one is not finite
 */
export function totalLoss(nats: Numbers): number {
  let sum = 0;
  for (let i = 0; i < nats.length; i++) {
    if (!Number.isFinite(nats[i])) {
      throw new RangeError(`surprisal at position ${i} is ${nats[i]}`);
    }
    sum += nats[i];
  }
  return sum;
}

/**
 * Mean loss L = Σ s / N, in nats per token.
 * @throws RangeError when there are no tokens or one surprisal is not finite
 */
export function meanLoss(nats: Numbers): number {
  if (nats.length === 0) {
    throw new RangeError('no tokens have no mean loss');
  }
  return totalLoss(nats) / nats.length;
}

/**
 * Perplexity e^L: as unsure as choosing among that many equally likely tokens.
 * @param meanNats L, nats per token
 */
export function perplexity(meanNats: number): number {
  return Math.exp(meanNats);
}

/**
 * Bits per byte, Σ s / (ln 2 · bytes); compares models with different tokenizers.
 * @param totalNats Σ s of the scored text
 * @param bytes UTF-8 bytes of the same text
 * @throws RangeError when there are no bytes
 */
export function bitsPerByte(totalNats: number, bytes: number): number {
  if (!(bytes > 0)) {
    throw new RangeError(`${bytes} bytes have no bits per byte`);
  }
  return totalNats / (Math.LN2 * bytes);
}

/**
 * Chain rule: log P(span) = −Σ s, in nats. The sum stays exact where the product of probabilities underflows.
 * @param nats [N] surprisals of the span's tokens
 * @throws RangeError when one is not finite
 */
export function jointLogProbability(nats: Numbers): number {
  return 0 - totalLoss(nats);
}

/** `Float64Array.from` with a function, which takes ten times as long on a vocabulary. */
function mapNumbers(numbers: Numbers, change: (number: number) => number): Float64Array {
  const changed = new Float64Array(numbers.length);
  for (let i = 0; i < changed.length; i++) {
    changed[i] = change(numbers[i]);
  }
  return changed;
}

function finiteMaximum(logits: Numbers): number {
  if (logits.length === 0) {
    throw new RangeError('no logits');
  }
  let maximum = Number.NEGATIVE_INFINITY;
  for (let v = 0; v < logits.length; v++) {
    if (!Number.isFinite(logits[v])) {
      throw new RangeError(`logit at position ${v} is ${logits[v]}`);
    }
    if (logits[v] > maximum) {
      maximum = logits[v];
    }
  }
  return maximum;
}

/** Σ exp(z − maximum); at least 1, because the maximum's own term is 1. */
function shiftedSum(logits: Numbers, maximum: number): number {
  let sum = 0;
  for (let v = 0; v < logits.length; v++) {
    sum += Math.exp(logits[v] - maximum);
  }
  return sum;
}

function weightedSum(weights: Numbers, values: Numbers): number {
  return sumOver(weights, (v) => values[v]);
}

/** Σ weight · value, where a weight of 0 counts nothing whatever its value (0 log 0 = 0). */
function sumOver(weights: Numbers, value: (position: number) => number): number {
  let sum = 0;
  for (let v = 0; v < weights.length; v++) {
    if (weights[v] > 0) {
      sum += weights[v] * value(v);
    }
  }
  return sum;
}

function checkDistribution(p: Numbers, name: string): void {
  let sum = 0;
  for (let v = 0; v < p.length; v++) {
    if (!(p[v] >= 0 && p[v] <= 1 + SUM_TOLERANCE)) {
      throw new RangeError(`${name} at position ${v} is ${p[v]}, not a probability`);
    }
    sum += p[v];
  }
  if (Math.abs(sum - 1) > SUM_TOLERANCE) {
    throw new RangeError(`the probabilities of ${name} add up to ${sum}, not to 1`);
  }
}

function checkSameLength(p: Numbers, q: Numbers): void {
  if (p.length !== q.length) {
    throw new RangeError(`p has ${p.length} entries and q has ${q.length}`);
  }
}

function checkTarget(entries: Numbers, target: number): void {
  if (!Number.isInteger(target) || target < 0 || target >= entries.length) {
    throw new RangeError(`target ${target} is no index of ${entries.length} entries`);
  }
}

function checkEpsilon(epsilon: number): void {
  if (!(epsilon >= 0 && epsilon <= 1)) {
    throw new RangeError(`label smoothing ${epsilon} is not between 0 and 1`);
  }
}
