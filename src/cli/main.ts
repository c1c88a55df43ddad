/** The `surprisal` command. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EngineApi, EngineError } from '../engine/api';
import { Engine } from '../engine/client';
import { messageOf } from '../model/errors';
import { type Command, parseCommand, USAGE, UsageError } from './arguments';
import { csvFormat } from './format/csv';
import { htmlFormat } from './format/html';
import { jsonFormat } from './format/json';
import type { ReportFormat } from './format/reportFormat';
import { terminalColours } from './format/terminal';
import { textFormat } from './format/text';
import { InputError, nameOf, readInput } from './input';
import { Messages } from './messages';
import { modelFolder } from './models';
import { Output, OutputError } from './output';
import type { Report } from './report';
import { scoreFile } from './scoreFile';

const EXIT_SCORED = 0;
const EXIT_WRONG_INPUT = 1;
const EXIT_WRONG_USAGE = 2;

/** The package's root; this file is bundled into `dist`. */
const ROOT = join(__dirname, '..');

const messages = new Messages(process.stderr);
const output = new Output(process.stdout);

type ScoreCommand = Extract<Command, { kind: 'score' }>;

function version(): string {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
}

async function main(words: readonly string[]): Promise<number> {
  let command: Command;
  try {
    command = parseCommand(words);
  } catch (error) {
    if (error instanceof UsageError) {
      messages.complain(`${error.message} (see surprisal --help)`);
      return EXIT_WRONG_USAGE;
    }
    throw error;
  }
  switch (command.kind) {
    case 'help':
      return statusOf(output.write([USAGE]));
    case 'version':
      return statusOf(output.write([`${version()}\n`]));
    case 'score':
      return score(command);
  }
}

/** The exit status of what only writes; a reader who had enough is fine. */
async function statusOf(writing: Promise<void>): Promise<number> {
  try {
    await writing;
  } catch (error) {
    if (!(error instanceof OutputError)) {
      throw error;
    }
    if (!error.isClosed) {
      messages.complain(error.message);
      return EXIT_WRONG_INPUT;
    }
  }
  return EXIT_SCORED;
}

/** Scores file after file, and writes each report before the next file is read. */
async function score(command: ScoreCommand): Promise<number> {
  let failed = false;
  const reports = reportsOf(command, (message) => {
    failed = true;
    messages.complain(message);
  });
  const status = await statusOf(writeAll(reports, formatOf(command)));
  return failed ? EXIT_WRONG_INPUT : status;
}

/** @throws OutputError, after which no file is scored any more */
async function writeAll(reports: AsyncIterable<Report>, format: ReportFormat): Promise<void> {
  let count = 0;
  for await (const report of reports) {
    await output.write(format.report(report, count++));
  }
  await output.write(format.end(count));
}

/**
 * Reports of the files, in order. One that cannot be scored is left out and told; without a usable engine, so are all
 * others.
 * @param fail receives the reason, naming the file or the model
 */
async function* reportsOf(command: ScoreCommand, fail: (message: string) => void): AsyncGenerator<Report> {
  let folder: string;
  try {
    folder = modelFolder(command.model, join(ROOT, 'models'));
  } catch (error) {
    fail(reasonOf(error));
    return;
  }
  const { device, threads, weights } = command;
  const settings = { folder, device, threads, weights };
  const engine = new Engine({ hostPath: join(__dirname, 'engine.cjs'), settings });
  try {
    for (const file of command.files) {
      const report = await reportOf(engine, file, command.top).catch((error) => fail(reasonOf(error)));
      if (report) {
        yield report;
      } else if (engine.state.kind === 'failed') {
        return;
      }
    }
    if (engine.state.kind === 'ready' && engine.state.degraded) {
      messages.complain(engine.state.degraded);
    }
  } finally {
    await engine.stop();
  }
}

/** @throws InputError, naming the file, or EngineError when the model cannot be loaded */
async function reportOf(engine: EngineApi, file: string, top: number): Promise<Report> {
  const text = await readInput(file, process.stdin);
  // Before the file is held to be the reason of what fails.
  await engine.ensureReady();
  const name = nameOf(file);
  try {
    return await scoreFile(engine, file, text, top, (done, total) => messages.progress(name, done, total));
  } catch (error) {
    throw new InputError(`${name}: ${reasonOf(error)}`);
  } finally {
    messages.clearProgress();
  }
}

/** What was thrown, and what to do about it if that is known. */
function reasonOf(error: unknown): string {
  return error instanceof EngineError ? `${error.problem.message} ${error.problem.advice}` : messageOf(error);
}

function formatOf({ format, files, top, unit }: ScoreCommand): ReportFormat {
  switch (format) {
    case 'json':
      return jsonFormat(files.length);
    case 'csv':
      return csvFormat(top);
    case 'html':
      return htmlFormat(files.length, { unit });
    case 'text': {
      const colours = terminalColours(process.env, process.stdout.isTTY === true);
      return textFormat({ unit, colours });
    }
  }
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error) => {
    messages.complain(messageOf(error));
    process.exitCode = EXIT_WRONG_INPUT;
  },
);
