import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import * as onnxRuntime from 'onnxruntime-node';
import { type Branch, withBranches } from '../../src/model/branches';
import { openModelFolder } from '../../src/model/folder';
import type { KeyValueCache } from '../../src/model/keyValueCache';
import { Network } from '../../src/model/network';
import type { Runtime } from '../../src/model/sessions';
import { HUB_MODEL, TINY_MODEL } from '../support/paths';
import { largestDifference } from '../support/scoring';

const OPTIONS = { provider: 'cpu', threads: 1, weights: 'quantized' } as const;

/** As far as the sums of runs of different lengths are apart. */
const ROUNDING = 1e-4;

/** A network whose runs of the backbone are counted. */
async function counted(model: string): Promise<{ network: Network; runs: number[] }> {
  const runs: number[] = [];
  const { InferenceSession, Tensor } = onnxRuntime;
  const create: Runtime['InferenceSession']['create'] = async (path, options) => {
    const session = await InferenceSession.create(path, options);
    return Object.create(session, {
      inputMetadata: { get: () => session.inputMetadata },
      outputMetadata: { get: () => session.outputMetadata },
      release: { value: () => session.release() },
      run: {
        value: (feeds: onnxRuntime.InferenceSession.FeedsType, outputs: string[]) => {
          runs.push(feeds.input_ids.dims[1]);
          return session.run(feeds, outputs);
        },
      },
    });
  };
  const network = await Network.load(
    { InferenceSession: { create }, Tensor },
    await openModelFolder(model),
    OPTIONS,
  );
  return { network, runs };
}

describe('branches of a context', () => {
  for (const [kind, model, isAtOnce] of [
    ['in one run', TINY_MODEL, true],
    ['one after the other, where the attention cannot be told what to see', HUB_MODEL, false],
  ] as const) {
    it(`are read as if there were nothing else: ${kind}`, async () => {
      const { network, runs } = await counted(model);
      const { vocabularySize, hidden } = network.manifest;
      const id = fc.integer({ min: 0, max: vocabularySize - 1 });
      const ids = (most: number) =>
        fc.array(id, { minLength: 1, maxLength: most }).map((list) => Uint32Array.from(list));
      try {
        await fc.assert(
          fc.asyncProperty(
            ids(60),
            fc.array(fc.tuple(fc.nat(59), ids(12)), { minLength: 1, maxLength: 6 }),
            async (context, chosen) => {
              const branches: Branch[] = chosen.map(([from, own]) => ({
                from: Math.min(from, context.length),
                ids: own,
              }));
              const past = network.newCache(100);
              await network.run(context, past);
              const before = copyOf(past);
              runs.length = 0;
              const values = await network.runBranches(branches, past);
              assert.equal(runs.length, isAtOnce ? 1 : branches.length);
              if (isAtOnce) {
                assert.deepEqual(copyOf(past), before);
              } else {
                assert.equal(past.length, Math.min(...branches.map(({ from }) => from)));
              }
              let done = 0;
              for (const branch of branches) {
                const all = Uint32Array.of(...context.subarray(0, branch.from), ...branch.ids);
                const alone = (await network.run(all)).subarray(branch.from * hidden);
                const read = values.subarray(done, done + alone.length);
                assert.ok(largestDifference(read, alone) < ROUNDING);
                done += alone.length;
              }
              assert.equal(done, values.length);
            },
          ),
          { numRuns: 60 },
        );
      } finally {
        await network.release();
      }
    });
  }

  it('take several runs where they are many, and their turn where the context leaves no room in the window', async () => {
    const { network, runs } = await counted(TINY_MODEL);
    const { contextWindow } = network.manifest;
    try {
      const past = network.newCache(contextWindow);
      const branches = Array.from({ length: 40 }, (_, index) => ({
        from: index,
        ids: new Uint32Array(12).fill(65),
      }));
      await network.run(new Uint32Array(50).fill(66), past);
      runs.length = 0;
      await network.runBranches(branches, past);
      assert.deepEqual(runs, [252, 228]);
      await network.run(new Uint32Array(contextWindow - 60).fill(66), past);
      runs.length = 0;
      await network.runBranches([{ from: 3, ids: new Uint32Array(12) }], past);
      assert.deepEqual([runs, past.length], [[12], 3]);
      await assert.rejects(network.runBranches([{ from: 4, ids: Uint32Array.of(1) }], past), RangeError);
      await assert.rejects(
        network.runBranches([{ from: 3, ids: new Uint32Array(contextWindow) }], past),
        RangeError,
      );
    } finally {
      await network.release();
    }
  });

  it('leave a run without them as it is, to the bit', async () => {
    const folder = await openModelFolder(TINY_MODEL);
    const { network } = await counted(TINY_MODEL);
    const session = await onnxRuntime.InferenceSession.create(folder.file(folder.manifest.graphs.backbone));
    const { layers, keyValueHeads, headDim } = folder.manifest;
    try {
      const ids = Uint32Array.from({ length: 200 }, (_, index) => index);
      const { Tensor } = onnxRuntime;
      const feeds: Record<string, onnxRuntime.Tensor> = {
        input_ids: new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]),
        attention_mask: new Tensor('int64', new BigInt64Array(ids.length).fill(1n), [1, ids.length]),
      };
      for (let layer = 0; layer < layers; layer++) {
        for (const part of ['key', 'value']) {
          const none = new Tensor('float32', new Float32Array(), [1, keyValueHeads, 0, headDim]);
          feeds[`past_key_values.${layer}.${part}`] = none;
        }
      }
      const { hidden_states } = await session.run(feeds, ['hidden_states']);
      assert.deepEqual(await network.run(ids), hidden_states.data);
    } finally {
      await session.release();
      await network.release();
    }
  });

  it('are for a graph whose attention counts the positions, and looks at all of them', async () => {
    const folder = await openModelFolder(TINY_MODEL);
    const graph = await readFile(folder.file(folder.manifest.graphs.backbone));
    assert.ok(withBranches(graph));
    const [without, ...rest] = ['do_rotary', 'past_key_values.1.key'].map((name) => {
      const other = Buffer.from(graph);
      // As long as it was, so that all else stays in its place.
      for (let at = other.indexOf(name); at >= 0; at = other.indexOf(name)) {
        other.write('x'.repeat(name.length), at);
      }
      return withBranches(other);
    });
    assert.deepEqual([without, ...rest], [undefined, undefined]);
    assert.throws(() => withBranches(Buffer.from('no graph')), /no ONNX file|begins no field/);
  });
});

/** All that a cache holds. */
function copyOf(cache: KeyValueCache) {
  return cache.views().map((values) => values.slice());
}
