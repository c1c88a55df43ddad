/**
 * How much of the machine's own matrix-multiply rate the backbone reaches, with its weights as float32 and as 4-bit.
 *
 * The limit are large float32 products of ONNX Runtime's, whose right sides are constants, as a model's weights are;
 * they are measured in turn with the backbone. Counted are the multiply-adds of the weights and of attention (as in
 * Chowdhery et al. 2022, PaLM, appendix B, but of each token with itself and those before it only). What norms,
 * activations and softmax cost is what the backbone loses.
 *
 *   npm run bench -- backbone
 *   SURPRISAL_BENCH_REPEATS=40    that many repeats instead of 15
 */
import * as runtime from 'onnxruntime-node';
import { CHUNK } from '../../src/engine/layout';
import { physicalCores } from '../../src/model/devices';
import { type ModelManifest, openModelFolder } from '../../src/model/folder';
import type { KeyValueCache } from '../../src/model/keyValueCache';
import { Network } from '../../src/model/network';
import { type WeightsInMemory, WITHOUT_TILES } from '../../src/model/sessions';
import { MODEL } from '../support/paths';
import { hasInt8 } from './forms';
import { matrixProducts } from './matrixProducts';
import { machine, type Row, report } from './report';

/** Tokens from the start of a context: one chunk of the engine's, and the number that the target is about. */
const LENGTHS = [256, 512];
/** What is measured beside each other. */
const FORMS: readonly {
  readonly name: string;
  readonly weights: WeightsInMemory;
  readonly tiles: boolean;
}[] = [
  { name: 'float32 weights', weights: 'float32', tiles: false },
  { name: '4-bit weights', weights: 'quantized', tiles: false },
  { name: '8-bit weights', weights: 'int8', tiles: false },
  { name: 'float32 weights, attention in tiles', weights: 'float32', tiles: true },
];
/** Sides of the large products' constant matrices. */
const SIDE = 1536;

/** Floating-point operations, two for each multiply-add, of T tokens at the start of a context. */
function operations({ float32, layers, hidden }: ModelManifest, tokens: number): number {
  const weights = (float32?.matrices ?? []).reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  // A product for the scores, and one with the values, of each token with itself and those before it.
  const attention = layers * 2 * hidden * ((tokens + 1) / 2);
  return 2 * tokens * (weights + attention);
}

/** Runs tokens as the engine does: a chunk at a time, through the key-value cache. */
async function runInChunks(network: Network, ids: Uint32Array, past: KeyValueCache): Promise<void> {
  past.truncate(0);
  for (let from = 0; from < ids.length; from += CHUNK) {
    await network.run(ids.subarray(from, from + CHUNK), past);
  }
}

/** Seconds that something takes. */
async function seconds(run: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await run();
  return (performance.now() - before) / 1000;
}

async function main(): Promise<void> {
  const before = machine();
  const folder = await openModelFolder(MODEL);
  const { manifest } = folder;
  const all = physicalCores();
  const repeats = Number(process.env.SURPRISAL_BENCH_REPEATS) || 15;
  const forms = (await hasInt8(folder)) ? FORMS : FORMS.filter(({ weights }) => weights !== 'int8');
  const rows: Row[] = [];
  for (const threads of new Set([all, 1])) {
    const networks = new Map<string, { network: Network; past: KeyValueCache }>();
    for (const { name, weights, tiles } of forms) {
      process.env[WITHOUT_TILES] = tiles ? '0' : '1';
      const network = await Network.load(runtime, folder, { provider: 'cpu', threads, weights });
      networks.set(name, { network, past: network.newCache(Math.max(...LENGTHS)) });
    }
    const products = await matrixProducts(SIDE, threads);
    for (const length of LENGTHS) {
      const ids = Uint32Array.from(
        { length },
        (_, i) => manifest.verification.ids[i % manifest.verification.ids.length],
      );
      /** Operations per second, in billions. */
      const limit: number[] = [];
      const rates = new Map([...networks.keys()].map((form) => [form, [] as number[]]));
      // The first repeat warms up.
      for (let repeat = 0; repeat <= repeats; repeat++) {
        limit.push(products.operations(length) / (await seconds(() => products.run(length))) / 1e9);
        for (const [form, { network, past }] of networks) {
          const time = await seconds(() => runInChunks(network, ids, past));
          rates.get(form)?.push(operations(manifest, length) / time / 1e9);
        }
      }
      const place = `${length} tokens, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
      const samples = limit.slice(1);
      rows.push({ name: `${place}: float32 products of ${SIDE} × ${SIDE}`, unit: 'GFLOP/s', samples });
      for (const [form, rate] of rates) {
        rows.push({
          name: `${place}: backbone, ${form}`,
          unit: 'GFLOP/s',
          samples: rate.slice(1),
          paired: [{ name: 'the products', samples }],
        });
      }
    }
    await products.release();
    for (const { network } of networks.values()) {
      await network.release();
    }
  }
  await report('backbone', { ...before, model: manifest.name }, rows);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
