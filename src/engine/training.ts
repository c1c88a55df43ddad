/** Trains an adapter of the output layer on a document's kept hidden states, piece by piece between other work. */
import { AdamW, Adapter, AdapterLoss, mulberry32, type Random, shuffled } from '../loss/adapter';
import { meanLoss } from '../loss/formulas';
import type { TokenScores } from '../loss/lossMap';
import { TRAINING_LIMITS, type TrainingOptions, type TrainingPoint } from '../loss/training';
import type { Network } from '../model/network';
import type { EngineProblem, TrainingResult, TrainingTokens } from './protocol';

/** Tokens that are used at most; of a longer document the first ones. */
export const MOST_TRAINING_TOKENS = 4096;
export const MOST_EVALUATION_TOKENS = 1024;
/** Tokens that are needed at least. */
export const FEWEST_TRAINING_TOKENS = 10;
export const FEWEST_EVALUATION_TOKENS = 2;

/** The part of a document that is held back for evaluation: its last fifth. */
const HELD_BACK = 1 / 5;
/** Rows of logits that are computed and kept together. */
const BLOCK = 32;
/** Tokens in one piece of work at the usual ranks; a request of the editor waits for no more than that. */
const PIECE = 32;
/** Rank from which on a piece has fewer tokens. */
const USUAL_RANK = 8;
/** The model's logits are kept while they need no more bytes than this; else each use computes them again. */
const MOST_LOGITS = 256 << 20;
/** Points in each epoch while logits are kept; computing the losses then costs about as much as the steps. */
const POINTS_PER_EPOCH = 2;

/** A training cannot be done, for a reason that the user should read. */
export class TrainingError extends Error {
  readonly problem: EngineProblem;

  constructor(message: string, advice: string) {
    super(message);
    this.name = 'TrainingError';
    this.problem = { code: 'training', message, advice };
  }
}

/** A scored document as a training reads it. */
export interface TrainingDocument {
  /** [N] */
  readonly ids: Uint32Array;
  /** The model's own scores of all N tokens. */
  readonly scores: TokenScores;
  /** [d] the hidden state that predicts a token. */
  hidden(token: number): Promise<Float32Array>;
}

/** Tokens [from, to) of a document. */
interface Span {
  readonly document: TrainingDocument;
  readonly from: number;
  readonly to: number;
}

/** Copied tokens: the training tokens first, then the evaluation tokens. */
interface Examples {
  /** [rows × d] */
  readonly hidden: Float32Array;
  /** [rows] */
  readonly targets: Uint32Array;
  /** Blocks of {@link BLOCK} rows of base logits [rows × V]; undefined when they are too many to keep. */
  readonly logits: Float32Array[] | undefined;
}

/**
 * Checks what the user chose.
 * @throws TrainingError that names the option
 */
function checkOptions(options: TrainingOptions): void {
  const check = (isGood: boolean, message: string, advice: string) => {
    if (!isGood) {
      throw new TrainingError(message, advice);
    }
  };
  const isWhole = (value: number, most: number) => Number.isInteger(value) && value >= 1 && value <= most;
  const { adapter, rank, learningRate, weightDecay, epochs, batch, seed } = options;
  check(
    adapter === 'bias' || adapter === 'low-rank',
    `There is no adapter "${adapter}".`,
    'Choose "bias" or "low-rank".',
  );
  check(
    adapter === 'bias' || isWhole(rank, TRAINING_LIMITS.rank),
    `The rank ${rank} cannot be used.`,
    `Choose a whole number from 1 to ${TRAINING_LIMITS.rank}.`,
  );
  check(
    Number.isFinite(learningRate) && learningRate > 0,
    `The learning rate ${learningRate} cannot be used.`,
    'Choose a number above 0, for example 0.01.',
  );
  check(
    Number.isFinite(weightDecay) && weightDecay >= 0,
    `The weight decay ${weightDecay} cannot be used.`,
    'Choose 0 or a number above it, for example 0.1.',
  );
  check(
    isWhole(epochs, TRAINING_LIMITS.epochs),
    `${epochs} epochs cannot be trained.`,
    `Choose a whole number from 1 to ${TRAINING_LIMITS.epochs}.`,
  );
  check(
    isWhole(batch, TRAINING_LIMITS.batch),
    `Minibatches of ${batch} tokens cannot be used.`,
    `Choose a whole number from 1 to ${TRAINING_LIMITS.batch}.`,
  );
  check(Number.isInteger(seed), `The seed ${seed} cannot be used.`, 'Choose a whole number.');
}

