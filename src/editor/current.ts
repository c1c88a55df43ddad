import * as vscode from 'vscode';
import { isScorable } from './scorable';

/**
 * The text editor that the user works in: the one that was active last, as long as it is on screen. While a
 * panel or an input box has the focus there is no active text editor, and the last one still counts.
 */
export class CurrentEditor implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #subscriptions: vscode.Disposable[];
  #editor: vscode.TextEditor | undefined;

  /** Another editor is the current one, its cursor has moved, or there is none any more. */
  readonly onDidChange = this.#changed.event;

  constructor() {
    this.#editor = this.#find();
    const update = () => {
      const editor = this.#find();
      if (editor !== this.#editor) {
        this.#editor = editor;
        this.#changed.fire();
      }
    };
    this.#subscriptions = [
      this.#changed,
      vscode.window.onDidChangeActiveTextEditor(update),
      vscode.window.onDidChangeVisibleTextEditors(update),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => {
        if (textEditor === this.#editor) {
          this.#changed.fire();
        }
      }),
    ];
  }

  /** The current editor; undefined when none is open. */
  get editor(): vscode.TextEditor | undefined {
    return this.#editor;
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  #find(): vscode.TextEditor | undefined {
    const { activeTextEditor, visibleTextEditors } = vscode.window;
    if (activeTextEditor && isScorable(activeTextEditor.document.uri)) {
      return activeTextEditor;
    }
    if (this.#editor && visibleTextEditors.includes(this.#editor)) {
      return this.#editor;
    }
    return visibleTextEditors.find((editor) => isScorable(editor.document.uri));
  }
}
