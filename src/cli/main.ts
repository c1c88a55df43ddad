/** The `surprisal` command (DESIGN §6). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../engine/api';
import { Engine } from '../engine/client';
import { messageOf } from '../model/errors';
import { type Command, parseCommand, USAGE, UsageError } from './arguments';
import { formatCsv } from './format/csv';
import { formatHtml } from './format/html';
import { formatJson } from './format/json';
import { terminalColours } from './format/terminal';
import { formatText } from './format/text';
import { InputError, readInput } from './input';
import { modelFolder } from './models';
import type { Report } from './report';
import { scoreFile } from './scoreFile';

const EXIT_SCORED = 0;
const EXIT_WRONG_INPUT = 1;
const EXIT_WRONG_USAGE = 2;

/** The package's root; this file is bundled into `dist`. */
const ROOT = join(__dirname, '..');

type ScoreCommand = Extract<Command, { kind: 'score' }>;

/** One line on standard error. */
function complain(message: string): void {
  process.stderr.write(`surprisal: ${message.replace(/\s*\n\s*/g, ' ')}\n`);
}

function version(): string {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
}

async function main(words: readonly string[]): Promise<number> {
  let command: Command;
  try {
    command = parseCommand(words);
  } catch (error) {
    if (error instanceof UsageError) {
      complain(`${error.message} (see surprisal --help)`);
      return EXIT_WRONG_USAGE;
    }
    throw error;
  }
  switch (command.kind) {
    case 'help':
      await write(USAGE);
      return EXIT_SCORED;
    case 'version':
      await write(`${version()}\n`);
      return EXIT_SCORED;
    case 'score':
      return score(command);
  }
}

/** Scores file after file; one that cannot be scored is named on standard error and left out. */
async function score(command: ScoreCommand): Promise<number> {
  const { reports, failed } = await scoreAll(command);
  if (reports.length > 0) {
    await write(format(reports, command));
  }
  return failed ? EXIT_WRONG_INPUT : EXIT_SCORED;
}

async function scoreAll(command: ScoreCommand): Promise<{ reports: Report[]; failed: boolean }> {
  const reports: Report[] = [];
  let failed = false;
  let engine: Engine | undefined;
  try {
    const folder = modelFolder(command.model, join(ROOT, 'models'));
    for (const file of command.files) {
      try {
        const text = await readInput(file, process.stdin);
        engine ??= new Engine({
          hostPath: join(__dirname, 'engine.cjs'),
          settings: { folder, device: command.device, threads: command.threads, weights: command.weights },
        });
        reports.push(await scoreFile(engine, file, text, command.top, progressFor(file)));
      } catch (error) {
        failed = true;
        if (!(error instanceof InputError)) {
          throw error;
        }
        complain(error.message);
      } finally {
        clearProgress();
      }
    }
    const state = engine?.state;
    if (state?.kind === 'ready' && state.degraded) {
      complain(state.degraded);
    }
  } catch (error) {
    failed = true;
    if (error instanceof EngineError) {
      complain(`${error.problem.message} ${error.problem.advice}`);
    } else if (error instanceof InputError) {
      complain(error.message);
    } else {
      throw error;
    }
  } finally {
    await engine?.stop();
  }
  return { reports, failed };
}

function format(reports: readonly Report[], command: ScoreCommand): string {
  switch (command.format) {
    case 'json':
      return formatJson(reports);
    case 'csv':
      return formatCsv(reports);
    case 'html':
      return formatHtml(reports, { unit: command.unit });
    case 'text':
      return formatText(reports, {
        unit: command.unit,
        colours: terminalColours(process.env, process.stdout.isTTY === true),
      });
  }
}

/** Progress for people: only on a terminal, on one line of standard error that is cleared afterwards. */
function progressFor(file: string): (done: number, total: number) => void {
  return (done, total) => {
    if (process.stderr.isTTY && done < total) {
      process.stderr.write(`\r\u001b[K${file}: ${done} of ${total} tokens`);
    }
  };
}

function clearProgress(): void {
  if (process.stderr.isTTY) {
    process.stderr.write('\r\u001b[K');
  }
}

/** Writes all of a text to standard output before the process may end. */
function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader had enough, as `head` does.
  process.exit(error.code === 'EPIPE' ? EXIT_SCORED : EXIT_WRONG_INPUT);
});

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error) => {
    complain(messageOf(error));
    process.exitCode = EXIT_WRONG_INPUT;
  },
);
