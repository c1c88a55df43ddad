import * as vscode from 'vscode';

/**
 * Calls the listener when a document is closed. VS Code tells of another language as of a close and a new opening of the
 * same document, which is none.
 */
export function onDidCloseDocument(listener: (document: vscode.TextDocument) => void): vscode.Disposable {
  return vscode.workspace.onDidCloseTextDocument((document) => {
    if (document.isClosed) {
      listener(document);
    }
  });
}
