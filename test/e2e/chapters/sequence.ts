/** The chapter on the sequence: its numbers against the command line’s for the whole document. */
import assert from 'node:assert/strict';
import type { Frame, Locator } from 'playwright-core';
import type { ReportToken } from '../../../src/cli/report';
import { HEAT_BIN_COUNT, HEAT_BINS, heatOf } from '../../../src/loss/heat';
import { TOKEN_KINDS, tokenKind } from '../../../src/loss/tokenKind';
import { type InformationUnit, toBits, toUnit } from '../../../src/loss/units';
import { makeVisible } from '../../../src/text/visible';
import { DEMO_FILE, type Reference, SCORED_WITHIN, undoUntil } from '../support';
import { type ChapterPage, numberIn, PROSE_FILE } from './page';
import {
  assertOneOf,
  assertProportional,
  assertSays,
  assertSaysShare,
  count,
  decimal,
  percent,
  rounded,
  SUM_NOISE,
  says,
  sentences,
  sumOf,
  surprisals,
  whole,
} from './sentences';
import { assertNumeral } from './shown';

/** What the page calls the kinds of tokens, in the order of {@link TOKEN_KINDS}. */
const KINDS = ['begins a word', 'inside a word', 'number', 'punctuation', 'blanks', 'other'];
/** Rows of the table behind the Lorenz curve, but for the first one. */
const CURVE_ROWS = 20;
const MOST_LINES = 8;

/** Runs in the page: notes how low it ever is, and how often a message takes the place of the charts. */
const WATCH = `{
  const root = document.documentElement;
  const message = document.querySelector('[data-testid="sequence-message"]');
  window.seen = { messages: 0, lowest: root.scrollHeight };
  new MutationObserver(() => {
    seen.messages += message.offsetParent === null ? 0 : 1;
    seen.lowest = Math.min(seen.lowest, root.scrollHeight);
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}`;

/** What {@link WATCH} has seen so far: the height in pixels. */
function seenOf(frame: Frame): Promise<{ messages: number; lowest: number }> {
  return frame.evaluate('seen');
}

