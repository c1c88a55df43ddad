import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as onnxRuntime from 'onnxruntime-node';
import { loadOnDevice } from '../../src/engine/loading';
import type { FromHost } from '../../src/engine/protocol';
import { Scorer } from '../../src/engine/scorer';
import { availableMemory, chooseWeights, verify } from '../../src/model/devices';
import { ModelError } from '../../src/model/errors';
import { type ModelFolder, openModelFolder } from '../../src/model/folder';
import { Network } from '../../src/model/network';
import type { NetworkOptions, Runtime } from '../../src/model/sessions';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { MODEL, ROOT } from '../support/paths';
import { largestDifference } from '../support/scoring';

const FIRST: NetworkOptions = { provider: 'cpu', threads: 2, weights: 'quantized' };
const FASTER: NetworkOptions = { ...FIRST, weights: 'float32' };
/** As far as float32 sums in another order are apart, nats. */
const ROUNDING = 2e-3;

/** ONNX Runtime that lists the backbones and heads that it loads and lets go, and may lack the memory for one. */
function watched(fails?: string): { runtime: Runtime; events: string[] } {
  const { InferenceSession, Tensor } = onnxRuntime;
  const events: string[] = [];
  const create: Runtime['InferenceSession']['create'] = async (path, options) => {
    const graph = options.logId ?? assert.fail('no name');
    if (graph === fails) {
      throw new Error('std::bad_alloc');
    }
    const session = await InferenceSession.create(path, options);
    if (!/^(backbone|head)/.test(graph)) {
      return session;
    }
    events.push(`+ ${graph}`);
    const release = session.release.bind(session);
    session.release = async () => {
      events.push(`- ${graph}`);
      await release();
    };
    return session;
  };
  return { runtime: { InferenceSession: { create }, Tensor }, events };
}

