import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { labelSmoothedCrossEntropy, logitsGradient, softmax, surprisal } from '../../src/loss/formulas';
import { ALWAYS_FALLING, alongGradient, bestStepSize, gradientStep } from '../../src/loss/step';
import { FIXTURES } from '../support/paths';

/** What PyTorch's autograd computed, recorded by models/make/step_reference.py. */
interface Reference {
  readonly cases: readonly {
    readonly target: number;
    readonly epsilon: number;
    readonly stepSize: number;
    readonly logits: readonly number[];
    readonly gradient: readonly number[];
    readonly losses: readonly number[];
    readonly last: readonly number[];
  }[];
}

const VOCABULARY = 49_152;

function close(actual: number, expected: number, tolerance: number, what = ''): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${what}: ${actual} is not ${expected}`,
  );
}

const problem = fc
  .array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 2, maxLength: 30 })
  .chain((z) => fc.tuple(fc.constant(z), fc.nat(z.length - 1)));
const smoothing = fc.double({ min: 0.01, max: 1, noNaN: true });
const stepSizes = fc.double({ min: 0.01, max: 100, noNaN: true });

function lineOf(z: ArrayLike<number>, y: number, epsilon: number, largest = 100) {
  return alongGradient(z, logitsGradient(z, y, epsilon), y, epsilon, largest);
}

/** Logits as a model gives them: a few good candidates, and a long tail. Not random between runs. */
function longTail(): Float32Array {
  return Float32Array.from({ length: VOCABULARY }, (_, v) => 12 * Math.exp(-v / 40) + 3 * Math.sin(v * 1.7));
}

describe('loss: steps on the logits', () => {
  it('agree with PyTorch, small and overshooting', () => {
    const file = join(FIXTURES, 'reference', 'logits-step.json');
    const { cases } = JSON.parse(readFileSync(file, 'utf8')) as Reference;
    assert.ok(
      cases.some(({ losses }) => losses[1] < losses[0]) && cases.some(({ losses }) => losses[1] > losses[0]),
    );
    for (const { target, epsilon, stepSize, logits, gradient, losses, last } of cases) {
      const name = `ε ${epsilon}, η ${stepSize}`;
      let z: ArrayLike<number> = logits;
      losses.forEach((loss, step) => {
        close(labelSmoothedCrossEntropy(z, target, epsilon), loss, 1e-7, `${name}, loss ${step}`);
        const slopes = logitsGradient(z, target, epsilon);
        if (step === 0) {
          gradient.forEach((slope, v) => {
            close(slopes[v], slope, 1e-8, `${name}, gradient ${v}`);
          });
        }
        if (step + 1 < losses.length) {
          z = gradientStep(z, slopes, stepSize);
        }
      });
      last.forEach((logit, v) => {
        close(z[v], logit, 1e-7, `${name}, logit ${v} after the steps`);
      });
    }
  });

  it('one by hand: q = (1/4, 3/4), y = 0, η = 2', () => {
    // q − p = (−3/4, 3/4), so z goes from (0, ln 3) to (1.5, ln 3 − 1.5), and s to log(1 + 3 e⁻³).
    const z = [0, Math.log(3)];
    const next = gradientStep(z, logitsGradient(z, 0), 2);
    close(next[0], 1.5, 1e-12);
    close(next[1], Math.log(3) - 1.5, 1e-12);
    close(surprisal(next, 0), Math.log1p(3 * Math.exp(-3)), 1e-12);
  });

  it(`below η = ${ALWAYS_FALLING} the loss never rises`, () => {
    fc.assert(
      fc.property(
        problem,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0.01, max: ALWAYS_FALLING, noNaN: true }),
        ([z, y], epsilon, stepSize) => {
          const next = gradientStep(z, logitsGradient(z, y, epsilon), stepSize);
          const before = labelSmoothedCrossEntropy(z, y, epsilon);
          assert.ok(labelSmoothedCrossEntropy(next, y, epsilon) <= before + 1e-12);
        },
      ),
    );
  });

  it('with a one-hot target the loss falls at every step size, and there is no best one', () => {
    fc.assert(
      fc.property(problem, stepSizes, ([z, y], stepSize) => {
        const next = gradientStep(z, logitsGradient(z, y), stepSize);
        assert.ok(surprisal(next, y) <= surprisal(z, y));
        // The loss of a token that is already certain is 0 within rounding, and so is its slope.
        if (surprisal(z, y) > 1e-6) {
          assert.ok(lineOf(z, y, 0).slope(0) < 0);
        }
      }),
    );
    for (const z of [
      [0, 1, 2],
      [0, 10, 20],
      [30, 1, 2],
    ]) {
      assert.equal(bestStepSize(lineOf(z, 0, 0), 100), undefined);
    }
  });

  it('with label smoothing a step can be too large: the loss rises and swings', () => {
    let z: ArrayLike<number> = [5, 1, 0, -1];
    const losses = Array.from({ length: 8 }, () => {
      const loss = labelSmoothedCrossEntropy(z, 3, 0.5);
      z = gradientStep(z, logitsGradient(z, 3, 0.5), 60);
      return loss;
    });
    const changes = losses.slice(1).map((loss, i) => Math.sign(loss - losses[i]));
    assert.ok(changes.includes(1) && changes.includes(-1), losses.join(' '));
  });

  it('with label smoothing small steps end at q = p', () => {
    let z: ArrayLike<number> = [5, 1, 0, -1];
    for (let step = 0; step < 2000; step++) {
      z = gradientStep(z, logitsGradient(z, 3, 0.1), ALWAYS_FALLING / 2);
    }
    const q = softmax(z);
    [0.025, 0.025, 0.025, 0.925].forEach((p, v) => {
      close(q[v], p, 1e-9);
    });
  });

  it('the Hessian diag(q) − q qᵀ has no eigenvalue above 1/2: xᵀ H x is the variance of x under q', () => {
    fc.assert(
      fc.property(problem, ([z]) => {
        // Numerically, by the power method.
        const q = softmax(z);
        let x = Float64Array.from(z, (_, v) => Math.cos(v + 1));
        let eigenvalue = 0;
        for (let i = 0; i < 50; i++) {
          const mean = x.reduce((sum, value, v) => sum + q[v] * value, 0);
          const image = x.map((value, v) => q[v] * (value - mean));
          eigenvalue = Math.hypot(...image) / Math.hypot(...x);
          x = image.map((value) => value / (Math.hypot(...image) || 1));
          if (x.every((value) => value === 0)) {
            break;
          }
        }
        assert.ok(eigenvalue <= 1 / 2 + 1e-12, String(eigenvalue));
      }),
    );
    // It is reached: two entries of 1/2 each.
    const step = gradientStep([0, 0], logitsGradient([0, 0], 0), 1e-4);
    const [before] = logitsGradient([0, 0], 0);
    const [after] = logitsGradient(step, 0);
    close((after - before) / (1e-4 * 0.5), 1 / 2, 1e-4);
  });
});

describe('loss: along the gradient', () => {
  it('is the loss after the step, at every step size', () => {
    fc.assert(
      fc.property(problem, fc.oneof(fc.constant(0), smoothing), stepSizes, ([z, y], epsilon, stepSize) => {
        const next = gradientStep(z, logitsGradient(z, y, epsilon), stepSize);
        close(lineOf(z, y, epsilon).loss(stepSize), labelSmoothedCrossEntropy(next, y, epsilon), 1e-11);
      }),
    );
  });

  it('also where most of a vocabulary is summed as a group', () => {
    const z = longTail();
    for (const [y, epsilon] of [
      [3, 0],
      [3, 0.1],
      [40_000, 0.1],
      [40_000, 1],
    ]) {
      const line = lineOf(z, y, epsilon);
      for (const stepSize of [0, 0.01, 1, 20, 100]) {
        const next = gradientStep(z, logitsGradient(z, y, epsilon), stepSize);
        close(
          line.loss(stepSize),
          labelSmoothedCrossEntropy(next, y, epsilon),
          1e-10,
          `y ${y} η ${stepSize}`,
        );
        const h = 1e-4;
        const from = Math.max(0, stepSize - h);
        const to = Math.min(100, stepSize + h);
        const slope = (line.loss(to) - line.loss(from)) / (to - from);
        close(line.slope((from + to) / 2), slope, 1e-5, `slope at η ${stepSize}`);
      }
    }
  });

  it('the best step size has a slope of 0 and the lowest loss', () => {
    fc.assert(
      fc.property(problem, smoothing, stepSizes, ([z, y], epsilon, other) => {
        const line = lineOf(z, y, epsilon);
        const best = bestStepSize(line, 100);
        if (best !== undefined) {
          assert.ok(line.loss(best) <= line.loss(other) + 1e-9);
          assert.ok(Math.abs(line.slope(best)) < 1e-6 || best < 1e-6);
        }
      }),
    );
  });

  it('twice the best step size and more overshoots', () => {
    const line = lineOf([5, 1, 0, -1], 3, 0.1);
    const best = bestStepSize(line, 100);
    assert.ok(best !== undefined && best > 1);
    assert.ok(line.loss(best) < line.loss(best / 2) && line.loss(best) < line.loss(best * 2));
    assert.ok(line.loss(100) > line.loss(0));
  });

  it('refuses what it cannot do', () => {
    assert.throws(() => gradientStep([1, 2], [1], 1), RangeError);
    assert.throws(() => gradientStep([1], [1], Number.NaN), RangeError);
    assert.throws(() => lineOf([1, 2], 2, 0), RangeError);
    assert.throws(() => lineOf([1, 2], 1, 0, 0), RangeError);
    assert.throws(() => lineOf([1, 2], 1, 0, 10).loss(11), RangeError);
    assert.throws(() => lineOf([1, 2], 1, 0).slope(-1), RangeError);
  });

  it('is quick for 49,152 entries', () => {
    const z = longTail();
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now();
      const gradient = logitsGradient(z, 7, 0.1);
      gradientStep(z, gradient, 1);
      const line = alongGradient(z, gradient, 7, 0.1, 100);
      bestStepSize(line, 100);
      for (let i = 0; i <= 60; i++) {
        line.loss(10 ** (i / 15 - 2));
      }
      return performance.now() - start;
    });
    // Some 15 ms, of which the gradient is most; the bound allows for a busy machine.
    assert.ok(Math.min(...times) < 60, times.join(' '));
  });
});