/** Declares the tests. */
export function sequenceTests(open: () => ChapterPage): void {
  it('shows the numbers of the whole document', async () => {
    const page = open();
    await page.openChapter('sequence');
    await checkChapter(page, page.reference, page.wrong, 'bits');
    await page.workbench.screenshot('chapter-sequence');
  });

  it('shows the numbers of another document, in nats', async () => {
    const page = open();
    const { workbench, prose, reference, wrong } = page;
    // A token of three bytes.
    const dash = prose.token(prose.lineOf('species—that'), '—');
    await explain(page, PROSE_FILE, prose, dash);
    await countIn(page, 'nats');
    await checkChapter(page, prose, dash, 'nats');
    await workbench.screenshot('chapter-sequence-prose');
    await countIn(page, 'bits');
    await explain(page, DEMO_FILE, reference, wrong);
  });

  it('keeps its numbers, its charts and its height while the text is typed in', async () => {
    const page = open();
    const { frame, reference, workbench, wrong } = page;
    await page.openChapter('sequence');
    await page.goTo(wrong);
    const whole = await page.text('sequence-tokens');
    await frame.evaluate(WATCH);
    const { lowest: height } = await seenOf(frame);
    await workbench.page.keyboard.type('not ');
    await page.becomes(
      'the tokens should be those of the new text',
      async () => assert.notEqual(await page.text('sequence-tokens'), whole),
      SCORED_WITHIN,
    );
    await undoUntil(workbench, wrong.line, reference.lines[wrong.line - 1]);
    await page.becomes(
      'the tokens should be those of the old text',
      async () => assert.equal(await page.text('sequence-tokens'), whole),
      SCORED_WITHIN,
    );
    await page.goTo(wrong);
    const { messages, lowest } = await seenOf(frame);
    assert.equal(messages, 0, 'the charts were taken away');
    assert.ok(lowest > 0.9 * height, `the page had ${lowest} pixels of ${height}`);
  });

  it('lists every token with its loss and the mean so far', async () => {
    const page = open();
    const { frame, reference } = page;
    const { tokens } = reference.report;
    await page.openChapter('sequence');
    // Twice as near, and nearer again, until every token has a bar of its own.
    await frame.getByTestId('loss-zoom-in').click();
    await frame.getByTestId('loss-zoom-in').click();
    const overview = frame.getByTestId('overview-window');
    await overview.press('Home');
    await frame.getByTestId('loss-chart-show-table').click();
    let next = 0;
    while (next < tokens.length) {
      const rows = await rowsOf(frame.getByTestId('loss-chart-table'));
      const first = numberIn(rows[0][0]) - 1;
      assert.ok(first <= next && first + rows.length > next, `tokens ${first} to ${first + rows.length}`);
      checkTokenRows(rows, reference, first);
      assertOneOf(await overview.getAttribute('aria-valuetext'), [
        linesOf(tokens[first], tokens[first + rows.length - 1]),
      ]);
      assert.equal(await overview.getAttribute('aria-valuenow'), String(first));
      assert.equal(await overview.getAttribute('aria-valuemax'), String(tokens.length - rows.length));
      next = first + rows.length;
      await overview.press('PageDown');
    }
    assert.deepEqual(await headOf(page, 'loss-chart'), [
      'Token',
      'Line',
      'Text',
      'Surprisal (bits)',
      'Mean so far (bits)',
      'After training (bits)',
    ]);
    await frame.getByTestId('loss-chart-show-table').click();
    await frame.getByTestId('loss-whole').click();
  });

  it('reads a token out under the pointer, in the whole document and in a part of it', async () => {
    const page = open();
    const { frame, reference, workbench } = page;
    const { tokens } = reference.report;
    await page.openChapter('sequence');
    // Where a column stands for several tokens, the most surprising one of them is read out.
    const columns = await page.tableOf('loss-chart');
    for (const share of [0.01, 0.36, 0.99]) {
      const [first, last] = columns[Math.floor(share * columns.length)].map(Number);
      await pointAt(page, (Math.floor(share * columns.length) + 0.5) / columns.length);
      const peak = mostSurprising(tokens.slice(first - 1, last));
      await checkReadout(page, reference, tokens.indexOf(peak), 'bits');
    }

    // A drag over a part of it shows this part alone.
    const { mouse } = workbench.page;
    const start = await pointAt(page, 0.3);
    await mouse.down();
    const end = await pointOf(page, 0.42);
    await mouse.move((start.x + end.x) / 2, start.y);
    await mouse.move(end.x, end.y);
    await mouse.up();
    const rows = await page.tableOf('loss-chart');
    const first = numberIn(rows[0][0]) - 1;
    // The mouse stands at whole pixels.
    assert.ok(Math.abs(first - 0.3 * tokens.length) <= 2, `${first} is the first token`);
    assert.ok(Math.abs(first + rows.length - 0.42 * tokens.length) <= 2, `${rows.length} tokens`);
    checkTokenRows(rows, reference, first);
    const shown = tokens.slice(first, first + rows.length);
    await checkDescription(page, tokens, shown, 'bits');
    for (const [part, now, most] of [
      ['window', first, tokens.length - rows.length],
      ['first', first, first + rows.length],
      ['end', first + rows.length, tokens.length],
    ] as const) {
      const handle = frame.getByTestId(`overview-${part}`);
      assert.equal(await handle.getAttribute('aria-valuenow'), String(now), part);
      assert.equal(await handle.getAttribute('aria-valuemax'), String(most), part);
      assertOneOf(await handle.getAttribute('aria-valuetext'), [linesOf(shown[0], shown[shown.length - 1])]);
    }
    for (const index of [0, Math.floor(rows.length / 2), rows.length - 1]) {
      await pointAt(page, (index + 0.5) / rows.length);
      await checkReadout(page, reference, first + index, 'bits');
    }
    // The bars stand for the same numbers.
    const path =
      (await frame.getByTestId('loss-chart').locator('path.loss-bars').first().getAttribute('d')) ?? '';
    const bars = [...path.matchAll(/M[\d.]+ ([\d.]+)V([\d.]+)h/g)].map(
      ([, base, top]) => Number(base) - Number(top),
    );
    assertProportional(
      bars,
      shown.map(({ nats }) => nats),
    );
    await workbench.screenshot('chapter-sequence-part');
    await frame.getByTestId('loss-whole').click();
  });

  it('follows its sliders: the share of the most surprising tokens, and another tokenizer', async () => {
    const page = open();
    const { reference } = page;
    await page.openChapter('sequence');
    for (const chosen of [7, 50, 20]) {
      await page.setSlider('loss-share-slider', chosen);
      await checkConcentration(page, reference.report.tokens, chosen / 100);
    }
    for (const chosen of [150, 50, 70]) {
      await page.setSlider('other-tokenizer-slider', chosen);
      await checkPieces(page, reference, 'bits', chosen / 100);
    }
  });

  it('goes to the most surprising token of an expensive line', async () => {
    const page = open();
    const { workbench, reference, wrong } = page;
    await page.openChapter('sequence');
    const [{ tokens }] = expensiveLines(reference.report.tokens);
    await page.frame.getByTestId('loss-line').first().getByRole('button').click();
    await page.explains(mostSurprising(tokens));
    await workbench.focusGroup(1);
    await workbench.goTo(wrong.line, wrong.column);
    await page.explains(wrong);
  });
}

