/**
 * What the editor's side costs: from the activation of the extension to the first coloured frame of a fresh window;
 * how long the extension host's event loop is held up while a document of 100,000 tokens is scored and typed in;
 * what a scored document takes of the memory. In the real VS Code, with nothing in the product that would measure.
 *
 * Scoring 100,000 tokens would take minutes: the typing goes on for a part of it, in phases of 12 seconds, in turn with
 * phases with the heatmap off, and with the heatmap off while the same engine computes outside of VS Code. The latter
 * are the yardstick: on few cores, what computes beside an event loop holds it up as well. What the extension itself
 * takes of the event loop's turns is read from CPU profiles, and so it is for documents that are scored completely: a
 * tiny model, whose scores mean nothing, gets that far in seconds, and the extension does the same with them.
 *
 * Takes about six minutes on two cores; `SURPRISAL_ROUNDS` sets how often each thing is measured.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine } from '../../src/engine/client';
import { openModelFolder } from '../../src/model/folder';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { DEMO_FILE, eventually } from '../e2e/support';
import { DEMO, ENGINE_HOST, MODEL, TINY_MODEL } from '../support/paths';
import { openWorkbench, type Workbench } from '../support/workbench';
import { recordColours, takeColours } from './colours';
import { ExtensionHost, type OwnTime } from './extensionHost';
import type { Delays, Memory, Moment } from './probe';
import { machine, type Row, report, spreadOf, type Yardstick } from './report';
import { isScored } from './scored';
import { codeOfTokens } from './sourceCode';

const ROUNDS = Number(process.env.SURPRISAL_ROUNDS ?? 3);
/** The long document, in tokens. */
const LONG = 100_000;
/** Documents that are scored completely in VS Code, in tokens: the second one is drawn as a whole, just so. */
const COMPLETE = [5000, 19_500, LONG];
/** One phase of typing, in milliseconds. */
const PHASE = 12_000;
/** Milliseconds between two keys, keys in a row, and the pause after them: longer than the delay before a scoring. */
const KEY_PAUSE = 120;
const KEYS_IN_A_ROW = 10;
const ROW_PAUSE = 1200;
/** What a long task is, in milliseconds. */
const FRAME: Yardstick = { name: 'a frame of 16 ms', value: 16 };
const SCORED_WITHIN = 600_000;
const LONG_FILE = 'long.ts';

const settings = {
  'surprisal.device': 'cpu',
  'editor.quickSuggestions': { other: 'off', comments: 'off', strings: 'off' },
};

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function newEngine(): Engine {
  return new Engine({ hostPath: ENGINE_HOST, settings: { folder: MODEL, device: 'cpu', threads: 0 } });
}

/** Milliseconds from nothing to the first scores of a text, by the engine alone. */
async function startEngine(text: string): Promise<number> {
  const engine = newEngine();
  const began = performance.now();
  try {
    return await new Promise<number>((resolve, reject) => {
      engine
        .score(DEMO_FILE, text, [0, text.length], {
          layout: () => {},
          scores: () => resolve(performance.now() - began),
        })
        .catch(reject);
    });
  } finally {
    await engine.stop();
    engine.dispose();
  }
}

/** What a fresh window's start was made of: milliseconds from the activation on. */
type Start = Readonly<Record<Moment | 'coloured', number>>;

async function startWindow(host: ExtensionHost): Promise<Start> {
  await host.forget();
  const workbench = await openWorkbench({
    workspace: DEMO,
    openFile: DEMO_FILE,
    settings: { ...settings, 'surprisal.heatmap.enabled': true },
    env: host.env,
    initScript: recordColours,
  });
  try {
    const coloured = await eventually(
      'the document should be coloured',
      async () => (await takeColours(workbench.page)).changes.find(({ spans }) => spans > 0)?.at,
      (at) => at !== undefined,
      60_000,
    );
    const { moments } = await host.seen();
    const all = { ...moments, coloured } as Record<Moment | 'coloured', number>;
    const from = all.activate;
    return Object.fromEntries(Object.entries(all).map(([name, at]) => [name, at - from])) as Start;
  } finally {
    await workbench.close();
  }
}

/** A document that is scored completely: its part in the memory of the extension host, in bytes, and the time taken. */
interface Complete {
  readonly tokens: number;
  /** For the text alone, and for its scores and colours. */
  readonly text: number;
  readonly scores: number;
  /** While it is drawn and typed in. */
  readonly own: OwnTime;
}

const sum = ({ heap, external }: Memory) => heap + external;

async function heatmap(workbench: Workbench, on: boolean): Promise<void> {
  await workbench.changeSettings({ 'surprisal.heatmap.enabled': on });
  await pause(1000);
}

