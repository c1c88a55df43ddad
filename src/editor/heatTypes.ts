import * as vscode from 'vscode';
import { HEAT_BIN_COUNT } from '../loss/heat';
import { heatBorderId, heatColourId } from '../text/palette';

/** Bins so surprising that they are worth a mark in the overview ruler. */
const MARKED_BINS = 2;

/**
 * The decoration types of the heatmap's bins, made once. Their colours are theme colours, so that VS Code
 * itself follows a change of the theme.
 */
export class HeatTypes implements vscode.Disposable {
  readonly #types: readonly vscode.TextEditorDecorationType[];

  constructor() {
    this.#types = Array.from({ length: HEAT_BIN_COUNT }, (_, bin) => {
      const color = new vscode.ThemeColor(heatColourId(bin));
      return vscode.window.createTextEditorDecorationType({
        backgroundColor: color,
        borderColor: new vscode.ThemeColor(heatBorderId(bin)),
        borderStyle: 'solid',
        borderWidth: '1px',
        rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
        ...(bin >= HEAT_BIN_COUNT - MARKED_BINS && {
          overviewRulerColor: color,
          overviewRulerLane: vscode.OverviewRulerLane.Right,
        }),
      });
    });
  }

  /** Draws the ranges of one bin in an editor, instead of those that were drawn before. */
  draw(editor: vscode.TextEditor, bin: number, ranges: readonly vscode.Range[]): void {
    editor.setDecorations(this.#types[bin], ranges);
  }

  dispose(): void {
    for (const type of this.#types) {
      type.dispose();
    }
  }
}
