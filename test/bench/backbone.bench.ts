/**
 * How much of the machine's own matrix-multiply rate the backbone reaches, with its weights as float32 and as 4-bit.
 *
 * The limit is one large float32 product of ONNX Runtime's, whose right side is a constant, as a model's weights are;
 * it is measured in turn with the backbone. Counted are the multiply-adds of the weights and of causal attention:
 * what norms, activations and softmax cost is what the backbone loses.
 *
 *   npm run bench -- backbone
 *   SURPRISAL_BENCH_REPEATS=40    that many repeats instead of 15
 */
import * as runtime from 'onnxruntime-node';
import { physicalCores, WEIGHTS_CHOICES } from '../../src/model/devices';
import { type ModelManifest, openModelFolder } from '../../src/model/folder';
import { Network, type WeightsInMemory } from '../../src/model/network';
import { MODEL } from '../support/paths';
import { matrixProduct } from './matrixProduct';
import { machine, type Row, report } from './report';

/** Tokens that go through the backbone at once: the engine's own number, and the one that the target is about. */
const LENGTHS = [256, 512];
/** Sides of the large product's constant matrix. */
const SIDE = 1536;

/** Floating-point operations, two for each multiply-add, of a run of T tokens at the start of a context. */
function operations({ float32, layers, hidden }: ModelManifest, tokens: number): number {
  const weights = (float32?.matrices ?? []).reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  // Each token looks at itself and those before it: a product for the scores, and one with the values.
  const attention = layers * 2 * hidden * ((tokens + 1) / 2);
  return 2 * tokens * (weights + attention);
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
  const rows: Row[] = [];
  for (const threads of new Set([all, 1])) {
    const networks = new Map<WeightsInMemory, Network>();
    for (const weights of WEIGHTS_CHOICES) {
      if (weights !== 'auto') {
        networks.set(weights, await Network.load(runtime, folder, { provider: 'cpu', threads, weights }));
      }
    }
    const product = await matrixProduct(SIDE, SIDE, threads);
    for (const length of LENGTHS) {
      const ids = Uint32Array.from(
        { length },
        (_, i) => manifest.verification.ids[i % manifest.verification.ids.length],
      );
      /** Operations per second, in billions. */
      const limit: number[] = [];
      const rates = new Map([...networks.keys()].map((weights) => [weights, [] as number[]]));
      // The first repeat warms up.
      for (let repeat = 0; repeat <= repeats; repeat++) {
        limit.push((2 * length * SIDE * SIDE) / (await seconds(() => product.run(length))) / 1e9);
        for (const [weights, network] of networks) {
          const time = await seconds(() => network.run(ids, undefined, false));
          rates.get(weights)?.push(operations(manifest, length) / time / 1e9);
        }
      }
      const place = `${length} tokens, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
      const samples = limit.slice(1);
      rows.push({ name: `${place}: one float32 product of ${SIDE} × ${SIDE}`, unit: 'GFLOP/s', samples });
      for (const [weights, rate] of rates) {
        rows.push({
          name: `${place}: backbone, ${weights}`,
          unit: 'GFLOP/s',
          samples: rate.slice(1),
          paired: [{ name: 'the product', samples }],
        });
      }
    }
    await product.release();
    for (const network of networks.values()) {
      await network.release();
    }
  }
  await report('backbone', { ...before, model: manifest.name }, rows);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
