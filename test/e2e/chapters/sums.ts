/**
 * The formulas of the loss as plain sums over the whole vocabulary, written a second time and without any short cut:
 * what the page's numbers are compared with. All in float64, amounts of information in nats.
 */

type Numbers = ArrayLike<number>;

/** Σ f(v) over the vocabulary. */
function sumOver(size: number, term: (v: number) => number): number {
  let sum = 0;
  for (let v = 0; v < size; v++) {
    sum += term(v);
  }
  return sum;
}

/** [V] f(v). */
function each(size: number, value: (v: number) => number): Float64Array {
  const values = new Float64Array(size);
  for (let v = 0; v < size; v++) {
    values[v] = value(v);
  }
  return values;
}

/** q = softmax(z / T). */
export class Softmax {
  /** [V] −log q, nats. */
  readonly nats: Float64Array;
  /** [V] */
  readonly q: Float64Array;

  constructor(logits: Numbers, temperature = 1) {
    const { length } = logits;
    let largest = Number.NEGATIVE_INFINITY;
    for (let v = 0; v < length; v++) {
      largest = Math.max(largest, logits[v] / temperature);
    }
    const logSum = Math.log(sumOver(length, (v) => Math.exp(logits[v] / temperature - largest)));
    this.nats = each(length, (v) => logSum - (logits[v] / temperature - largest));
    this.q = each(length, (v) => Math.exp(-this.nats[v]));
  }

  /** V */
  get size(): number {
    return this.q.length;
  }

  /** H(q) */
  get entropy(): number {
    return this.#mean((v) => this.nats[v]);
  }

  /** Variance of −log q under q, nats². */
  get varentropy(): number {
    const { entropy } = this;
    return this.#mean((v) => (this.nats[v] - entropy) ** 2);
  }

  /** Mean of −log q over the vocabulary, every token counted alike. */
  get meanNats(): number {
    return sumOver(this.size, (v) => this.nats[v]) / this.size;
  }

  /** H(p, q) for a target with label smoothing. */
  crossEntropy(target: number, epsilon: number): number {
    const p = smoothed(this.size, target, epsilon);
    return sumOver(this.size, (v) => p[v] * this.nats[v]);
  }

  /** [V] q − p. */
  gradient(target: number, epsilon: number): Float64Array {
    const p = smoothed(this.size, target, epsilon);
    return each(this.size, (v) => this.q[v] - p[v]);
  }

  /** Σ (q − p)² for a one-hot p. */
  brier(target: number): number {
    const difference = this.gradient(target, 0);
    return sumOver(this.size, (v) => difference[v] ** 2);
  }

  /** Σ |q − p| for a one-hot p. */
  absolute(target: number): number {
    const difference = this.gradient(target, 0);
    return sumOver(this.size, (v) => Math.abs(difference[v]));
  }

  /**
   * −∂loss/∂z of the target, by the chain rule: Σ ∂loss/∂q_v ∂q_v/∂z_y with ∂q_v/∂z_y = q_v ([v = y] − q_y).
   * @param slope ∂loss/∂q_v
   */
  push(target: number, slope: (v: number) => number): number {
    return -sumOver(this.size, (v) => slope(v) * this.q[v] * ((v === target ? 1 : 0) - this.q[target]));
  }

  #mean(value: (v: number) => number): number {
    return sumOver(this.size, (v) => (this.q[v] > 0 ? this.q[v] * value(v) : 0));
  }
}

/** [V] p with label smoothing. */
export function smoothed(size: number, target: number, epsilon: number): Float64Array {
  return each(size, (v) => epsilon / size + (v === target ? 1 - epsilon : 0));
}

/** H(p) with label smoothing. */
export function targetEntropy(size: number, target: number, epsilon: number): number {
  const p = smoothed(size, target, epsilon);
  return sumOver(size, (v) => (p[v] > 0 ? -p[v] * Math.log(p[v]) : 0));
}

/** [V] z − η g. */
export function stepAlong(logits: Numbers, gradient: Numbers, stepSize: number): Float64Array {
  return each(logits.length, (v) => logits[v] - stepSize * gradient[v]);
}

/** The distribution when only the target's logit moves: its probability is another one, the others keep their proportions. */
export function withProbability({ nats, size }: Softmax, target: number, probability: number): Softmax {
  // log Σ q of the others, where log q serves as the logits: a constant does not matter to them.
  const others = Math.log(sumOver(size, (v) => (v === target ? 0 : Math.exp(-nats[v]))));
  const logit = others + Math.log(probability / (1 - probability));
  return new Softmax(each(size, (v) => (v === target ? logit : -nats[v])));
}

/** The step size at which the loss on the line z − η (q − p) is lowest; Infinity when it still falls at the largest. */
export function lowestStepSize(logits: Numbers, target: number, epsilon: number, largest: number): number {
  const start = new Softmax(logits).gradient(target, epsilon);
  const isFalling = (stepSize: number) => {
    const there = new Softmax(stepAlong(logits, start, stepSize)).gradient(target, epsilon);
    return sumOver(start.length, (v) => there[v] * start[v]) > 0;
  };
  if (isFalling(largest)) {
    return Number.POSITIVE_INFINITY;
  }
  let [low, high] = [0, largest];
  while (high - low > 1e-5 * high) {
    const middle = (low + high) / 2;
    [low, high] = isFalling(middle) ? [middle, high] : [low, middle];
  }
  return (low + high) / 2;
}
