import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as onnxRuntime from 'onnxruntime-node';
import { openModelFolder } from '../../src/model/folder';
import { Network } from '../../src/model/network';
import type { Runtime, WeightsInMemory } from '../../src/model/sessions';
import { MODEL } from '../support/paths';

/** What ONNX Runtime's profiler says of one operator that ran. */
interface ProfilerEvent {
  readonly cat: string;
  readonly name: string;
  readonly args: { readonly op_name: string };
}

const NEW_POSITIONS = 16;

describe('order in which ONNX Runtime runs the graphs', function () {
  this.timeout(120_000);
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'surprisal-profile-'));
  });

  after(() => rm(folder, { recursive: true, force: true }));

  /** The operators of the backbone and of the head, as they run for a second chunk of a page. */
  async function operators(weights: WeightsInMemory): Promise<{ backbone: string[]; head: string[] }> {
    const sessions: onnxRuntime.InferenceSession[] = [];
    const runtime: Runtime = {
      Tensor: onnxRuntime.Tensor,
      InferenceSession: {
        async create(path, options) {
          const profile = join(folder, `${weights}-${sessions.length}-`);
          const profiled = { ...options, enableProfiling: true, profileFilePrefix: profile };
          const session = await onnxRuntime.InferenceSession.create(path, profiled);
          sessions.push(session);
          return session;
        },
      },
    };
    const model = await openModelFolder(MODEL);
    const network = await Network.load(runtime, model, { provider: 'cpu', threads: 2, weights });
    const past = network.newCache(2 * NEW_POSITIONS);
    const ids = Uint32Array.from(model.manifest.verification.ids.slice(0, NEW_POSITIONS));
    const hidden = await network.run(ids, past);
    await network.score(hidden, ids);
    const orders: string[][] = [];
    for (const [index, session] of sessions.entries()) {
      session.endProfiling();
      const file = (await readdir(folder)).find((name) => name.startsWith(`${weights}-${index}-`));
      const events = JSON.parse(await readFile(join(folder, file ?? ''), 'utf8')) as ProfilerEvent[];
      orders.push(
        events
          .filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'))
          .map(({ args }) => args.op_name),
      );
    }
    await network.release();
    return { backbone: orders[0], head: orders[1] };
  }

  /** Of a list of operators only those of some kinds. */
  const only = (kinds: readonly string[], order: readonly string[]) =>
    order.filter((kind) => kinds.includes(kind));

  for (const weights of ['quantized', 'float32', 'int8'] as const) {
    it(`lets a layer's keys and values go before the next layer runs (${weights})`, async () => {
      const { backbone } = await operators(weights);
      const order = only(['GroupQueryAttention', 'Slice'], backbone);
      const layer = ['GroupQueryAttention', 'Slice', 'Slice'];
      assert.deepEqual(order, Array.from({ length: 30 }, () => layer).flat());
    });
  }

  for (const [weights, part] of [
    // The part's matrix becomes float32 in the run, or has become so when the graph was loaded.
    ['quantized', ['DequantizeLinear', 'Gemm', 'Exp']],
    ['float32', ['Gemm', 'Exp']],
  ] as const) {
    it(`scores one part of the vocabulary before it multiplies the next (${weights})`, async () => {
      const { head } = await operators(weights);
      const order = only(['DequantizeLinear', 'Gemm', 'Exp'], head);
      // Each part's exponentials follow its product; the last are those of the parts' weights.
      assert.deepEqual(order, [...Array.from({ length: 32 }, () => part).flat(), 'Exp']);
    });
  }
});
