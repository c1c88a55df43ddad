/** Looks for likely mistakes: on the lines that have changed since a commit, in all files of the window's work trees, or in a document. */
import * as vscode from 'vscode';
import { type Mistake, mistakesIn, type Search } from '../find/mistakes';
import { wordPartsOf } from '../git/changes';
import type { WorkTree } from '../git/workTree';
import { formatCount } from '../loss/units';
import { SECTION_LIMITS } from '../text/sections';
import { WordParts } from '../text/words';
import { chooseChanges, counted, type Since } from './changes';
import type { CurrentEditor } from './current';
import type { MistakeMarks } from './mistakeMarks';
import { showInformation } from './notices';
import {
  type ChangeListener,
  leftOutText,
  linesText,
  type ReadText,
  readText,
  type TextReader,
} from './reading';

const t = vscode.l10n.t;

/** What was found, and where: "5 lines of 2 files". */
interface Outcome {
  readonly count: number;
  readonly where: string;
  /** A sentence about what was left out, behind another one. */
  readonly rest: string;
}

/** The commands that look for them. */
export class MistakeSearch {
  readonly #reader: TextReader;
  readonly #current: CurrentEditor;
  readonly #marks: MistakeMarks;

  constructor(reader: TextReader, current: CurrentEditor, marks: MistakeMarks) {
    this.#reader = reader;
    this.#current = current;
    this.#marks = marks;
  }

  /** Looks for them in what has changed, and shows them in the Problems view; asks since when, if there is a choice. */
  async findInChanges(): Promise<void> {
    await this.#tell(
      await this.#reader.run(async (controller) => {
        const since = await chooseChanges(this.#current, t('Likely Mistakes in Changes'));
        return since && this.#searchChanges(since, controller);
      }),
    );
  }

  /** The same on the lines of the current document that are selected, if that is more than a part of one, or on all of them. */
  async findInDocument(): Promise<void> {
    const { editor } = this.#current;
    if (!editor) {
      void showInformation(t('Open a file first.'));
      return;
    }
    const { document, selection } = editor;
    const { isSingleLine, start, end } = selection;
    if (isSingleLine && document.getText().length > SECTION_LIMITS.large) {
      void showInformation(
        t('This document is too large to be searched as a whole. Select the lines that matter.'),
      );
      return;
    }
    // Nothing of the last line is selected where only its beginning is reached.
    const last = end.character === 0 ? end.line - 1 : end.line;
    const lines = isSingleLine ? ([0, document.lineCount - 1] as const) : ([start.line, last] as const);
    await this.#tell(
      await this.#reader.run((controller) =>
        this.#search(1, controller, async (listener) => {
          const count = await this.#reader.readLines(document, lines, listener, controller.signal);
          return { where: linesText(count), rest: '' };
        }),
      ),
    );
  }

  #searchChanges(since: Since, controller: AbortController): Promise<Outcome> {
    return this.#search(since.count, controller, async (listener) => {
      this.#marks.clear();
      const read = await this.#reader.read(since, listener, controller.signal);
      return { where: readText(read, since), rest: leftOutText(read) };
    });
  }

  /** Shows what is found in texts, in place of what was shown there before, and how far it has come. */
  async #search(
    texts: number,
    controller: AbortController,
    readAll: (listener: ChangeListener<readonly Mistake[]>) => Promise<Omit<Outcome, 'count'>>,
  ): Promise<Outcome> {
    let count = 0;
    const projects = new Projects();
    const where = {
      location: vscode.ProgressLocation.Notification,
      title: t('Surprisal: looking for likely mistakes'),
      cancellable: true,
    };
    return vscode.window.withProgress(where, async (progress, cancellation) => {
      cancellation.onCancellationRequested(() => controller.abort());
      let name = '';
      const tell = (what: string) => progress.report({ message: name === '' ? what : `${name}, ${what}` });
      const told = await readAll({
        begin: (file, number) => {
          name = t('{0} ({1} of {2})', file, number, texts);
          progress.report({ message: name, increment: 100 / texts });
        },
        progress: (share) => tell(t('{0} % read', Math.floor(100 * share))),
        find: async (read) => {
          const { document, text, losses, isMeant, questions } = read;
          const search: Search = {
            isMeant,
            project: await projects.partsOf(read),
            isRight: (mistake) => this.#marks.isRight(document, mistake),
            onProgress: (done, total) =>
              tell(t('word {0} of {1}', formatCount(done + 1), formatCount(total))),
          };
          return mistakesIn(text, losses, search, questions);
        },
        take: (document, mistakes) => {
          count += mistakes.length;
          this.#marks.set(document, mistakes);
        },
      });
      return { ...told, count };
    });
  }

  async #tell(outcome: Outcome | undefined): Promise<void> {
    if (!outcome) {
      return;
    }
    const { count, where, rest } = outcome;
    if (count === 0) {
      void showInformation(t('No likely mistakes on {0}.{1}', where, rest));
      return;
    }
    await vscode.commands.executeCommand('workbench.panel.markers.view.focus');
    const clear = t('Clear');
    const mistakes = counted(count, t('likely mistake'), t('likely mistakes'));
    const pressed = await showInformation(t('{0} on {1}.{2}', mistakes, where, rest), clear);
    if (pressed === clear) {
      this.#marks.clear();
    }
  }
}

/** The parts of words of work trees, each read when it is needed. */
class Projects {
  readonly #parts = new Map<WorkTree, Promise<WordParts>>();

  /** Those of the work tree that a text is in, or the text's own. @throws GitError */
  async partsOf({ tree, text }: ReadText): Promise<WordParts> {
    if (!tree) {
      return new WordParts(text);
    }
    const parts = this.#parts.get(tree) ?? wordPartsOf(tree);
    this.#parts.set(tree, parts);
    return parts;
  }
}
