/**
 * How fast the explainer panel opens and follows the cursor, in the real VS Code with the bundled model, beside what
 * the engine alone needs for the same tokens.
 *
 * Two engines are in memory, the editor's and this process's, but only one computes at a time: every step of the
 * cursor is followed by the same question to the engine here, and by one run of the model's head.
 */
import { strict as assert } from 'node:assert';
import * as runtime from 'onnxruntime-node';
import type { Frame } from 'playwright-core';
import { Engine } from '../../src/engine/client';
import { openModelFolder } from '../../src/model/folder';
import { Network } from '../../src/model/network';
import { TOP } from '../../src/panel/state';
import { CHAPTER_NAMES } from '../../webview/settings';
import { DEMO_FILE, demoText, eventually } from '../e2e/support';
import { DEMO, ENGINE_HOST, MODEL } from '../support/paths';
import { scoreText } from '../support/scoring';
import { openWorkbench, type Workbench } from '../support/workbench';
import { type Recording, recordIn, type Shown, takeRecording } from './recorder';
import { machine, type Row, report, spreadOf, type Yardstick } from './report';
import { isScored } from './scored';

/** What a user may expect once the model is loaded: the panel opens, and follows the cursor, in milliseconds. */
const OPEN_LIMIT: Yardstick = { name: 'the limit of 500 ms', value: 500 };
const FOLLOW_LIMIT: Yardstick = { name: 'the limit of 100 ms', value: 100 };

/** In one window, ours and VS Code's preview in turn. */
const OPENINGS = 10;
/** The first webview of a window: that many windows for ours and for VS Code's preview, in turn. */
const FRESH_WINDOWS = 5;
/** Per chapter. */
const STEPS = 15;
/** Steps of a chapter that do not count: code runs for the first time, and is compiled meanwhile. */
const WARM_UP = 3;
/** Pause before a key press, in milliseconds: longer than anything that the panel puts off. */
const PAUSE = 300;
/** Where the cursor begins. */
const FIRST_LINE = 6;

const COMMAND = 'Surprisal: Open Explainer Panel';
/** What the panel's opening is compared with: a webview of VS Code's own, beside the editor as well. */
const PREVIEW = 'Markdown: Open Locked Preview to the Side';
const PREVIEWED_FILE = 'origin.md';

/** Durations of one kind of event, in milliseconds, from the key press on. */
interface Follow {
  /** Until the page has heard that the cursor has moved. */
  readonly heard: number[];
  /** Until the model's answer is in the page. */
  readonly answered: number[];
  /** Until the frame that shows it. */
  readonly shown: number[];
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The document's tokens as the panel names their places. */
class Places {
  readonly #lineStarts: number[];

