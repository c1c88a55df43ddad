/** The chapter on the loss: its numbers against the command line’s, and against plain sums over all logits. */
import assert from 'node:assert/strict';
import type { Locator } from 'playwright-core';
import type { ReportToken } from '../../../src/cli/report';
import { type InformationUnit, toUnit } from '../../../src/loss/units';
import { makeVisible } from '../../../src/text/visible';
import { type ChapterPage, numberIn } from './page';
import {
  assertAmount,
  assertBareAmount,
  assertClose,
  assertFixedAmount,
  assertNumber,
  assertNumeral,
  assertProbability,
  partsOf,
} from './shown';
import { Softmax, smoothed, targetEntropy, withProbability } from './sums';

/** Texts with a digit in them that are words. */
const WORDS = [
  // The chapter's sentences: “which is 0 only where q equals p”.
  /^prose: Cross-entropy adds up/,
  // The name of a button.
  /^epsilon-one-hot: One-hot \(ε = 0\)$/,
  // A column's heading.
  /^number: As q → 0$/,
];

/** Tokens of the sum that have a term of their own, beside the one in the text. */
const RIVALS = 2;
const LOSSES = ['log', 'brier', 'absolute'] as const;

type Amounts = Readonly<Record<(typeof LOSSES)[number], number>>;

/** What the chapter is asked for. */
interface Asked {
  readonly token: ReportToken;
  readonly temperature: number;
  readonly epsilon: number;
  readonly unit: InformationUnit;
  readonly verdict: string;
}

/** What it has to show then; nats. */
interface Expected extends Asked {
  readonly q: Softmax;
  readonly nats: number;
  readonly entropy: number;
  readonly deviation: number;
  readonly crossEntropy: number;
  /** H(p) */
  readonly own: number;
}

/** Declares the tests. */
export function lossTests(open: () => ChapterPage): void {
  it('takes the cross-entropy apart', async () => {
    const page = open();
    await page.openChapter('loss');
    const asked = { token: page.wrong, temperature: 1, epsilon: 0.1, unit: 'bits' } as const;
    await check(page, { ...asked, verdict: 'Sure and wrong' });
    await page.workbench.screenshot('chapter-loss');
  });

  it('takes the cross-entropy of an unsure model apart, at another temperature and in nats', async () => {
    const page = open();
    const token = page.reference.token(1, ' numbers');
    await explain(page, token);
    await page.chooseUnit('nats');
    await page.setSlider('temperature', 140);
    await page.setSlider('epsilon', 0.35);
    // The slider is logarithmic from 0.1 to 5 in 200 steps, with two digits.
    const temperature = Number((0.1 * 50 ** (140 / 200)).toFixed(2));
    try {
      await check(page, { token, temperature, epsilon: 0.35, unit: 'nats', verdict: 'Unsure, and it knew' });
    } finally {
      await page.chooseUnit('bits');
      await page.setSlider('epsilon', 0.1);
      await page.openChapter('distribution');
      await page.frame.getByTestId('temperature-reset').click();
      await page.openChapter('loss');
    }
  });

  it('takes the small cross-entropy of a sure model apart, without label smoothing', async () => {
    const page = open();
    const { reference, wrong } = page;
    const token = reference.token(7, ' mean');
    assert.ok(token.nats < 0.01, `${token.nats} nats are not small`);
    await explain(page, token);
    await page.frame.getByTestId('epsilon-one-hot').click();
    try {
      await check(page, { token, temperature: 1, epsilon: 0, unit: 'bits', verdict: 'Sure and right' });
    } finally {
      await page.setSlider('epsilon', 0.1);
      await explain(page, wrong);
    }
  });
}

async function explain(page: ChapterPage, token: ReportToken): Promise<void> {
  await page.workbench.focusGroup(1);
  await page.workbench.goTo(token.line, token.column);
  await page.explains(token);
}

/** Compares all numbers of the chapter. */
async function check(page: ChapterPage, asked: Asked): Promise<void> {
  const expected = await expect(page, asked);
  await page.startChecking();
  await page.showsText('epsilon-value', [asked.epsilon.toFixed(2)]);
  if (asked.temperature !== 1) {
    await page.showsText('loss-temperature', [`at temperature ${asked.temperature.toFixed(2)}`]);
  }
  await checkFormula(page, expected);
  await checkTerms(page, expected);
  await checkBars(page, expected);
  await checkSurprise(page, expected);
  await checkOtherLosses(page, expected);
  assert.deepEqual(await page.unchecked('chapter-loss', WORDS), []);
}

