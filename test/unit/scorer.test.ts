import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import * as onnxRuntime from 'onnxruntime-node';
import { CHUNK } from '../../src/engine/layout';
import type { Distribution, FromHost, ReplacementPlace } from '../../src/engine/protocol';
import { type CacheLimits, cacheLimits, ResultCache } from '../../src/engine/resultCache';
import { AT_CHANGE, Scorer } from '../../src/engine/scorer';
import type { TokenLayout } from '../../src/loss/lossMap';
import { TRAINING_DEFAULTS } from '../../src/loss/training';
import { openModelFolder } from '../../src/model/folder';
import { Network } from '../../src/model/network';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { PAGE_LIMITS } from '../../src/text/pages';
import { ROOT, TINY_MODEL } from '../support/paths';
import { largestDifference } from '../support/scoring';

/** As far as the sums of runs of different lengths are apart, in nats. */
const ROUNDING = 1e-4;

/** Scores as they were sent. */
interface Sent {
  readonly from: number;
  readonly nats: Float32Array;
  /** Tokens run since the document was handed over. */
  readonly run: number;
}

/** What a scorer says: its messages, and its failures. */
type Said = FromHost | { readonly type: 'failed'; readonly request: number; readonly error: unknown };

/** A scorer in this process that counts what its network does. */
class Counted {
  /** Tokens run through the backbone, and scored by the head. */
  run = 0;
  scored = 0;
  /** Runs under way. */
  #running = 0;
  layout: TokenLayout | undefined;
  /** Tokens that were to be scored. */
  wanted = 0;
  /** Of the last scoring. */
  readonly sent: Sent[] = [];
  readonly scorer: Scorer;
  #requests = 0;
  #score = 0;
  #before = 0;
  readonly #listeners = new Set<(message: Said) => void>();
  /** Called before every run of the backbone, and of the head. */
  onRun: (ids: Uint32Array) => void = () => {};
  onHead = () => {};

