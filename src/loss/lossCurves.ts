/**
 * Losses of one token as functions of its own probability q_y, while the other entries keep their proportions: what
 * happens to a distribution when only the logit z_y moves. Σ_{v≠y} q_v² is then c (1 − q_y)² with a constant c.
 *
 * q_y is given as −log q_y in nats, which does not underflow. All against a one-hot p.
 */
import type { Numbers } from './formulas';

/** The losses that are compared. */
export type LossName = 'log' | 'brier' | 'absolute';

/**
 * c = Σ_{v≠y} q_v² / (1 − q_y)²: 1 when all of the rest is one entry (two classes), 1 / (V − 1) when it is even.
 * @param logits [V]
 * @throws RangeError when there is no entry but the target or a logit is not finite
 */
export function restConcentration(logits: Numbers, target: number): number {
  let maximum = Number.NEGATIVE_INFINITY;
  for (let v = 0; v < logits.length; v++) {
    if (!Number.isFinite(logits[v])) {
      throw new RangeError(`logit at position ${v} is ${logits[v]}`);
    }
    if (v !== target && logits[v] > maximum) {
      maximum = logits[v];
    }
  }
  if (maximum === Number.NEGATIVE_INFINITY) {
    throw new RangeError(`${logits.length} logits have no entry but the target`);
  }
  let sum = 0;
  let squares = 0;
  for (let v = 0; v < logits.length; v++) {
    if (v !== target) {
      const weight = Math.exp(logits[v] - maximum);
      sum += weight;
      squares += weight * weight;
    }
  }
  return squares / (sum * sum);
}

/**
 * The loss at −log q_y = `nats`: −log q_y in nats; Brier score (1 − q_y)² (1 + c) and absolute error 2 (1 − q_y),
 * which have no unit and stay below 2.
 * @param concentration c, see {@link restConcentration}
 */
export function lossAt(loss: LossName, nats: number, concentration: number): number {
  // expm1 keeps the digits of 1 − q_y where q_y is close to 1.
  const miss = -Math.expm1(-nats);
  switch (loss) {
    case 'log':
      return nats;
    case 'brier':
      return miss * miss * (1 + concentration);
    case 'absolute':
      return 2 * miss;
  }
}

/**
 * How hard a step of gradient descent pushes the token's logit up, −∂loss/∂z_y at −log q_y = `nats`: 1 − q_y for
 * the log loss, 2 q_y (1 − q_y)² (1 + c) for the Brier score, 2 q_y (1 − q_y) for the absolute error.
 * @param concentration c, see {@link restConcentration}
 */
export function pushAt(loss: LossName, nats: number, concentration: number): number {
  const miss = -Math.expm1(-nats);
  const q = Math.exp(-nats);
  switch (loss) {
    case 'log':
      return miss;
    case 'brier':
      return 2 * q * miss * miss * (1 + concentration);
    case 'absolute':
      return 2 * q * miss;
  }
}
