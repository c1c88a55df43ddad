import assert from 'node:assert/strict';
import {
  entropyOf,
  klDivergence,
  labelSmoothedCrossEntropy,
  scaleByTemperature,
  smoothedTarget,
  softmax,
  surprisal,
} from '../../src/loss/formulas';
import type { PanelToken } from '../../src/panel/messages';
import { smooth, tokenLoss } from '../../webview/chapters/crossEntropy';

const logits = Float32Array.of(1, 4, -2, 0.5, 3, -6, 2.5);
const TARGET = 4;

function alternative(id: number) {
  return { id, text: `t${id}`, visible: `t${id}`, logit: logits[id], nats: surprisal(logits, id) };
}

const token = {
  target: alternative(TARGET),
  rank: 2,
  top: [1, 4, 6, 0].map(alternative),
  logits,
} as unknown as PanelToken;

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-10, `${actual} is not ${expected}`);

describe('the loss chapter: numbers', () => {
  it('writes the sum out in terms that add up to H(p, q) = H(p) + KL(p‖q)', () => {
    for (const temperature of [1, 0.5, 3]) {
      const loss = tokenLoss(token, temperature);
      assert.ok(loss);
      const scaled = scaleByTemperature(logits, temperature);
      for (const epsilon of [0, 0.1, 1]) {
        const { terms, crossEntropy, targetEntropy, divergence } = smooth(loss, epsilon);
        const p = smoothedTarget(logits.length, TARGET, epsilon);
        const sumOf = (pick: (term: (typeof terms)[number]) => number) =>
          terms.reduce((sum, term) => sum + pick(term), 0);
        near(crossEntropy, labelSmoothedCrossEntropy(scaled, TARGET, epsilon));
        near(targetEntropy, entropyOf(p));
        near(divergence, klDivergence(p, softmax(scaled)));
        near(
          sumOf(({ value }) => value),
          crossEntropy,
        );
        near(
          sumOf((term) => term.p),
          1,
        );
        near(
          sumOf(({ tokens }) => tokens),
          logits.length,
        );
        for (const term of terms) {
          near(term.p * term.nats, term.value);
        }
      }
    }
  });

  it('begins with the token itself and goes on with its strongest rivals', () => {
    const loss = tokenLoss(token, 1);
    assert.ok(loss);
    const { terms } = smooth(loss, 0.1);
    assert.deepEqual(
      terms.map((term) => term.alternative?.id),
      [TARGET, 1, 6, undefined],
    );
  });

  it('is computed once for a token and a temperature, and not without logits', () => {
    assert.equal(tokenLoss({ ...token }, 2), tokenLoss({ ...token }, 2));
    const { logits: _, ...bare } = token;
    assert.equal(tokenLoss(bare, 1), undefined);
  });
});
