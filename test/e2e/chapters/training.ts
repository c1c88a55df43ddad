/** The training of the chapter on learning: its numbers against a training in an engine of the test’s own. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReportToken } from '../../../src/cli/report';
import type { TrainingResult, TrainingTokens } from '../../../src/engine/protocol';
import { TRAINING_DEFAULTS, type TrainingOptions, type TrainingPoint } from '../../../src/loss/training';
import { type InformationUnit, toBits, toUnit } from '../../../src/loss/units';
import { MODEL } from '../../support/paths';
import { scoreText } from '../../support/scoring';
import {
  DEMO_FILE,
  eventually,
  heatBecomes,
  heatOnScreen,
  Reference,
  statusShows,
  undoUntil,
} from '../support';
import { type ChapterPage, PROSE_FILE } from './page';
import {
  assertAmount,
  assertBareAmount,
  assertClose,
  assertNumber,
  assertNumeral,
  assertSignificant,
  partsOf,
} from './shown';

/** What an engine of the test's own came to with the same options. */
interface Trained {
  readonly options: TrainingOptions;
  readonly tokens: TrainingTokens;
  readonly points: readonly TrainingPoint[];
  readonly result: TrainingResult;
}

/** Declares the tests. */
export function trainingTests(open: () => ChapterPage): void {
  it('trains on the document: the training loss falls, the evaluation loss turns, and the editor can show it', async function () {
    this.timeout(300_000);
    const page = open();
    const { workbench, prose } = page;
    await workbench.focusGroup(1);
    await workbench.openFile(PROSE_FILE);
    await workbench.goTo(1);
    await workbench.runCommand('Surprisal: Toggle Heatmap');
    await heatBecomes(workbench, prose);
    const before = await heatOnScreen(workbench);
    await checkForm(page, TRAINING_DEFAULTS);
    // Fewer than there are by default, but enough to see the loss turn.
    const options = { ...TRAINING_DEFAULTS, epochs: 6 };
    await choose(page, options);
    await trainPage(page);
    await workbench.screenshot('chapter-learning-trained');
    const trained = await trainEngine(page, options);
    await checkTraining(page, trained, 'bits');
    const { points } = trained;
    const training = points.map((point) => point.training);
    const evaluation = points.map((point) => point.evaluation);
    assert.ok(training[training.length - 1] < 0.8 * training[0], training.join(' '));
    const lowest = Math.min(...evaluation);
    assert.ok(lowest < evaluation[0] && lowest < evaluation[evaluation.length - 1], evaluation.join(' '));

    await page.frame.getByTestId('show-trained').check();
    const adapted = prose.report.tokens.map((token, i) => ({
      ...token,
      nats: trained.result.scores.nats[i],
    }));
    const after = await heatBecomes(
      workbench,
      new Reference(prose.text, { ...prose.report, tokens: adapted }),
    );
    assert.notDeepEqual(after, before);
    const mean = adapted.reduce((sum, { nats }) => sum + nats, 0) / adapted.length;
    await page.becomes('the status bar should show the mean after training', async () => {
      const [shown] = partsOf(await workbench.statusBarText(), /^(.+)\/token · after training$/);
      assertAmount(shown, mean, 'bits', 'the status bar');
    });
    await workbench.screenshot('heatmap-after-training');
    await checkSeries(page, adapted);
    // An edit shows the model as it is again.
    await workbench.focusGroup(1);
    await workbench.goTo(1);
    await workbench.type('#');
    await undoUntil(workbench, 1, prose.lines[0]);
    await heatBecomes(workbench, prose);
    await statusShows(workbench, prose.report.tokens);
    await workbench.runCommand('Surprisal: Toggle Heatmap');
    await choose(page, TRAINING_DEFAULTS);
    await backToCode(page);
  });

  it('trains the other adapter, with other options', async function () {
    this.timeout(120_000);
    const page = open();
    const { workbench, prose } = page;
    await workbench.focusGroup(1);
    await workbench.openFile(PROSE_FILE);
    await workbench.goTo(1);
    await page.explains(prose.report.tokens[0]);
    const options = {
      ...TRAINING_DEFAULTS,
      adapter: 'bias',
      epochs: 2,
      batch: 50,
      weightDecay: 0.5,
      seed: 7,
      learningRate: learningRateAt(70),
    } as const;
    await choose(page, options);
    await page.setSlider('training-learningRate', 70);
    await page.chooseUnit('nats');
    try {
      await trainPage(page);
      await checkTraining(page, await trainEngine(page, options), 'nats');
    } finally {
      await page.chooseUnit('bits');
      await choose(page, TRAINING_DEFAULTS);
      await page.setSlider('training-learningRate', 50);
      await backToCode(page);
    }
    await checkForm(page, TRAINING_DEFAULTS);
  });
}

