/** A report's document as lines of coloured pieces: what the text and HTML formats draw. */
import { heatOf } from '../../loss/heat';
import { isInsideWord } from '../../text/words';
import type { Report, ReportToken } from '../report';

/** A piece of the document that is one: one token, several that share a character, or a word. */
export interface Unit {
  readonly tokens: readonly ReportToken[];
  /** Indices of the first token in the report. */
  readonly first: number;
  readonly text: string;
  /** Sum of the tokens' surprisals in nats. */
  readonly nats: number;
  /** Bin of the sum. */
  readonly heat: number;
}

/** The part of a unit that lies on one line. */
export interface Piece {
  readonly unit: Unit;
  /** Index of the unit in the document. */
  readonly index: number;
  /** Text without its line break. */
  readonly text: string;
  /** The line break that ends the line after this piece; empty elsewhere. */
  readonly lineBreak: string;
}

/** What is one: a token, or a word with all of its tokens. */
export const GROUPINGS = ['word', 'token'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** The document's units, in order; or its words, and the units between them. */
export function unitsOf({ tokens }: Pick<Report, 'tokens'>, by: Grouping = 'token'): Unit[] {
  const units: Unit[] = [];
  for (let first = 0; first < tokens.length; ) {
    let last = first;
    let { end } = tokens[first];
    while (
      last + 1 < tokens.length &&
      (tokens[last + 1].start < end ||
        (by === 'word' &&
          tokens[last + 1].start === end &&
          isInsideWord(tokens[last].text, tokens[last + 1].text)))
    ) {
      last++;
      end = Math.max(end, tokens[last].end);
    }
    units.push(unitOf(tokens.slice(first, last + 1), first));
    first = last + 1;
  }
  return units;
}

function unitOf(tokens: readonly ReportToken[], first: number): Unit {
  let text = '';
  let nats = 0;
  const { start } = tokens[0];
  for (const token of tokens) {
    // Overlapping ranges repeat the characters that they share.
    text += token.text.slice(start + text.length - token.start);
    nats += token.nats;
  }
  return { tokens, first, text, nats, heat: heatOf(nats) };
}

/** The document's lines (LF, CRLF and lone CR end one), each as its pieces, in order. */
export function linesOf(units: readonly Unit[]): Piece[][] {
  const lines: Piece[][] = [[]];
  for (const [index, unit] of units.entries()) {
    // A CR at the end of one unit and an LF at the start of the next are one line break.
    if (unit.text.startsWith('\n') && endsWithLoneReturn(lines)) {
      lines.pop();
    }
    for (const [, text, lineBreak] of unit.text.matchAll(/([^\r\n]*)(\r\n|\r|\n|$)/g)) {
      if (text !== '' || lineBreak !== '') {
        lines.at(-1)!.push({ unit, index, text, lineBreak });
      }
      if (lineBreak !== '') {
        lines.push([]);
      }
    }
  }
  return lines;
}

function endsWithLoneReturn(lines: readonly Piece[][]): boolean {
  return lines.at(-1)!.length === 0 && lines.at(-2)?.at(-1)?.lineBreak === '\r';
}
