import assert from 'node:assert/strict';
import fc from 'fast-check';
import { meanLoss } from '../../src/loss/formulas';
import {
  binOf,
  columnsOf,
  concentration,
  histogram,
  lossShareOfTop,
  runningMean,
  shares,
  totalsByGroup,
} from '../../src/loss/statistics';

const amount = fc.double({ min: 0, max: 30, noNaN: true });
const losses = fc.array(amount, { maxLength: 200 });
/** Some not scored. */
const partly = fc.array(fc.oneof(amount, fc.constant(Number.NaN)), { maxLength: 200 });
const sumOf = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + value, 0);
const scoredOf = (values: readonly number[]) => values.filter((value) => !Number.isNaN(value));

function close(actual: number, expected: number): void {
  assert.ok(
    Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected)),
    `${actual}, not ${expected}`,
  );
}

describe('loss: how it is spread', () => {
  it('concentration, by hand: 14 of 20, then 16, 18, 19, 20', () => {
    assert.deepEqual([...concentration([1, 2, 14, 1, 2])], [0, 0.7, 0.8, 0.9, 0.95, 1]);
    assert.deepEqual([...concentration([0, 0])], [0, 0, 0]);
    assert.deepEqual([...concentration([])], [0]);
    assert.throws(() => concentration([1, Number.NaN]), RangeError);
  });

  it('concentration rises, ever more slowly, to 1, and is what lossShareOfTop reads', () => {
    fc.assert(
      fc.property(losses, fc.double({ min: 0, max: 1, noNaN: true }), (nats, fraction) => {
        const curve = concentration(nats);
        for (let k = 1; k < curve.length; k++) {
          assert.ok(curve[k] >= curve[k - 1]);
          assert.ok(k < 2 || curve[k] - curve[k - 1] <= curve[k - 1] - curve[k - 2] + 1e-12);
        }
        assert.ok(sumOf(nats) === 0 || curve[nats.length] === 1);
        assert.equal(lossShareOfTop(nats, fraction), curve[Math.round(fraction * nats.length)]);
      }),
    );
  });

  it('the running mean ends at the mean, and skips what is not scored', () => {
    const means = runningMean([Number.NaN, 2, Number.NaN, 4]);
    assert.deepEqual([...means], [Number.NaN, 2, 2, 3]);
    fc.assert(
      fc.property(partly, (nats) => {
        const all = runningMean(nats);
        assert.equal(all.length, nats.length);
        const scored = scoredOf(nats);
        if (scored.length > 0) {
          close(all[all.length - 1], meanLoss(scored));
        }
      }),
    );
  });

  it('groups add up to the whole', () => {
    assert.deepEqual(
      totalsByGroup([1, 2, Number.NaN, 4], (i) => i % 2, 2),
      { counts: Uint32Array.of(1, 2), nats: Float64Array.of(1, 6) },
    );
    assert.throws(() => totalsByGroup([1], () => 1, 1), RangeError);
    assert.throws(() => totalsByGroup([1], () => 0.5, 1), RangeError);
    fc.assert(
      fc.property(partly, fc.integer({ min: 1, max: 9 }), (nats, groups) => {
        const { counts, nats: totals } = totalsByGroup(nats, (i) => (i * 7) % groups, groups);
        const scored = scoredOf(nats);
        assert.equal(sumOf(counts), scored.length);
        close(sumOf(totals), sumOf(scored));
        close(sumOf(shares(totals)), sumOf(scored) > 0 ? 1 : 0);
      }),
    );
  });

  it('bins hold what is between their edges', () => {
    assert.deepEqual(
      [-1, 0, 0.5, 1, 2, 9].map((value) => binOf(value, [0, 1, 2])),
      [0, 1, 1, 2, 3, 3],
    );
    assert.equal(binOf(5, []), 0);
    const bins = histogram([0.5, 1, 1.5, 7, Number.NaN], [1, 2]);
    assert.deepEqual([...bins.counts], [1, 2, 1]);
    assert.deepEqual([...bins.nats], [0.5, 2.5, 7]);
    fc.assert(
      fc.property(amount, fc.array(amount, { maxLength: 12 }), (value, unsorted) => {
        const edges = unsorted.sort((a, b) => a - b);
        assert.equal(binOf(value, edges), edges.filter((edge) => edge <= value).length);
      }),
    );
  });

  it('columns cover every token once and keep the largest', () => {
    const columns = columnsOf([9, 1, 5, 3, Number.NaN, 2], 1, 6, 2);
    assert.deepEqual([...columns.bounds], [1, 3, 6]);
    assert.deepEqual([...columns.means], [3, 2.5]);
    assert.deepEqual([...columns.maxima], [5, 3]);
    assert.deepEqual([...columns.peaks], [2, 3]);
    assert.throws(() => columnsOf([1], 0, 2, 1), RangeError);
    assert.throws(() => columnsOf([1], 0, 1, 2), RangeError);
    assert.deepEqual([...columnsOf([], 0, 0, 0).bounds], [0]);
    fc.assert(
      fc.property(partly, fc.nat(), fc.nat(), fc.nat(), (nats, a, b, c) => {
        const first = a % (nats.length + 1);
        const end = first + (b % (nats.length - first + 1));
        const count = c % (end - first + 1);
        const { bounds, means, maxima, peaks } = columnsOf(nats, first, end, count);
        assert.equal(bounds[0], first);
        assert.ok(count === 0 || bounds[count] === end);
        for (let column = 0; column < count; column++) {
          assert.ok(bounds[column] < bounds[column + 1]);
          const scored = scoredOf(nats.slice(bounds[column], bounds[column + 1]));
          if (scored.length === 0) {
            assert.ok(Number.isNaN(means[column]) && Number.isNaN(maxima[column]));
          } else {
            close(means[column], meanLoss(scored));
            assert.equal(maxima[column], Math.max(...scored));
            assert.equal(nats[peaks[column]], maxima[column]);
          }
        }
      }),
    );
  });
});
