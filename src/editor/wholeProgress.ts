/** Shows how far the scoring of a large document as a whole has come, and lets the user stop it. */
import * as vscode from 'vscode';
import type { DocumentScores, ScoreProgress } from './scores';

/** A notification that is on screen. */
interface Shown {
  /** Percent that it has been told. */
  told: number;
  report(whole: ScoreProgress): void;
  close(): void;
}

/** One notification per large document that is scored as a whole, whoever asked for it. */
export class WholeProgress implements vscode.Disposable {
  readonly #scores: DocumentScores;
  readonly #shown = new Map<vscode.TextDocument, Shown>();
  readonly #subscription: vscode.Disposable;

  constructor(scores: DocumentScores) {
    this.#scores = scores;
    this.#subscription = scores.onDidChange((document) => this.#changed(document));
  }

  dispose(): void {
    this.#subscription.dispose();
    for (const shown of this.#shown.values()) {
      shown.close();
    }
    this.#shown.clear();
  }

  #changed(document: vscode.TextDocument): void {
    const state = this.#scores.get(document.uri);
    const whole = state?.document === document && !state.problem ? state.whole : undefined;
    const shown = this.#shown.get(document);
    if (!whole) {
      this.#shown.delete(document);
      shown?.close();
    } else {
      (shown ?? this.#show(document)).report(whole);
    }
  }

  #show(document: vscode.TextDocument): Shown {
    let close = () => {};
    const closed = new Promise<void>((resolve) => {
      close = resolve;
    });
    const shown: Shown = { told: 0, report: () => {}, close };
    this.#shown.set(document, shown);
    void vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: vscode.l10n.t('Surprisal: scoring {0}', vscode.workspace.asRelativePath(document.uri)),
        cancellable: true,
      },
      (progress, cancellation) => {
        cancellation.onCancellationRequested(() => this.#scores.cancelWhole(document));
        shown.report = ({ done, total }) => {
          const percent = Math.floor((100 * done) / total);
          if (percent > shown.told || shown.told === 0) {
            progress.report({ increment: percent - shown.told, message: `${percent}%` });
            shown.told = percent;
          }
        };
        return closed;
      },
    );
    return shown;
  }
}