async function backToCode(page: ChapterPage): Promise<void> {
  const { workbench, wrong } = page;
  await workbench.focusGroup(1);
  await workbench.openFile(DEMO_FILE);
  await workbench.goTo(wrong.line, wrong.column);
  await page.explains(wrong);
}

/** The learning rate at a place of its slider, which is logarithmic from 0.0001 to 1 in 200 steps. */
const learningRateAt = (position: number) => Number((1e-4 * 10_000 ** (position / 200)).toPrecision(3));

/** Fills the form in, but for the learning rate. */
async function choose(page: ChapterPage, options: TrainingOptions): Promise<void> {
  await page.frame.getByTestId('training-adapter').selectOption(options.adapter);
  for (const name of ['epochs', 'batch', 'weightDecay', 'seed'] as const) {
    await page.setNumber(`training-${name}`, options[name]);
  }
}

/** Trains in the page, to the end. */
async function trainPage(page: ChapterPage): Promise<void> {
  await page.frame.getByTestId('train').click();
  await page.frame.getByTestId('stop-training').waitFor();
  const state = await eventually(
    'the training should finish',
    () => page.text('training-state'),
    (text) => /Finished|failed|Stopped/.test(text),
    240_000,
  );
  assert.match(state, /Finished/);
}

/** Trains on the prose in the engine of the test's own. */
async function trainEngine({ engine, prose }: ChapterPage, options: TrainingOptions): Promise<Trained> {
  const { score } = await scoreText(engine, 'prose', prose.text);
  const points: TrainingPoint[] = [];
  let tokens: TrainingTokens = { training: 0, evaluation: 0 };
  const result = await engine.train('prose', score, options, undefined, {
    begin: (chosen) => {
      tokens = chosen;
    },
    point: (point) => points.push(point),
  });
  return { options, tokens, points, result };
}

/** Compares all numbers of the part on training, when it has finished. */
async function checkTraining(page: ChapterPage, trained: Trained, unit: InformationUnit): Promise<void> {
  await page.startChecking();
  await checkForm(page, trained.options);
  await checkAdapter(page, trained.options);
  const { options, tokens, points } = trained;
  const last = points[points.length - 1];
  await page.showsText('training-progress', [
    `Epoch ${options.epochs} of ${options.epochs}, ${last.step} optimiser steps.`,
  ]);
  const { length } = page.prose.report.tokens;
  const held = Math.floor(length / 5);
  assert.deepEqual(tokens, { training: length - held, evaluation: held });
  await page.showsText('training-tokens', [
    `${length - held} tokens are trained on, ${held} held out for evaluation.`,
  ]);
  await checkLosses(page, trained, unit);
  assert.deepEqual(await page.unchecked('learning-training'), []);
}

/** The options as the form shows them. */
async function checkForm(page: ChapterPage, options: TrainingOptions): Promise<void> {
  const fields = ['epochs', 'batch', 'weightDecay', 'seed', ...(options.adapter === 'bias' ? [] : ['rank'])];
  for (const name of fields) {
    const value = await page.frame.getByTestId(`training-${name}`).inputValue();
    assert.equal(value, String(options[name as keyof TrainingOptions]), name);
  }
  for (const name of ['adapter', 'evaluation'] as const) {
    assert.equal(await page.frame.getByTestId(`training-${name}`).inputValue(), options[name]);
  }
  await page.showsText('training-learningRate-value', [String(options.learningRate)]);
}

