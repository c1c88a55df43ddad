/** Every chapter of the explainer panel: its numbers, its controls, its training, and how it looks. */
import assert from 'node:assert/strict';
import { CHAPTER_NAMES } from '../../webview/settings';
import { keepEvidence, type Theme } from '../support/workbench';
import { distributionTests } from './chapters/distribution';
import { learningTests } from './chapters/learning';
import { logarithmTests } from './chapters/logarithm';
import { lossTests } from './chapters/loss';
import { ChapterPage } from './chapters/page';
import { sequenceTests } from './chapters/sequence';
import { trainingTests } from './chapters/training';
import { viewsTests } from './chapters/views';
import { eventually } from './support';

const THEMES: readonly Theme[] = ['dark', 'light', 'hc-light', 'hc-dark'];
const WIDE = { width: 1920, height: 1300 };
const NARROW = { width: 1000, height: 1300 };

describe('the chapters of the explainer panel', () => {
  let page: ChapterPage;
  keepEvidence(() => page?.workbench);

  before(async function () {
    this.timeout(240_000);
    page = await ChapterPage.open();
  });

  after(() => page?.close());

  viewsTests(() => page);
  distributionTests(() => page);
  logarithmTests(() => page);
  lossTests(() => page);
  sequenceTests(() => page);
  learningTests(() => page);
  trainingTests(() => page);

  it('copies the numbers of a chart and the chart', async () => {
    await page.openChapter('logarithm');
    const figure = page.frame.getByTestId('curve');
    await figure.hover();
    await page.frame.getByTestId('curve-copy-csv').click();
    const csv = await eventually(
      'the clipboard should have numbers',
      () => page.workbench.page.evaluate<string>('navigator.clipboard.readText()'),
      (copied) => copied.includes(','),
    );
    assert.ok(csv.split(/\r?\n/).length > 3, csv);
    await page.frame.getByTestId('curve-copy-svg').click();
    const picture = await eventually(
      'the clipboard should have the picture',
      () => page.workbench.page.evaluate<string>('navigator.clipboard.readText()'),
      (copied) => copied.startsWith('<svg') || copied.startsWith('<?xml'),
    );
    assert.ok(!picture.includes('var('), 'the copied picture still depends on the theme');
    const drawnWidth: number = await figure
      .locator('svg.chart-picture')
      .evaluate((element) => element.getBoundingClientRect().width);
    await page.frame.getByTestId('curve-copy-png').click();
    const width = await eventually(
      'the clipboard should have the picture as PNG',
      () =>
        page.workbench.page.evaluate<number>(
          `navigator.clipboard.read()
            .then(([item]) => item.getType('image/png'))
            .then((blob) => createImageBitmap(blob))
            .then(({ width }) => width, () => 0)`,
        ),
      (pixels) => pixels > 0,
    );
    assert.ok(width >= 1.9 * drawnWidth, `${width} pixels for a picture of ${drawnWidth}`);
  });

  it('stays with its token when it is pinned, which outlasts a reload', async function () {
    this.timeout(240_000);
    await page.frame.getByTestId('pin').click();
    await eventually(
      'the panel should be pinned',
      () => page.frame.getByTestId('pin').getAttribute('aria-pressed'),
      (pressed) => pressed === 'true',
    );
    await page.workbench.focusGroup(1);
    await page.workbench.goTo(1);
    await page.workbench.page.waitForTimeout(700);
    await page.explains(page.wrong);
    await page.workbench.screenshot('panel-pinned');
    // The pin outlasts a reload of the window.
    await page.workbench.reloadWindow();
    page.frame = await page.workbench.panelFrame(60_000);
    await page.explains(page.wrong);
    assert.equal(await page.frame.getByTestId('pin').getAttribute('aria-pressed'), 'true');
    await page.frame.getByTestId('pin').click();
    await page.workbench.focusGroup(1);
    await page.workbench.goTo(1);
    await page.explains(page.reference.report.tokens[0]);
    await page.workbench.focusGroup(1);
    await page.workbench.goTo(page.wrong.line, page.wrong.column);
    await page.explains(page.wrong);
  });

  for (const theme of THEMES) {
    it(`can be read in the theme: ${theme}`, async function () {
      this.timeout(120_000);
      await page.workbench.setTheme(theme);
      for (const [width, size] of [
        ['wide', WIDE],
        ['narrow', NARROW],
      ] as const) {
        await page.workbench.page.setViewportSize(size);
        for (const name of CHAPTER_NAMES) {
          await page.openChapter(name);
          // Charts follow the width a page.frame later.
          await page.workbench.page.waitForTimeout(250);
          const overflow: number = await page.frame.evaluate(
            'document.documentElement.scrollWidth - document.documentElement.clientWidth',
          );
          assert.ok(overflow <= 0, `${name} is ${overflow} pixels too wide`);
          assert.deepEqual(await page.inaccessible(), [], `${name}, ${width}`);
          await page.workbench.screenshot(`chapter-${name}-${theme}-${width}`);
        }
      }
      // And the numbers behind a chart.
      await page.openChapter('logarithm');
      await page.frame.getByTestId('curve').hover();
      const toggle = page.frame.getByTestId('curve-show-table');
      await toggle.click();
      await page.frame.getByTestId('curve-table').locator('tbody tr').first().scrollIntoViewIfNeeded();
      assert.deepEqual(await page.inaccessible(), [], 'table');
      await page.workbench.screenshot(`table-${theme}`);
      await toggle.click();
    });
  }
});
