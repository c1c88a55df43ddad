/** How a model folder's graphs are loaded. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { withBranches } from './branches';
import { adviceFor, ModelError, messageOf } from './errors';
import { BLOCK, expand, expandBytes, type QuantizedMatrix } from './expand';
import type { MatrixRecipe, ModelFolder } from './folder';
import { toInt8 } from './int8';

/** ONNX Runtime, as the engine's host loads it. */
export interface Runtime {
  readonly InferenceSession: {
    /** The option `logId` is the name of the graph's file. */
    create(path: string, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: typeof Tensor;
}

/** How the graphs are run. */
export interface NetworkOptions {
  /** An ONNX Runtime execution provider by its onnxruntime-node name. */
  readonly provider: string;
  /** CPU threads inside one operator. */
  readonly threads: number;
  /** Which of the folder's graphs; the one with the weights as on disk where it does not have that. */
  readonly weights: NetworkForm;
}

/**
 * How the backbone's weights are kept in memory: 4-bit as on disk; as float32, which a CPU multiplies faster, with the
 * same values; or, with the head's, rounded to 8 bits like what they are multiplied by, which some CPUs multiply far
 * faster yet.
 */
export type WeightsInMemory = 'quantized' | ComputedWeights;

/** A form of the network: by its weights; or, for GPUs, weights as on disk and the backbone in half precision. */
export type NetworkForm = WeightsInMemory | 'float16';

/** Weights that are in no file: they are computed from the 4-bit ones when the model is loaded. */
export type ComputedWeights = 'float32' | 'int8';

/**
 * Read by ONNX Runtime when it creates a session. On a CPU its attention is then done a head at a time and not tile by
 * tile, which takes half to three quarters of the time where it was measured (`npm run bench -- backbone`).
 */
export const WITHOUT_TILES = 'ORT_GQA_DISABLE_FLASH_ATTENTION';

function isComputed(form: NetworkForm): form is ComputedWeights {
  return form === 'float32' || form === 'int8';
}

/** Data that a graph names a file for. */
export interface ExternalData {
  readonly path: string;
  readonly data: Uint8Array;
}

/** A graph whose weights are computed, and all the data that it is to be given. */
export interface ComputedGraph {
  /** The ONNX file, relative to the folder. */
  readonly graph: string;
  readonly external: readonly ExternalData[];
}

/** Weights that are computed in one step of some 25 ms: a message that comes in need not wait longer. */
const STEP = 4e6;

/**
 * Computes the weights of a backbone, in short steps.
 * @returns undefined where the model folder has no graph for such weights
 */
export async function* computeBackbone(
  { manifest: { float32, int8 }, file }: ModelFolder,
  weights: ComputedWeights,
): AsyncGenerator<undefined, ComputedGraph | undefined> {
  const chosen = weights === 'float32' ? float32 : int8;
  if (!chosen || !float32) {
    return undefined;
  }
  const { matrices } = float32;
  const files = new GraphFiles(file(chosen.backbone));
  const external = await files.named(chosen.data);
  // One room for all that is needed no longer than a matrix is rounded.
  const room = new Float32Array(weights === 'int8' ? Math.max(0, ...matrices.map(sizeOf)) : 0);
  let computed = 0;
  for (const name of new Set(matrices.map((recipe) => recipe.file))) {
    const blocks = await files.read(name);
    for (const recipe of matrices.filter((candidate) => candidate.file === name)) {
      const matrix = blocksOf(recipe, blocks);
      external.push(
        ...(weights === 'float32'
          ? [{ path: `${recipe.name}.float32`, data: bytesOf(expand(matrix)) }]
          : inInt8(
              recipe.name,
              expand(matrix, room.subarray(0, sizeOf(recipe))),
              recipe.columns,
              int8?.outliers[recipe.name] ?? [],
            )),
      );
      computed += sizeOf(recipe);
      if (computed >= STEP) {
        computed = 0;
        yield;
      }
    }
  }
  return { graph: chosen.backbone, external };
}

/** Takes all steps at once. @returns what they come to */
export async function inOne<Result>(steps: AsyncGenerator<undefined, Result>): Promise<Result> {
  for (;;) {
    const { done, value } = await steps.next();
    if (done) {
      return value;
    }
  }
}

/**
 * Computes the weights of a head in 8 bits.
 * @returns undefined where the model folder has no graph for such weights
 */
async function computeHead({ manifest: { int8 }, file }: ModelFolder): Promise<ComputedGraph | undefined> {
  if (!int8) {
    return undefined;
  }
  const { graph, data, matrix } = int8.head;
  const { rows, columns, part } = matrix;
  const files = new GraphFiles(file(graph));
  const external = await files.named(data);
  const bytes = await files.read(matrix.file);
  const perRow = columns / BLOCK;
  const room = new Float32Array(part * columns);
  for (let start = 0; start < rows; start += part) {
    const count = Math.min(part, rows - start);
    const blocks = {
      columns,
      values: bytes.subarray(matrix.values + start * columns, matrix.values + (start + count) * columns),
      scales: halvesAt(bytes, matrix.scales + 2 * start * perRow, count * perRow),
    };
    const exact = expandBytes(blocks, room.subarray(0, count * columns));
    external.push(...inInt8(`head.${start}`, exact, columns, int8.outliers.head));
  }
  return { graph, external };
}

/** The number of a matrix's weights. */
function sizeOf({ rows, columns }: MatrixRecipe): number {
  return rows * columns;
}

/** The data files beside a graph, each read once. */
class GraphFiles {
  readonly #read = new Map<string, Promise<Uint8Array>>();

  /** @param graph absolute path of the ONNX file */
  constructor(private readonly graph: string) {}

  /** @param name relative to the graph's folder */
  read(name: string): Promise<Uint8Array> {
    const read = this.#read.get(name) ?? readFile(join(dirname(this.graph), name));
    this.#read.set(name, read);
    return read;
  }

  /** Whole files as a graph names them: one that is given any data is given all of it. */
  async named(names: readonly string[]): Promise<ExternalData[]> {
    return Promise.all(names.map(async (path) => ({ path, data: await this.read(path) })));
  }
}

/** What a graph is handed for a matrix in 8 bits. */
function inInt8(
  name: string,
  weights: Float32Array,
  columns: number,
  aside: readonly number[],
): readonly ExternalData[] {
  const { values, scales, outliers } = toInt8(weights, columns, aside);
  return [
    { path: `${name}.int8`, data: bytesOf(values) },
    { path: `${name}.scales`, data: bytesOf(scales) },
    ...(outliers.length > 0 ? [{ path: `${name}.outliers`, data: bytesOf(outliers) }] : []),
  ];
}

function bytesOf({ buffer }: { readonly buffer: ArrayBuffer }): Uint8Array {
  return new Uint8Array(buffer);
}

/** A view of float16 numbers in a file, as bits. */
function halvesAt(file: Uint8Array, offset: number, count: number): Uint16Array {
  // A file of its own length is no slice of a pool, so that offsets of even bytes stay even.
  return new Uint16Array(file.buffer, file.byteOffset + offset, count);
}

/** The blocks of a matrix as views of its file's bytes. */
function blocksOf(
  { rows, columns, values, scales, minimums }: MatrixRecipe,
  file: Uint8Array,
): QuantizedMatrix {
  const blocks = (rows * columns) / BLOCK;
  return {
    rows,
    columns,
    values: file.subarray(values, values + (rows * columns) / 2),
    scales: halvesAt(file, scales, blocks),
    minimums: halvesAt(file, minimums, blocks),
  };
}

/** The sessions of a network's two graphs. */
export interface Sessions {
  backbone: InferenceSession;
  head: InferenceSession;
}

/**
 * Creates the sessions of the backbone and of the head. Computed weights are for a moment in memory more than once,
 * before ONNX Runtime has arranged them as its matrix product wants them.
 * @throws ModelError when a graph or the device cannot be used
 */
export async function createSessions(
  runtime: Runtime,
  folder: ModelFolder,
  options: NetworkOptions,
): Promise<Sessions> {
  const form = new Form(runtime, folder, options);
  const backbone = await form.create('backbone');
  try {
    return { backbone, head: await form.create('head') };
  } catch (error) {
    await backbone.release();
    throw error;
  }
}

/** A network has lost a session for good. */
export class NetworkLostError extends Error {
  constructor(cause: unknown) {
    super(`A part of the model could not be loaded again: ${messageOf(cause)}`, { cause });
    this.name = 'NetworkLostError';
  }
}

/**
 * Puts the sessions of another form of the same network in the place of those that there are, in steps that block the
 * thread: the two that create a session for longer than a run does. Of a graph there is never more than one session, so
 * that the memory of one is enough.
 * @param current the form that the sessions have
 * @throws ModelError when a graph cannot be loaded; its former session is loaded again then
 * @throws NetworkLostError when that fails, too: the network cannot be used any more
 */
export async function* exchangeSessions(
  runtime: Runtime,
  folder: ModelFolder,
  sessions: Sessions,
  current: NetworkOptions,
  next: NetworkOptions,
): AsyncGenerator<undefined, void> {
  const former = new Form(runtime, folder, current);
  const form = new Form(runtime, folder, next);
  const exchange = async (graph: keyof Sessions): Promise<void> => {
    await sessions[graph].release();
    try {
      sessions[graph] = await form.create(graph);
    } catch (error) {
      sessions[graph] = await former.create(graph).catch((again: unknown) => {
        throw new NetworkLostError(again);
      });
      throw error;
    }
  };
  yield* form.computeBackbone();
  yield;
  await exchange('backbone');
  yield;
  await exchange('head');
}

/** One form of a network: makes its sessions. */
class Form {
  #computed: ComputedGraph | undefined;

  constructor(
    private readonly runtime: Runtime,
    private readonly folder: ModelFolder,
    private readonly options: NetworkOptions,
  ) {}

  /** Computes the backbone's weights, if they are in no file, for the session that is created next. */
  async *computeBackbone(): AsyncGenerator<undefined, void> {
    const { weights } = this.options;
    try {
      this.#computed = isComputed(weights) ? yield* computeBackbone(this.folder, weights) : undefined;
    } catch (error) {
      throw ofTheFiles(error);
    }
  }

  async create(graph: keyof Sessions): Promise<InferenceSession> {
    const { split } = this.folder;
    if (split) {
      const { source, weights } = split;
      const own = graph === 'backbone' ? await this.#branching(() => split.backbone) : undefined;
      return createSession(this.runtime, source, this.options, {
        graph: own ?? split[graph],
        weights,
        advice: 'Choose another file or export of the model.',
      });
    }
    const session = await (graph === 'backbone' ? this.#createBackbone() : this.#createHead());
    if (isComputed(this.options.weights)) {
      // The runtime has copies of its own, and nothing here holds what was computed any more.
      collect();
    }
    return session;
  }

  async #createBackbone(): Promise<InferenceSession> {
    if (!this.#computed) {
      await inOne(this.computeBackbone());
    }
    const computed = this.#computed;
    this.#computed = undefined;
    const { graphs, float16 } = this.folder.manifest;
    const isHalf = this.options.weights === 'float16' && float16;
    const file = computed?.graph ?? (isHalf ? float16.backbone : graphs.backbone);
    const branching = await this.#branching(() => readFile(this.folder.file(file)));
    return this.#create(file, computed, branching);
  }

  /** A backbone that can read branches, where it can. A CPU is the only device on which that was seen to be right. */
  async #branching(read: () => Uint8Array | Promise<Uint8Array>): Promise<Uint8Array | undefined> {
    try {
      return this.options.provider === 'cpu' ? withBranches(await read()) : undefined;
    } catch {
      // ONNX Runtime says what is wrong with it.
      return undefined;
    }
  }

  async #createHead(): Promise<InferenceSession> {
    const { graphs, quantized } = this.folder.manifest;
    const { weights, provider } = this.options;
    let computed: ComputedGraph | undefined;
    try {
      computed = weights === 'int8' ? await computeHead(this.folder) : undefined;
    } catch (error) {
      throw ofTheFiles(error);
    }
    const isSmall = weights === 'quantized' && provider === 'cpu' && quantized;
    return this.#create(computed?.graph ?? (isSmall ? quantized.head : graphs.head), computed);
  }

