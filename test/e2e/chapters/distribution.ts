/**
 * The chapter on the distribution: every number against the command line’s, and beyond its most probable tokens
 * against the logits of an engine of the test’s own.
 */
import assert from 'node:assert/strict';
import type { ReportToken } from '../../../src/cli/report';
import { rank } from '../../../src/loss/formulas';
import {
  formatCount,
  formatProbability,
  formatSurprisal,
  type InformationUnit,
} from '../../../src/loss/units';
import { makeVisible } from '../../../src/text/visible';
import { plain } from '../support';
import type { ChapterPage } from './page';
import { assertNumber, assertNumeral, assertWritten, partsOf } from './shown';

/** Words with a digit in them that is no number of the token. */
const WORDS = [/^temperature-reset: Reset to 1$/, /a density instead, which may exceed 1, and only an area/];

/** Bars that the chapter has as it is. */
const BARS = 10;

/** What the chapter has to show. */
interface Expected {
  readonly token: ReportToken;
  readonly temperature: number;
  readonly top: number;
  readonly unit: InformationUnit;
  /** Number of all tokens. */
  readonly vocabularySize: number;
  /** [V] −log q by rank, nats. */
  readonly nats: Float64Array;
  /** [V + 1] probability of the first r tokens together, and of the others. */
  readonly mass: Float64Array;
  readonly left: Float64Array;
  /** −log q of the token in the text, nats. */
  readonly targetNats: number;
  /** Logits: of the token in the text, the largest, and of the most probable other token. */
  readonly targetLogit: number;
  readonly largestLogit: number;
  readonly rivalLogit: number;
  /** Index in `nats` of that other token. */
  readonly rival: number;
}

/** Declares the tests. */
export function distributionTests(open: () => ChapterPage): void {
  it('shows the whole distribution', async () => {
    const page = open();
    await page.openChapter('distribution');
    await checkAll(page, page.wrong, { temperature: 1, top: BARS, unit: 'bits' });
  });

  it('recomputes it at another temperature, with more bars and in another unit', async () => {
    const page = open();
    await page.openChapter('distribution');
    await page.keeping(async () => {
      const temperature = await page.setTemperature(80);
      await page.setNumber('top', 50);
      await page.chooseUnit('nats');
      await checkAll(page, page.wrong, { temperature, top: 50, unit: 'nats' });
      await page.workbench.screenshot('chapter-distribution-temperature');
      await page.frame.getByTestId('temperature-reset').click();
      await page.setNumber('top', BARS);
      await checkAll(page, page.wrong, { temperature: 1, top: BARS, unit: 'nats' });
    });
  });

  it('shows it for a token that could not be expected, and for one that is nearly certain', async () => {
    const page = open();
    await page.openChapter('distribution');
    await page.keeping(async () => {
      // Evened out, so that more tokens than the curve has points share half of the probability.
      const temperature = await page.setTemperature(165);
      await page.goTo(page.first);
      await checkAll(page, page.first, { temperature, top: BARS, unit: 'bits' });
      await page.frame.getByTestId('temperature-reset').click();
      await page.goTo(page.surest);
      await checkAll(page, page.surest, { temperature: 1, top: BARS, unit: 'bits' });
    });
  });
}

function expect(
  page: ChapterPage,
  token: ReportToken,
  options: Pick<Expected, 'temperature' | 'top' | 'unit'>,
): Expected {
  const logits = page.logitsOf(token);
  const { temperature } = options;
  const ranked = logits.slice().sort().reverse();
  let sum = 0;
  for (const logit of ranked) {
    sum += Math.exp((logit - ranked[0]) / temperature);
  }
  const natsOf = (logit: number) => (ranked[0] - logit) / temperature + Math.log(sum);
  const nats = Float64Array.from(ranked, natsOf);
  let targetNats = natsOf(logits[token.id]);
  assert.equal(token.rank, rank(logits, token.id));
  assert.equal(logits.length, page.reference.report.model.vocabularySize);
  if (temperature === 1) {
    // What the command line knows, it knows best.
    for (const [i, alternative] of token.top!.entries()) {
      assert.ok(
        Math.abs(alternative.nats - nats[i]) < 1e-4,
        `rank ${i + 1} at ${JSON.stringify(token.text)}`,
      );
      nats[i] = alternative.nats;
    }
    assert.ok(Math.abs(token.nats - targetNats) < 1e-4);
    targetNats = token.nats;
  }
  const mass = new Float64Array(nats.length + 1);
  const left = new Float64Array(nats.length + 1);
  for (let r = 0; r < nats.length; r++) {
    mass[r + 1] = mass[r] + Math.exp(-nats[r]);
  }
  for (let r = nats.length - 1; r >= 0; r--) {
    left[r] = left[r + 1] + Math.exp(-nats[r]);
  }
  const rival = token.rank === 1 ? 1 : 0;
  return {
    token,
    ...options,
    vocabularySize: logits.length,
    nats,
    mass,
    left,
    targetNats,
    targetLogit: logits[token.id],
    largestLogit: ranked[0],
    rivalLogit: ranked[rival],
    rival,
  };
}

