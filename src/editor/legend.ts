/** The legend: a read-only document beside the editor, coloured with the heatmap's own decoration types. */
import * as vscode from 'vscode';
import { HEAT_BIN_COUNT } from '../loss/heat';
import type { HeatTypes } from './heatTypes';
import { legendText } from './legendText';
import { LEGEND_SCHEME } from './scorable';

/** So the samples have exactly the colours that the tokens have, in every theme. */
export class LegendView implements vscode.Disposable {
  readonly #types: HeatTypes;
  readonly #legend = legendText(vscode.l10n.t);
  /** package.json's `languages` knows the file name and `configurationDefaults` sets up its editor. */
  readonly #uri = vscode.Uri.from({ scheme: LEGEND_SCHEME, path: '/Surprisal Legend' });
  readonly #subscriptions: vscode.Disposable[];

  constructor(types: HeatTypes) {
    this.#types = types;
    this.#subscriptions = [
      vscode.workspace.registerTextDocumentContentProvider(LEGEND_SCHEME, {
        provideTextDocumentContent: () => this.#legend.text,
      }),
      vscode.window.onDidChangeVisibleTextEditors((editors) => this.#color(editors)),
    ];
    this.#color(vscode.window.visibleTextEditors);
  }

  /** Opens the legend beside the active editor. */
  async show(): Promise<void> {
    const document = await vscode.workspace.openTextDocument(this.#uri);
    const editor = await vscode.window.showTextDocument(document, {
      viewColumn: vscode.window.activeTextEditor ? vscode.ViewColumn.Beside : vscode.ViewColumn.Active,
      preview: true,
      preserveFocus: false,
    });
    this.#color([editor]);
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  #color(editors: readonly vscode.TextEditor[]): void {
    for (const editor of editors) {
      if (editor.document.uri.scheme !== LEGEND_SCHEME) {
        continue;
      }
      for (let bin = 0; bin < HEAT_BIN_COUNT; bin++) {
        const samples = this.#legend.samples.filter((sample) => sample.bin === bin);
        this.#types.draw(
          editor,
          bin,
          samples.map(({ line, start, end }) => new vscode.Range(line, start, line, end)),
        );
      }
    }
  }
}