/** Chooses a unit and waits until the chapter counts in it. */
async function countIn(page: ChapterPage, unit: InformationUnit): Promise<void> {
  await page.chooseUnit(unit);
  await page.becomes(`the mean should be in ${unit}`, () =>
    page.showsText('mean-loss-note', [`${unit} per token`]),
  );
}

/** Opens a document and puts the cursor on a token of it. */
async function explain(
  page: ChapterPage,
  file: string,
  reference: Reference,
  token: ReportToken,
): Promise<void> {
  await page.workbench.focusGroup(1);
  await page.workbench.openFile(file);
  await page.workbench.goTo(token.line, token.column);
  await page.explains(token);
  await page.becomes(
    'the document should be scored',
    async () => assert.equal(await page.text('sequence-tokens'), count(reference.report.tokens.length)),
    SCORED_WITHIN,
  );
}

/** Compares every number of the chapter, as it is when it is opened. */
async function checkChapter(
  page: ChapterPage,
  reference: Reference,
  token: ReportToken,
  unit: InformationUnit,
): Promise<void> {
  const { tokens } = reference.report;
  await page.startChecking();
  await checkTotals(page, reference, unit);
  await checkLossChart(page, tokens, unit);
  await checkReadout(page, reference, tokens.indexOf(token), unit);
  await checkGroups(page, 'loss-histogram', groupsByHeat(tokens), ['Surprisal', unit]);
  await checkGroups(page, 'loss-kinds', groupsByKind(reference), ['Kind', unit]);
  await checkPictures(page, reference);
  await checkConcentration(page, tokens, 0.2);
  await checkCurve(page, tokens);
  await checkLines(page, reference, unit);
  await checkPieces(page, reference, unit, 0.7);
  assert.deepEqual(await page.unchecked('chapter-sequence'), []);
}

