import assert from 'node:assert/strict';
import { entropy, rank, softmax, surprisal, varentropy } from '../../src/loss/formulas';
import { type Encounter, standardised, verdictOf } from '../../src/loss/verdict';

const bits = Math.LN2;

describe('verdict', () => {
  const cases = [
    ['sure-right', { nats: 0.1, entropy: 0.4, varentropy: 0.5, rank: 1, bestNats: 0.1 }],
    ['sure-wrong', { nats: 9 * bits, entropy: 1 * bits, varentropy: 1, rank: 500, bestNats: 0.2 }],
    ['sure-near', { nats: 1.5 * bits, entropy: 1 * bits, varentropy: 1, rank: 2, bestNats: 0.5 }],
    ['unsure-right', { nats: 3 * bits, entropy: 6 * bits, varentropy: 2, rank: 1, bestNats: 3 * bits }],
    ['unsure-expected', { nats: 6 * bits, entropy: 6 * bits, varentropy: 2, rank: 30, bestNats: 3 * bits }],
    [
      'unsure-surprised',
      { nats: 15 * bits, entropy: 6 * bits, varentropy: 2, rank: 9000, bestNats: 3 * bits },
    ],
  ] as const;
  for (const [verdict, encounter] of cases) {
    it(`knows "${verdict}"`, () => assert.equal(verdictOf(encounter), verdict));
  }

  it('judges by the entropy where the favourite is not known', () => {
    assert.equal(verdictOf({ nats: 8, entropy: 0.5, varentropy: 1 }), 'sure-wrong');
    assert.equal(verdictOf({ nats: 0.1, entropy: 0.2, varentropy: 0.5 }), 'sure-right');
    assert.equal(verdictOf({ nats: 5, entropy: 4, varentropy: 4 }), 'unsure-expected');
    assert.equal(verdictOf({ nats: 9, entropy: 3, varentropy: 4 }), 'unsure-surprised');
  });

  it('never calls sure without the favourite what it calls unsure with it', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const logits = Array.from({ length: 12 }, (_, v) => ((seed % 17) / 2) * Math.sin(seed * (v + 1) * 1.7));
      const target = seed % logits.length;
      const moments = {
        nats: surprisal(logits, target),
        entropy: entropy(logits),
        varentropy: varentropy(logits),
        rank: rank(logits, target),
      };
      const known: Encounter = { ...moments, bestNats: -Math.log(Math.max(...softmax(logits))) };
      if (verdictOf(moments).startsWith('sure')) {
        assert.equal(verdictOf(known), verdictOf(moments));
      }
    }
  });

  it('takes a varentropy a rounding error below zero', () => {
    const encounter = { nats: 4.6, entropy: 4.6, varentropy: -1e-7, rank: 7, bestNats: 4.6 };
    assert.equal(verdictOf(encounter), 'unsure-expected');
    assert.equal(standardised(encounter), 0);
  });

  it('has no scale where the model had no doubt and was wrong', () => {
    assert.equal(standardised({ nats: 9, entropy: 0, varentropy: 0 }), Number.NaN);
    assert.equal(verdictOf({ nats: 9, entropy: 0, varentropy: 0 }), 'sure-wrong');
  });
});
