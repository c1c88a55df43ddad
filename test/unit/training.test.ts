import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CancelledError, EngineError, type ScoredDocument } from '../../src/engine/api';
import { Engine } from '../../src/engine/client';
import type { TrainingResult, TrainingTokens } from '../../src/engine/protocol';
import { meanLoss } from '../../src/loss/formulas';
import type { LossMap } from '../../src/loss/lossMap';
import { TRAINING_DEFAULTS, type TrainingOptions, type TrainingPoint } from '../../src/loss/training';
import { ENGINE_HOST, FIXTURES, MODEL, TINY_MODEL } from '../support/paths';
import { largestDifference, scoreText } from '../support/scoring';

const text = (name: string) => readFileSync(join(FIXTURES, 'documents', name), 'utf8');
/** Between the losses here and those of the model's graph, which sums in float32, nats. */
const ROUNDING = 1e-4;
const PARTS = ['nats', 'entropy', 'varentropy', 'rank'] as const;

/** Trainings of the test model by PyTorch, recorded by models/make/training_reference.py. */
interface Curve {
  readonly document: string;
  readonly options: TrainingOptions;
  readonly points: readonly (readonly [step: number, training: number, evaluation: number])[];
}

const { curves }: { curves: readonly Curve[] } = JSON.parse(
  readFileSync(join(FIXTURES, 'reference', 'training.json'), 'utf8'),
);

interface Trained {
  readonly tokens: TrainingTokens;
  readonly points: readonly TrainingPoint[];
  readonly result: TrainingResult;
}

/** Trains to the end, or until `onPoint` aborts. */
async function train(
  engine: Engine,
  { document, score }: ScoredDocument,
  options: Partial<TrainingOptions>,
  onPoint: (points: readonly TrainingPoint[], controller: AbortController) => void = () => {},
  evaluation?: ScoredDocument,
): Promise<Trained> {
  const points: TrainingPoint[] = [];
  const controller = new AbortController();
  let scored = { done: 0, total: 0 };
  let tokens: TrainingTokens | undefined;
  const result = await engine.train(
    document,
    score,
    { ...TRAINING_DEFAULTS, ...options },
    evaluation,
    {
      begin: (chosen) => {
        assert.ok(!tokens && points.length === 0, 'once, and first');
        tokens = chosen;
      },
      point: (point) => {
        points.push(point);
        onPoint(points, controller);
      },
      scored: (done, total) => {
        assert.ok(done > scored.done && done <= total, `${done} of ${total} after ${scored.done}`);
        scored = { done, total };
      },
    },
    { stop: controller.signal },
  );
  assert.ok(tokens);
  // The model as it is needs no scores.
  const total = result.best > 0 ? result.scores.nats.length : 0;
  assert.deepEqual(scored, { done: total, total });
  return { tokens, points, result };
}

/** The index of the smallest evaluation loss. */
function bestOf(points: readonly TrainingPoint[]): number {
  const losses = points.map((point) => point.evaluation);
  return losses.indexOf(Math.min(...losses));
}

/** Checks that the returned scores are those of the best point's adapter, by the mean losses that it reported. */
function agreeWithBest({ tokens, points, result }: Trained, map: LossMap): void {
  const { training, evaluation } = tokens;
  const best = points[result.best];
  assert.equal(result.best, bestOf(points));
  assert.ok(Math.abs(meanLoss(result.scores.nats.subarray(0, training)) - best.training) < ROUNDING);
  if (training + evaluation === map.length) {
    assert.ok(Math.abs(meanLoss(result.scores.nats.subarray(training)) - best.evaluation) < ROUNDING);
  }
  for (const part of PARTS) {
    assert.equal(result.scores[part].length, map.length);
    assert.ok(result.scores[part].every(Number.isFinite), part);
  }
}

