/**
 * Lines as VS Code counts them: each LF, CRLF and lone CR ends one. Other separators (U+2028, form feed …) do not.
 * Lines and columns are 0-based here, columns in UTF-16 code units, like `vscode.Position`.
 */

/** A place in a text. */
export interface LinePosition {
  /** 0-based. */
  readonly line: number;
  /** 0-based, in UTF-16 code units. */
  readonly column: number;
}

const LF = 10;
const CR = 13;

/** UTF-16 offset of each line's first code unit. The first is 0; a text that ends in a line break has an empty last line. */
export function lineStarts(text: string): Uint32Array {
  const starts = [0];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === LF || (code === CR && text.charCodeAt(i + 1) !== LF)) {
      starts.push(i + 1);
    }
  }
  return Uint32Array.from(starts);
}

/**
 * The 0-based line that holds the offset; a line break belongs to the line that it ends. O(log lines).
 * @param starts what {@link lineStarts} returns
 * @throws RangeError when the offset is negative
 */
export function lineAt(starts: Uint32Array, offset: number): number {
  if (!(offset >= 0)) {
    throw new RangeError(`offset ${offset} is before the text`);
  }
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle] <= offset) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

/**
 * Line and column of the offset, both 0-based. O(log lines).
 * @throws RangeError when the offset is negative
 */
export function positionAt(starts: Uint32Array, offset: number): LinePosition {
  const line = lineAt(starts, offset);
  return { line, column: offset - starts[line] };
}

/**
 * The offset of a 0-based line and column; the inverse of {@link positionAt}.
 * @throws RangeError when there is no such line
 */
export function offsetAt(starts: Uint32Array, position: LinePosition): number {
  if (!Number.isInteger(position.line) || position.line < 0 || position.line >= starts.length) {
    throw new RangeError(`line ${position.line} is none of ${starts.length}`);
  }
  return starts[position.line] + position.column;
}

/**
 * Where some lines of a text are, as flattened UTF-16 ranges [start, end), those that follow one another together; a line break
 * belongs to the line that it ends.
 * @param isMeant says so of each line
 */
export function rangesOfLines(text: string, isMeant: readonly boolean[]): number[] {
  const ranges: number[] = [];
  const starts = lineStarts(text);
  for (const [line, start] of starts.entries()) {
    if (isMeant[line] !== (isMeant[line - 1] ?? false)) {
      ranges.push(start);
    }
  }
  return ranges.length % 2 === 0 ? ranges : [...ranges, text.length];
}

/**
 * Says of UTF-16 offsets of a text whether they are on lines that are meant.
 * @param isMeant says so of each line
 */
export function onLines(text: string, isMeant: readonly boolean[]): (offset: number) => boolean {
  const starts = lineStarts(text);
  return (offset) => isMeant[lineAt(starts, offset)];
}
