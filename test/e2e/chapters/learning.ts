/** The steps of the chapter on learning: their numbers against plain sums over all logits. */
import assert from 'node:assert/strict';
import type { ReportToken } from '../../../src/cli/report';
import { type InformationUnit, toUnit } from '../../../src/loss/units';
import { makeVisible } from '../../../src/text/visible';
import type { ChapterPage } from './page';
import {
  assertAmount,
  assertNumber,
  assertNumeral,
  assertProbability,
  assertSignificant,
  partsOf,
} from './shown';
import { lowestStepSize, Softmax, smoothed, stepAlong } from './sums';

/** Texts with a digit in them that are words. */
const WORDS = [
  // The part's sentences: “adds up to 0”, “smaller than η = 4”.
  /^prose: The gradient of the loss at the logits is q − p/,
  // The name of a button.
  /^take-steps: Take 10 steps$/,
];
/** Tokens that the page knows by name, and rivals that have a bar. */
const NAMED = 50;
const RIVALS = 8;
const STEP_SIZES = { smallest: 0.01, largest: 100, perDecade: 16 };
/** Step size in the middle of the slider, which is logarithmic from 0.01 to 100 in 200 steps. */
const MIDDLE = 100;

/** A descent so far, with the step size of its next step; nats. */
interface Descent {
  readonly token: ReportToken;
  readonly epsilon: number;
  readonly unit: InformationUnit;
  readonly stepSize: number;
  /** The candidates that have a name. */
  readonly named: readonly { readonly id: number; readonly text: string }[];
  readonly logits: Float64Array;
  readonly losses: readonly number[];
  readonly surprisals: readonly number[];
}

/** Declares the tests. */
export function learningTests(open: () => ChapterPage): void {
  it('takes steps down the gradient, to the minimum and over it', async () => {
    const page = open();
    await page.openChapter('learning');
    let descent = await beginAt(page, page.wrong, 0.1);
    await checkStep(page, descent);
    await page.frame.getByTestId('take-step').click();
    descent = stepped(descent, 1);
    await page.workbench.screenshot('chapter-learning-step');

    // Ten larger steps, counted in nats.
    await page.chooseUnit('nats');
    descent = { ...descent, unit: 'nats', stepSize: await setStepSize(page, 120) };
    await page.frame.getByTestId('take-steps').click();
    try {
      await checkStep(page, stepped(descent, 10));
    } finally {
      await page.chooseUnit('bits');
      await setStepSize(page, MIDDLE);
    }

    // From the beginning again, a step over the minimum, and one that is much too large.
    await page.frame.getByTestId('start-again').click();
    descent = { ...(await beginAt(page, page.wrong, 0.1)), stepSize: await setStepSize(page, 170) };
    assert.ok(lossAfter(descent) < descent.losses[0], 'the step overshoots');
    await checkLine(page, descent);
    descent = { ...descent, stepSize: await setStepSize(page, 200) };
    assert.ok(lossAfter(descent) > descent.losses[0], 'the step does not overshoot');
    try {
      await checkStepFormula(page, descent);
      await checkLine(page, descent);
    } finally {
      await setStepSize(page, MIDDLE);
    }
  });

  it('takes steps that find no minimum without label smoothing, from the first token of the document', async () => {
    const page = open();
    const { reference, workbench, wrong } = page;
    const [first] = reference.report.tokens;
    await workbench.focusGroup(1);
    await workbench.goTo(first.line, first.column);
    await page.explains(first);
    await page.setSlider('learning-epsilon', 0);
    const descent = { ...(await beginAt(page, first, 0)), stepSize: await setStepSize(page, 150) };
    await page.frame.getByTestId('take-steps').click();
    try {
      await checkStep(page, stepped(descent, 10));
    } finally {
      await setStepSize(page, MIDDLE);
      await page.setSlider('learning-epsilon', 0.1);
      await workbench.focusGroup(1);
      await workbench.goTo(wrong.line, wrong.column);
      await page.explains(wrong);
    }
  });
}

/** Sets the slider, and returns the step size there. */
async function setStepSize(page: ChapterPage, position: number): Promise<number> {
  await page.setSlider('step-size', position);
  return Number((0.01 * 10_000 ** (position / 200)).toPrecision(3));
}

async function beginAt(page: ChapterPage, token: ReportToken, epsilon: number): Promise<Descent> {
  const { top, logits } = await page.distributionOf(token, NAMED);
  const q = new Softmax(logits);
  // The loss before the first step is the command line's where it can be.
  const loss = epsilon === 0 ? token.nats : q.crossEntropy(token.id, epsilon);
  return {
    token,
    epsilon,
    unit: 'bits',
    stepSize: 1,
    named: top,
    logits: Float64Array.from(logits),
    losses: [loss],
    surprisals: [token.nats],
  };
}

