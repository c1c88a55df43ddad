/**
 * An adapter of the output layer and how it is trained: a correction of the logits z that the hidden state h
 * gives, learnt by backpropagation through the mean cross-entropy.
 *
 * Values are kept in float32 and summed in float64. Every loop runs along the vocabulary, so that a minibatch of
 * 32 tokens at V = 49,152 takes some tens of milliseconds.
 */

/** What kind of adapter, and for which output layer. */
export interface AdapterShape {
  /** `bias`: z + b. `low-rank`: z + B A h (Hu et al. 2021, LoRA, with α = r). */
  readonly kind: 'bias' | 'low-rank';
  /** r of the low-rank adapter. */
  readonly rank: number;
  /** d, the width of the hidden states. */
  readonly hidden: number;
  /** V. */
  readonly vocabulary: number;
}

/** Numbers from [0, 1), the same ones for the same seed. */
export type Random = () => number;

/** Tommy Ettinger's mulberry32: 32 bits of state, one number per call. */
export function mulberry32(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The numbers 0 … count − 1 in random order (Fisher and Yates, as Durstenfeld 1964). */
export function shuffled(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** A number of the standard normal distribution (Box and Muller 1958). */
function normal(random: Random): number {
  // 1 − x lies in (0, 1], where the logarithm is finite.
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** The parameters of an adapter. */
export class Adapter {
  /**
   * `bias`: [b [V]]. `low-rank`: [A [r × d], Bᵀ [r × V]]. B is kept transposed, so that its columns lie along
   * the vocabulary.
   */
  readonly parameters: readonly Float32Array[];

  constructor(
    readonly shape: AdapterShape,
    parameters?: readonly Float32Array[],
  ) {
    const { kind, rank, hidden, vocabulary } = shape;
    const sizes = kind === 'bias' ? [vocabulary] : [rank * hidden, rank * vocabulary];
    this.parameters = parameters ?? sizes.map((size) => new Float32Array(size));
    if (
      this.parameters.length !== sizes.length ||
      sizes.some((size, i) => this.parameters[i].length !== size)
    ) {
      throw new RangeError(`the parameters of a ${kind} adapter have the lengths ${sizes.join(' and ')}`);
    }
  }

  /**
   * The adapter before the first step: b = 0, or B = 0 and A normally distributed with variance 1 / d, so that
   * A h is about as large as the entries of h. Either way it changes nothing yet.
   */
  static initial(shape: AdapterShape, random: Random): Adapter {
    const adapter = new Adapter(shape);
    if (shape.kind === 'low-rank') {
      const [a] = adapter.parameters;
      for (let i = 0; i < a.length; i++) {
        a[i] = normal(random) / Math.sqrt(shape.hidden);
      }
    }
    return adapter;
  }

  /** The same parameters, on their own. */
  copy(): Adapter {
    return new Adapter(
      this.shape,
      this.parameters.map((values) => values.slice()),
    );
  }

  /**
   * The adapted logits of one token, and their maximum.
   * @param base [V] the model's logits z
   * @param projection [r] A h as {@link project} gives it; not read for a bias
   * @param logits [V] where the adapted logits are written
   */
  apply(base: Float32Array, projection: Float64Array, logits: Float32Array): number {
    return this.shape.kind === 'bias'
      ? addBias(base, this.parameters[0], logits)
      : addLowRank(base, this.parameters[1], projection, logits);
  }

  /** A h for a hidden state [d], written into `projection` [r]. Nothing for a bias. */
  project(hidden: Float32Array, projection: Float64Array): void {
    if (this.shape.kind === 'bias') {
      return;
    }
    const [a] = this.parameters;
    const { rank, hidden: width } = this.shape;
    for (let k = 0; k < rank; k++) {
      let sum = 0;
      for (let i = 0; i < width; i++) {
        sum += a[k * width + i] * hidden[i];
      }
      projection[k] = sum;
    }
  }
}

function addBias(base: Float32Array, bias: Float32Array, logits: Float32Array): number {
  let maximum = Number.NEGATIVE_INFINITY;
  for (let v = 0; v < logits.length; v++) {
    const z = base[v] + bias[v];
    logits[v] = z;
    if (z > maximum) {
      maximum = z;
    }
  }
  return maximum;
}

/** Columns of B that are added in one pass over the vocabulary. */
const COLUMNS = 4;

function addLowRank(
  base: Float32Array,
  columns: Float32Array,
  projection: Float64Array,
  logits: Float32Array,
): number {
  const size = logits.length;
  let from = base;
  let maximum = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < projection.length; k += COLUMNS) {
    maximum = Number.NEGATIVE_INFINITY;
    const count = Math.min(COLUMNS, projection.length - k);
    // A missing column counts as 0 times the first one.
    const u0 = projection[k];
    const u1 = count > 1 ? projection[k + 1] : 0;
    const u2 = count > 2 ? projection[k + 2] : 0;
    const u3 = count > 3 ? projection[k + 3] : 0;
    const column = (i: number) => columns.subarray((k + (i < count ? i : 0)) * size);
    const [b0, b1, b2, b3] = [column(0), column(1), column(2), column(3)];
    for (let v = 0; v < size; v++) {
      const z = from[v] + u0 * b0[v] + u1 * b1[v] + u2 * b2[v] + u3 * b3[v];
      logits[v] = z;
      if (z > maximum) {
        maximum = z;
      }
    }
    from = logits;
  }
  return maximum;
}

/** Scores of one token, nats: see `TokenScores`. */
export interface RowScore {
  readonly nats: number;
  readonly entropy: number;
  readonly varentropy: number;
  readonly rank: number;
}

/**
 * Computes losses, scores and gradients with an adapter, one token at a time.
 *
 * Loss of a token: s = log Σ exp z′ − z′_y with the adapted logits z′. Its gradient is ∂s/∂z′ = q − p (q the
 * softmax of z′, p one-hot), and by the chain rule ∂s/∂b = q − p, ∂s/∂B = (q − p) (A h)ᵀ,
 * ∂s/∂A = Bᵀ (q − p) hᵀ.
 */
export class AdapterLoss {
  /** The gradient gathered so far, in the layout of {@link Adapter.parameters}. */
  readonly gradient: readonly Float32Array[];
  readonly #logits: Float32Array;
  readonly #exponentials: Float32Array;
  readonly #projection: Float64Array;

  constructor(readonly shape: AdapterShape) {
    this.gradient = new Adapter(shape).parameters;
    this.#logits = new Float32Array(shape.vocabulary);
    this.#exponentials = new Float32Array(shape.vocabulary);
    this.#projection = new Float64Array(shape.kind === 'bias' ? 0 : shape.rank);
  }

  /**
   * The surprisal of a token under the adapter, nats. NaN or infinite when the adapter's numbers have overflowed.
   * @param base [V] the model's logits
   * @param hidden [d] the hidden state that gave them
   */
  loss(adapter: Adapter, base: Float32Array, hidden: Float32Array, target: number): number {
    adapter.project(hidden, this.#projection);
    const maximum = adapter.apply(base, this.#projection, this.#logits);
    return Math.log(this.#shiftedSum(maximum)) + (maximum - this.#logits[target]);
  }

  /** Surprisal, entropy, varentropy (centred form) and rank of a token under the adapter. */
  score(adapter: Adapter, base: Float32Array, hidden: Float32Array, target: number): RowScore {
    const nats = this.loss(adapter, base, hidden, target);
    const logits = this.#logits;
    const exponentials = this.#exponentials;
    const own = logits[target];
    let sum = 0;
    let weighted = 0;
    let larger = 0;
    for (let v = 0; v < logits.length; v++) {
      sum += exponentials[v];
      weighted += exponentials[v] * (logits[v] - own);
      if (logits[v] > own) {
        larger++;
      }
    }
    const mean = weighted / sum;
    let squares = 0;
    for (let v = 0; v < logits.length; v++) {
      squares += exponentials[v] * (logits[v] - own - mean) ** 2;
    }
    // −log q_v = s − (z′_v − z′_y), whose mean is the entropy.
    return { nats, entropy: Math.max(0, nats - mean), varentropy: squares / sum, rank: 1 + larger };
  }

  /** Forgets the gathered gradient. */
  clear(): void {
    for (const values of this.gradient) {
      values.fill(0);
    }
  }

  /**
   * Adds weight × the gradient of a token's loss to {@link gradient}.
   * @param weight 1 / n for the mean over a minibatch of n tokens
   * @returns the token's loss, nats
   */
  backward(
    adapter: Adapter,
    base: Float32Array,
    hidden: Float32Array,
    target: number,
    weight: number,
  ): number {
    adapter.project(hidden, this.#projection);
    const maximum = adapter.apply(base, this.#projection, this.#logits);
    const sum = this.#shiftedSum(maximum);
    const loss = Math.log(sum) + (maximum - this.#logits[target]);
    if (this.shape.kind === 'bias') {
      addScaled(this.#exponentials, weight / sum, this.gradient[0]);
      this.gradient[0][target] -= weight;
    } else {
      this.#backwardLowRank(adapter, hidden, target, weight, sum);
    }
    return loss;
  }

  #backwardLowRank(
    adapter: Adapter,
    hidden: Float32Array,
    target: number,
    weight: number,
    sum: number,
  ): void {
    const { rank, hidden: width, vocabulary } = this.shape;
    const columns = adapter.parameters[1];
    const [gradientA, gradientColumns] = this.gradient;
    for (let k = 0; k < rank; k++) {
      const from = k * vocabulary;
      const column = columns.subarray(from, from + vocabulary);
      const gradientColumn = gradientColumns.subarray(from, from + vocabulary);
      const u = this.#projection[k] * weight;
      // Σ_v q_v B_vk, while q (A h)ᵀ is added to the gradient of B.
      const dot = addScaledAndDot(this.#exponentials, u / sum, gradientColumn, column);
      gradientColumn[target] -= u;
      const factor = weight * (dot / sum - column[target]);
      for (let i = 0; i < width; i++) {
        gradientA[k * width + i] += factor * hidden[i];
      }
    }
  }

  /** Writes exp(z′ − maximum) and returns their sum; at least 1. */
  #shiftedSum(maximum: number): number {
    return exponentiate(this.#logits, maximum, this.#exponentials);
  }
}

function exponentiate(logits: Float32Array, maximum: number, exponentials: Float32Array): number {
  let sum = 0;
  for (let v = 0; v < logits.length; v++) {
    const e = Math.exp(logits[v] - maximum);
    exponentials[v] = e;
    sum += e;
  }
  return sum;
}

function addScaled(values: Float32Array, scale: number, total: Float32Array): void {
  for (let v = 0; v < total.length; v++) {
    total[v] += scale * values[v];
  }
}

/** total += scale × values; returns Σ values × other. */
function addScaledAndDot(
  values: Float32Array,
  scale: number,
  total: Float32Array,
  other: Float32Array,
): number {
  let dot = 0;
  for (let v = 0; v < total.length; v++) {
    const value = values[v];
    total[v] += scale * value;
    dot += value * other[v];
  }
  return dot;
}

/** Settings of {@link AdamW}; what is left out is PyTorch's default. */
export interface AdamWOptions {
  readonly learningRate: number;
  /** λ, decoupled: θ is shrunk by learning rate × λ each step. */
  readonly weightDecay: number;
}

const BETA_1 = 0.9;
const BETA_2 = 0.999;
const EPSILON = 1e-8;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), step by step as in PyTorch's
 * torch.optim.AdamW with β = (0.9, 0.999) and ε = 1e-8.
 */
export class AdamW {
  readonly #first: readonly Float32Array[];
  readonly #second: readonly Float32Array[];
  #steps = 0;

  /** @param parameters the arrays that {@link step} changes in place */
  constructor(
    private readonly parameters: readonly Float32Array[],
    private readonly options: AdamWOptions,
  ) {
    this.#first = parameters.map((values) => new Float32Array(values.length));
    this.#second = parameters.map((values) => new Float32Array(values.length));
  }

  /** One step against the gradient, which has the layout of the parameters. */
  step(gradient: readonly Float32Array[]): void {
    this.#steps++;
    const { learningRate, weightDecay } = this.options;
    const size = learningRate / (1 - BETA_1 ** this.#steps);
    const correction = Math.sqrt(1 - BETA_2 ** this.#steps);
    for (const [i, values] of this.parameters.entries()) {
      update(values, gradient[i], this.#first[i], this.#second[i], {
        keep: 1 - learningRate * weightDecay,
        size,
        correction,
      });
    }
  }
}

function update(
  values: Float32Array,
  gradient: Float32Array,
  first: Float32Array,
  second: Float32Array,
  { keep, size, correction }: { readonly keep: number; readonly size: number; readonly correction: number },
): void {
  for (let i = 0; i < values.length; i++) {
    const g = gradient[i];
    const m = BETA_1 * first[i] + (1 - BETA_1) * g;
    const s = BETA_2 * second[i] + (1 - BETA_2) * g * g;
    first[i] = m;
    second[i] = s;
    values[i] = keep * values[i] - (size * m) / (Math.sqrt(s) / correction + EPSILON);
  }
}
