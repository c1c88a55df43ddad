/** The command line's arguments. */
import { parseArgs } from 'node:util';
import { DEVICE_CHOICES, type DeviceChoice, MOST_THREADS, type WeightsChoice } from '../engine/protocol';
import { SURPRISING_BITS, SURPRISING_WORD_BITS } from '../loss/heat';
import { WEIGHTS_CHOICES } from '../model/devices';
import { type HubName, hubName } from '../model/found';
import { GROUPINGS, type Grouping } from './format/document';

export const FORMATS = ['text', 'list', 'json', 'csv', 'html'] as const;
export type Format = (typeof FORMATS)[number];

/** The formats of a comparison. */
export const COMPARISON_FORMATS = ['text', 'json'] as const;
export type ComparisonFormat = (typeof COMPARISON_FORMATS)[number];

export const USAGE = `Usage: surprisal score FILE… [options]
       surprisal score --since REVISION [FILE…] [options]
       surprisal compare FILE… --model MODEL --model MODEL … [options]
       surprisal download OWNER/NAME[/ONNX-FILE]

score    Scores every token of the files by its surprisal under a local language model.
compare  Scores the files with several models, and says by how many bits per byte they differ, and where. With one
         --model, that is compared with the bundled model. Formats: text, json.
download Fetches a model from Hugging Face's hub, to where its own tools keep theirs, and prints what --model takes for it.

"-" stands for standard input.

Options:
  --format text|list|json|csv|html
                                what to write (default: text, a coloured heatmap; list: a line for each surprising
                                word, FILE:LINE:COLUMN first)
  --by word|token               with list: what is listed (default: word, which counts all of its tokens)
  --from BITS                   with list: the surprisal from which on one is listed (default: ${SURPRISING_WORD_BITS}; by token
                                ${SURPRISING_BITS})
  --typos                       with list: only words with a part that occurs only once in all of the files; with
                                --since, in all of the work tree
  --mistakes                    with list: words with a part that occurs nowhere else, in whose place a word like it would
                                save 5 bits, with what follows; and words that the file has elsewhere, too, in whose place
                                another of its words would save 15; both with what was perhaps meant. Takes longer: of
                                some words the model reads what is around them again
  --since REVISION              only what is on lines that have changed since the work left REVISION of git, a branch
                                or a commit: in all files of the work tree that have changed or are new, or in those
                                of the FILEs; --format is list then
  --model MODEL                 a model of the models folder, any model folder or ONNX file of one, or OWNER/NAME or
                                OWNER/NAME/ONNX-FILE of Hugging Face's hub, where that was downloaded
  --device auto|cpu|webgpu|cuda|dml|coreml
                                where to compute (default: auto)
  --threads N                   CPU threads (default: chosen by the number of cores)
  --weights auto|float32|int8|quantized
                                how the weights are kept in memory on a CPU (default: auto, quantized at first,
                                which load sooner, then float32 if the memory is free; they have the same values,
                                float32 is faster; int8 is faster yet where the processor has VNNI, and a little
                                off); a GPU computes in half precision only with auto
  --unit bits|nats              unit of the text, list and html formats (default: bits)
  --top N                       also give the N most probable tokens at every position
  -h, --help                    show this text
  -v, --version                 show the version

Exit status: 0 scored; 1 something about an input, the model or the output is wrong; 2 wrong usage.
`;

/** What a valid command line asks for. */
export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'download'; readonly model: HubName }
  | {
      readonly kind: 'compare';
      readonly files: readonly string[];
      readonly format: ComparisonFormat;
      /** At least two; undefined is the default. */
      readonly models: readonly (string | undefined)[];
      readonly device: DeviceChoice;
      readonly threads: number;
      readonly weights: WeightsChoice;
      readonly unit: 'bits' | 'nats';
    }
  | {
      readonly kind: 'score';
      /** With `since` there may be none: all that have changed. */
      readonly files: readonly string[];
      readonly format: Format;
      readonly model: string | undefined;
      readonly device: DeviceChoice;
      readonly threads: number;
      readonly weights: WeightsChoice;
      readonly unit: 'bits' | 'nats';
      readonly top: number;
      /** What the list has. */
      readonly by: Grouping;
      /** In bits. */
      readonly from: number;
      /** Only likely typos are listed. */
      readonly typos: boolean;
      /** Only likely mistakes are listed, with what was perhaps meant. */
      readonly mistakes: boolean;
      /** A revision of git: only what has changed since the work left it is listed. */
      readonly since: string | undefined;
    };

/** The command line is not one that the program understands. */
export class UsageError extends Error {}

/** Largest `--top`: beyond, the full distribution is the better question. */
const MOST_TOP = 1000;

/**
 * Understands the arguments after the program's name.
 * @throws UsageError with one line that says what is wrong
 */