/** The descent after more steps of its step size. */
function stepped(descent: Descent, steps: number): Descent {
  const { token, epsilon, stepSize } = descent;
  const losses = [...descent.losses];
  const surprisals = [...descent.surprisals];
  let { logits } = descent;
  for (let step = 0; step < steps; step++) {
    logits = stepAlong(logits, new Softmax(logits).gradient(token.id, epsilon), stepSize);
    const q = new Softmax(logits);
    losses.push(q.crossEntropy(token.id, epsilon));
    surprisals.push(q.nats[token.id]);
  }
  return { ...descent, logits, losses, surprisals };
}

/** The loss after one more step, of a size. */
function lossLine({ token, epsilon, logits }: Descent): (stepSize: number) => number {
  const gradient = new Softmax(logits).gradient(token.id, epsilon);
  return (stepSize) => new Softmax(stepAlong(logits, gradient, stepSize)).crossEntropy(token.id, epsilon);
}

const lossAfter = (descent: Descent) => lossLine(descent)(descent.stepSize);

/** Compares all numbers of the part on steps. */
async function checkStep(page: ChapterPage, descent: Descent): Promise<void> {
  const { epsilon, stepSize } = descent;
  await page.startChecking();
  await page.showsText('learning-epsilon-value', [epsilon.toFixed(2)]);
  await page.showsText('step-size-value', [String(stepSize)]);
  await checkStepFormula(page, descent);
  await checkGradient(page, descent);
  await checkHistory(page, descent);
  await checkLine(page, descent);
  assert.deepEqual(await page.unchecked('learning-step', WORDS), []);
}

/** The gradient at the token's logit, and the step on it. */
async function checkStepFormula(
  page: ChapterPage,
  { token, epsilon, logits, stepSize }: Descent,
): Promise<void> {
  const q = new Softmax(logits);
  const p = smoothed(q.size, token.id, epsilon)[token.id];
  const slope = q.q[token.id] - p;
  for (const [slot, value] of [
    ['gradient-q', q.q[token.id]],
    ['gradient-p', p],
    ['gradient-target', slope],
    ['gradient-target-again', slope],
    ['step-logit', logits[token.id]],
    ['step-next-logit', logits[token.id] - stepSize * slope],
  ] as const) {
    assertNumber(await page.read(page.find(slot)), value, slot, 1e-4 * Math.min(1, Math.abs(value)) + 1e-5);
  }
  await page.showsText('step-eta', [String(stepSize)]);
}

/** q − p of the token, of its strongest rivals, and of all others together. */
async function checkGradient(page: ChapterPage, descent: Descent): Promise<void> {
  const { token, epsilon, logits, named } = descent;
  const q = new Softmax(logits);
  const p = smoothed(q.size, token.id, epsilon);
  const rivals = named
    .filter(({ id }) => id !== token.id)
    .sort((a, b) => q.q[b.id] - q.q[a.id])
    .slice(0, RIVALS);
  const bars = [
    { name: `▶ ${makeVisible(token.text)}`, ids: [token.id] },
    ...rivals.map(({ id, text }) => ({ name: makeVisible(text), ids: [id] })),
  ];
  const others = Array.from(q.q.keys()).filter((v) => !bars.some(({ ids }) => ids.includes(v)));
  bars.push({ name: `${others.length.toLocaleString('en')} others`, ids: others });

  const rows = await page.tableOf('gradient');
  const names = page.frame.getByTestId('gradient-name');
  const values = page.frame.getByTestId('gradient-value');
  assert.deepEqual(
    [rows.length, await names.count(), await values.count()],
    [bars.length, bars.length, bars.length],
  );
  const slopes: number[] = [];
  for (const [i, { name, ids }] of bars.entries()) {
    const sum = (numbers: Float64Array) => ids.reduce((total, v) => total + numbers[v], 0);
    const [given, wanted] = [sum(q.q), sum(p)];
    slopes.push(given - wanted);
    assert.equal(rows[i][0], name);
    assertNumeral(rows[i][1], given, `q of ${name}`);
    assertNumeral(rows[i][2], wanted, `p of ${name}`);
    assertNumeral(rows[i][3], given - wanted, `q − p of ${name}`, 1e-4 * given + 1e-7);
    // A long name is cut where there is no room for it.
    const shown = await page.read(names.nth(i));
    assert.ok(shown === name || (shown.endsWith('…') && name.startsWith(shown.slice(0, -1))), shown);
    assertNumber(await page.read(values.nth(i)), given - wanted, `bar of ${name}`, 1e-4 * given);
  }
  assertNumber(await page.read(page.find('gradient-sum')), 0, 'the sum of the gradient', 0);
  const described = partsOf(
    await page.descriptionOf('gradient'),
    /^Bars of q minus p: (.+) at the token in the text, (.+); (.+) at its strongest rival, (.+); all of them add up to 0\.$/,
  );
  assert.deepEqual([described[1], described[3]], [bars[0].name, bars[1].name]);
  assertNumber(described[0], slopes[0], 'the slope in words', 1e-4);
  assertNumber(described[2], slopes[1], 'the slope of the rival in words', 1e-4);
}