describe('a network that goes over to a faster form', function () {
  this.timeout(120_000);
  let folder: ModelFolder;
  let tokenizer: ByteTokenizer;
  let network: Network | undefined;

  before(async () => {
    folder = await openModelFolder(MODEL);
    tokenizer = await ByteTokenizer.load(folder);
  });

  afterEach(async () => {
    await network?.release();
    network = undefined;
  });

  async function improveFully(one: Network): Promise<void> {
    while (one.canImprove) {
      await one.improve();
    }
  }

  it('has the same numbers before and after, and in a context that both have a part of', async () => {
    const { runtime, events } = watched();
    network = await Network.load(runtime, folder, FIRST, FASTER);
    const { ids, nats } = folder.manifest.verification;
    assert.ok((await verify(network, folder.manifest)).largest < ROUNDING);
    const past = network.newCache(ids.length);
    await network.run(Uint32Array.from(ids.slice(0, 200)), past);
    await improveFully(network);
    assert.deepEqual(events, [
      '+ backbone.onnx',
      '+ head-quantized.onnx',
      '- backbone.onnx',
      '+ backbone-float32.onnx',
      '- head-quantized.onnx',
      '+ head.onnx',
    ]);
    assert.ok((await verify(network, folder.manifest)).largest < ROUNDING);
    const rest = await network.run(Uint32Array.from(ids.slice(200, -1)), past);
    const scores = await network.score(rest, Uint32Array.from(ids.slice(201)));
    assert.ok(largestDifference(scores.nats, nats.slice(200)) < ROUNDING);
    await network.improve();
    assert.equal(events.length, 6, 'there is nothing left to do');
  });

  for (const [fails, graphs] of [
    ['backbone-float32.onnx', ['- backbone.onnx', '+ backbone.onnx']],
    [
      'head.onnx',
      ['- backbone.onnx', '+ backbone-float32.onnx', '- head-quantized.onnx', '+ head-quantized.onnx'],
    ],
  ] as const) {
    it(`goes on where there is no memory for ${fails}`, async () => {
      const { runtime, events } = watched(fails);
      network = await Network.load(runtime, folder, FIRST, FASTER);
      await assert.rejects(
        improveFully(network),
        (error) => error instanceof ModelError && /bad_alloc/.test(error.message),
      );
      assert.equal(network.canImprove, false);
      assert.deepEqual(events.slice(2), graphs);
      assert.ok((await verify(network, folder.manifest)).largest < ROUNDING);
    });
  }

  const WANTED = { device: 'cpu', threads: 2, weights: 'auto', excluded: {} } as const;
  const LISTENER = { log: () => {}, trying: () => {} };

  it('is left out where it cost the process its life before', async () => {
    const { runtime, events } = watched();
    const wanted = { ...WANTED, excluded: { faster: 'the process was ended.' } };
    const loaded = await loadOnDevice(runtime, folder, wanted, LISTENER);
    network = loaded.network;
    assert.deepEqual(events, ['+ backbone.onnx', '+ head-quantized.onnx']);
    assert.equal(network.canImprove, false);
    assert.ok(loaded.device.reasons.includes('Weights: 4-bit, for the process was ended.'));
  });

  it('is what a CPU gets when its weights are left open and the memory is there', async () => {
    const { runtime, events } = watched();
    const loaded = await loadOnDevice(runtime, folder, WANTED, LISTENER);
    network = loaded.network;
    const isThere = chooseWeights('auto', folder.manifest, availableMemory()).weights === 'float32';
    assert.deepEqual(events, ['+ backbone.onnx', '+ head-quantized.onnx']);
    assert.equal(network.canImprove, isThere);
    assert.match(
      loaded.device.reasons.join('\n'),
      isThere ? /Weights: float32 .*\nWeights until then: 4-bit, / : /Weights: 4-bit, /,
    );
  });

  describe('while it scores', () => {
    let scorer: Scorer | undefined;
    let events: string[];
    let messages: FromHost[];
    let next: ((message: FromHost) => void) | undefined;

    beforeEach(() => {
      messages = [];
    });

    afterEach(async () => {
      await scorer?.close();
      scorer = undefined;
      // The scorer has released it.
      network = undefined;
    });

    async function open(forms: [NetworkOptions, NetworkOptions?], fails?: string): Promise<Network> {
      const { runtime, events: happened } = watched(fails);
      events = happened;
      network = await Network.load(runtime, folder, ...forms);
      scorer = new Scorer(
        network,
        tokenizer,
        (message) => {
          messages.push(message);
          next?.(message);
        },
        (_request, error) => assert.fail(String(error)),
      );
      return network;
    }

    /** Begins to score a text; settled with the first message that is asked for. */
    function score(request: number, text: string, visible: number[], until: (message: FromHost) => boolean) {
      return new Promise<void>((resolve) => {
        next = (message) => until(message) && resolve();
        scorer?.score({ type: 'score', request, document: 'a', text, visible, only: undefined });
      });
    }

    function natsOf(request: number): number[] {
      const nats: number[] = [];
      for (const message of messages) {
        if (message.type === 'scores' && message.request === request) {
          for (const [i, value] of message.scores.nats.entries()) {
            nats[message.from + i] = value;
          }
        }
      }
      return nats;
    }

    /** Waits until a network has gone over to its faster form, or has tried to. */
    async function hasTried(one: Network): Promise<void> {
      for (let waited = 0; one.canImprove; waited += 100) {
        assert.ok(waited < 60_000, 'it should have gone over by now');
        await sleep(100);
      }
    }

    const isScored = (message: FromHost) => message.type === 'scored';

    it('waits until nothing was to be done for a while, and scores as before', async () => {
      const one = await open([FIRST, FASTER]);
      const text = await readFile(join(ROOT, 'demo/statistics.py'), 'utf8');
      await score(1, text, [0, text.length], isScored);
      // Who goes on asking is not kept waiting.
      for (let request = 2; request < 8; request++) {
        await sleep(300);
        await score(request, text, [0, text.length], isScored);
      }
      assert.equal(events.length, 2, 'nothing else was loaded');
      const before = natsOf(1);
      await hasTried(one);
      assert.equal(events.at(-1), '+ head.onnx');
      await score(8, `${text}\n`, [0, text.length], isScored);
      // An edit goes on from the keys and values of the 4-bit weights.
      const after = natsOf(8).slice(0, before.length - 1);
      assert.ok(largestDifference(after, before.slice(0, -1)) < ROUNDING);
      // Nothing of it is in the caches: all of it is of the float32 weights.
      await score(9, `\n${text}`, [0, text.length], isScored);
      await scorer?.close();
      await open([FASTER]);
      await score(10, `\n${text}`, [0, text.length], isScored);
      assert.deepEqual(natsOf(9), natsOf(10));
    });

    it('does not wait where much is left to score that is not on screen', async () => {
      const one = await open([FIRST, FASTER]);
      const files = ['src/engine/client.ts', 'src/engine/scorer.ts'];
      const text = (await Promise.all(files.map((file) => readFile(join(ROOT, file), 'utf8')))).join('\n');
      let pageStarts: Uint32Array | undefined;
      let seen = 0;
      let isImproved: boolean | undefined;
      await score(1, text, [0, 500], (message) => {
        if (message.type === 'layout') {
          const { layout } = message;
          assert.ok(layout.ids.length > 12_000, `${layout.ids.length} tokens`);
          pageStarts = layout.pageStarts;
        }
        if (message.type !== 'scores' || !pageStarts) {
          return false;
        }
        // What is on screen comes first, with what there is; all else has to wait.
        isImproved = !one.canImprove;
        seen++;
        return message.from >= pageStarts[1] || seen > 20;
      });
      assert.equal(isImproved, true);
      assert.ok(seen > 1 && events.at(-1) === '+ head.onnx');
    });

    it('says in the log that there is no memory for it, once, and scores on', async () => {
      const one = await open([FIRST, FASTER], 'backbone-float32.onnx');
      await score(1, 'one two three', [0, 13], isScored);
      await hasTried(one);
      await score(2, 'one two three four', [0, 18], isScored);
      await sleep(1500);
      const steps = messages.filter((message) => message.type === 'trying').map(({ trial }) => trial);
      assert.ok(steps.length > 2);
      assert.deepEqual(
        steps,
        steps.map((_, i) => (i % 2 === 0 ? 'faster' : undefined)),
      );
      assert.equal(steps.at(-1), undefined);
      const lines = messages.filter((message) => message.type === 'log').map(({ line }) => line);
      assert.equal(lines.length, 1);
      assert.match(lines[0], /^The faster form of the model is left out\. .*backbone-float32.*bad_alloc/);
      assert.equal(natsOf(2).length, 4);
    });
  });
});
