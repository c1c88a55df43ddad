/** Lines of documents as details of entries in lists. No vscode import. */

/** UTF-16 code units that are shown of a line, and as many of them before the place that it is shown for. */
const SHOWN = 200;
const BEFORE = 60;

/**
 * A line without the blanks around it; of a long one, what is around a place. A list of a hundred lines is sent to the
 * window again and again, and a line may be all of a file.
 * @param column UTF-16 offset of the place
 */
export function lineExcerpt(line: string, column = 0): string {
  const text = line.trimEnd();
  if (text.trimStart().length <= SHOWN) {
    return withoutIcons(text.trimStart());
  }
  const start = characterAt(text, Math.max(0, Math.min(column - BEFORE, text.length - SHOWN)));
  const end = characterAt(text, start + SHOWN);
  const shown = text.slice(start, end).trim();
  return withoutIcons(`${start > 0 ? '…' : ''}${shown}${end < text.length ? '…' : ''}`);
}

/** A text that VS Code's labels show as it is: "$(date)" would be an icon, or nothing. */
export function withoutIcons(text: string): string {
  return text.replace(/\$\((?=[A-Za-z0-9-]+(?:~[A-Za-z]+)?\))/g, '\\$&');
}

/** Where the character begins that a code unit is of. */
function characterAt(text: string, unit: number): number {
  return /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(Math.max(0, unit - 1), unit + 1))
    ? unit - 1
    : unit;
}
