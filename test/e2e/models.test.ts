/** Another model than the bundled one: chosen from those of Hugging Face's hub that are on this computer. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, realpath, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEMO, HUB_MODEL } from '../support/paths';
import { keepEvidence, openWorkbench, type Workbench } from '../support/workbench';
import {
  countEngines,
  DEMO_FILE,
  demoText,
  eventually,
  heatBecomes,
  plain,
  type Reference,
  SCORED_WITHIN,
  SETTINGS,
  scoreWithCommandLine,
  statusSays,
  statusShows,
  withEnginePaused,
} from './support';

describe('models', () => {
  let workbench: Workbench;
  let cache: string;
  let bundled: Reference;
  let fromHub: Reference;
  keepEvidence(() => workbench);

  const snapshot = (name: string) => join(cache, 'hub', `models--someone--${name}`, 'snapshots', 'abc');
  const menu = () => workbench.page.locator('.quick-input-widget');
  const row = (text: string) => menu().locator('.monaco-list-row', { hasText: text });

  before(async function () {
    this.timeout(240_000);
    cache = await mkdtemp(join(await realpath(tmpdir()), 'surprisal-cache-'));
    for (const name of ['small-llama', 'torn-llama']) {
      await cp(HUB_MODEL, snapshot(name), { recursive: true });
      await rm(join(snapshot(name), 'onnx', 'model_quantized.onnx'));
    }
    await truncate(join(snapshot('torn-llama'), 'onnx', 'model.onnx'), 100_000);
    const text = await demoText();
    [[bundled], [fromHub], workbench] = await Promise.all([
      scoreWithCommandLine([text]),
      scoreWithCommandLine([text], join(HUB_MODEL, 'onnx', 'model_q4.onnx')),
      openWorkbench({
        workspace: DEMO,
        settings: { ...SETTINGS, 'surprisal.heatmap.enabled': true },
        env: { HF_HOME: cache },
      }),
    ]);
  });

  after(async () => {
    await workbench?.close();
    await rm(cache, { recursive: true, force: true });
  });

  it('can be chosen from those that are on this computer, in each of their forms', async () => {
    await workbench.openFile(DEMO_FILE);
    await heatBecomes(workbench, bundled);
    await workbench.startCommand('Surprisal: Choose Model');
    await row('small-llama').first().waitFor();
    await workbench.screenshot('choose-model');
    assert.equal(await row('small-llama').count(), 3);
    await row('small-llama').filter({ hasText: 'model_q4.onnx' }).click();
    await statusShows(workbench, fromHub.report.tokens);
    await heatBecomes(workbench, fromHub);
    await workbench.screenshot('heatmap-other-model');
  });

  it('are named in the menu, and the one in use is marked', async () => {
    await workbench.clickStatusBar();
    // The list is longer than what is shown of it.
    await menu().locator('.quick-input-box input').fill('model');
    await row('small-llama (model_q4.onnx)').waitFor();
    await row('Choose Model').click();
    await row('model_q4.onnx').first().waitFor();
    const marked = row('').filter({ has: workbench.page.locator('.codicon-check') });
    assert.equal(await marked.count(), 1);
    assert.match((await marked.textContent()) ?? '', /small-llama.*model_q4\.onnx/);
    await workbench.screenshot('choose-model-marked');
    await workbench.page.keyboard.press('Escape');
  });

  it('that cannot be used say why, and another one can be chosen', async () => {
    await workbench.startCommand('Surprisal: Choose Model');
    await row('torn-llama').filter({ hasText: 'model.onnx' }).first().click();
    await statusSays(workbench, /^Surprisal failed: .*torn-llama.*model\.onnx/);
    await workbench.startCommand('Surprisal: Choose Model');
    await row('SmolLM2-135M-Instruct').click();
    await statusShows(workbench, bundled.report.tokens);
    await heatBecomes(workbench, bundled);
  });

  it('are compared on the document: where they differ is written behind its lines, and listed', async () => {
    const { page } = workbench;
    await workbench.startCommand('Surprisal: Compare Models');
    await row('small-llama').first().waitFor();
    assert.equal(await row('SmolLM2-135M-Instruct').count(), 0, 'the one in use is no other one');
    await row('small-llama').filter({ hasText: 'model_q4.onnx' }).click();
    const toast = page.locator('.notification-list-item', { hasText: 'bits per byte' });
    await toast.waitFor({ timeout: SCORED_WITHIN });

    const [first, second] = [perLine(bundled), perLine(fromHub)];
    const total = fromHub.report.summary.bitsPerByte - bundled.report.summary.bitsPerByte;
    const said = plain((await toast.textContent()) ?? '');
    assert.match(said, /With small-llama \(model_q4\.onnx\), statistics\.py takes 2\.\d{4} bits per byte/);
    const difference = Number(/ bits per byte, (\d\.\d{4}) ± /.exec(said)?.[1]);
    assert.ok(Math.abs(difference - total) < 2e-4, `${said} (${total})`);
    assert.match(said, / ± 0\.\d{4} more than with SmolLM2 135M Instruct\./);

    await showsDifferences(workbench, first, second);
    // What the mouse points at has a hover, which may lie over the notification.
    await workbench.dismissHover();
    await workbench.screenshot('comparison');
    for (const theme of ['light', 'hc-dark', 'hc-light'] as const) {
      await workbench.setTheme(theme);
      await workbench.screenshot(`comparison-${theme}`);
    }
    await workbench.setTheme('dark');

    await toast.getByRole('button', { name: 'Show Lines' }).click();
    const most = first
      .map((nats, index) => ({ line: index + 1, size: Math.abs(second[index] - nats) }))
      .sort((a, b) => b.size - a.size)[0].line;
    await menu().locator('.monaco-list-row').first().waitFor();
    assert.match(
      (await menu().locator('.monaco-list-row').first().textContent()) ?? '',
      new RegExp(`line ${most}(?!\\d)`),
    );
    await workbench.screenshot('comparison-lines');
    await page.keyboard.press('Enter');
    await menu().waitFor({ state: 'hidden' });
    await page.locator('.statusbar-item', { hasText: `Ln ${most}, Col 1` }).waitFor();
  });

  it('are compared twice at once, each with what came of it', async () => {
    await workbench.runCommand('Notifications: Clear All Notifications');
    await withEnginePaused(async () => {
      for (const form of ['model_q4.onnx', 'model_fp16.onnx']) {
        await workbench.startCommand('Surprisal: Compare Models');
        await row('small-llama').filter({ hasText: form }).click();
      }
    });
    // VS Code shows three of what comes within 0.8 s, and with the progress of both there are four.
    await workbench.runCommand('Notifications: Show Notifications');
    for (const form of ['model_q4.onnx', 'model_fp16.onnx']) {
      await workbench.page
        .locator('.notifications-center .notification-list-item', { hasText: 'bits per byte' })
        .filter({ hasText: `(${form})` })
        .waitFor({ timeout: SCORED_WITHIN });
    }
  });

  it('are given up when another one is chosen meanwhile: its numbers are not those of the one before', async () => {
    await workbench.runCommand('Notifications: Clear All Notifications');
    await withEnginePaused(async () => {
      await workbench.startCommand('Surprisal: Compare Models');
      await row('small-llama').filter({ hasText: 'model_q4.onnx' }).click();
      await workbench.startCommand('Surprisal: Choose Model');
      await row('small-llama').filter({ hasText: 'model_q4.onnx' }).click();
      await workbench.page.locator('.notification-list-item', { hasText: 'was given up' }).waitFor();
    });
    await statusShows(workbench, fromHub.report.tokens);
    assert.equal((await annotations(workbench)).size, 0);

    // The other way round: the bundled one costs less.
    await workbench.startCommand('Surprisal: Compare Models');
    await row('SmolLM2-135M-Instruct').click();
    await workbench.page
      .locator('.notification-list-item', { hasText: 'fewer than with small-llama' })
      .waitFor({ timeout: SCORED_WITHIN });
    await showsDifferences(workbench, perLine(fromHub), perLine(bundled));
    await workbench.screenshot('comparison-less');
    await workbench.startCommand('Surprisal: Choose Model');
    await row('SmolLM2-135M-Instruct').click();
    await statusShows(workbench, bundled.report.tokens);
    assert.equal((await annotations(workbench)).size, 0, 'the comparison was with the other model');
  });

  it('that are compared end with the engine', async () => {
    await workbench.runCommand('Notifications: Clear All Notifications');
    await withEnginePaused(async () => {
      await workbench.startCommand('Surprisal: Compare Models');
      await row('small-llama').filter({ hasText: 'model_q4.onnx' }).click();
      await workbench.runCommand('Surprisal: Stop Engine');
      await eventually('all engines should end', countEngines, (count) => count === 0);
    });
    await workbench.runCommand('Surprisal: Toggle Heatmap');
    await statusShows(workbench, bundled.report.tokens);
    assert.equal(
      await workbench.page.locator('.notification-list-item', { hasText: 'bits per byte' }).count(),
      0,
    );
  });

  it('are no longer compared once the text is another, or that is enough', async () => {
    await workbench.type('x');
    await eventually(
      'what was written should go',
      () => annotations(workbench),
      ({ size }) => size === 0,
    );
    await workbench.page.keyboard.press('ControlOrMeta+z');
    await workbench.startCommand('Surprisal: Compare Models');
    await row('torn-llama').filter({ hasText: 'model.onnx' }).first().click();
    await workbench.page
      .locator('.notification-list-item', { hasText: /torn-llama.*model\.onnx/ })
      .first()
      .waitFor({ timeout: SCORED_WITHIN });
    await statusShows(workbench, bundled.report.tokens);
    await workbench.startCommand('Surprisal: Compare Models');
    await row('small-llama').filter({ hasText: 'model_fp16.onnx' }).click();
    await eventually(
      'lines should be marked again',
      () => annotations(workbench),
      ({ size }) => size > 10,
      SCORED_WITHIN,
    );
    await workbench.runCommand('Surprisal: Clear Comparison');
    await eventually(
      'what was written should go',
      () => annotations(workbench),
      ({ size }) => size === 0,
    );
  });
});

/** What each line costs, in nats. */
function perLine({ report, lines }: Reference): number[] {
  return lines.map((_, index) =>
    report.tokens.filter(({ line }) => line === index + 1).reduce((sum, { nats }) => sum + nats, 0),
  );
}