/** The three numbers of the document, each worked out. */
async function checkTotals(page: ChapterPage, { report }: Reference, unit: InformationUnit): Promise<void> {
  const { bytes } = report.summary;
  const total = sumOf(report.tokens);
  const mean = total / report.tokens.length;
  await says(page, 'mean-loss', '#', [decimal(toUnit(mean, unit), 3)]);
  await page.showsText('mean-loss-note', [`${unit} per token`]);
  await says(page, 'sequence-nats', '#', [decimal(total, 1, SUM_NOISE)]);
  await says(page, 'sequence-tokens', '#', [whole(report.tokens.length)]);
  await says(page, 'mean-loss-nats', '#', [decimal(mean, 4)]);
  await says(page, 'mean-loss-bits', '#', [decimal(toBits(mean), 4)]);

  const perplexity = rounded(Math.exp(mean));
  await says(page, 'perplexity', '#', [perplexity]);
  await says(page, 'perplexity-note', 'as unsure as choosing among # equal tokens', [perplexity]);
  await says(page, 'perplexity-mean', '#', [decimal(mean, 4)]);
  await says(page, 'perplexity-value', '#', [perplexity]);

  const perByte = total / Math.LN2 / bytes;
  await says(page, 'bits-per-byte', '#', [decimal(perByte, 3)]);
  await page.showsText('bits-per-byte-note', ['of UTF-8 text']);
  await says(page, 'sequence-bits', '#', [decimal(toBits(total), 1, SUM_NOISE)]);
  await says(page, 'sequence-bytes', '#', [whole(bytes)]);
  await says(page, 'bits-per-byte-value', '#', [decimal(perByte, 3)]);
  // What the command line itself says of the document.
  assert.ok(Math.abs(mean - report.summary.meanNats) < 1e-6);
  assert.ok(Math.abs(Math.exp(mean) - report.summary.perplexity) < 1e-6);
  assert.ok(Math.abs(perByte - report.summary.bitsPerByte) < 1e-6);
}

/** The table and the description of the loss chart while it shows the whole document, in columns of tokens. */
async function checkLossChart(
  page: ChapterPage,
  tokens: readonly ReportToken[],
  unit: InformationUnit,
): Promise<void> {
  const means = meansSoFar(tokens);
  let next = 0;
  for (const row of await page.tableOf('loss-chart')) {
    const [mean, highest, meanSoFar, afterTraining] = row.slice(4);
    const [first, last, ...lines] = row.slice(0, 4).map(Number);
    assert.equal(first, next + 1, `the column after token ${next}`);
    next = last;
    const column = tokens.slice(first - 1, last);
    assert.deepEqual(lines, [column[0].line, tokens[last - 1].line]);
    assertNumeral(mean, toUnit(sumOf(column) / column.length, unit), 'mean');
    assertNumeral(highest, toUnit(mostSurprising(column).nats, unit), 'highest');
    assertNumeral(meanSoFar, toUnit(means[last - 1], unit), 'mean so far');
    assert.equal(afterTraining, '');
  }
  assert.equal(next, tokens.length);
  assert.deepEqual(await headOf(page, 'loss-chart'), [
    'First token',
    'Last token',
    'First line',
    'Last line',
    `Mean (${unit})`,
    `Highest (${unit})`,
    `Mean so far (${unit})`,
    `Mean after training (${unit})`,
  ]);
  await checkDescription(page, tokens, tokens, unit);
  const overview = page.frame.getByTestId('overview-window');
  assert.equal(await overview.getAttribute('aria-valuetext'), linesOf(tokens[0], tokens[tokens.length - 1]));
}

/** The sentence for screen readers about the stretch that the loss chart shows. */
async function checkDescription(
  page: ChapterPage,
  tokens: readonly ReportToken[],
  shown: readonly ReportToken[],
  unit: InformationUnit,
): Promise<void> {
  const [first, last] = [shown[0].line, shown[shown.length - 1].line];
  assertOneOf(
    await descriptionOf(page, 'loss-chart'),
    surprisals(mostSurprising(tokens).nats, unit).map(
      (highest) =>
        `The surprisal of the tokens from line ${first} to line ${last}, with the mean so far; the highest in the document is ${highest}.`,
    ),
  );
}