async function expect(page: ChapterPage, asked: Asked): Promise<Expected> {
  const { token, temperature, epsilon } = asked;
  const { logits } = await page.distributionOf(token, 1);
  const q = new Softmax(logits, temperature);
  // Where it can be, it is the command line's number.
  const isOwn = temperature === 1;
  return {
    ...asked,
    q,
    nats: isOwn ? token.nats : q.nats[token.id],
    entropy: isOwn ? token.entropy : q.entropy,
    deviation: Math.sqrt(isOwn ? token.varentropy : q.varentropy),
    crossEntropy: q.crossEntropy(token.id, epsilon),
    own: targetEntropy(q.size, token.id, epsilon),
  };
}

/** H(p, q) written out with the numbers. */
async function checkFormula(page: ChapterPage, expected: Expected): Promise<void> {
  const { epsilon, unit, q, nats, crossEntropy, own } = expected;
  await page.showsText('loss-keeps', [(1 - epsilon).toFixed(2)]);
  await page.showsText('loss-shares', [epsilon.toFixed(2)]);
  for (const [slot, amount] of [
    ['loss-surprisal', nats],
    ['loss-mean', q.meanNats],
    ['loss-h-p', own],
    ['loss-kl', crossEntropy - own],
    ['loss-h-pq', crossEntropy],
  ] as const) {
    assertFixedAmount(await page.read(page.find(slot)), amount, unit, slot);
  }
  for (const formula of await page.frame.getByTestId('chapter-loss').locator('.formula-frame').all()) {
    assert.ok((await formula.textContent())?.includes(unit), `a formula does not name ${unit}`);
  }
}

/** The sum term by term. */
async function checkTerms(page: ChapterPage, expected: Expected): Promise<void> {
  const { token, epsilon, unit, q, crossEntropy } = expected;
  const rivals = token.top!.filter(({ id }) => id !== token.id).slice(0, RIVALS);
  const named = [token, ...rivals];
  const p = smoothed(q.size, token.id, epsilon);
  const others = Array.from(q.q.keys()).filter((v) => !named.some(({ id }) => id === v));
  const total = (value: (v: number) => number) => others.reduce((sum, v) => sum + value(v), 0);
  const rows = page.frame.getByTestId('loss-terms').locator('tbody tr');
  assert.equal(await rows.count(), named.length + 1);
  const products: number[] = [];
  const checkRow = async (row: Locator, name: string, share: number, nats: number, product: number) => {
    const cells = await row.locator('th, td').all();
    const [shownName, shownShare, shownNats, shownProduct] = await Promise.all(
      cells.map((cell) => page.read(cell)),
    );
    assert.equal(shownName, name);
    assertNumber(shownShare, share, `p of ${name}`);
    assertFixedAmount(shownNats, nats, unit, `−log q of ${name}`);
    products.push(numberIn(shownProduct));
    // The last term takes what rounding leaves of all the others.
    const roundings = (named.length + 1) * (crossEntropy < 0.1 ? 5e-6 : 5e-4);
    assertClose(numberIn(shownProduct), toUnit(product, unit), `−p log q of ${name}`, roundings + 1.5e-4);
    if (epsilon === 0 && name !== `▶ ${makeVisible(token.text)}`) {
      assert.equal(Math.abs(numberIn(shownProduct)), 0, name);
    }
  };
  for (const [i, { id, text }] of named.entries()) {
    const name = i === 0 ? `▶ ${makeVisible(text)}` : makeVisible(text);
    await checkRow(rows.nth(i), name, p[id], q.nats[id], p[id] * q.nats[id]);
  }
  await checkRow(
    rows.nth(named.length),
    `${others.length.toLocaleString('en')} others`,
    total((v) => p[v]),
    total((v) => q.nats[v]) / others.length,
    total((v) => p[v] * q.nats[v]),
  );
  const sum = await page.read(page.find('loss-sum-total'));
  assertFixedAmount(sum, crossEntropy, unit, 'the sum');
  assert.ok(sum.endsWith(` ${unit}`), sum);
  const added = products.reduce((a, b) => a + b, 0);
  assertClose(added, numberIn(sum), 'the terms added up', 1e-9);
}

