/** The package that users install: made, installed as they do it, and used without this repository. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import type { Report } from '../../src/cli/report';
import { DEMO, ROOT } from '../support/paths';
import { keepEvidence, openWorkbench, type Workbench } from '../support/workbench';
import {
  DEMO_FILE,
  demoText,
  eventually,
  heatBecomes,
  type Reference,
  SETTINGS,
  scoreWithCommandLine,
  WEIGHTS,
} from './support';

describe('the package', () => {
  let workbench: Workbench;
  let reference: Reference;
  /** Where VS Code has put it. */
  let installed: string;
  let files: string[];
  keepEvidence(() => workbench);

  before(async function () {
    this.timeout(240_000);
    const { makePackage } = await import('../../scripts/package.mjs');
    const { makeTemporary } = await import('../../scripts/support.mjs');
    const target = `${process.platform}-${process.arch}`;
    const [packageFile, [scored]] = await Promise.all([
      makeTemporary('packages').then((folder) => makePackage(target, folder)),
      scoreWithCommandLine([await demoText()]),
    ]);
    reference = scored;
    workbench = await openWorkbench({
      workspace: DEMO,
      packageFile,
      settings: SETTINGS,
      size: { width: 1600, height: 900 },
    });
    const extensions = join(workbench.server.dataDir, 'extensions');
    const folder = (await readdir(extensions)).find((name) => name.startsWith('surprisal.surprisal-'));
    assert.ok(folder, 'VS Code has installed nothing');
    installed = join(extensions, folder);
    const entries = await readdir(installed, { recursive: true, withFileTypes: true });
    files = entries
      .filter((entry) => entry.isFile())
      .map((entry) =>
        relative(installed, join(entry.parentPath ?? entry.path, entry.name)).replaceAll(sep, '/'),
      )
      .sort();
  });

  after(() => workbench?.close());

  it('has what the extension needs, and nothing else', async () => {
    const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    assert.equal(manifest.scripts, undefined);
    assert.equal(manifest.devDependencies, undefined);
    for (const named of JSON.stringify(manifest).match(/media\/[\w/.-]+/g) ?? []) {
      assert.ok(files.includes(named), `${named} is not there`);
    }
    const model = 'models/smollm2-135m-instruct';
    const { files: records } = JSON.parse(await readFile(join(installed, model, 'surprisal.json'), 'utf8'));
    const platforms = new Set(files.flatMap((file) => /\/bin\/[^/]+\/(\w+\/\w+)\//.exec(file)?.[1] ?? []));
    assert.deepEqual([...platforms], [`${process.platform}/${process.arch}`]);
    const expected = [
      /^(readme|changelog|THIRD-PARTY-NOTICES)\.md$/,
      /^LICENSE\.txt$/,
      /^licences\/(README\.md|onnxruntime\/(LICENSE|ThirdPartyNotices\.txt))$/,
      /^package\.json$/,
      /^\.vsixmanifest$/,
      /^demo\/statistics\.py$/,
      /^media\/([\w-]+\.svg|icon\.png|walkthrough\/[\w-]+\.png)$/,
      /^dist\/\w+\.(cjs|js|css)$/,
      /^dist\/node_modules\/onnxruntime-(common|node)\/(dist\/(cjs\/)?[\w-]+\.js|(dist\/cjs\/)?package\.json)$/,
      /^dist\/node_modules\/onnxruntime-node\/bin\//,
    ];
    const modelFiles = ['surprisal.json', 'README.md', 'LICENSE', ...Object.keys(records)].map(
      (name) => `${model}/${name}`,
    );
    const others = files.filter(
      (file) => !modelFiles.includes(file) && !expected.some((pattern) => pattern.test(file)),
    );
    assert.deepEqual(others, []);
    const needed = [...modelFiles, 'LICENSE.txt', 'licences/onnxruntime/LICENSE', 'THIRD-PARTY-NOTICES.md'];
    assert.deepEqual(
      needed.filter((file) => !files.includes(file)),
      [],
    );
  });

  it('introduces itself in a walkthrough', async () => {
    const { page } = workbench;
    await workbench.startCommand('Welcome: Open Walkthrough...');
    await page
      .locator('.quick-input-widget .monaco-list-row', { hasText: 'Get Started with Surprisal' })
      .click();
    const walkthrough = page.locator('.gettingStartedDetailsContent');
    await walkthrough.getByText('See what a model did not expect').first().waitFor();
    const { walkthroughs } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')).contributes;
    for (const step of walkthroughs[0].steps) {
      await walkthrough.getByRole('button', { name: step.title }).first().click();
      const picture = page.getByRole('img', { name: step.media.altText });
      await eventually(
        `the picture of “${step.title}” should be shown`,
        () => picture.evaluate((element): number => element.naturalWidth).catch(() => 0),
        (width) => width > 0,
      );
      await workbench.screenshot(`walkthrough-${step.id}`);
    }
    await walkthrough.getByRole('button', { name: 'See what a model did not expect' }).first().click();
    await walkthrough.getByRole('button', { name: 'Open the Sample' }).click();
    await page.locator('.tab.active', { hasText: 'Untitled-1' }).waitFor();
  });

  it('scores with the model and the ONNX Runtime that are in it', async () => {
    // The button has opened the sample, and turned the heatmap on.
    await heatBecomes(workbench, reference);
    await workbench.screenshot('sample');
    await workbench.runCommand('Surprisal: Open Sample');
    await workbench.page.waitForTimeout(500);
    assert.equal(await workbench.page.locator('.tab', { hasText: 'Untitled' }).count(), 1);
  });

  it('has a command line that scores without the repository', async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        join(installed, 'dist', 'cli.cjs'),
        'score',
        join(workbench.workspace, DEMO_FILE),
        ...['--format', 'json', '--device', 'cpu', '--weights', WEIGHTS],
      ],
      { cwd: workbench.workspace, maxBuffer: 1 << 26 },
    );
    const { tokens }: Report = JSON.parse(stdout);
    assert.deepEqual(
      tokens,
      reference.report.tokens.map(({ top: _, ...token }) => token),
    );
  });

  it('shows its README with the pictures where extensions are managed', async () => {
    const { page } = workbench;
    await workbench.runCommand('Extensions: Show Enabled Extensions');
    await page.locator('.extensions-list .monaco-list-row', { hasText: 'Surprisal' }).first().click();
    const frame = await workbench.panelFrame();
    await frame.getByRole('heading', { name: 'What you get' }).waitFor();
    await eventually(
      'every picture should be shown',
      () =>
        frame
          .locator('img')
          .evaluateAll((images): number[] => images.map(({ naturalWidth }) => naturalWidth)),
      (widths) => widths.length >= 6 && widths.every((width) => width > 0),
    );
    await workbench.screenshot('extension-details');
  });
});
