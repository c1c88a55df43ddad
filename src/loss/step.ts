/**
 * Gradient descent on the logits of one token: z ← z − η (q − p), with p one-hot or label-smoothed.
 *
 * The loss H(p, q) is convex in z, and its Hessian diag(q) − q qᵀ has no eigenvalue above 1/2 (Böhning 1992), so
 * every step with η < {@link ALWAYS_FALLING} lowers it. With a one-hot p it has no minimum, and along −(q − p) it
 * falls for every η: the derivative there is −(1 − q_y(η)) (1 − q_y) − Σ_{v ≠ y} q_v(η) q_v < 0. With label
 * smoothing the minimum is at q = p, and a larger η can step over it.
 */
import { type Numbers, smoothedTarget } from './formulas';

/** 2 divided by the largest possible eigenvalue of the Hessian: below this step size, the loss always falls. */
export const ALWAYS_FALLING = 4;

/** η q of what counts as the tail: the cubic series of e^(−η q) is then right to 5 · 10⁻¹⁴. */
const SMALL = 1e-3;

/**
 * One step of gradient descent, z − η (q − p).
 * @param logits [V] z
 * @param gradient [V] q − p at z, see `logitsGradient`
 * @param stepSize η
 * @returns [V] the new logits
 * @throws RangeError when the lengths differ, or η is negative or not finite
 */
export function gradientStep(logits: Numbers, gradient: Numbers, stepSize: number): Float64Array {
  if (logits.length !== gradient.length) {
    throw new RangeError(`${logits.length} logits have no gradient of ${gradient.length}`);
  }
  checkStepSize(stepSize);
  const next = new Float64Array(logits.length);
  for (let v = 0; v < next.length; v++) {
    next[v] = logits[v] - stepSize * gradient[v];
  }
  return next;
}

/** The loss on the straight line z − η (q − p). */
export interface GradientLine {
  /** Whether p is not one-hot: only then is there a lowest loss. */
  readonly hasMinimum: boolean;
  /** H(p, softmax(z − η (q − p))), nats. */
  loss(stepSize: number): number;
  /** Its derivative by η, nats; 0 or less at η = 0. */
  slope(stepSize: number): number;
}

/**
 * Prepares the loss along the negative gradient, for step sizes up to a largest one: one pass over the vocabulary,
 * after which a step size costs only the entries that can still count.
 *
 * H(p, q) = log Σ exp z − Σ p z. Entries with η q ≤ 10⁻³ are summed as a group: they move by −η q + η ε / V, and
 * e^(−η q) is its series up to the third power.
 * @param logits [V] z
 * @param gradient [V] q − p at z with the same target and ε, see `logitsGradient`
 * @param target y
 * @param epsilon label smoothing ε
 * @param largest the largest step size η that will be asked for
 * @throws RangeError when the target or ε is out of range, or the largest step size is not a positive number; by
 *   `loss` and `slope`, when a step size is negative or above the largest
 */
export function alongGradient(
  logits: Numbers,
  gradient: Numbers,
  target: number,
  epsilon: number,
  largest: number,
): GradientLine {
  if (!(largest > 0) || !Number.isFinite(largest)) {
    throw new RangeError(`largest step size ${largest} is not a positive number`);
  }
  const p = smoothedTarget(logits.length, target, epsilon);
  const shared = epsilon / logits.length;
  const isTail = (v: number) => v !== target && (gradient[v] + shared) * largest <= SMALL;
  let maximum = Number.NEGATIVE_INFINITY;
  let meanLogit = 0;
  let meanGradient = 0;
  for (let v = 0; v < logits.length; v++) {
    maximum = Math.max(maximum, logits[v]);
    meanLogit += p[v] * logits[v];
    meanGradient += p[v] * gradient[v];
  }
  const headLogits: number[] = [];
  const headGradients: number[] = [];
  /** Σ exp(z − maximum) q^k over the tail, k = 0 … 4. */
  const moments = [0, 0, 0, 0, 0];
  for (let v = 0; v < logits.length; v++) {
    if (isTail(v)) {
      const q = gradient[v] + shared;
      let term = Math.exp(logits[v] - maximum);
      for (let k = 0; k < moments.length; k++) {
        moments[k] += term;
        term *= q;
      }
    } else {
      headLogits.push(logits[v]);
      headGradients.push(gradient[v]);
    }
  }
  /** log Σ exp(z − η g), and the mean of g under the distribution there. */
  const at = (stepSize: number) => {
    checkStepSize(stepSize);
    if (stepSize > largest) {
      throw new RangeError(`step size ${stepSize} is above the largest, ${largest}`);
    }
    let shift = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < headLogits.length; i++) {
      shift = Math.max(shift, headLogits[i] - stepSize * headGradients[i]);
    }
    const tail = Math.exp(maximum + stepSize * shared - shift);
    const series = (k: number) =>
      tail *
      (moments[k] -
        stepSize *
          (moments[k + 1] - (stepSize / 2) * (moments[k + 2] - (stepSize / 3) * (moments[k + 3] ?? 0))));
    let sum = series(0);
    let weighted = series(1) - shared * sum;
    for (let i = 0; i < headLogits.length; i++) {
      const weight = Math.exp(headLogits[i] - stepSize * headGradients[i] - shift);
      sum += weight;
      weighted += weight * headGradients[i];
    }
    return { logSumExp: shift + Math.log(sum), mean: weighted / sum };
  };
  return {
    hasMinimum: epsilon > 0,
    loss: (stepSize) => at(stepSize).logSumExp - (meanLogit - stepSize * meanGradient),
    slope: (stepSize) => meanGradient - at(stepSize).mean,
  };
}

/**
 * The step size with the lowest loss on the line, by bisection of the slope, which never falls (convexity).
 * @param largest the largest step size looked at
 * @returns undefined when the loss still falls there, as it always does with a one-hot p
 */
export function bestStepSize(line: GradientLine, largest: number): number | undefined {
  // The slope of a loss that falls for ever ends as a rounding error of either sign.
  if (!line.hasMinimum || line.slope(largest) < 0) {
    return undefined;
  }
  let low = 0;
  let high = largest;
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (line.slope(middle) < 0) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return (low + high) / 2;
}

/** Ten digits of the largest step size. */
const BISECTIONS = 34;

function checkStepSize(stepSize: number): void {
  if (!(stepSize >= 0) || !Number.isFinite(stepSize)) {
    throw new RangeError(`step size ${stepSize} is not a number from 0 up`);
  }
}