  constructor(
    readonly text: string,
    private readonly starts: Uint32Array,
  ) {
    this.#lineStarts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  }

  /** The token that a UTF-16 offset is in; the demo has no text without one. */
  tokenAt(offset: number): number {
    return this.starts.findLastIndex((start) => start <= offset);
  }

  position(token: number): string {
    const start = this.starts[token];
    const line = this.#lineStarts.findLastIndex((begin) => begin <= start);
    return `Line ${line + 1}, column ${start - this.#lineStarts[line] + 1}`;
  }

  offsetOfLine(line: number): number {
    return this.#lineStarts[line - 1];
  }
}

/** Milliseconds that something takes. */
async function timed(run: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await run();
  return performance.now() - before;
}

/** Runs a command from the keyboard, and returns when the key that runs it was pressed. */
async function press({ page }: Workbench, command: string): Promise<() => Promise<number>> {
  const widget = page.locator('.quick-input-widget');
  await page.keyboard.press('F1');
  await widget.waitFor({ state: 'visible' });
  await widget.locator('.quick-input-box input').fill(`>${command}`);
  await widget
    .locator('.quick-input-list .monaco-list-row.focused .label-name', { hasText: command })
    .waitFor();
  await pause(PAUSE);
  await takeRecording(page);
  await page.keyboard.press('Enter');
  return async () => {
    const enter = (await takeRecording(page)).keys.find(({ key }) => key === 'Enter');
    assert.ok(enter, 'the page has seen no Enter');
    return enter.at;
  };
}

/** Opens the panel with the command; the clock starts with the key that runs it. */
async function open(workbench: Workbench) {
  const pressed = await press(workbench, COMMAND);
  const frame = await workbench.panelFrame();
  const recording = await whenShown(frame, ({ busy }) => !busy);
  const enter = await pressed();
  assert.ok(recording.files && recording.built, 'the frame has not loaded the page');
  const shown = recording.shown.find(({ busy }) => !busy)!;
  return {
    frame,
    framed: recording.began - enter,
    asked: recording.files.asked - enter,
    loaded: recording.files.loaded - enter,
    built: recording.built - enter,
    told: recording.messages.find(({ type }) => type === 'state')!.at - enter,
    answered: recording.messages.find(({ type }) => type === 'logits')!.at - enter,
    shown: shown.at - enter,
  };
}

/** Milliseconds that VS Code's own preview of a Markdown file, all of it text, takes to open. */
async function openPreview(workbench: Workbench): Promise<number> {
  const pressed = await press(workbench, PREVIEW);
  const frame = await workbench.panelFrame();
  const previewed = await eventually(
    'the preview should be there',
    async () => (await takeRecording(frame)).previewed,
    (at) => at !== undefined,
  );
  return previewed! - (await pressed());
}

/** Waits until the panel has shown something, and returns what was recorded on the way. */
async function whenShown(frame: Frame, isRight: (shown: Shown) => boolean): Promise<Recording> {
  const all: Recording[] = [];
  await eventually(
    'the panel should show a token',
    async () => {
      all.push(await takeRecording(frame));
      return all.flatMap(({ shown }) => shown);
    },
    (shown) => shown.some(isRight),
  );
  return {
    ...all[all.length - 1],
    shown: all.flatMap(({ shown }) => shown),
    keys: all.flatMap(({ keys }) => keys),
    messages: all.flatMap(({ messages }) => messages),
  };
}

/** Closes the webview whose tab has this in its name. */
async function close({ page }: Workbench, name: string): Promise<void> {
  const tab = page.locator('.tab', { hasText: name });
  await tab.hover();
  await tab.locator('.codicon-close').click();
  await page.locator('iframe.webview').waitFor({ state: 'detached' });
}

/** With the mouse: a key that is pressed right after a click into a webview may reach neither of the two. */
async function focusEditor({ page }: Workbench, file = DEMO_FILE): Promise<void> {
  await page.getByRole('tab', { name: new RegExp(`^${file}`) }).click();
  await page.locator('.editor-group-container.active .monaco-editor.focused').waitFor();
}

/** A window with a file in it, all of it scored, and nothing opened beside it. */
async function openWindow(file: string): Promise<Workbench> {
  const workbench = await openWorkbench({
    workspace: DEMO,
    settings: { 'surprisal.device': 'cpu', 'surprisal.heatmap.enabled': true },
    size: { width: 1440, height: 900 },
  });
  await workbench.openFile(file);
  await isScored(workbench);
  await recordIn(workbench.page);
  return workbench;
}

/** Moves the cursor by one character, and measures if that leads to another token. */
async function step(workbench: Workbench, frame: Frame, places: Places, offset: number) {
  const token = places.tokenAt(offset + 1);
  if (token === places.tokenAt(offset)) {
    await workbench.page.keyboard.press('ArrowRight');
    return undefined;
  }
  await pause(PAUSE);
  await Promise.all([takeRecording(frame), takeRecording(workbench.page)]);
  await workbench.page.keyboard.press('ArrowRight');
  const wanted = places.position(token);
  const isRight = ({ position, busy }: Shown) => position === wanted && !busy;
  const { shown, messages } = await whenShown(frame, isRight);
  const { keys } = await takeRecording(workbench.page);
  const pressed = keys.find(({ key }) => key === 'ArrowRight');
  assert.ok(pressed, 'the page has seen no key');
  const states = messages.filter(({ type }) => type === 'state');
  const logits = messages.find(({ type }) => type === 'logits');
  assert.ok(logits && states.length > 0, 'the page got no answer');
  return {
    token,
    heard: states[0].at - pressed.at,
    answered: logits.at - pressed.at,
    shown: shown.find(isRight)!.at - pressed.at,
  };
}

/** What an opening's time is made of. */
function partsOf(openings: readonly Awaited<ReturnType<typeof open>>[]): Row[] {
  return [
    { name: '  until VS Code has made the frame', samples: openings.map(({ framed }) => framed) },
    { name: '  until VS Code has put the page in it', samples: openings.map(({ asked }) => asked) },
    { name: '  until script and style sheet are there', samples: openings.map(({ loaded }) => loaded) },
    { name: '  until the page is built', samples: openings.map(({ built }) => built) },
    { name: '  until the first state is in the page', samples: openings.map(({ told }) => told) },
    { name: '  until the model’s answer is in the page', samples: openings.map(({ answered }) => answered) },
  ];
}

async function main(): Promise<void> {
  const before = machine();
  const text = await demoText();
  const engine = new Engine({
    hostPath: ENGINE_HOST,
    settings: { folder: MODEL, device: 'cpu', threads: 0 },
  });
  let workbench: Workbench | undefined;
  let network: Network | undefined;
  try {
    const { device } = await engine.ensureReady();
    const { map, score } = await scoreText(engine, DEMO_FILE, text);
    const places = new Places(text, map.layout.starts);
    const folder = await openModelFolder(MODEL);
    network = await Network.load(runtime, folder, {
      provider: 'cpu',
      threads: device.threads,
      weights: 'quantized',
    });
    const ids = Uint32Array.from(folder.manifest.verification.ids);
    const hidden = (await network.run(ids)).slice(0, folder.manifest.hidden);
    const head = network;
    const engineAlone: number[] = [];
    const headAlone: number[] = [];
    /** The same question as the panel's, and one row of the head: what no panel can be faster than. */
    const measureEngine = async (token: number) => {
      engineAlone.push(await timed(() => engine.distributions(DEMO_FILE, score, [token], TOP, true)));
      headAlone.push(await timed(() => head.logits(hidden)));
    };
    for (let i = 0; i < WARM_UP; i++) {
      await measureEngine(i);
    }
    engineAlone.length = 0;
    headAlone.length = 0;

    const fresh: Awaited<ReturnType<typeof open>>[] = [];
    const freshPreviews: number[] = [];
    for (let i = 0; i < FRESH_WINDOWS; i++) {
      workbench = await openWindow(DEMO_FILE);
      await workbench.goTo(FIRST_LINE + i, 6);
      fresh.push(await open(workbench));
      await workbench.close();
      workbench = await openWindow(PREVIEWED_FILE);
      freshPreviews.push(await openPreview(workbench));
      await workbench.close();
    }

    workbench = await openWindow(DEMO_FILE);
    const window = workbench;
    const openings: Awaited<ReturnType<typeof open>>[] = [];
    const previews: number[] = [];
    // Neither the first webview of the window nor a text that is yet to be scored is to be in the figures.
    for (let i = 0; i <= OPENINGS; i++) {
      await window.openFile(PREVIEWED_FILE);
      await isScored(window);
      const preview = await openPreview(window);
      await close(window, 'Preview');
      await focusEditor(window);
      // Another token each time.
      await window.goTo(FIRST_LINE + i, 6);
      const opening = await open(window);
      if (i > 0) {
        previews.push(preview);
        openings.push(opening);
      }
      if (i < OPENINGS) {
        await close(window, 'Surprisal');
      }
    }
    const { frame } = openings[openings.length - 1];

    const follows = new Map<string, Follow>();
    await window.goTo(FIRST_LINE);
    let offset = places.offsetOfLine(FIRST_LINE);
    for (const chapter of CHAPTER_NAMES) {
      await frame.getByTestId(`tab-${chapter}`).click();
      await focusEditor(window);
      const follow: Follow = { heard: [], answered: [], shown: [] };
      for (let steps = 0; steps < WARM_UP + STEPS; offset++) {
        const result = await step(window, frame, places, offset);
        if (!result) {
          continue;
        }
        if (steps++ >= WARM_UP) {
          follow.heard.push(result.heard);
          follow.answered.push(result.answered);
          follow.shown.push(result.shown);
          await measureEngine(result.token);
        }
      }
      follows.set(chapter, follow);
    }

    const round: Yardstick = { name: 'the engine', value: spreadOf(engineAlone).median };
    const preview = (samples: readonly number[]): Yardstick => ({
      name: 'the preview',
      value: spreadOf(samples).median,
    });
    const row: Yardstick = { name: 'the head row', value: spreadOf(headAlone).median };
    const rows: Row[] = [
      { name: 'one row of the head alone', samples: headAlone },
      {
        name: 'engine: a distribution with its logits, there and back',
        samples: engineAlone,
        against: [row],
      },
      { name: 'VS Code’s Markdown preview, first webview of a window', samples: freshPreviews },
      {
        name: 'open, first webview of a window',
        samples: fresh.map(({ shown }) => shown),
        against: [OPEN_LIMIT, preview(freshPreviews), round],
      },
      ...partsOf(fresh),
      { name: 'VS Code’s Markdown preview, later ones', samples: previews },
      {
        name: 'open, later ones',
        samples: openings.map(({ shown }) => shown),
        against: [OPEN_LIMIT, preview(previews), round],
      },
      // Chromium holds a new webview's navigation for its service worker, all but the first one for a second.
      {
        name: '  without the wait for the frame’s own document',
        samples: openings.map(({ shown, asked, framed }) => shown - (asked - framed)),
        against: [OPEN_LIMIT, round],
      },
      ...partsOf(openings),
      ...[...follows].flatMap(([chapter, { heard, answered, shown }]): Row[] => [
        { name: `follow: ${chapter}`, samples: shown, against: [FOLLOW_LIMIT, round] },
        { name: '  until the page hears of the cursor', samples: heard },
        { name: '  until the answer is in the page', samples: answered },
        { name: '  from there until it is drawn', samples: shown.map((at, i) => at - answered[i]) },
      ]),
    ];
    const about = {
      ...before,
      model: folder.manifest.name,
      device: `${device.name}, ${device.threads} threads`,
      document: `${DEMO_FILE}, ${map.length} tokens`,
      browser: `Chromium ${window.browser.version()}, drawing in software`,
    };
    await report('panel', about, rows);
  } catch (error) {
    await workbench?.saveEvidence('bench-panel');
    throw error;
  } finally {
    await workbench?.close();
    await network?.release();
    await engine.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
