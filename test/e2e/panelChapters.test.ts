/** Every chapter of the explainer panel: its numbers against the engine's own logits, its controls, its training. */
import assert from 'node:assert/strict';
import type { Frame } from 'playwright-core';
import type { ReportToken } from '../../src/cli/report';
import { Engine } from '../../src/engine/client';
import {
  bitsPerByte,
  brierLoss,
  entropyOf,
  jointLogProbability,
  labelSmoothedCrossEntropy,
  logitsGradient,
  logSumExp,
  perplexity,
  scaleByTemperature,
  smoothedTarget,
  surprisal,
} from '../../src/loss/formulas';
import { HEAT_BIN_COUNT, heatOf } from '../../src/loss/heat';
import { lossShareOfTop } from '../../src/loss/statistics';
import { gradientStep } from '../../src/loss/step';
import { formatProbability, formatSurprisal, toBits, toHartleys } from '../../src/loss/units';
import { makeVisible } from '../../src/text/visible';
import { CHAPTER_NAMES, type ChapterName } from '../../webview/settings';
import { DEMO, ENGINE_HOST, MODEL } from '../support/paths';
import { scoreText } from '../support/scoring';
import { keepEvidence, openWorkbench, type Theme, type Workbench } from '../support/workbench';
import {
  assertShows,
  DEMO_FILE,
  demoText,
  eventually,
  heatBecomes,
  heatOnScreen,
  panelExplains,
  plain,
  type Reference,
  SETTINGS,
  scoreWithCommandLine,
  textIn,
  undoUntil,
} from './support';

const THEMES: readonly Theme[] = ['dark', 'light', 'hc-light', 'hc-dark'];
const PROSE_FILE = 'origin.md';
const WIDE = { width: 1920, height: 1300 };
const NARROW = { width: 1000, height: 1300 };

/** The number in a text such as "1,234.5 bits" or "−0.9000". */
const numberIn = (text: string) =>
  Number(
    text
      .replace(/,/g, '')
      .replace('−', '-')
      .replace(/[^\d.-]+$/, ''),
  );

