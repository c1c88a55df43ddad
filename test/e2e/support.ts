/** What the end-to-end tests share: the numbers to expect, and what is seen on screen in the same terms. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { Frame } from 'playwright-core';
import type { Report, ReportToken } from '../../src/cli/report';
import { HEAT_BIN_COUNT, heatOf } from '../../src/loss/heat';
import { formatSurprisal } from '../../src/loss/units';
import { HEAT_BACKGROUNDS, type ThemeKind } from '../../src/text/palette';
import { makeVisible } from '../../src/text/visible';
import { CLI, DEMO, ENGINE_HOST, ROOT } from '../support/paths';
import type { Theme, Workbench } from '../support/workbench';

/** Largest difference of two computations of the same score, in nats. */
const TOLERANCE = 1e-4;
/** How long the model may take for a document of the demo folder on a busy machine, in milliseconds. */
export const SCORED_WITHIN = 90_000;

/** Settings of all workbenches here: the device that the command line computes on, on every machine. */
export const SETTINGS = { 'surprisal.device': 'cpu' };

/** What the engine's process runs, wherever the extension is linked to. */
const ENGINE = relative(ROOT, ENGINE_HOST);

export const DEMO_FILE = 'statistics.py';

const THEME_KINDS: Record<Theme, ThemeKind> = {
  dark: 'dark',
  light: 'light',
  'hc-dark': 'highContrast',
  'hc-light': 'highContrastLight',
};

/** A document scored by the command line: where the expected numbers come from. */
export class Reference {
  readonly lines: readonly string[];
  /** A digit for each character of each line: the bin that it is to be coloured in. */
  readonly heat: readonly string[];

  constructor(
    readonly text: string,
    readonly report: Report,
  ) {
    this.lines = text.split('\n');
    const bins = new Array<string>(text.length).fill('?');
    for (const { start, end, nats } of report.tokens) {
      // No character of the demo's code is spread over several tokens.
      bins.fill(String(heatOf(nats)), start, end);
    }
    let offset = 0;
    this.heat = this.lines.map((line) => {
      const heat = bins.slice(offset, offset + line.length).join('');
      offset += line.length + 1;
      return heat;
    });
  }

  /** 1-based number of the line with this in it. */
  lineOf(part: string): number {
    const index = this.lines.findIndex((line) => line.includes(part));
    assert.ok(index >= 0, `no line has ${JSON.stringify(part)} in it`);
    return index + 1;
  }

  /** The token of a line that has this text. */
  token(line: number, text: string): ReportToken {
    const token = this.report.tokens.find((candidate) => candidate.line === line && candidate.text === text);
    assert.ok(token, `line ${line} has no token ${JSON.stringify(text)}`);
    return token;
  }

  /** The tokens that begin in some lines, the last one not included. */
  tokensOf(firstLine: number, lineAfter: number): ReportToken[] {
    return this.report.tokens.filter(({ line }) => line >= firstLine && line < lineAfter);
  }
}

/** What every reference is computed with: numbers of other forms of the weights differ in the last bits. */
export const WEIGHTS = 'quantized';

/**
 * Scores texts with the command line.
 * @param model another one than the bundled
 */
