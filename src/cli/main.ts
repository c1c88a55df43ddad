/** The `surprisal` command. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf } from '../engine/api';
import { messageOf } from '../model/errors';
import { WordParts } from '../text/words';
import { type Command, parseCommand, USAGE, UsageError } from './arguments';
import { Changes } from './changes';
import { compare } from './compare';
import { comparisonJson, comparisonText } from './format/comparison';
import { csvFormat } from './format/csv';
import { htmlFormat } from './format/html';
import { jsonFormat } from './format/json';
import { type ListFilter, listFormat } from './format/list';
import type { ReportFormat } from './format/reportFormat';
import { type TerminalColours, terminalColours } from './format/terminal';
import { textFormat } from './format/text';
import { readInput } from './input';
import { Messages } from './messages';
import { Output, OutputError } from './output';
import type { Report } from './report';
import { reportsOf, type Surroundings } from './scoring';

const EXIT_SCORED = 0;
const EXIT_WRONG_INPUT = 1;
const EXIT_WRONG_USAGE = 2;

/** The package's root; this file is bundled into `dist`. */
const ROOT = join(__dirname, '..');

const messages = new Messages(process.stderr);
const output = new Output(process.stdout);

type ScoreCommand = Extract<Command, { kind: 'score' }>;
type CompareCommand = Extract<Command, { kind: 'compare' }>;

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
    case 'compare':
      return compareModels(command);
    case 'download':
      return download(command);
  }
}

/** Fetches a model, and writes what names it. */
async function download({ model }: Extract<Command, { kind: 'download' }>): Promise<number> {
  try {
    // The rest of the program does without what it takes.
    const { fetchModel } = await import('./download');
    const choice = await fetchModel(model, process.env, messages);
    return await statusOf(output.write([`${choice}\n`]));
  } catch (error) {
    messages.complain(reasonOf(error));
    return EXIT_WRONG_INPUT;
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

/** Scores file after file, and writes each report before the next file is read, unless all of them have to be known first. */
async function score(command: ScoreCommand): Promise<number> {
  if (command.since !== undefined) {
    return scoreChanges(command, command.since);
  }
  const { typos, mistakes, files } = command;
  const needsParts = typos || mistakes;
  const around = new Around(needsParts);
  const parts = needsParts ? await partsOf(files, around) : undefined;
  const isListed = parts && ((_file: string, _line: number, text: string) => parts.hasUnique(text));
  const search = parts && mistakes ? () => ({ isMeant: () => true, project: parts }) : undefined;
  const reports = reportsOf(command, { ...around, search });
  const status = await statusOf(writeAll(reports, formatOf(command, isListed)));
  return around.failed ? EXIT_WRONG_INPUT : status;
}

/**
 * Scores what has changed since the work left a revision, and writes what surprises on lines that have.
 * @throws InputError or GitError, the reason that nothing is scored any more
 */
async function scoreChanges(command: ScoreCommand, revision: string): Promise<number> {
  const around = new Around(false);
  const { fail } = around;
  const changes = await Changes.since(revision, command, { folder: process.cwd(), messages, fail });
  const { read, only, isListed } = changes;
  const search = command.mistakes ? changes.search : undefined;
  const reports = reportsOf(
    { ...command, files: changes.files() },
    { root: ROOT, messages, fail, read, only, search },
  );
  const status = await statusOf(writeAll(reports, formatOf(command, isListed)));
  return around.failed ? EXIT_WRONG_INPUT : status;
}

/** The parts of the words of all files that can be read. */
async function partsOf(files: readonly string[], { read }: Around): Promise<WordParts> {
  const parts = new WordParts();
  for (const file of new Set(files)) {
    // What cannot be read is told when it is its turn.
    parts.add(await read(file).catch(() => ''));
  }
  return parts;
}

/** Scores all files with all models, and writes what tells these apart. */
async function compareModels(command: CompareCommand): Promise<number> {
  const around = new Around(true);
  const comparison = await compare(command, around);
  if (!comparison) {
    return EXIT_WRONG_INPUT;
  }
  const texts = new Map<string, string[]>();
  for (const { file } of comparison.files) {
    texts.set(file, (await around.read(file)).split(/\r\n|\r|\n/));
  }
  const { format, unit } = command;
  const text =
    format === 'json'
      ? comparisonJson(comparison)
      : comparisonText(comparison, { unit, colours: coloursHere(), linesOf: (file) => texts.get(file)! });
  const status = await statusOf(output.write([text]));
  return around.failed ? EXIT_WRONG_INPUT : status;
}

/** What scoring needs, from this process. */
class Around implements Surroundings {
  readonly root = ROOT;
  readonly messages = messages;
  failed = false;
  readonly #texts = new Map<string, Promise<string>>();

  /** @param isKept whether texts are asked for again: a pipe cannot be read twice, and a file may be another by then */
  constructor(private readonly isKept: boolean) {}

  readonly read = (file: string): Promise<string> => {
    const text = this.#texts.get(file) ?? readInput(file, process.stdin);
    if (this.isKept) {
      this.#texts.set(file, text);
    }
    return text;
  };

  readonly fail = (message: string): void => {
    this.failed = true;
    messages.complain(message);
  };
}

/** @throws OutputError, after which no file is scored any more */
async function writeAll(reports: AsyncIterable<Report>, format: ReportFormat): Promise<void> {
  let count = 0;
  for await (const report of reports) {
    await output.write(format.report(report, count++));
  }
  await output.write(format.end(count));
}

/** @param isListed what the list has of what surprises */
function formatOf({ format, files, by, from, top, unit }: ScoreCommand, isListed?: ListFilter): ReportFormat {
  switch (format) {
    case 'json':
      return jsonFormat(files.length);
    case 'list':
      return listFormat({ unit, by, from, isListed });
    case 'csv':
      return csvFormat(top);
    case 'html':
      return htmlFormat(files.length, { unit });
    case 'text': {
      return textFormat({ unit, colours: coloursHere() });
    }
  }
}

function coloursHere(): TerminalColours {
  return terminalColours(process.env, process.stdout.isTTY === true);
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