describe('training of the adapter', function () {
  this.timeout(120_000);
  const engines: Engine[] = [];

  function engine(folder = TINY_MODEL): Engine {
    const created = new Engine({ hostPath: ENGINE_HOST, settings: { folder, device: 'cpu', threads: 0 } });
    engines.push(created);
    return created;
  }

  afterEach(async () => {
    await Promise.all(engines.splice(0).map((created) => created.stop()));
  });

  it('lowers the training loss while the evaluation loss of a real document turns, and leaves the model as it was', async () => {
    const created = engine(MODEL);
    const source = text('lighthouse.txt');
    const before = await scoreText(created, 'a', source);
    const trained = await train(
      created,
      { document: 'a', score: before.score },
      { learningRate: 0.002, epochs: 3 },
    );
    const { tokens, points, result } = trained;
    assert.equal(tokens.evaluation, Math.floor(before.map.length / 5));
    assert.equal(tokens.training + tokens.evaluation, before.map.length);
    // Step 0 is the model as it is.
    assert.equal(points[0].step, 0);
    assert.ok(
      Math.abs(points[0].training - meanLoss(before.map.nats.subarray(0, tokens.training))) < ROUNDING,
    );
    assert.ok(
      Math.abs(points[0].evaluation - meanLoss(before.map.nats.subarray(tokens.training))) < ROUNDING,
    );
    // The training loss falls at every point.
    for (let i = 1; i < points.length; i++) {
      assert.ok(points[i].training < points[i - 1].training, `training loss at point ${i}`);
      assert.ok(points[i].step > points[i - 1].step && points[i].epoch > points[i - 1].epoch);
    }
    const last = points[points.length - 1];
    assert.equal(last.epoch, 3);
    assert.ok(last.training < 0.9 * points[0].training);
    // The evaluation loss falls first, then turns: overfitting.
    assert.ok(result.best > 0 && result.best < points.length - 1);
    assert.ok(points[result.best].evaluation < points[0].evaluation);
    assert.ok(last.evaluation > points[result.best].evaluation + 0.05);
    assert.equal(result.stopped, false);
    assert.equal(result.problem, undefined);
    agreeWithBest(trained, before.map);
    const after = await scoreText(created, 'b', source);
    await created.restart();
    const anew = await scoreText(created, 'a', source);
    for (const part of PARTS) {
      assert.deepEqual(after.map[part], before.map[part], `${part} after the training`);
      assert.deepEqual(anew.map[part], before.map[part], `${part} after a restart`);
    }
  });

  for (const adapter of ['bias', 'low-rank'] as const) {
    it(`trains a ${adapter} adapter the same way for the same seed`, async () => {
      const created = engine();
      const { map, score } = await scoreText(created, 'a', text('inventory.py'));
      const options = { adapter, learningRate: 0.01, epochs: 3, batch: 48 };
      const first = await train(created, { document: 'a', score }, options);
      const second = await train(created, { document: 'a', score }, options);
      const other = await train(created, { document: 'a', score }, { ...options, seed: 2 });
      assert.ok(first.points[first.points.length - 1].training < first.points[0].training);
      assert.deepEqual(first, second);
      assert.notDeepEqual(first.points.slice(1), other.points.slice(1));
      agreeWithBest(first, map);
    });
  }

  for (const curve of curves) {
    const { options } = curve;
    it(`follows PyTorch's curve over a whole training (${options.adapter}, ${curve.document})`, async () => {
      const created = engine();
      const { score } = await scoreText(created, 'a', text(curve.document));
      const { points } = await train(created, { document: 'a', score }, options);
      assert.deepEqual(
        points.map((point) => point.step),
        curve.points.map(([step]) => step),
      );
      for (const [i, [step, training, evaluation]] of curve.points.entries()) {
        assert.ok(Math.abs(points[i].training - training) < ROUNDING, `training loss after step ${step}`);
        assert.ok(
          Math.abs(points[i].evaluation - evaluation) < ROUNDING,
          `evaluation loss after step ${step}`,
        );
      }
    });
  }

  it('evaluates on another document, and keeps what is evaluated out of the training', async () => {
    const created = engine();
    const { map, score } = await scoreText(created, 'a', text('inventory.py'));
    const other = await scoreText(created, 'b', text('retry.ts'));
    const trained = await train(
      created,
      { document: 'a', score },
      { evaluation: 'b', epochs: 2, learningRate: 0.01 },
      () => {},
      { document: 'b', score: other.score },
    );
    assert.deepEqual(trained.tokens, { training: map.length, evaluation: other.map.length });
    assert.ok(Math.abs(trained.points[0].evaluation - meanLoss(other.map.nats)) < ROUNDING);
    agreeWithBest(trained, map);
  });

  it('uses no more than 4,096 training tokens of a long document, and scores all of it', async () => {
    const created = engine();
    const source = text('long.py.txt');
    const { map, score } = await scoreText(created, 'a', source.repeat(2));
    assert.ok(map.length > 6000, `${map.length} tokens`);
    const trained = await train(created, { document: 'a', score }, { adapter: 'bias', epochs: 1 });
    assert.deepEqual(trained.tokens, { training: 4096, evaluation: 1024 });
    assert.ok(trained.result.best > 0);
    agreeWithBest(trained, map);
    assert.ok(largestDifference(trained.result.scores.nats.subarray(-50), map.nats.subarray(-50)) > 0);
  });

  it('stops at any moment with what it has learnt, and the document can change meanwhile', async () => {
    const created = engine();
    const { map, score } = await scoreText(created, 'a', text('inventory.py'));
    let edited: Promise<unknown> | undefined;
    const stopped = await train(
      created,
      { document: 'a', score },
      { epochs: 1000, learningRate: 0.01 },
      (points, controller) => {
        edited ??= scoreText(created, 'a', 'x = 1\n');
        if (points.length === 4) {
          controller.abort();
        }
      },
    );
    await edited;
    assert.equal(stopped.result.stopped, true);
    assert.ok(stopped.points.length < 10);
    agreeWithBest(stopped, map);
    // Nothing was learnt before the first point.
    const again = await scoreText(created, 'a', text('inventory.py'));
    const controller = new AbortController();
    const options = { ...TRAINING_DEFAULTS, epochs: 1000 };
    const ignore = { begin: () => {}, point: () => {} };
    const early = created.train('a', again.score, options, undefined, ignore, { stop: controller.signal });
    controller.abort();
    await assert.rejects(early, CancelledError);
    await assert.rejects(
      created.train('a', again.score, options, undefined, ignore, { stop: controller.signal }),
      CancelledError,
    );
    assert.deepEqual(again.map.nats, map.nats);
  });

  it('answers the editor during a training, and gives way to a newer training', async () => {
    const created = engine();
    const { map, score } = await scoreText(created, 'a', text('inventory.py'));
    let answered: Promise<unknown> | undefined;
    const older = train(created, { document: 'a', score }, { epochs: 1000 }, () => {
      answered ??= created.distributions('a', score, [3], 5);
    });
    const olderEnds = assert.rejects(older, CancelledError);
    while (!answered) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await answered;
    assert.ok((await scoreText(created, 'b', text('retry.ts'))).map.complete);
    const newer = await train(created, { document: 'a', score }, { epochs: 1 });
    await olderEnds;
    agreeWithBest(newer, map);
  });

  it('says that the learning rate is too large when the losses are no numbers any more', async () => {
    const created = engine();
    const { map, score } = await scoreText(created, 'a', text('inventory.py'));
    const trained = await train(created, { document: 'a', score }, { learningRate: 1e38 });
    assert.equal(trained.result.stopped, true);
    assert.equal(trained.result.problem?.code, 'training');
    assert.match(trained.result.problem?.message ?? '', /learning rate is too large/);
    assert.equal(trained.result.best, 0);
    for (const part of PARTS) {
      assert.deepEqual(trained.result.scores[part], map[part], 'step 0 is the model itself');
    }
  });

  it('names the option that cannot be used, and asks for enough tokens', async () => {
    const created = engine();
    const { score } = await scoreText(created, 'a', text('inventory.py'));
    const bad: [Partial<TrainingOptions>, RegExp][] = [
      [{ learningRate: Number.NaN }, /learning rate NaN/],
      [{ learningRate: 0 }, /learning rate 0/],
      [{ weightDecay: -1 }, /weight decay -1/],
      [{ rank: 0 }, /rank 0/],
      [{ epochs: 1.5 }, /1\.5 epochs/],
      [{ batch: 0 }, /Minibatches of 0/],
      [{ seed: 0.5 }, /seed 0\.5/],
      [{ evaluation: 'b' }, /to evaluate on/],
    ];
    for (const [options, message] of bad) {
      await assert.rejects(train(created, { document: 'a', score }, options), (error: unknown) => {
        assert.ok(error instanceof EngineError);
        assert.equal(error.problem.code, 'training');
        assert.match(error.problem.message, message);
        assert.ok(error.problem.advice.length > 0);
        return true;
      });
    }
    const short = await scoreText(created, 'short', 'x = 1\n');
    await assert.rejects(train(created, { document: 'short', score: short.score }, {}), /tokens to train on/);
    await assert.rejects(train(created, { document: 'unknown', score: 1 }, {}), CancelledError);
    assert.equal(created.state.kind, 'ready');
  });

  it('says so when the process dies during a training, and comes back', async () => {
    const created = engine();
    const { score } = await scoreText(created, 'a', text('inventory.py'));
    const killed = train(created, { document: 'a', score }, { epochs: 1000 }, () =>
      process.kill(created.processId ?? assert.fail('no process'), 'SIGKILL'),
    );
    await assert.rejects(killed, (error: unknown) => {
      assert.ok(error instanceof EngineError);
      assert.equal(error.problem.code, 'crashed');
      assert.match(error.problem.message, /during the training/);
      return true;
    });
    assert.ok((await scoreText(created, 'a', 'y = 2\n')).map.complete);
  });
});
