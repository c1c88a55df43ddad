import assert from 'node:assert/strict';
import { scoreFile } from '../../src/cli/scoreFile';
import { CancelledError, type EngineApi, type ScoreListener } from '../../src/engine/api';
import type { Distribution, EngineState } from '../../src/engine/protocol';

type Ready = Extract<EngineState, { kind: 'ready' }>;

const ids = Uint32Array.of(7);
const layout = {
  starts: Uint32Array.of(0),
  ends: Uint32Array.of(1),
  ids,
  pageStarts: Uint32Array.of(0),
  pageContexts: Int32Array.of(0),
};
const one = Float32Array.of(1);
const scores = { nats: one, entropy: one, varentropy: one, rank: Uint32Array.of(1) };
const onProgress = () => {};
const alternative = { id: 7, text: 'x', logit: 3, nats: 1 };

/**
 * An engine of texts of one token, whose device is the GPU up to the first question about alternatives, which it loses.
 */
class LosesTheDevice implements Partial<EngineApi> {
  readonly calls: string[] = [];
  #provider = 'webgpu';

  async ensureReady(): Promise<Ready> {
    const device = { provider: this.#provider, name: 'none', threads: 1, reasons: [] };
    return {
      kind: 'ready',
      model: { id: 'tiny', vocabularySize: 9, contextWindow: 8 },
      device,
    } as unknown as Ready;
  }

  async score(document: string, _text: unknown, _visible: unknown, listener: ScoreListener) {
    this.calls.push(`score ${document}`);
    listener.layout(layout, this.calls.length, 1);
    listener.scores(0, scores, 1);
    return { seconds: 1, tokensRun: 1, pagesCached: 0, pages: 1 };
  }

  async distributions(): Promise<readonly Distribution[]> {
    if (this.#provider === 'webgpu') {
      this.#provider = 'cpu';
      throw new CancelledError();
    }
    return [{ token: 0, top: [alternative] } as unknown as Distribution];
  }

  forget(document: string): void {
    this.calls.push(`forget ${document}`);
  }
}

describe('command line: the report of a file', () => {
  it('is made anew when the device is lost before the alternatives are there, and names the one that gave it', async () => {
    const engine = new LosesTheDevice();
    const report = await scoreFile(engine as unknown as EngineApi, 'a.txt', 'x', { top: 1, onProgress });
    assert.deepEqual(engine.calls, ['score a.txt', 'forget a.txt', 'score a.txt', 'forget a.txt']);
    assert.equal(report.device.provider, 'cpu');
    assert.deepEqual(report.tokens[0].top, [{ id: 7, text: 'x', nats: 1 }]);
  });

  it('says so when tokens are missing', async () => {
    const engine = new LosesTheDevice();
    engine.score = async (_document, _text, _visible, listener) => {
      listener.layout(layout, 1, 1);
      return { seconds: 1, tokensRun: 0, pagesCached: 0, pages: 1 };
    };
    await assert.rejects(
      scoreFile(engine as unknown as EngineApi, 'a.txt', 'x', { top: 0, onProgress }),
      /^Error: only 0 of 1 tokens came back/,
    );
    assert.deepEqual(engine.calls, ['forget a.txt'], 'nothing is kept for it');
  });
});
