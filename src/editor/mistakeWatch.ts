/** Looks for likely mistakes by itself, on the lines on screen of the current document, where the setting asks for that. */
import * as vscode from 'vscode';
import { CancelledError, type EngineApi } from '../engine/api';
import { mistakesIn } from '../find/mistakes';
import { questionsTo } from '../find/questions';
import type { LossMap } from '../loss/lossMap';
import { messageOf } from '../model/errors';
import { onLines, rangesOfLines } from '../text/lines';
import { onDidCloseDocument } from './closing';
import { onDidChangeSetting, setting } from './configuration';
import type { CurrentEditor } from './current';
import { lengthOf } from './documentLines';
import type { Log } from './log';
import type { MistakeMarks } from './mistakeMarks';
import type { DocumentScores } from './scores';

/** How long nothing is edited, scrolled or selected before it is looked, in milliseconds. */
const PAUSE = 1000;

/** UTF-16 length beyond which a document is left alone: its words would be counted at every look. */
const MOST_CHARACTERS = 100_000;

/** Keeps what is on screen searched. A line is looked at once, until an edit has the text scored anew. */
export class MistakeWatch implements vscode.Disposable {
  readonly #scores: DocumentScores;
  readonly #engine: EngineApi;
  readonly #current: CurrentEditor;
  readonly #marks: MistakeMarks;
  readonly #log: Log;
  readonly #subscriptions: vscode.Disposable[];
  /** The document that is looked at, and what keeps it scored. */
  #watched: { readonly document: vscode.TextDocument; readonly hold: vscode.Disposable } | undefined;
  /** Lines that were looked at, by the scoring. */
  #looked: { readonly score: number; readonly lines: Set<number> } | undefined;
  /** Where something was written last. */
  #written: number | undefined;
  /** Documents with marks from here. */
  readonly #marked = new Set<vscode.TextDocument>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  /** Something has happened while it was looked. */
  #isStale = false;

  constructor(
    scores: DocumentScores,
    engine: EngineApi,
    current: CurrentEditor,
    marks: MistakeMarks,
    log: Log,
  ) {
    this.#scores = scores;
    this.#engine = engine;
    this.#current = current;
    this.#marks = marks;
    this.#log = log;
    this.#subscriptions = [
      current.onDidChange(() => this.#follow()),
      scores.onDidChange((document) => document === this.#watched?.document && this.#expect()),
      vscode.window.onDidChangeTextEditorVisibleRanges(
        ({ textEditor }) => textEditor === current.editor && this.#wait(),
      ),
      vscode.workspace.onDidChangeTextDocument((event) => this.#edited(event)),
      onDidCloseDocument((document) => this.#forget(document)),
      onDidChangeSetting(['mistakes.onScreen'], () => this.#follow()),
    ];
    this.#follow();
  }

  dispose(): void {
    this.#leave();
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  /** Looks at the current document, and at no other one. */
  #follow(): void {
    const isOn = setting('mistakes.onScreen');
    const document = this.#current.editor?.document;
    if (document !== this.#watched?.document || !isOn) {
      this.#leave();
      if (document && isOn && lengthOf(document) <= MOST_CHARACTERS) {
        this.#watched = { document, hold: this.#scores.retain(document) };
      }
    }
    if (!isOn) {
      for (const marked of this.#marked) {
        this.#forget(marked);
      }
    }
    this.#wait();
  }

  #leave(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#watched?.hold.dispose();
    this.#watched = undefined;
    this.#looked = undefined;
    this.#written = undefined;
  }

  #edited({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    if (document === this.#watched?.document && contentChanges.length > 0) {
      const { range, text } = contentChanges[0];
      this.#written = range.start.line + text.split('\n').length - 1;
      this.#looked = undefined;
      this.#wait();
    }
  }

  #forget(document: vscode.TextDocument): void {
    if (this.#marked.delete(document)) {
      this.#marks.set(document, []);
    }
  }

  /** Looks when nothing has happened for a while. */
  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#expect();
  }

  /** The same, of which there is one already perhaps. */
  #expect(): void {
    if (this.#watched) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        void this.#look();
      }, PAUSE);
    }
  }

  async #look(): Promise<void> {
    const editor = this.#current.editor;
    const document = this.#watched?.document;
    this.#isStale = this.#isLooking;
    if (!document || editor?.document !== document || this.#isLooking) {
      return;
    }
    const state = this.#scores.get(document.uri);
    if (!state?.losses || state.score === undefined || state.waiting || state.textLength > MOST_CHARACTERS) {
      return;
    }
    const { losses, score } = state;
    const lines = this.#linesOn(editor, score);
    if (!lines.includes(true)) {
      return;
    }
    const { version } = document;
    const text = document.getText();
    const isMeant = onLines(text, lines);
    if (!areScored(losses, rangesOfLines(text, lines))) {
      return;
    }
    this.#isLooking = true;
    try {
      const search = {
        isMeant,
        isRight: (mistake: Parameters<MistakeMarks['isRight']>[1]) => this.#marks.isRight(document, mistake),
      };
      const questions = questionsTo(this.#engine, document.uri.toString(), score);
      const found = await mistakesIn(text, losses, search, questions);
      if (document.version === version && this.#watched?.document === document) {
        for (const [line, isLooked] of lines.entries()) {
          if (isLooked) {
            this.#lookedAt(score).add(line);
          }
        }
        const others = this.#marks.of(document).filter(({ start }) => !isMeant(start));
        this.#marks.set(document, [...others, ...found]);
        this.#marked.add(document);
      }
    } catch (error) {
      // An edit has the text scored anew, and that is looked at then.
      if (!(error instanceof CancelledError)) {
        this.#log.warn(`likely mistakes were not looked for: ${messageOf(error)}`);
      }
    } finally {
      this.#isLooking = false;
      if (this.#isStale) {
        this.#wait();
      }
    }
  }

  /** Says of each line whether it is on screen and was not looked at; but not of the one that is being written. */
  #linesOn({ document, visibleRanges, selection }: vscode.TextEditor, score: number): boolean[] {
    const looked = this.#lookedAt(score);
    const lines = new Array<boolean>(document.lineCount).fill(false);
    for (const { start, end } of visibleRanges) {
      for (let line = start.line; line <= Math.min(end.line, document.lineCount - 1); line++) {
        lines[line] = !looked.has(line) && !(line === this.#written && line === selection.active.line);
      }
    }
    return lines;
  }

  /** The lines that were looked at, of a scoring; those of the one before are no longer known then. */
  #lookedAt(score: number): Set<number> {
    if (this.#looked?.score !== score) {
      this.#looked = { score, lines: new Set() };
    }
    return this.#looked.lines;
  }
}

/** Whether all tokens that touch ranges of the text have their scores. @param ranges UTF-16 offsets, flattened */
function areScored(losses: LossMap, ranges: readonly number[]): boolean {
  for (let i = 0; i < ranges.length; i += 2) {
    const [from, to] = [losses.firstTokenAfter(ranges[i]), losses.firstTokenAfter(ranges[i + 1])];
    for (let token = from; token < to; token++) {
      if (!losses.isScored(token)) {
        return false;
      }
    }
  }
  return true;
}
