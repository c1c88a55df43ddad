/**
 * One keystroke in the middle of a file of 2,000 lines: how many tokens are computed again, and how long it takes until
 * what is on screen has its new scores, beside scoring the file from scratch; and how long it takes there when the file is
 * opened. First through the engine's client, as the editor uses it; then in the real VS Code, from the key press to the
 * frame with the new colours.
 *
 * Takes about two minutes per round on two cores. `SURPRISAL_ROUNDS` sets their number; each begins with an engine that
 * has seen nothing, and compares what it measures with that round's own from-scratch time.
 */
import { strict as assert } from 'node:assert';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { CancelledError, type ScoreListener } from '../../src/engine/api';
import { Engine } from '../../src/engine/client';
import type { ScoreStatistics } from '../../src/engine/protocol';
import { commonPrefix } from '../../src/engine/resultCache';
import { LossMap } from '../../src/loss/lossMap';
import { lineStarts } from '../../src/text/lines';
import { PAGE_LIMITS } from '../../src/text/pages';
import { ENGINE_HOST, MODEL } from '../support/paths';
import { openWorkbench, type Workbench } from '../support/workbench';
import { recordColours, takeColours } from './colours';
import { machine, type Row, report, spreadOf, type Yardstick } from './report';
import { isScored as isDocumentScored } from './scored';
import { codeOfLines } from './sourceCode';

const ROUNDS = Number(process.env.SURPRISAL_ROUNDS ?? 3);
const LINES = 2000;
/** Lines on screen, with the edit in their middle. */
const SCREEN = 50;
/** Where the edits are made: 0-based line numbers, in the first, the second and the third part of the file. */
const PLACES = [401, 1000, 1637];
/** From there on, in lines, another place where the cursor rests before something is typed; and for how long, in milliseconds. */
const RESTED = 200;
const REST = 10_000;
/** A pasted block's length in lines; it is taken from far away. */
const BLOCK = 12;
/** What a keystroke may take of the time from scratch, and the most tokens that it may compute again. */
const SHARE = 1 / 20;
const PAGE: Yardstick = {
  name: 'the longest page with its overlap',
  value: PAGE_LIMITS.maximum + PAGE_LIMITS.overlap,
};
/** Pause before a key press in VS Code, in milliseconds, and after it, longer than the delay before a scoring. */
const PAUSE = 500;
const SETTLED = 1000;
const SCORED_WITHIN = 600_000;
const FILE = 'code.ts';

/** What scoring a text took, in milliseconds, and what it cost. */
interface Timed {
  /** Until the tokens from the first change to the end of its line had their scores. */
  readonly changed: number;
  /** Until every token on screen had its scores. */
  readonly visible: number;
  /** Until every token had. */
  readonly all: number;
  readonly tokens: number;
  readonly statistics: ScoreStatistics;
}

/** One edit after another at a place, each of the text that the one before left. */
interface Edit {
  readonly name: string;
  apply(lines: readonly string[], line: number): string[];
}

function insertAt(text: string, column: number, put: string): string {
  return text.slice(0, column) + put + text.slice(column);
}

function replaceLine(lines: readonly string[], line: number, change: (text: string) => string): string[] {
  return lines.map((text, index) => (index === line ? change(text) : text));
}

const middle = (text: string) => text.length >> 1;

const typed =
  (put: string) =>
  (lines: readonly string[], line: number): string[] =>
    replaceLine(lines, line, (text) => insertAt(text, middle(text), put));

const EDITS: readonly Edit[] = [
  {
    name: 'the first character typed at a place',
    apply: typed('x'),
  },
  {
    name: 'the next character',
    apply: typed('y'),
  },
  { name: 'a line deleted', apply: (lines, line) => lines.toSpliced(line + 2, 1) },
  {
    name: `a block of ${BLOCK} lines pasted`,
    apply: (lines, line) =>
      lines.toSpliced(line + 1, 0, ...lines.slice((line + LINES / 2) % (LINES - BLOCK)).slice(0, BLOCK)),
  },
];
/** Back to the text before the paste, which is known. */
const UNDO = 'the paste undone';
const RESTED_KEY = 'the first character where the cursor has rested';

/** UTF-16 range of the lines around one of them. */
function screenAround(lines: readonly string[], line: number): [number, number] {
  const starts = lineStarts(lines.join('\n'));
  return [starts[Math.max(0, line - SCREEN / 2)], starts[Math.min(starts.length - 1, line + SCREEN / 2)]];
}

/** Puts together the scores that come in. @param added called with what there is, whenever there is more */
function gather(added: (map: LossMap) => void): ScoreListener {
  let map: LossMap | undefined;
  return {
    layout: (layout) => {
      map = new LossMap(layout);
    },
    scores: (from, scores) => {
      if (map) {
        map.write(from, scores);
        added(map);
      }
    },
  };
}

