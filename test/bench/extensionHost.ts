/** The benchmark's side of the probe in VS Code's extension host. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../e2e/support';
import { ROOT } from '../support/paths';
import type { Delays, Memory, ProfiledTurns, Seen } from './probe';

const FOLDER = join(ROOT, 'out', 'bench', 'scripts');

/** How long the extension host was kept busy by the extension, of all its time. */
export interface OwnTime {
  /** Milliseconds: what the extension took of each turn of the event loop that it took part in. */
  readonly turns: readonly number[];
  /** The same, without the time in which the system gave the processor to another process. */
  readonly running: readonly number[];
  /** Milliseconds that were profiled. */
  readonly all: number;
}

/** Asks the probe of one window. */
export class ExtensionHost {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Puts the probe together; {@link env} then has a window's extension host load it. */
  static async prepare(): Promise<ExtensionHost> {
    const { bundle } = await import('../../scripts/build-tests.mjs');
    await bundle(['test/bench/probe.ts'], 'test/bench', FOLDER);
    return new ExtensionHost(await mkdtemp(join(tmpdir(), 'surprisal-probe-')));
  }

  /** To be added to the environment of VS Code's server. */
  get env(): NodeJS.ProcessEnv {
    const path = join(FOLDER, 'probe.cjs').replaceAll('\\', '\\\\').replaceAll('"', '\\"');
    return { NODE_OPTIONS: `--require "${path}"`, SURPRISAL_PROBE: this.#file };
  }

  get #file(): string {
    return join(this.#folder, 'port');
  }

  seen(): Promise<Seen> {
    return this.#ask('seen');
  }

  /** The delays of the event loop since it was last asked for them. */
  delays(): Promise<Delays> {
    return this.#ask('delays');
  }

  memory(): Promise<Memory> {
    return this.#ask('memory');
  }

  startProfile(): Promise<void> {
    return this.#ask('startProfile');
  }

  async stopProfile(): Promise<OwnTime> {
    return ownTime(await this.#ask<ProfiledTurns>('stopProfile'));
  }

  /** Forgets a window that is closed: the next one has a probe of its own. */
  async forget(): Promise<void> {
    await rm(this.#file, { force: true });
  }

  async dispose(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #ask<Answer>(question: string): Promise<Answer> {
    const port = await eventually(
      'the extension host should have loaded the probe',
      () => readFile(this.#file, 'utf8').catch(() => ''),
      (text) => text !== '',
    );
    const response = await fetch(`http://127.0.0.1:${port}/${question}`);
    if (!response.ok) {
      throw new Error(await response.text());
    }
    return (await response.json()) as Answer;
  }
}

/**
 * Microseconds without a sample after which the thread did not run: it is sampled four times a millisecond, whatever it
 * does.
 */
const NOT_RUNNING = 1000;

/** Code that runs on the extension's behalf: its own, and Node's that reads and writes the engine's messages. */
const OWN = /\/dist\/extension\.cjs$|^node:internal\/child_process\/serialization$/;

/** What the extension's code, and all that it calls, took of each turn of the event loop. */
function ownTime({ profile, turns }: ProfiledTurns): OwnTime {
  const own = new Map<number, boolean>();
  const parents = new Map<number, number>();
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  for (const { id, children = [] } of profile.nodes) {
    for (const child of children) {
      parents.set(child, id);
    }
  }
  const isOwn = (id: number): boolean => {
    let known = own.get(id);
    if (known === undefined) {
      const parent = parents.get(id);
      known = OWN.test(nodes.get(id)?.callFrame.url ?? '') || (parent !== undefined && isOwn(parent));
      own.set(id, known);
    }
    return known;
  };
  const taken: number[] = [];
  const running: number[] = [];
  let at = profile.startTime;
  let turn = 0;
  let sum = 0;
  let sumRunning = 0;
  const endTurn = () => {
    if (sum > 0) {
      taken.push(sum / 1000);
      running.push(sumRunning / 1000);
      sum = 0;
      sumRunning = 0;
    }
  };
  let before = false;
  for (let i = 0; i < profile.samples.length; i++) {
    at += profile.timeDeltas[i];
    // A sample stands for the time since the one before it; what collects garbage belongs to what made it.
    const node = profile.samples[i];
    const isGarbage = nodes.get(node)?.callFrame.functionName === '(garbage collector)';
    before = isOwn(node) || (isGarbage && before);
    while (turn < turns.length && turns[turn] <= at) {
      turn++;
      endTurn();
    }
    if (before) {
      sum += profile.timeDeltas[i];
      sumRunning += Math.min(profile.timeDeltas[i], NOT_RUNNING);
    }
  }
  endTurn();
  return { turns: taken, running, all: (at - profile.startTime) / 1000 };
}
