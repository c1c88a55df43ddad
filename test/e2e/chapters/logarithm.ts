/** The chapter on the logarithm: every number against the command line’s. */
import assert from 'node:assert/strict';
import type { ReportToken } from '../../../src/cli/report';
import { logSumExp, scaleByTemperature, surprisal } from '../../../src/loss/formulas';
import {
  formatCount,
  formatProbability,
  formatSurprisal,
  type InformationUnit,
} from '../../../src/loss/units';
import { makeVisible } from '../../../src/text/visible';
import { type ChapterPage, numberIn } from './page';
import { assertNumber, assertNumeral, assertWritten, partsOf } from './shown';

/** Words with a digit in them that is no number of the token: bases by name, the loss of a certain token. */
const WORDS = [/(bits|nats|hartleys) \(base \w+\)$/, /: 0 for a certain token, without bound/];

/** −log of the smallest normal number that float32 has, 2⁻¹²⁶, nats. */
const FLOAT32_REACH = 126 * Math.LN2;
/** The joint probability is written out with so many first factors, and the last one. */
const FIRST_TERMS = 3;

const UNITS: readonly { unit: InformationUnit; nats: number; base: string }[] = [
  { unit: 'nats', nats: 1, base: 'e' },
  { unit: 'hartleys', nats: Math.LN10, base: '10' },
  { unit: 'bits', nats: Math.LN2, base: '2' },
];
const [NATS, , BITS] = UNITS;

/** What the chapter has to show. */
interface Expected {
  readonly token: ReportToken;
  readonly temperature: number;
  readonly unit: (typeof UNITS)[number];
  /** log Σ exp(z / T) and z / T of the token, and their difference, nats. */
  readonly logSumExp: number;
  readonly logit: number;
  readonly nats: number;
  /** The tokens that are multiplied, as they are at T = 1. */
  readonly tokens: readonly ReportToken[];
  readonly heading: string;
}

/** Declares the tests. */
export function logarithmTests(open: () => ChapterPage): void {
  it('takes the logarithm to three bases, and multiplies the tokens of the line', async () => {
    const page = open();
    await page.openChapter('logarithm');
    await page.keeping(async () => {
      for (const unit of UNITS) {
        await page.chooseUnit(unit.unit);
        await checkAll(page, expectLine(page, page.wrong, unit));
      }
    });
  });

  it('takes it at another temperature, and of the only token of a line', async () => {
    const page = open();
    await page.openChapter('logarithm');
    await page.keeping(async () => {
      const temperature = await page.setTemperature(80);
      await checkAll(page, expectLine(page, page.wrong, BITS, temperature));
      await page.workbench.screenshot('chapter-logarithm-temperature');
    });
    await page.keeping(async () => {
      await page.goTo(page.surest);
      await checkAll(page, expectLine(page, page.surest, BITS));
    });
  });

  it('multiplies a selection until float32 has no number for it', async () => {
    const page = open();
    const { workbench, reference, first } = page;
    await page.openChapter('logarithm');
    await page.keeping(async () => {
      await page.chooseUnit(NATS.unit);
      await workbench.focusGroup(1);
      await workbench.page.keyboard.press('ControlOrMeta+a');
      await page.explains(first);
      // A long selection is cut.
      const tokens = reference.report.tokens.slice(0, 80);
      const heading = 'A product becomes a sum: the first 80 selected tokens';
      await page.becomes('the selected tokens should be multiplied', async () =>
        assert.equal(await page.text('joint-heading'), heading),
      );
      await checkAll(page, { ...expectLine(page, first, NATS), tokens, heading });
      await workbench.screenshot('chapter-logarithm-selection');
    });
  });
}

function expectLine(
  page: ChapterPage,
  token: ReportToken,
  unit: Expected['unit'],
  temperature = 1,
): Expected {
  const tokens = page.reference.tokensOf(token.line, token.line + 1);
  const line = formatCount(token.line);
  const logits = scaleByTemperature(page.logitsOf(token), temperature);
  const nats = surprisal(logits, token.id);
  assert.ok(temperature !== 1 || Math.abs(nats - token.nats) < 1e-4);
  return {
    token,
    temperature,
    unit,
    logSumExp: logSumExp(logits),
    logit: logits[token.id],
    nats: temperature === 1 ? token.nats : nats,
    tokens,
    heading:
      tokens.length === 1
        ? `A product becomes a sum: the only token of line ${line}`
        : `A product becomes a sum: the ${tokens.length} tokens of line ${line}`,
  };
}

async function checkAll(page: ChapterPage, expected: Expected): Promise<void> {
  await page.startChecking();
  await checkFormula(page, expected);
  await checkCurve(page, expected);
  await checkProbe(page, expected);
  await checkJointFormula(page, expected);
  await checkJointPicture(page, expected);
  assert.deepEqual(await page.unchecked('chapter-logarithm', WORDS), []);
}