export async function scoreWithCommandLine(texts: readonly string[], model?: string): Promise<Reference[]> {
  const folder = await mkdtemp(join(tmpdir(), 'surprisal-reference-'));
  try {
    const files = texts.map((_, index) => join(folder, `${index}.txt`));
    await Promise.all(files.map((file, index) => writeFile(file, texts[index])));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        ...[CLI, 'score', ...files, '--format', 'json', '--top', '50', '--device', 'cpu'],
        ...['--weights', WEIGHTS, ...(model === undefined ? [] : ['--model', model])],
      ],
      { maxBuffer: 1 << 28 },
    );
    const reports: Report[] = [JSON.parse(stdout)].flat();
    return texts.map((text, index) => new Reference(text, reports[index]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function demoText(name = DEMO_FILE): Promise<string> {
  return readFile(join(DEMO, name), 'utf8');
}

/** A value as it may be shown: two computations may differ by a rounding error. */
export function ways(value: number, format: (value: number) => string): string[] {
  return [value, value - TOLERANCE, Math.max(0, value + TOLERANCE)].map(format);
}

/** Asserts that a text is what the value is shown as. */
export function assertShows(
  shown: string | null | undefined,
  value: number,
  format: (value: number) => string,
) {
  const expected = ways(value, format);
  assert.ok(
    shown !== null && shown !== undefined && expected.includes(plain(shown)),
    `“${shown}” is shown instead of “${expected[0]}”`,
  );
}

/** With ordinary spaces only, each run of them as one. */
export function plain(text: string): string {
  return text.replace(/\s+/gu, ' ').trim();
}

/** Reads until what was read is right, and returns it. */
export async function eventually<Value>(
  what: string,
  read: () => Promise<Value>,
  isRight: (value: Value) => boolean,
  timeout = 30_000,
): Promise<Value> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const value = await read();
    if (isRight(value)) {
      return value;
    }
    if (Date.now() > deadline) {
      throw new Error(`${what}: after ${timeout / 1000} s there is still ${JSON.stringify(value)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
}

/** The engines' processes that this one has started, by way of VS Code. */
async function enginesRunning(): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,args=']);
  const processes = new Map(
    stdout.split('\n').flatMap((line) => {
      const [, id, parent, command] = /^ *(\d+) +(\d+) +(.*)$/.exec(line) ?? [];
      return id ? [[Number(id), { parent: Number(parent), command }] as const] : [];
    }),
  );
  const isOurs = (id: number): boolean =>
    id === process.pid || (processes.has(id) && isOurs(processes.get(id)!.parent));
  return [...processes].flatMap(([id, { command }]) => (command.includes(ENGINE) && isOurs(id) ? [id] : []));
}

/** How many of them there are. */
export async function countEngines(): Promise<number> {
  return (await enginesRunning()).length;
}

/** Does something while the engine's process gets no processor, as if a run took very long. */
export async function withEnginePaused(action: () => Promise<void>): Promise<void> {
  const engines = await enginesRunning();
  assert.ok(engines.length > 0, 'there is no engine');
  const signal = (name: NodeJS.Signals) => {
    for (const id of engines) {
      try {
        process.kill(id, name);
      } catch {
        // It was ended meanwhile.
      }
    }
  };
  signal('SIGSTOP');
  try {
    await action();
  } finally {
    signal('SIGCONT');
  }
}

/** The text of the first element of this name in a panel's page. */
export async function textIn(frame: Frame, test: string): Promise<string> {
  return plain((await frame.getByTestId(test).first().textContent()) ?? '');
}

/** Waits until a panel explains a token, all of it. */
export async function panelExplains(frame: Frame, token: ReportToken): Promise<void> {
  const place = `Line ${token.line}, column ${token.column}`;
  await eventually(
    `the panel should explain ${JSON.stringify(token.text)}`,
    async () => `${await textIn(frame, 'token')} at ${await textIn(frame, 'position')}`,
    (shown) => shown === `${makeVisible(token.text)} at ${place}`,
    SCORED_WITHIN,
  );
  await frame.locator('[data-testid="explained"][aria-busy="false"]').waitFor({ state: 'attached' });
}

/** Waits until the status bar's item says something, as a screen reader has it. */
export async function statusSays({ page }: Workbench, what: RegExp, timeout = SCORED_WITHIN): Promise<void> {
  const item = page.locator('.statusbar-item[id*="surprisal" i]').first();
  await eventually(
    `the status bar should say ${what}`,
    async () => (await item.getAttribute('aria-label')) ?? '',
    (label) => what.test(label),
    timeout,
  );
}

/** Waits until the status bar shows a mean surprisal per token. */
export async function statusShows(
  workbench: Workbench,
  tokens: readonly ReportToken[],
  timeout = SCORED_WITHIN,
): Promise<void> {
  const mean = tokens.reduce((sum, { nats }) => sum + nats, 0) / tokens.length;
  const expected = ways(mean, (nats) => `${formatSurprisal(nats, 'bits')}/token`);
  await eventually(
    `the status bar should show ${expected[0]}`,
    () => workbench.statusBarText(),
    (text) => expected.includes(text),
    timeout,
  );
}

/** Takes back what was typed, step by step, until a line is as it was. */
export async function undoUntil(workbench: Workbench, line: number, text: string): Promise<void> {
  for (let step = 0; (await workbench.lineText(line)) !== text; step++) {
    assert.ok(step < 40, `undoing does not lead back: ${await workbench.lineText(line)}`);
    await workbench.page.keyboard.press('ControlOrMeta+z');
    await workbench.page.waitForTimeout(50);
  }
}

export interface HeatedLine {
  readonly line: number;
  readonly text: string;
  /** A digit for each character; a blank where nothing is drawn. */
  readonly heat: string;
}

/** The lines of the active editor that are on screen, with the bins that their characters are coloured in. */
export async function heatOnScreen(workbench: Workbench, theme: Theme = 'dark'): Promise<HeatedLine[]> {
  const [lines, spans] = [await workbench.linesOnScreen(), await workbench.decoratedSpans()];
  return lines.map(({ line, text }) => {
    const heat = new Array<string>(text.length).fill(' ');
    for (const span of spans.filter((candidate) => candidate.line === line)) {
      for (let index = span.column - 1; index < span.column - 1 + span.text.length; index++) {
        assert.equal(heat[index], ' ', `line ${line}, column ${index + 1} is coloured twice`);
        heat[index] = binOf(span.background, THEME_KINDS[theme]);
      }
    }
    return { line, text, heat: heat.join('') };
  });
}

/** Waits until every character on screen has the colour of the bin that the reference puts it in. */
export async function heatBecomes(
  workbench: Workbench,
  reference: Reference,
  { theme = 'dark', timeout = SCORED_WITHIN }: { theme?: Theme; timeout?: number } = {},
): Promise<HeatedLine[]> {
  const expectedOf = (lines: readonly HeatedLine[]) =>
    lines.map(({ line }) => ({
      line,
      text: reference.lines[line - 1],
      heat: reference.heat[line - 1],
    }));
  const isSame = (lines: readonly HeatedLine[]) =>
    lines.length > 0 && JSON.stringify(lines) === JSON.stringify(expectedOf(lines));
  const deadline = Date.now() + timeout;
  for (;;) {
    // VS Code may be in the middle of drawing: then the next look finds it done.
    const lines = await heatOnScreen(workbench, theme).catch(() => []);
    if (isSame(lines)) {
      return lines;
    }
    if (Date.now() > deadline) {
      const last = await heatOnScreen(workbench, theme);
      assert.deepEqual(last, expectedOf(last));
      assert.ok(last.length > 0, 'no line is on screen');
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Waits until nothing is coloured. */
export async function heatGoes(workbench: Workbench): Promise<void> {
  await eventually(
    'colours should be gone',
    () => workbench.decoratedSpans(),
    (spans) => spans.length === 0,
  );
}

/** The bins that the legend, which has no line numbers, shows a colour of. */
export async function legendBins(workbench: Workbench, theme: Theme = 'dark'): Promise<string> {
  const backgrounds: string[] = await workbench.page
    .locator('.editor-group-container.active .view-overlays .cdr[class*="ced-"]')
    .evaluateAll((elements) =>
      elements.map((element) => element.ownerDocument.defaultView.getComputedStyle(element).backgroundColor),
    );
  return [...new Set(backgrounds.map((background) => binOf(background, THEME_KINDS[theme])))].sort().join('');
}

/** The bin whose background in a theme is this computed colour. */
function binOf(background: string, kind: ThemeKind): string {
  const [red, green, blue, alpha = 1] = (background.match(/[\d.]+/g) ?? []).map(Number);
  for (let bin = 0; bin < HEAT_BIN_COUNT; bin++) {
    const colour = HEAT_BACKGROUNDS[bin][kind];
    const channels = [1, 3, 5, 7].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
    const isSame =
      channels[0] === red &&
      channels[1] === green &&
      channels[2] === blue &&
      // Browsers write the alpha with two or three digits.
      Math.abs(channels[3] / 255 - alpha) < 0.006;
    if (isSame) {
      return String(bin);
    }
  }
  throw new Error(`${background} is no colour of the heatmap in the theme ${kind}`);
}

/** What the Problems view lists, row by row, the files among them. */
export function problemsIn(workbench: Workbench): Promise<string[]> {
  return workbench.page
    .locator('.markers-panel .monaco-list-row')
    .evaluateAll((rows) => rows.map((row) => row.textContent ?? ''));
}