/** Rows of the loss chart's table of which each is one token. */
function checkTokenRows(rows: readonly string[][], { report: { tokens } }: Reference, first: number): void {
  const means = meansSoFar(tokens);
  for (const [index, [number, line, text, surprisal, meanSoFar, afterTraining]] of rows.entries()) {
    const token = tokens[first + index];
    assert.deepEqual(
      [number, line, text],
      [`${first + index + 1}`, `${token.line}`, makeVisible(token.text)],
    );
    assertNumeral(surprisal, toBits(token.nats), `surprisal of ${text}`);
    assertNumeral(meanSoFar, toBits(means[first + index]), `mean up to ${text}`);
    assert.equal(afterTraining, '');
  }
}

/** The line below the loss chart: a token, and the mean so far. */
async function checkReadout(
  page: ChapterPage,
  { report: { tokens } }: Reference,
  index: number,
  unit: InformationUnit,
): Promise<void> {
  const { text, line, nats } = tokens[index];
  await page.showsText('loss-readout-token', [makeVisible(text)]);
  await page.showsText(
    'loss-readout',
    sentences(
      (surprisal, mean) => `line ${line} · ${surprisal} · mean so far ${mean}`,
      surprisals(nats, unit),
      surprisals(meansSoFar(tokens)[index], unit),
    ),
  );
}

interface Group {
  readonly name: string;
  readonly tokens: readonly ReportToken[];
}

const groupsByHeat = (tokens: readonly ReportToken[]): Group[] =>
  Array.from({ length: HEAT_BIN_COUNT }, (_, bin) => ({
    name: HEAT_BINS[bin].label,
    tokens: tokens.filter(({ nats }) => heatOf(nats) === bin),
  }));

const groupsByKind = ({ text, report }: Reference): Group[] =>
  TOKEN_KINDS.map((_, kind) => ({
    name: KINDS[kind],
    tokens: report.tokens.filter(({ start, end }) => tokenKind(text, start, end) === kind),
  }));

/** The shares of the tokens and of the loss that the groups have. */
function sharesOf(groups: readonly Group[]): { tokens: number[]; loss: number[] } {
  const all = groups.flatMap(({ tokens }) => tokens);
  return {
    tokens: groups.map(({ tokens }) => tokens.length / all.length),
    loss: groups.map(({ tokens }) => sumOf(tokens) / sumOf(all)),
  };
}

/** The table and the description of a chart of tokens and loss by group. */
async function checkGroups(
  page: ChapterPage,
  chart: 'loss-histogram' | 'loss-kinds',
  groups: readonly Group[],
  [first, unit]: readonly [name: string, unit: InformationUnit],
): Promise<void> {
  const shares = sharesOf(groups);
  const rows = await page.tableOf(chart);
  assert.equal(rows.length, groups.length);
  for (const [index, [name, tokens, ofTokens, loss, ofLoss, mean]] of rows.entries()) {
    const { tokens: members, name: expected } = groups[index];
    const total = toUnit(sumOf(members), unit);
    assert.equal(name, expected);
    assert.equal(tokens, String(members.length));
    assertNumeral(ofTokens, shares.tokens[index], `tokens of ${name}`);
    assertNumeral(loss, total, `loss of ${name}`, SUM_NOISE);
    assertNumeral(ofLoss, shares.loss[index], `loss share of ${name}`);
    if (members.length > 0) {
      assertNumeral(mean, total / members.length, `mean of ${name}`);
    } else {
      assert.equal(mean, '');
    }
  }
  assert.deepEqual(await headOf(page, chart), [
    first,
    'Tokens',
    'Share of the tokens',
    `Loss (${unit})`,
    'Share of the loss',
    `Mean (${unit})`,
  ]);
  const most = shares.loss.indexOf(Math.max(...shares.loss));
  const ofMost = [percent(shares.tokens[most]), percent(shares.loss[most])];
  const description = await descriptionOf(page, chart);
  if (chart === 'loss-kinds') {
    const words = `The kind “${KINDS[most]}” carries the most: # % of the tokens and # % of the loss.`;
    assertSays(description, words, ofMost);
  } else {
    const words = 'Bin # carries the most: # % of the tokens and # % of the loss.';
    assertSays(description, words, [whole(most + 1), ...ofMost]);
  }
}