/** The steps so far. */
async function checkHistory(page: ChapterPage, descent: Descent): Promise<void> {
  const { token, unit, losses, surprisals } = descent;
  const last = losses.length - 1;
  await page.showsText('steps-taken', [String(last)]);
  const loss = partsOf(await page.read(page.find('step-loss')), /^(.+) → (.+)$/);
  assertAmount(loss[0], losses[0], unit, 'the loss before');
  assertAmount(loss[1], losses[last], unit, 'the loss after');
  const chance = partsOf(await page.read(page.find('step-probability')), /^(.+) → (.+)$/);
  assertProbability(chance[0], surprisals[0], `probability of ${token.text} before`);
  assertProbability(chance[1], surprisals[last], `probability of ${token.text} after`);
  const described = partsOf(
    await page.descriptionOf('step-history'),
    /^The loss over (.+) steps, from (.+) to (.+)\.$/,
  );
  assert.equal(described[0], String(last));
  assertAmount(described[1], losses[0], unit, 'the first loss in words');
  assertAmount(described[2], losses[last], unit, 'the last loss in words');
  const rows = await page.tableOf('step-history');
  assert.deepEqual(await page.headingsOf('step-history'), ['Step', `Loss in ${unit}`, 'q of the token']);
  assert.equal(rows.length, losses.length);
  for (const [step, [number, amount, probability]] of rows.entries()) {
    assert.equal(number, String(step));
    assertNumeral(amount, toUnit(losses[step], unit), `loss after step ${step}`);
    assertNumeral(probability, Math.exp(-surprisals[step]), `probability after step ${step}`);
  }
}

/** The loss along the gradient, its minimum, and what the next step does. */
async function checkLine(page: ChapterPage, descent: Descent): Promise<void> {
  const { token, epsilon, unit, logits, losses, stepSize } = descent;
  const before = losses[losses.length - 1];
  const line = lossLine(descent);
  const after = line(stepSize);
  const best = epsilon > 0 ? lowestStepSize(logits, token.id, epsilon, STEP_SIZES.largest) : undefined;
  const size = String(stepSize);

  const rows = await page.tableOf('step-line');
  assert.deepEqual(await page.headingsOf('step-line'), ['η', `Loss in ${unit}`]);
  const { smallest, largest, perDecade } = STEP_SIZES;
  assert.equal(rows.length, perDecade * Math.log10(largest / smallest) + 1);
  for (const [i, [shownSize, amount]] of rows.entries()) {
    const at = smallest * 10 ** (i / perDecade);
    assertNumeral(shownSize, at, `step size ${i}`);
    assertNumeral(amount, toUnit(line(at), unit), `loss at η = ${shownSize}`);
  }

  const minimum = page.find('line-minimum');
  if (best === undefined) {
    assert.equal(await minimum.getAttribute('visibility'), 'hidden');
    await page.read(minimum);
  } else {
    const [shown] = partsOf(await page.read(minimum), /^minimum: η = (.+)$/);
    assertSignificant(shown, best, 'the minimum');
  }
  const point = partsOf(await page.read(page.find('line-point')), /^η = (.+): (.+?)( ↑)?$/);
  assert.equal(point[0], size);
  assertAmount(point[1], after, unit, 'the loss at the point');
  const described = partsOf(
    await page.descriptionOf('step-line'),
    /; at η = (.+?) it is (.+?)\. (?:The minimum is at η = (.+)|It has no minimum)\.$/,
  );
  assert.equal(described[0], size);
  assertAmount(described[1], after, unit, 'the loss in words');

  const verdict = await page.read(page.find('step-verdict'));
  const pattern =
    best === undefined
      ? /^A step of η = (?<size>\S+) lowers the loss from (?<from>.+?) to (?<to>.+?)\.$/
      : after > before
        ? /^A step of η = (?<size>\S+) overshoots: it jumps so far over the minimum at η = (?<best>\S+) that the loss rises from (?<from>.+?) to (?<to>.+?)\.$/
        : stepSize > best
          ? /^A step of η = (?<size>\S+) jumps over the minimum at η = (?<best>\S+), and still lowers the loss from (?<from>.+?) to (?<to>.+?)\.$/
          : /^A step of η = (?<size>\S+) lowers the loss from (?<from>.+?) to (?<to>.+?); η = (?<best>\S+) would reach the lowest on this line\.$/;
  const said = pattern.exec(verdict)?.groups;
  assert.ok(said, verdict);
  assert.equal(said.size, size);
  assertAmount(said.from, before, unit, 'the loss before in the verdict');
  assertAmount(said.to, after, unit, 'the loss after in the verdict');
  if (best === undefined) {
    assert.equal(described[2], undefined);
  } else {
    assertSignificant(said.best, best, 'the minimum in the verdict');
    assertSignificant(described[2], best, 'the minimum in words');
  }
}
