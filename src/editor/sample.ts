/** The sample: a text to look at before one's own, with a misspelt word and a wrong variable in it. */
import * as vscode from 'vscode';
import type { HeatmapSwitch } from './switch';

/** Where the sample lies in the extension's folder. */
const SAMPLE = ['demo', 'statistics.py'];

/**
 * Opens the sample with the heatmap on: as a document of its own, for it is there to be changed, and the file of the
 * extension is not. One that is open is shown again.
 */
export async function openSample(extension: vscode.Uri, heatmap: HeatmapSwitch): Promise<void> {
  const bytes = await vscode.workspace.fs.readFile(vscode.Uri.joinPath(extension, ...SAMPLE));
  const content = new TextDecoder().decode(bytes);
  const firstLine = content.slice(0, content.search(/\r?\n/));
  const open = vscode.workspace.textDocuments.find(
    (candidate) => candidate.isUntitled && !candidate.isClosed && candidate.lineAt(0).text === firstLine,
  );
  const document = open ?? (await vscode.workspace.openTextDocument({ language: 'python', content }));
  await vscode.window.showTextDocument(document);
  await heatmap.turn(true);
}
