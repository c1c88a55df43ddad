/** The chapter on learning: steps on the real logits, and training on the real document. */
import assert from 'node:assert/strict';
import { labelSmoothedCrossEntropy, logitsGradient, surprisal } from '../../../src/loss/formulas';
import { gradientStep } from '../../../src/loss/step';
import { formatProbability, formatSurprisal } from '../../../src/loss/units';
import { makeVisible } from '../../../src/text/visible';
import { assertShows, DEMO_FILE, eventually, heatBecomes, heatOnScreen, plain, undoUntil } from '../support';
import { type ChapterPage, numberIn, PROSE_FILE } from './page';

/** Declares the tests. */
export function learningTests(open: () => ChapterPage): void {
  it('takes steps down the gradient', async () => {
    const page = open();
    const { workbench, wrong, logits } = page;
    await page.openChapter('learning');
    const gradient = logitsGradient(logits, wrong.id, 0.1);
    const rows = await page.tableOf('gradient');
    const target = rows.find(([name]) => name.includes(makeVisible(wrong.text)));
    assert.ok(target, JSON.stringify(rows));
    assert.ok(Math.abs(numberIn(target[3]) - gradient[wrong.id]) < 2e-4, target.join(' '));
    for (const { id, text: name } of wrong.top!.slice(0, 3)) {
      const rival = rows.find(([shown]) => shown === makeVisible(name));
      assert.ok(rival && Math.abs(numberIn(rival[3]) - gradient[id]) < 2e-4, `${name}: ${rival}`);
    }
    const after = gradientStep(logits, gradient, 1);
    const loss = labelSmoothedCrossEntropy(after, wrong.id, 0.1);
    const step = page.frame.getByTestId('learning-step');
    await page.frame.getByTestId('take-step').click();
    await eventually(
      'a step should be taken',
      () => page.text('steps-taken'),
      (shown) => shown === '1',
    );
    const shown = plain((await step.getByTestId('step-loss').textContent()) ?? '');
    assertShows(shown.split('→')[1], loss, (nats) => formatSurprisal(nats, 'bits'));
    const probability = plain((await step.getByTestId('step-probability').textContent()) ?? '');
    assertShows(probability.split('→')[1], surprisal(after, wrong.id), formatProbability);
    await workbench.screenshot('chapter-learning-step');
    await page.frame.getByTestId('start-again').click();
  });

  it('trains on the document: the training loss falls, the evaluation loss turns, and the editor can show it', async function () {
    this.timeout(300_000);
    const page = open();
    const { workbench, prose, wrong } = page;
    await workbench.focusGroup(1);
    await workbench.openFile(PROSE_FILE);
    await workbench.runCommand('Surprisal: Toggle Heatmap');
    await heatBecomes(workbench, prose);
    const before = await heatOnScreen(workbench);
    await page.frame.getByTestId('train').click();
    await page.frame.getByTestId('stop-training').waitFor();
    await eventually(
      'the training should finish',
      () => page.text('training-state'),
      (state) => /Finished|failed|Stopped/.test(state),
      240_000,
    );
    assert.match(await page.text('training-state'), /Finished/);
    await workbench.screenshot('chapter-learning-trained');
    const rows = await page.tableOf('training-curves');
    const curve = rows.map((row) => row.map(numberIn));
    const training = curve.map((row) => row[2]);
    const evaluation = curve.map((row) => row[3]);
    assert.ok(training[training.length - 1] < 0.8 * training[0], training.join(' '));
    const lowest = Math.min(...evaluation);
    assert.ok(lowest < evaluation[0] && lowest < evaluation[evaluation.length - 1], evaluation.join(' '));

    await page.frame.getByTestId('show-trained').check();
    await eventually(
      'the colours should be those after training',
      () => heatOnScreen(workbench),
      (lines) =>
        JSON.stringify(lines) !== JSON.stringify(before) && lines.some(({ heat }) => /\d/.test(heat)),
    );
    await workbench.screenshot('heatmap-after-training');
    // An edit shows the model as it is again.
    await workbench.focusGroup(1);
    await workbench.goTo(1);
    await workbench.type('#');
    await undoUntil(workbench, 1, prose.lines[0]);
    await heatBecomes(workbench, prose);
    await workbench.runCommand('Surprisal: Toggle Heatmap');
    await workbench.openFile(DEMO_FILE);
    await workbench.goTo(wrong.line, wrong.column);
    await page.explains(wrong);
  });
}
