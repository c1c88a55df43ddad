/** The model's two ONNX graphs: backbone and head. */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { logSumExp } from '../loss/formulas';
import type { TokenScores } from '../loss/lossMap';
import { topK } from '../loss/topK';
import { BRANCH_INPUTS, type Branch, branchesBehind } from './branches';
import { adviceFor, ModelError, messageOf } from './errors';
import type { ModelFolder, ModelManifest } from './folder';
import { KeyValueCache, type KeyValueShape, type KeyValues } from './keyValueCache';
import {
  createSessions,
  exchangeSessions,
  type NetworkOptions,
  type Runtime,
  type Sessions,
} from './sessions';

/** Rows of next-token distributions. */
export interface DistributionRows {
  /** [rows × V] raw logits. */
  readonly logits: Float32Array;
  /** [rows] log Σ exp z, nats. */
  readonly logSumExp: Float64Array;
  /** [rows × top] the largest logits, descending. */
  readonly topLogits: Float32Array;
  /** [rows × top] their vocabulary ids. */
  readonly topIds: Uint32Array;
}

/** Rows that the head takes at once where its model does not say: bounds the matrices that live inside the graph. */
const HEAD_ROWS = 256;

/** Tokens of branches that are run at once, likewise. */
const BRANCH_ROWS = 256;

function countOf(branches: readonly Branch[]): number {
  return branches.reduce((sum, { ids }) => sum + ids.length, 0);
}

/** A tensor's numbers as a cache keeps them: newer versions of Node have a type of their own for float16. */
function numbersOf({ data }: Tensor, type: KeyValueShape['type']): KeyValues {
  const { buffer, byteOffset, length } = data as Float32Array;
  return type === 'float16'
    ? new Uint16Array(buffer, byteOffset, length)
    : new Float32Array(buffer, byteOffset, length);
}

/** The sizes that graphs fix of their outputs. */
function sizesOf({ backbone, head }: Sessions): Partial<Pick<ModelManifest, 'hidden' | 'vocabularySize'>> {
  const lastOf = ({ outputMetadata }: InferenceSession, name: string) => {
    const output = outputMetadata.find((candidate) => candidate.name === name);
    const size = output?.isTensor ? output.shape.at(-1) : undefined;
    return typeof size === 'number' && size > 0 ? size : undefined;
  };
  const hidden = lastOf(backbone, 'hidden_states');
  const vocabularySize = lastOf(head, 'logits');
  return { ...(hidden && { hidden }), ...(vocabularySize && { vocabularySize }) };
}

/** A loaded model. One run at a time; a run blocks the thread. */
export class Network {
  /** Of each layer's keys and values: `layer.key` or `layer.value`, as the graph's inputs and outputs end. */
  private readonly cacheNames: readonly string[];
  private readonly cacheShape: KeyValueShape;
  private readonly headRows: number;

  private constructor(
    readonly manifest: ModelManifest,
    private readonly runtime: Runtime,
    private readonly sessions: Sessions,
    /** The steps that are left until the sessions are those of a faster form. */
    private improvement: AsyncGenerator<undefined, void> | undefined,
  ) {
    this.headRows = manifest.headRows ?? HEAD_ROWS;
    this.cacheNames = Array.from({ length: manifest.layers }, (_, layer) => [
      `${layer}.key`,
      `${layer}.value`,
    ]).flat();
    const keys = sessions.backbone.inputMetadata.find(
      ({ name }) => name === `past_key_values.${this.cacheNames[0]}`,
    );
    this.cacheShape = {
      type: keys?.isTensor && keys.type === 'float16' ? 'float16' : 'float32',
      tensors: this.cacheNames.length,
      heads: manifest.keyValueHeads,
      width: manifest.headDim,
    };
  }

