import assert from 'node:assert/strict';
import { DEFAULT_CACHE_SIZE } from '../../src/engine/protocol';
import { cacheLimits, ResultCache } from '../../src/engine/resultCache';

function store(cache: ResultCache, key: string, tokens: number): void {
  const nats = new Float32Array(tokens);
  cache.store(
    key,
    { nats, entropy: nats, varentropy: nats, rank: new Uint32Array(tokens) },
    new Float32Array(8 * tokens),
  );
}

describe('cache of results', () => {
  it('divides one bound in fixed proportions', () => {
    assert.deepEqual(cacheLimits(), cacheLimits(DEFAULT_CACHE_SIZE));
    for (const megabytes of [64, 512, 4096]) {
      const { scores, hidden, keyValue } = cacheLimits(megabytes);
      assert.equal(scores + hidden + keyValue, megabytes * 2 ** 20);
      assert.deepEqual([scores / hidden, keyValue / hidden], [3, 4]);
    }
  });

  it('keeps what was used last when it gets smaller, and all of it when it grows', () => {
    const cache = new ResultCache({ scores: 100_000, hidden: 100_000, keyValue: 100_000 });
    for (let i = 0; i < 10; i++) {
      store(cache, String(i), 100);
    }
    assert.ok(cache.scores('0'));
    assert.ok(cache.hidden('0'));
    // 1,600 bytes of scores each, 3,200 of hidden states.
    cache.resize({ scores: 5000, hidden: 7000, keyValue: 1000 });
    const keys = Array.from({ length: 10 }, (_, i) => String(i));
    assert.deepEqual(
      keys.filter((key) => cache.scores(key)),
      ['0', '8', '9'],
    );
    assert.deepEqual(
      keys.filter((key) => cache.hidden(key)),
      ['0', '9'],
    );
    cache.resize({ scores: 100_000, hidden: 100_000, keyValue: 100_000 });
    store(cache, 'new', 100);
    assert.deepEqual(
      [...keys, 'new'].filter((key) => cache.scores(key)),
      ['0', '8', '9', 'new'],
    );
  });
});