  /** @param graph the graph itself, where it is not as it is in its file */
  async #create(
    name: string,
    computed: ComputedGraph | undefined,
    graph?: Uint8Array,
  ): Promise<InferenceSession> {
    const { runtime, folder, options } = this;
    const file = folder.file(name);
    const own = graph && { graph, weights: dirname(file) };
    if (!computed) {
      return createSession(runtime, file, options, {
        ...own,
        isExpanded: name === folder.manifest.graphs.head,
      });
    }
    // What the weights were computed from.
    collect();
    return createSession(runtime, file, options, { ...own, externalData: computed.external });
  }
}

/** What is thrown when weights cannot be computed: they lie elsewhere in their files, or there is no room for them. */
function ofTheFiles(error: unknown): unknown {
  return error instanceof RangeError
    ? new ModelError(
        'model-invalid',
        `The weights cannot be computed from the model's files: ${error.message}`,
        adviceFor(error, 'The model folder does not fit its manifest: get it again.'),
        error,
      )
    : error;
}

/** Gives memory back at once. (A process that offers no collection does it when it likes.) */
function collect(): void {
  globalThis.gc?.();
}

/**
 * Whether the CPU keeps the sums of 8-bit products whole. Without an instruction for them (VNNI on x86) ONNX Runtime
 * adds pairs of products in 16 bits, which overflow.
 * @param products a graph that multiplies bytes x [N, K] by signed bytes w [K, M], or its file's path
 * @throws ModelError when it cannot be loaded
 */