  /**
   * Creates the sessions of a model folder's two graphs.
   * @param faster a form with the same numbers that takes longer to load: {@link improve} goes over to it
   * @throws ModelError when a graph or the device cannot be used
   */
  static async load(
    runtime: Runtime,
    folder: ModelFolder,
    options: NetworkOptions,
    faster?: NetworkOptions,
  ): Promise<Network> {
    const sessions = await createSessions(runtime, folder, options);
    const improvement = faster && exchangeSessions(runtime, folder, sessions, options, faster);
    const { manifest } = folder;
    // Of a model that was not made for Surprisal the graphs know better than its configuration.
    const measured = folder.split ? { ...manifest, ...sizesOf(sessions) } : manifest;
    return new Network(measured, runtime, sessions, improvement);
  }

  /** Whether there is a faster form to go over to. */
  get canImprove(): boolean {
    return this.improvement !== undefined;
  }

  /**
   * Takes one step towards the faster form; it blocks the thread, some steps longer than a run does.
   * @throws ModelError when the form cannot be loaded: the network goes on without it
   * @throws NetworkLostError when it cannot go on
   */
  async improve(): Promise<void> {
    try {
      if ((await this.improvement?.next())?.done) {
        this.improvement = undefined;
      }
    } catch (error) {
      this.improvement = undefined;
      throw error;
    }
  }

  /** Gives the sessions' memory back. */
  async release(): Promise<void> {
    this.improvement = undefined;
    await Promise.all([this.sessions.backbone.release(), this.sessions.head.release()]);
  }

  /** Room for the keys and values of a context of so many positions. */
  newCache(capacity: number): KeyValueCache {
    return new KeyValueCache(this.cacheShape, capacity);
  }

  /**
   * Runs T more positions through the backbone.
   * @param ids [T] vocabulary ids
   * @param past the positions before them, to which theirs are appended; undefined for a context that ends here
   * @returns [T × d] row-major: the hidden states after the final norm, what the head multiplies
   * @throws RangeError when there is no room for them
   * @throws ModelError when the device fails, or the graph does not fit the manifest
   */
  async run(ids: Uint32Array, past?: KeyValueCache): Promise<Float32Array> {
    const length = (past?.length ?? 0) + ids.length;
    if (past && length > past.capacity) {
      throw new RangeError(`${length} positions in a cache of ${past.capacity}`);
    }
    const branches = this.canBranch ? this.branchFeeds([], 0) : {};
    const added = past ? this.cacheNames.map((name) => `added.${name}`) : [];
    const results = await this.runBackbone(ids, past, branches, added);
    past?.append(
      added.map((name) => numbersOf(results[name], this.cacheShape.type)),
      ids.length,
    );
    return results.hidden_states.data as Float32Array;
  }

  /**
   * Runs tokens through the backbone that go on from parts of one context, each as if what is behind its part, and the other branches,
   * were not there. All at once, where the graph can: for a few tokens a run takes nearly as long as for many.
   * @param past the context, and after the call, too; but where the graph cannot read branches, or has no room for them behind the
   * context, it has no more than the shortest of their parts then
   * @returns [ΣT × d] row-major: the hidden states of the branches' tokens, one branch after the other
   * @throws RangeError when the context has not as many positions, or there is no room for a branch behind its part
   * @throws ModelError as {@link run}
   */
  async runBranches(branches: readonly Branch[], past: KeyValueCache): Promise<Float32Array> {
    for (const { from, ids } of branches) {
      if (from > past.length || from + ids.length > past.capacity) {
        throw new RangeError(
          `${ids.length} positions from ${from} of ${past.length} on, in a cache of ${past.capacity}`,
        );
      }
    }
    const room = Math.min(BRANCH_ROWS, this.manifest.contextWindow - past.length);
    return this.canBranch && branches.every(({ ids }) => ids.length <= room)
      ? this.runMasked(branches, past, room)
      : this.runInTurn(branches, past);
  }

