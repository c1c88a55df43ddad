/** What a user sees in the explainer panel, with the bundled model over the demo folder. */
import assert from 'node:assert/strict';
import type { Frame } from 'playwright-core';
import type { ReportToken } from '../../src/cli/report';
import { bitsPerByte, perplexity } from '../../src/loss/formulas';
import { formatCount, formatProbability, formatSurprisal, toBits } from '../../src/loss/units';
import { makeVisible } from '../../src/text/visible';
import type { ChapterName } from '../../webview/settings';
import { DEMO } from '../support/paths';
import { keepEvidence, openWorkbench, type Workbench } from '../support/workbench';
import {
  assertShows,
  DEMO_FILE,
  demoText,
  eventually,
  panelExplains,
  type Reference,
  SCORED_WITHIN,
  SETTINGS,
  scoreWithCommandLine,
  textIn,
  undoUntil,
  withEnginePaused,
} from './support';

/** A place of the chapter on the sequence, among its charts, in pixels from the top of the page. */
const PLACE = 1000;

const fixed = (digits: number) => (value: number) => value.toFixed(digits);

describe('the explainer panel', () => {
  let workbench: Workbench;
  let frame: Frame;
  let reference: Reference;
  let wrong: ReportToken;
  keepEvidence(() => workbench);

  before(async function () {
    this.timeout(240_000);
    const [scored, opened] = await Promise.all([
      scoreWithCommandLine([await demoText()]),
      openWorkbench({ workspace: DEMO, settings: SETTINGS, size: { width: 1440, height: 900 } }),
    ]);
    [reference] = scored;
    workbench = opened;
    wrong = reference.token(reference.lineOf('- median)'), ' median');
  });

  after(() => workbench?.close());

  const text = (test: string) => textIn(frame, test);
  const explains = (token: ReportToken) => panelExplains(frame, token);
  const openChapter = (name: ChapterName) => frame.getByTestId(`tab-${name}`).click();
  const focusEditor = () => workbench.focusGroup(1);
  /** Scrolls the page, and waits until that is kept. */
  const scrollTo = async (place: number) => {
    await frame.evaluate(`window.scrollTo(0, ${place})`);
    await workbench.page.waitForTimeout(500);
    assert.equal(await frame.evaluate('window.scrollY'), place, 'the page is not that long');
  };
  const isAt = (place: number) =>
    eventually(
      'the page should be where it was',
      () => frame.evaluate<number>('window.scrollY'),
      (scrolled) => scrolled === place,
      SCORED_WITHIN,
    );
  const cursorIsAt = ({ line, column }: ReportToken) =>
    workbench.page.getByText(`Ln ${line}, Col ${column}`, { exact: true }).waitFor();

  it('works one token out, from the model’s distribution to its loss', async () => {
    await workbench.openFile(DEMO_FILE);
    await workbench.goTo(wrong.line, wrong.column);
    await workbench.runCommand('Surprisal: Open Explainer Panel');
    frame = await workbench.panelFrame();
    await explains(wrong);
    await workbench.screenshot('panel');

    assertShows(await text('surprisal'), toBits(wrong.nats), () =>
      formatSurprisal(wrong.nats, 'bits').slice(0, -5),
    );
    assertShows(await text('surprisal-note'), wrong.nats, (value) => formatSurprisal(value, 'nats'));
    assertShows(await text('probability'), wrong.nats, formatProbability);
    assert.equal(await text('rank'), formatCount(wrong.rank));
    assert.equal(await text('rank-note'), 'of 49,152');
    assertShows(await text('entropy'), wrong.entropy, (value) => formatSurprisal(value, 'bits').slice(0, -5));

    // The bars: what the command line lists first, in its order, and the token itself marked among them or below.
    const bars = frame.getByTestId('bar');
    for (const [index, { text: name, nats }] of wrong.top!.slice(0, 5).entries()) {
      const bar = bars.nth(index);
      assert.equal(await bar.locator('.token-name').textContent(), makeVisible(name));
      assertShows(await bar.getByTestId('bar-probability').textContent(), nats, formatProbability);
      const width = await bar.locator('.bar-fill').evaluate((element): number => {
        return element.getBoundingClientRect().width / element.parentElement.getBoundingClientRect().width;
      });
      assert.ok(Math.abs(width - Math.exp(-nats)) < 0.02, `a bar of ${width} for ${Math.exp(-nats)}`);
    }
    const marked = frame.locator('tr.target:visible');
    assert.equal(await marked.locator('.token-name').first().textContent(), makeVisible(wrong.text));

    // The loss: log Σ e^z − z is the surprisal, in nats and in bits.
    await openChapter('logarithm');
    const number = async (test: string) => Number((await text(test)).replace(/[(),]/g, '').replace('−', '-'));
    const difference = (await number('log-sum-exp')) - (await number('logit'));
    assert.ok(Math.abs(difference - wrong.nats) < 2e-4, `${difference} instead of ${wrong.nats}`);
    assertShows(await text('surprisal-nats'), wrong.nats, fixed(4));
    assertShows(await text('surprisal-bits'), wrong.nats, (value) => toBits(value).toFixed(4));
    await workbench.screenshot('panel-loss');
  });

  it('sums the document up', async () => {
    const { meanNats, tokens, bytes } = reference.report.summary;
    await openChapter('sequence');
    assertShows(await text('mean-loss'), meanNats, (value) => toBits(value).toFixed(3));
    assertShows(await text('mean-loss-nats'), meanNats, fixed(4));
    assertShows(await text('perplexity'), meanNats, (value) => perplexity(value).toFixed(2));
    assertShows(await text('bits-per-byte'), meanNats, (value) =>
      bitsPerByte(value * tokens, bytes).toFixed(3),
    );
    assert.equal(await text('sequence-tokens'), formatCount(tokens));
    assert.equal(await text('sequence-bytes'), formatCount(bytes));
    await workbench.screenshot('panel-document');
  });

  it('keeps its place while it is hidden, and shown again before its numbers are there', async function () {
    this.timeout(180_000);
    await openChapter('sequence');
    await frame.getByTestId('sequence-charts').waitFor();
    await scrollTo(PLACE);
    const line = reference.lines[0];
    await withEnginePaused(async () => {
      // Another editor in front of it, and an edit of its document meanwhile.
      await workbench.page.keyboard.press('ControlOrMeta+2');
      await workbench.openFile('origin.md');
      await focusEditor();
      await workbench.goTo(1);
      await workbench.type('#');
      await workbench.focusGroup(2);
      await workbench.runCommand('View: Close Editor');
      frame = await workbench.panelFrame();
      await frame.getByTestId('sequence-charts').waitFor({ state: 'hidden' });
      // Long enough for what is kept to be written anew.
      await workbench.page.waitForTimeout(600);
      await workbench.screenshot('panel-back-without-numbers');
    });
    await isAt(PLACE);
    await focusEditor();
    await undoUntil(workbench, 1, line);
    await workbench.goTo(wrong.line, wrong.column);
    await explains(wrong);
  });

  it('follows the cursor', async () => {
    const token = reference.token(reference.lineOf('proprosed'), ' divided');
    await focusEditor();
    await workbench.goTo(token.line, token.column + 2);
    await explains(token);
    const next = reference.report.tokens[reference.report.tokens.indexOf(token) + 1];
    await workbench.page.keyboard.press('ControlOrMeta+ArrowRight');
    await workbench.page.keyboard.press('ArrowRight');
    await explains(next);
    // The longest numbers: what the model nearly ruled out.
    await workbench.goTo(1);
    await explains(reference.report.tokens[0]);
    await frame.evaluate('window.scrollTo(0, 0)');
    await workbench.screenshot('panel-first-token');
  });

  it('moves the editor’s cursor with a click and with the arrow keys', async () => {
    const { tokens } = reference.report;
    const token = reference.token(reference.lineOf('proprosed'), ' sample');
    await workbench.goTo(token.line, reference.lines[token.line - 1].length);
    const click = () => frame.getByTestId('chip').filter({ hasText: '·sample' }).first().click();
    await click();
    await explains(token);
    await focusEditor();
    await cursorIsAt(token);

    await click();
    await workbench.page.keyboard.press('ArrowRight');
    await explains(tokens[tokens.indexOf(token) + 1]);
    await workbench.page.keyboard.press('ArrowLeft');
    await workbench.page.keyboard.press('ArrowLeft');
    await explains(tokens[tokens.indexOf(token) - 1]);
    const [first] = reference.tokensOf(token.line, token.line + 1);
    await workbench.page.keyboard.press('Home');
    await explains(first);
    await workbench.screenshot('panel-keyboard');
    await focusEditor();
    await cursorIsAt(first);
  });

  it('switches to nats and back, the status bar with it', async () => {
    const { meanNats } = reference.report.summary;
    for (const unit of ['nats', 'bits'] as const) {
      await frame.getByTestId('unit').getByText(unit, { exact: true }).click();
      await eventually(
        `the panel should count in ${unit}`,
        () => text('mean-loss-note'),
        (shown) => shown === `${unit} per token`,
      );
      const mean = `${formatSurprisal(meanNats, unit)}/token`;
      await eventually(
        `the status bar should show ${mean}`,
        () => workbench.statusBarText(),
        (shown) => shown === mean,
      );
      if (unit === 'nats') {
        await workbench.screenshot('panel-nats');
      }
    }
  });

  it('comes back with its content when the window is reloaded', async function () {
    this.timeout(240_000);
    await scrollTo(PLACE);
    await workbench.reloadWindow();
    frame = await workbench.panelFrame(60_000);
    await isAt(PLACE);
    await frame.locator('[data-testid="explained"][aria-busy="false"]').waitFor({ timeout: SCORED_WITHIN });
    // The text's first tokens are scored before the rest.
    await frame.getByTestId('partial').waitFor({ state: 'hidden', timeout: SCORED_WITHIN });
    // VS Code itself puts the cursor back, not always where it was last.
    const place = await text('position');
    const there = reference.report.tokens.find(
      ({ line, column }) => place === `Line ${line}, column ${column}`,
    );
    assert.equal(await text('token'), makeVisible(there?.text ?? ''));
    assertShows(await text('mean-loss-nats'), reference.report.summary.meanNats, fixed(4));
    await focusEditor();
    await workbench.goTo(wrong.line, wrong.column);
    await explains(wrong);
    assert.equal(await frame.getByTestId('tab-sequence').getAttribute('aria-selected'), 'true');
    await openChapter('logarithm');
    assertShows(await text('surprisal-nats'), wrong.nats, fixed(4));
    await workbench.screenshot('panel-after-reload');
  });
});