/** The numbers in the adapter's formulas. */
async function checkAdapter(page: ChapterPage, options: TrainingOptions): Promise<void> {
  const { adapter, rank, learningRate, weightDecay } = options;
  const vocabulary = page.reference.report.model.vocabularySize;
  const width: number = JSON.parse(await readFile(join(MODEL, 'config.json'), 'utf8')).hidden_size;
  const counted = (value: number) => [value.toLocaleString('en')];
  await page.showsText(`${adapter}-eta`, [String(learningRate)]);
  await page.showsText(`${adapter}-lambda`, [String(weightDecay)]);
  if (adapter === 'bias') {
    await page.showsText('parameter-count-bias', counted(vocabulary));
  } else {
    await page.showsText('parameter-rank', counted(rank));
    await page.showsText('parameter-width', counted(width));
    await page.showsText('parameter-vocabulary', counted(vocabulary));
    await page.showsText('parameter-count-low-rank', counted(rank * width + rank * vocabulary));
  }
}

/** The losses over the training: the table behind the curves, their description, and what came of it. */
async function checkLosses(
  page: ChapterPage,
  { tokens, points }: Trained,
  unit: InformationUnit,
): Promise<void> {
  const rows = await page.tableOf('training-curves');
  const [, , ...units] = await page.headingsOf('training-curves');
  assert.deepEqual(units, [`Training loss in ${unit}`, `Evaluation loss in ${unit}`]);
  assert.equal(rows.length, points.length);
  for (const [i, { step, epoch, training, evaluation }] of points.entries()) {
    assert.equal(rows[i][0], String(step));
    assertClose(Number(rows[i][1]), epoch, `epoch of point ${i}`, 1e-5 * epoch);
    assertNumeral(rows[i][2], toUnit(training, unit), `training loss of point ${i}`);
    assertNumeral(rows[i][3], toUnit(evaluation, unit), `evaluation loss of point ${i}`);
  }
  // Before the first step the losses are the command line's.
  const nats = page.prose.report.tokens.map((token) => token.nats);
  const mean = (part: readonly number[]) => part.reduce((sum, value) => sum + value, 0) / part.length;
  const first = {
    training: mean(nats.slice(0, tokens.training)),
    evaluation: mean(nats.slice(tokens.training)),
  };
  const last = points[points.length - 1];
  const best = points.reduce((lowest, point) => (point.evaluation < lowest.evaluation ? point : lowest));
  const [epochs, ...described] = partsOf(
    await page.descriptionOf('training-curves'),
    /^Over (.+) epochs the training loss goes from (.+) to (.+) and the evaluation loss from (.+) to (.+)\. The evaluation loss is lowest, (.+), at epoch (.+)\.$/,
  );
  assertSignificant(epochs, last.epoch, 'the epochs in words');
  const losses = [first.training, last.training, first.evaluation, last.evaluation, best.evaluation];
  for (const [i, amount] of losses.entries()) {
    assertAmount(described[i], amount, unit, `loss ${i} in words`);
  }
  assertSignificant(described[losses.length], best.epoch, 'the best epoch in words');

  const results = await page.text('training-results');
  assert.ok(results.includes(`Training loss (${unit})`), results);
  assert.ok(results.includes(`Evaluation loss (${unit})`), results);
  for (const part of ['training', 'evaluation'] as const) {
    for (const [column, loss] of [
      ['before', first[part]],
      ['best', best[part]],
      ['last', last[part]],
    ] as const) {
      const name = `${part}-loss-${column}`;
      assertBareAmount(await page.read(page.find(name)), loss, unit, name);
      const perplexity = await page.read(page.find(`${part}-perplexity-${column}`));
      assertNumber(perplexity, Math.exp(loss), `${part} perplexity ${column}`, 1e-4 * Math.exp(loss));
    }
  }
}

/** The chart of the whole document's losses, in bits, which has those after training too. */
async function checkSeries(page: ChapterPage, adapted: readonly ReportToken[]): Promise<void> {
  await page.openChapter('sequence');
  const rows = await page.tableOf('loss-chart');
  const mean = (tokens: readonly ReportToken[]) =>
    tokens.reduce((sum, { nats }) => sum + nats, 0) / tokens.length;
  let end = 0;
  for (const row of rows) {
    const [first, last] = row.map(Number);
    assert.equal(first, end + 1, 'the rows go through the document');
    end = last;
    assertNumeral(
      row[row.length - 1],
      toBits(mean(adapted.slice(first - 1, last))),
      `after training, tokens from ${first} on`,
    );
  }
  assert.equal(end, adapted.length);
  const [after] = partsOf(await page.text('loss-readout'), / · after training (.+)$/);
  assertAmount(after, adapted[0].nats, 'bits', 'the token of the cursor after training');
  await page.openChapter('learning');
}
