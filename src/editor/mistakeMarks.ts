/** Shows likely mistakes in the Problems view and in the text, follows edits, and offers what can be done about each. */
import * as vscode from 'vscode';
import type { Mistake } from '../find/mistakes';
import { formatSurprisal } from '../loss/units';
import { quoteVisible } from '../text/visible';
import { onDidCloseDocument } from './closing';
import { onDidChangeSetting, setting } from './configuration';
import { COMMANDS, CONTEXTS, SECTION } from './keys';
import { movedMistakes } from './movedMistakes';

const t = vscode.l10n.t;

/** The diagnostics, by document. */
export class MistakeMarks implements vscode.Disposable, vscode.CodeActionProvider {
  readonly #collection = vscode.languages.createDiagnosticCollection(SECTION);
  readonly #mistakes = new Map<string, readonly Mistake[]>();
  /** What the user said is right, by its key; until the window is closed. */
  readonly #right = new Set<string>();
  readonly #subscriptions: vscode.Disposable[];
  #has: boolean | undefined;

  constructor() {
    this.#subscriptions = [
      this.#collection,
      vscode.languages.registerCodeActionsProvider({ scheme: '*' }, this, {
        providedCodeActionKinds: [vscode.CodeActionKind.QuickFix],
      }),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        const mistakes = this.#mistakes.get(document.uri.toString());
        if (mistakes && contentChanges.length > 0) {
          this.set(document, movedMistakes(mistakes, contentChanges, document.getText()));
        }
      }),
      // While it was closed others may have written it.
      vscode.workspace.onDidOpenTextDocument((document) => {
        const mistakes = this.#mistakes.get(document.uri.toString());
        if (mistakes) {
          this.set(document, movedMistakes(mistakes, [], document.getText()));
        }
      }),
      onDidCloseDocument(({ isUntitled, uri }) => isUntitled && this.#remove([uri])),
      vscode.workspace.onDidDeleteFiles(({ files }) => this.#remove(files)),
      vscode.workspace.onDidRenameFiles(({ files }) => this.#remove(files.map(({ oldUri }) => oldUri))),
      onDidChangeSetting(['unit'], () => this.#redraw()),
    ];
    this.#tell();
  }

  /** Whether any are shown. */
  get any(): boolean {
    return this.#mistakes.size > 0;
  }

  /** Those that a document is shown with. */
  of(document: vscode.TextDocument): readonly Mistake[] {
    return this.#mistakes.get(document.uri.toString()) ?? [];
  }

  /** Whether the user said that this is right: of a word's spelling everywhere, of a word in its place there. */
  isRight(document: vscode.TextDocument, mistake: Pick<Mistake, 'kind' | 'word' | 'start'>): boolean {
    return this.#right.has(keyOf(document, mistake));
  }

  /** Shows these mistakes of a document's present text, and no others of it. */
  set(document: vscode.TextDocument, mistakes: readonly Mistake[]): void {
    const name = document.uri.toString();
    if (mistakes.length > 0) {
      this.#mistakes.set(name, mistakes);
    } else {
      this.#mistakes.delete(name);
    }
    this.#collection.set(
      document.uri,
      mistakes.map((mistake) => diagnosticOf(document, mistake)),
    );
    this.#tell();
  }

  /** Takes all of them away. */
  clear(): void {
    this.#mistakes.clear();
    this.#collection.clear();
    this.#tell();
  }

  /** Takes away what the user says is right, and does not show it again in this window. @param key see {@link keyOf} */
  dismiss(key: string): void {
    this.#right.add(key);
    this.#redraw();
  }

  provideCodeActions(document: vscode.TextDocument, range: vscode.Range): vscode.CodeAction[] {
    return this.of(document)
      .filter((mistake) => rangeOf(document, mistake).intersection(range))
      .flatMap((mistake) => actionsOf(document, mistake));
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  #redraw(): void {
    for (const [name, mistakes] of this.#mistakes) {
      const document = vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === name);
      if (document) {
        this.#setLeft(document, mistakes);
      } else {
        void this.#reopen(vscode.Uri.parse(name), mistakes);
      }
    }
  }

  /** Positions are had of documents alone. */
  async #reopen(uri: vscode.Uri, mistakes: readonly Mistake[]): Promise<void> {
    try {
      this.#setLeft(await vscode.workspace.openTextDocument(uri), mistakes);
    } catch {
      this.#remove([uri]);
    }
  }

  /** Shows those of which nobody said that they are right. */
  #setLeft(document: vscode.TextDocument, mistakes: readonly Mistake[]): void {
    this.set(
      document,
      mistakes.filter((mistake) => !this.isRight(document, mistake)),
    );
  }

  #remove(uris: readonly vscode.Uri[]): void {
    for (const uri of uris) {
      this.#mistakes.delete(uri.toString());
      this.#collection.delete(uri);
    }
    this.#tell();
  }

  #tell(): void {
    if (this.any !== this.#has) {
      this.#has = this.any;
      void vscode.commands.executeCommand('setContext', CONTEXTS.hasMistakes, this.any);
    }
  }
}

