import * as vscode from 'vscode';
import { onDidChangeSetting, setting, writeSetting } from './configuration';
import { CONTEXTS } from './keys';

/** Whether the heatmap is on: the setting, its context key, and the command that changes it. */
export class HeatmapSwitch implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<boolean>();
  readonly #subscription: vscode.Disposable;
  #on: boolean;

  /** The heatmap was turned on or off. */
  readonly onDidChange = this.#changed.event;

  constructor() {
    this.#on = setting('heatmap.enabled');
    this.#tell();
    this.#subscription = onDidChangeSetting(['heatmap.enabled'], () => {
      const on = setting('heatmap.enabled');
      if (on !== this.#on) {
        this.#on = on;
        this.#tell();
        this.#changed.fire(on);
      }
    });
  }

  /** True while the heatmap is on. */
  get on(): boolean {
    return this.#on;
  }

  /** Turns the heatmap on or off, in the settings. */
  async turn(on: boolean): Promise<void> {
    await writeSetting('heatmap.enabled', on);
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#changed.dispose();
  }

  #tell(): void {
    void vscode.commands.executeCommand('setContext', CONTEXTS.heatmapOn, this.#on);
  }
}
