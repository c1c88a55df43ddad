import * as vscode from 'vscode';

/** The extension's output channel; VS Code lets the user choose its level. */
export class Log implements vscode.Disposable {
  readonly #channel = vscode.window.createOutputChannel('Surprisal', { log: true });

  /** Writes a line that says what happened. */
  info(line: string): void {
    this.#channel.info(line);
  }

  /** Writes a line about something unexpected that the extension lives with. */
  warn(line: string): void {
    this.#channel.warn(line);
  }

  /** Writes a line about something that failed. */
  error(line: string): void {
    this.#channel.error(line);
  }

  /** Writes a line of detail, shown only at the level Debug. */
  debug(line: string): void {
    this.#channel.debug(line);
  }

  /** Shows the channel without taking the focus. */
  show(): void {
    this.#channel.show(true);
  }

  dispose(): void {
    this.#channel.dispose();
  }
}
