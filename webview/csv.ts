/** Numbers as a text that spreadsheets read. */

/** A field of a table: a text, or a number in the unit that its column names; NaN where there is none. */
export type Cell = string | number;

/** A field as programs read it: whole numbers in full, others with the digits that float32 has, all without commas. */
export function cellText(cell: Cell): string {
  if (typeof cell === 'string') {
    return cell;
  }
  if (Number.isNaN(cell)) {
    return '';
  }
  return String(Number.isSafeInteger(cell) ? cell : Number(cell.toPrecision(7)));
}

/** Lines of fields as CSV (RFC 4180). */
export function toCsv(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [columns, ...rows].map((cells) => `${cells.map(cellText).map(quoted).join(',')}\r\n`).join('');
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