async function checkAll(
  page: ChapterPage,
  token: ReportToken,
  options: Pick<Expected, 'temperature' | 'top' | 'unit'>,
): Promise<void> {
  const expected = expect(page, token, options);
  await page.startChecking();
  await checkControls(page, expected);
  await checkBars(page, expected);
  await checkCumulative(page, expected);
  await checkFormula(page, expected);
  await checkSteps(page, expected);
  await checkPicture(page, expected);
  assert.deepEqual(await page.unchecked('chapter-distribution', WORDS), []);
}

async function checkControls(
  page: ChapterPage,
  { temperature, top, vocabularySize }: Expected,
): Promise<void> {
  const [text] = await page.readAll(page.find('chapter-distribution').locator(':scope > .prose'));
  assert.ok(text.includes(`each of its ${formatCount(vocabularySize)} tokens a logit`), text);
  await page.showsText('temperature-value', [temperature.toFixed(2)]);
  assert.equal(await page.find('top').inputValue(), String(top));
}

// ---- Bars ----

interface BarRow {
  /** The row’s name. */
  readonly test: string;
  readonly isMarked: boolean;
  readonly cells: readonly string[];
  readonly name: string;
  /** Lengths in the picture, as shares of its width. */
  readonly share: number;
  readonly cumulative: number;
}

/** The rows that are shown; they count as compared. */
async function readBars(page: ChapterPage): Promise<BarRow[]> {
  const rows = page.find('distribution').locator('tbody tr:not([hidden])');
  await page.readAll(rows);
  const read: BarRow[] = await rows.evaluateAll((elements) =>
    elements.map((row) => ({
      test: row.getAttribute('data-testid'),
      isMarked: row.querySelector('.mark:not([hidden])') !== null,
      cells: [...row.cells].map((cell) => cell.textContent),
      name: row.querySelector('.token-name')?.textContent ?? '',
      share: Number(row.querySelector('.bar-fill')?.style.getPropertyValue('--share')),
      cumulative: Number(row.querySelector('.bar-cumulative')?.style.getPropertyValue('--cumulative')),
    })),
  );
  return read.map((row) => ({ ...row, cells: row.cells.map(plain) }));
}

async function checkBars(page: ChapterPage, expected: Expected): Promise<void> {
  const { token, top, unit, vocabularySize } = expected;
  const isBeyond = token.rank > top;
  const skipped = token.rank - top - 1;
  const rows = await readBars(page);
  const names = ['bar-gap', 'bar-target', 'bar-rest'];
  const [[gap], [beyond], [rest]] = names.map((name) => rows.filter(({ test }) => test === name));
  const bars = rows.filter(({ test }) => test === 'bar');
  assert.equal(bars.length, top);
  assert.equal(rows.length, top + 1 + (isBeyond ? 1 : 0) + (isBeyond && skipped > 0 ? 1 : 0));
  for (const [i, bar] of bars.entries()) {
    checkBar(bar, expected, i + 1, namesAt(token, i), expected.nats[i]);
    assert.equal(bar.isMarked, i + 1 === token.rank);
  }
  if (isBeyond) {
    assert.ok(beyond.isMarked);
    checkBar(beyond, expected, token.rank, [makeVisible(token.text)], expected.targetNats);
    assert.equal(gap?.cells[1], skipped > 0 ? `${formatCount(skipped)} tokens in between` : undefined);
  }
  const others = expected.left[top] - (isBeyond ? Math.exp(-expected.targetNats) : 0);
  const number = vocabularySize - top - (isBeyond ? 1 : 0);
  assert.equal(rest.name, `${formatCount(number)} others`);
  assertNear('the rest’s bar', rest.share, others);
  assertWritten(rest.cells[3], -Math.log(others), formatProbability, 'the rest');
  assert.deepEqual([rest.cells[0], ...rest.cells.slice(4)], ['', '100 %', '']);
  const heading = await page.find('distribution').locator('thead th').last().textContent();
  assert.equal(heading, unit);
}

