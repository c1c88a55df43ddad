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
} from './support';

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
    await workbench.reloadWindow();
    frame = await workbench.panelFrame(60_000);
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