/** An amount as it is written everywhere: "12.3 bits". */
const amountIn = (unit: InformationUnit) => (nats: number) => formatSurprisal(nats, unit);

/** Asserts that an element has a number that is right to its last digit. */
async function checkNumber(page: ChapterPage, test: string, value: number): Promise<void> {
  assertNumber(await page.read(page.find(test)), value, test);
}

// ---- The formula ----

async function checkFormula(page: ChapterPage, expected: Expected): Promise<void> {
  const { temperature, logSumExp: logSum, logit, nats, unit } = expected;
  await checkNumber(page, 'log-sum-exp', logSum);
  await checkNumber(page, 'logit', logit);
  await checkNumber(page, 'surprisal-nats', nats);
  await checkNumber(page, 'power-exponent', nats / unit.nats);
  await checkNumber(page, 'surprisal-nats-again', nats);
  await checkNumber(page, unit === NATS ? 'surprisal-unit' : `surprisal-${unit.unit}`, nats / unit.nats);
  assert.equal(await page.text('surprisal-unit-name'), unit.unit);
  for (const test of ['log-base', 'log-divisor', 'power-base', 'power-base-again']) {
    await page.showsText(test, [unit.base]);
  }
  // The natural logarithm is written without its base, and nats are not converted.
  assert.equal(await page.find('log-base').isVisible(), unit !== NATS);
  assert.equal(await page.find('log-divisor').isVisible(), unit !== NATS);
  await checkProbability(page, 'probability-value', 'probability-exponent', nats);
  const percentage = await page.read(page.find('probability-percentage'));
  assertWritten(percentage.replace('= ', ''), nats, formatProbability, 'the percentage');
  const note = page.find('logarithm-note');
  assert.equal(await note.isVisible(), temperature !== 1);
  const [written] = partsOf(
    await page.read(note),
    /this token at temperature (\d\.\d\d); its neighbours.*at 1/,
  );
  assert.equal(written, temperature.toFixed(2));
}

/** Checks e^−nats as a number between 0 and 1, or as a number times a power of ten. */
async function checkProbability(
  page: ChapterPage,
  value: string,
  exponent: string,
  nats: number,
): Promise<void> {
  const shown = await page.read(page.find(value));
  if (await page.find(exponent).isVisible()) {
    const power = numberIn(await page.read(page.find(exponent)));
    assertNumber(shown, Math.exp(-nats - power * Math.LN10), value);
    assert.ok(numberIn(shown) >= 1 && numberIn(shown) < 10, shown);
  } else {
    assertNumber(shown, Math.exp(-nats), value);
  }
}

// ---- The curve ----

/** Asserts that a text is "12 % → 3.06 bits". */
function assertPoint(what: string, shown: string, nats: number, unit: InformationUnit): void {
  const [probability, amount] = partsOf(shown, /^(.+) → (.+)$/);
  assertWritten(probability, nats, formatProbability, `${what}: probability`);
  assertWritten(amount, nats, amountIn(unit), `${what}: surprisal`);
}

async function checkCurve(page: ChapterPage, expected: Expected): Promise<void> {
  const { token, nats, tokens } = expected;
  const { unit, nats: size } = expected.unit;
  assertPoint('the point', await page.read(page.find('curve-point')), nats, unit);
  const [probability, loss] = partsOf(
    await page.descriptionOf('curve'),
    /at a probability of (.+) and a loss of (.+), and a tick/,
  );
  assertPoint('the picture in words', `${probability} → ${loss}`, nats, unit);
  const neighbours = tokens.filter((other) => other !== token);
  const titles = await page.readAll(page.find('curve').locator('.curve-token title'));
  assert.equal(titles.length, neighbours.length);
  for (const [i, other] of neighbours.entries()) {
    const name = makeVisible(other.text);
    assert.ok(titles[i].startsWith(`${name} `), `${titles[i]} instead of ${name}`);
    assertPoint(name, titles[i].slice(name.length + 1), other.nats, unit);
  }
  const rows = await page.tableOf('curve');
  const points = [{ ...token, nats }, ...neighbours].sort((a, b) => a.nats - b.nats);
  assert.equal(rows.length, points.length);
  for (const [i, [name, q, amount]] of rows.entries()) {
    // Tokens as probable as each other may come in either order.
    const fitting = points.filter((point) => Math.abs(point.nats - points[i].nats) < 1e-4);
    assert.ok(
      fitting.some(({ text }) => makeVisible(text) === name),
      `“${name}” is row ${i + 1}`,
    );
    assertNumeral(q, Math.exp(-points[i].nats), `the probability of ${name}`);
    assertNumeral(amount, points[i].nats / size, `the surprisal of ${name}`);
  }
  const heading = page.frame.getByTestId('curve-table').locator('thead th').last();
  assert.equal(await heading.textContent(), `−log q in ${unit}`);
}

