/** Another model than the bundled one: chosen from those of Hugging Face's hub that are on this computer. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, realpath, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEMO, HUB_MODEL } from '../support/paths';
import { keepEvidence, openWorkbench, type Workbench } from '../support/workbench';
import {
  DEMO_FILE,
  demoText,
  eventually,
  heatBecomes,
  type Reference,
  SCORED_WITHIN,
  SETTINGS,
  scoreWithCommandLine,
  statusShows,
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
    const item = workbench.page.locator('.statusbar-item[id*="surprisal" i]').first();
    await eventually(
      'the status bar should say what is wrong with the model',
      async () => (await item.getAttribute('aria-label')) ?? '',
      (label) => /^Surprisal failed: .*torn-llama.*model\.onnx/.test(label),
      SCORED_WITHIN,
    );
    await workbench.startCommand('Surprisal: Choose Model');
    await row('SmolLM2-135M-Instruct').click();
    await statusShows(workbench, bundled.report.tokens);
    await heatBecomes(workbench, bundled);
  });
});
