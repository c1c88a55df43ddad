import assert from 'node:assert/strict';
import { type Compared, comparisonSentence, differenceText } from '../../src/editor/comparisonText';
import { english } from '../../src/editor/localize';
import { pairedDifference } from '../../src/loss/comparison';

/** A text of 10 bytes, with the lines' losses in bits. */
function compared(first: readonly number[], second: readonly number[]): Compared {
  const losses = [first, second].map((bits) => Float64Array.from(bits, (value) => value * Math.LN2));
  return {
    name: 'a.md',
    bytes: 10,
    models: ['one', 'other'],
    losses: [losses[0], losses[1]],
    difference: pairedDifference(losses[0], losses[1]),
  };
}

describe('what is said of two models', () => {
  it('is by how much a line costs the other more, and what it costs both, in the unit of the user', () => {
    assert.equal(differenceText(31.8 * Math.LN2, 44.9 * Math.LN2, 'bits'), '+13.1 bits (31.8 → 44.9)');
    assert.equal(differenceText(20, 17.5, 'nats'), '−2.5 nats (20.0 → 17.5)');
    assert.equal(differenceText(2 * Math.LN10, 3 * Math.LN10, 'hartleys'), '+1.0 hartleys (2.00 → 3.00)');
  });

  it('is how many bits per byte more or fewer the other takes, and how sure that is', () => {
    // 20 and 26 bits in 10 bytes; the lines differ by 2 and 4 bits: √(2 · 2) = 2 bits.
    assert.equal(
      comparisonSentence(compared([10, 10], [12, 14]), english),
      'With other, a.md takes 2.6000 bits per byte, 0.6000 ± 0.2000 more than with one.',
    );
    assert.equal(
      comparisonSentence(compared([12, 14], [10, 10]), english),
      'With other, a.md takes 2.0000 bits per byte, 0.6000 ± 0.2000 fewer than with one.',
    );
    assert.equal(
      comparisonSentence(compared([12], [10]), english),
      'With other, a.md takes 1.0000 bits per byte, 0.2000 fewer than with one.',
    );
    assert.equal(
      comparisonSentence(compared([12, 1], [12, 1]), english),
      'With other, a.md takes 1.3000 bits per byte, as many as with one.',
    );
  });
});