/** Names what the user may say is right: a spelling, or a word on a line. */
function keyOf(
  document: vscode.TextDocument,
  { kind, word, start }: Pick<Mistake, 'kind' | 'word' | 'start'>,
): string {
  return kind === 'misspelt'
    ? word.toLowerCase()
    : `${word} in ${document.lineAt(document.positionAt(start)).text.trim()}`;
}

function rangeOf(document: vscode.TextDocument, { start, end }: Mistake): vscode.Range {
  return new vscode.Range(document.positionAt(start), document.positionAt(end));
}

function diagnosticOf(document: vscode.TextDocument, mistake: Mistake): vscode.Diagnostic {
  const diagnostic = new vscode.Diagnostic(
    rangeOf(document, mistake),
    messageOf(mistake),
    vscode.DiagnosticSeverity.Information,
  );
  diagnostic.source = SECTION;
  return diagnostic;
}

function messageOf({ kind, word, nats, suggestions: [best] }: Mistake): string {
  const [written, number] = [quoteVisible(word), formatSurprisal(nats, setting('unit'))];
  return kind === 'misspelt'
    ? t('Likely typo: {0}, {1}; perhaps {2}', written, number, quoteVisible(best))
    : t('Likely wrong word: {0}; with {1} this place takes {2} fewer', written, quoteVisible(best), number);
}

/** What can be done about a mistake: replace it, say that it is none, or have it explained. */
function actionsOf(document: vscode.TextDocument, mistake: Mistake): vscode.CodeAction[] {
  const { kind, word, start, suggestions } = mistake;
  const range = rangeOf(document, mistake);
  const diagnostic = diagnosticOf(document, mistake);
  const actionFor = (title: string) => {
    const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
    action.diagnostics = [diagnostic];
    return action;
  };
  const replacements = suggestions.map((suggestion, index) => {
    const action = actionFor(t('Replace with {0}', quoteVisible(suggestion)));
    action.edit = new vscode.WorkspaceEdit();
    action.edit.replace(document.uri, range, suggestion);
    // What is spelt wrong is mended; which word was meant is a guess.
    action.isPreferred = kind === 'misspelt' && index === 0;
    return action;
  });
  const explain = actionFor(t('Explain This Surprisal'));
  explain.command = {
    title: explain.title,
    command: COMMANDS.openPanel,
    arguments: [document.uri.toString(), start],
  };
  const dismiss = actionFor(
    kind === 'misspelt'
      ? t('{0} Is No Typo', quoteVisible(word))
      : t('{0} Is Right Here', quoteVisible(word)),
  );
  dismiss.command = {
    title: dismiss.title,
    command: COMMANDS.dismissMistake,
    arguments: [keyOf(document, mistake)],
  };
  return [...replacements, dismiss, explain];
}