export async function addsBytesExactly(runtime: Runtime, products: string | Uint8Array): Promise<boolean> {
  const [rows, inner, columns] = [8, 64, 16];
  const [path, own] = typeof products === 'string' ? [products, {}] : ['8-bit products', { graph: products }];
  const session = await createSession(runtime, path, { provider: 'cpu', threads: 1 }, own);
  const bytes = new Uint8Array(rows * inner).fill(255);
  const signed = new Int8Array(inner * columns).map((_, i) => (i % columns < columns / 2 ? 127 : -127));
  const results = await session.run({
    x: new runtime.Tensor('uint8', bytes, [rows, inner]),
    w: new runtime.Tensor('int8', signed, [inner, columns]),
  });
  await session.release();
  const sums = results.products.data as Int32Array;
  return sums.every((sum, i) => sum === 255 * inner * signed[i % columns]);
}

/**
 * Whether a model has weights in 8 bits, and the CPU multiplies them right.
 * @throws ModelError when that cannot be tried
 */
export async function canMultiplyInt8(runtime: Runtime, { manifest, file }: ModelFolder): Promise<boolean> {
  return manifest.int8 !== undefined && addsBytesExactly(runtime, file(manifest.int8.products));
}

/** What one graph's session has of its own. */
interface OwnOptions {
  /** The graph itself, where it is no file of its own. */
  readonly graph?: Uint8Array;
  /** The folder of its data files then. */
  readonly weights?: string;
  readonly externalData?: readonly ExternalData[];
  /** Whether an 8-bit matrix becomes float32 while constants are folded. */
  readonly isExpanded?: boolean;
  /** What to do when the CPU cannot use the graph. */
  readonly advice?: string;
}

