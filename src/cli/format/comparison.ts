/** The formats of a comparison: a table for people, or JSON. */
import { mostDifferent } from '../../loss/comparison';
import { formatCount, formatSurprisal, toUnit } from '../../loss/units';
import type { Comparison } from '../compare';
import { nameOf } from '../input';
import { visibleLine } from '../visibleLine';
import type { ReportUnit } from './summary';
import { bold, dim, type TerminalColours } from './terminal';

/** How to write the text. */
export interface ComparisonOptions {
  readonly unit: ReportUnit;
  readonly colours: TerminalColours;
  /** The lines of a file. */
  linesOf(file: string): readonly string[];
}

/** Lines that are listed of two models; of more, half as many of each. */
const LISTED = 10;
/** Of a difference, in the unit that is shown, with one digit. */
const LEAST_SHOWN = 0.05;
/** Characters of a line that are shown. */
const SHOWN = 60;

/** A comparison as JSON, which ends in a newline. */
export function comparisonJson(comparison: Comparison): string {
  return `${JSON.stringify(comparison, null, 2)}\n`;
}

/** A comparison as tables, and the lines on which the models differ most. */
export function comparisonText(comparison: Comparison, options: ComparisonOptions): string {
  const parts = [modelTable(comparison, options)];
  if (comparison.files.length > 1) {
    parts.push(fileTable(comparison, options));
  }
  for (let other = 1; other < comparison.models.length; other++) {
    parts.push(lineTable(comparison, other, options));
  }
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

function modelTable({ models, files }: Comparison, { unit, colours }: ComparisonOptions): string[] {
  const rows = models.map(({ model, summary, difference }, index) => [
    visibleLine(model),
    summary.bitsPerByte.toFixed(4),
    index === 0 ? '' : `${signed(difference.bitsPerByte, 4)}${errorOf(difference.standardError)}`,
    toUnit(summary.meanNats, unit).toFixed(3),
    summary.perplexity < 1000 ? summary.perplexity.toFixed(2) : formatCount(summary.perplexity),
    formatCount(summary.tokens),
    formatCount(summary.tokensPerSecond),
  ]);
  const heads = ['', 'bits per byte', 'difference', `${unit} per token`, 'perplexity', 'tokens', 'tokens/s'];
  const bytes = files.reduce((sum, { summaries }) => sum + summaries[0].bytes, 0);
  const what = files.length === 1 ? nameOf(files[0].file) : `${formatCount(files.length)} files`;
  return [
    `${bold(what, colours)}: ${formatCount(bytes)} bytes`,
    '',
    ...table(heads, rows, colours),
    '',
    dim('Differences are to the first model, with their standard error over the lines.', colours),
  ];
}

function errorOf(standardError: number | null): string {
  return standardError === null ? '' : ` ± ${standardError.toFixed(4)}`;
}

function fileTable({ models, files }: Comparison, { colours }: ComparisonOptions): string[] {
  const heads = ['bits per byte', ...namesOf(models)];
  const rows = files.map(({ file, summaries }) => [
    nameOf(file),
    ...summaries.map(({ bitsPerByte }) => bitsPerByte.toFixed(4)),
  ]);
  return table(heads, rows, colours);
}

/** The lines on which a model and the first one differ most. */
function lineTable(
  { models, files }: Comparison,
  other: number,
  { unit, colours, linesOf }: ComparisonOptions,
): string[] {
  const lines = files.flatMap(({ file, lines: all }) => all.map((line) => ({ file, ...line })));
  const of = (index: number) => lines.map(({ nats }) => nats[index]);
  const count = models.length === 2 ? LISTED : LISTED / 2;
  const worth = LEAST_SHOWN / toUnit(1, unit);
  const rows = mostDifferent(of(0), of(other), count)
    .filter((index) => Math.abs(lines[index].nats[other] - lines[index].nats[0]) >= worth)
    .map((index) => {
      const { file, line, nats } = lines[index];
      const text = visibleLine((linesOf(file)[line - 1] ?? '').trim());
      const shown = [...text].length > SHOWN ? `${[...text].slice(0, SHOWN - 1).join('')}…` : text;
      return [
        files.length === 1 ? String(line) : `${nameOf(file)}:${line}`,
        formatSurprisal(nats[0], unit),
        formatSurprisal(nats[other], unit),
        signed(toUnit(nats[other] - nats[0], unit), 1),
        shown,
      ];
    });
  if (rows.length === 0) {
    return [];
  }
  const names = namesOf(models);
  const title = `Where ${names[other]} differs most from ${names[0]}`;
  const heads = ['line', 'first', models.length === 2 ? 'second' : 'this one', 'difference', ''];
  return [title, '', ...table(heads, rows, colours, 1)];
}

/** What the models are called in heads: by their ids, unless two have the same. */
function namesOf(models: Comparison['models']): string[] {
  const isTold = new Set(models.map(({ id }) => id)).size === models.length;
  return models.map(({ id, model }) => visibleLine(isTold ? id : model));
}

function signed(value: number, digits: number): string {
  const shown = Math.abs(value).toFixed(digits);
  return Number(shown) === 0 ? shown : `${value < 0 ? '−' : '+'}${shown}`;
}

/**
 * Rows whose columns are as wide as what is in them, numbers to the right.
 * @param texts number of columns at the end that are texts, to the left, as the first one is
 */
function table(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  colours: TerminalColours,
  texts = 0,
): string[] {
  const width = (text: string) => [...text].length;
  const widths = heads.map((head, column) => Math.max(width(head), ...rows.map((row) => width(row[column]))));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const room = ' '.repeat(widths[column] - width(cell));
        return column === 0 || column >= cells.length - texts ? cell + room : room + cell;
      })
      .join('  ')
      .trimEnd();
  return [dim(line(heads), colours), ...rows.map((row) => line(row))];
}