/** Opens a document with the heatmap off, has all of it scored and drawn, and types in its middle. */
async function measureComplete(
  workbench: Workbench,
  host: ExtensionHost,
  name: string,
  tokens: number,
  lines: number,
): Promise<Complete> {
  await heatmap(workbench, false);
  const before = sum(await host.memory());
  await workbench.openFile(name);
  await pause(2000);
  const opened = sum(await host.memory());
  await heatmap(workbench, true);
  await isScored(workbench, SCORED_WITHIN);
  await pause(2000);
  const scored = sum(await host.memory());
  await workbench.goTo(lines >> 1);
  await workbench.page.keyboard.press('End');
  await host.startProfile();
  await typeForAPhase(workbench);
  return { tokens, text: opened - before, scores: scored - opened, own: await host.stopProfile() };
}

/** Documents that a tiny model scores completely, in a window of their own each round. */
async function measureCompletes(host: ExtensionHost, temporary: string): Promise<Complete[]> {
  const tokenizer = await ByteTokenizer.load(await openModelFolder(TINY_MODEL));
  const workspace = join(temporary, 'complete');
  await cp(DEMO, workspace, { recursive: true });
  const texts = await Promise.all(COMPLETE.map((tokens) => codeOfTokens(tokens, tokenizer)));
  await Promise.all(COMPLETE.map((tokens, i) => writeFile(join(workspace, `${tokens}.ts`), texts[i])));
  const all: Complete[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await host.forget();
    const workbench = await openWorkbench({
      workspace,
      openFile: DEMO_FILE,
      settings: { ...settings, 'surprisal.model': TINY_MODEL, 'surprisal.heatmap.enabled': true },
      env: host.env,
    });
    try {
      await isScored(workbench, SCORED_WITHIN);
      for (const [i, tokens] of COMPLETE.entries()) {
        const lines = texts[i].split('\n').length;
        all.push(await measureComplete(workbench, host, `${tokens}.ts`, tokens, lines));
      }
    } catch (error) {
      await workbench.saveEvidence('bench-start');
      throw error;
    } finally {
      await workbench.close();
    }
  }
  return all;
}

/** Types in rows, with pauses in which the scoring begins again, for as long as a phase lasts. */
async function typeForAPhase({ page }: Workbench): Promise<number> {
  const end = performance.now() + PHASE;
  let keys = 0;
  while (performance.now() < end) {
    await page.keyboard.type('surprisal of tokens '.slice(0, KEYS_IN_A_ROW), { delay: KEY_PAUSE });
    keys += KEYS_IN_A_ROW;
    await pause(ROW_PAUSE);
  }
  return keys;
}

/** What is compared while somebody types. */
const CONDITIONS = {
  off: 'heatmap off',
  beside: 'heatmap off, the engine computes outside of VS Code',
  on: 'heatmap on',
} as const;
type Condition = keyof typeof CONDITIONS;

async function measureTyping(workbench: Workbench, host: ExtensionHost, text: string) {
  const delays: Record<Condition, Delays[]> = { off: [], beside: [], on: [] };
  const own: OwnTime[] = [];
  const engine = newEngine();
  try {
    await heatmap(workbench, false);
    await engine.ensureReady();
    await workbench.openFile(LONG_FILE);
    const middle = text.split('\n').length >> 1;
    await workbench.goTo(middle);
    await workbench.page.keyboard.press('End');
    for (let round = 0; round < ROUNDS; round++) {
      for (const condition of ['off', 'beside', 'on'] as const) {
        const stop = new AbortController();
        if (condition === 'beside') {
          engine
            .score(
              `${LONG_FILE} ${round}`,
              `${round}\n${text}`,
              [],
              { layout() {}, scores() {} },
              { signal: stop.signal },
            )
            .catch(() => {});
        }
        await heatmap(workbench, condition === 'on');
        await host.delays();
        await typeForAPhase(workbench);
        delays[condition].push(await host.delays());
        stop.abort();
      }
      // Once more, with a profile that tells whose time it was.
      await host.startProfile();
      await typeForAPhase(workbench);
      own.push(await host.stopProfile());
    }
    const scored = await workbench.statusBarText();
    return { delays, own, scored };
  } finally {
    await engine.stop();
    engine.dispose();
  }
}

function typingRows(delays: Record<Condition, Delays[]>, own: readonly OwnTime[]): Row[] {
  const rows: Row[] = [];
  const figures: [string, string, (delays: Delays) => number][] = [
    ['mean', 'ms', ({ mean }) => mean],
    ['median', 'ms', ({ median }) => median],
    ['the slowest in 100', 'ms', ({ q99 }) => q99],
    ['the slowest in 1,000', 'ms', ({ q999 }) => q999],
    ['the slowest', 'ms', ({ most }) => most],
    ['turns of more than 16 ms', 'turns', ({ late }) => late],
  ];
  for (const [figure, unit, of] of figures) {
    for (const condition of ['off', 'beside', 'on'] as const) {
      const samples = delays[condition].map(of);
      const against = (['off', 'beside'] as const)
        .filter((other) => condition === 'on' && spreadOf(delays[other].map(of)).median > 0)
        .map((other) => ({ name: CONDITIONS[other], value: spreadOf(delays[other].map(of)).median }));
      rows.push({ name: `event loop, ${CONDITIONS[condition]}: ${figure}`, unit, samples, against });
    }
  }
  rows.push(...ownRows(`typing in ${LONG.toLocaleString('en')} tokens while they are scored`, own));
  return rows;
}

