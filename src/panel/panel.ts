/** The extension's side of the explainer panel: keeps the page, and feeds it. */
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { CancelledError } from '../engine/api';
import type { Distribution, EngineState } from '../engine/protocol';
import type { LossMap } from '../loss/lossMap';
import { Follower } from './follower';
import { panelHtml } from './html';
import type { FromPage, PanelSequence, PanelUnit, ToPage } from './messages';
import {
  type DocumentProblem,
  type DocumentText,
  type PanelDocument,
  type PanelInput,
  PlainText,
  sequenceOf,
} from './state';

const TITLE = 'Surprisal';

/** The editor that the panel explains. */
export interface PanelEditor {
  readonly document: vscode.TextDocument;
  readonly selection: vscode.Selection;
  /** The losses of the document's present version; undefined while there are none. */
  readonly losses?: LossMap | undefined;
  /** Names the scoring that the losses come from, as `ScoreListener.layout` gave it. */
  readonly score?: number | undefined;
  /** Why the document has no scores and will not get any as things are. */
  readonly problem?: DocumentProblem | undefined;
}

/** What the panel needs of the rest of the extension. */
export interface PanelSource {
  /**
   * Something that {@link PanelSource.engine}, {@link PanelSource.unit} or {@link PanelSource.editor} says has
   * changed: the cursor, the document, its scores, the engine's state, a setting. May be fired as often as one
   * likes: the panel gathers.
   */
  readonly onDidChange: vscode.Event<void>;
  /** The engine's state. */
  readonly engine: EngineState;
  /** The unit in which surprisal is shown first. */
  readonly unit: PanelUnit;
  /**
   * The text editor that was active last, as long as it is open. (While the panel has the focus there is no
   * active text editor, and the panel should go on explaining the last one.)
   */
  readonly editor: PanelEditor | undefined;
  /**
   * The model's distribution before a token.
   * @param score the editor's `score`
   * @throws EngineError | CancelledError
   */
  distribution(
    document: vscode.TextDocument,
    score: number,
    token: number,
    top: number,
  ): Promise<Distribution>;
  /** Moves the editor's cursor to a token and shows it, without taking the focus from the panel. */
  reveal(document: vscode.TextDocument, token: number): void;
  /** The user chose a unit. */
  setUnit(unit: PanelUnit): void;
  /** The user wants a failed, or switched off, engine to be tried again. */
  retry(): void;
  /** The panel was shown or hidden: the time to start, or to stop, scoring for it. */
  setVisible?(visible: boolean): void;
}

/**
 * The explainer panel: at most one, opened on demand, and opened again by VS Code when the window is reloaded.
 * Create it once, when the extension is activated.
 */
export class ExplainerPanel implements vscode.Disposable {
  /** The panel's type; `onWebviewPanel:` with it is an activation event. */
  static readonly viewType = 'surprisal.explainer';

  readonly #extensionUri: vscode.Uri;
  readonly #source: PanelSource;
  readonly #subscriptions: vscode.Disposable[] = [];
  readonly #follower: Follower;
  #panel: vscode.WebviewPanel | undefined;
  #panelSubscriptions: vscode.Disposable[] = [];
  #text:
    | { readonly document: vscode.TextDocument; readonly version: number; readonly text: PlainText }
    | undefined;
  #counted:
    | { readonly losses: LossMap; readonly scored: number; readonly sequence: PanelSequence }
    | undefined;

