/** What the explainer panel sees of the editor and the engine. */
import * as vscode from 'vscode';
import { CancelledError, type EngineApi } from '../engine/api';
import type { Distribution, EngineState } from '../engine/protocol';
import type { PanelUnit } from '../panel/messages';
import type { PanelEditor, PanelSource } from '../panel/panel';
import type { DocumentProblem } from '../panel/state';
import { onDidChangeSetting, setting, writeSetting } from './configuration';
import type { CurrentEditor } from './current';
import { type DocumentScores, type DocumentState, editorsOf } from './scores';

/** Has the current document scored while the panel is on screen. */
export class EditorPanelSource implements PanelSource, vscode.Disposable {
  readonly #scores: DocumentScores;
  readonly #engine: EngineApi;
  readonly #current: CurrentEditor;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #subscriptions: vscode.Disposable[];
  #visible = false;
  #retained: { readonly document: vscode.TextDocument; readonly release: vscode.Disposable } | undefined;

  readonly onDidChange = this.#changed.event;

  constructor(scores: DocumentScores, engine: EngineApi, current: CurrentEditor) {
    this.#scores = scores;
    this.#engine = engine;
    this.#current = current;
    const changed = () => this.#changed.fire();
    this.#subscriptions = [
      this.#changed,
      engine.onDidChangeState(changed),
      current.onDidChange(() => {
        this.#retain();
        changed();
      }),
      scores.onDidChange((document) => {
        if (document === this.#current.editor?.document) {
          changed();
        }
      }),
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
    if (!editor) {
      return undefined;
    }
    const { document, selection } = editor;
    const state = this.#scores.get(document.uri);
    return {
      document,
      selection,
      losses: state?.losses,
      score: state?.score,
      problem: state && problemOf(state),
    };
  }

  async distribution(
    document: vscode.TextDocument,
    score: number,
    token: number,
    top: number,
  ): Promise<Distribution> {
    const [distribution] = await this.#scores.distributions(document, score, [token], top);
    if (!distribution) {
      throw new CancelledError();
    }
    return distribution;
  }

  reveal(document: vscode.TextDocument, token: number): void {
    const losses = this.#scores.get(document.uri)?.losses;
    const editor =
      this.#current.editor?.document === document ? this.#current.editor : editorsOf(document)[0];
    if (losses && editor) {
      moveCursor(editor, losses.layout.starts[token]);
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

  setVisible(visible: boolean): void {
    this.#visible = visible;
    this.#retain();
  }

  dispose(): void {
    this.#retained?.release.dispose();
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  /** Keeps the current document scored, and only that one, while the panel is on screen. */
  #retain(): void {
    const document = this.#visible ? this.#current.editor?.document : undefined;
    if (document === this.#retained?.document) {
      return;
    }
    const before = this.#retained;
    this.#retained = document && { document, release: this.#scores.retain(document) };
    before?.release.dispose();
  }
}

/** Puts an editor's cursor at a UTF-16 offset and shows the place. */
export function moveCursor(editor: vscode.TextEditor, offset: number): void {
  const position = editor.document.positionAt(offset);
  editor.selection = new vscode.Selection(position, position);
  editor.revealRange(
    new vscode.Range(position, position),
    vscode.TextEditorRevealType.InCenterIfOutsideViewport,
  );
}

function problemOf(state: DocumentState): DocumentProblem | undefined {
  if (state.problem) {
    return { kind: 'failed', message: state.problem.message, advice: state.problem.advice };
  }
  if (state.tooLarge && !state.losses) {
    return {
      kind: 'unsupported',
      message: vscode.l10n.t('The document is too large to be scored by itself.'),
      advice: vscode.l10n.t('Choose "Score This Document" in the menu behind the status bar item.'),
    };
  }
  return undefined;
}