/**
 * Creates the session of a graph.
 * @param path of its file, or of the one that it is from
 * @throws ModelError when the graph or the device cannot be used
 */
async function createSession(
  runtime: Runtime,
  path: string,
  { provider, threads }: Pick<NetworkOptions, 'provider' | 'threads'>,
  { graph, weights, externalData, isExpanded = false, advice = 'Get the model folder again.' }: OwnOptions,
): Promise<InferenceSession> {
  process.env[WITHOUT_TILES] ??= '1';
  try {
    const options: InferenceSession.SessionOptions = {
      // The CPU stands behind every other provider for the operators that it lacks.
      executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      // The context grows from run to run: what is learned about one run's memory is of no use to another's.
      enableMemPattern: false,
      logId: basename(path),
      logSeverityLevel: 3,
      extra: {
        session: {
          // By default the operator that makes a matrix float32 is left out when constants are folded.
          disable_quant_qdq: isExpanded ? '1' : '0',
          // Backbone and head run in turn: one's threads must not wait for work on the cores that the other needs.
          force_spinning_stop: '1',
          ...(weights === undefined ? {} : { model_external_initializers_file_folder_path: weights }),
        },
      },
      ...(externalData ? { externalData } : {}),
    };
    // ONNX Runtime takes a path or a graph's bytes.
    return await runtime.InferenceSession.create((graph ?? path) as string, options);
  } catch (error) {
    throw new ModelError(
      provider === 'cpu' ? 'model-invalid' : 'device',
      `ONNX Runtime cannot load ${path} on ${provider}: ${messageOf(error).split('\n')[0]}`,
      adviceFor(error, provider === 'cpu' ? advice : 'Choose another device, or auto.'),
      error,
    );
  }
}
