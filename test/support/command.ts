/** Runs the built command. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { CLI, ROOT, TINY_MODEL } from './paths';

/** How the command ended. */
export interface Outcome {
  readonly status: number | null;
  readonly out: string;
  readonly error: string;
}

/** How the command is started. */
export interface Setting {
  readonly environment?: NodeJS.ProcessEnv;
  /** What standard output and standard error are; pipes unless a descriptor is given. */
  readonly out?: number;
  readonly error?: number;
  /** Another built command than the project's. */
  readonly cli?: string;
  /** The current folder; the repository's root unless it is given. */
  readonly cwd?: string;
}

/** Starts the built command. */
export function start(
  words: readonly string[],
  { environment, out, error, cli = CLI, cwd = ROOT }: Setting = {},
): ChildProcess & { stdin: Writable } {
  return spawn(process.execPath, [cli, ...words], {
    cwd,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...environment },
    stdio: ['pipe', out ?? 'pipe', error ?? 'pipe'],
  }) as ChildProcess & { stdin: Writable };
}

/** What the command wrote and how it ended. */
export function outcomeOf(child: ChildProcess): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let out = '';
    let error = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      out += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      error += text;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, out, error }));
  });
}

/** Runs the built command to its end. */
export function surprisal(words: readonly string[], input = '', setting: Setting = {}): Promise<Outcome> {
  const child = start(words, setting);
  child.stdin.end(input);
  return outcomeOf(child);
}

/** The small model, on the CPU. */
export const QUICK = ['--model', TINY_MODEL, '--device', 'cpu'];
