/** Likely typos in what has changed: found with git and the bundled model, shown in the Problems view, and mended there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasGit } from '../support/git';
import { DEMO } from '../support/paths';
import { keepEvidence, openWorkbench, type Workbench } from '../support/workbench';
import { DEMO_FILE, eventually, SCORED_WITHIN, SETTINGS } from './support';

const FIND = 'Surprisal: Find Likely Typos in Changes';

describe('likely typos in changes', () => {
  let workbench: Workbench;
  let folder: string;
  keepEvidence(() => workbench);

  const git = (...command: string[]) =>
    execFileSync(
      'git',
      ['-C', join(folder, 'demo'), '-c', 'user.name=n', '-c', 'user.email=e@e', ...command],
      {
        stdio: 'pipe',
      },
    );
  const change = async (name: string, from: string, to: string) => {
    const text = await readFile(join(folder, 'demo', name), 'utf8');
    assert.ok(text.includes(from));
    await writeFile(join(folder, 'demo', name), text.replace(from, to));
  };

  before(async function () {
    this.timeout(240_000);
    folder = await mkdtemp(join(tmpdir(), 'surprisal-changes-'));
    await cp(DEMO, join(folder, 'demo'), { recursive: true });
    if (hasGit) {
      git('-c', 'init.defaultBranch=main', 'init', '--quiet');
      git('add', '.');
      git('commit', '--quiet', '--message', 'as it was');
      git('checkout', '--quiet', '-b', 'work');
      await change('inventory.ts', '/**', '/** Shelfs are countted here.\n *');
      git('commit', '--quiet', '--all', '--message', 'work');
      await change(DEMO_FILE, 'Return the square root', 'Return the sqaure root');
      await writeFile(
        join(folder, 'demo', 'notes.md'),
        '# Notes\n\nPlease recieve these numbers as they are.\n',
      );
      await writeFile(join(folder, 'demo', 'package-lock.json'), '{ "integrity": "zzyzyxqwv" }\n');
      await writeFile(join(folder, 'demo', 'logo.bin'), Uint8Array.of(0, 1, 2, 3));
    }
    workbench = await openWorkbench({ workspace: join(folder, 'demo'), settings: SETTINGS });
  });

  after(async () => {
    await workbench?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const message = (text: string | RegExp) =>
    workbench.page.locator('.notification-list-item-message', { hasText: text });

  if (!hasGit) {
    it('take a git, and it is said where there is none', async () => {
      await workbench.openFile(DEMO_FILE);
      await workbench.startCommand(FIND);
      await message('git was not found').waitFor();
    });
    return;
  }

  const problems = () =>
    workbench.page
      .locator('.markers-panel .monaco-list-row')
      .evaluateAll((rows) => rows.map((row) => row.textContent ?? ''));
  const problemsBecome = (what: string, fits: (rows: readonly string[]) => boolean) =>
    eventually(what, problems, fits, SCORED_WITHIN);
  const choice = (label: string) =>
    workbench.page.locator('.quick-input-widget .monaco-list-row', { hasText: label });

  it('are listed by file, with what was perhaps meant', async () => {
    await workbench.startCommand(FIND);
    await choice('Since main was left').waitFor();
    await workbench.screenshot('changes-since');
    await choice('Since the last commit').click();
    await message('2 likely typos').waitFor({ timeout: SCORED_WITHIN });
    const rows = await problemsBecome('the problems should be listed', (all) => all.length === 4);
    await workbench.screenshot('changes-problems');
    console.log(rows);
  });
});