  /**
   * @param extensionUri the extension's folder; the page may read its `dist` folder only
   * @param source the rest of the extension
   */
  constructor(extensionUri: vscode.Uri, source: PanelSource) {
    this.#extensionUri = extensionUri;
    this.#source = source;
    this.#follower = new Follower({
      input: () => this.#input(),
      ask: (losses, token, top) => this.#distribution(losses, token, top),
      show: (state) => this.#post({ type: 'state', state }),
    });
    this.#subscriptions.push(
      source.onDidChange(() => this.#follower.changed()),
      vscode.window.registerWebviewPanelSerializer(ExplainerPanel.viewType, {
        deserializeWebviewPanel: async (panel) => this.#adopt(panel),
      }),
    );
  }

  /** True while the panel can be seen. */
  get visible(): boolean {
    return this.#panel?.visible ?? false;
  }

  /** Opens the panel beside the editor, or brings it to the front; the editor keeps the focus. */
  show(): void {
    if (this.#panel) {
      this.#panel.reveal(undefined, true);
      return;
    }
    const place = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    this.#adopt(vscode.window.createWebviewPanel(ExplainerPanel.viewType, TITLE, place));
  }

  dispose(): void {
    this.#panel?.dispose();
    this.#follower.stop();
    for (const subscription of this.#subscriptions.splice(0)) {
      subscription.dispose();
    }
  }

  /** Takes a panel over: a new one, or one that VS Code has kept over a reload. */
  #adopt(panel: vscode.WebviewPanel): void {
    this.#panel?.dispose();
    this.#panel = panel;
    const dist = vscode.Uri.joinPath(this.#extensionUri, 'dist');
    panel.webview.options = { enableScripts: true, localResourceRoots: [dist] };
    this.#panelSubscriptions = [
      panel.webview.onDidReceiveMessage((message: FromPage) => this.#receive(message)),
      panel.onDidChangeViewState(() => this.#viewChanged()),
      panel.onDidDispose(() => this.#closed(panel)),
    ];
    panel.webview.html = panelHtml({
      script: panel.webview.asWebviewUri(vscode.Uri.joinPath(dist, 'webview.js')).toString(),
      style: panel.webview.asWebviewUri(vscode.Uri.joinPath(dist, 'webview.css')).toString(),
      nonce: randomBytes(16).toString('base64'),
      title: TITLE,
    });
    this.#source.setVisible?.(panel.visible);
  }

  #viewChanged(): void {
    if (!this.visible) {
      // A hidden page is thrown away; it says `ready` again when it comes back.
      this.#follower.stop();
    }
    this.#source.setVisible?.(this.visible);
  }

  #closed(panel: vscode.WebviewPanel): void {
    if (panel !== this.#panel) {
      return;
    }
    for (const subscription of this.#panelSubscriptions.splice(0)) {
      subscription.dispose();
    }
    this.#follower.stop();
    this.#follower.forget();
    this.#panel = undefined;
    this.#counted = undefined;
    this.#text = undefined;
    this.#source.setVisible?.(false);
  }

  #receive(message: FromPage): void {
    switch (message.type) {
      case 'ready':
        this.#follower.start();
        break;
      case 'reveal':
        this.#reveal(message.token);
        break;
      case 'unit':
        if (message.unit === 'bits' || message.unit === 'nats') {
          this.#source.setUnit(message.unit);
        }
        break;
      case 'retry':
        this.#source.retry();
        this.#follower.retry();
        break;
    }
  }

  #reveal(token: number): void {
    const { editor } = this.#source;
    if (!editor?.losses || !Number.isInteger(token) || token < 0 || token >= editor.losses.length) {
      return;
    }
    this.#follower.choose(editor.losses, token);
    this.#source.reveal(editor.document, token);
  }

  #post(message: ToPage): void {
    // A page that goes away while the message travels is no error: the next one says `ready`.
    void this.#panel?.webview.postMessage(message);
  }

  #input(): PanelInput {
    const { engine, unit, editor } = this.#source;
    return { engine, unit, document: editor && this.#documentOf(editor) };
  }

  #documentOf(editor: PanelEditor): PanelDocument {
    const { document, selection, problem } = editor;
    // Losses without the scoring's name cannot be explained.
    const losses = editor.score === undefined ? undefined : editor.losses;
    const text = this.#textOf(document);
    return {
      name: vscode.workspace.asRelativePath(document.uri),
      uri: document.uri.toString(),
      text,
      cursor: document.offsetAt(selection.start),
      losses,
      problem,
      sequence: losses && this.#sequence(losses, text),
    };
  }

  async #distribution(losses: LossMap, token: number, top: number): Promise<Distribution> {
    const { editor } = this.#source;
    if (!editor || editor.losses !== losses || editor.score === undefined) {
      throw new CancelledError();
    }
    return this.#source.distribution(editor.document, editor.score, token, top);
  }

  /** A copy of the text per version, not per move of the cursor. */
  #textOf(document: vscode.TextDocument): PlainText {
    if (this.#text?.document !== document || this.#text.version !== document.version) {
      const text = new PlainText(document.getText());
      this.#text = { document, version: document.version, text };
    }
    return this.#text.text;
  }

  /** Counting a document's bytes reads all of its text: once per batch of scores, not per move of the cursor. */
  #sequence(losses: LossMap, text: DocumentText): PanelSequence {
    if (this.#counted?.losses !== losses || this.#counted.scored !== losses.scored) {
      this.#counted = { losses, scored: losses.scored, sequence: sequenceOf(losses, text) };
    }
    return this.#counted.sequence;
  }
}
