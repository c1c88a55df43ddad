/** The chapter on the distribution: its numbers against the logits of an engine of the test’s own. */
import assert from 'node:assert/strict';
import { logSumExp, scaleByTemperature } from '../../../src/loss/formulas';
import { formatProbability } from '../../../src/loss/units';
import { makeVisible } from '../../../src/text/visible';
import { assertShows, eventually } from '../support';
import type { ChapterPage } from './page';

/** Declares the tests. */
export function distributionTests(open: () => ChapterPage): void {
  it('shows the whole distribution, and recomputes it at another temperature', async () => {
    const page = open();
    const { workbench, wrong, logits } = page;
    await page.openChapter('distribution');
    const at = async (temperature: number) => {
      const scaled = scaleByTemperature(logits, temperature);
      const normaliser = logSumExp(scaled);
      const bars = page.frame.getByTestId('bar');
      let cumulative = 0;
      for (const [index, { id, text: name }] of wrong.top!.entries()) {
        const nats = normaliser - scaled[id];
        cumulative += Math.exp(-nats);
        const bar = bars.nth(index);
        assert.equal(await bar.locator('.token-name').textContent(), makeVisible(name));
        assertShows(await bar.getByTestId('bar-probability').textContent(), nats, formatProbability);
        const mass = await bar.getByTestId('bar-cumulative').textContent();
        assertShows(mass, -Math.log(cumulative), formatProbability);
      }
      await page.showsNear('softmax-logit', logits[wrong.id], 1e-3);
    };
    await at(1);
    // The slider is logarithmic from 0.1 to 5.
    await page.setSlider('temperature', 140);
    const temperature = await eventually(
      'another temperature should be shown',
      async () => Number(await page.text('temperature-value')),
      (value) => value > 1.2,
    );
    await eventually(
      'the bars should be those of the temperature',
      () =>
        at(temperature).then(
          () => '',
          (error: Error) => error.message,
        ),
      (problem) => problem === '',
      5000,
    );
    await workbench.screenshot('chapter-distribution-temperature');
    await page.frame.getByTestId('temperature-reset').click();
    await eventually(
      'the bars should be the model’s again',
      () =>
        at(1).then(
          () => '',
          (error: Error) => error.message,
        ),
      (problem) => problem === '',
      5000,
    );
  });
}