/** Looks at a place of the curve, and back. */
async function checkProbe(page: ChapterPage, expected: Expected): Promise<void> {
  for (const q of [0.03, 0.5]) {
    await page.setSlider('curve-probe', q);
    for (const test of ['curve-probe-value', 'curve-probe-point']) {
      assertPoint(test, await page.read(page.find(test)), -Math.log(q), expected.unit.unit);
    }
  }
}

// ---- A product becomes a sum ----

const sumOf = (tokens: readonly ReportToken[]) => tokens.reduce((sum, { nats }) => sum + nats, 0);

async function checkJointFormula(page: ChapterPage, expected: Expected): Promise<void> {
  const { tokens, heading, unit } = expected;
  const all = sumOf(tokens);
  await page.showsText('joint-heading', [heading]);
  const written =
    tokens.length > FIRST_TERMS + 1 ? [...tokens.slice(0, FIRST_TERMS), tokens[tokens.length - 1]] : tokens;
  const factors = await page.readAll(page.frame.locator('[data-testid=joint-product-term]:not([hidden])'));
  const summands = await page.readAll(page.frame.locator('[data-testid=joint-sum-term]:not([hidden])'));
  assert.deepEqual([factors.length, summands.length], [written.length, written.length]);
  for (const [i, { nats }] of written.entries()) {
    assertNumber(factors[i], Math.exp(-nats), `factor ${i + 1}`);
    assertNumber(summands[i], nats / unit.nats, `summand ${i + 1}`);
  }
  await checkProbability(page, 'joint-probability', 'joint-exponent', all);
  await checkNumber(page, 'joint-power', -all / Math.LN10);
  await checkNumber(page, 'joint-sum', all / unit.nats);
  await checkNumber(page, 'joint-sum-again', all / unit.nats);
  assert.equal(await page.text('joint-unit'), unit.unit);
  await page.showsText('joint-base', [unit.base]);
  await page.showsText('joint-base-again', [unit.base]);
  checkUnderflow(await page.read(page.find('joint-underflow')), expected);
}

/** Where the product would leave float32, here or at this pace. */
function checkUnderflow(shown: string, { tokens, unit }: Expected): void {
  assert.ok(shown.includes(' the smallest normal number, 1.2 × 10⁻³⁸,'), shown);
  const at = tokens.findIndex((_, i) => sumOf(tokens.slice(0, i + 1)) > FLOAT32_REACH);
  if (at >= 0) {
    const [number, name] = partsOf(shown, /, at token ([\d,]+) \((.+)\), and/);
    assert.equal(number, formatCount(at + 1));
    assert.equal(name, makeVisible(tokens[at].text));
  } else {
    const [mean, number] = partsOf(shown, /^At this mean of (.+) per token, .*, after ([\d,]+) tokens;/);
    const meanNats = sumOf(tokens) / tokens.length;
    assertWritten(mean, meanNats, amountIn(unit.unit), 'the mean');
    assertNumber(number, Math.ceil(FLOAT32_REACH / meanNats), 'the tokens to the end of float32');
  }
}

async function checkJointPicture(page: ChapterPage, expected: Expected): Promise<void> {
  const { tokens, unit } = expected;
  const all = sumOf(tokens);
  assertNumber(await page.read(page.find('joint-product-end')), Math.exp(-all), 'the end of the product');
  const end = await page.read(page.find('joint-sum-end'));
  assertWritten(end, all, amountIn(unit.unit), 'the end of the sum');
  const limit = page.find('joint-chart').locator('.float-limit');
  assert.equal(await limit.getAttribute('visibility'), all > FLOAT32_REACH ? 'visible' : 'hidden');
  const [number, product, sum] = partsOf(
    await page.descriptionOf('joint-chart'),
    tokens.length === 1
      ? /^Of (one) token the product is (.+), and the sum (.+)\.$/
      : /^Over (\d+) tokens the running product falls to (.+), and the running sum grows to (.+)\.$/,
  );
  assert.equal(number, tokens.length === 1 ? 'one' : String(tokens.length));
  assertNumber(product, Math.exp(-all), 'the product in words');
  assertWritten(sum, all, amountIn(unit.unit), 'the sum in words');
  const rows = await page.tableOf('joint-chart');
  assert.equal(rows.length, tokens.length);
  for (const [i, [name, q, soFar, amount, added]] of rows.entries()) {
    const { text, nats } = tokens[i];
    const running = sumOf(tokens.slice(0, i + 1));
    assert.equal(name, makeVisible(text));
    assertNumeral(q, Math.exp(-nats), `the probability of ${name}`);
    assertNumeral(soFar, Math.exp(-running), `the product up to ${name}`);
    assertNumeral(amount, nats / unit.nats, `the surprisal of ${name}`);
    assertNumeral(added, running / unit.nats, `the sum up to ${name}`);
  }
  const headings = page.frame.getByTestId('joint-chart-table').locator('thead th');
  const [, , , ofToken, ofAll] = await headings.allTextContents();
  assert.deepEqual([ofToken, ofAll], [`−log q in ${unit.unit}`, `Sum so far in ${unit.unit}`]);
}
