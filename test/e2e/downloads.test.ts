/** Models of Hugging Face's hub, for which a server on this computer stands in: found, fetched and used. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fault, HubServer } from '../support/hubServer';
import { DEMO, HUB_MODEL } from '../support/paths';
import { keepEvidence, openWorkbench, type Workbench } from '../support/workbench';
import {
  DEMO_FILE,
  demoText,
  heatBecomes,
  type Reference,
  SETTINGS,
  scoreWithCommandLine,
  statusSays,
  statusShows,
} from './support';

describe('downloads of models', () => {
  let workbench: Workbench;
  let hub: HubServer;
  let home: string;
  let quantized: Reference;
  let exact: Reference;
  keepEvidence(() => workbench);

  const input = () => workbench.page.locator('.quick-input-widget');
  // By their names: rows that are used again have remains of others in them.
  const row = (text: string) => input().locator(`.monaco-list-row[aria-label*="${text}"]`);
  const toast = (text: string | RegExp) =>
    workbench.page.locator('.notification-list-item', { hasText: text });

  /** Half of a file, and the rest once that is let go. */
  const inHalves = () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const fault: Fault = (response, bytes) => {
      const half = Math.floor(bytes.length / 2);
      response.write(bytes.subarray(0, half));
      void released.then(() => response.end(bytes.subarray(half)));
    };
    hub.faults.push(fault);
    return release;
  };

  before(async function () {
    this.timeout(240_000);
    home = await mkdtemp(join(await realpath(tmpdir()), 'surprisal-downloads-'));
    hub = await HubServer.start();
    const other = join(home, 'other');
    await cp(HUB_MODEL, other, { recursive: true });
    const tokenizer = JSON.parse(await readFile(join(other, 'tokenizer.json'), 'utf8'));
    await writeFile(join(other, 'tokenizer.json'), JSON.stringify({ ...tokenizer, decoder: null }));
    await hub.add('someone/small-llama', HUB_MODEL, { downloads: 12_345 });
    await hub.add('someone/word-llama', other, { downloads: 7 });
    await hub.add('someone-else/large-llama', HUB_MODEL, { downloads: 1_234_567 });
    const form = (name: string) => join(HUB_MODEL, 'onnx', name);
    const text = await demoText();
    [[quantized], [exact], workbench] = await Promise.all([
      scoreWithCommandLine([text], form('model_q4.onnx')),
      scoreWithCommandLine([text], form('model.onnx')),
      openWorkbench({
        workspace: DEMO,
        settings: { ...SETTINGS, 'surprisal.heatmap.enabled': true },
        env: { HF_HOME: home, HF_ENDPOINT: hub.address },
      }),
    ]);
    await workbench.openFile(DEMO_FILE);
  });

  after(async () => {
    await workbench?.close();
    await hub?.close();
    await rm(home, { recursive: true, force: true });
  });

  it('ask the hub for nothing until somebody does', async () => {
    await workbench.startCommand('Surprisal: Choose Model');
    await row('Download a Model').waitFor();
    await workbench.page.keyboard.press('Escape');
    assert.deepEqual(hub.requests, []);
  });

  it('begin with a search, and end with the model in use', async () => {
    const { page } = workbench;
    await workbench.startCommand('Surprisal: Choose Model');
    await row('Download a Model').click();
    await row('someone-else/large-llama').waitFor();
    assert.match(
      (await row('llama').first().getAttribute('aria-label')) ?? '',
      /large-llama.*1,234,567 downloads, apache-2\.0/,
    );
    await workbench.screenshot('download-search');
    await page.keyboard.type('small');
    await row('large-llama').waitFor({ state: 'hidden' });
    await row('someone/small-llama').click();

    await row('model_fp16.onnx').waitFor();
    assert.match((await row('model_q4.onnx').getAttribute('aria-label')) ?? '', /0\.4 MB.*4-bit weights/);
    await workbench.screenshot('download-forms');
    // The graph comes whole, its weights in two parts.
    hub.faults.push(undefined);
    const release = inHalves();
    await row('model_q4.onnx').click();
    await toast(/Downloading someone\/small-llama\/onnx\/model_q4\.onnx.*: 0\.3 MB of 0\.4 MB/).waitFor();
    await workbench.screenshot('download-progress');
    release();
    await statusShows(workbench, quantized.report.tokens);
    await heatBecomes(workbench, quantized);
    assert.equal(await toast('Downloading').count(), 0);
  });

  it('can be stopped, and go on where they were', async () => {
    const { page } = workbench;
    await workbench.startCommand('Surprisal: Download Model');
    await row('someone/small-llama').click();
    await row('model_q4.onnx, 0.4 MB, on this computer').waitFor();
    inHalves();
    await row('model.onnx').first().click();
    await toast(/Downloading .*\/model\.onnx.*: 0\.4 MB of 0\.7 MB/).waitFor();
    await toast('Downloading').hover();
    await toast('Downloading').getByRole('button', { name: 'Cancel' }).click();
    await toast('was not downloaded. What is there of it is kept').waitFor();
    await workbench.screenshot('download-stopped');
    await statusShows(workbench, quantized.report.tokens);

    await workbench.runCommand('Notifications: Clear All Notifications');
    hub.requests.length = 0;
    await workbench.startCommand('Surprisal: Download Model');
    await row('llama').first().waitFor();
    // What is named need not be found.
    await page.keyboard.type('someone/small-llama/onnx/model.onnx');
    await row('as it is named').click();
    await toast('someone/small-llama/onnx/model.onnx is on this computer now.').waitFor();
    assert.match(hub.requests.join('\n'), /^GET \/large\/\w+ bytes=3\d{5}-$/m);
    await workbench.screenshot('download-done');
    await toast('is on this computer now').getByRole('button', { name: 'Use It' }).click();
    await statusShows(workbench, exact.report.tokens);
    await heatBecomes(workbench, exact);
  });

  it('end before the weights where a model cannot be used, and say why', async () => {
    await workbench.runCommand('Notifications: Clear All Notifications');
    hub.requests.length = 0;
    await workbench.startCommand('Surprisal: Download Model');
    await row('someone/word-llama').click();
    await row('model.onnx').first().click();
    await toast(/tokenizer\.json/).waitFor();
    assert.equal(
      await toast(/tokenizer\.json/)
        .getByRole('button', { name: 'Try Again' })
        .count(),
      0,
    );
    await workbench.screenshot('download-failed');
    assert.ok(!hub.requests.some((line) => line.includes('/large/')));
    await statusShows(workbench, exact.report.tokens);
  });

  it('are offered where a model is set that is not on this computer', async () => {
    await workbench.runCommand('Notifications: Clear All Notifications');
    const missing = 'someone-else/large-llama/onnx/model_q4.onnx';
    await workbench.changeSettings({ 'surprisal.model': missing });
    await statusSays(
      workbench,
      /The model someone-else\/large-llama\/onnx\/model_q4\.onnx is not on this computer\./,
    );
    await workbench.clickStatusBar();
    await row(`Download ${missing}`).waitFor();
    await workbench.screenshot('download-offered');
    await row(`Download ${missing}`).click();
    await statusShows(workbench, quantized.report.tokens);
    await heatBecomes(workbench, quantized);
  });

  it('by other programs are found when the engine is started again', async () => {
    const form = 'someone/small-llama/onnx/model_fp16.onnx';
    await workbench.changeSettings({ 'surprisal.model': form });
    await statusSays(workbench, /model_fp16\.onnx is not on this computer/);
    const snapshots = join(home, 'hub', 'models--someone--small-llama', 'snapshots');
    const [commit] = await readdir(snapshots);
    const file = join('onnx', 'model_fp16.onnx');
    await cp(join(HUB_MODEL, file), join(snapshots, commit, file));
    await workbench.startCommand('Surprisal: Restart Engine');
    await statusSays(workbench, /bits per token/);
    await workbench.changeSettings({ 'surprisal.model': 'someone-else/large-llama/onnx/model_q4.onnx' });
    await statusShows(workbench, quantized.report.tokens);
  });

  it('say so when the hub cannot be reached, and try again', async () => {
    const { page } = workbench;
    const { port } = new URL(hub.address);
    await hub.close();
    await workbench.startCommand('Surprisal: Download Model');
    await row('cannot be reached').waitFor();
    await workbench.screenshot('download-unreachable');
    hub = await HubServer.start(Number(port));
    await hub.add('someone/new-llama', HUB_MODEL);
    await page.keyboard.press('Enter');
    await row('someone/new-llama').waitFor();
    await page.keyboard.press('Escape');
    await input().waitFor({ state: 'hidden' });
    await statusShows(workbench, quantized.report.tokens);
  });
});
