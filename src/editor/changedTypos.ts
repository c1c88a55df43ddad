/** Looks for likely typos on the lines that have changed since a commit, in all files of the window's work trees. */
import * as vscode from 'vscode';
import { wordPartsOf } from '../git/changes';
import type { WorkTree } from '../git/workTree';
import type { WordParts } from '../text/words';
import {
  type ChangedText,
  type ChangeReader,
  counted,
  leftOutText,
  type ReadChanges,
  readText,
  type Since,
} from './changes';
import { showInformation } from './notices';
import { EXPECTED, suggestionsFor } from './suggestions';
import type { MarkedTypo, TypoMarks } from './typoMarks';
import { typosIn } from './typos';

const t = vscode.l10n.t;

/** Typos that are shown of a file at most, the most surprising ones. */
const MOST_OF_A_FILE = 100;

/** The command that looks for them. */
export class ChangedTypos {
  readonly #reader: ChangeReader;
  readonly #marks: TypoMarks;

  constructor(reader: ChangeReader, marks: TypoMarks) {
    this.#reader = reader;
    this.#marks = marks;
  }

  /** Looks for them, and shows them in the Problems view; asks since when, if there is a choice. */
  async find(): Promise<void> {
    const outcome = await this.#reader.run(async (controller) => {
      const since = await this.#reader.choose(t('Likely Typos in Changes'));
      return since && { since, ...(await this.#search(since, controller)) };
    });
    if (outcome) {
      await this.#tell(outcome.count, outcome.read, outcome.since);
    }
  }

  async #search(
    since: Since,
    controller: AbortController,
  ): Promise<{ readonly read: ReadChanges; readonly count: number }> {
    let count = 0;
    const projects = new Projects();
    const where = {
      location: vscode.ProgressLocation.Notification,
      title: t('Surprisal: looking for typos in changes'),
      cancellable: true,
    };
    const read = await vscode.window.withProgress(where, (progress, cancellation) => {
      cancellation.onCancellationRequested(() => controller.abort());
      this.#marks.clear();
      const listener = {
        begin: (name: string, number: number) =>
          progress.report({
            message: t('{0} ({1} of {2})', name, number, since.count),
            increment: 100 / since.count,
          }),
        find: async (changed: ChangedText) => this.#typosOf(changed, await projects.partsOf(changed.tree)),
        take: (document: vscode.TextDocument, typos: readonly MarkedTypo[]) => {
          count += typos.length;
          this.#marks.set(document, typos);
        },
      };
      return this.#reader.read(since, listener, controller.signal);
    });
    return { read, count };
  }

  async #typosOf(
    { document, text, isChanged, losses, expectedBefore }: ChangedText,
    project: WordParts,
  ): Promise<MarkedTypo[]> {
    const isMeant = (offset: number) => isChanged[document.positionAt(offset).line];
    // In their order: of a page that is no longer known the model has to read what comes before them only once then.
    const typos = typosIn(text, losses, MOST_OF_A_FILE, isMeant, project)
      .filter(({ word }) => !this.#marks.isRight(word))
      .sort((a, b) => a.start - b.start);
    const marked: MarkedTypo[] = [];
    for (const typo of typos) {
      const expected = await expectedBefore(typo.token, EXPECTED);
      const candidates = { expected, known: project.all() };
      marked.push({ ...typo, suggestions: suggestionsFor(typo.word, typo.part, candidates) });
    }
    return marked;
  }

  async #tell(count: number, read: ReadChanges, since: Since): Promise<void> {
    const [where, rest] = [readText(read, since), leftOutText(read)];
    if (count === 0) {
      void showInformation(t('No likely typos on {0}.{1}', where, rest));
      return;
    }
    await vscode.commands.executeCommand('workbench.panel.markers.view.focus');
    const clear = t('Clear');
    const typos = counted(count, t('likely typo'), t('likely typos'));
    const pressed = await showInformation(t('{0} on {1}.{2}', typos, where, rest), clear);
    if (pressed === clear) {
      this.#marks.clear();
    }
  }
}

/** The parts of words of work trees, each read when it is needed. */
class Projects {
  readonly #parts = new Map<WorkTree, Promise<WordParts>>();

  /** @throws GitError */
  partsOf(tree: WorkTree): Promise<WordParts> {
    const parts = this.#parts.get(tree) ?? wordPartsOf(tree);
    this.#parts.set(tree, parts);
    return parts;
  }
}
