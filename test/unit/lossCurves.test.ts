import assert from 'node:assert/strict';
import { absoluteErrorLoss, brierLoss, surprisal } from '../../src/loss/formulas';
import { lossAt, pushAt, restConcentration } from '../../src/loss/lossCurves';

describe('losses as functions of the token\u2019s probability', () => {
  const logits = [2, -1, 0.5, 3, -4, 1];
  const losses = {
    log: surprisal,
    brier: brierLoss,
    absolute: absoluteErrorLoss,
  } as const;
  const names = ['log', 'brier', 'absolute'] as const;

  for (const name of names) {
    it(`goes through the exact ${name} loss of a distribution`, () => {
      for (let target = 0; target < logits.length; target++) {
        const value = lossAt(name, surprisal(logits, target), restConcentration(logits, target));
        assert.ok(Math.abs(value - losses[name](logits, target)) < 1e-12);
      }
    });

    it(`pushes along the derivative of the ${name} loss at the token\u2019s logit`, () => {
      const step = 1e-5;
      for (let target = 0; target < logits.length; target++) {
        const at = (change: number) =>
          losses[name](
            logits.map((z, v) => (v === target ? z + change : z)),
            target,
          );
        const slope = (at(step) - at(-step)) / (2 * step);
        const push = pushAt(name, surprisal(logits, target), restConcentration(logits, target));
        assert.ok(Math.abs(push + slope) < 1e-9, `${push} against ${-slope}`);
      }
    });
  }

  it('knows two classes, an even rest, and a rest far below the target', () => {
    assert.equal(restConcentration([0, 7], 0), 1);
    assert.ok(Math.abs(restConcentration([0, 1, 1, 1, 1], 0) - 1 / 4) < 1e-15);
    assert.equal(restConcentration([2000, 0, 0], 0), 1 / 2);
    assert.throws(() => restConcentration([1], 0), RangeError);
    assert.throws(() => restConcentration([1, Number.NaN], 0), RangeError);
  });

  it('keeps the push of the log loss at a confident mistake, where the others have none left', () => {
    assert.equal(pushAt('log', 800, 1), 1);
    assert.equal(pushAt('brier', 800, 1), 0);
    assert.equal(pushAt('absolute', 800, 1), 0);
  });
});