/** What the extension took of the event loop's turns. */
function ownRows(while_: string, own: readonly OwnTime[]): Row[] {
  const late = (parts: readonly number[]) => parts.filter((part) => part > FRAME.value).length;
  return [
    {
      name: `by us, ${while_}: the longest part of a turn`,
      samples: own.map(({ turns }) => Math.max(0, ...turns)),
      against: [FRAME],
    },
    { name: '  parts of more than 16 ms', unit: 'turns', samples: own.map(({ turns }) => late(turns)) },
    {
      name: '  the longest part, without the time that other processes had the processor',
      samples: own.map(({ running }) => Math.max(0, ...running)),
      against: [FRAME],
    },
    {
      name: '  parts of more than 16 ms of that',
      unit: 'turns',
      samples: own.map(({ running }) => late(running)),
    },
    {
      name: '  of all time',
      unit: '%',
      samples: own.map(({ turns, all }) => (100 * turns.reduce((total, turn) => total + turn, 0)) / all),
    },
  ];
}

/** Rows about documents that are scored completely. */
function completeRows(completes: readonly Complete[]): Row[] {
  return COMPLETE.flatMap((length) => {
    const documents = completes.filter(({ tokens }) => tokens === length);
    const perThousand = (bytes: number) => bytes / 1024 / (length / 1000);
    const about = `${length.toLocaleString('en')} tokens`;
    return [
      ...ownRows(
        `typing in ${about}, all scored`,
        documents.map(({ own }) => own),
      ),
      {
        name: `extension host, ${about}: scores and colours, per 1,000 tokens`,
        unit: 'KiB',
        samples: documents.map(({ scores }) => perThousand(scores)),
        // What a small text adds to the heap may be lost in the noise.
        against: [
          {
            name: 'the text in VS Code',
            value: spreadOf(documents.map(({ text }) => perThousand(text))).median,
          },
        ].filter(({ value }) => value > 0),
      },
    ];
  });
}

const PARTS: readonly [string, Moment | 'coloured'][] = [
  ['  until activate() has returned', 'activated'],
  ['  until the engine’s process is started', 'forked'],
  ['  until its code runs', 'hello'],
  ['  until it begins to load the model', 'loading'],
  ['  until the model is loaded', 'loaded'],
  ['  until the text is cut into tokens', 'layout'],
  ['  until the first scores', 'scores'],
];

async function main(): Promise<void> {
  const before = machine();
  const demo = await readFile(join(DEMO, DEMO_FILE), 'utf8');
  const folder = await openModelFolder(MODEL);
  const tokenizer = await ByteTokenizer.load(folder);
  const long = await codeOfTokens(LONG, tokenizer);
  const host = await ExtensionHost.prepare();
  const temporary = await mkdtemp(join(tmpdir(), 'surprisal-start-'));
  try {
    const starts: Start[] = [];
    const engineAlone: number[] = [];
    for (let i = 0; i < ROUNDS + 2; i++) {
      engineAlone.push(await startEngine(demo));
      starts.push(await startWindow(host));
    }

    const completes = await measureCompletes(host, temporary);

    const workspace = join(temporary, 'long');
    await cp(DEMO, workspace, { recursive: true });
    await writeFile(join(workspace, LONG_FILE), long);
    await host.forget();
    const workbench = await openWorkbench({
      workspace,
      openFile: DEMO_FILE,
      settings: { ...settings, 'surprisal.heatmap.enabled': true },
      env: host.env,
    });
    let typing: Awaited<ReturnType<typeof measureTyping>>;
    try {
      await isScored(workbench, SCORED_WITHIN);
      typing = await measureTyping(workbench, host, long);
    } catch (error) {
      await workbench.saveEvidence('bench-start');
      throw error;
    } finally {
      await workbench.close();
    }

    const rows: Row[] = [
      { name: 'engine alone, from nothing to the first scores', samples: engineAlone },
      {
        name: 'a fresh window, from the activation to the first coloured frame',
        samples: starts.map(({ coloured }) => coloured),
        against: [{ name: 'the engine alone', value: spreadOf(engineAlone).median }],
      },
      ...PARTS.map(([name, moment]): Row => ({ name, samples: starts.map((start) => start[moment]) })),
      { name: '  from there until they are drawn', samples: starts.map((one) => one.coloured - one.scores) },
      ...typingRows(typing.delays, typing.own),
      ...completeRows(completes),
    ];
    await report(
      'start',
      {
        ...before,
        model: folder.manifest.name,
        started: `${DEMO_FILE}, ${tokenizer.encode(demo).ids.length} tokens`,
        typedIn: `${LONG_FILE}, ${LONG} tokens, ${PHASE / 1000} s a phase; at the end “${typing.scored}”`,
        complete: 'scored by a tiny model; memory after the garbage was collected',
        eventLoop: 'time between two turns of a timer of 1 ms in the extension host',
      },
      rows,
    );
  } finally {
    await host.dispose();
    await rm(temporary, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
