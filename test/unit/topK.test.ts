import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { topK } from '../../src/loss/topK';

/** All ids by descending logit, then by id, cut to the first k. */
function bySorting(logits: readonly number[], k: number): number[] {
  return [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b).slice(0, k);
}

describe('the top k', () => {
  it('are the first of the sorted ids, ties by lower id', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true })), { maxLength: 80 }),
        fc.integer({ min: 1, max: 90 }),
        (logits, k) => {
          assert.deepEqual([...topK(logits, k)], bySorting(logits, k));
        },
      ),
    );
  });

  it('of equal logits are the lowest ids in order', () => {
    assert.deepEqual([...topK(new Float32Array(1000).fill(-2), 7)], [0, 1, 2, 3, 4, 5, 6]);
  });

  it('of fewer entries are all of them, and of none are none', () => {
    assert.deepEqual([...topK([1, 3, 2], 50)], [1, 2, 0]);
    assert.deepEqual([...topK([], 5)], []);
  });

  it('agree with sorting on a whole vocabulary', () => {
    const logits = Float32Array.from({ length: 49_152 }, (_, i) => Math.fround(Math.sin(i * i) * 20));
    assert.deepEqual([...topK(logits, 50)], bySorting([...logits], 50));
  });

  it('refuses no entries, half an entry and NaN', () => {
    assert.throws(() => topK([1, 2], 0), RangeError);
    assert.throws(() => topK([1, 2], 1.5), RangeError);
    assert.throws(() => topK([1, Number.NaN, 2], 1), /position 1 is NaN/);
  });
});