/** The bars of both charts by group, and the numbers at those of the kinds. */
async function checkPictures(page: ChapterPage, reference: Reference): Promise<void> {
  const heat = sharesOf(groupsByHeat(reference.report.tokens));
  const kinds = sharesOf(groupsByKind(reference));
  const sizes = (chart: string, mark: string, side: string): Promise<number[]> =>
    page.frame
      .getByTestId(chart)
      .locator(`rect.${mark}`)
      .evaluateAll((bars, name) => bars.map((bar) => Number(bar.getAttribute(name))), side);
  for (const [chart, side, { tokens, loss }] of [
    ['loss-histogram', 'height', heat],
    ['loss-kinds', 'width', kinds],
  ] as const) {
    assertProportional(
      [...(await sizes(chart, 'share-tokens', side)), ...(await sizes(chart, 'share-loss', side))],
      [...tokens, ...loss],
    );
  }
  for (const [kind] of KINDS.entries()) {
    for (const [test, shares] of [
      ['kind-tokens', kinds.tokens],
      ['kind-loss', kinds.loss],
    ] as const) {
      assertSaysShare(await page.read(page.frame.getByTestId(test).nth(kind)), shares[kind]);
    }
  }
}

/** The share of the loss that so many of the most surprising tokens carry. */
function shareOfTop(tokens: readonly ReportToken[], top: number): number {
  const descending = [...tokens].sort((a, b) => b.nats - a.nats);
  return sumOf(descending.slice(0, top)) / sumOf(tokens);
}

/** What is said of one point of the Lorenz curve, and where it is drawn. */
async function checkConcentration(
  page: ChapterPage,
  tokens: readonly ReportToken[],
  chosen: number,
): Promise<void> {
  const top = Math.max(1, Math.round(chosen * tokens.length));
  const [ofTokens, ofLoss] = [top / tokens.length, shareOfTop(tokens, top)];
  const words = '# % of the tokens (# of #) carry # % of the loss.';
  const numbers = [percent(ofTokens), whole(top), whole(tokens.length), percent(ofLoss)];
  await says(page, 'loss-share-slider-value', '# %', [percent(chosen)]);
  const slider = page.frame.getByTestId('loss-share-slider');
  assertSays((await slider.getAttribute('aria-valuetext')) ?? '', '# %', [percent(chosen)]);
  await says(page, 'loss-share', words, numbers);
  assertSays(await descriptionOf(page, 'loss-concentration'), words, numbers);
  const at = await page.frame.getByTestId('loss-concentration').evaluate((figure): [number, number] => {
    const place = (selector: string, name: string) =>
      Number(figure.querySelector(`svg.chart-picture > ${selector}`).getAttribute(name));
    const [left, right, bottom] = ['x1', 'x2', 'y1'].map((name) => place('g > line.axis', name));
    // The highest line of the grid is that of 100 %.
    const top = Math.min(
      ...[...figure.querySelectorAll('.sequence-grid')].map((line) => Number(line.getAttribute('y1'))),
    );
    const point = ['cx', 'cy'].map((name) => place('.concentration-point', name));
    return [(point[0] - left) / (right - left), (bottom - point[1]) / (bottom - top)];
  });
  assert.ok(Math.hypot(at[0] - ofTokens, at[1] - ofLoss) < 1e-3, `the point is at ${at}`);
}

/** The table behind the Lorenz curve. */
async function checkCurve(page: ChapterPage, tokens: readonly ReportToken[]): Promise<void> {
  const rows = await page.tableOf('loss-concentration');
  assert.equal(rows.length, CURVE_ROWS + 1);
  for (const [index, [top, ofTokens, ofLoss]] of rows.entries()) {
    assert.equal(top, String(Math.round((index * tokens.length) / CURVE_ROWS)));
    assertNumeral(ofTokens, Number(top) / tokens.length, `share of ${top} tokens`);
    assertNumeral(ofLoss, shareOfTop(tokens, Number(top)), `share of the loss of ${top} tokens`);
  }
  assert.deepEqual(await headOf(page, 'loss-concentration'), [
    'Most surprising tokens',
    'Share of the tokens',
    'Share of the loss',
  ]);
}

