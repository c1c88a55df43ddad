/** From units of text to the ranges that are drawn, per heatmap bin. No vscode import. */

/** Number of values that describe one range: its line, and the columns of its start and end. */
export const RANGE_SIZE = 3;

/**
 * Collects the ranges of each bin over a stretch of text that begins at a line's start. Units are added in
 * order and do not overlap. A range never holds a line break; neighbours of one bin on one line are one range.
 */
export class RangeCollector {
  /** Per bin, flattened: line, start column, end column. */
  readonly bins: number[][];
  readonly #text: string;
  readonly #offset: number;
  readonly #columns: number;
  /** The line that was reached: number, offset in the text, end of its content, start of the next one. */
  #line: number;
  #start = 0;
  #contentEnd = 0;
  #next = 0;

  /**
   * @param bins number of bins
   * @param text the text, from a line's start on
   * @param offset UTF-16 offset of the text in the document
   * @param line the text's first line
   * @param columns what lies beyond this column is left out
   */
  constructor(bins: number, text: string, offset = 0, line = 0, columns = Number.POSITIVE_INFINITY) {
    this.bins = Array.from({ length: bins }, () => []);
    this.#text = text;
    this.#offset = offset;
    this.#line = line;
    this.#columns = columns;
    this.#findEnd();
  }

  /** Adds the UTF-16 range [start, end) of the document to a bin. */
  add(start: number, end: number, bin: number): void {
    let from = Math.max(0, start - this.#offset);
    const to = Math.min(this.#text.length, end - this.#offset);
    while (from < to) {
      while (from >= this.#next) {
        this.#line++;
        this.#start = this.#next;
        this.#findEnd();
      }
      const visibleEnd = Math.min(to, this.#contentEnd, this.#start + this.#columns);
      if (from < visibleEnd) {
        this.#push(bin, from - this.#start, visibleEnd - this.#start);
      }
      from = this.#next;
    }
  }

  #push(bin: number, start: number, end: number): void {
    const ranges = this.bins[bin];
    const last = ranges.length - RANGE_SIZE;
    if (ranges[last] === this.#line && ranges[last + 2] === start) {
      ranges[last + 2] = end;
    } else {
      ranges.push(this.#line, start, end);
    }
  }

  #findEnd(): void {
    const lineFeed = this.#text.indexOf('\n', this.#start);
    if (lineFeed < 0) {
      this.#contentEnd = this.#text.length;
      // Nothing lies beyond the last line.
      this.#next = Number.POSITIVE_INFINITY;
    } else {
      this.#contentEnd =
        lineFeed > this.#start && this.#text[lineFeed - 1] === '\r' ? lineFeed - 1 : lineFeed;
      this.#next = lineFeed + 1;
    }
  }
}

/** A range of lines: the first, and the one after the last. */
export interface LineWindow {
  readonly start: number;
  readonly end: number;
}

/**
 * The lines to draw: those on screen and some around them, as few windows as possible, in order.
 * @param visible the lines on screen
 * @param margin how many lines more, before and after
 * @param lineCount number of lines of the document
 */
export function lineWindows(visible: readonly LineWindow[], margin: number, lineCount: number): LineWindow[] {
  const windows: LineWindow[] = [];
  for (const { start, end } of [...visible].sort((a, b) => a.start - b.start)) {
    const window = { start: Math.max(0, start - margin), end: Math.min(lineCount, end + margin) };
    const last = windows.at(-1);
    if (last && window.start <= last.end) {
      windows[windows.length - 1] = { start: last.start, end: Math.max(last.end, window.end) };
    } else if (window.start < window.end) {
      windows.push(window);
    }
  }
  return windows;
}
