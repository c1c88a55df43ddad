/** Likely mistakes in what has changed, and in a document: found with git and the bundled model, shown in the Problems view, and mended there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasGit } from '../support/git';
import { DEMO, ROOT } from '../support/paths';
import { keepEvidence, openWorkbench, type Workbench } from '../support/workbench';
import { DEMO_FILE, eventually, problemsIn, SCORED_WITHIN, SETTINGS } from './support';

const FIND = 'Surprisal: Find Likely Mistakes in Changes';

function gitIn(place: string, ...command: string[]): void {
  execFileSync('git', ['-C', place, '-c', 'user.name=n', '-c', 'user.email=e@e', ...command], {
    stdio: 'pipe',
  });
}

describe('likely mistakes', () => {
  let workbench: Workbench;
  let folder: string;
  keepEvidence(() => workbench);

  const git = (...command: string[]) => gitIn(join(folder, 'demo'), ...command);
  const change = async (name: string, from: string, to: string) => {
    const text = await readFile(join(folder, 'demo', name), 'utf8');
    assert.ok(text.includes(from));
    await writeFile(join(folder, 'demo', name), text.replace(from, to));
  };

  before(async function () {
    this.timeout(240_000);
    folder = await mkdtemp(join(tmpdir(), 'surprisal-changes-'));
    await cp(DEMO, join(folder, 'demo'), { recursive: true });
    await cp(join(ROOT, 'src', 'engine', 'scorer.ts'), join(folder, 'demo', 'long.ts'));
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

  /** Waits until these are listed, each by a part of what is said of it, below the file that it is in. */
  const problemsBecome = (...expected: readonly string[]) =>
    eventually(
      `the problems should be ${expected.join(', ')}`,
      () => problemsIn(workbench),
      (rows) => rows.length === expected.length && expected.every((part, row) => rows[row].includes(part)),
      SCORED_WITHIN,
    );
  const problemsAreGone = () =>
    eventually(
      'no problem should be left',
      () => problemsIn(workbench),
      (rows) => rows.length === 0 || /No problems/.test(rows[0]),
    );
  const choice = (label: string) =>
    workbench.page.locator('.quick-input-widget .monaco-list-row', { hasText: label });
  const find = async (since: string, told: string) => {
    await workbench.startCommand(FIND);
    await choice(since).click();
    await message(told).waitFor({ timeout: SCORED_WITHIN });
  };

  it('are listed by file, with what was perhaps meant', async () => {
    await workbench.startCommand(FIND);
    await choice('Since main was left').waitFor();
    await workbench.screenshot('changes-since');
    await workbench.page.keyboard.press('Escape');
    await find(
      'Since the last commit',
      '2 likely mistakes on 5 lines of 2 files that have changed since the last commit.',
    );
    await message('2 files were left out').waitFor();
    await problemsBecome(
      'notes.md',
      'Likely typo: “recieve”, ',
      DEMO_FILE,
      'Likely typo: “sqaure”, 27.1 bits; perhaps “square”',
    );
    await workbench.screenshot('changes-problems');
    await workbench.runCommand('Notifications: Clear All Notifications');
  });

  /** Opens the menu of quick fixes at the cursor. */
  const openFixes = async (one = 'Is No Typo') => {
    await workbench.page.keyboard.press('Control+.');
    await fix(one).waitFor();
  };
  const fix = (label: string) =>
    workbench.page.locator('.action-widget .monaco-list-row', { hasText: label });
  /** The mouse is kept out of the menu while it is new. */
  const applyFix = async (label: string) => {
    while (!(await fix(label).getAttribute('class'))?.includes('focused')) {
      await workbench.page.keyboard.press('ArrowDown');
    }
    await workbench.page.keyboard.press('Enter');
  };

  it('are replaced by a quick fix, in the text and in the list', async () => {
    await workbench.page.locator('.markers-panel .monaco-list-row', { hasText: 'sqaure' }).dblclick();
    await workbench.page.locator('.squiggly-info').first().waitFor();
    await openFixes();
    await fix('Explain This Surprisal').waitFor();
    await workbench.screenshot('changes-quick-fix');
    await applyFix('Replace with “square”');
    await workbench.page.locator('.view-lines', { hasText: /the.square.root/ }).waitFor();
    await problemsBecome('notes.md', 'recieve');
  });

  it('follow what is typed above them, and are no longer where the user says so', async () => {
    await workbench.openFile('notes.md');
    await workbench.goTo(1);
    await workbench.type('More\n');
    await problemsBecome('notes.md', '[Ln 4, Col 8]');
    await workbench.goTo(4, 9);
    await openFixes();
    await applyFix('“recieve” Is No Typo');
    await problemsAreGone();
  });

  it('are those of all that a branch has changed, too, unsaved text included', async () => {
    await find(
      'Since main was left',
      '2 likely mistakes on 7 lines of 2 files that have changed since main was left.',
    );
    await problemsBecome('inventory.ts', 'Likely typo: “Shelfs”', 'Likely typo: “countted”');
    await workbench.screenshot('changes-branch');
    await workbench.runCommand('Surprisal: Clear Likely Mistakes');
    await problemsAreGone();
  });

  it('are none where nothing has changed', async () => {
    await workbench.runCommand('File: Save All Files');
    await workbench.page.locator('.dirty').first().waitFor({ state: 'detached' });
    gitIn(workbench.workspace, 'add', '.');
    gitIn(workbench.workspace, 'commit', '--quiet', '--message', 'all of it');
    gitIn(workbench.workspace, 'branch', '--quiet', '-D', 'main');
    await workbench.startCommand(FIND);
    await message('Nothing has changed since the last commit.').waitFor();
    await rm(join(workbench.workspace, '.git'), { recursive: true });
    await workbench.startCommand(FIND);
    await message('There is no git repository here').waitFor();
  });

  it('are found in a document, too: what is misspelt, and what is wrong', async () => {
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.openFile(DEMO_FILE);
    const search = async (told: string) => {
      await workbench.startCommand('Surprisal: Find Likely Mistakes in Document');
      await message(told).waitFor({ timeout: SCORED_WITHIN });
    };
    await search('2 likely mistakes on 61 lines.');
    const [typo, wrong] = [
      'Likely typo: “proprosed”, 63.8 bits; perhaps “proposed”',
      'Likely wrong word: “median”; with “average” this place takes 16.8 bits fewer',
    ];
    await problemsBecome(DEMO_FILE, typo, wrong);
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.screenshot('mistakes-document');
    await workbench.goTo(29, 27);
    await openFixes('Is Right Here');
    await workbench.screenshot('mistakes-quick-fix');
    await applyFix('“median” Is Right Here');
    await problemsBecome(DEMO_FILE, typo);
    // The user has said so, of that word on that line.
    await search('1 likely mistake on 61 lines.');
    await workbench.goTo(29, 5);
    await workbench.type('# ');
    await workbench.goTo(27);
    await workbench.page.keyboard.down('Shift');
    for (let line = 27; line < 30; line++) {
      await workbench.page.keyboard.press('ArrowDown');
    }
    await workbench.page.keyboard.up('Shift');
    await search('No likely mistakes on 3 lines.');
    await problemsAreGone();
  });

  it('are no longer looked for where the user has had enough, and it is told how far that is', async () => {
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.openFile('long.ts');
    await workbench.startCommand('Surprisal: Find Likely Mistakes in Document');
    await message(/looking for likely mistakes: [1-9]\d? % read/).waitFor({ timeout: SCORED_WITHIN });
    await workbench.screenshot('mistakes-progress');
    const toast = workbench.page.locator('.notification-toast', { hasText: 'looking for likely mistakes' });
    await toast.getByRole('button', { name: 'Cancel' }).click();
    await toast.waitFor({ state: 'detached' });
    // What is searched next is not held up.
    await workbench.goTo(1);
    await workbench.page.keyboard.press('Shift+ArrowDown');
    await workbench.startCommand('Surprisal: Find Likely Mistakes in Document');
    await message(/likely mistakes? on 1 line\./).waitFor({ timeout: SCORED_WITHIN });
  });
});
