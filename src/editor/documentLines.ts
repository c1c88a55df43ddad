import * as vscode from 'vscode';
import type { TextLines } from '../text/sections';

/** The lines of a document's present version, read without a copy of its text. */
export class DocumentLines implements TextLines {
  readonly #document: vscode.TextDocument;
  readonly #lineBreak: number;
  readonly length: number;
  /** The line that was looked up last: neighbours are found from there. */
  #line = 0;
  #start = 0;

  constructor(document: vscode.TextDocument) {
    this.#document = document;
    this.#lineBreak = document.eol === vscode.EndOfLine.CRLF ? 2 : 1;
    this.length = lengthOf(document);
  }

  get count(): number {
    return this.#document.lineCount;
  }

  text(line: number): string {
    return this.#document.lineAt(line).text;
  }

  start(line: number): number {
    if (line === this.#line + 1) {
      this.#start += this.text(this.#line).length + this.#lineBreak;
    } else if (line !== this.#line) {
      this.#start = this.#document.offsetAt(this.#document.lineAt(line).range.start);
    }
    this.#line = line;
    return this.#start;
  }

  lineAt(offset: number): number {
    return this.#document.positionAt(offset).line;
  }
}

/** UTF-16 length of a document's text, without a copy of the text. */
export function lengthOf(document: vscode.TextDocument): number {
  return document.offsetAt(document.lineAt(document.lineCount - 1).range.end);
}
