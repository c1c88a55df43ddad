/** Shows likely typos in the Problems view and in the text, follows edits, and offers what can be done about each. */
import * as vscode from 'vscode';
import { formatSurprisal } from '../loss/units';
import { quoteVisible } from '../text/visible';
import { onDidChangeSetting, setting } from './configuration';
import { COMMANDS, CONTEXTS, SECTION } from './keys';
import { movedTypos, type Typo } from './typos';

const t = vscode.l10n.t;

/** A typo that is shown. */
export interface MarkedTypo extends Typo {
  /** What to write instead, the best first. */
  readonly suggestions: readonly string[];
}

/** The diagnostics, by document. */
export class TypoMarks implements vscode.Disposable, vscode.CodeActionProvider {
  readonly #collection = vscode.languages.createDiagnosticCollection(SECTION);
  readonly #typos = new Map<string, readonly MarkedTypo[]>();
  /** What the user said is right, in lower case; until the window is closed. */
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
        const typos = this.#typos.get(document.uri.toString());
        if (typos && contentChanges.length > 0) {
          this.set(document, movedTypos(typos, contentChanges, document.getText()));
        }
      }),
      // While it was closed others may have written it.
      vscode.workspace.onDidOpenTextDocument((document) => {
        const typos = this.#typos.get(document.uri.toString());
        if (typos) {
          this.set(document, movedTypos(typos, [], document.getText()));
        }
      }),
      vscode.workspace.onDidDeleteFiles(({ files }) => this.#remove(files)),
      vscode.workspace.onDidRenameFiles(({ files }) => this.#remove(files.map(({ oldUri }) => oldUri))),
      onDidChangeSetting(['unit'], () => this.#redraw()),
    ];
    this.#tell();
  }

  /** Whether any are shown. */
  get any(): boolean {
    return this.#typos.size > 0;
  }

  /** Whether a word is one that the user said is right. */
  isRight(word: string): boolean {
    return this.#right.has(word.toLowerCase());
  }

  /** Shows these typos of a document's present text, and no others of it. */
  set(document: vscode.TextDocument, typos: readonly MarkedTypo[]): void {
    const name = document.uri.toString();
    if (typos.length > 0) {
      this.#typos.set(name, typos);
    } else {
      this.#typos.delete(name);
    }
    this.#collection.set(
      document.uri,
      typos.map((typo) => diagnosticOf(document, typo)),
    );
    this.#tell();
  }

  /** Takes all of them away. */
  clear(): void {
    this.#typos.clear();
    this.#collection.clear();
    this.#tell();
  }

  /** Takes a word away wherever it is shown, and does not show it again in this window. */
  dismiss(word: string): void {
    this.#right.add(word.toLowerCase());
    this.#redraw();
  }

  provideCodeActions(document: vscode.TextDocument, range: vscode.Range): vscode.CodeAction[] {
    const typos = this.#typos.get(document.uri.toString()) ?? [];
    return typos
      .filter((typo) => rangeOf(document, typo).intersection(range))
      .flatMap((typo) => actionsOf(document, typo));
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  #redraw(): void {
    for (const [name, typos] of this.#typos) {
      const document = vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === name);
      const left = typos.filter(({ word }) => !this.isRight(word));
      if (document) {
        this.set(document, left);
      } else {
        void this.#reopen(vscode.Uri.parse(name), left);
      }
    }
  }

  /** Positions are had of documents alone. */
  async #reopen(uri: vscode.Uri, typos: readonly MarkedTypo[]): Promise<void> {
    try {
      this.set(await vscode.workspace.openTextDocument(uri), typos);
    } catch {
      this.#remove([uri]);
    }
  }

  #remove(uris: readonly vscode.Uri[]): void {
    for (const uri of uris) {
      this.#typos.delete(uri.toString());
      this.#collection.delete(uri);
    }
    this.#tell();
  }

  #tell(): void {
    if (this.any !== this.#has) {
      this.#has = this.any;
      void vscode.commands.executeCommand('setContext', CONTEXTS.hasTypos, this.any);
    }
  }
}

function rangeOf(document: vscode.TextDocument, { start, end }: Typo): vscode.Range {
  return new vscode.Range(document.positionAt(start), document.positionAt(end));
}

function diagnosticOf(document: vscode.TextDocument, typo: MarkedTypo): vscode.Diagnostic {
  const [best] = typo.suggestions;
  const [word, surprisal] = [quoteVisible(typo.word), formatSurprisal(typo.nats, setting('unit'))];
  const diagnostic = new vscode.Diagnostic(
    rangeOf(document, typo),
    best === undefined
      ? t('Likely typo: {0}, {1}', word, surprisal)
      : t('Likely typo: {0}, {1}; perhaps {2}', word, surprisal, quoteVisible(best)),
    vscode.DiagnosticSeverity.Information,
  );
  diagnostic.source = SECTION;
  return diagnostic;
}

/** What can be done about a typo: replace it, say that it is none, or have it explained. */
function actionsOf(document: vscode.TextDocument, typo: MarkedTypo): vscode.CodeAction[] {
  const range = rangeOf(document, typo);
  const diagnostic = diagnosticOf(document, typo);
  const actionFor = (title: string) => {
    const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
    action.diagnostics = [diagnostic];
    return action;
  };
  const replacements = typo.suggestions.map((suggestion, index) => {
    const action = actionFor(t('Replace with {0}', quoteVisible(suggestion)));
    action.edit = new vscode.WorkspaceEdit();
    action.edit.replace(document.uri, range, suggestion);
    action.isPreferred = index === 0;
    return action;
  });
  const explain = actionFor(t('Explain This Surprisal'));
  explain.command = {
    title: explain.title,
    command: COMMANDS.openPanel,
    arguments: [document.uri.toString(), typo.start],
  };
  const dismiss = actionFor(t('{0} Is No Typo', quoteVisible(typo.word)));
  dismiss.command = { title: dismiss.title, command: COMMANDS.dismissTypo, arguments: [typo.word] };
  return [...replacements, dismiss, explain];
}
