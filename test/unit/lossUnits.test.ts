import assert from 'node:assert/strict';
import fc from 'fast-check';
import { HEAT_BIN_COUNT, HEAT_BINS, HEAT_EDGES_BITS, heatOf } from '../../src/loss/heat';
import { lossShareOfTop, mostSurprising } from '../../src/loss/statistics';
import {
  formatBytes,
  formatCount,
  formatProbability,
  formatSurprisal,
  NATS_PER_BIT,
  toBits,
  toHartleys,
  toUnit,
} from '../../src/loss/units';

describe('loss: units', () => {
  it('one bit is ln 2 nats, one hartley ln 10', () => {
    assert.equal(toBits(Math.LN2), 1);
    assert.equal(toHartleys(Math.LN10), 1);
    assert.equal(toUnit(3, 'nats'), 3);
    // log2(10) = 3.3219… bits in a hartley.
    assert.ok(Math.abs(toBits(Math.LN10) - 3.321928094887362) < 1e-12);
  });

  it('amounts', () => {
    const shown = (bits: number): string => formatSurprisal(bits * NATS_PER_BIT, 'bits');
    assert.equal(shown(0), '0 bits');
    assert.equal(shown(1), '1.00 bits');
    assert.equal(shown(3.456), '3.46 bits');
    assert.equal(shown(12.345), '12.3 bits');
    assert.equal(shown(9.999), '10.0 bits');
    assert.equal(shown(0.00422), '0.0042 bits');
    assert.equal(shown(1e-7), '< 0.001 bits');
    assert.equal(shown(-2.5), '−2.50 bits');
    assert.equal(shown(-1e-7), '> −0.001 bits');
    assert.equal(formatSurprisal(2, 'nats'), '2.00 nats');
    assert.equal(formatSurprisal(Math.LN10, 'hartleys'), '1.00 hartleys');
    assert.throws(() => formatSurprisal(Number.NaN, 'bits'), RangeError);
  });

  it('probabilities from 1 down to where float64 has none', () => {
    const shown = (probability: number): string => formatProbability(-Math.log(probability));
    assert.equal(formatProbability(0), '100 %');
    assert.equal(formatProbability(-1e-8), '100 %');
    assert.equal(formatProbability(1e-9), '> 99.9999 %');
    assert.equal(shown(0.9998), '99.980 %');
    assert.equal(shown(0.996), '99.60 %');
    assert.equal(shown(0.5), '50.0 %');
    assert.equal(shown(0.123), '12.3 %');
    assert.equal(shown(0.0617), '6.2 %');
    assert.equal(shown(0.00041), '0.041 %');
    assert.equal(shown(1 / 32_000), '1 in 32,000');
    assert.equal(shown(1 / 3.2e6), '1 in 3.2 million');
    assert.equal(shown(1e-9), '1 in 1 billion');
    assert.equal(shown(1 / 2.5e12), '1 in 2.5 trillion');
    assert.equal(shown(1e-30), '1 in 1.0 × 10³⁰');
    assert.equal(formatProbability(1000 * Math.LN10), '1 in 1.0 × 10¹⁰⁰⁰');
    assert.throws(() => formatProbability(Number.POSITIVE_INFINITY), RangeError);
  });

  it('probabilities never read as 0 or as certain when they are not, and never end in a bare number', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-5, max: 700, noNaN: true }), (nats) => {
        assert.match(
          formatProbability(nats),
          /^(> )?\d[\d.]* %$|^1 in [\d.,]+( million| billion| trillion| × 10[⁰¹²³⁴⁵⁶⁷⁸⁹]+)?$/,
        );
        assert.notEqual(formatProbability(nats), '100 %');
        assert.doesNotMatch(formatProbability(nats), /^0(\.0*)? %/);
      }),
      { numRuns: 2000 },
    );
  });

  it('counts', () => {
    assert.equal(formatCount(49_152), '49,152');
    assert.equal(formatCount(7), '7');
    assert.throws(() => formatCount(Number.NaN), RangeError);
  });

  it('sizes', () => {
    assert.equal(formatBytes(12_300), '0.0 MB');
    assert.equal(formatBytes(420_000), '0.4 MB');
    assert.equal(formatBytes(9_960_000), '10 MB');
    assert.equal(formatBytes(311_700_000), '312 MB');
    assert.equal(formatBytes(1_430_000_000), '1.4 GB');
  });
});

describe('loss: heat', () => {
  it('has one bin between each two edges, edges in the bin above', () => {
    assert.equal(HEAT_BINS.length, HEAT_BIN_COUNT);
    HEAT_EDGES_BITS.forEach((bits, i) => {
      assert.equal(heatOf(bits * NATS_PER_BIT), i + 1);
      assert.equal(heatOf((bits - 1e-6) * NATS_PER_BIT), i);
    });
    assert.equal(heatOf(0), 0);
    assert.equal(heatOf(-1e-7), 0);
    assert.equal(heatOf(1e6), HEAT_BIN_COUNT - 1);
    assert.throws(() => heatOf(Number.NaN), RangeError);
  });

  it('rises with the surprisal', () => {
    const nats = fc.double({ min: 0, max: 30, noNaN: true });
    fc.assert(fc.property(nats, nats, (a, b) => heatOf(Math.min(a, b)) <= heatOf(Math.max(a, b))));
  });

  it('labels and meanings', () => {
    assert.deepEqual(
      HEAT_BINS.map(({ label }) => label),
      [
        'under 1 bit',
        '1–2 bits',
        '2–4 bits',
        '4–6 bits',
        '6–8 bits',
        '8–11 bits',
        '11–14 bits',
        '14 bits and more',
      ],
    );
    assert.match(HEAT_BINS[0].meaning, /^Probability above 50\.0 %: /);
    assert.match(HEAT_BINS[2].meaning, /^Probability between 6\.3 % and 25\.0 %: /);
    assert.match(HEAT_BINS[7].meaning, /^Probability of 1 in 16,000 or less: /);
  });
});

describe('loss: statistics', () => {
  it('the share of the most surprising', () => {
    // Total 20; the upper fifth is the one token of 14.
    assert.equal(lossShareOfTop([1, 2, 14, 1, 2], 0.2), 0.7);
    assert.equal(lossShareOfTop([1, 2, 14, 1, 2], 1), 1);
    assert.equal(lossShareOfTop([1, 2, 14, 1, 2], 0), 0);
    assert.equal(lossShareOfTop([], 0.2), 0);
    assert.equal(lossShareOfTop([0, 0], 0.5), 0);
    assert.throws(() => lossShareOfTop([1], 2), RangeError);
    assert.throws(() => lossShareOfTop([Number.NaN], 0.5), RangeError);
  });

  it('is never below the fraction itself', () => {
    const nats = fc.array(fc.double({ min: 0.01, max: 20, noNaN: true }), { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(nats, fc.integer({ min: 0, max: 10 }), (values, tenths) => {
        assert.ok(lossShareOfTop(values, tenths / 10) >= tenths / 10 - 1e-12);
      }),
    );
  });

  it('the most surprising, without tokens that are not scored', () => {
    assert.deepEqual(mostSurprising(Float32Array.of(1, Number.NaN, 5, 1, 3), 3), [2, 4, 0]);
    assert.deepEqual(mostSurprising([2, 2, 2], 9), [0, 1, 2]);
  });
});
