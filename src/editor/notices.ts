/** Notifications. VS Code makes links of `[text](address)` in them, commands included, and what a model or a file is called may be that. */
import * as vscode from 'vscode';
import { withoutLinks } from './markdown';

/** Shows an error. @returns the button that was pressed */
export function showError(message: string, ...buttons: readonly string[]): Thenable<string | undefined> {
  return vscode.window.showErrorMessage(withoutLinks(message), ...buttons);
}

/** Shows something to know. @returns the button that was pressed */
export function showInformation(
  message: string,
  ...buttons: readonly string[]
): Thenable<string | undefined> {
  return vscode.window.showInformationMessage(withoutLinks(message), ...buttons);
}