/** The lines with their tokens, those that carry most of the loss first. */
function expensiveLines(tokens: readonly ReportToken[]): { line: number; tokens: ReportToken[] }[] {
  const lines = new Map<number, ReportToken[]>();
  for (const token of tokens) {
    lines.set(token.line, [...(lines.get(token.line) ?? []), token]);
  }
  return [...lines]
    .map(([line, members]) => ({ line, tokens: members }))
    .sort((a, b) => sumOf(b.tokens) - sumOf(a.tokens))
    .slice(0, MOST_LINES);
}

/** The table of the most expensive lines. */
async function checkLines(
  page: ChapterPage,
  { report, lines: texts }: Reference,
  unit: InformationUnit,
): Promise<void> {
  const total = sumOf(report.tokens);
  const lines = expensiveLines(report.tokens);
  const rows = page.frame.getByTestId('loss-line');
  assert.equal(await rows.count(), lines.length);
  for (const [index, { line, tokens }] of lines.entries()) {
    const row = rows.nth(index);
    const button = row.getByRole('button');
    const [text, loss, share] = [0, 1, 2].map((cell) => row.locator('td').nth(cell));
    const nats = sumOf(tokens);
    await says(page, button, '#', [whole(line)]);
    assertSays((await button.getAttribute('aria-label')) ?? '', 'Line #: go to its most surprising token', [
      whole(line),
    ]);
    await page.showsText(text, [texts[line - 1].trim()]);
    assert.equal(await text.getAttribute('title'), texts[line - 1].trim());
    await page.showsText(loss, surprisals(nats, unit, SUM_NOISE));
    assertSaysShare(await page.read(share), nats / total);
    const width = await share.evaluate((cell): string => cell.style.getPropertyValue('--share'));
    assertSays(width, '#', [decimal(nats / sumOf(lines[0].tokens), 4)]);
  }
  const together = lines.reduce((sum, { tokens }) => sum + sumOf(tokens), 0);
  await says(page, 'loss-lines-note', 'These # lines carry # % of the loss.', [
    whole(lines.length),
    percent(together / total),
  ]);
}

/** The same loss cut into tokens, into another tokenizer's, and into bytes. */
async function checkPieces(
  page: ChapterPage,
  { report }: Reference,
  unit: InformationUnit,
  share: number,
): Promise<void> {
  const { bytes } = report.summary;
  const own = report.tokens.length;
  const other = Math.round(share * own);
  const total = sumOf(report.tokens);
  const perByte = total / Math.LN2 / bytes;
  const choices = (pieces: number) => rounded(Math.exp(total / pieces));
  const rows = await page.tableOf('loss-pieces');
  for (const [index, [name, pieces, hasPerplexity]] of (
    [
      ['tokens of this model', own, true],
      ['tokens of another tokenizer', other, true],
      ['bytes', bytes, false],
    ] as const
  ).entries()) {
    const [shownName, shownPieces, perPiece, perplexity, shownPerByte] = rows[index];
    assert.equal(shownName, name);
    assert.equal(shownPieces, String(pieces));
    assertNumeral(perPiece, toUnit(total / pieces, unit), `loss per piece of ${name}`);
    if (hasPerplexity) {
      const choices = Math.exp(total / pieces);
      assertNumeral(perplexity, choices, `perplexity of ${name}`, 1e-4 * choices);
    } else {
      assert.equal(perplexity, '');
    }
    assertNumeral(shownPerByte, perByte, `bits per byte of ${name}`);
  }
  assert.equal(rows.length, 3);
  assert.deepEqual(await headOf(page, 'loss-pieces'), [
    'Cut into',
    'Pieces',
    `Loss per piece (${unit})`,
    'Perplexity',
    'Bits per byte',
  ]);
  const legend = page.frame.getByTestId('loss-pieces').getByTestId('legend');
  await says(page, legend.nth(0), '# tokens', [whole(own)]);
  await says(page, legend.nth(1), '# tokens of another tokenizer', [whole(other)]);
  await says(page, legend.nth(2), '# bytes', [whole(bytes)]);
  await says(page, 'pieces-perplexity', 'PPL #', [choices(own)]);
  await says(page, 'pieces-bits-per-byte', 'BPB #', [decimal(perByte, 3)]);
  await says(page, 'other-tokenizer-slider-value', '# %', [whole(100 * share)]);
  await says(
    page,
    'other-tokenizer',
    `At the same total loss it would have # ${unit} per token and a perplexity of # instead of #; its bits per byte stay as they are.`,
    [decimal(toUnit(total / other, unit), 2), choices(other), choices(own)],
  );
  await says(page, 'identity-nats', '#', [decimal(total, 1, SUM_NOISE)]);
  await says(page, 'identity-tokens', '#', [whole(own)]);
  await says(page, 'identity-mean', '#', [decimal(total / own, 4)]);
  await says(page, 'identity-nats-again', '#', [decimal(total, 1, SUM_NOISE)]);
  await says(page, 'identity-bytes', '#', [whole(bytes)]);
  await says(page, 'identity-bits-per-byte', '#', [decimal(perByte, 4)]);
}

