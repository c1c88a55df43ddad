import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as onnxRuntime from 'onnxruntime-node';
import type { Distribution, FromHost } from '../../src/engine/protocol';
import { type CacheLimits, cacheLimits, ResultCache } from '../../src/engine/resultCache';
import { CHUNK, Scorer } from '../../src/engine/scorer';
import type { TokenLayout } from '../../src/loss/lossMap';
import { openModelFolder } from '../../src/model/folder';
import { Network } from '../../src/model/network';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { PAGE_LIMITS } from '../../src/text/pages';
import { ROOT, TINY_MODEL } from '../support/paths';

/** A scorer in this process that counts what its network does. */
class Counted {
  /** Tokens run through the backbone, and scored by the head. */
  run = 0;
  scored = 0;
  layout: TokenLayout | undefined;
  readonly scorer: Scorer;
  #requests = 0;
  #score = 0;
  #answer: ((message: FromHost) => void) | undefined;

  constructor(network: Network, tokenizer: ByteTokenizer, limits: CacheLimits) {
    const counted: Network = Object.create(network, {
      run: {
        value: (...[ids, past]: Parameters<Network['run']>) => {
          this.run += ids.length;
          return network.run(ids, past);
        },
      },
      score: {
        value: (...[hidden, targets]: Parameters<Network['score']>) => {
          this.scored += targets.length;
          return network.score(hidden, targets);
        },
      },
    });
    const send = (message: FromHost) => {
      this.layout = message.type === 'layout' ? message.layout : this.layout;
      this.#answer?.(message);
    };
    const fail = (_request: number, error: unknown) => assert.fail(String(error));
    this.scorer = new Scorer(counted, tokenizer, send, fail, new ResultCache(limits));
  }

  async score(text: string, visible: readonly number[]): Promise<void> {
    this.#score = ++this.#requests;
    const scored = this.#answered('scored');
    this.scorer.score({ type: 'score', request: this.#score, document: 'a', text, visible });
    await scored;
  }

  async distribution(token: number): Promise<Distribution> {
    const answered = this.#answered('distributions');
    const request = ++this.#requests;
    const question = { document: 'a', score: this.#score, tokens: [token], top: 3, logits: false };
    this.scorer.ask({ type: 'distribution', request, ...question });
    const { distributions } = await answered;
    return distributions[0];
  }

  #answered<Type extends FromHost['type']>(type: Type): Promise<Extract<FromHost, { type: Type }>> {
    return new Promise((resolve) => {
      this.#answer = (message) => {
        if (message.type === type) {
          resolve(message as Extract<FromHost, { type: Type }>);
        }
      };
    });
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
  const scorer = (tokens: number): Counted =>
    new Counted(network, tokenizer, {
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

  it('goes on at an edit even where the hidden states before it are gone', async () => {
    const counted = scorer(CHUNK);
    const page = text.slice(0, 4000);
    await counted.score(page, [0, 4000]);
    const { run } = counted;
    await counted.score(`${page.slice(0, 3900)} ${page.slice(3900)}`, [0, 4000]);
    assert.ok(counted.run - run <= 2 * CHUNK, `${counted.run - run} tokens`);
  });
});
