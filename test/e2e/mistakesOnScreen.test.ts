/** Likely mistakes that are marked on screen without being asked for: scrolled to, written, mended, and turned off. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEMO } from '../support/paths';
import { keepEvidence, openWorkbench, type Workbench } from '../support/workbench';
import { DEMO_FILE, eventually, problemsIn, SCORED_WITHIN, SETTINGS } from './support';

const TOGGLE = 'Surprisal: Toggle Marking of Likely Mistakes on Screen';

describe('likely mistakes on screen', () => {
  let workbench: Workbench;
  let folder: string;
  keepEvidence(() => workbench);

  before(async function () {
    this.timeout(240_000);
    folder = await mkdtemp(join(tmpdir(), 'surprisal-on-screen-'));
    await cp(DEMO, join(folder, 'demo'), { recursive: true });
    workbench = await openWorkbench({ workspace: join(folder, 'demo'), settings: SETTINGS });
  });

  after(async () => {
    await workbench?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const problemsBecome = (...expected: readonly string[]) =>
    eventually(
      `the problems should be ${expected.join(', ') || 'none'}`,
      async () => (await problemsIn(workbench)).filter((row) => row.startsWith('Likely')),
      (rows) => rows.length === expected.length && expected.every((part, row) => rows[row].includes(part)),
      SCORED_WITHIN,
    );
  const [typo, wrong] = ['Likely typo: “proprosed”', 'Likely wrong word: “median”; with “average”'];

  it('are marked where the user has turned that on, without the heatmap', async () => {
    await workbench.openFile(DEMO_FILE);
    await workbench.runCommand('View: Toggle Problems');
    await workbench.openFile(DEMO_FILE);
    await workbench.goTo(61);
    await workbench.runCommand(TOGGLE);
    await eventually(
      'the document should be scored',
      () => workbench.statusBarText(),
      (text) => /bits\/token/.test(text),
      SCORED_WITHIN,
    );
    await problemsBecome();
    await workbench.goTo(27);
    await problemsBecome(typo, wrong);
    await workbench.screenshot('mistakes-on-screen');
  });

  it('are not those of the line that is being written, but of it when it is left', async () => {
    await workbench.goTo(61);
    await workbench.type('# Please sort these nubmers.\n# They are countted');
    await problemsBecome(typo, wrong, 'Likely typo: “nubmers”');
    await workbench.goTo(59);
    await problemsBecome(typo, wrong, 'Likely typo: “nubmers”', 'Likely typo: “countted”');
  });

  it('are gone when what is wrong is mended, or when they are turned off', async () => {
    await workbench.goTo(61, 21);
    await workbench.page.keyboard.press('Control+Delete');
    await workbench.type('numbers');
    await workbench.goTo(59);
    await problemsBecome(typo, wrong, 'Likely typo: “countted”');
    await workbench.clickStatusBar();
    const input = workbench.page.locator('.quick-input-widget input');
    await input.fill('Stop Marking');
    await workbench.screenshot('mistakes-on-screen-menu');
    await workbench.page.keyboard.press('Enter');
    await problemsBecome();
  });
});