function checkBar(
  { cells, name, share, cumulative }: BarRow,
  expected: Expected,
  at: number,
  names: readonly string[],
  nats: number,
): void {
  const [number, , , probability, together, amount] = cells;
  assert.equal(number, formatCount(at));
  assert.ok(names.includes(name), `“${name}” has rank ${at} instead of “${names[0]}”`);
  assertNear(`the bar of rank ${at}`, share, Math.exp(-nats));
  assertWritten(probability, nats, formatProbability, `the probability of rank ${at}`);
  assertWritten(
    together,
    massNats(expected, at),
    formatProbability,
    `the cumulative probability of rank ${at}`,
  );
  assertNear(`the mark of rank ${at}`, cumulative, expected.mass[at]);
  const { unit } = expected;
  assertWritten(
    `${amount} ${unit}`,
    nats,
    (value) => formatSurprisal(value, unit),
    `the surprisal of rank ${at}`,
  );
}

/** Tokens as probable as that of a rank: two computations may order them in another way. */
function namesAt({ top }: ReportToken, index: number): string[] {
  const { nats, text } = top![index];
  const same = top!.filter((other) => Math.abs(other.nats - nats) < 2e-4);
  return [text, ...same.map((other) => other.text)].map(makeVisible);
}

/** −log of the probability of the first tokens together; near 1 what they leave has the digits. */
function massNats({ mass, left }: Expected, ranks: number): number {
  return left[ranks] < 0.5 ? -Math.log1p(-left[ranks]) : -Math.log(mass[ranks]);
}

function assertNear(what: string, shown: number, value: number): void {
  assert.ok(Math.abs(shown - value) < 1e-4, `${what}: ${shown} instead of ${value}`);
}

// ---- Cumulative mass ----

async function checkCumulative(page: ChapterPage, expected: Expected): Promise<void> {
  const { token, mass, nats, vocabularySize } = expected;
  const shownRank = formatCount(token.rank);
  await page.showsText('cumulative-rank', [`▶ rank ${shownRank}`]);
  const [half, ownRank, together] = partsOf(
    await page.descriptionOf('cumulative'),
    /half of it is reached at rank ([\d,]+); the token in the text has rank ([\d,]+), and up to it there is (.+)\.$/,
  );
  const halfRank = Number(half.replaceAll(',', ''));
  assert.ok(mass[halfRank] > 0.4999 && mass[halfRank - 1] < 0.5001, `${half} is not the rank of half`);
  assert.equal(ownRank, shownRank);
  assertWritten(together, massNats(expected, token.rank), formatProbability, 'the mass up to the token');
  const rows = await page.tableOf('cumulative');
  const ranks = rows.map(([number]) => Number(number));
  assert.ok(
    ranks.every((number, i) => number > (ranks[i - 1] ?? 0)),
    'the ranks are not in order',
  );
  // Each rank that a bar may have, and then ever fewer.
  assert.deepEqual([ranks[0], ranks[49], ranks.at(-1)], [1, 50, vocabularySize]);
  assert.ok(ranks.includes(token.rank));
  for (const [number, probability, cumulative] of rows) {
    const at = Number(number);
    assertNumeral(probability, Math.exp(-nats[at - 1]), `the probability of rank ${at}`);
    assertNumeral(cumulative, mass[at], `the cumulative probability of rank ${at}`);
  }
}

// ---- Softmax ----

