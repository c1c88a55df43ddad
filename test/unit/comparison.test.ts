import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { lossesByLine, mostDifferent, pairedDifference } from '../../src/loss/comparison';

describe('comparison of two models', () => {
  it('has the difference of the sums, and its standard error part by part', () => {
    // Differences 1, 3, 2, 2: mean 2, s² = (1 + 1) / 3, √(4 · 2/3) = 1.63299…
    const { sum, standardError } = pairedDifference([1, 2, 3, 4], [2, 5, 5, 6]);
    assert.equal(sum, 8);
    assert.ok(Math.abs(standardError - Math.sqrt(8 / 3)) < 1e-12);
  });

  it('is not off by chance where all parts differ alike, and unknown for a single one', () => {
    assert.deepEqual(pairedDifference([1, 20, 3], [2, 21, 4]), { sum: 3, standardError: 0 });
    assert.deepEqual(pairedDifference([1], [3]), { sum: 2, standardError: Number.NaN });
    assert.deepEqual(pairedDifference([], []), { sum: 0, standardError: Number.NaN });
    assert.throws(() => pairedDifference([1], []), RangeError);
  });

  it('turns around with the models, and is nothing of a model to itself', () => {
    const losses = fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { minLength: 2, maxLength: 50 });
    fc.assert(
      fc.property(losses, losses, (one, other) => {
        const [a, b] = [one, other].map((values) => values.slice(0, Math.min(one.length, other.length)));
        const [there, back] = [pairedDifference(a, b), pairedDifference(b, a)];
        assert.ok(Math.abs(there.sum + back.sum) < 1e-9);
        assert.ok(Math.abs(there.standardError - back.standardError) < 1e-9);
        assert.deepEqual(pairedDifference(a, a), { sum: 0, standardError: 0 });
      }),
    );
  });

  it('has the standard error that many drawings of the parts show', () => {
    // Bootstrap (Efron 1979) with a fixed sequence: sums of as many differences, drawn with replacement.
    let state = 1;
    const random = () => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    const differences = Array.from({ length: 200 }, () => 3 * random() ** 3 - 0.5);
    const sums = Array.from({ length: 4000 }, () =>
      differences.reduce((sum) => sum + differences[Math.floor(random() * differences.length)], 0),
    );
    const mean = sums.reduce((a, b) => a + b) / sums.length;
    const spread = Math.sqrt(sums.reduce((total, sum) => total + (sum - mean) ** 2, 0) / (sums.length - 1));
    const { standardError } = pairedDifference(new Float64Array(200), differences);
    assert.ok(Math.abs(spread / standardError - 1) < 0.05, `${spread} and ${standardError}`);
  });

  it('adds up what the tokens of a line cost, however they were cut', () => {
    assert.deepEqual(
      [...lossesByLine([0, 2, 3, 4, 9, 12], [1, 2, 3, 4, 5, 6], [0, 4, 9, 20])],
      [6, 4, 11, 0],
    );
    assert.deepEqual([...lossesByLine([], [], [0])], [0]);
    fc.assert(
      fc.property(
        fc.array(fc.nat(99), { maxLength: 40 }),
        fc.uniqueArray(fc.integer({ min: 1, max: 99 })),
        (at, rest) => {
          const starts = [...at].sort((a, b) => a - b);
          const lines = [0, ...rest.sort((a, b) => a - b)];
          const nats = starts.map((_, i) => i + 1);
          const expected = lines.map((start, line) =>
            nats
              .filter((__, i) => starts[i] >= start && !(starts[i] >= (lines[line + 1] ?? 100)))
              .reduce((a, b) => a + b, 0),
          );
          assert.deepEqual([...lossesByLine(starts, nats, lines)], expected);
        },
      ),
    );
  });

  it('names the parts that differ most, in both directions', () => {
    assert.deepEqual(mostDifferent([5, 5, 5, 5, 5], [5, 9, 1, 5.5, 9], 3), [1, 2, 4]);
    assert.deepEqual(mostDifferent([1, 2], [1, 2], 3), []);
  });
});
