/** How a model folder's graphs are loaded. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { ModelError } from './errors';
import { BLOCK, expand, type QuantizedMatrix } from './expand';
import type { MatrixRecipe, ModelFolder } from './folder';
import { toInt8 } from './int8';

/** ONNX Runtime, as the engine's host loads it. */
export interface Runtime {
  readonly InferenceSession: {
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
  /** How the backbone's weights are kept in memory; as in the file where the folder has no other graph. */
  readonly weights: WeightsInMemory;
}

/**
 * How the backbone's weights are kept in memory: 4-bit as on disk; as float32, which a CPU multiplies faster, with the
 * same values; or rounded to 8 bits, like what they are multiplied by, which some CPUs multiply far faster yet.
 */
export type WeightsInMemory = 'quantized' | ComputedWeights;

/** Weights that are in no file: they are computed from the 4-bit ones when the model is loaded. */
export type ComputedWeights = 'float32' | 'int8';

/**
 * Read by ONNX Runtime when it creates a session. On a CPU its attention is then done a head at a time and not tile by
 * tile, which takes half to three quarters of the time where it was measured (`npm run bench -- backbone`).
 */
export const WITHOUT_TILES = 'ORT_GQA_DISABLE_FLASH_ATTENTION';

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

/**
 * Computes the weights of a backbone.
 * @returns undefined where the model folder has no graph for such weights
 */
export async function computeWeights(
  { manifest: { float32, int8 }, file }: ModelFolder,
  weights: ComputedWeights,
): Promise<ComputedGraph | undefined> {
  const chosen = weights === 'float32' ? float32 : int8;
  if (!chosen || !float32) {
    return undefined;
  }
  const { matrices } = float32;
  const read = (name: string) => readFile(join(dirname(file(chosen.backbone)), name));
  // A graph that is given any data is given all of it.
  const external: ExternalData[] = [];
  for (const path of chosen.data) {
    external.push({ path, data: await read(path) });
  }
  const give = (path: string, { buffer }: { readonly buffer: ArrayBuffer }) =>
    external.push({ path, data: new Uint8Array(buffer) });
  for (const name of new Set(matrices.map((recipe) => recipe.file))) {
    const blocks = external.find(({ path }) => path === name)?.data ?? (await read(name));
    for (const recipe of matrices.filter((candidate) => candidate.file === name)) {
      const exact = expand(blocksOf(recipe, blocks));
      if (weights === 'float32') {
        give(`${recipe.name}.float32`, exact);
        continue;
      }
      const { values, scales, outliers } = toInt8(exact, recipe.columns, int8?.outliers[recipe.name] ?? []);
      give(`${recipe.name}.int8`, values);
      give(`${recipe.name}.scales`, scales);
      if (outliers.length > 0) {
        give(`${recipe.name}.outliers`, outliers);
      }
    }
  }
  return { graph: chosen.backbone, external };
}

/** The blocks of a matrix as views of its file's bytes. */
function blocksOf(
  { rows, columns, values, scales, minimums }: MatrixRecipe,
  file: Uint8Array,
): QuantizedMatrix {
  const blocks = (rows * columns) / BLOCK;
  // A file of its own length is no slice of a pool, so that offsets of even bytes stay even.
  const halves = (offset: number) => new Uint16Array(file.buffer, file.byteOffset + offset, blocks);
  return {
    rows,
    columns,
    values: file.subarray(values, values + (rows * columns) / 2),
    scales: halves(scales),
    minimums: halves(minimums),
  };
}

/**
 * Creates the backbone's session. Computed weights are for a moment in memory more than once, before ONNX Runtime has
 * arranged them as its matrix product wants them.
 * @throws ModelError when the graph or the device cannot be used
 */
export async function createBackbone(
  runtime: Runtime,
  folder: ModelFolder,
  options: NetworkOptions,
): Promise<InferenceSession> {
  const { weights } = options;
  const computed = weights === 'quantized' ? undefined : await computeWeights(folder, weights);
  if (!computed) {
    return createSession(runtime, folder.file(folder.manifest.graphs.backbone), options, {});
  }
  const session = await createSession(runtime, folder.file(computed.graph), options, {
    externalData: computed.external,
  });
  // The runtime has copies of its own. (A process that offers no collection does it when it likes.)
  setImmediate(() => globalThis.gc?.());
  return session;
}

/**
 * Whether the CPU keeps the sums of 8-bit products whole. Without an instruction for them (VNNI on x86) ONNX Runtime
 * adds pairs of products in 16 bits, which overflow.
 * @param products path of a graph that multiplies bytes x [N, K] by signed bytes w [K, M]
 * @throws ModelError when it cannot be loaded
 */
export async function addsBytesExactly(runtime: Runtime, products: string): Promise<boolean> {
  const [rows, inner, columns] = [8, 64, 16];
  const session = await createSession(runtime, products, { provider: 'cpu', threads: 1 }, {});
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
 * Creates the session of a graph.
 * @param own options beside those that all graphs have
 * @throws ModelError when the graph or the device cannot be used
 */
export async function createSession(
  runtime: Runtime,
  path: string,
  { provider, threads }: Pick<NetworkOptions, 'provider' | 'threads'>,
  own: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  process.env[WITHOUT_TILES] ??= '1';
  try {
    return await runtime.InferenceSession.create(path, {
      // The CPU stands behind every other provider for the operators that it lacks.
      executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      logSeverityLevel: 3,
      extra: {
        session: {
          // The head's 8-bit matrix becomes float32 while constants are folded, which leaves out its operator by default.
          disable_quant_qdq: '1',
          // Backbone and head run in turn: one's threads must not wait for work on the cores that the other needs.
          force_spinning_stop: '1',
        },
      },
      ...own,
    });
  } catch (error) {
    throw new ModelError(
      provider === 'cpu' ? 'model-invalid' : 'device',
      `ONNX Runtime cannot load ${path} on ${provider}: ${(error as Error).message.split('\n')[0]}`,
      provider === 'cpu' ? 'Get the model folder again.' : 'Choose another device, or auto.',
      error,
    );
  }
}
