/** How it looks in every kind of theme, and what it says when something is wrong. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator } from 'playwright-core';
import { SECTION_LIMITS } from '../../src/text/sections';
import { DEMO } from '../support/paths';
import { keepEvidence, openWorkbench, type Theme, type Workbench } from '../support/workbench';
import {
  DEMO_FILE,
  demoText,
  eventually,
  heatBecomes,
  legendBins,
  plain,
  type Reference,
  SCORED_WITHIN,
  SETTINGS,
  scoreWithCommandLine,
  statusShows,
  undoUntil,
} from './support';

const EMPTY_FILE = 'empty.txt';
const LARGE_FILE = 'large.txt';

const THEMES: readonly Theme[] = ['light', 'hc-dark', 'hc-light', 'dark'];

describe('themes and states', () => {
  let workbench: Workbench;
  let reference: Reference;
  keepEvidence(() => workbench);

  before(async function () {
    this.timeout(240_000);
    const [scored, opened] = await Promise.all([
      scoreWithCommandLine([await demoText()]),
      openWorkbench({
        workspace: DEMO,
        settings: { ...SETTINGS, 'surprisal.heatmap.enabled': true },
        openFile: DEMO_FILE,
      }),
    ]);
    [reference] = scored;
    workbench = opened;
    const line = `${'All happy families are alike. '.repeat(30)}\n`;
    await writeFile(join(workbench.workspace, EMPTY_FILE), '');
    await writeFile(
      join(workbench.workspace, LARGE_FILE),
      line.repeat(Math.ceil((4 * SECTION_LIMITS.large) / line.length)),
    );
    await statusShows(workbench, reference.report.tokens);
  });

  after(() => workbench?.close());

  const menu = () => workbench.page.locator('.quick-input-widget');
  const tab = (name: RegExp) => workbench.page.locator('.tab', { hasText: name });
  const closeEditor = async (name: RegExp) => {
    await tab(name)
      .getByRole('button', { name: /^Close/ })
      .click();
    await tab(name).waitFor({ state: 'detached' });
  };

  for (const theme of THEMES) {
    it(`has the colours of the theme: ${theme}`, async () => {
      await workbench.setTheme(theme);
      await heatBecomes(workbench, reference, { theme, timeout: 20_000 });
      await workbench.screenshot(`heatmap-${theme}`);

      const line = reference.lineOf('- median)');
      assert.match(await workbench.hoverAt(line, 'median'), /·median/);
      await workbench.screenshot(`hover-${theme}`);
      await workbench.dismissHover();

      await workbench.clickStatusBar();
      await menu().getByText('is scored').waitFor();
      await workbench.screenshot(`menu-${theme}`);
      await workbench.page.keyboard.press('Escape');
      await menu().waitFor({ state: 'hidden' });

      await workbench.runCommand('Surprisal: Show Legend');
      await workbench.page.locator('.tab.active', { hasText: 'Surprisal Legend' }).waitFor();
      await eventually(
        'the legend should have all colours',
        () => legendBins(workbench, theme).catch((error: Error) => error.message),
        (bins) => bins === '01234567',
      );
      await workbench.screenshot(`legend-${theme}`);
      await closeEditor(/^Surprisal Legend$/);

      await workbench.goTo(line, (await workbench.lineText(line)).indexOf(' median') + 1);
      await workbench.runCommand('Surprisal: Open Explainer Panel');
      const frame = await workbench.panelFrame();
      await frame.locator('[data-testid="explained"][aria-busy="false"]').waitFor();
      await frame.getByTestId('token').getByText('·median').waitFor();
      await workbench.screenshot(`panel-${theme}`);
      await closeEditor(/^Surprisal$/);
    });
  }

  it('names a model folder that is not there, and goes on when it is corrected', async () => {
    const item = workbench.page.locator('.statusbar-item[id*="surprisal" i]').first();
    await workbench.changeSettings({ 'surprisal.model': join(workbench.workspace, 'no-such-model') });
    await eventually(
      'the status bar should say that it failed',
      async () => (await item.getAttribute('aria-label')) ?? '',
      (label) => /^Surprisal failed: .*no-such-model/.test(label),
    );
    assert.match((await item.getAttribute('class')) ?? '', /error-kind|has-background-color/);

    await workbench.clickStatusBar();
    await menu().getByText('no-such-model').first().waitFor();
    const said = plain((await menu().allInnerTexts())[0]);
    await workbench.screenshot('failed-menu');
    const advice = menu().locator('input').first();
    assert.match((await advice.getAttribute('placeholder')) ?? '', /surprisal\.model/);
    assert.ok(await fitsIn(advice), 'the advice should not be cut off');
    await workbench.page.keyboard.press('Escape');
    await menu().waitFor({ state: 'hidden' });
    assert.match(said, /Restart Engine/);

    await workbench.runCommand('Surprisal: Open Explainer Panel');
    const frame = await workbench.panelFrame();
    await frame.getByTestId('action').waitFor();
    assert.match((await frame.getByTestId('status').textContent()) ?? '', /no-such-model/);
    await workbench.screenshot('failed-panel');

    // The editor is none the worse for it.
    await workbench.focusGroup(1);
    await workbench.goTo(2);
    await workbench.type('# still here');
    assert.equal(await workbench.lineText(2), '# still here');
    await undoUntil(workbench, 2, reference.lines[1]);

    await workbench.changeSettings({ 'surprisal.model': undefined });
    await statusShows(workbench, reference.report.tokens);
    await heatBecomes(workbench, reference);
    await frame.getByTestId('explained').waitFor();
    await closeEditor(/^Surprisal$/);
  });

  it('says in the menu which weights it has taken, and offers others', async () => {
    const item = menu().locator('.quick-input-list-entry');
    /** The menu's reasons for the device, once they are what they should be. */
    const reasons = async (described: string, pattern: RegExp): Promise<string[]> => {
      await eventually(
        described,
        async () => {
          await workbench.page.keyboard.press('Escape');
          await menu().waitFor({ state: 'hidden' });
          await workbench.clickStatusBar();
          // The list may be longer than what is shown of it.
          await menu().locator('.quick-input-box input').fill('SmolLM2');
          await workbench.page.waitForTimeout(200);
          const model = item.filter({ hasText: 'SmolLM2' });
          if (await model.isVisible()) {
            await model.click();
            await menu().getByText('Choose Another Device').waitFor();
          }
          return plain((await menu().allInnerTexts())[0] ?? '');
        },
        (said) => pattern.test(said),
        30_000,
      );
      return item.allInnerTexts();
    };
    await workbench.changeSettings({ 'surprisal.weights': 'int8' });
    const said = await reasons('the reasons should be about 8-bit weights', /Weights: 8-bit|8-bit weights: /);
    assert.equal(new Set(said).size, said.length, said.join('\n'));
    await workbench.screenshot('menu-weights');
    if (said.some((reason) => /Weights: 8-bit/.test(reason))) {
      await item.filter({ hasText: 'Use Exact Weights' }).click();
      await reasons('the exact weights should be back', /Weights: (float32|4-bit)[\s\S]*Use 8-Bit Weights/);
      await workbench.screenshot('menu-weights-offer');
    } else {
      assert.ok(!said.some((reason) => /Use (8-Bit|Exact) Weights/.test(reason)), said.join('\n'));
    }
    await workbench.page.keyboard.press('Escape');
    await menu().waitFor({ state: 'hidden' });

    await workbench.changeSettings({ 'surprisal.weights': undefined });
    await statusShows(workbench, reference.report.tokens);
    await heatBecomes(workbench, reference);
  });

  it('says in the panel what to do where there is nothing to explain', async () => {
    await workbench.runCommand('View: Close All Editors');
    await workbench.runCommand('Surprisal: Open Explainer Panel');
    let frame = await workbench.panelFrame();
    const title = () => frame.getByTestId('status-title');
    const action = () => frame.getByTestId('action');
    await title().getByText('No document').waitFor();
    await workbench.screenshot('panel-no-document');
    await action().click();
    await menu().waitFor();
    await workbench.page.keyboard.press('Escape');
    await menu().waitFor({ state: 'hidden' });

    // In the same group, so that the panel has to be opened again beside it.
    await closeEditor(/^Surprisal$/);
    await workbench.openFile(EMPTY_FILE);
    await workbench.runCommand('Surprisal: Open Explainer Panel');
    frame = await workbench.panelFrame();
    await title().getByText('Nothing to explain yet').waitFor();
    await action().waitFor({ state: 'hidden' });
    await workbench.screenshot('panel-empty');

    await workbench.focusGroup(1);
    await workbench.openFile(LARGE_FILE);
    // The visible part is scored by itself, so that the token under the cursor is soon explained.
    await frame.locator('[data-testid="explained"][aria-busy="false"]').waitFor({ timeout: SCORED_WITHIN });
    const part = (await frame.getByTestId('part').textContent()) ?? '';
    assert.match(part, /[\d,]+ of its 2,00\d,\d{3} characters are scored/);
    await workbench.screenshot('panel-large');
    // All of it on request, with a notification that says how far it is and stops it.
    await frame.getByTestId('score-all').click();
    const notification = workbench.page.locator('.notification-toast', { hasText: 'scoring large.txt' });
    await notification.waitFor();
    await frame.getByTestId('score-all').waitFor({ state: 'hidden' });
    await workbench.screenshot('panel-large-scoring');
    await notification.getByRole('button', { name: 'Cancel' }).click();
    await notification.waitFor({ state: 'hidden' });
    await frame.getByTestId('score-all').waitFor();
    await workbench.runCommand('View: Close All Editors');
    await workbench.openFile(DEMO_FILE);
    await statusShows(workbench, reference.report.tokens);
  });

  it('stops the engine, says so in the panel, and starts it there', async () => {
    await workbench.runCommand('Surprisal: Open Explainer Panel');
    let frame = await workbench.panelFrame();
    await frame.locator('[data-testid="explained"][aria-busy="false"]').waitFor({ timeout: SCORED_WITHIN });
    await workbench.clickStatusBar();
    const choices = menu().locator('.monaco-list-row');
    await choices.filter({ hasText: 'Turn Off Heatmap' }).waitFor();
    // The list is longer than what is drawn of it.
    await menu().locator('.quick-input-box input').fill('Engine');
    await workbench.screenshot('menu-engine');
    await choices.filter({ hasText: 'Stop Engine' }).click();
    await frame.getByTestId('status-title').getByText('The model is not running').waitFor();
    await workbench.screenshot('stopped-panel');
    await workbench.clickStatusBar();
    await choices.filter({ hasText: 'Turn On Heatmap' }).waitFor();
    await workbench.screenshot('stopped-menu');
    await menu().locator('.quick-input-box input').fill('Engine');
    await choices.filter({ hasText: 'Start Engine' }).waitFor();
    assert.equal(await choices.filter({ hasText: 'Stop Engine' }).count(), 0);
    await workbench.page.keyboard.press('Escape');
    await menu().waitFor({ state: 'hidden' });

    frame = await workbench.panelFrame();
    await frame.getByTestId('action').click();
    await frame.locator('[data-testid="explained"][aria-busy="false"]').waitFor({ timeout: SCORED_WITHIN });
    await closeEditor(/^Surprisal$/);
    await workbench.runCommand('Surprisal: Toggle Heatmap');
    await statusShows(workbench, reference.report.tokens);
    await heatBecomes(workbench, reference);
  });

  it('explains itself when one points at the status bar', async () => {
    const tooltip = workbench.page.locator('.workbench-hover');
    await workbench.page.locator('.statusbar-item[id*="surprisal" i] a').first().hover();
    await tooltip.waitFor();
    const text = plain((await tooltip.allInnerTexts())[0]);
    await workbench.screenshot('tooltip');
    assert.match(text, /statistics\.py is scored .*Perplexity .*Bits per byte .*SmolLM2 135M Instruct/);
  });
});

/** Whether the placeholder of an input box is as wide as the box at most. */
function fitsIn(input: Locator): Promise<boolean> {
  return input.evaluate((box): boolean => {
    const { ownerDocument: page } = box;
    const { font, paddingLeft, paddingRight } = page.defaultView.getComputedStyle(box);
    const context = page.createElement('canvas').getContext('2d');
    context.font = font;
    const room = box.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight);
    return context.measureText(box.placeholder).width <= room;
  });
}
