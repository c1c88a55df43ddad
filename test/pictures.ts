/** Makes the walkthrough's pictures, in every kind of theme; README shows two of them: `npm run pictures`. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DEMO_FILE,
  demoText,
  eventually,
  heatBecomes,
  legendBins,
  SCORED_WITHIN,
  SETTINGS,
  scoreWithCommandLine,
} from './e2e/support';
import { DEMO, ROOT } from './support/paths';
import { openWorkbench, type Theme, type Workbench } from './support/workbench';

const THEMES: readonly Theme[] = ['dark', 'light', 'hc-dark', 'hc-light'];
const FOLDER = join(ROOT, 'media', 'walkthrough');
/** Of the window, in pixels of the page: what is in a picture has to be read when it is shown in half of a window. */
const SIZE = { width: 760, height: 560 };
/** The panel is beside its text. */
const PANEL_SIZE = { width: 1100, height: 760 };

/** Everything below the title bar. */
async function picture({ page }: Workbench, name: string): Promise<void> {
  const title = await page.locator('.part.titlebar').boundingBox();
  const { width, height } = page.viewportSize()!;
  const y = title ? title.y + title.height : 0;
  await page.screenshot({ path: join(FOLDER, `${name}.png`), clip: { x: 0, y, width, height: height - y } });
}

async function main(): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  const [reference] = await scoreWithCommandLine([await demoText()]);
  const wrong = reference.lineOf('- median)');
  const workbench = await openWorkbench({
    workspace: DEMO,
    settings: { ...SETTINGS, 'surprisal.heatmap.enabled': true, 'workbench.activityBar.location': 'hidden' },
    size: SIZE,
    scale: 1.5,
  });
  const { page } = workbench;
  try {
    await workbench.openFile(DEMO_FILE);
    await workbench.runCommand('View: Toggle Primary Side Bar Visibility');
    await heatBecomes(workbench, reference, { timeout: SCORED_WITHIN });
    for (const theme of THEMES) {
      await workbench.setTheme(theme);
      await page.setViewportSize(SIZE);
      await workbench.goTo(wrong - 6);
      await heatBecomes(workbench, reference, { theme });
      await picture(workbench, `heatmap-${theme}`);

      await workbench.hoverAt(wrong, 'median');
      await picture(workbench, `hover-${theme}`);
      await workbench.dismissHover();

      await workbench.startCommand('Surprisal: Show Most Surprising Words');
      await page.locator('.quick-input-widget .monaco-list-row', { hasText: 'proprosed' }).waitFor();
      await picture(workbench, `words-${theme}`);
      await page.keyboard.press('Escape');

      await workbench.clickStatusBar();
      await page.locator('.quick-input-widget').getByText('is scored').waitFor();
      // From its end to where the model and the device are.
      const device = page.locator('.quick-input-widget .monaco-list-row.focused', {
        hasText: 'Why this device',
      });
      while ((await device.count()) === 0) {
        await page.keyboard.press('ArrowUp');
      }
      await picture(workbench, `menu-${theme}`);
      await page.keyboard.press('Escape');

      await workbench.runCommand('Surprisal: Show Legend');
      await page.locator('.tab.active', { hasText: 'Surprisal Legend' }).waitFor();
      await workbench.runCommand('View: Toggle Maximize Editor Group');
      await eventually(
        'the legend should have all colours',
        () => legendBins(workbench, theme).catch((error: Error) => error.message),
        (bins) => bins === '01234567',
      );
      await picture(workbench, `legend-${theme}`);
      await workbench.runCommand('View: Close Editor');

      await page.setViewportSize(PANEL_SIZE);
      await workbench.goTo(wrong, reference.lines[wrong - 1].indexOf(' median') + 1);
      await workbench.runCommand('Surprisal: Open Explainer Panel');
      const frame = await workbench.panelFrame();
      await frame.locator('[data-testid="explained"][aria-busy="false"]').waitFor();
      await frame.getByTestId('token').getByText('·median').waitFor();
      // Off the sash between the two, which would light up.
      await workbench.dismissHover();
      await picture(workbench, `panel-${theme}`);
      await page
        .locator('.tab', { hasText: /^Surprisal$/ })
        .getByRole('button', { name: /^Close/ })
        .click();
    }
  } finally {
    await workbench.close();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
