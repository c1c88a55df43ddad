import type { Report } from '../report';

/**
 * A format of reports. They are written one after the other and in pieces (a line, a token): all of them together can be
 * more than a string can hold.
 */
export interface ReportFormat {
  /**
   * A report in pieces, with what belongs before it: the beginning of all, or what separates it from the report before.
   * @param index 0-based, among the reports that are written
   */
  report(report: Report, index: number): Iterable<string>;
  /**
   * What ends the output, in pieces.
   * @param count number of reports that were written
   */
  end(count: number): Iterable<string>;
}