/** Who hears of a training. */
export interface TrainingProgress {
  point(tokens: TrainingTokens, point: TrainingPoint): void;
  /** So many tokens of all the document's are scored with what was learnt. */
  scored(done: number, total: number): void;
}

/**
 * One training. It holds copies of what it reads and parameters of its own: the model and the document's scores
 * are never touched.
 */
export class Training {
  readonly tokens: TrainingTokens;
  readonly #spans: readonly [training: Span, evaluation: Span];
  readonly #work: AsyncGenerator<void, void, void>;
  readonly #adapter: Adapter;
  readonly #loss: AdapterLoss;
  readonly #random: Random;
  /** Tokens in a piece. */
  readonly #piece: number;
  readonly #points: TrainingPoint[] = [];
  /** Index of the best point, and the adapter there. */
  #best: { readonly index: number; readonly adapter: Adapter } | undefined;
  #stopped = false;
  #result: TrainingResult | undefined;

  /**
   * @param evaluation what the evaluation loss is computed on; undefined holds back the document's last fifth
   * @param listener hears of what was computed as soon as it is there
   * @throws TrainingError when the options cannot be used or there are too few tokens
   */
  constructor(
    private readonly network: Network,
    private readonly options: TrainingOptions,
    private readonly document: TrainingDocument,
    evaluation: TrainingDocument | undefined,
    private readonly listener: TrainingProgress,
  ) {
    checkOptions(options);
    this.#spans = chooseTokens(document, options.evaluation === 'split' ? undefined : evaluation);
    const [training, held] = this.#spans;
    this.tokens = { training: training.to - training.from, evaluation: held.to - held.from };
    if (options.evaluation !== 'split' && !evaluation) {
      throw new TrainingError(
        'The document to evaluate on is not scored.',
        'Open it and turn its heatmap on, or evaluate on the last fifth of this one.',
      );
    }
    if (this.tokens.training < FEWEST_TRAINING_TOKENS || this.tokens.evaluation < FEWEST_EVALUATION_TOKENS) {
      throw new TrainingError(
        `There are ${this.tokens.training} tokens to train on and ${this.tokens.evaluation} to evaluate.`,
        `At least ${FEWEST_TRAINING_TOKENS} and ${FEWEST_EVALUATION_TOKENS} are needed: choose a longer document.`,
      );
    }
    const { hidden, vocabularySize } = network.manifest;
    const shape = { kind: options.adapter, rank: options.rank, hidden, vocabulary: vocabularySize };
    this.#random = mulberry32(options.seed);
    this.#adapter = Adapter.initial(shape, this.#random);
    this.#loss = new AdapterLoss(shape);
    const rank = options.adapter === 'bias' ? 1 : options.rank;
    this.#piece = Math.ceil((PIECE * USUAL_RANK) / Math.max(USUAL_RANK, rank));
    this.#work = this.#run();
  }

  /** What came out, once {@link piece} returned false; undefined when it was stopped before the first point. */
  get result(): TrainingResult | undefined {
    return this.#result;
  }

  /** Ends the training at the next piece; the best point's adapter still scores the document. */
  stop(): void {
    this.#stopped = true;
  }

  /** Does a little work, some tens of milliseconds. @returns false when all is done */
  async piece(): Promise<boolean> {
    return !(await this.#work.next()).done;
  }

  async *#run(): AsyncGenerator<void, void, void> {
    const examples = yield* this.#gather();
    let problem: EngineProblem | undefined;
    try {
      if (examples) {
        yield* this.#train(examples);
      }
    } catch (error) {
      if (!(error instanceof TrainingError) || !this.#best) {
        throw error;
      }
      problem = error.problem;
    }
    if (examples && this.#best) {
      const { index, adapter } = this.#best;
      const stopped = this.#stopped || problem !== undefined;
      const scores = yield* this.#score(examples, index, adapter);
      this.#result = { best: index, stopped, ...(problem ? { problem } : {}), scores };
    }
  }