/** H(p, q) = H(p) + KL(p‖q), and surprisal = entropy + excess, as bars. */
async function checkBars(page: ChapterPage, expected: Expected): Promise<void> {
  const { epsilon, unit, nats, entropy, deviation, crossEntropy, own } = expected;
  const divergence = crossEntropy - own;
  const excess = nats - entropy;
  assertAmount(await page.read(page.find('bar-one-hot')), nats, unit, 'one-hot');
  await page.showsText('bar-smoothed-name', [`p with ε = ${epsilon.toFixed(2)}`]);
  const smoothedBar = await page.read(page.find('bar-smoothed'));
  const [first, second, whole] = partsOf(smoothedBar, /^(.+) \+ (.+) = (.+)$/);
  assertBareAmount(first, own, unit, 'H(p)');
  assertBareAmount(second, divergence, unit, 'KL(p‖q)');
  assertAmount(whole, crossEntropy, unit, 'H(p, q)');
  const [mean, spread] = partsOf(await page.read(page.find('bar-entropy')), /^(.+) ± (.+)$/);
  assertBareAmount(mean, entropy, unit, 'H(q)');
  assertAmount(spread, deviation, unit, 'σ');
  assertAmount(await page.read(page.find('bar-excess')), excess, unit, 'the excess');

  const described = partsOf(
    await page.descriptionOf('loss-bars'),
    /^Cross-entropy (.+) is the entropy of p, (.+), and the divergence, (.+), one behind the other; below, the entropy of q, (.+), and the excess, (.+), on the same scale\.$/,
  );
  for (const [i, amount] of [crossEntropy, own, divergence, entropy, excess].entries()) {
    assertAmount(described[i], amount, unit, `amount ${i} of the description`);
  }
  const rows = await page.tableOf('loss-bars');
  assert.deepEqual(await page.headingsOf('loss-bars'), ['Bar', `From (${unit})`, `To (${unit})`]);
  const segments: readonly (readonly [name: string, from: number, to: number])[] = [
    ['one-hot p: KL(p‖q) = s', 0, nats],
    [`p with ε = ${epsilon.toFixed(2)}: H(p)`, 0, own],
    [`p with ε = ${epsilon.toFixed(2)}: KL(p‖q)`, own, crossEntropy],
    ['H(q) ± σ, expected', 0, entropy],
    ['s − H(q), excess', Math.min(nats, entropy), Math.max(nats, entropy)],
  ];
  assert.deepEqual(
    rows.map(([name]) => name),
    segments.map(([name]) => name),
  );
  for (const [i, [name, from, to]] of segments.entries()) {
    assertNumeral(rows[i][1], toUnit(from, unit), `beginning of ${name}`);
    assertNumeral(rows[i][2], toUnit(to, unit), `end of ${name}`);
  }
}

/** Surprisal against entropy. */
async function checkSurprise(page: ChapterPage, expected: Expected): Promise<void> {
  const { unit, nats, entropy, deviation } = expected;
  await page.showsText('verdict', [expected.verdict]);
  const [surprise, mean] = partsOf(
    await page.read(page.find('verdict-text')),
    /: a surprise of (.+), where it expected (?:only )?(.+) on average\.$/,
  );
  assertAmount(surprise, nats, unit, 'the surprise in words');
  assertAmount(mean, entropy, unit, 'the expectation in words');
  for (const [slot, amount] of [
    ['loss-s', nats],
    ['loss-h-q', entropy],
    ['loss-sigma', deviation],
    ['loss-excess', nats - entropy],
    ['loss-excess-again', nats - entropy],
  ] as const) {
    assertFixedAmount(await page.read(page.find(slot)), amount, unit, slot);
  }
  assertNumber(await page.read(page.find('loss-z')), (nats - entropy) / deviation, 'standard deviations');
}

