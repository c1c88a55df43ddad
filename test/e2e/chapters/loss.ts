/** The chapter on the loss: its numbers against the logits of an engine of the test’s own. */
import { brierLoss, entropyOf, labelSmoothedCrossEntropy, smoothedTarget } from '../../../src/loss/formulas';
import { toBits } from '../../../src/loss/units';
import { eventually } from '../support';
import type { ChapterPage } from './page';

/** Declares the tests. */
export function lossTests(open: () => ChapterPage): void {
  it('splits the cross-entropy, with label smoothing and without', async () => {
    const page = open();
    const { workbench, wrong, logits } = page;
    await page.openChapter('loss');
    const check = async (epsilon: number) => {
      const crossEntropy = labelSmoothedCrossEntropy(logits, wrong.id, epsilon);
      const own = entropyOf(smoothedTarget(logits.length, wrong.id, epsilon));
      await page.showsNear('loss-h-pq', toBits(crossEntropy), 1.1e-3);
      await page.showsNear('loss-h-p', toBits(own), 1.1e-3);
      await page.showsNear('loss-kl', toBits(crossEntropy - own), 1.1e-3);
      await page.showsNear('loss-sum-total', toBits(crossEntropy), 1.1e-3);
    };
    await check(0.1);
    await page.frame.getByTestId('epsilon-one-hot').click();
    await eventually(
      'ε should be 0',
      () => page.text('epsilon-value'),
      (shown) => Number(shown) === 0,
    );
    await check(0);
    await page.setSlider('epsilon', 0.1);
    await eventually(
      'ε should be 0.1',
      () => page.text('epsilon-value'),
      (shown) => Number(shown) === 0.1,
    );

    await page.showsNear('loss-h-q', toBits(wrong.entropy), 1.1e-3);
    await page.showsNear('loss-excess', toBits(wrong.nats - wrong.entropy), 1.5e-3);
    await page.showsNear('loss-z', (wrong.nats - wrong.entropy) / Math.sqrt(wrong.varentropy), 0.011);
    await page.showsNear('loss-brier', brierLoss(logits, wrong.id), 1e-3);
    await page.showsNear('loss-absolute', 2 * (1 - Math.exp(-wrong.nats)), 1e-3);
    await workbench.screenshot('chapter-loss');
  });
}
