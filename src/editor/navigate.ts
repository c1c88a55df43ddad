/** Jumps from one surprising token to the next. */
import * as vscode from 'vscode';
import type { LossMap, Unit } from '../loss/lossMap';
import { formatSurprisal } from '../loss/units';
import { quoteVisible } from '../text/visible';
import { setting } from './configuration';
import type { CurrentEditor } from './current';
import type { DocumentScores } from './scores';
import { nextSurprise, SURPRISING_BITS } from './surprises';

const t = vscode.l10n.t;

/** How long a surprisal is announced in the status bar, in milliseconds. */
const ANNOUNCEMENT = 6000;

/** The commands that go to the next and to the previous surprising token. */
export class Navigator {
  readonly #scores: DocumentScores;
  readonly #current: CurrentEditor;

  constructor(scores: DocumentScores, current: CurrentEditor) {
    this.#scores = scores;
    this.#current = current;
  }

  /** Selects the surprising token after, or before, the cursor, and says how surprising it is. */
  async go(direction: 'next' | 'previous'): Promise<void> {
    const editor = this.#current.editor;
    if (!editor) {
      void vscode.window.showInformationMessage(t('Open a file first.'));
      return;
    }
    const losses = await this.#losses(editor.document);
    if (!losses) {
      return;
    }
    const { document, selection } = editor;
    const unit = nextSurprise(
      losses,
      document.offsetAt(selection.start),
      document.offsetAt(selection.end),
      direction,
    );
    if (!unit) {
      void vscode.window.showInformationMessage(
        this.#scores.get(document.uri)?.complete
          ? t('No token of this document has {0} bits or more.', SURPRISING_BITS)
          : t('No token that is scored so far has {0} bits or more.', SURPRISING_BITS),
      );
      return;
    }
    this.#select(editor, unit);
  }

  /** The document's scores: those that are there, else new ones. */
  async #losses(document: vscode.TextDocument): Promise<LossMap | undefined> {
    const { losses, trained } = this.#scores.get(document.uri) ?? {};
    if (losses && losses.scored > 0) {
      // The jumps go to what the heatmap shows.
      return trained ?? losses;
    }
    try {
      const state = await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Window, title: t('Surprisal: scoring …') },
        () => this.#scores.scorePart(document),
      );
      return state.losses;
    } catch {
      // The status bar says what went wrong.
      return undefined;
    }
  }

  #select(editor: vscode.TextEditor, unit: Unit): void {
    const range = new vscode.Range(
      editor.document.positionAt(unit.start),
      editor.document.positionAt(unit.end),
    );
    editor.selection = new vscode.Selection(range.start, range.end);
    editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    const text = quoteVisible(editor.document.getText(range));
    const surprisal = formatSurprisal(unit.nats, setting('unit'));
    vscode.window.setStatusBarMessage(t('$(flame) {0}: {1}', text, surprisal), ANNOUNCEMENT);
  }
}
