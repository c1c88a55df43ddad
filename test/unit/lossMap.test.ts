import assert from 'node:assert/strict';
import { LossMap, type TokenScores } from '../../src/loss/lossMap';
import { tokenRanges } from '../../src/text/utf8';

/** "aé😀b" as bytes: a | é | 😀 in three tokens | b. */
function example(): LossMap {
  const { starts, ends } = tokenRanges('aé😀b', [1, 2, 1, 2, 1, 1]);
  return new LossMap({
    starts,
    ends,
    ids: Uint32Array.of(10, 11, 12, 13, 14, 15),
    pageStarts: Uint32Array.of(0, 4),
    pageContexts: Int32Array.of(0, 2),
  });
}

function scores(...nats: number[]): TokenScores {
  return {
    nats: Float32Array.from(nats),
    entropy: Float32Array.from(nats, (value) => value / 2),
    varentropy: Float32Array.from(nats, () => 1),
    rank: Uint32Array.from(nats, () => 1),
  };
}

describe('loss map', () => {
  it('counts what is scored, once', () => {
    const map = example();
    assert.equal(map.length, 6);
    assert.equal(map.scored, 0);
    map.write(1, scores(1, 2));
    map.write(2, scores(3, 4));
    assert.equal(map.scored, 3);
    assert.ok(map.isScored(3) && !map.isScored(0) && !map.complete);
    map.write(0, scores(1, 1, 1, 1, 1, 1));
    assert.ok(map.complete);
  });

  it('refuses scores that do not fit and leaves the others alone', () => {
    const map = example();
    assert.throws(() => map.write(5, scores(1, 2)), RangeError);
    assert.throws(() => map.write(-1, scores(1)), RangeError);
    assert.throws(() => map.write(0, { ...scores(1, 2), rank: Uint32Array.of(1) }), RangeError);
    assert.throws(() => map.write(3, scores(1, Number.NaN)), /token 4/);
    assert.throws(() => map.write(3, scores(Number.POSITIVE_INFINITY)), /token 3/);
    assert.equal(map.scored, 0);
  });

  it('takes over the scores of all tokens, if they fit', () => {
    const { layout } = example();
    const all = scores(1, 2, 3, 4, 5, 6);
    const map = new LossMap(layout, all);
    assert.ok(map.complete);
    assert.equal(map.nats, all.nats);
    assert.throws(() => new LossMap(layout, scores(1, 2, 3)), RangeError);
    assert.throws(() => new LossMap(layout, scores(1, 2, 3, 4, 5, Number.NaN)), RangeError);
    assert.throws(() => new LossMap(layout, { ...all, entropy: new Float32Array(5) }), RangeError);
  });

  it('finds tokens by offset', () => {
    const map = example();
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5].map((offset) => map.tokenAt(offset)),
      [0, 1, 2, 2, 5, -1],
    );
    assert.equal(map.firstTokenAfter(5), 6);
  });

  it('draws the tokens of one character as one unit with their sum', () => {
    const map = example();
    map.write(0, scores(1, 2, 3, 4, 5, 6));
    const units = [...map.units()];
    assert.deepEqual(
      units.map(({ first, last, start, end, nats }) => [first, last, start, end, nats]),
      [
        [0, 0, 0, 1, 1],
        [1, 1, 1, 2, 2],
        [2, 4, 2, 4, 12],
        [5, 5, 4, 5, 6],
      ],
    );
    for (const token of [2, 3, 4]) {
      assert.deepEqual(map.unitOf(token), units[2]);
    }
    assert.deepEqual([...map.units(3, 4)], [units[2]]);
    assert.deepEqual([...map.units(1, 1)], []);
  });

  it('a unit is not scored until all its tokens are', () => {
    const map = example();
    map.write(2, scores(1, 1));
    assert.ok(Number.isNaN(map.unitOf(2).nats));
  });

  it('totals over the scored tokens', () => {
    const map = example();
    map.write(0, scores(1, 2, 3));
    assert.deepEqual(map.totals(), { tokens: 3, nats: 6 });
  });

  it('pages and context lengths', () => {
    const map = example();
    assert.deepEqual(
      [0, 3, 4, 5].map((token) => map.pageOf(token)),
      [0, 0, 1, 1],
    );
    assert.deepEqual(
      [0, 3, 4, 5].map((token) => map.contextLength(token)),
      [0, 3, 2, 3],
    );
  });
});