describe('the chapters of the explainer panel', () => {
  let workbench: Workbench;
  let frame: Frame;
  let reference: Reference;
  let wrong: ReportToken;
  /** A text whose end has the words of its beginning: there is something to be learnt. */
  let prose: Reference;
  /** The model's logits before that token, from an engine of the test's own. */
  let logits: Float32Array;
  keepEvidence(() => workbench);

  before(async function () {
    this.timeout(240_000);
    const code = await demoText();
    const [scored, opened] = await Promise.all([
      scoreWithCommandLine([code, await demoText(PROSE_FILE)]),
      openWorkbench({
        workspace: DEMO,
        settings: { ...SETTINGS, '[markdown]': { 'editor.wordWrap': 'off' } },
        size: { width: 1440, height: 1000 },
      }),
    ]);
    [reference, prose] = scored;
    workbench = opened;
    wrong = reference.token(reference.lineOf('- median)'), ' median');
    const settings = { folder: MODEL, device: 'cpu', threads: 0 } as const;
    const engine = new Engine({ hostPath: ENGINE_HOST, settings });
    try {
      const { score } = await scoreText(engine, 'demo', code);
      const index = reference.report.tokens.indexOf(wrong);
      const [distribution] = await engine.distributions('demo', score, [index], 1, true);
      logits = distribution.logits as Float32Array;
    } finally {
      await engine.stop();
      engine.dispose();
    }
    await workbench.openFile(DEMO_FILE);
    await workbench.goTo(wrong.line, wrong.column);
    await workbench.runCommand('Surprisal: Open Explainer Panel');
    frame = await workbench.panelFrame();
    await explains(wrong);
  });

  after(() => workbench?.close());

  const text = (test: string) => textIn(frame, test);
  const explains = (token: ReportToken) => panelExplains(frame, token);
  const openChapter = async (name: ChapterName) => {
    await frame.getByTestId(`tab-${name}`).click();
    await frame.getByTestId(`chapter-${name}`).waitFor();
  };
  const showsNear = async (test: string, value: number, tolerance: number) => {
    const shown = await text(test);
    assert.ok(Math.abs(numberIn(shown) - value) <= tolerance, `“${shown}” is shown instead of ${value}`);
  };
  /** Sets a slider as dragging its thumb does. */
  const setSlider = async (test: string, position: number) => {
    await frame.getByTestId(test).evaluate((element, value) => {
      element.value = String(value);
      element.dispatchEvent(new element.ownerDocument.defaultView.Event('input', { bubbles: true }));
    }, position);
  };
  const chooseUnit = (unit: string) => frame.getByTestId('unit').getByText(unit, { exact: true }).click();
  /** The rows of the table behind a chart. */
  const tableOf = async (test: string): Promise<string[][]> => {
    const toggle = frame.getByTestId(`${test}-show-table`);
    await frame.getByTestId(test).hover();
    await toggle.click();
    const rows: string[][] = await frame
      .getByTestId(`${test}-table`)
      .locator('tbody tr')
      .evaluateAll((elements) => elements.map((row) => [...row.cells].map((cell) => cell.textContent)));
    await toggle.click();
    return rows.map((row) => row.map(plain));
  };

  it('shows the whole distribution, and recomputes it at another temperature', async () => {
    await openChapter('distribution');
    const at = async (temperature: number) => {
      const scaled = scaleByTemperature(logits, temperature);
      const normaliser = logSumExp(scaled);
      const bars = frame.getByTestId('bar');
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
      await showsNear('softmax-logit', logits[wrong.id], 1e-3);
    };
    await at(1);
    // The slider is logarithmic from 0.1 to 5.
    await setSlider('temperature', 140);
    const temperature = await eventually(
      'another temperature should be shown',
      async () => Number(await text('temperature-value')),
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
    await frame.getByTestId('temperature-reset').click();
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

  it('takes the logarithm to three bases', async () => {
    await openChapter('logarithm');
    const line = reference.tokensOf(wrong.line, wrong.line + 1).map(({ nats }) => nats);
    for (const [unit, convert] of [
      ['nats', (nats: number) => nats],
      ['hartleys', toHartleys],
      ['bits', toBits],
    ] as const) {
      await chooseUnit(unit);
      await eventually(
        `the summary should count in ${unit}`,
        () => text('surprisal'),
        (shown) =>
          shown === formatSurprisal(wrong.nats, unit).replace(/ \w+$/, '') ||
          shown === formatSurprisal(wrong.nats, unit),
      );
      await showsNear('joint-sum', convert(-jointLogProbability(line)), 1e-3);
      if (unit === 'hartleys') {
        await showsNear('surprisal-hartleys', toHartleys(wrong.nats), 2e-4);
      }
    }
  });

  it('splits the cross-entropy, with label smoothing and without', async () => {
    await openChapter('loss');
    const check = async (epsilon: number) => {
      const crossEntropy = labelSmoothedCrossEntropy(logits, wrong.id, epsilon);
      const own = entropyOf(smoothedTarget(logits.length, wrong.id, epsilon));
      await showsNear('loss-h-pq', toBits(crossEntropy), 1.1e-3);
      await showsNear('loss-h-p', toBits(own), 1.1e-3);
      await showsNear('loss-kl', toBits(crossEntropy - own), 1.1e-3);
      await showsNear('loss-sum-total', toBits(crossEntropy), 1.1e-3);
    };
    await check(0.1);
    await frame.getByTestId('epsilon-one-hot').click();
    await eventually(
      'ε should be 0',
      () => text('epsilon-value'),
      (shown) => Number(shown) === 0,
    );
    await check(0);
    await setSlider('epsilon', 0.1);
    await eventually(
      'ε should be 0.1',
      () => text('epsilon-value'),
      (shown) => Number(shown) === 0.1,
    );

    await showsNear('loss-h-q', toBits(wrong.entropy), 1.1e-3);
    await showsNear('loss-excess', toBits(wrong.nats - wrong.entropy), 1.5e-3);
    await showsNear('loss-z', (wrong.nats - wrong.entropy) / Math.sqrt(wrong.varentropy), 0.011);
    await showsNear('loss-brier', brierLoss(logits, wrong.id), 1e-3);
    await showsNear('loss-absolute', 2 * (1 - Math.exp(-wrong.nats)), 1e-3);
    await workbench.screenshot('chapter-loss');
  });

  it('shows where the loss of the document is, and goes there', async () => {
    await openChapter('sequence');
    const nats = reference.report.tokens.map((token) => token.nats);
    const share = Math.round(100 * lossShareOfTop(nats, 0.2));
    await eventually(
      'the share of the top fifth should be there',
      () => text('loss-share'),
      (shown) => shown.includes('20 %') && shown.includes(`${share} %`),
    );
    // Tokens and loss by bin of the heatmap, and by kind of token.
    const total = nats.reduce((sum, value) => sum + value, 0);
    const bins = await tableOf('loss-histogram');
    assert.equal(bins.length, HEAT_BIN_COUNT);
    for (const [bin, [name, tokens, , loss]] of bins.entries()) {
      const inBin = nats.filter((value) => heatOf(value) === bin);
      assert.equal(numberIn(tokens), inBin.length, name);
      const expected = toBits(inBin.reduce((sum, value) => sum + value, 0));
      assert.ok(Math.abs(numberIn(loss) - expected) < 0.1, `${name}: ${loss} instead of ${expected}`);
    }
    const kinds = await tableOf('loss-kinds');
    const sumOf = (column: number) => kinds.reduce((sum, row) => sum + numberIn(row[column]), 0);
    assert.equal(sumOf(1), nats.length);
    assert.ok(Math.abs(sumOf(3) - toBits(total)) < 0.5, `${sumOf(3)} bits instead of ${toBits(total)}`);
    // The most expensive line, and a click that goes to its most surprising token.
    const lines = new Map<number, ReportToken[]>();
    for (const token of reference.report.tokens) {
      lines.set(token.line, [...(lines.get(token.line) ?? []), token]);
    }
    const sum = (tokens: readonly ReportToken[]) => tokens.reduce((total, token) => total + token.nats, 0);
    const [dearest] = [...lines.values()].sort((a, b) => sum(b) - sum(a));
    const first = frame.getByTestId('loss-line').first();
    const row = plain((await first.allInnerTexts())[0].replace(/\t/g, ' '));
    assert.ok(row.startsWith(`${dearest[0].line} `), row);
    assert.ok(row.includes(formatSurprisal(sum(dearest), 'bits')), row);
    await first.getByRole('button').click();
    await explains(dearest.reduce((best, token) => (token.nats > best.nats ? token : best)));
    await workbench.screenshot('chapter-sequence');
    await workbench.focusGroup(1);
    await workbench.goTo(wrong.line, wrong.column);
    await explains(wrong);
  });

  it('explains a selection together', async () => {
    const tokens = reference.tokensOf(wrong.line, wrong.line + 1).filter((token) => token.text.trim() !== '');
    await workbench.focusGroup(1);
    await workbench.goTo(wrong.line);
    await workbench.page.keyboard.press('Home');
    await workbench.page.keyboard.press('Shift+End');
    const selected = reference.report.tokens.filter(
      ({ start, end }) => end > tokens[0].start && start < tokens[tokens.length - 1].end,
    );
    await frame.getByTestId('selection').waitFor();
    const shown = plain((await frame.getByTestId('selection').allInnerTexts())[0]);
    await workbench.screenshot('panel-selection');
    const nats = selected.reduce((total, token) => total + token.nats, 0);
    assert.ok(shown.includes(formatSurprisal(nats, 'bits').replace(' bits', '')), shown);
    const bytes = Buffer.byteLength(selected.map((token) => token.text).join(''));
    assert.ok(shown.includes(perplexity(nats / selected.length).toFixed(2)), shown);
    assert.ok(shown.includes(bitsPerByte(nats, bytes).toFixed(2)), shown);
    await workbench.goTo(wrong.line, wrong.column);
    await frame.getByTestId('selection').waitFor({ state: 'hidden' });
    await explains(wrong);
  });

  it('takes steps down the gradient', async () => {
    await openChapter('learning');
    const gradient = logitsGradient(logits, wrong.id, 0.1);
    const rows = await tableOf('gradient');
    const target = rows.find(([name]) => name.includes(makeVisible(wrong.text)));
    assert.ok(target, JSON.stringify(rows));
    assert.ok(Math.abs(numberIn(target[3]) - gradient[wrong.id]) < 2e-4, target.join(' '));
    for (const { id, text: name } of wrong.top!.slice(0, 3)) {
      const rival = rows.find(([shown]) => shown === makeVisible(name));
      assert.ok(rival && Math.abs(numberIn(rival[3]) - gradient[id]) < 2e-4, `${name}: ${rival}`);
    }
    const after = gradientStep(logits, gradient, 1);
    const loss = labelSmoothedCrossEntropy(after, wrong.id, 0.1);
    const step = frame.getByTestId('learning-step');
    await frame.getByTestId('take-step').click();
    await eventually(
      'a step should be taken',
      () => text('steps-taken'),
      (shown) => shown === '1',
    );
    const shown = plain((await step.getByTestId('step-loss').textContent()) ?? '');
    assertShows(shown.split('→')[1], loss, (nats) => formatSurprisal(nats, 'bits'));
    const probability = plain((await step.getByTestId('step-probability').textContent()) ?? '');
    assertShows(probability.split('→')[1], surprisal(after, wrong.id), formatProbability);
    await workbench.screenshot('chapter-learning-step');
    await frame.getByTestId('start-again').click();
  });

  it('trains on the document: the training loss falls, the evaluation loss turns, and the editor can show it', async function () {
    this.timeout(300_000);
    await workbench.focusGroup(1);
    await workbench.openFile(PROSE_FILE);
    await workbench.runCommand('Surprisal: Toggle Heatmap');
    await heatBecomes(workbench, prose);
    const before = await heatOnScreen(workbench);
    await frame.getByTestId('train').click();
    await frame.getByTestId('stop-training').waitFor();
    await eventually(
      'the training should finish',
      () => text('training-state'),
      (state) => /Finished|failed|Stopped/.test(state),
      240_000,
    );
    assert.match(await text('training-state'), /Finished/);
    await workbench.screenshot('chapter-learning-trained');
    const rows = await tableOf('training-curves');
    const curve = rows.map((row) => row.map(numberIn));
    const training = curve.map((row) => row[2]);
    const evaluation = curve.map((row) => row[3]);
    assert.ok(training[training.length - 1] < 0.8 * training[0], training.join(' '));
    const lowest = Math.min(...evaluation);
    assert.ok(lowest < evaluation[0] && lowest < evaluation[evaluation.length - 1], evaluation.join(' '));

    await frame.getByTestId('show-trained').check();
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
    await explains(wrong);
  });

  it('copies the numbers of a chart and the chart', async () => {
    await openChapter('logarithm');
    const figure = frame.getByTestId('curve');
    await figure.hover();
    await frame.getByTestId('curve-copy-csv').click();
    const csv = await eventually(
      'the clipboard should have numbers',
      () => workbench.page.evaluate<string>('navigator.clipboard.readText()'),
      (copied) => copied.includes(','),
    );
    assert.ok(csv.split(/\r?\n/).length > 3, csv);
    await frame.getByTestId('curve-copy-svg').click();
    const picture = await eventually(
      'the clipboard should have the picture',
      () => workbench.page.evaluate<string>('navigator.clipboard.readText()'),
      (copied) => copied.startsWith('<svg') || copied.startsWith('<?xml'),
    );
    assert.ok(!picture.includes('var('), 'the copied picture still depends on the theme');
    const drawnWidth: number = await figure
      .locator('svg.chart-picture')
      .evaluate((element) => element.getBoundingClientRect().width);
    await frame.getByTestId('curve-copy-png').click();
    const width = await eventually(
      'the clipboard should have the picture as PNG',
      () =>
        workbench.page.evaluate<number>(
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
    await frame.getByTestId('pin').click();
    await eventually(
      'the panel should be pinned',
      () => frame.getByTestId('pin').getAttribute('aria-pressed'),
      (pressed) => pressed === 'true',
    );
    await workbench.focusGroup(1);
    await workbench.goTo(1);
    await workbench.page.waitForTimeout(700);
    await explains(wrong);
    await workbench.screenshot('panel-pinned');
    // The pin outlasts a reload of the window.
    await workbench.reloadWindow();
    frame = await workbench.panelFrame(60_000);
    await explains(wrong);
    assert.equal(await frame.getByTestId('pin').getAttribute('aria-pressed'), 'true');
    await frame.getByTestId('pin').click();
    await workbench.focusGroup(1);
    await workbench.goTo(1);
    await explains(reference.report.tokens[0]);
    await workbench.focusGroup(1);
    await workbench.goTo(wrong.line, wrong.column);
    await explains(wrong);
  });

  for (const theme of THEMES) {
    it(`can be read in the theme: ${theme}`, async function () {
      this.timeout(120_000);
      await workbench.setTheme(theme);
      for (const [width, size] of [
        ['wide', WIDE],
        ['narrow', NARROW],
      ] as const) {
        await workbench.page.setViewportSize(size);
        for (const name of CHAPTER_NAMES) {
          await openChapter(name);
          // Charts follow the width a frame later.
          await workbench.page.waitForTimeout(250);
          const overflow: number = await frame.evaluate(
            'document.documentElement.scrollWidth - document.documentElement.clientWidth',
          );
          assert.ok(overflow <= 0, `${name} is ${overflow} pixels too wide`);
          await workbench.screenshot(`chapter-${name}-${theme}-${width}`);
        }
      }
    });
  }
});
