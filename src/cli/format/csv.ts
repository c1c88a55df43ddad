/**
 * The CSV format (RFC 4180): a header, then one row for each token; several files are told apart by their first column.
 *
 * Token text is written as a JSON string literal inside its field. So every row is one line, NUL, lone surrogates and
 * line breaks round-trip through any CSV reader (`JSON.parse` of the field gives the text), and no field begins
 * with a character that makes a spreadsheet take it for a formula.
 */
import type { ReportToken } from '../report';
import { shortestFloat32 } from './float32';
import type { ReportFormat } from './reportFormat';

const LINE_BREAK = '\r\n';
const COLUMNS = [
  'file',
  'start',
  'end',
  'line',
  'column',
  'text',
  'id',
  'nats',
  'entropy',
  'varentropy',
  'rank',
  'page',
] as const;

/**
 * Reports as CSV text; nothing without any.
 * @param alternatives number of alternatives that were asked for. Columns `top1_id`, `top1_text`, `top1_nats`, `top2_id` …
 *   follow for them; they are empty where a token has fewer
 */
export function csvFormat(alternatives: number): ReportFormat {
  return {
    *report({ file, tokens }, index) {
      if (index === 0) {
        yield line(header(alternatives));
      }
      for (const token of tokens) {
        yield line(row(file, token, alternatives));
      }
    },
    *end() {},
  };
}

function line(fields: readonly (string | number)[]): string {
  return fields.join(',') + LINE_BREAK;
}

function header(alternatives: number): string[] {
  const fields: string[] = [...COLUMNS];
  for (let i = 1; i <= alternatives; i++) {
    fields.push(`top${i}_id`, `top${i}_text`, `top${i}_nats`);
  }
  return fields;
}

function row(file: string, token: ReportToken, alternatives: number): (string | number)[] {
  const fields = [
    quoted(safeFileName(file)),
    token.start,
    token.end,
    token.line,
    token.column,
    literal(token.text),
    token.id,
    shortestFloat32(token.nats),
    shortestFloat32(token.entropy),
    shortestFloat32(token.varentropy),
    token.rank,
    token.page,
  ];
  for (let i = 0; i < alternatives; i++) {
    const alternative = token.top?.[i];
    if (alternative === undefined) {
      fields.push('', '', '');
    } else {
      fields.push(alternative.id, literal(alternative.text), shortestFloat32(alternative.nats));
    }
  }
  return fields;
}

/** The same file under a name that no spreadsheet takes for a formula; "-" is standard input. */
function safeFileName(file: string): string {
  return file !== '-' && /^[=+\-@\t\r]/.test(file) ? `./${file}` : file;
}

function literal(text: string): string {
  return quoted(JSON.stringify(text));
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
