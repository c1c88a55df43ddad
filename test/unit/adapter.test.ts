import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { AdamW, Adapter, AdapterLoss, type AdapterShape, mulberry32, shuffled } from '../../src/loss/adapter';
import { entropy, rank, surprisal, varentropy } from '../../src/loss/formulas';
import { FIXTURES } from '../support/paths';
import { largestDifference } from '../support/scoring';

/** What PyTorch computed, recorded by models/make/training_reference.py. Matrices are row-major, B transposed. */
interface Case {
  readonly name: string;
  readonly adapter: AdapterShape['kind'];
  readonly rank: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly states: readonly number[];
  readonly base: readonly number[];
  readonly targets: readonly number[];
  readonly initial: readonly number[][];
  readonly gradient: readonly number[][];
  readonly steps: readonly { readonly loss: number; readonly parameters: readonly number[][] }[];
}

const { cases }: { cases: readonly Case[] } = JSON.parse(
  readFileSync(join(FIXTURES, 'reference', 'training.json'), 'utf8'),
);

interface Batch {
  readonly base: Float32Array;
  readonly states: Float32Array;
  readonly targets: readonly number[];
}

function rowsOf(values: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: values.length / width }, (_, i) => values.subarray(i * width, (i + 1) * width));
}

/** Mean loss over a minibatch, its gradient gathered. */
function backward(loss: AdapterLoss, adapter: Adapter, batch: Batch): number {
  loss.clear();
  const states = rowsOf(batch.states, adapter.shape.hidden);
  const weight = 1 / batch.targets.length;
  return rowsOf(batch.base, adapter.shape.vocabulary)
    .map((base, i) => weight * loss.backward(adapter, base, states[i], batch.targets[i], weight))
    .reduce((sum, value) => sum + value, 0);
}

function meanLoss(loss: AdapterLoss, adapter: Adapter, batch: Batch): number {
  const states = rowsOf(batch.states, adapter.shape.hidden);
  return rowsOf(batch.base, adapter.shape.vocabulary)
    .map((base, i) => loss.loss(adapter, base, states[i], batch.targets[i]) / batch.targets.length)
    .reduce((sum, value) => sum + value, 0);
}

/** A minibatch and an adapter out of a seed. */
function randomCase(
  seed: number,
  kind: AdapterShape['kind'],
): { batch: Batch; shape: AdapterShape; adapter: Adapter } {
  const random = mulberry32(seed);
  const shape: AdapterShape = {
    kind,
    rank: 1 + Math.floor(random() * 6),
    hidden: 1 + Math.floor(random() * 7),
    vocabulary: 2 + Math.floor(random() * 30),
  };
  const rows = 1 + Math.floor(random() * 4);
  const numbers = (count: number, scale: number) =>
    Float32Array.from({ length: count }, () => scale * (2 * random() - 1));
  const adapter = Adapter.initial(shape, random);
  for (const values of adapter.parameters) {
    values.set(numbers(values.length, 1));
  }
  const batch = {
    base: numbers(rows * shape.vocabulary, 5),
    states: numbers(rows * shape.hidden, 2),
    targets: Array.from({ length: rows }, () => Math.floor(random() * shape.vocabulary)),
  };
  return { batch, shape, adapter };
}

const kinds = fc.constantFrom<AdapterShape['kind'][]>('bias', 'low-rank');
const seeds = fc.nat({ max: 2 ** 31 });

