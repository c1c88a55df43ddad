/** The explainer panel's page as the tests of its chapters read it. */
import assert from 'node:assert/strict';
import axe, { type AxeResults } from 'axe-core';
import type { Frame, Locator } from 'playwright-core';
import type { ReportToken } from '../../../src/cli/report';
import { Engine } from '../../../src/engine/client';
import type { Distribution } from '../../../src/engine/protocol';
import type { ChapterName } from '../../../webview/settings';
import { DEMO, ENGINE_HOST, MODEL } from '../../support/paths';
import { scoreText } from '../../support/scoring';
import { openWorkbench, type Workbench } from '../../support/workbench';
import {
  DEMO_FILE,
  demoText,
  eventually,
  panelExplains,
  plain,
  type Reference,
  SETTINGS,
  scoreWithCommandLine,
  textIn,
  WEIGHTS,
} from '../support';

/** A text whose end has the words of its beginning: there is something to be learnt. */
export const PROSE_FILE = 'origin.md';

/** What the engine knows the code by. */
const CODE = 'code';

/** The number in a text such as "1,234.5 bits", "−0.9000", "0.12 %" or "3.1 × 10⁻⁵". */
export function numberIn(text: string): number {
  const [, sign, digits, , exponent] =
    /([-−]?)\s*(\d[\d,]*(?:\.\d+)?)(\s*×\s*10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?/u.exec(plain(text)) ?? [];
  assert.ok(digits !== undefined, `there is no number in “${text}”`);
  const power =
    exponent === undefined ? 0 : Number([...exponent].map((digit) => SUPERSCRIPTS[digit]).join(''));
  return (sign ? -1 : 1) * Number(digits.replaceAll(',', '')) * 10 ** power;
}

const SUPERSCRIPTS: Record<string, string> = Object.fromEntries(
  [...'⁰¹²³⁴⁵⁶⁷⁸⁹⁻'].map((digit, index) => [digit, '0123456789-'[index]]),
);

/** The slider of the temperature is logarithmic: so many steps from 0.1 to 5, and a wide one at 1. */
const TEMPERATURE = { steps: 200, min: 0.1, max: 5, positionOfOne: 118 };

/** Attribute of elements whose text a test has compared. */
const CHECKED = 'data-checked';

/** A panel beside an editor, the numbers that it has to show, and ways to read it. */
export class ChapterPage {
  /** The page itself; another one after a reload of the window. */
  frame: Frame;

  private constructor(
    readonly workbench: Workbench,
    /** The code in the editor, scored by the command line. */
    readonly reference: Reference,
    /** The prose beside it, scored by the command line. */
    readonly prose: Reference,
    /** The token that the panel explains: a wrong variable. */
    readonly wrong: ReportToken,
    /** The document's first token, for which the model had nothing to read: it is far down the ranks. */
    readonly first: ReportToken,
    /** The token that the model was surest of. */
    readonly surest: ReportToken,
    /** The model's logits before these tokens, from the engine. */
    private readonly allLogits: ReadonlyMap<ReportToken, Float32Array>,
    /** An engine of the test's own, with the same arithmetic as the panel's; it has scored the code. */
    readonly engine: Engine,
    /** Names that scoring. */
    readonly score: number,
    frame: Frame,
  ) {
    this.frame = frame;
  }

  /** Opens the code and the panel beside it, at the wrong variable. */
  static async open(): Promise<ChapterPage> {
    const code = await demoText();
    const [[reference, prose], workbench] = await Promise.all([
      scoreWithCommandLine([code, await demoText(PROSE_FILE)]),
      openWorkbench({
        workspace: DEMO,
        settings: { ...SETTINGS, 'surprisal.weights': WEIGHTS, '[markdown]': { 'editor.wordWrap': 'off' } },
        size: { width: 1440, height: 1000 },
      }),
    ]);
    const wrong = reference.token(reference.lineOf('- median)'), ' median');
    const settings = { folder: MODEL, device: 'cpu', threads: 0, weights: WEIGHTS } as const;
    const engine = new Engine({ hostPath: ENGINE_HOST, settings });
    const [first] = reference.report.tokens;
    const surest = reference.report.tokens.reduce((best, token) => (token.nats < best.nats ? token : best));
    const explained = [wrong, first, surest];
    const { score } = await scoreText(engine, CODE, code);
    const logits = new Map<ReportToken, Float32Array>();
    for (const token of explained) {
      // One at a time, as the panel asks: several rows are summed in another order.
      const index = reference.report.tokens.indexOf(token);
      const [answer] = await engine.distributions(CODE, score, [index], 1, true);
      logits.set(token, answer.logits as Float32Array);
    }
    await workbench.openFile(DEMO_FILE);
    await workbench.goTo(wrong.line, wrong.column);
    await workbench.runCommand('Surprisal: Open Explainer Panel');
    const frame = await workbench.panelFrame();
    const page = new ChapterPage(
      workbench,
      reference,
      prose,
      wrong,
      first,
      surest,
      logits,
      engine,
      score,
      frame,
    );
    await page.explains(wrong);
    return page;
  }

  /** The model's logits before the wrong variable, the first token or the surest. */
  logitsOf(token: ReportToken): Float32Array {
    const logits = this.allLogits.get(token);
    assert.ok(logits, `no logits were asked for at ${JSON.stringify(token.text)}`);
    return logits;
  }

  /** Puts the editor's cursor on a token, and waits until the page explains it. */
  async goTo(token: ReportToken): Promise<void> {
    await this.workbench.focusGroup(1);
    await this.workbench.goTo(token.line, token.column);
    await this.explains(token);
  }

  /** Does something and brings the page back to the wrong variable at temperature 1, in bits. */
  async keeping(check: () => Promise<void>): Promise<void> {
    try {
      await check();
    } finally {
      await this.setSlider('temperature', TEMPERATURE.positionOfOne);
      await this.chooseUnit('bits');
      const { line, column } = this.wrong;
      if ((await this.text('position')) !== `Line ${line}, column ${column}`) {
        await this.goTo(this.wrong);
      }
    }
  }

  /** Moves the slider of the temperature, and returns the temperature that it means there. */
  async setTemperature(position: number): Promise<number> {
    const { steps, min, max } = TEMPERATURE;
    await this.setSlider('temperature', position);
    return Number((min * (max / min) ** (position / steps)).toFixed(2));
  }

  /** Ends the engine and the workbench. */
  async close(): Promise<void> {
    this.engine.dispose();
    await this.workbench.close();
  }

  /**
   * The engine's answer for a token of the code.
   * @param top number of candidates with a name
   * @returns with the logits of the whole vocabulary
   */
  async distributionOf(token: ReportToken, top: number): Promise<Distribution & { logits: Float32Array }> {
    const index = this.reference.report.tokens.indexOf(token);
    const [answer] = await this.engine.distributions(CODE, this.score, [index], top, true);
    const { logits } = answer;
    assert.ok(logits);
    return { ...answer, logits };
  }

  /** Waits until the page explains a token, all of it. */
  explains(token: ReportToken): Promise<void> {
    return panelExplains(this.frame, token);
  }

  /** The text of the first element of this name. */
  text(test: string): Promise<string> {
    return textIn(this.frame, test);
  }

  /** The first element of this name. */
  find(test: string): Locator {
    return this.frame.getByTestId(test).first();
  }

  async openChapter(name: ChapterName): Promise<void> {
    await this.frame.getByTestId(`tab-${name}`).click();
    await this.frame.getByTestId(`chapter-${name}`).waitFor();
  }

  /** Asserts that an element shows a number, and counts it as compared, see {@link unchecked}. */
  async showsNear(test: string | Locator, value: number, tolerance: number): Promise<void> {
    const element = typeof test === 'string' ? this.find(test) : test;
    const shown = await this.read(element);
    assert.ok(
      Math.abs(numberIn(shown) - value) <= tolerance,
      `${typeof test === 'string' ? test : ''}: “${shown}” is shown instead of ${value}`,
    );
  }

  /** Asserts that an element shows a text, and counts it as compared, see {@link unchecked}. */
  async showsText(test: string | Locator, expected: readonly string[]): Promise<void> {
    const shown = await this.read(typeof test === 'string' ? this.find(test) : test);
    assert.ok(
      expected.map(plain).includes(shown),
      `${typeof test === 'string' ? test : ''}: “${shown}” is shown instead of “${expected[0]}”`,
    );
  }

  /** Forgets what has been read so far: all numbers have to be compared again. */
  async startChecking(): Promise<void> {
    await this.frame.locator('html').evaluate((root, name) => {
      for (const element of root.querySelectorAll(`[${name}]`)) {
        element.removeAttribute(name);
      }
    }, CHECKED);
  }

  /** The text of an element that the caller compares: it counts as compared, see {@link unchecked}. */
  async read(element: Locator): Promise<string> {
    const text: string = await element.first().evaluate((node, name) => {
      node.setAttribute(name, '');
      return node.textContent ?? '';
    }, CHECKED);
    return plain(text);
  }

  /** The texts of all elements that a locator finds; they count as compared, see {@link unchecked}. */
  async readAll(elements: Locator): Promise<string[]> {
    const texts: string[] = await elements.evaluateAll(
      (nodes, name) =>
        nodes.map((node) => {
          node.setAttribute(name, '');
          return node.textContent ?? '';
        }),
      CHECKED,
    );
    return texts.map(plain);
  }

  /** What a screen reader says of a chart's picture. */
  async descriptionOf(test: string): Promise<string> {
    const picture = this.frame.getByTestId(test).locator('svg.chart-picture');
    return plain((await picture.getAttribute('aria-label')) ?? '');
  }

  /**
   * What a part of the page shows with a digit in it and no test has read: texts of elements that are on screen, but
   * for axes' values (class `tick`), constants of formulas, names of tokens, and what only a screen reader reads.
   * @param allowed texts that are words and not numbers of this token, such as a heading with a digit in it
   */
  async unchecked(test: string, allowed: readonly RegExp[] = []): Promise<string[]> {
    const texts: string[] = await this.find(test).evaluate((root, checked) => {
      const found: string[] = [];
      const { document } = root.ownerDocument.defaultView;
      const walker = document.createTreeWalker(root, 4);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const parent = node.parentElement;
        if (
          /\d/.test(node.textContent) &&
          parent.getClientRects().length > 0 &&
          !parent.closest(`[${checked}], .tick, mn:not(.slot), .spoken, .chart-tools, .token-name`)
        ) {
          found.push(
            `${parent.getAttribute('data-testid') ?? parent.getAttribute('class') ?? parent.tagName}: ${node.textContent}`,
          );
        }
      }
      return found;
    }, CHECKED);
    return texts.map(plain).filter((text) => !allowed.some((pattern) => pattern.test(text)));
  }

  /**
   * What stands in the way of people who use a screen reader, the keyboard, or low contrast, as far as axe-core finds
   * it (WCAG 2.1, levels A and AA): rule, element, and what is wrong with it.
   */
  async inaccessible(): Promise<string[]> {
    await this.frame.evaluate(axe.source);
    const { violations } = await this.frame.evaluate<AxeResults>(
      `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] })`,
    );
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${plain(failureSummary ?? '')}`),
    );
  }

  /** Sets a slider as dragging its thumb does. */
  async setSlider(test: string, position: number): Promise<void> {
    await this.frame.getByTestId(test).evaluate((element, value) => {
      element.value = String(value);
      element.dispatchEvent(new element.ownerDocument.defaultView.Event('input', { bubbles: true }));
    }, position);
  }

  /** Sets a field with a number in it as typing and leaving it does. */
  async setNumber(test: string, value: number): Promise<void> {
    const field = this.frame.getByTestId(test);
    await field.fill(String(value));
    await field.press('Tab');
  }

  /** Chooses a unit, and waits until the extension has it too: what it still sends is not of an earlier choice. */
  async chooseUnit(unit: string): Promise<void> {
    await this.frame.getByTestId('unit').getByText(unit, { exact: true }).click();
    await eventually(
      `the extension should count in ${unit}`,
      () => this.workbench.statusBarText(),
      (shown) => shown.includes(`${unit}/token`),
    );
  }

  /** The rows of the table behind a chart. */
  async tableOf(test: string): Promise<string[][]> {
    const toggle = this.frame.getByTestId(`${test}-show-table`);
    await this.frame.getByTestId(test).hover();
    await toggle.click();
    const rows: string[][] = await this.frame
      .getByTestId(`${test}-table`)
      .locator('tbody tr')
      .evaluateAll((elements) => elements.map((row) => [...row.cells].map((cell) => cell.textContent)));
    await toggle.click();
    return rows.map((row) => row.map(plain));
  }

  /** The headings of that table's columns, once its rows have been read. */
  async headingsOf(test: string): Promise<string[]> {
    const headings = await this.frame.getByTestId(`${test}-table`).locator('thead th').allTextContents();
    return headings.map(plain);
  }

  /** Waits until something that throws while it is not so does not throw any more. */
  async becomes(what: string, check: () => Promise<void>, timeout = 5000): Promise<void> {
    await eventually(
      what,
      () =>
        check().then(
          () => '',
          (error: Error) => error.message,
        ),
      (problem) => problem === '',
      timeout,
    );
  }
}