  /** Copies the hidden states and targets, and keeps the logits if they fit. @returns undefined when stopped */
  async *#gather(): AsyncGenerator<void, Examples | undefined, void> {
    const { hidden: width, vocabularySize } = this.network.manifest;
    const rows = this.tokens.training + this.tokens.evaluation;
    const hidden = new Float32Array(rows * width);
    const targets = new Uint32Array(rows);
    const logits: Float32Array[] | undefined = rows * vocabularySize * 4 <= MOST_LOGITS ? [] : undefined;
    let row = 0;
    for (const { document, from, to } of this.#spans) {
      for (let token = from; token < to; token++) {
        hidden.set(await document.hidden(token), row * width);
        targets[row] = document.ids[token];
        row++;
        if (row % BLOCK === 0 || row === rows) {
          const first = row - (row % BLOCK || BLOCK);
          logits?.push(await this.network.logits(hidden.subarray(first * width, row * width)));
          yield;
          if (this.#stopped) {
            return undefined;
          }
        }
      }
    }
    return { hidden, targets, logits };
  }

  async *#train(examples: Examples): AsyncGenerator<void, void, void> {
    const { epochs, batch, learningRate, weightDecay } = this.options;
    const optimiser = new AdamW(this.#adapter.parameters, { learningRate, weightDecay });
    const { training } = this.tokens;
    const steps = Math.ceil(training / batch);
    const every = Math.ceil(steps / (examples.logits ? POINTS_PER_EPOCH : 1));
    // The adapter changes nothing yet: these losses are the model's own, which are known.
    const [first, held] = this.#spans.map(({ document, from, to }) =>
      meanLoss(document.scores.nats.subarray(from, to)),
    );
    this.#take({ step: 0, epoch: 0, training: first, evaluation: held });
    yield;
    for (let epoch = 0; epoch < epochs && !this.#stopped; epoch++) {
      const order = shuffled(training, this.#random);
      for (let step = 1; step <= steps && !this.#stopped; step++) {
        const rows = order.subarray((step - 1) * batch, step * batch);
        yield* this.#step(examples, rows, optimiser);
        if (step % every === 0 || step === steps) {
          yield* this.#measure(
            examples,
            epoch * steps + step,
            epoch + Math.min(1, (step * batch) / training),
          );
        }
      }
    }
  }

  /** One step of the optimiser on a minibatch. */
  async *#step(examples: Examples, rows: Uint32Array, optimiser: AdamW): AsyncGenerator<void, void, void> {
    this.#loss.clear();
    for (let from = 0; from < rows.length; from += this.#piece) {
      const part = rows.subarray(from, from + this.#piece);
      const logits = await this.#logits(examples, part);
      for (const [i, row] of part.entries()) {
        this.#loss.backward(
          this.#adapter,
          logits[i],
          this.#hidden(examples, row),
          examples.targets[row],
          1 / rows.length,
        );
      }
      if (from + this.#piece >= rows.length) {
        optimiser.step(this.#loss.gradient);
      }
      yield;
      if (this.#stopped) {
        return;
      }
    }
  }

  /** The mean losses over all training and all evaluation tokens, as a point. Nothing when stopped meanwhile. */
  async *#measure(examples: Examples, step: number, epoch: number): AsyncGenerator<void, void, void> {
    const { training, evaluation } = this.tokens;
    const sums = [0, 0];
    for (let from = 0; from < training + evaluation; from += this.#piece) {
      const length = Math.min(this.#piece, training + evaluation - from);
      const rows = Uint32Array.from({ length }, (_, i) => from + i);
      const logits = await this.#logits(examples, rows);
      for (const [i, row] of rows.entries()) {
        sums[row < training ? 0 : 1] += this.#loss.loss(
          this.#adapter,
          logits[i],
          this.#hidden(examples, row),
          examples.targets[row],
        );
      }
      yield;
      if (this.#stopped) {
        return;
      }
    }
    this.#take({ step, epoch, training: sums[0] / training, evaluation: sums[1] / evaluation });
  }

  #take(point: TrainingPoint): void {
    if (!Number.isFinite(point.training) || !Number.isFinite(point.evaluation)) {
      throw diverged(point.step);
    }
    this.#points.push(point);
    if (!this.#best || point.evaluation < this.#points[this.#best.index].evaluation) {
      this.#best = { index: this.#points.length - 1, adapter: this.#adapter.copy() };
    }
    this.listener.point(this.tokens, point);
  }

  /** Scores the whole document with an adapter. */
  async *#score(
    examples: Examples,
    index: number,
    adapter: Adapter,
  ): AsyncGenerator<void, TokenScores, void> {
    const { ids, scores } = this.document;
    const out = {
      nats: scores.nats.slice(),
      entropy: scores.entropy.slice(),
      varentropy: scores.varentropy.slice(),
      rank: scores.rank.slice(),
    };
    // At step 0 the adapter changes nothing: the scores are the model's own, bit by bit.
    for (let from = 0; index > 0 && from < ids.length; from += this.#piece) {
      const tokens = Uint32Array.from(
        { length: Math.min(this.#piece, ids.length - from) },
        (_, i) => from + i,
      );
      const { hidden, logits } = await this.#documentRows(examples, tokens);
      for (const [i, token] of tokens.entries()) {
        const row = this.#loss.score(adapter, logits[i], hidden[i], ids[token]);
        out.nats[token] = row.nats;
        out.entropy[token] = row.entropy;
        out.varentropy[token] = row.varentropy;
        out.rank[token] = row.rank;
      }
      if (!out.nats.subarray(from, from + tokens.length).every(Number.isFinite)) {
        throw diverged(this.#points[index].step);
      }
      this.listener.scored(from + tokens.length, ids.length);
      yield;
    }
    return out;
  }

  /** Hidden states and base logits of any tokens of the document. */
  async #documentRows(
    examples: Examples,
    tokens: Uint32Array,
  ): Promise<{ hidden: Float32Array[]; logits: Float32Array[] }> {
    const rows = tokens.map((token) => this.#rowOf(token));
    if (examples.logits && rows.every((row) => row < examples.targets.length)) {
      const hidden = Array.from(rows, (row) => this.#hidden(examples, row));
      return { hidden, logits: await this.#logits(examples, rows) };
    }
    const width = this.network.manifest.hidden;
    const joined = new Float32Array(tokens.length * width);
    for (const [i, token] of tokens.entries()) {
      joined.set(await this.document.hidden(token), i * width);
    }
    return { hidden: split(joined, width), logits: await this.#compute(joined) };
  }

  /** The row of a token of the document among the examples; a number beyond them when it is none. */
  #rowOf(token: number): number {
    let first = 0;
    for (const { document, from, to } of this.#spans) {
      if (document === this.document && token >= from && token < to) {
        return first + token - from;
      }
      first += to - from;
    }
    return first;
  }

  #hidden({ hidden }: Examples, row: number): Float32Array {
    const width = this.network.manifest.hidden;
    return hidden.subarray(row * width, (row + 1) * width);
  }

  /** [V] base logits of each row. */
  async #logits(examples: Examples, rows: Uint32Array): Promise<Float32Array[]> {
    const { hidden: width, vocabularySize } = this.network.manifest;
    const kept = examples.logits;
    if (kept) {
      return Array.from(rows, (row) => {
        const at = (row % BLOCK) * vocabularySize;
        return kept[Math.floor(row / BLOCK)].subarray(at, at + vocabularySize);
      });
    }
    const joined = new Float32Array(rows.length * width);
    for (const [i, row] of rows.entries()) {
      joined.set(this.#hidden(examples, row), i * width);
    }
    return this.#compute(joined);
  }

  /** @param hidden [rows × d] @returns [V] base logits of each row */
  async #compute(hidden: Float32Array): Promise<Float32Array[]> {
    return split(await this.network.logits(hidden), this.network.manifest.vocabularySize);
  }
}

/** Training and evaluation tokens; the bounds on their number are the module's. */
function chooseTokens(
  document: TrainingDocument,
  evaluation: TrainingDocument | undefined,
): [training: Span, evaluation: Span] {
  const length = document.ids.length;
  const border = evaluation ? length : length - Math.floor(length * HELD_BACK);
  const held = evaluation ? { document: evaluation, from: 0 } : { document, from: border };
  return [
    { document, from: 0, to: Math.min(border, MOST_TRAINING_TOKENS) },
    { ...held, to: Math.min(held.document.ids.length, held.from + MOST_EVALUATION_TOKENS) },
  ];
}

function diverged(step: number): TrainingError {
  return new TrainingError(
    `After step ${step} the loss is no finite number any more: the learning rate is too large.`,
    'Choose a smaller learning rate. What is kept is the best point before.',
  );
}

/** Rows of a matrix. */
function split(values: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: values.length / width }, (_, row) =>
    values.subarray(row * width, (row + 1) * width),
  );
}