/** Waits until behind all lines on screen that differ by a bit is written by how much, and behind no others. */
async function showsDifferences(
  workbench: Workbench,
  first: readonly number[],
  second: readonly number[],
): Promise<void> {
  const onScreen = (await workbench.linesOnScreen()).map(({ line }) => line);
  const bits = (line: number) => (second[line - 1] - first[line - 1]) / Math.LN2;
  const expected = onScreen.filter((line) => Math.abs(bits(line)) >= 1);
  assert.ok(expected.length > 10);
  const written = await eventually(
    'the lines that differ should be marked',
    () => annotations(workbench),
    (texts) => onScreen.every((line) => texts.has(line) === expected.includes(line)),
  );
  for (const [line, text] of written) {
    const [, sign, amount] = /^([+−])(\d+\.\d) bits \(\S+ → \S+\)$/.exec(text) ?? [];
    assert.ok(amount, text);
    const shown = Number(amount) * (sign === '−' ? -1 : 1);
    assert.ok(Math.abs(shown - bits(line)) < 0.06, `line ${line}: ${text} instead of ${bits(line)}`);
  }
}

/** What is written behind the lines on screen, by their numbers. */
async function annotations(workbench: Workbench): Promise<Map<number, string>> {
  const found: { top: number; text: string }[] = await workbench.page
    .locator('.editor-group-container.active .view-lines [class*="ced-"]')
    .evaluateAll((elements) =>
      elements.flatMap((element) => {
        const window = element.ownerDocument.defaultView;
        const text = window.getComputedStyle(element, '::after').content.replace(/^"|"$/g, '');
        const { top } = element.closest('.view-line').getBoundingClientRect();
        return / → /.test(text) ? [{ top, text }] : [];
      }),
    );
  const numbers: { top: number; line: number }[] = await workbench.page
    .locator('.editor-group-container.active .line-numbers')
    .evaluateAll((elements) =>
      elements.map((element) => ({
        top: element.getBoundingClientRect().top,
        line: Number(element.textContent),
      })),
    );
  return new Map(
    found.flatMap(({ top, text }) => {
      const line = numbers.find((number) => Math.abs(number.top - top) < 3)?.line;
      return line === undefined ? [] : [[line, text] as const];
    }),
  );
}