/** Scores a text that was another one before, with the lines around one of them on screen. */
async function score(
  engine: Engine,
  lines: readonly string[],
  line: number,
  before: readonly string[] = [],
): Promise<Timed> {
  const text = lines.join('\n');
  const change = commonPrefix(text, before.join('\n'));
  const lineEnd = text.indexOf('\n', change);
  const visible = screenAround(lines, line);
  let map: LossMap | undefined;
  let seen = Number.NaN;
  let changed = Number.NaN;
  const began = performance.now();
  const listener = gather((gathered) => {
    map = gathered;
    if (Number.isNaN(changed) && isScored(map, change, lineEnd)) {
      changed = performance.now();
    }
    if (Number.isNaN(seen) && isScored(map, visible[0], visible[1])) {
      seen = performance.now();
    }
  });
  const statistics = await engine.score(FILE, text, visible, listener);
  const all = performance.now() - began;
  assert.ok(map?.complete && !Number.isNaN(seen), 'tokens have no scores');
  return { changed: changed - began, visible: seen - began, all, tokens: map.length, statistics };
}

/**
 * Opens a text in an engine that has seen nothing, with the lines around one of them on screen.
 * @returns milliseconds until these had their scores; what is left then is cancelled
 */
async function openAt(engine: Engine, lines: readonly string[], line: number): Promise<number> {
  await engine.restart();
  const visible = screenAround(lines, line);
  const seen = new AbortController();
  let took = Number.NaN;
  const began = performance.now();
  const listener = gather((map) => {
    if (isScored(map, visible[0], visible[1])) {
      took = performance.now() - began;
      seen.abort();
    }
  });
  try {
    await engine.score(FILE, lines.join('\n'), visible, listener, { signal: seen.signal });
  } catch (error) {
    assert.ok(error instanceof CancelledError, String(error));
  }
  assert.ok(!Number.isNaN(took), 'what is on screen has no scores');
  return took;
}

function isScored(map: LossMap, start: number, end: number): boolean {
  const first = map.firstTokenAfter(start);
  const after = map.firstTokenAfter(end - 1);
  return map.nats.subarray(first, after).every((nats) => !Number.isNaN(nats));
}

/** What was measured of one kind of edit. */
class Samples {
  readonly changed: number[] = [];
  readonly visible: number[] = [];
  readonly all: number[] = [];
  readonly tokens: number[] = [];
  /** Time until what is on screen was scored, by the from-scratch time of the same round. */
  readonly shares: number[] = [];

  add({ changed, visible, all, statistics }: Timed, scratch: number): void {
    this.changed.push(changed);
    this.visible.push(visible);
    this.all.push(all);
    this.tokens.push(statistics.tokensRun);
    this.shares.push((100 * visible) / scratch);
  }
}

/** Measures through the engine's client. */
async function measureEngine(original: readonly string[]) {
  const scratch: Timed[] = [];
  const opened: number[] = [];
  const names = [...EDITS.map(({ name }) => name), UNDO, RESTED_KEY];
  const samples = new Map(names.map((name) => [name, new Samples()]));
  let device = '';
  for (let round = 0; round < ROUNDS; round++) {
    const engine = new Engine({
      hostPath: ENGINE_HOST,
      settings: { folder: MODEL, device: 'cpu', threads: 0, weights: 'float32' },
    });
    try {
      const ready = await engine.ensureReady();
      device = `${ready.device.name}, ${ready.device.threads} threads`;
      // With the file's beginning on screen, so that no place of an edit is favoured.
      const cold = await score(engine, original, 0);
      scratch.push(cold);
      for (const line of PLACES) {
        let lines: readonly string[] = original;
        let before = lines;
        for (const edit of EDITS) {
          before = lines;
          lines = edit.apply(lines, line);
          samples.get(edit.name)?.add(await score(engine, lines, line, before), cold.all);
        }
        samples.get(UNDO)?.add(await score(engine, before, line, lines), cold.all);
        const rested = line + RESTED;
        const cursor = lineStarts(before.join('\n'))[rested] + middle(before[rested]);
        engine.setVisible(FILE, screenAround(before, rested), cursor);
        await setTimeout(REST);
        samples
          .get(RESTED_KEY)
          ?.add(await score(engine, typed('x')(before, rested), rested, before), cold.all);
      }
      for (const line of PLACES) {
        opened.push(await openAt(engine, original, line));
      }
    } finally {
      await engine.stop();
      engine.dispose();
    }
  }
  return { device, scratch, opened, samples };
}

/** Times in one window, in milliseconds. */
interface WindowSamples {
  readonly scratch: number[];
  readonly keys: Map<string, number[]>;
}

/** Keys whose effect is measured in VS Code, in this order. */
const KEYS = [
  { name: 'the first character typed at a place', key: 'x' },
  { name: 'the next character', key: 'y' },
  { name: 'a line deleted', key: 'ControlOrMeta+Shift+k' },
  { name: 'the line’s deletion undone', key: 'ControlOrMeta+z' },
] as const;

