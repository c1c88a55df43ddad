/** The list format: a line for each surprising token, as compilers write theirs, for editors, grep and scripts. */
import { toBits } from '../../loss/units';
import { quoteVisible } from '../../text/visible';
import { nameOf } from '../input';
import { unitsOf } from './document';
import type { ReportFormat } from './reportFormat';
import { expectationOf, numbersOf, type ReportUnit } from './summary';

/** How to write the list format. */
export interface ListOptions {
  readonly unit: ReportUnit;
  /** Surprisal in bits from which on a token is listed. */
  readonly from: number;
}

/** Surprising tokens in the order of the text: `file:line:column: 15.3 bits, 1 in 40,000: “word”, expected …`. */
export function listFormat({ unit: shown, from }: ListOptions): ReportFormat {
  return {
    *report(report) {
      for (const unit of unitsOf(report)) {
        if (toBits(unit.nats) >= from) {
          const [{ line, column }] = unit.tokens;
          const { surprisal, probability } = numbersOf(unit, shown);
          const expected = expectationOf(unit);
          const what = `${quoteVisible(unit.text)}${expected === '' ? '' : `, expected ${expected}`}`;
          yield `${nameOf(report.file)}:${line}:${column}: ${surprisal}, ${probability}: ${what}\n`;
        }
      }
    },
    *end() {},
  };
}
