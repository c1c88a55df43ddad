/** Has texts read by the model: what has changed since a commit, in all files of the window's work trees, or a document. */
import { join, relative } from 'node:path';
import * as vscode from 'vscode';
import { CancelledError, type EngineApi, reasonOf } from '../engine/api';
import { gatherScores } from '../engine/gather';
import { type Questions, questionsTo } from '../find/questions';
import { linesChangedSince } from '../git/changes';
import type { WorkTree } from '../git/workTree';
import type { LossMap } from '../loss/lossMap';
import { messageOf } from '../model/errors';
import { isGenerated } from '../text/generated';
import { onLines, rangesOfLines } from '../text/lines';
import { SECTION_LIMITS } from '../text/sections';
import { counted, type Since } from './changes';
import type { Log } from './log';
import { showError } from './notices';

const t = vscode.l10n.t;

/** A text of which some lines have their scores. */
export interface ReadText {
  readonly document: vscode.TextDocument;
  readonly text: string;
  /** Of all tokens on lines that are meant, and of some around them. */
  readonly losses: LossMap;
  /** The work tree that it is in; undefined where that does not matter. */
  readonly tree: WorkTree | undefined;
  /** Answered with nothing where that cannot be had. */
  readonly questions: Questions;
  /** Whether lines are meant on which something is at an offset. */
  isMeant(offset: number): boolean;
}

/** What becomes of the texts that are read. */
export interface TextListener<T> {
  /** So much of what is to be read of a text is read. @param share from 0 to 1 */
  progress?(share: number): void;
  /** Makes something of a text. It is called again where the text is edited meanwhile. */
  find(read: ReadText): Promise<T>;
  /** Takes over what was made of a document's present text. */
  take(document: vscode.TextDocument, found: T): void;
}

/** The same, of files that have changed. */
export interface ChangeListener<T> extends TextListener<T> {
  /** A file is looked at. @param name relative to its work tree */
  begin(name: string, number: number): void;
}

/** How much was read. */
export interface ReadChanges {
  /** Files with lines that have changed. */
  readonly files: number;
  readonly lines: number;
  /** Files that no person writes, that are no text, or that are too large. */
  readonly leftOut: number;
}

/** A text, again whenever it is another one, and which of its lines are meant. */
interface Source {
  readonly tree: WorkTree | undefined;
  /** The document with the text; undefined where there is none to be read. */
  document(): Promise<vscode.TextDocument | undefined>;
  /** Says of each line of the text whether it is meant. */
  lines(text: string): Promise<boolean[]>;
}

/** Reads for one command at a time. */
export class TextReader implements vscode.Disposable {
  readonly #engine: EngineApi;
  readonly #log: Log;
  #running: AbortController | undefined;
  /** How many texts were read. */
  #count = 0;

  constructor(engine: EngineApi, log: Log) {
    this.#engine = engine;
    this.#log = log;
  }

  /** Whether something is being read. */
  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Does what a command is about, in place of what another one does. What goes wrong is told.
   * @param work ends by {@link CancelledError} where the controller, which it may use itself, says so
   * @returns what comes of it; undefined where nothing does
   */
  async run<T>(work: (controller: AbortController) => Promise<T>): Promise<T | undefined> {
    this.dispose();
    const controller = new AbortController();
    this.#running = controller;
    try {
      return await work(controller);
    } catch (error) {
      if (!(error instanceof CancelledError)) {
        const reason = reasonOf(error);
        this.#log.error(reason);
        void showError(reason);
      }
      return undefined;
    } finally {
      if (this.#running === controller) {
        this.#running = undefined;
      }
    }
  }

  dispose(): void {
    this.#running?.abort();
  }

  /**
   * Has the lines scored that have changed, file after file.
   * @throws GitError | EngineError | CancelledError
   */
  async read<T>({ changes }: Since, listener: ChangeListener<T>, signal: AbortSignal): Promise<ReadChanges> {
    const sum = { files: 0, lines: 0, leftOut: 0 };
    let number = 0;
    for (const { tree, folder, commit, files } of changes) {
      for (const file of files) {
        const name = relative(tree.root, file.path);
        listener.begin(name, ++number);
        const source = {
          tree,
          document: () => documentOf(join(folder, name)),
          lines: (text: string) => linesChangedSince(tree, commit, file, text),
        };
        const read = await this.#read(source, listener, signal);
        if (read === undefined) {
          sum.leftOut++;
        } else if (read > 0) {
          sum.files++;
          sum.lines += read;
        }
      }
    }
    return sum;
  }

