/** Jumps from one surprising token to the next. */
import * as vscode from 'vscode';
import { nextSurprise } from '../find/surprises';
import { SURPRISING_BITS } from '../loss/heat';
import type { Unit } from '../loss/lossMap';
import { formatSurprisal } from '../loss/units';
import { quoteVisible } from '../text/visible';
import { setting } from './configuration';
import type { CurrentEditor } from './current';
import { showInformation } from './notices';
import { selectRange } from './reveal';
import type { DocumentScores } from './scores';

const t = vscode.l10n.t;

/** How long a surprisal is announced in the status bar, in milliseconds. */
const ANNOUNCEMENT = 6000;

type Direction = 'next' | 'previous';

/** The commands that go to the next and to the previous surprising token. */
export class Navigator implements vscode.Disposable {
  readonly #scores: DocumentScores;
  readonly #current: CurrentEditor;
  /** Gives up the jump that waits for scores, if there is one. */
  #abandon: (() => void) | undefined;

  constructor(scores: DocumentScores, current: CurrentEditor) {
    this.#scores = scores;
    this.#current = current;
  }

  /**
   * Selects the surprising token after, or before, the cursor, and says how surprising it is. Where that has no scores
   * yet, it waits for them, unless the user goes on working meanwhile.
   */
  async go(direction: Direction): Promise<void> {
    this.#abandon?.();
    const editor = this.#current.editor;
    if (!editor) {
      void showInformation(t('Open a file first.'));
      return;
    }
    let unit: Unit | 'unknown' | undefined = this.#look(editor, direction);
    if (unit === 'unknown') {
      unit = await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Window, title: t('Surprisal: scoring …') },
        () => this.#wait(editor, direction),
      );
    }
    if (unit === 'unknown') {
      return;
    }
    if (unit) {
      this.#select(editor, unit);
    } else {
      void showInformation(
        this.#scores.get(editor.document.uri)?.complete
          ? t('No token of this document has {0} bits or more.', SURPRISING_BITS)
          : t('No token that is scored so far has {0} bits or more.', SURPRISING_BITS),
      );
    }
  }

  dispose(): void {
    this.#abandon?.();
  }

  #look({ document, selection }: vscode.TextEditor, direction: Direction): Unit | 'unknown' | undefined {
    const { losses, trained } = this.#scores.get(document.uri) ?? {};
    // The jumps go to what the heatmap shows.
    const shown = trained ?? losses;
    const { start, end } = selection;
    return shown
      ? nextSurprise(shown, document.offsetAt(start), document.offsetAt(end), direction)
      : 'unknown';
  }

  /** Has the document scored up to where the next token is. @returns `unknown` when that was given up */
  #wait(editor: vscode.TextEditor, direction: Direction): Promise<Unit | 'unknown' | undefined> {
    const { document } = editor;
    return new Promise((resolve) => {
      const subscriptions: vscode.Disposable[] = [];
      const settle = (unit: Unit | 'unknown' | undefined) => {
        vscode.Disposable.from(...subscriptions).dispose();
        if (this.#abandon === abandon) {
          this.#abandon = undefined;
        }
        resolve(unit);
      };
      const abandon = () => settle('unknown');
      this.#abandon = abandon;
      subscriptions.push(
        this.#scores.onDidChange((changed) => {
          const unit = changed === document ? this.#look(editor, direction) : 'unknown';
          if (unit !== 'unknown') {
            settle(unit);
          }
        }),
        // Whoever moves the cursor, types or goes elsewhere wants to stay there.
        this.#current.onDidChange(abandon),
        vscode.workspace.onDidChangeTextDocument(({ document: changed, contentChanges }) => {
          if (changed === document && contentChanges.length > 0) {
            abandon();
          }
        }),
      );
      // Should it fail, the status bar says why.
      this.#scores.scorePart(document).then(() => settle(this.#look(editor, direction)), abandon);
    });
  }

  #select(editor: vscode.TextEditor, unit: Unit): void {
    const range = new vscode.Range(
      editor.document.positionAt(unit.start),
      editor.document.positionAt(unit.end),
    );
    selectRange(editor, range);
    const text = quoteVisible(editor.document.getText(range));
    const surprisal = formatSurprisal(unit.nats, setting('unit'));
    vscode.window.setStatusBarMessage(t('$(flame) {0}: {1}', text, surprisal), ANNOUNCEMENT);
  }
}