/** The mean loss of the tokens up to and including each, in nats. */
function meansSoFar(tokens: readonly ReportToken[]): number[] {
  let sum = 0;
  return tokens.map(({ nats }, index) => {
    sum += nats;
    return sum / (index + 1);
  });
}

/** The most surprising one; of equal ones, the first. */
const mostSurprising = (tokens: readonly ReportToken[]): ReportToken =>
  tokens.reduce((best, token) => (token.nats > best.nats ? token : best));

const linesOf = (first: ReportToken, last: ReportToken): string =>
  first.line === last.line ? `Line ${first.line}` : `Lines ${first.line} to ${last.line}`;

/** What a screen reader reads for a chart's picture. */
async function descriptionOf(page: ChapterPage, chart: string): Promise<string> {
  const picture = page.frame.getByTestId(chart).locator('svg.chart-picture');
  return (await picture.getAttribute('aria-label')) ?? '';
}

/** The rows of a table that is open. */
function rowsOf(table: Locator): Promise<string[][]> {
  return table
    .locator('tbody tr')
    .evaluateAll((rows) => rows.map((row): string[] => [...row.cells].map((cell) => cell.textContent)));
}

/** The heads of the columns of the table behind a chart, as they were when it was open last. */
function headOf(page: ChapterPage, chart: string): Promise<string[]> {
  return page.frame.getByTestId(`${chart}-table`).locator('thead th').allTextContents();
}

/** Moves the mouse to a share of the loss chart's width inside its axes. */
async function pointAt(page: ChapterPage, share: number): Promise<{ x: number; y: number }> {
  const { position } = await placeOf(page, share);
  await page.frame.getByTestId('loss-chart').locator('svg.chart-picture').hover({ position });
  return pointOf(page, share);
}

/** The same place in pixels of the window. */
async function pointOf(page: ChapterPage, share: number): Promise<{ x: number; y: number }> {
  const { position, box } = await placeOf(page, share);
  return { x: box.x + position.x, y: box.y + position.y };
}

async function placeOf(page: ChapterPage, share: number) {
  const picture = page.frame.getByTestId('loss-chart').locator('svg.chart-picture');
  const [from, to]: number[] = await picture.evaluate((element) => {
    const axis = element.querySelector(':scope > g > line.axis');
    return ['x1', 'x2'].map((name) => Number(axis.getAttribute(name)));
  });
  const box = await picture.boundingBox();
  assert.ok(box, 'the loss chart is not on screen');
  return { position: { x: from + (to - from) * share, y: 0.6 * box.height }, box };
}