  /**
   * Has lines of a document scored.
   * @param from first of the lines, and the last one
   * @returns how many there are
   * @throws EngineError | CancelledError
   */
  async readLines<T>(
    document: vscode.TextDocument,
    [from, to]: readonly [from: number, to: number],
    listener: TextListener<T>,
    signal: AbortSignal,
  ): Promise<number> {
    const source = {
      tree: undefined,
      document: async () => (document.isClosed ? undefined : document),
      lines: async () => Array.from({ length: document.lineCount }, (_, line) => line >= from && line <= to),
    };
    return (await this.#read(source, listener, signal)) ?? 0;
  }

  /** @returns how many lines are meant; undefined where there is no text */
  async #read<T>(
    source: Source,
    listener: TextListener<T>,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    let document = await source.document();
    // Again, if it is edited meanwhile.
    while (document) {
      const text = document.getText();
      const lines = await source.lines(text);
      const count = lines.filter(Boolean).length;
      if (signal.aborted) {
        throw new CancelledError();
      }
      const found = count > 0 ? await this.#find(source, document, lines, listener, signal) : undefined;
      // VS Code closes what nobody looks at after some minutes.
      document = await source.document();
      if (document?.getText() === text) {
        if (found !== undefined) {
          listener.take(document, found);
        }
        return count;
      }
    }
    return undefined;
  }

  /** Has lines of a document's present text scored, and something made of that. */
  async #find<T>(
    { tree }: Source,
    document: vscode.TextDocument,
    lines: readonly boolean[],
    { progress, find }: TextListener<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const text = document.getText();
    // Nothing that another command has left under way is meant.
    const name = `read ${++this.#count}: ${document.uri}`;
    const listener = { progress: (done: number, total: number) => progress?.(done / total) };
    try {
      const only = rangesOfLines(text, lines);
      const { losses, score } = await gatherScores(this.#engine, name, text, listener, { signal, only });
      const questions = this.#questions(name, score, signal);
      return await find({ document, text, losses, tree, questions, isMeant: onLines(text, lines) });
    } finally {
      this.#engine.forget(name);
    }
  }

  #questions(name: string, score: number, signal: AbortSignal): Questions {
    const answered = async <T>(answer: () => Promise<readonly T[]>): Promise<readonly T[]> => {
      if (signal.aborted) {
        throw new CancelledError();
      }
      try {
        return await answer();
      } catch (error) {
        this.#log.debug(`what else there could be: ${messageOf(error)}`);
        return [];
      }
    };
    const { top, replacements } = questionsTo(this.#engine, name, score);
    return {
      top: (...question) => answered(() => top(...question)),
      replacements: (...question) => answered(() => replacements(...question)),
    };
  }
}

/** The text of a file that a person may have written; undefined of others. */
async function documentOf(path: string): Promise<vscode.TextDocument | undefined> {
  if (isGenerated(path)) {
    return undefined;
  }
  try {
    const document = await vscode.workspace.openTextDocument(vscode.Uri.file(path));
    return document.getText().length <= SECTION_LIMITS.large ? document : undefined;
  } catch {
    // It is no text, or gone meanwhile.
    return undefined;
  }
}

/** A number of lines. */
export function linesText(lines: number): string {
  return counted(lines, t('line'), t('lines'));
}

/** How much was read, and since when: "5 lines of 2 files that have changed since …". */
export function readText({ files, lines }: ReadChanges, { label }: Since): string {
  return t(
    '{0} of {1} that have changed {2}',
    linesText(lines),
    counted(files, t('file'), t('files')),
    label,
  );
}

/** Says what was left out, in a sentence behind another one; nothing where nothing was. */
export function leftOutText({ leftOut }: ReadChanges): string {
  return leftOut === 0
    ? ''
    : ` ${t('{0} left out, as no text, too large, or written by a program.', counted(leftOut, t('file was'), t('files were')))}`;
}
