/** What the explainer panels see of the editor and the engine. */
import * as vscode from 'vscode';
import { CancelledError, type EngineApi } from '../engine/api';
import type { Distribution, EngineState } from '../engine/protocol';
import type { TrainingOptions } from '../loss/training';
import type { PanelUnit } from '../panel/messages';
import type { PanelEditor, PanelSource } from '../panel/source';
import type { DocumentProblem } from '../panel/state';
import { onDidChangeSetting, setting, writeSetting } from './configuration';
import type { CurrentEditor } from './current';
import { moveCursor, selectRange } from './reveal';
import { isScorable } from './scorable';
import { type DocumentScores, type DocumentState, editorsOf } from './scores';
import type { HeatmapSwitch } from './switch';
import type { Trainings } from './trainings';

/** Connects the panels with the editor's side. */
export class EditorPanelSource implements PanelSource, vscode.Disposable {
  readonly #scores: DocumentScores;
  readonly #engine: EngineApi;
  readonly #current: CurrentEditor;
  readonly #trainings: Trainings;
  readonly #heatmap: HeatmapSwitch;
  readonly #changed = new vscode.EventEmitter<vscode.TextDocument | undefined>();
  readonly #subscriptions: vscode.Disposable[];

  readonly onDidChange = this.#changed.event;

  constructor(
    scores: DocumentScores,
    engine: EngineApi,
    current: CurrentEditor,
    trainings: Trainings,
    heatmap: HeatmapSwitch,
  ) {
    this.#scores = scores;
    this.#engine = engine;
    this.#current = current;
    this.#trainings = trainings;
    this.#heatmap = heatmap;
    const changed = () => this.#changed.fire(undefined);
    const documentChanged = (document: vscode.TextDocument) => this.#changed.fire(document);
    this.#subscriptions = [
      this.#changed,
      engine.onDidChangeState(changed),
      current.onDidChange(changed),
      scores.onDidChange(documentChanged),
      trainings.onDidChange(documentChanged),
      vscode.workspace.onDidOpenTextDocument(changed),
      vscode.workspace.onDidCloseTextDocument(changed),
      onDidChangeSetting(['unit'], changed),
    ];
  }

  get engine(): EngineState {
    return this.#engine.state;
  }

  get unit(): PanelUnit {
    return setting('unit');
  }

  get editor(): PanelEditor | undefined {
    const editor = this.#current.editor;
    return editor && this.#describe(editor.document, editor.selection);
  }

  find(uri: string): PanelEditor | undefined {
    const document = vscode.workspace.textDocuments.find(
      (candidate) => !candidate.isClosed && candidate.uri.toString() === uri,
    );
    return document && this.#describe(document, this.#editorOf(document)?.selection);
  }

  async open(uri: string): Promise<void> {
    const address = vscode.Uri.parse(uri, true);
    if (address.scheme === 'untitled') {
      // It would be opened anew, and empty.
      throw new Error(vscode.l10n.t('The document was never saved.'));
    }
    await vscode.workspace.openTextDocument(address);
  }

  others(document: vscode.TextDocument): { readonly name: string; readonly uri: string }[] {
    return vscode.workspace.textDocuments
      .filter((other) => other !== document && !other.isClosed && isScorable(other.uri))
      .map(({ uri }) => ({ name: vscode.workspace.asRelativePath(uri), uri: uri.toString() }));
  }

  retain(document: vscode.TextDocument): vscode.Disposable {
    return this.#scores.retain(document);
  }

  async distribution(
    document: vscode.TextDocument,
    score: number,
    token: number,
    top: number,
  ): Promise<Distribution> {
    const [distribution] = await this.#scores.distributions(document, score, [token], top, true);
    if (!distribution) {
      throw new CancelledError();
    }
    return distribution;
  }

  reveal(document: vscode.TextDocument, token: number): void {
    const losses = this.#scores.get(document.uri)?.losses;
    const editor = this.#editorOf(document);
    if (losses && editor) {
      moveCursor(editor, losses.layout.starts[token]);
    }
  }

  select(document: vscode.TextDocument, first: number, end: number): void {
    const losses = this.#scores.get(document.uri)?.losses;
    const editor = this.#editorOf(document);
    if (losses && editor) {
      const { starts, ends } = losses.layout;
      const range = new vscode.Range(document.positionAt(starts[first]), document.positionAt(ends[end - 1]));
      selectRange(editor, range);
    }
  }

  setUnit(unit: PanelUnit): void {
    void writeSetting('unit', unit);
  }

  retry(): void {
    if (this.#engine.state.kind === 'ready') {
      this.#scores.retry();
    } else {
      // Its failure is a state that everybody sees.
      this.#engine.restart().catch(() => {});
    }
  }

  score(document: vscode.TextDocument): void {
    this.#scores.scoreWhole(document);
  }

  openFile(): void {
    void vscode.commands.executeCommand('workbench.action.quickOpen');
  }

  train(document: vscode.TextDocument, options: TrainingOptions): void {
    this.#trainings.train(document, options);
  }

  stopTraining(document: vscode.TextDocument): void {
    this.#trainings.stop(document);
  }

  endTraining(document: vscode.TextDocument): void {
    this.#trainings.cancel(document);
    this.#trainings.show(document, false);
  }

  showTrained(document: vscode.TextDocument, shown: boolean): void {
    this.#trainings.show(document, shown);
    if (shown && !this.#heatmap.on) {
      // Who wants to see the colours after training wants to see colours.
      void this.#heatmap.turn(true);
    }
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  #describe(document: vscode.TextDocument, selection: vscode.Selection | undefined): PanelEditor {
    const state = this.#scores.get(document.uri);
    return {
      document,
      selection,
      losses: state?.losses,
      score: state?.score,
      part: state?.losses && state.part,
      largeLength: state?.large ? state.textLength : undefined,
      isWholeWanted: state?.whole !== undefined,
      problem: state && problemOf(state),
      training: this.#trainings.get(document),
      adapted: this.#trainings.adapted(document),
    };
  }

  /** The visible editor of a document that the user works in, or else any. */
  #editorOf(document: vscode.TextDocument): vscode.TextEditor | undefined {
    return this.#current.editor?.document === document ? this.#current.editor : editorsOf(document)[0];
  }
}

function problemOf(state: DocumentState): DocumentProblem | undefined {
  if (state.problem) {
    return { kind: 'failed', message: state.problem.message, advice: state.problem.advice };
  }
  return undefined;
}