  /** @param room tokens of a run at most, and of each branch */
  private async runMasked(
    branches: readonly Branch[],
    past: KeyValueCache,
    room: number,
  ): Promise<Float32Array> {
    const values = new Float32Array(countOf(branches) * this.manifest.hidden);
    let done = 0;
    for (let first = 0, last = 0; first < branches.length; first = last) {
      let rows = 0;
      while (last < branches.length && rows + branches[last].ids.length <= room) {
        rows += branches[last++].ids.length;
      }
      const together = branches.slice(first, last);
      const tokens = Uint32Array.from(together.flatMap(({ ids }) => [...ids]));
      const feeds = this.branchFeeds(together, past.length);
      const { hidden_states } = await this.runBackbone(tokens, past, feeds, []);
      values.set(hidden_states.data as Float32Array, done * this.manifest.hidden);
      done += rows;
    }
    return values;
  }

  private async runInTurn(branches: readonly Branch[], past: KeyValueCache): Promise<Float32Array> {
    const width = this.manifest.hidden;
    const values = new Float32Array(countOf(branches) * width);
    // The longest part first: nothing of the context has to be read again.
    const order = [...branches.keys()].sort((one, other) => branches[other].from - branches[one].from);
    for (const index of order) {
      const { from, ids } = branches[index];
      past.truncate(from);
      values.set(await this.run(ids, past), countOf(branches.slice(0, index)) * width);
      past.truncate(from);
    }
    return values;
  }

  /** Whether the backbone reads several branches in one run. */
  private get canBranch(): boolean {
    return this.sessions.backbone.inputMetadata.some(({ name }) => name === BRANCH_INPUTS.wanted);
  }

  /** What the inputs of {@link BRANCH_INPUTS} are fed. */
  private branchFeeds(branches: readonly Branch[], past: number): Record<string, Tensor> {
    const { Tensor } = this.runtime;
    const { type } = this.cacheShape;
    const { positions, mask } = branchesBehind(past, branches, type);
    const rows = positions.length;
    return {
      [BRANCH_INPUTS.wanted]: new Tensor('bool', Uint8Array.of(rows > 0 ? 1 : 0), []),
      [BRANCH_INPUTS.positions]: new Tensor('int64', positions, [1, rows]),
      [BRANCH_INPUTS.mask]: new Tensor(type, mask, [1, 1, rows, rows > 0 ? past + rows : 0]),
    };
  }

