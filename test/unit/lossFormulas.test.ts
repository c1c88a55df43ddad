import assert from 'node:assert/strict';
import fc from 'fast-check';
import * as loss from '../../src/loss/formulas';

const VOCABULARY = 49_152;

function close(actual: number, expected: number, tolerance = 1e-12): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${actual} is not ${expected}`,
  );
}

const logitsOf = (length: { minLength: number; maxLength: number }) =>
  fc.array(fc.double({ min: -50, max: 50, noNaN: true }), length);
const logits = logitsOf({ minLength: 1, maxLength: 40 });
/** Logits and a target among them. */
const withTarget = logits.chain((z) => fc.tuple(fc.constant(z), fc.nat(z.length - 1)));
/** Two distributions over the same entries. */
const twoDistributions = fc
  .integer({ min: 1, max: 30 })
  .chain((length) => {
    const z = logitsOf({ minLength: length, maxLength: length });
    return fc.tuple(z, z);
  })
  .map(([a, b]) => [loss.softmax(a), loss.softmax(b)] as const);

describe('loss: hand-worked numbers', () => {
  // z = log(1, 2, 4, 1): exp z adds up to 8, so q = (1/8, 1/4, 1/2, 1/8).
  const z = [0, Math.LN2, 2 * Math.LN2, 0];

  it('log-sum-exp, softmax and surprisal', () => {
    close(loss.logSumExp(z), Math.log(8));
    assert.deepEqual(
      [...loss.softmax(z)].map((q) => Math.round(q * 1e12) / 1e12),
      [1 / 8, 1 / 4, 1 / 2, 1 / 8],
    );
    // −log 1/8 = 3 ln 2, −log 1/4 = 2 ln 2, −log 1/2 = ln 2.
    [3, 2, 1, 3].forEach((bits, target) => {
      close(loss.surprisal(z, target), bits * Math.LN2);
      close(-loss.logSoftmax(z)[target], bits * Math.LN2);
    });
  });

  it('entropy: 1/8·3 + 1/4·2 + 1/2·1 + 1/8·3 = 1.75 bits', () => {
    close(loss.entropy(z), 1.75 * Math.LN2);
    close(loss.entropyOf([1 / 8, 1 / 4, 1 / 2, 1 / 8]), 1.75 * Math.LN2);
  });

  it('varentropy: 1/8·9 + 1/4·4 + 1/2·1 + 1/8·9 − 1.75² = 3.75 − 3.0625 = 0.6875 bits²', () => {
    close(loss.varentropy(z), 0.6875 * Math.LN2 ** 2);
  });

  it('rank counts larger logits only', () => {
    assert.deepEqual(
      [0, 1, 2, 3].map((target) => loss.rank(z, target)),
      [3, 2, 1, 3],
    );
  });

  it('cross-entropy and divergence of p = (1/2, 1/2) from q = (1/4, 3/4)', () => {
    // H(p,q) = ½ ln 4 + ½ ln 4/3 = ½ ln 16/3; H(p) = ln 2; KL = ½ ln 16/3 − ½ ln 4 = ½ ln 4/3.
    close(loss.crossEntropy([0.5, 0.5], [0.25, 0.75]), 0.5 * Math.log(16 / 3));
    close(loss.klDivergence([0.5, 0.5], [0.25, 0.75]), 0.5 * Math.log(4 / 3));
  });

  it('squared and absolute error at q_y = 1/4: (1/8)² + (3/4)² + (1/2)² + (1/8)² and 2·3/4', () => {
    close(loss.brierLoss(z, 1), 1 / 64 + 9 / 16 + 1 / 4 + 1 / 64);
    close(loss.absoluteErrorLoss(z, 1), 1.5);
  });

  it('label smoothing ε = 0.1 at the second: 0.9·2 + 0.025·(3 + 2 + 1 + 3) = 2.025 bits', () => {
    close(loss.labelSmoothedCrossEntropy(z, 1, 0.1), 2.025 * Math.LN2);
  });

  it('gradient at the second: q − p = (1/8, −3/4, 1/2, 1/8)', () => {
    [1 / 8, -3 / 4, 1 / 2, 1 / 8].forEach((expected, v) => {
      close(loss.logitsGradient(z, 1)[v], expected);
    });
  });

  it('excess and standardised surprisal', () => {
    close(loss.excessSurprisal(3 * Math.LN2, 1.75 * Math.LN2), 1.25 * Math.LN2);
    close(loss.standardisedSurprisal(3, 1.75, 0.6875), 1.25 / Math.sqrt(0.6875));
    assert.equal(loss.standardisedSurprisal(2, 2, 0), 0);
    assert.equal(loss.standardisedSurprisal(3, 2, 0), Number.POSITIVE_INFINITY);
    assert.throws(() => loss.standardisedSurprisal(3, 2, -1), RangeError);
  });

  it('mean, perplexity, bits per byte, chain rule of probabilities 1/2, 1/4, 1/8', () => {
    const nats = [Math.LN2, 2 * Math.LN2, 3 * Math.LN2];
    close(loss.meanLoss(nats), 2 * Math.LN2);
    close(loss.perplexity(loss.meanLoss(nats)), 4);
    close(loss.bitsPerByte(loss.totalLoss(nats), 12), 0.5);
    close(Math.exp(loss.jointLogProbability(nats)), 1 / 64);
    assert.equal(loss.jointLogProbability([]), 0);
  });

  it('temperature: halving it doubles every difference of logits', () => {
    // z / 0.5 = log(1, 4, 16, 1), so q = (1, 4, 16, 1) / 22.
    close(loss.softmax(loss.scaleByTemperature(z, 0.5))[2], 16 / 22);
  });
});

describe('loss: the formulas against each other', () => {
  it('KL ≥ 0, and 0 of a distribution from itself (Gibbs)', () => {
    fc.assert(
      fc.property(twoDistributions, ([p, q]) => {
        assert.ok(loss.klDivergence(p, q) >= -1e-12);
        close(loss.klDivergence(p, p), 0);
      }),
    );
  });

  it('H(p, q) = H(p) + KL(p‖q), from probabilities and from log-probabilities', () => {
    fc.assert(
      fc.property(twoDistributions, ([p, q]) => {
        const h = loss.crossEntropy(p, q);
        close(h, loss.entropyOf(p) + loss.klDivergence(p, q), 1e-10);
        close(loss.crossEntropyFromLog(p, q.map(Math.log)), h, 1e-12);
      }),
    );
  });

  it('surprisal is the cross-entropy with a one-hot p', () => {
    fc.assert(
      fc.property(withTarget, ([z, target]) => {
        const oneHot = loss.smoothedTarget(z.length, target, 0);
        close(loss.surprisal(z, target), loss.crossEntropyFromLog(oneHot, loss.logSoftmax(z)), 1e-10);
      }),
    );
  });

  it('0 ≤ entropy ≤ ln V, reached by equal logits', () => {
    fc.assert(
      fc.property(logits, (z) => {
        const h = loss.entropy(z);
        assert.ok(h >= 0 && h <= Math.log(z.length) + 1e-12);
        close(h, loss.entropyOf(loss.softmax(z)), 1e-9);
      }),
    );
    close(loss.entropy(new Float32Array(VOCABULARY)), Math.log(VOCABULARY));
  });

  it('entropy and varentropy are the mean and the variance of the surprisal', () => {
    fc.assert(
      fc.property(logits, (z) => {
        const q = loss.softmax(z);
        const s = z.map((_, v) => loss.surprisal(z, v));
        const mean = s.reduce((sum, value, v) => sum + q[v] * value, 0);
        const square = s.reduce((sum, value, v) => sum + q[v] * value ** 2, 0);
        close(loss.entropy(z), mean, 1e-9);
        assert.ok(Math.abs(loss.varentropy(z) - (square - mean ** 2)) < 1e-9 * (1 + square));
        assert.ok(loss.varentropy(z) >= 0);
      }),
    );
  });

  it('label smoothing: ε = 0 is the surprisal, ε = 1 is against the uniform distribution, and it is linear in ε', () => {
    fc.assert(
      fc.property(withTarget, fc.double({ min: 0, max: 1, noNaN: true }), ([z, target], epsilon) => {
        const none = loss.labelSmoothedCrossEntropy(z, target, 0);
        const all = loss.labelSmoothedCrossEntropy(z, target, 1);
        const uniform = new Float64Array(z.length).fill(1 / z.length);
        close(none, loss.surprisal(z, target), 1e-10);
        close(all, loss.crossEntropyFromLog(uniform, loss.logSoftmax(z)), 1e-10);
        const some = loss.labelSmoothedCrossEntropy(z, target, epsilon);
        close(some, (1 - epsilon) * none + epsilon * all, 1e-9);
        const p = loss.smoothedTarget(z.length, target, epsilon);
        close(some, loss.crossEntropyFromLog(p, loss.logSoftmax(z)), 1e-9);
      }),
    );
  });

  it('the gradient is that of finite differences, and adds up to 0', () => {
    const small = fc
      .array(fc.double({ min: -4, max: 4, noNaN: true }), { minLength: 2, maxLength: 8 })
      .chain((z) => fc.tuple(fc.constant(z), fc.nat(z.length - 1)));
    fc.assert(
      fc.property(small, fc.constantFrom(0, 0.1, 0.7, 1), ([z, target], epsilon) => {
        const step = 1e-5;
        const gradient = loss.logitsGradient(z, target, epsilon);
        const at = (v: number, change: number): number =>
          loss.labelSmoothedCrossEntropy(z.with(v, z[v] + change), target, epsilon);
        z.forEach((_, v) => {
          const difference = (at(v, step) - at(v, -step)) / (2 * step);
          assert.ok(Math.abs(difference - gradient[v]) < 1e-8, `${difference} against ${gradient[v]}`);
        });
        assert.ok(Math.abs(gradient.reduce((sum, value) => sum + value, 0)) < 1e-12);
      }),
    );
  });

  it('absolute error is Σ |q − p| = 2 (1 − q_y); Brier lies between its square bounds', () => {
    fc.assert(
      fc.property(withTarget, ([z, target]) => {
        const gradient = [...loss.logitsGradient(z, target)];
        const absolute = gradient.reduce((sum, value) => sum + Math.abs(value), 0);
        assert.ok(Math.abs(loss.absoluteErrorLoss(z, target) - absolute) < 1e-12);
        const brier = loss.brierLoss(z, target);
        // Σ d² ≤ (max |d|) Σ |d|, and max |d| = 1 − q_y.
        assert.ok(brier >= 0 && brier <= absolute ** 2 / 2 + 1e-12);
      }),
    );
  });

  it('adding a constant to the logits changes nothing; temperature 1 neither', () => {
    fc.assert(
      fc.property(withTarget, fc.double({ min: -1e3, max: 1e3, noNaN: true }), ([z, target], constant) => {
        const shifted = z.map((logit) => logit + constant);
        close(loss.surprisal(shifted, target), loss.surprisal(z, target), 1e-9);
        close(loss.surprisal(loss.scaleByTemperature(z, 1), target), loss.surprisal(z, target));
      }),
    );
  });

  it('the joint probability of a span is the product of its tokens', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 5, noNaN: true }), { maxLength: 20 }), (nats) => {
        const product = nats.reduce((p, s) => p * Math.exp(-s), 1);
        close(Math.exp(loss.jointLogProbability(nats)), product, 1e-9);
      }),
    );
  });
});

describe('loss: stability', () => {
  it('logits of ±10,000: exact where exp would overflow or underflow', () => {
    const z = [1e4, -1e4];
    assert.equal(loss.surprisal(z, 0), 0);
    assert.equal(loss.surprisal(z, 1), 2e4);
    assert.equal(loss.logSumExp(z), 1e4);
    assert.equal(loss.logSumExp([-1e4, -1e4]), -1e4 + Math.LN2);
    assert.equal(loss.entropy(z), 0);
    assert.equal(loss.varentropy(z), 0);
    assert.equal(loss.absoluteErrorLoss(z, 1), 2);
    assert.deepEqual([...loss.logitsGradient(z, 1)], [1, -1]);
  });

  it('nothing is clipped: a loss of 2,000 nats is reported as such', () => {
    assert.equal(loss.surprisal([2000, 0], 1), 2000);
    assert.equal(loss.crossEntropy([0, 1], [1, 0]), Number.POSITIVE_INFINITY);
    assert.equal(loss.jointLogProbability(new Array(1000).fill(2)), -2000);
  });

  it('keeps the digits of a loss close to 0', () => {
    // q_y = 1 / (1 + e^−30), so s = log1p(e^−30) ≈ e^−30; float64 keeps the part of it above 2^−52.
    assert.ok(Math.abs(loss.surprisal([30, 0], 0) - Math.exp(-30)) < 2 ** -52);
    assert.ok(loss.absoluteErrorLoss([30, 0], 0) > 0);
  });

  it('a vocabulary of 49,152 in float32', () => {
    const z = Float32Array.from({ length: VOCABULARY }, (_, v) => 8 * Math.sin(v * 12.9898));
    const q = loss.softmax(z);
    close(
      q.reduce((sum, value) => sum + value, 0),
      1,
    );
    const mean = q.reduce((sum, value, v) => sum + value * loss.logSoftmax(z.subarray(v, v + 1))[0], 0);
    assert.equal(mean, 0);
    close(loss.entropy(z), loss.entropyOf(q), 1e-9);
    close(loss.labelSmoothedCrossEntropy(z, 7, 0), loss.surprisal(z, 7), 1e-10);
  });
});

describe('loss: what cannot be is refused', () => {
  it('logits that are not finite, named by position', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const z = Float32Array.of(0, 1, bad, 3);
      const functions = [
        () => loss.logSumExp(z),
        () => loss.softmax(z),
        () => loss.logSoftmax(z),
        () => loss.surprisal(z, 0),
        () => loss.entropy(z),
        () => loss.varentropy(z),
        () => loss.rank(z, 0),
        () => loss.labelSmoothedCrossEntropy(z, 0, 0.1),
        () => loss.logitsGradient(z, 0),
        () => loss.brierLoss(z, 0),
        () => loss.absoluteErrorLoss(z, 0),
        () => loss.scaleByTemperature(z, 1),
      ];
      for (const call of functions) {
        assert.throws(
          call,
          (error: Error) => error instanceof RangeError && /position 2/.test(error.message),
        );
      }
    }
    assert.throws(() => loss.meanLoss([0, Number.NaN]), /position 1/);
  });

  it('empty inputs, targets and parameters out of range', () => {
    assert.throws(() => loss.logSumExp([]), RangeError);
    assert.throws(() => loss.meanLoss([]), RangeError);
    assert.throws(() => loss.bitsPerByte(1, 0), RangeError);
    for (const target of [-1, 2, 0.5, Number.NaN]) {
      assert.throws(() => loss.surprisal([0, 1], target), RangeError);
      assert.throws(() => loss.rank([0, 1], target), RangeError);
    }
    for (const temperature of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => loss.scaleByTemperature([0], temperature), RangeError);
    }
    for (const epsilon of [-0.1, 1.1, Number.NaN]) {
      assert.throws(() => loss.labelSmoothedCrossEntropy([0, 1], 0, epsilon), RangeError);
    }
  });

  it('what is no distribution', () => {
    assert.throws(() => loss.entropyOf([0.5, Number.NaN]), /position 1/);
    assert.throws(() => loss.entropyOf([0.5, 0.4]), /add up/);
    assert.throws(() => loss.crossEntropy([1], [0.5, 0.5]), /entries/);
    assert.throws(() => loss.klDivergence([0.5, 0.5], [-0.5, 1.5]), /position 0/);
    assert.throws(() => loss.crossEntropyFromLog([1, 0], [0, 3]), /position 1/);
  });
});
