/** The text format: the document as a heatmap for the terminal, then a summary. */
import { HEAT_BINS } from '../../loss/heat';
import { formatCount } from '../../loss/units';
import { quoteVisible } from '../../text/visible';
import { nameOf } from '../input';
import type { Report } from '../report';
import { visibleLine } from '../visibleLine';
import { linesOf, type Piece, type Unit, unitsOf } from './document';
import type { ReportFormat } from './reportFormat';
import {
  expectationOf,
  figuresOf,
  mostSurprisingOf,
  numbersOf,
  provenanceOf,
  type ReportUnit,
  shareSentence,
} from './summary';
import { bold, dim, paint, type TerminalColours } from './terminal';

/** How to write the text format. */
export interface TextOptions {
  readonly unit: ReportUnit;
  readonly colours: TerminalColours;
}

const TAB_WIDTH = 4;
/** From this bin on a line break that is surprising is drawn; milder ones would only clutter. */
const LINE_BREAK_HEAT = 3;
/** [bins] the heat of a line's most surprising token, for terminals without colour. */
const BARS = ' ▁▂▃▄▅▆█';

/**
 * Reports as text. With colour, each token's background tells its heat; without, a bar beside each line tells that of
 * its most surprising token. Control characters of the document are made visible, so none reaches the terminal.
 */
export function textFormat(options: TextOptions): ReportFormat {
  return {
    *report(report, index) {
      if (index > 0) {
        yield '\n';
      }
      const units = unitsOf(report);
      yield `${bold(nameOf(report.file), options.colours)}\n`;
      yield* section(documentLines(units, options));
      yield* section([legend(options)]);
      yield* section(summaryLines(report, options));
      yield* section(surpriseLines(report, units, options));
    },
    *end() {},
  };
}

/** Lines with an empty one before the first; nothing if there are none. */
function* section(lines: Iterable<string>): Generator<string> {
  let before = '\n';
  for (const line of lines) {
    yield `${before}${line}\n`;
    before = '';
  }
}

function* documentLines(units: readonly Unit[], { colours }: TextOptions): Generator<string> {
  const lines = linesOf(units);
  if (lines.at(-1)!.length === 0) {
    lines.pop();
  }
  const width = String(lines.length).length;
  for (const [index, pieces] of lines.entries()) {
    const number = String(index + 1).padStart(width);
    const bar = colours.depth === 'none' ? `${BARS[hottest(pieces)]}` : '';
    yield `${dim(`${number} ${bar}│`, colours)} ${lineText(pieces, colours)}`.trimEnd();
  }
}

function hottest(pieces: readonly Piece[]): number {
  return pieces.reduce((most, { unit }) => Math.max(most, unit.heat), 0);
}

function lineText(pieces: readonly Piece[], colours: TerminalColours): string {
  let column = 0;
  let line = '';
  for (const { unit, text, lineBreak } of pieces) {
    const shown = terminalText(text, column);
    column += shown.length;
    const mark = lineBreak !== '' && unit.heat >= LINE_BREAK_HEAT && colours.depth !== 'none' ? '⏎' : '';
    line += paint(shown + mark, unit.heat, colours);
  }
  return line;
}

/** Spaces stay, tabs reach to the next stop, everything else that hides or controls is made visible. */
function terminalText(text: string, column: number): string {
  let shown = '';
  for (const part of text.split(/(\t)/)) {
    shown +=
      part === '\t' ? ' '.repeat(TAB_WIDTH - ((column + shown.length) % TAB_WIDTH)) : visibleLine(part);
  }
  return shown;
}

function legend({ colours }: TextOptions): string {
  const marks = HEAT_BINS.map(({ index, label }) =>
    colours.depth === 'none' ? `${BARS[index]} ${label}` : paint(` ${label} `, index, colours),
  );
  return colours.depth === 'none'
    ? `Most surprising token of the line:  ${marks.slice(1).join('  ')}`
    : `Surprisal: ${marks.join(' ')}`;
}

function summaryLines(report: Report, { unit, colours }: TextOptions): string[] {
  const figures = figuresOf(report, unit).map(({ value, name }) =>
    name === 'perplexity' ? `${name} ${bold(value, colours)}` : `${bold(value, colours)} ${name}`,
  );
  return [figures.join(' · '), dim(visibleLine(provenanceOf(report)), colours), shareSentence(report)].filter(
    (line) => line !== '',
  );
}

function surpriseLines(report: Report, units: readonly Unit[], options: TextOptions): string[] {
  const order = mostSurprisingOf(units);
  if (order.length === 0) {
    return [];
  }
  const rows = order.map((index) => surpriseRow(units[index], options.unit));
  const widths = [0, 1, 2, 3].map((cell) => Math.max(...rows.map((cells) => [...cells[cell]].length)));
  const body = rows.map((cells, row) => {
    const padded = cells.slice(0, 4).map((cell, i) => pad(cell, widths[i], i < 2));
    padded[3] = padded[3].replace(cells[3], () => paint(cells[3], units[order[row]].heat, options.colours));
    return `  ${[...padded, cells[4]].join('  ')}`.trimEnd();
  });
  return [`Most surprising of ${formatCount(report.summary.tokens)} tokens`, ...body];
}

/** Place, surprisal, probability, text, what was expected instead. */
function surpriseRow(unit: Unit, shown: ReportUnit): string[] {
  const [token] = unit.tokens;
  const { surprisal, probability } = numbersOf(unit, shown);
  const expected = expectationOf(unit);
  return [
    `${token.line}:${token.column}`,
    surprisal,
    probability,
    quoteVisible(unit.text),
    expected === '' ? '' : `expected ${expected}`,
  ];
}

function pad(text: string, width: number, right: boolean): string {
  const blank = ' '.repeat(Math.max(0, width - [...text].length));
  return right ? blank + text : text + blank;
}