  /** Runs the backbone behind a context, and checks the size of what it gives. */
  private async runBackbone(
    ids: Uint32Array,
    past: KeyValueCache | undefined,
    more: Readonly<Record<string, Tensor>>,
    outputs: readonly string[],
  ): Promise<InferenceSession.ReturnType> {
    const { Tensor } = this.runtime;
    const { type, heads, width } = this.cacheShape;
    const before = past?.length ?? 0;
    const length = before + ids.length;
    const feeds: Record<string, Tensor> = {
      input_ids: new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]),
      attention_mask: new Tensor('int64', new BigInt64Array(length).fill(1n), [1, length]),
      ...more,
    };
    const views = (past ?? this.newCache(0)).views();
    for (const [index, name] of this.cacheNames.entries()) {
      feeds[`past_key_values.${name}`] = new Tensor(type, views[index], [1, heads, before, width]);
    }
    const results = await this.runGraph('backbone', feeds, ['hidden_states', ...outputs]);
    const values = results.hidden_states.data.length;
    if (values !== ids.length * this.manifest.hidden) {
      throw new ModelError(
        'model-invalid',
        `The backbone of ${this.manifest.id} gave ${values} numbers for ${ids.length} positions of width ${this.manifest.hidden}.`,
        'The model’s files do not fit together, or give something for the last position only: get others.',
      );
    }
    return results;
  }

  /**
   * Scores tokens: surprisal, entropy, varentropy (nats) and rank, computed inside the graph.
   * @param hidden [rows × d] the hidden state before each token
   * @param targets [rows] the tokens that really follow
   */
  async score(hidden: Float32Array, targets: Uint32Array): Promise<TokenScores> {
    const rows = targets.length;
    const scores = {
      nats: new Float32Array(rows),
      entropy: new Float32Array(rows),
      varentropy: new Float32Array(rows),
      rank: new Uint32Array(rows),
    };
    for (let from = 0; from < rows; from += this.headRows) {
      const results = await this.runHead(hidden, from, targets.subarray(from, from + this.headRows));
      scores.nats.set(results.surprisal.data as Float32Array, from);
      scores.entropy.set(results.entropy.data as Float32Array, from);
      scores.varentropy.set(results.varentropy.data as Float32Array, from);
      scores.rank.set(results.rank.data as Int32Array, from);
    }
    return scores;
  }

  /**
   * The raw logits z = W·h of hidden states, over the whole vocabulary. The last bits of a row depend on how
   * many rows are computed with it, because the matrix product sums in another order.
   * @param hidden [rows × d] row-major
   * @returns [rows × V] row-major
   */
  async logits(hidden: Float32Array): Promise<Float32Array> {
    const { hidden: width, vocabularySize } = this.manifest;
    const rows = hidden.length / width;
    const logits = new Float32Array(rows * vocabularySize);
    for (let from = 0; from < rows; from += this.headRows) {
      const results = await this.runHead(hidden, from, undefined);
      const values = results.logits.data as Float32Array;
      const count = Math.min(this.headRows, rows - from);
      if (values.length !== count * vocabularySize) {
        throw new ModelError(
          'model-invalid',
          `The head of ${this.manifest.id} gave ${values.length} logits for ${count} rows of ${vocabularySize}.`,
          'The model’s files do not fit together: get them again.',
        );
      }
      logits.set(values, from * vocabularySize);
    }
    return logits;
  }

  /**
   * The distributions that follow hidden states.
   * @param hidden [rows × d]
   * @param top number of the most probable entries to return, at most V
   * @throws RangeError when a logit is not finite
   */
  async distribution(hidden: Float32Array, top: number): Promise<DistributionRows> {
    const { hidden: width, vocabularySize } = this.manifest;
    const rows = hidden.length / width;
    const k = Math.min(Math.max(top, 1), vocabularySize);
    const logits = await this.logits(hidden);
    const logSumExps = new Float64Array(rows);
    const topLogits = new Float32Array(rows * k);
    const topIds = new Uint32Array(rows * k);
    for (let row = 0; row < rows; row++) {
      const z = logits.subarray(row * vocabularySize, (row + 1) * vocabularySize);
      logSumExps[row] = logSumExp(z);
      const ids = topK(z, k);
      topIds.set(ids, row * k);
      for (const [i, id] of ids.entries()) {
        topLogits[row * k + i] = z[id];
      }
    }
    return { logits, logSumExp: logSumExps, topLogits, topIds };
  }

  /**
   * Runs the head on at most `headRows` hidden states from one row on.
   * @param targets the tokens that follow them, to score these; undefined for the logits instead
   */
  private runHead(
    hidden: Float32Array,
    from: number,
    targets: Uint32Array | undefined,
  ): Promise<InferenceSession.ReturnType> {
    const { Tensor } = this.runtime;
    const width = this.manifest.hidden;
    const values = hidden.subarray(from * width, (from + this.headRows) * width);
    const ids = BigInt64Array.from(targets ?? [], BigInt);
    return this.runGraph(
      'head',
      {
        hidden_states: new Tensor('float32', values, [values.length / width, width]),
        targets: new Tensor('int64', ids, [ids.length]),
        wants_logits: new Tensor('bool', Uint8Array.of(targets ? 0 : 1), []),
      },
      targets ? ['surprisal', 'entropy', 'varentropy', 'rank'] : ['logits'],
    );
  }

  /** @throws ModelError when the device fails */
  private async runGraph(
    graph: keyof Sessions,
    feeds: Record<string, Tensor>,
    outputs: string[],
  ): Promise<InferenceSession.ReturnType> {
    try {
      return await this.sessions[graph].run(feeds, outputs);
    } catch (error) {
      throw new ModelError(
        'device',
        `ONNX Runtime could not run the ${graph} of ${this.manifest.id}: ${messageOf(error).split('\n')[0]}`,
        adviceFor(error, 'Restart the engine, or choose another device; the log says more.'),
        error,
      );
    }
  }
}
