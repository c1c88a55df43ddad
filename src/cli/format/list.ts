/** The list format: a line for each surprising word or token, as compilers write theirs, for editors, grep and scripts. */
import { formatSurprisal, toBits } from '../../loss/units';
import { lineStarts, positionAt } from '../../text/lines';
import { quoteVisible } from '../../text/visible';
import { wordWithin } from '../../text/words';
import { nameOf } from '../input';
import type { ReportMistake } from '../report';
import { type Grouping, type Unit, unitsOf } from './document';
import type { ReportFormat } from './reportFormat';
import { expectationOf, numbersOf, type ReportUnit } from './summary';

/** How to write the list format. */
export interface ListOptions {
  readonly unit: ReportUnit;
  readonly by: Grouping;
  /** Surprisal in bits from which on one is listed. */
  readonly from: number;
  /** What is listed of that; all, unless it is given. */
  readonly isListed?: ListFilter | undefined;
}

/**
 * Says what is listed.
 * @param file as it is named in the report
 * @param line 1-based, as VS Code counts lines
 * @param text the word or the token
 */
export type ListFilter = (file: string, line: number, text: string) => boolean;

/**
 * Surprising words or tokens in the order of the text: `file:line:column: 15.3 bits, 1 in 40,000: “word”, expected …`; or likely
 * mistakes, where a report has been searched for them.
 */
export function listFormat({ unit: shown, by, from, isListed }: ListOptions): ReportFormat {
  return {
    *report(report) {
      if (report.mistakes) {
        for (const mistake of report.mistakes) {
          yield `${nameOf(report.file)}:${mistake.line}:${mistake.column}: ${mistakeText(mistake, shown)}\n`;
        }
        return;
      }
      for (const unit of unitsOf(report, by)) {
        if (toBits(unit.nats) < from) {
          continue;
        }
        const { line, column, text } = by === 'word' ? wordIn(unit) : { ...unit.tokens[0], text: unit.text };
        if (!isListed || isListed(report.file, line, text)) {
          const { surprisal, probability } = numbersOf(unit, shown);
          const expected = expectationOf(unit);
          const what = `${quoteVisible(text)}${expected === '' ? '' : `, expected ${expected}`}`;
          yield `${nameOf(report.file)}:${line}:${column}: ${surprisal}, ${probability}: ${what}\n`;
        }
      }
    },
    *end() {},
  };
}

/** Begins with a number, as the other lines do: the problem matcher goes by that. */
function mistakeText({ kind, word, nats, suggestions: [best] }: ReportMistake, unit: ReportUnit): string {
  const [number, written, instead] = [formatSurprisal(nats, unit), quoteVisible(word), quoteVisible(best)];
  return kind === 'wrong'
    ? `${number} fewer with ${instead}, likely wrong word: ${written}`
    : `${number}, likely typo: ${written}, perhaps ${instead}`;
}

/** A word without the white space that its tokens have around it, and where that is. */
function wordIn({ tokens: [first], text }: Unit): { line: number; column: number; text: string } {
  const { start, end } = wordWithin(text);
  const { line, column } = positionAt(lineStarts(text.slice(0, start)), start);
  return {
    line: first.line + line,
    column: line === 0 ? first.column + column : column + 1,
    text: text.slice(start, end),
  };
}