async function checkFormula(page: ChapterPage, expected: Expected): Promise<void> {
  const { temperature, targetLogit, largestLogit, targetNats } = expected;
  const power = Math.exp((targetLogit - largestLogit) / temperature);
  const sum = sumOf(expected);
  for (const [test, value] of [
    ['softmax-logit', targetLogit],
    ['softmax-temperature', temperature],
    ['softmax-largest', largestLogit / temperature],
    ['softmax-power', power],
    ['softmax-sum', sum],
    ['softmax-sum-again', sum],
    ['softmax-q', Math.exp(-targetNats)],
  ] as const) {
    assertNumber(await page.read(page.find(test)), value, test);
  }
}

/** Σ exp(z / T − m) */
function sumOf({ nats }: Expected): number {
  return Math.exp(nats[0]);
}

async function checkSteps(page: ChapterPage, expected: Expected): Promise<void> {
  const { token, temperature, targetLogit, largestLogit, rivalLogit, rival } = expected;
  const steps = page.find('softmax-steps');
  const [own, other] = await steps.locator('thead .token-name').allTextContents();
  assert.equal(own, makeVisible(token.text));
  assert.ok(namesAt(token, rival).includes(other), `“${other}” is no rival`);
  const largest = largestLogit / temperature;
  const both = [targetLogit, rivalLogit];
  const values: Record<string, readonly number[]> = {
    logit: both,
    temperature: both.map((logit) => logit / temperature),
    largest: both.map((logit) => logit / temperature - largest),
    exponential: both.map((logit) => Math.exp(logit / temperature - largest)),
    probability: [expected.targetNats, expected.nats[rival]].map((nats) => Math.exp(-nats)),
  };
  for (const [name, [ofToken, ofRival]] of Object.entries(values)) {
    assertNumber(await page.read(page.find(`softmax-step-${name}`)), ofToken, name);
    assertNumber(await page.read(page.find(`softmax-step-${name}-rival`)), ofRival, `${name}, rival`);
  }
  const words = steps.locator('tr[data-link="sum"] th');
  assert.equal(await page.read(words), `∑sum over ${formatCount(expected.vocabularySize)}`);
  assertNumber(await page.read(page.find('softmax-step-sum')), sumOf(expected), 'sum');
}

// ---- Discrete and continuous ----

/** Bars of the picture where there is room for them. */
const PICTURE_BARS = 5;

/** The bars of the picture: the most probable tokens, the one in the text always among them. */
function pictureBars({ token, nats, targetNats }: Expected, room: number): { names: string[]; q: number }[] {
  const bars = Array.from({ length: room }, (_, i) => ({ names: namesAt(token, i), q: Math.exp(-nats[i]) }));
  if (token.rank > room) {
    bars[room - 1] = { names: [makeVisible(token.text)], q: Math.exp(-targetNats) };
  }
  return bars;
}

async function checkPicture(page: ChapterPage, expected: Expected): Promise<void> {
  const shown = await page.readAll(page.frame.getByTestId('discrete-value'));
  assert.ok(shown.length > 1 && shown.length <= PICTURE_BARS, `${shown.length} bars`);
  for (const [i, { q }] of pictureBars(expected, shown.length).entries()) {
    if (q < 0.005) {
      assert.equal(shown[i], '≈ 0');
    } else {
      assertNumber(shown[i], q, `bar ${i + 1} of the picture`);
    }
  }
  const [area] = partsOf(await page.read(page.find('discrete-area')), /^area (0\.\d\d|1\.00)$/);
  assertNumber(area, Math.exp(-expected.nats[0]), 'the area');
  const bars = pictureBars(expected, PICTURE_BARS);
  const [name, height, ofArea] = partsOf(
    await page.descriptionOf('discrete'),
    /a bar for each token, (.+) with the height (.+); on the right a density, with an area of (.+) under it\.$/,
  );
  assert.ok(bars[0].names.includes(name));
  assertWritten(height, expected.nats[0], formatProbability, 'the height in words');
  assert.equal(ofArea, height);
  const rows = await page.tableOf('discrete');
  assert.equal(rows.length, PICTURE_BARS);
  for (const [i, [token, probability]] of rows.entries()) {
    assert.ok(bars[i].names.includes(token), `“${token}” is bar ${i + 1}`);
    assertNumeral(probability, bars[i].q, `bar ${i + 1}`);
  }
}