/** Presses a key, and returns the milliseconds until the frame from which on the colours on screen stay. */
async function press(workbench: Workbench, key: string): Promise<number> {
  const { page } = workbench;
  await page.waitForTimeout(PAUSE);
  await takeColours(page);
  await page.keyboard.press(key);
  await page.waitForTimeout(SETTLED);
  await isDocumentScored(workbench, SCORED_WITHIN);
  await page.waitForTimeout(PAUSE);
  const { keys, changes } = await takeColours(page);
  const pressed = keys.findLast((one) => key.toLowerCase().endsWith(one.key.toLowerCase()));
  const last = changes.at(-1);
  assert.ok(pressed && last && last.at > pressed.at, `nothing has changed after ${key}`);
  return last.at - pressed.at;
}

/** Measures in VS Code, in a new window each round. */
async function measureWindows(original: readonly string[]): Promise<WindowSamples> {
  const names = [...KEYS.map(({ name }) => name), RESTED_KEY];
  const samples: WindowSamples = { scratch: [], keys: new Map(names.map((name) => [name, []])) };
  const folder = await mkdtemp(join(tmpdir(), 'surprisal-keystroke-'));
  await writeFile(join(folder, FILE), original.join('\n'));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const workbench = await openWorkbench({
        workspace: folder,
        settings: {
          'surprisal.device': 'cpu',
          'surprisal.heatmap.enabled': true,
          'editor.quickSuggestions': { other: 'off', comments: 'off', strings: 'off' },
        },
        size: { width: 1280, height: 1000 },
        initScript: recordColours,
      });
      try {
        const began = performance.now();
        await workbench.openFile(FILE);
        await isDocumentScored(workbench, SCORED_WITHIN);
        samples.scratch.push(performance.now() - began);
        for (const line of PLACES) {
          // Behind the indentation; 1-based.
          await workbench.goTo(line + 1, middle(original[line]) + 1);
          for (const { name, key } of KEYS) {
            samples.keys.get(name)?.push(await press(workbench, key));
          }
          await workbench.goTo(line + RESTED + 1, middle(original[line + RESTED]) + 1);
          await setTimeout(REST);
          samples.keys.get(RESTED_KEY)?.push(await press(workbench, 'x'));
        }
      } catch (error) {
        await workbench.saveEvidence('bench-keystroke');
        throw error;
      } finally {
        await workbench.close();
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return samples;
}

async function main(): Promise<void> {
  const before = machine();
  const original = (await codeOfLines(LINES)).split('\n');
  const { device, scratch, opened, samples } = await measureEngine(original);
  const windows = await measureWindows(original);

  const whole = spreadOf(scratch.map(({ all }) => all)).median;
  const wholeWindow = spreadOf(windows.scratch).median;
  const fromScratch = (value: number): Yardstick[] => [
    { name: 'from scratch', value },
    { name: 'the limit of a twentieth of that', value: value * SHARE },
  ];
  const all = [...samples.values()];
  const rows: Row[] = [
    { name: 'engine, from scratch: every token', samples: scratch.map((one) => one.all) },
    { name: '  until the 50 lines on screen', samples: scratch.map(({ visible }) => visible) },
    {
      name: '  tokens run',
      unit: 'tokens',
      samples: scratch.map(({ statistics }) => statistics.tokensRun),
      against: [{ name: 'the tokens of the file', value: scratch[0].tokens }],
    },
    {
      name: 'engine, the file opened in its middle: the 50 lines on screen',
      samples: opened,
      against: fromScratch(whole),
    },
    ...[...samples].flatMap(([name, { changed, visible, all: complete, tokens }]): Row[] => [
      {
        name: `engine, ${name}: the 50 lines on screen`,
        samples: visible,
        against: fromScratch(whole),
      },
      { name: '  from the change to the end of its line', samples: changed },
      { name: '  every token', samples: complete },
      { name: '  tokens run', unit: 'tokens', samples: tokens, against: [PAGE] },
    ]),
    {
      name: 'engine, all edits: the 50 lines, of the same round’s time from scratch',
      unit: '%',
      samples: all.flatMap(({ shares }) => shares),
      against: [{ name: 'the limit', value: 100 * SHARE }],
    },
    {
      name: 'engine, all edits: tokens run',
      unit: 'tokens',
      samples: all.flatMap(({ tokens }) => tokens),
      against: [PAGE],
    },
    { name: 'VS Code, from scratch: from opening the file on', samples: windows.scratch },
    ...[...windows.keys].map(
      ([name, times]): Row => ({
        name: `VS Code, ${name}: from the key to the last new colour on screen`,
        samples: times,
        against: fromScratch(wholeWindow),
      }),
    ),
  ];
  const over = all.flatMap(({ tokens }) => tokens).filter((tokens) => tokens > PAGE.value).length;
  await report(
    'keystroke',
    {
      ...before,
      device,
      document: `${LINES} lines of code, ${scratch[0].tokens} tokens, ${scratch[0].statistics.pages} pages`,
      editsOverOnePage: over,
    },
    rows,
  );
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