/** Log loss, Brier score and absolute error: their values, their limits, how hard they push, and the curves. */
async function checkOtherLosses(page: ChapterPage, expected: Expected): Promise<void> {
  const { token, unit, q, nats } = expected;
  const { losses, pushes } = lossesOf(q, token.id);
  const impossible = withProbability(q, token.id, 1e-12);
  await page.showsText('limit-log', ['∞']);
  assertNumber(await page.read(page.find('limit-brier')), impossible.brier(token.id), 'limit of the score');
  assertClose(impossible.absolute(token.id), 2, 'limit of the error', 1e-9);
  await page.showsText('limit-absolute', ['2']);
  const assertLoss = (text: string, name: (typeof LOSSES)[number]) =>
    name === 'log' ? assertAmount(text, nats, unit, name) : assertNumber(text, losses[name], name);

  const [chance, ...values] = partsOf(
    await page.descriptionOf('loss-curves'),
    /probability of (.+) the log loss is (.+), the Brier score (.+), and the absolute error (.+)\.$/,
  );
  assertProbability(chance, nats, 'q in the description of the curves');
  const [sameChance, ...forces] = partsOf(
    await page.descriptionOf('loss-pushes'),
    /goes to 1 and that of the others to 0; at this token's probability of (.+) they are (.+), (.+) and (.+)\.$/,
  );
  assertProbability(sameChance, nats, 'q in the description of the pushes');
  for (const [i, name] of LOSSES.entries()) {
    const title = { log: 'Log loss', brier: 'Brier score', absolute: 'Absolute error' }[name];
    const amounts = await Promise.all(
      [`loss-${name}`, `loss-curves-${name}`].map((test) => page.read(page.find(test))),
    );
    for (const text of [...amounts.map((shown) => shown.replace(`${title} `, '')), values[i]]) {
      assertLoss(text, name);
    }
    const strengths = await Promise.all(
      [`push-${name}`, `loss-pushes-${name}`].map((test) => page.read(page.find(test))),
    );
    for (const text of [...strengths, forces[i]]) {
      assertNumber(text, pushes[name], `push of ${name}`);
    }
  }
  await checkCurves(page, expected);
}

/** The tables behind the curves, at the probabilities that the charts take. */
async function checkCurves(page: ChapterPage, { token, unit, q, nats }: Expected): Promise<void> {
  const places = [0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 1];
  // The axis of the pushes is logarithmic, and wide enough for the token.
  const decades = Math.max(4, Math.ceil(nats / Math.LN10 + 0.5));
  for (const [chart, probabilities] of [
    ['loss-curves', places],
    ['loss-pushes', places.map((place) => 10 ** (-decades * (1 - place)))],
  ] as const) {
    const own = q.q[token.id];
    const rows = await page.tableOf(chart);
    const sorted = [own, ...probabilities].sort((a, b) => a - b);
    assert.equal(rows.length, sorted.length);
    for (const [i, probability] of sorted.entries()) {
      assertNumeral(rows[i][0], probability, `q in row ${i} of ${chart}`);
      const moved = probability === own ? q : withProbability(q, token.id, Math.min(probability, 1 - 1e-9));
      const { losses, pushes } = lossesOf(moved, token.id);
      const { log, ...others } = losses;
      const values: Amounts = chart === 'loss-pushes' ? pushes : { log: toUnit(log, unit), ...others };
      for (const [column, name] of LOSSES.entries()) {
        // A probability of 1 is only as good as reached.
        const noise = 1e-8 + 1e-4 * Math.min(1, values[name]);
        assertNumeral(rows[i][1 + column], values[name], `${name} in row ${i} of ${chart}`, noise);
      }
    }
    const unitOfLog = chart === 'loss-curves' ? ` (${unit})` : '';
    assert.deepEqual(await page.headingsOf(chart), [
      'q',
      `Log loss${unitOfLog}`,
      'Brier score',
      'Absolute error',
    ]);
  }
}

/** The three losses at a distribution, and −∂loss/∂z of the token; the log loss in nats. */
function lossesOf(q: Softmax, target: number): { readonly losses: Amounts; readonly pushes: Amounts } {
  const difference = q.gradient(target, 0);
  return {
    losses: { log: q.nats[target], brier: q.brier(target), absolute: q.absolute(target) },
    pushes: {
      log: q.push(target, (v) => (v === target ? -1 / q.q[v] : 0)),
      brier: q.push(target, (v) => 2 * difference[v]),
      absolute: q.push(target, (v) => (v === target ? -1 : 1)),
    },
  };
}
