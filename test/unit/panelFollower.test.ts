import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { CancelledError } from '../../src/engine/api';
import type { Distribution, EngineState } from '../../src/engine/protocol';
import { LossMap } from '../../src/loss/lossMap';
import { Follower } from '../../src/panel/follower';
import type { PanelState } from '../../src/panel/messages';
import { PlainText } from '../../src/panel/state';

const TEXT = 'abcdef';
const READY: EngineState = {
  kind: 'ready',
  model: {
    id: 'm',
    name: 'Model',
    folder: '/m',
    parameters: 1,
    vocabularySize: 100,
    contextWindow: 64,
    hiddenSize: 8,
  },
  device: { provider: 'cpu', name: 'CPU', threads: 1, reasons: [] },
};

/** One token per letter, all scored. */
function newLosses(): LossMap {
  const starts = Uint32Array.from(TEXT, (_, index) => index);
  const ids = starts.slice();
  const losses = new LossMap({
    starts,
    ends: starts.map((start) => start + 1),
    ids,
    pageStarts: Uint32Array.of(0),
    pageContexts: Int32Array.of(0),
  });
  const numbers = new Float32Array(TEXT.length).fill(1);
  losses.write(0, {
    nats: numbers,
    entropy: numbers,
    varentropy: numbers,
    rank: new Uint32Array(TEXT.length),
  });
  return losses;
}

/** A follower whose questions are answered by hand. */
class Bench {
  losses = newLosses();
  cursor = 0;
  readonly shown: PanelState[] = [];
  /** Everything shown, in order: a state's answer, or an answer's logits. */
  readonly order: string[] = [];
  readonly asked: { token: number; answer(): void; fail(error: Error): void }[] = [];
  readonly follower = new Follower({
    input: () => ({
      engine: READY,
      unit: 'bits',
      document: { name: 'a', uri: 'a', text: new PlainText(TEXT), cursor: this.cursor, losses: this.losses },
    }),
    ask: (_losses, token) =>
      new Promise<Distribution>((resolve, reject) => {
        const target = { id: token, text: TEXT[token], logit: 0, nats: 1 };
        const answer = {
          token,
          target,
          rank: 1,
          logSumExp: 1,
          entropy: 1,
          top: [target],
          logits: new Float32Array(2),
        };
        this.asked.push({ token, answer: () => resolve(answer), fail: reject });
      }),
    showLogits: (answer) => {
      this.order.push(`logits ${answer}`);
    },
    show: (state) => {
      this.shown.push(state);
      this.order.push(`state ${state.token?.answer}`);
    },
  });

  get latest(): PanelState {
    return this.shown[this.shown.length - 1];
  }

  get tokens(): number[] {
    return this.asked.map(({ token }) => token);
  }

  async move(cursor: number): Promise<void> {
    this.cursor = cursor;
    this.follower.changed();
    await sleep(40);
  }
}

describe('panel: following the cursor', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.follower.stop());

  it('asks while the page is being made, and has the answer for its first state', async () => {
    const bench = new Bench();
    bench.cursor = 2;
    bench.follower.prepare();
    assert.deepEqual(bench.tokens, [2]);
    assert.deepEqual(bench.shown, []);
    bench.asked[0].answer();
    await sleep(1);
    assert.deepEqual(bench.shown, []);
    bench.follower.start();
    assert.equal(bench.shown.length, 1);
    assert.equal(bench.latest.token?.index, 2);
    assert.equal(bench.latest.pending, false);
    assert.deepEqual(bench.tokens, [2]);
    bench.follower.stop();
  });

  it('shows the present state at once and asks; then shows the answer', async () => {
    bench.follower.start();
    assert.equal(bench.latest.pending, true);
    bench.asked[0].answer();
    await sleep(5);
    assert.deepEqual([bench.latest.pending, bench.latest.token?.index], [false, 0]);
    await bench.move(0);
    assert.deepEqual(bench.tokens, [0], 'what is known is not asked again');
  });

  it('asks one question at a time, the next about where the cursor is then', async () => {
    bench.follower.start();
    await bench.move(1);
    await bench.move(2);
    await bench.move(3);
    assert.deepEqual(bench.tokens, [0]);
    bench.asked[0].answer();
    await sleep(5);
    assert.deepEqual(bench.tokens, [0, 3]);
    assert.deepEqual([bench.latest.focus, bench.latest.token?.index, bench.latest.pending], [3, 0, true]);
    bench.asked[1].answer();
    await sleep(5);
    assert.deepEqual([bench.latest.token?.index, bench.latest.pending], [3, false]);
  });

  it('shows the logits of an answer once, before the state, and anew for a new page', async () => {
    bench.follower.start();
    bench.asked[0].answer();
    await sleep(5);
    assert.deepEqual(bench.order, ['state undefined', 'logits 1', 'state 1']);
    bench.follower.changed();
    await sleep(40);
    await bench.move(3);
    assert.deepEqual(bench.order.slice(3), ['state 1', 'state 1'], 'still the former answer');
    bench.asked[1].answer();
    await sleep(5);
    assert.deepEqual(bench.order.slice(5), ['logits 2', 'state 2']);
    bench.follower.start();
    assert.deepEqual(bench.order.slice(7), ['logits 2', 'state 2']);
    assert.equal(bench.latest.token?.logits, undefined, 'they do not travel with the state');
  });

  it('drops an answer about a text that has changed meanwhile', async () => {
    bench.follower.start();
    bench.losses = newLosses();
    bench.asked[0].answer();
    await sleep(5);
    assert.equal(bench.latest.token, undefined);
    assert.deepEqual(bench.tokens, [0, 0], 'it is asked anew');
  });

  it('shows a failure at its token only, and tries again when told to', async () => {
    bench.follower.start();
    bench.asked[0].fail(new Error('no luck'));
    await sleep(5);
    assert.deepEqual(bench.latest.status, { kind: 'failed', message: 'no luck', advice: '' });
    assert.deepEqual(bench.tokens, [0], 'it is not asked over and over');
    bench.follower.retry();
    await sleep(40);
    assert.deepEqual(bench.tokens, [0, 0]);
    bench.asked[1].fail(new Error('no luck'));
    await bench.move(1);
    assert.equal(bench.latest.status.kind, 'ready');
    assert.deepEqual(bench.tokens, [0, 0, 1]);
  });

  it('takes a cancelled question for no failure', async () => {
    bench.follower.start();
    bench.asked[0].fail(new CancelledError());
    await sleep(5);
    assert.equal(bench.latest.status.kind, 'ready');
  });

  it('is quiet once stopped', async () => {
    bench.follower.start();
    bench.follower.stop();
    const before = bench.shown.length;
    bench.asked[0].answer();
    await bench.move(2);
    assert.equal(bench.shown.length, before);
    assert.deepEqual(bench.tokens, [0]);
    bench.follower.start();
    assert.equal(bench.asked[bench.asked.length - 1].token, 2);
  });
});