  constructor(network: Network, tokenizer: ByteTokenizer, limits: CacheLimits) {
    const counted: Network = Object.create(network, {
      run: {
        value: async (...[ids, past]: Parameters<Network['run']>) => {
          this.onRun(ids);
          this.run += ids.length;
          this.#running++;
          try {
            return await network.run(ids, past);
          } finally {
            this.#running--;
          }
        },
      },
      runBranches: {
        value: (...[branches, past]: Parameters<Network['runBranches']>) => {
          this.onRun(Uint32Array.from(branches.flatMap(({ ids }) => [...ids])));
          return network.runBranches(branches, past);
        },
      },
      score: {
        value: (...[hidden, targets]: Parameters<Network['score']>) => {
          this.onHead();
          this.scored += targets.length;
          return network.score(hidden, targets);
        },
      },
    });
    const send = (message: FromHost) => {
      const isOfScoring = message.type === 'layout' || message.type === 'scores' || message.type === 'scored';
      if (isOfScoring && message.request !== this.#score) {
        // The client drops what a run under way still has for a text that has changed meanwhile.
        return;
      }
      if (message.type === 'layout') {
        ({ layout: this.layout, wanted: this.wanted } = message);
      }
      if (message.type === 'scores') {
        this.sent.push({ from: message.from, nats: message.scores.nats, run: this.run - this.#before });
      }
      this.#tell(message);
    };
    const fail = (request: number, error: unknown) => this.#tell({ type: 'failed', request, error });
    this.scorer = new Scorer(counted, tokenizer, send, fail, new ResultCache(limits));
  }

  async score(...request: Parameters<Counted['begin']>): Promise<void> {
    const scored = this.said('scored');
    this.begin(...request);
    await scored;
  }

  /** Hands a document over. @param only the ranges that are to be scored, if not all */
  begin(text: string, visible: readonly number[], document = 'a', only?: readonly number[]): void {
    this.#score = ++this.#requests;
    this.#before = this.run;
    this.sent.length = 0;
    this.scorer.score({ type: 'score', request: this.#score, document, text, visible, only });
  }

  /** Tells where the cursor is, and what is on screen. */
  setCursor(cursor: number, visible: readonly number[]): void {
    this.scorer.setVisible({ type: 'visible', document: 'a', visible, cursor });
  }

  /** Waits until nothing is run any more. */
  async idle(): Promise<void> {
    for (let turns = 0; turns < 10; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      turns = this.#running > 0 ? 0 : turns;
    }
  }

  /** Every token's surprisal after the last scoring. */
  nats(): Float32Array {
    const nats = new Float32Array(this.layout?.ids.length ?? 0).fill(Number.NaN);
    for (const { from, nats: part } of this.sent) {
      nats.set(part, from);
    }
    return nats;
  }

  /**
   * The first token that an earlier layout does not have, how many tokens its chunk has, and the first scores that were sent
   * of it.
   */
  change(before: TokenLayout): { first: number; rest: number; sent: Sent | undefined } {
    const { ids } = this.layout ?? assert.fail('no layout');
    const first = ids.findIndex((id, token) => id !== before.ids[token]);
    const start = Math.floor(first / CHUNK) * CHUNK;
    const rest = Math.min(start + CHUNK, ids.length) - start;
    return {
      first,
      rest,
      sent: this.sent.find(({ from, nats }) => from <= first && first < from + nats.length),
    };
  }

  async distribution(token: number): Promise<Distribution> {
    const answer = await this.ask([token]);
    assert.equal(answer.type, 'distributions');
    return (answer as Extract<FromHost, { type: 'distributions' }>).distributions[0];
  }

  /** Asks what texts would cost in places of the last scoring. @returns whatever is said to that */
  replace(places: readonly ReplacementPlace[], behind: number): Promise<Said> {
    const request = ++this.#requests;
    const answer = this.said('replacements', request);
    const question = { document: 'a', score: this.#score, places, behind };
    this.scorer.ask({ type: 'replacement', request, ...question });
    return answer;
  }

  /** Asks about tokens of the last scoring. @returns whatever is said to that */
  ask(tokens: readonly number[]): Promise<Said> {
    const request = ++this.#requests;
    const answer = this.said('distributions', request);
    const question = { document: 'a', score: this.#score, tokens, top: 3, logits: false };
    this.scorer.ask({ type: 'distribution', request, ...question });
    return answer;
  }

  /**
   * Begins a training on the document of the last scoring.
   * @param evaluation another document, that of the scoring before
   * @returns its request, and the first thing that is said of it
   */
  train(evaluation?: string): { request: number; begun: Promise<Said> } {
    const request = ++this.#requests;
    const begun = this.said('training', request);
    const options = { ...TRAINING_DEFAULTS, epochs: 1000, evaluation: evaluation ?? 'split' };
    const other =
      evaluation === undefined ? {} : { evaluation: { document: evaluation, score: this.#score - 1 } };
    this.scorer.train({ type: 'train', request, document: 'a', score: this.#score, options, ...other });
    return { request, begun };
  }

  /** The next message of a type, of a request where one is named, or what is said in its place. */
  said(type: FromHost['type'], request?: number): Promise<Said> {
    return new Promise((resolve) => {
      const listener = (message: Said) => {
        const isOfRequest = 'request' in message && message.request === (request ?? this.#score);
        if (isOfRequest && (message.type === type || ['failed', 'cancelled'].includes(message.type))) {
          this.#listeners.delete(listener);
          resolve(message);
        }
      };
      this.#listeners.add(listener);
    });
  }

  #tell(message: Said): void {
    for (const listener of [...this.#listeners]) {
      listener(message);
    }
  }
}

describe('scorer', function () {
  this.timeout(60_000);
  let network: Network;
  let tokenizer: ByteTokenizer;
  let text: string;

  before(async () => {
    const folder = await openModelFolder(TINY_MODEL);
    network = await Network.load(onnxRuntime, folder, { provider: 'cpu', threads: 2, weights: 'quantized' });
    tokenizer = await ByteTokenizer.load(folder);
    text = await readFile(join(ROOT, 'src/engine/client.ts'), 'utf8');
  });

  after(() => network.release());

  /** With hidden states of so many tokens kept, and no bound on anything else. */
  const scorer = (tokens: number, its: Network = network): Counted =>
    new Counted(its, tokenizer, {
      ...cacheLimits(),
      hidden: 4 * network.manifest.hidden * tokens + tokens,
    });

  it('keeps the hidden states of what is on screen, whatever else is scored after it', async () => {
    // Another page fits beside the one on screen.
    const counted = scorer(2 * PAGE_LIMITS.maximum);
    await counted.score(text, [0, 500]);
    const { ids, starts } = counted.layout ?? assert.fail('no layout');
    assert.ok(ids.length > 3 * PAGE_LIMITS.maximum, `${ids.length} tokens`);
    const { run } = counted;
    const last = starts.findIndex((start) => start >= 500);
    for (const token of [0, 17, last - 1]) {
      assert.equal((await counted.distribution(token)).token, token);
    }
    assert.equal(counted.run, run, 'nothing is run again');
  });

  it('runs a page up to a hidden state that is not kept, and scores nothing again', async () => {
    const counted = scorer(CHUNK);
    const known = scorer(10_000);
    const page = text.slice(0, 4000);
    await counted.score(page, [0, 4000]);
    await known.score(page, [0, 4000]);
    const { ids } = counted.layout ?? assert.fail('no layout');
    assert.ok(ids.length > 5 * CHUNK, `${ids.length} tokens`);
    const { run, scored } = counted;
    const token = 3 * CHUNK + 5;
    assert.deepEqual(await counted.distribution(token), await known.distribution(token));
    assert.equal(counted.run, run + CHUNK, 'the chunks before it have their keys and values');
    assert.equal(counted.scored, scored);
  });

  it('runs each chunk of a page once for the hidden states of all its tokens, on screen or not', async () => {
    const counted = scorer(CHUNK);
    await counted.score(text, [text.length - 500, text.length]);
    const { pageStarts } = counted.layout ?? assert.fail('no layout');
    const { run } = counted;
    const page = Array.from({ length: pageStarts[1] }, (_, token) => token);
    assert.equal((await counted.ask(page)).type, 'distributions');
    assert.ok(counted.run - run <= page.length, `${counted.run - run} for ${page.length} tokens`);
  });

  it('cancels a question about a text that is edited while it is being answered', async () => {
    const counted = scorer(CHUNK);
    await counted.score(text, [text.length - 500, text.length]);
    let runs = 0;
    counted.onRun = () => {
      if (++runs === 2) {
        counted.begin(`${text}x`, [text.length - 500, text.length]);
      }
    };
    // Of the page that was scored last the keys and values are there.
    const { pageStarts } = counted.layout ?? assert.fail('no layout');
    assert.equal((await counted.ask([pageStarts[1] + 2 * CHUNK])).type, 'cancelled');
    assert.equal((await counted.said('scored')).type, 'scored');
  });

  it('trains on although the text that it evaluates on is edited meanwhile', async () => {
    const counted = scorer(CHUNK);
    const other = (await readFile(join(ROOT, 'src/engine/scorer.ts'), 'utf8')).slice(0, 9000);
    await counted.score(other, [8000, 9000], 'other');
    const { ids: known } = counted.layout ?? assert.fail('no layout');
    await counted.score(text, [text.length - 500, text.length]);
    const { request, begun } = counted.train('other');
    let runs = 0;
    counted.onRun = (ids) => {
      const isOfOther = known.some(
        (_, at) => ids.length === CHUNK && ids.subarray(1).every((id, i) => known[at + i] === id),
      );
      runs += isOfOther ? 1 : 0;
      if (isOfOther && runs === 2) {
        counted.begin(`${other}x`, [8000, 9000], 'other');
      }
    };
    const { type } = await begun;
    counted.scorer.cancel(request);
    assert.equal(type, 'training');
    assert.ok(runs >= 2, `${runs} runs`);
  });

  it('computes nothing any more for a training that is given up', async () => {
    const counted = scorer(CHUNK);
    await counted.score(text, [text.length - 500, text.length]);
    const { request, begun } = counted.train();
    assert.equal((await begun).type, 'training');
    const cancelled = counted.said('cancelled', request);
    counted.scorer.cancel(request);
    assert.equal((await cancelled).type, 'cancelled');
    await counted.idle();
    const { run } = counted;
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(counted.run, run);
  });

  it('gives right scores after the head has failed in an answer', async () => {
    const counted = scorer(10_000);
    const known = scorer(10_000);
    await known.score(text, [0, 500]);
    const scored = counted.score(text, [0, 500]);
    let answer: Promise<Said> | undefined;
    let runs = 0;
    counted.onRun = () => {
      if (++runs === 2) {
        answer = counted.ask([5 * CHUNK]);
        answer.then(() => {
          counted.onHead = () => {};
        });
      } else if (runs === 4) {
        counted.onHead = () => {
          throw new Error('bad allocation');
        };
      }
    };
    await scored;
    assert.equal((await answer)?.type, 'failed');
    assert.deepEqual(counted.nats(), known.nats());
  });

  it('goes on at an edit even where the hidden states before it are gone', async () => {
    const counted = scorer(CHUNK);
    const page = text.slice(0, 4000);
    await counted.score(page, [0, 4000]);
    const { run } = counted;
    await counted.score(`${page.slice(0, 3900)} ${page.slice(3900)}`, [0, 4000]);
    assert.ok(counted.run - run <= 2 * CHUNK, `${counted.run - run} tokens`);
  });

  it('scores what has changed first, with the numbers that its whole chunk gives', async () => {
    const edits = fc.array(
      fc.record({
        at: fc.noBias(fc.integer({ min: 0, max: 999 })),
        removed: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 })),
        put: fc.constantFrom('x', ' = 1', '\n', ''),
      }),
      { minLength: 1, maxLength: 5 },
    );
    let ahead = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(600, 2400), edits, async (length, steps) => {
        const counted = scorer(10_000);
        let now = text.slice(0, length);
        let ran = counted.run;
        await counted.score(now, [0, now.length]);
        for (const { at, removed, put } of steps) {
          // What is known already leaves the keys and values of an earlier text.
          const isAtHand = counted.run > ran;
          ran = counted.run;
          const before = counted.layout ?? assert.fail('no layout');
          assert.equal(before.pageStarts.length, 1);
          const place = Math.floor((at * now.length) / 1000);
          now = now.slice(0, place) + put + now.slice(place + removed);
          await counted.score(now, [0, now.length]);
          const { ids } = counted.layout ?? assert.fail('no layout');
          const { first, rest, sent } = counted.change(before);
          const nats = counted.nats();
          const hasStart = first === 0 || (isAtHand && first > 0);
          if (hasStart && rest > 2 * AT_CHANGE && (sent?.run ?? 0) > 0) {
            ahead++;
            assert.deepEqual([sent?.from, sent?.run], [first, Math.min(AT_CHANGE, ids.length - first)]);
            assert.ok(largestDifference(sent!.nats, nats.slice(first, first + sent!.nats.length)) < ROUNDING);
          }
          const fresh = scorer(10_000);
          await fresh.score(now, [0, now.length]);
          assert.deepEqual(nats, fresh.nats());
        }
      }),
      { numRuns: 30 },
    );
    assert.ok(ahead > 30, `${ahead} changes were scored first`);
  });

  it('reads up to the cursor when there is nothing else to do, once', async () => {
    const counted = scorer(100_000);
    await counted.score(text, [0, 500]);
    const before = counted.layout ?? assert.fail('no layout');
    const { starts, pageStarts, pageContexts } = before;
    assert.ok(pageStarts.length > 2, `${pageStarts.length} pages`);
    const token = pageStarts[1] + 300;
    const at = starts[token];
    const wanted = Math.ceil((token - pageContexts[1]) / CHUNK) * CHUNK;
    assert.ok(wanted >= 2 * CHUNK);
    let { run } = counted;
    counted.setCursor(at, [0, 500]);
    await counted.idle();
    assert.equal(counted.run, run, 'not on screen');
    for (const [cursor, tokens] of [
      [at, wanted],
      [at, 0],
      [starts[pageStarts[1] + 100], 0],
      [starts[token + CHUNK], CHUNK],
    ]) {
      ({ run } = counted);
      counted.setCursor(cursor, [at - 200, at + 2 * CHUNK]);
      await counted.idle();
      assert.equal(counted.run - run, tokens);
    }
    const { scored } = counted;
    const changed = `${text.slice(0, at)}x${text.slice(at)}`;
    await counted.score(changed, [at - 200, at + 200]);
    const { first, sent } = counted.change(before);
    assert.deepEqual([sent?.from, sent?.run], [first, AT_CHANGE]);
    assert.ok(counted.scored > scored);
    const fresh = scorer(100_000);
    await fresh.score(changed, [0, 500]);
    assert.deepEqual(counted.nats(), fresh.nats());
  });

  it('gives the same scores wherever the cursor was, and has what is before it at hand when it had the time', async () => {
    const steps = fc.array(
      fc.record({
        at: fc.noBias(fc.integer({ min: 0, max: 1000 })),
        put: fc.constantFrom('x', ' = 1', '\n', ''),
        undo: fc.constantFrom(false, false, true),
        inTime: fc.boolean(),
      }),
      { minLength: 3, maxLength: 6 },
    );
    let ahead = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(600, 2400), steps, async (length, edits) => {
        const counted = scorer(10_000);
        let now = text.slice(0, length);
        let earlier = now;
        await counted.score(now, [0, now.length]);
        for (const { at, put, undo, inTime } of edits) {
          const before = counted.layout ?? assert.fail('no layout');
          const place = Math.floor((at * now.length) / 1000);
          counted.setCursor(place, [0, now.length]);
          if (inTime) {
            await counted.idle();
          }
          [earlier, now] = [now, undo ? earlier : now.slice(0, place) + put + now.slice(place + 1)];
          const { run } = counted;
          await counted.score(now, [0, now.length]);
          const { ids } = counted.layout ?? assert.fail('no layout');
          const { first, rest, sent } = counted.change(before);
          if (inTime && !undo && first > 0 && rest > 2 * AT_CHANGE && counted.run > run) {
            ahead++;
            assert.deepEqual([sent?.from, sent?.run], [first, Math.min(AT_CHANGE, ids.length - first)]);
          }
          const fresh = scorer(10_000);
          await fresh.score(now, [0, now.length]);
          assert.deepEqual(counted.nats(), fresh.nats());
        }
      }),
      { numRuns: 30 },
    );
    assert.ok(ahead > 10, `${ahead} changes were scored first`);
  });

  it('scores the beginning of a new text first', async () => {
    const counted = scorer(10_000);
    await counted.score(text, [0, 500]);
    const nats = counted.nats();
    const [first, second] = counted.sent;
    assert.deepEqual([first.from, first.run], [0, AT_CHANGE]);
    assert.deepEqual([second.from, second.run], [0, AT_CHANGE + CHUNK]);
    assert.ok(largestDifference(first.nats, nats.slice(0, AT_CHANGE)) < ROUNDING);
    const fresh = scorer(10_000);
    await fresh.score(text, []);
    assert.equal(fresh.sent[0].run, CHUNK, 'not on screen');
    assert.deepEqual(fresh.nats(), nats);
    const middle = scorer(10_000);
    await middle.score(text.slice(0, 4000), [3000, 3500]);
    assert.equal(middle.sent[0].run, CHUNK, 'another part of the page is on screen');
  });

  it('gives the same scores whatever was on screen and however far it had come, and runs hardly more', async () => {
    const steps = fc.array(
      fc.record({
        screen: fc.noBias(fc.integer({ min: 0, max: 1000 })),
        // As many times it may look for messages before the next step.
        turns: fc.integer({ min: 1, max: 8 }),
        put: fc.constantFrom('x', '\n', ''),
      }),
      { minLength: 1, maxLength: 5 },
    );
    await fc.assert(
      // What is kept of hidden states: everything, or no more than those of a chunk.
      fc.asyncProperty(fc.constantFrom(100_000, CHUNK), steps, async (kept, edits) => {
        const counted = scorer(kept);
        let now = text.slice(0, 8000);
        const screenAt = (part: number) => {
          const at = Math.floor((part * now.length) / 1000);
          return [at, at + 300];
        };
        for (const { screen, turns, put } of edits) {
          const visible = screenAt(screen);
          now = now.slice(0, visible[0]) + put + now.slice(visible[0]);
          counted.begin(now, visible);
          for (let turn = 0; turn < turns; turn++) {
            await new Promise((resolve) => setImmediate(resolve));
          }
        }
        const { run } = counted;
        await counted.score(now, screenAt(500));
        const fresh = scorer(100_000);
        await fresh.score(now, []);
        assert.deepEqual(counted.nats(), fresh.nats());
        assert.ok(counted.run - run <= fresh.run + AT_CHANGE, `${counted.run - run} of ${fresh.run} tokens`);
      }),
      { numRuns: 30 },
    );
  });

  it('scores a text that ends sooner than before', async () => {
    const counted = scorer(10_000);
    const longer = text.slice(0, 450);
    await counted.score(longer, [0, longer.length]);
    const { starts, ids } = counted.layout ?? assert.fail('no layout');
    for (const dropped of [1, 2, 40]) {
      const shorter = longer.slice(0, starts[ids.length - dropped]);
      await counted.score(shorter, [0, shorter.length]);
      const fresh = scorer(10_000);
      await fresh.score(shorter, [0, shorter.length]);
      assert.deepEqual(counted.layout?.ids, ids.slice(0, -dropped), 'nothing but the end is gone');
      assert.deepEqual(counted.nats(), fresh.nats());
    }
  });

  it('keeps a page that begins like the one that something is typed in', async () => {
    const counted = scorer(10_000);
    const [one, other] = [text.slice(0, 2400), `${text.slice(0, 300)}${text.slice(5000, 6500)}`];
    await counted.score(one, [0, one.length]);
    await counted.score(other, [0, other.length]);
    // The keys and values of the first text are still there.
    await counted.score(`${one.slice(0, -40)}x${one.slice(-40)}`, [0, one.length]);
    assert.ok(counted.sent.at(-1)!.run <= CHUNK + AT_CHANGE, `${counted.sent.at(-1)?.run} tokens`);
  });

  it('scores what touches some ranges, as it is scored in all of the text, and runs nothing behind that', async () => {
    const whole = scorer(100_000);
    await whole.score(text, []);
    const { ids, starts, ends, pageStarts, pageContexts } = whole.layout ?? assert.fail('no layout');
    const nats = whole.nats();
    /** The tokens of each page from its context's first to the end of the last chunk that is needed. */
    const needed = (touched: readonly number[]) =>
      Array.from(pageStarts, (start, page) => {
        const end = pageStarts[page + 1] ?? ids.length;
        const last = touched.findLast((token) => token >= start && token < end);
        const rows = last === undefined ? 0 : last + 1 - pageContexts[page];
        return Math.min(Math.ceil(rows / CHUNK) * CHUNK, end - pageContexts[page]);
      }).reduce((sum, rows) => sum + rows, 0);
    const range = fc
      .tuple(fc.noBias(fc.nat(text.length)), fc.constantFrom(0, 1, 80, 2000))
      .map(([start, length]) => [start, start + length]);
    const steps = fc.array(
      fc.record({ ranges: fc.array(range, { maxLength: 3 }), token: fc.noBias(fc.nat(ids.length - 1)) }),
      {
        minLength: 1,
        maxLength: 3,
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(100_000, CHUNK), steps, async (kept, asked) => {
        const counted = scorer(kept);
        for (const [step, { ranges, token }] of asked.entries()) {
          const { run, scored } = counted;
          await counted.score(text, [], 'a', ranges.flat());
          const isTouched = (at: number) =>
            ranges.some(([from, to]) => from < to && starts[at] < to && ends[at] > from);
          const touched = Array.from(ids.keys()).filter(isTouched);
          const found = counted.nats();
          const known = Array.from(ids.keys()).filter((at) => !Number.isNaN(found[at]));
          assert.deepEqual(
            known.filter((at) => found[at] !== nats[at]),
            [],
          );
          assert.deepEqual(
            touched.filter((at) => Number.isNaN(found[at])),
            [],
          );
          assert.equal(counted.wanted, known.length);
          assert.ok(known.length <= touched.length + ranges.length * 2 * CHUNK);
          if (step === 0) {
            assert.deepEqual([counted.run - run, counted.scored - scored], [needed(touched), known.length]);
          } else {
            assert.ok(counted.run - run <= needed(touched));
          }
          assert.deepEqual(await counted.distribution(token), await whole.distribution(token));
        }
        await counted.score(text, []);
        assert.deepEqual(counted.nats(), nats);
      }),
      { numRuns: 20 },
    );
  });

  it('trains on no text of which places are scored', async () => {
    const counted = scorer(CHUNK);
    await counted.score(text, [], 'a', [0, 4000]);
    assert.equal((await counted.train().begun).type, 'cancelled');
    await counted.score(text, [], 'a');
    const { request, begun } = counted.train();
    assert.equal((await begun).type, 'training');
    counted.scorer.cancel(request);
  });

  /** What tokens cost behind a context that ends at one of a document, in one run from the beginning of its page. */
  async function costs(
    { ids, pageStarts, pageContexts }: TokenLayout,
    first: number,
    then: readonly number[],
  ) {
    const page = pageStarts.findLastIndex((start) => start <= first);
    const context = [network.manifest.separatorTokenId, ...ids.subarray(pageContexts[page], first)];
    const hidden = await network.run(Uint32Array.from([...context, ...then.slice(0, -1)]));
    const from = (context.length - 1) * network.manifest.hidden;
    return (await network.score(hidden.slice(from), Uint32Array.from(then))).nats;
  }

  it('says what texts would cost in place of others, and leaves all scores as they are', async () => {
    const place = fc.record({
      at: fc.noBias(fc.integer({ min: 0, max: 999 })),
      length: fc.integer({ min: 1, max: 3 }),
      texts: fc.array(fc.constantFrom(' other', 'x', '\n\n', ' one of many'), { maxLength: 3 }),
    });
    const step = fc.record({
      asked: fc.array(place, { maxLength: 5 }),
      behind: fc.constantFrom(0, 1, 24),
      put: fc.constantFrom(undefined, undefined, 'x', '\n'),
      isSeen: fc.boolean(),
    });
    /** As on a device that cannot read them in one run. */
    const inTurn: Network = Object.create(network, {
      runMasked: { value: Reflect.get(network, 'runInTurn') },
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (steps, isInTurn) => {
          const counted = scorer(10_000, isInTurn ? inTurn : network);
          let now = text.slice(0, 9000);
          await counted.score(now, [0, 500]);
          for (const { asked, behind, put, isSeen } of steps) {
            const layout = counted.layout ?? assert.fail('no layout');
            const { ids, pageStarts } = layout;
            const pageEnd = (token: number) =>
              pageStarts[1 + pageStarts.findLastIndex((start) => start <= token)] ?? ids.length;
            const places = asked.map(({ at, length, texts }) => {
              const first = Math.floor((at * ids.length) / 1000);
              return { first, last: Math.min(first + length, pageEnd(first)) - 1, texts };
            });
            const answer = await counted.replace(places, behind);
            assert.equal(answer.type, 'replacements');
            const { replacements } = answer as Extract<FromHost, { type: 'replacements' }>;
            assert.equal(replacements.length, places.length);
            for (const [index, { first, last, texts }] of places.entries()) {
              assert.deepEqual(
                replacements[index].map((one) => one.text),
                [undefined, ...texts],
              );
              for (const { text: other, nats, behind: rest } of replacements[index]) {
                const own =
                  other === undefined
                    ? ids.subarray(first, last + 1)
                    : tokenizer.encode(other, first === 0).ids;
                const after = ids.subarray(last + 1, Math.min(last + 1 + behind, pageEnd(first)));
                const expected = await costs(layout, first, [...own, ...after]);
                assert.ok(largestDifference([...nats, ...rest], expected) < ROUNDING);
                assert.deepEqual([nats.length, rest.length], [own.length, after.length]);
              }
            }
            const at = Math.floor(((asked[0]?.at ?? 500) * now.length) / 1000);
            now = put === undefined ? now : now.slice(0, at) + put + now.slice(at);
            await counted.score(now, isSeen ? [at, at + 300] : [0, 300]);
            const fresh = scorer(10_000);
            await fresh.score(now, []);
            assert.deepEqual(counted.nats(), fresh.nats());
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  it('reads what could be in many places in one run, and what is there not again', async () => {
    const counted = scorer(10_000);
    await counted.score(text.slice(0, 3000), [0, 3000]);
    const tokens: number[] = [];
    counted.onRun = (ids) => tokens.push(ids.length);
    const places = Array.from({ length: 8 }, (_, index) => ({
      first: 300 + 10 * index,
      last: 300 + 10 * index,
      texts: [' other', 'x'],
    }));
    const answer = await counted.replace(places, 4);
    const { replacements } = answer as Extract<FromHost, { type: 'replacements' }>;
    const branches = replacements.flat().filter((one) => one.text !== undefined);
    const read = branches.reduce((sum, { nats, behind }) => sum + nats.length + behind.length, 0);
    // The keys and values of what is on screen are there.
    assert.deepEqual(tokens, [read]);
    tokens.length = 0;
    await counted.replace([{ first: 290, last: 290, texts: [] }], 4);
    assert.deepEqual(tokens, []);
  });

  it('cancels a question about what is replaced in a text that is edited while it is answered', async () => {
    const counted = scorer(CHUNK);
    await counted.score(text, [0, 500]);
    let runs = 0;
    counted.onRun = () => {
      if (++runs === 2) {
        counted.begin(`x${text}`, [0, 500]);
      }
    };
    const { pageStarts } = counted.layout ?? assert.fail('no layout');
    const first = pageStarts[1] + 2 * CHUNK;
    assert.equal((await counted.replace([{ first, last: first, texts: ['x', 'y'] }], 5)).type, 'cancelled');
    assert.equal((await counted.said('scored')).type, 'scored');
    const fresh = scorer(10_000);
    await fresh.score(`x${text}`, []);
    assert.deepEqual(counted.nats(), fresh.nats());
    assert.equal(
      (await counted.replace([{ first: 10_000_000, last: 10_000_000, texts: [] }], 5)).type,
      'failed',
    );
  });
});