export function parseCommand(words: readonly string[]): Command {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(words);
  } catch (error) {
    throw new UsageError((error as Error).message.split(/\.\s|\.$/)[0]);
  }
  const { values, positionals, tokens } = parsed;
  if (values.help) {
    return { kind: 'help' };
  }
  if (values.version) {
    return { kind: 'version' };
  }
  const [verb, ...files] = positionals;
  if (verb === undefined) {
    throw new UsageError('no command given; try "surprisal score FILE"');
  }
  if (verb === 'download') {
    const option = tokens.find(({ kind }) => kind === 'option');
    return download(files, option && 'rawName' in option ? option.rawName : undefined);
  }
  if (verb !== 'score' && verb !== 'compare') {
    throw new UsageError(`unknown command "${verb}"; the commands are "score", "compare" and "download"`);
  }
  if (files.length === 0 && values.since === undefined) {
    throw new UsageError('no file given; "-" stands for standard input');
  }
  if (files.filter((file) => file === '-').length > 1) {
    throw new UsageError('standard input ("-") can be read only once');
  }
  const models = values.model ?? [];
  const top = wholeNumber('--top', values.top, MOST_TOP);
  const common = {
    files,
    device: oneOf('--device', values.device, DEVICE_CHOICES),
    threads: wholeNumber('--threads', values.threads, MOST_THREADS),
    weights: oneOf('--weights', values.weights, WEIGHTS_CHOICES),
    unit: oneOf('--unit', values.unit, ['bits', 'nats'] as const),
  };
  if (verb === 'compare') {
    if (models.length === 0) {
      throw new UsageError('compare needs a --model to compare with the bundled one, or several');
    }
    const scoring = {
      '--top': top > 0,
      '--from': values.from !== undefined,
      '--by': values.by !== undefined,
      '--typos': values.typos === true,
      '--mistakes': values.mistakes === true,
      '--since': values.since !== undefined,
    };
    for (const [option, isGiven] of Object.entries(scoring)) {
      if (isGiven) {
        throw new UsageError(`compare takes no ${option}`);
      }
    }
    return {
      kind: 'compare',
      format: oneOf('--format', values.format ?? 'text', COMPARISON_FORMATS),
      models: models.length === 1 ? [undefined, ...models] : models,
      ...common,
    };
  }
  if (models.length > 1) {
    throw new UsageError('score takes one --model; "compare" takes several');
  }
  const { since } = values;
  const format = oneOf('--format', values.format ?? (since === undefined ? 'text' : 'list'), FORMATS);
  for (const option of ['from', 'by', 'typos', 'mistakes', 'since'] as const) {
    if (values[option] !== undefined && format !== 'list') {
      throw new UsageError(`--${option} goes with --format list`);
    }
  }
  if (since === '') {
    throw new UsageError('--since takes a revision: a branch, a commit or a tag');
  }
  if (since !== undefined && files.includes('-')) {
    throw new UsageError('standard input has no history; --since takes files');
  }
  const by = oneOf('--by', values.by ?? 'word', GROUPINGS);
  if (values.typos && by === 'token') {
    throw new UsageError('--typos lists words; it does not go with --by token');
  }
  const others = { '--by': values.by, '--from': values.from, '--top': top > 0, '--typos': values.typos };
  for (const [option, given] of Object.entries(others)) {
    if (values.mistakes && given) {
      throw new UsageError(`--mistakes does not go with ${option}`);
    }
  }
  const usual = by === 'word' ? SURPRISING_WORD_BITS : SURPRISING_BITS;
  return {
    kind: 'score',
    format,
    by,
    typos: values.typos === true,
    mistakes: values.mistakes === true,
    since,
    from: values.from === undefined ? usual : amount('--from', values.from),
    model: models[0],
    top,
    ...common,
  };
}

function download(models: readonly string[], option: string | undefined): Command {
  const [choice] = models;
  if (models.length !== 1) {
    throw new UsageError('download takes one model: OWNER/NAME, or OWNER/NAME/onnx/model_q4.onnx');
  }
  if (option !== undefined) {
    throw new UsageError(`download takes no ${option}`);
  }
  const model = hubName(choice);
  if (!model) {
    throw new UsageError(
      `"${choice}" is no model of Hugging Face's hub: OWNER/NAME, or OWNER/NAME/onnx/model_q4.onnx`,
    );
  }
  return { kind: 'download', model };
}

function parse(words: readonly string[]) {
  return parseArgs({
    args: [...words],
    tokens: true,
    allowPositionals: true,
    strict: true,
    options: {
      format: { type: 'string' },
      model: { type: 'string', multiple: true },
      device: { type: 'string', default: 'auto' },
      threads: { type: 'string', default: '0' },
      weights: { type: 'string', default: 'auto' },
      unit: { type: 'string', default: 'bits' },
      top: { type: 'string', default: '0' },
      by: { type: 'string' },
      from: { type: 'string' },
      typos: { type: 'boolean' },
      mistakes: { type: 'boolean' },
      since: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
  });
}

function oneOf<T extends string>(option: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) {
    throw new UsageError(`${option} takes ${choices.join(', ')}; not "${value}"`);
  }
  return choice;
}

function amount(option: string, value: string): number {
  if (!/^\d+(\.\d+)?$/.test(value)) {
    throw new UsageError(`${option} takes a number of bits; not "${value}"`);
  }
  return Number(value);
}

function wholeNumber(option: string, value: string, most: number): number {
  if (!/^\d+$/.test(value) || Number(value) > most) {
    throw new UsageError(`${option} takes a whole number from 0 to ${most}; not "${value}"`);
  }
  return Number(value);
}