describe('adapter of the output layer', () => {
  for (const recorded of cases) {
    it(`agrees with PyTorch's autograd and AdamW: ${recorded.name}`, () => {
      const shape: AdapterShape = { ...recorded, kind: recorded.adapter };
      const batch: Batch = {
        base: Float32Array.from(recorded.base),
        states: Float32Array.from(recorded.states),
        targets: recorded.targets,
      };
      const adapter = new Adapter(
        shape,
        recorded.initial.map((values) => Float32Array.from(values)),
      );
      const loss = new AdapterLoss(shape);
      const optimiser = new AdamW(adapter.parameters, recorded);
      for (const [step, expected] of recorded.steps.entries()) {
        assert.ok(Math.abs(backward(loss, adapter, batch) - expected.loss) < 2e-6, `loss of step ${step}`);
        if (step === 0) {
          for (const [i, values] of recorded.gradient.entries()) {
            assert.ok(values.some((value) => value !== 0) || recorded.name.endsWith('from 0'));
            assert.ok(largestDifference(loss.gradient[i], values) < 1e-6, `gradient ${i}`);
          }
        }
        optimiser.step(loss.gradient);
        for (const [i, values] of expected.parameters.entries()) {
          assert.ok(largestDifference(adapter.parameters[i], values) < 5e-6, `parameters ${i}, step ${step}`);
        }
      }
    });
  }

  it('gives the derivatives of its own loss (central differences)', () => {
    fc.assert(
      fc.property(seeds, kinds, (seed, kind) => {
        const { batch, shape, adapter } = randomCase(seed, kind);
        const loss = new AdapterLoss(shape);
        backward(loss, adapter, batch);
        const random = mulberry32(seed + 1);
        for (const [i, values] of adapter.parameters.entries()) {
          const at = Math.floor(random() * values.length);
          const value = values[at];
          const [below, above] = [-0.01, 0.01].map((h) => {
            values[at] = value + h;
            const result = { x: values[at], loss: meanLoss(loss, adapter, batch) };
            values[at] = value;
            return result;
          });
          const slope = (above.loss - below.loss) / (above.x - below.x);
          const gradient = loss.gradient[i][at];
          assert.ok(Math.abs(slope - gradient) < 1e-3 * Math.max(1, Math.abs(slope)), `${slope} ${gradient}`);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('changes nothing before its first step', () => {
    fc.assert(
      fc.property(seeds, kinds, (seed, kind) => {
        const { batch, shape } = randomCase(seed, kind);
        const adapter = Adapter.initial(shape, mulberry32(seed));
        const loss = new AdapterLoss(shape);
        const states = rowsOf(batch.states, shape.hidden);
        for (const [i, base] of rowsOf(batch.base, shape.vocabulary).entries()) {
          const target = batch.targets[i];
          const score = loss.score(adapter, base, states[i], target);
          assert.ok(Math.abs(score.nats - surprisal(base, target)) < 1e-6);
          assert.ok(Math.abs(score.entropy - entropy(base)) < 1e-5);
          assert.ok(Math.abs(score.varentropy - varentropy(base)) < 1e-4);
          assert.equal(score.rank, rank(base, target));
        }
      }),
    );
  });

  it('scores with the adapted logits', () => {
    fc.assert(
      fc.property(seeds, kinds, (seed, kind) => {
        const { batch, shape, adapter } = randomCase(seed, kind);
        const loss = new AdapterLoss(shape);
        const base = batch.base.subarray(0, shape.vocabulary);
        const hidden = batch.states.subarray(0, shape.hidden);
        const [first, second] = adapter.parameters;
        const logits = Array.from(base, (z, v) => {
          if (kind === 'bias') {
            return z + first[v];
          }
          let correction = 0;
          for (let k = 0; k < shape.rank; k++) {
            for (let i = 0; i < shape.hidden; i++) {
              correction += second[k * shape.vocabulary + v] * first[k * shape.hidden + i] * hidden[i];
            }
          }
          return z + correction;
        });
        const score = loss.score(adapter, base, hidden, batch.targets[0]);
        assert.ok(Math.abs(score.nats - surprisal(logits, batch.targets[0])) < 1e-5);
        assert.ok(Math.abs(score.entropy - entropy(logits)) < 1e-4);
        assert.ok(Math.abs(score.varentropy - varentropy(logits)) < 1e-3);
      }),
    );
  });

  it('draws the same numbers for the same seed, and orders that hold every number once', () => {
    const draw = (seed: number) => Array.from({ length: 100 }, mulberry32(seed));
    assert.deepEqual(draw(7), draw(7));
    assert.notDeepEqual(draw(7), draw(8));
    assert.ok(draw(7).every((x) => x >= 0 && x < 1));
    const order = shuffled(1000, mulberry32(3));
    assert.deepEqual(
      [...order].sort((a, b) => a - b),
      [...Array(1000).keys()],
    );
    assert.ok(
      order.filter((value, i) => value === i).length < 10,
      'a random permutation has one fixed point',
    );
    const [a] = Adapter.initial(
      { kind: 'low-rank', rank: 50, hidden: 400, vocabulary: 2 },
      mulberry32(1),
    ).parameters;
    const mean = a.reduce((sum, x) => sum + x, 0) / a.length;
    const variance = a.reduce((sum, x) => sum + (x - mean) ** 2, 0) / a.length;
    assert.ok(
      Math.abs(mean) < 0.002 && Math.abs(variance * 400 - 1) < 0.05,
      'A is normal with variance 1 / d',
    );
  });
});
