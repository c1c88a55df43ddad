/** Shows places of a text. */
import * as vscode from 'vscode';

/** Selects a range in an editor, and shows it where it is not on screen. */
export function selectRange(editor: vscode.TextEditor, range: vscode.Range): void {
  editor.selection = new vscode.Selection(range.start, range.end);
  editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}

/** Puts an editor's cursor at a UTF-16 offset and shows the place. */
export function moveCursor(editor: vscode.TextEditor, offset: number): void {
  const position = editor.document.positionAt(offset);
  selectRange(editor, new vscode.Range(position, position));
}
