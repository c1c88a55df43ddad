/** The extension's side of one explainer panel: feeds its page, and does what the page asks for. */
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { CancelledError } from '../engine/api';
import type { Distribution } from '../engine/protocol';
import type { LossMap } from '../loss/lossMap';
import { Follower } from './follower';
import { panelHtml } from './html';
import type {
  FromPage,
  PanelScoring,
  PanelSelection,
  PanelSequence,
  PanelState,
  PanelTraining,
  PanelUnit,
  ToPage,
} from './messages';
import { moveOffset, type Pin, renamedTo } from './pin';
import { alone, type SeriesInput, SeriesSender } from './series';
import type { PanelEditor, PanelSource } from './source';
import {
  type DocumentText,
  focusAt,
  type PanelDocument,
  type PanelInput,
  PlainText,
  selectionOf,
  sequenceOf,
} from './state';

/** The panels' title while they follow the cursor. */
export const TITLE = 'Surprisal';

/** Pause between two messages about a training, in milliseconds, at least. */
const TRAINING_INTERVAL = 50;

const UNITS: readonly PanelUnit[] = ['bits', 'nats', 'hartleys'];

/** A document being scored, and what was last counted in it. */
interface Counted<T> {
  readonly losses: LossMap;
  readonly scored: number;
  readonly value: T;
}

/** One explainer panel, over the life of its tab. */
export class ExplainerPanel implements vscode.Disposable {
  readonly #panel: vscode.WebviewPanel;
  readonly #source: PanelSource;
  readonly #follower: Follower;
  readonly #series: SeriesSender;
  readonly #posted = new vscode.EventEmitter<ToPage>();
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #closed = new vscode.EventEmitter<void>();
  readonly #subscriptions: vscode.Disposable[];
  /** Documents whose training this panel has begun or shown, or has taken over from one that was closed. */
  readonly #trained = new Set<vscode.TextDocument>();
  #isClosed = false;
  #pin: Pin | undefined;
  /** The pinned document that is not open, and how far opening it has come. */
  #missing: { readonly uri: string; failed: boolean } | undefined;
  #retained: { readonly document: vscode.TextDocument; release: vscode.Disposable } | undefined;
  #text:
    | { readonly document: vscode.TextDocument; readonly version: number; readonly text: PlainText }
    | undefined;
  #sequence: Counted<PanelSequence> | undefined;
  #selection:
    | (Counted<PanelSelection | undefined> & { readonly start: number; readonly end: number })
    | undefined;
  #sentTraining: PanelTraining | undefined;
  #trainingSentAt = Number.NEGATIVE_INFINITY;
  #trainingTimer: ReturnType<typeof setTimeout> | undefined;

  /** For tests: every message to the page. */
  readonly onDidPost = this.#posted.event;
  /** It was pinned or released, or became active, visible, or neither any more. */
  readonly onDidChange = this.#changed.event;
  readonly onDidClose = this.#closed.event;

  /**
   * @param panel a new one, or one that VS Code has kept over a reload of the window
   * @param extensionUri the extension's folder; the page may read its `dist` folder only
   * @param source the rest of the extension
   * @param pin where it was pinned before the reload
   */
  constructor(panel: vscode.WebviewPanel, extensionUri: vscode.Uri, source: PanelSource, pin?: Pin) {
    this.#panel = panel;
    this.#source = source;
    this.#pin = pin;
    this.#follower = new Follower({
      input: () => this.#input(),
      ask: (losses, token, top) => this.#distribution(losses, token, top),
      showLogits: (answer, logits) => this.#post({ type: 'logits', answer, logits: alone(logits) }),
      show: (state) => this.#show(state),
    });
    this.#series = new SeriesSender(
      (series) => this.#post({ type: 'series', series }),
      () => this.#follower.changed(),
    );
    const dist = vscode.Uri.joinPath(extensionUri, 'dist');
    const media = (name: string) => vscode.Uri.joinPath(extensionUri, 'media', name);
    panel.iconPath = { light: media('explainer-on-light.svg'), dark: media('explainer-on-dark.svg') };
    panel.webview.options = { enableScripts: true, localResourceRoots: [dist] };
    this.#subscriptions = [
      this.#posted,
      this.#changed,
      this.#closed,
      source.onDidChange((document) => {
        if (document && document !== this.#editor()?.document) {
          return;
        }
        this.#retain();
        this.#follower.changed();
      }),
      vscode.workspace.onDidChangeTextDocument((event) => this.#edited(event)),
      vscode.workspace.onDidRenameFiles(({ files }) => this.#renamed(files)),
      panel.webview.onDidReceiveMessage((message: FromPage) => this.receive(message)),
      panel.onDidChangeViewState(() => this.#viewChanged()),
      panel.onDidDispose(() => this.#close()),
    ];
    panel.webview.html = panelHtml({
      script: panel.webview.asWebviewUri(vscode.Uri.joinPath(dist, 'webview.js')).toString(),
      style: panel.webview.asWebviewUri(vscode.Uri.joinPath(dist, 'webview.css')).toString(),
      nonce: randomBytes(16).toString('base64'),
      title: TITLE,
    });
    this.#retitle();
    this.#retain();
    this.#follower.prepare();
  }

  /** True while the panel can be seen. */
  get visible(): boolean {
    return !this.#isClosed && this.#panel.visible;
  }

  /** True while the panel has the focus. */
  get active(): boolean {
    return !this.#isClosed && this.#panel.active;
  }

  /** True while the panel stays with its token. */
  get pinned(): boolean {
    return this.#pin !== undefined;
  }

  /** What the tab says. */
  get title(): string {
    return this.#panel.title;
  }

  /** The document that the panel explains, also while it is behind another tab; undefined when there is none. */
  get document(): vscode.TextDocument | undefined {
    return this.#editor()?.document;
  }

  /** Documents whose training has to be ended when this panel is closed, or taken over by another one. */
  get trained(): ReadonlySet<vscode.TextDocument> {
    return this.#trained;
  }

  /** A panel was closed that has trained on a document which this one shows, too. */
  takeOver(document: vscode.TextDocument): void {
    this.#trained.add(document);
  }

  /** Brings the panel to the front; the editor keeps the focus. */
  reveal(): void {
    this.#panel.reveal(undefined, true);
  }

  /** Has the panel stay with the token that it explains, or follow the cursor again. */
  pin(pinned: boolean): void {
    if (pinned === this.pinned) {
      return;
    }
    this.#pin = pinned ? this.#place() : undefined;
    this.#moved();
  }

  /** Does what the page asks for. */
  receive(message: FromPage): void {
    switch (message.type) {
      case 'ready':
        // A new page has nothing yet.
        this.#series.want(false);
        this.#sentTraining = undefined;
        this.#trainingSentAt = Number.NEGATIVE_INFINITY;
        this.#follower.start();
        break;
      case 'reveal':
        this.#reveal(message.scoring, message.token);
        break;
      case 'select':
        this.#select(message.scoring, message.first, message.end);
        break;
      case 'unit':
        if (UNITS.includes(message.unit)) {
          this.#source.setUnit(message.unit);
        }
        break;
      case 'pin':
        this.pin(message.pinned);
        break;
      case 'series':
        this.#series.want(message.wanted);
        this.#follower.changed();
        break;
      case 'train':
        this.#onDocument((document) => {
          this.#trained.add(document);
          this.#source.train(document, message.options);
        });
        break;
      case 'stopTraining':
        this.#onDocument((document) => this.#source.stopTraining(document));
        break;
      case 'showTrained':
        this.#onDocument((document) => {
          this.#trained.add(document);
          this.#source.showTrained(document, message.shown);
        });
        break;
      case 'retry':
        this.#missing = undefined;
        this.#source.retry();
        this.#follower.retry();
        break;
      case 'score':
        this.#onDocument((document) => this.#source.score(document));
        break;
      case 'openFile':
        this.#source.openFile();
        break;
    }
  }

  dispose(): void {
    this.#panel.dispose();
    this.#close();
  }

  #close(): void {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.#follower.stop();
    this.#follower.forget();
    this.#series.want(false);
    clearTimeout(this.#trainingTimer);
    this.#retain();
    this.#closed.fire();
    for (const subscription of this.#subscriptions.splice(0)) {
      subscription.dispose();
    }
  }

  #viewChanged(): void {
    if (!this.visible) {
      // A hidden page is thrown away; it says `ready` again when it comes back.
      this.#follower.stop();
      this.#series.want(false);
    }
    this.#retain();
    this.#changed.fire();
  }

  /** Keeps the panel's document scored, and only that one, while the panel is on screen. */
  #retain(): void {
    const document = this.visible ? this.#editor()?.document : undefined;
    const before = this.#retained;
    if (document === before?.document) {
      return;
    }
    const retained = document && { document, release: new vscode.Disposable(() => {}) };
    // Retaining a document may report a change at once, and so come back here.
    this.#retained = retained;
    if (retained) {
      retained.release = this.#source.retain(retained.document);
    }
    before?.release.dispose();
  }

  #onDocument(action: (document: vscode.TextDocument) => void): void {
    const document = this.#editor()?.document;
    if (document) {
      action(document);
    }
  }

  /** What the panel explains: the pinned document, or else the current editor's. */
  #editor(): PanelEditor | undefined {
    const pin = this.#pin;
    if (!pin) {
      return this.#source.editor;
    }
    const found = this.#source.find(pin.uri);
    if (found) {
      this.#missing = undefined;
    } else if (this.#missing?.uri !== pin.uri && !this.#isClosed) {
      const missing = { uri: pin.uri, failed: false };
      this.#missing = missing;
      this.#source.open(pin.uri).then(
        () => {
          this.#retain();
          this.#follower.changed();
        },
        () => {
          missing.failed = true;
          this.#follower.changed();
        },
      );
    }
    return found;
  }

  /** Where the panel would be pinned now. */
  #place(): Pin | undefined {
    const document = this.#input().document;
    if (!document) {
      return undefined;
    }
    const { losses, uri, cursor } = document;
    const focus = losses && focusAt(losses, cursor);
    return { uri, offset: focus ? losses.layout.starts[focus.index] : cursor };
  }

  /** The pin has changed. */
  #moved(): void {
    this.#missing = undefined;
    this.#retitle();
    this.#retain();
    this.#follower.changed();
    this.#changed.fire();
  }

  #retitle(): void {
    const name = this.#pin && vscode.Uri.parse(this.#pin.uri).path.split('/').at(-1);
    this.#panel.title = name === undefined ? TITLE : vscode.l10n.t('{0}: {1} (pinned)', TITLE, name);
  }

  #edited({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    const pin = this.#pin;
    if (pin && document.uri.toString() === pin.uri) {
      this.#pin = { ...pin, offset: moveOffset(pin.offset, contentChanges) };
    }
  }

  #renamed(files: readonly { readonly oldUri: vscode.Uri; readonly newUri: vscode.Uri }[]): void {
    const pin = this.#pin;
    const uri = pin && renamedTo(pin.uri, files);
    if (pin && uri !== undefined) {
      this.#pin = { ...pin, uri };
      this.#moved();
    }
  }

  #reveal(scoring: PanelScoring, token: number): void {
    const present = this.#presentOf(scoring);
    if (!present || !isIndex(token, present.losses.length - 1)) {
      return;
    }
    const { document, losses } = present;
    if (this.#pin) {
      // Who clicks a token in a pinned panel wants that one explained, whatever the editor does.
      this.#pin = { ...this.#pin, offset: losses.layout.starts[token] };
    }
    this.#follower.choose(losses, token);
    this.#source.reveal(document, token);
  }

  #select(scoring: PanelScoring, first: number, end: number): void {
    const present = this.#presentOf(scoring);
    const last = (present?.losses.length ?? 0) - 1;
    if (present && isIndex(first, last) && isIndex(end - 1, last) && first < end) {
      this.#source.select(present.document, first, end);
    }
  }

  /**
   * The document whose tokens a message means. Undefined when the message was under way while the panel went to another
   * document, or the document was laid out anew: an index means another token then.
   */
  #presentOf({ uri, score }: PanelScoring): { document: vscode.TextDocument; losses: LossMap } | undefined {
    const editor = this.#editor();
    if (!editor?.losses || editor.score !== score || editor.document.uri.toString() !== uri) {
      return undefined;
    }
    return { document: editor.document, losses: editor.losses };
  }

  #post(message: ToPage): void {
    if (!this.#isClosed) {
      // A page that goes away while the message travels is no error: the next one says `ready`.
      void this.#panel.webview.postMessage(message);
      this.#posted.fire(message);
    }
  }

  /** Tells the page a state, and before it what the state refers to. */
  #show(state: PanelState): void {
    const editor = this.#editor();
    this.#tellTraining(editor?.training);
    const series = this.#series.update(editor && seriesInput(editor));
    this.#post({ type: 'state', state: series === undefined ? state : { ...state, series } });
  }

  #tellTraining(training: PanelTraining | undefined): void {
    if (training === this.#sentTraining) {
      return;
    }
    const wait = this.#trainingSentAt + TRAINING_INTERVAL - performance.now();
    if (training?.state === 'running' && this.#sentTraining?.state === 'running' && wait > 0) {
      this.#trainingTimer ??= setTimeout(() => {
        this.#trainingTimer = undefined;
        this.#follower.changed();
      }, wait);
      return;
    }
    this.#sentTraining = training;
    this.#trainingSentAt = performance.now();
    this.#post({ type: 'training', ...(training && { training }) });
  }

  #input(): PanelInput {
    const { engine, unit } = this.#source;
    const editor = this.#editor();
    if (!editor) {
      return { engine, unit, document: this.#missingDocument() };
    }
    return { engine, unit, document: this.#documentOf(editor), others: this.#source.others(editor.document) };
  }

  /** The pinned document while it is not open. */
  #missingDocument(): PanelDocument | undefined {
    if (!this.#pin) {
      return undefined;
    }
    const { uri, offset } = this.#pin;
    const name = vscode.workspace.asRelativePath(vscode.Uri.parse(uri));
    return {
      name,
      uri,
      text: new PlainText(''),
      cursor: offset,
      pinned: offset,
      problem: this.#missing?.failed
        ? {
            kind: 'unsupported',
            message: vscode.l10n.t('{0} cannot be opened any more.', name),
            advice: vscode.l10n.t('Unpin the panel to have it follow the cursor again.'),
            remedy: 'unpin',
          }
        : undefined,
    };
  }

  #documentOf(editor: PanelEditor): PanelDocument {
    const { document, selection, problem, part } = editor;
    // Losses without the scoring's name cannot be explained.
    const losses = editor.score === undefined ? undefined : editor.losses;
    const text = editor.largeLength === undefined ? this.#textOf(document) : new LargeText(document);
    const pinned = this.#pin?.offset;
    return {
      name: vscode.workspace.asRelativePath(document.uri),
      uri: document.uri.toString(),
      text,
      cursor: pinned ?? (selection ? document.offsetAt(selection.start) : 0),
      pinned,
      losses,
      score: editor.score,
      part: part && {
        characters: part.characters,
        of: editor.largeLength ?? part.characters,
        growing: editor.isWholeWanted === true,
      },
      problem,
      sequence: losses && this.#sequenceOf(losses, text),
      selection:
        losses && selection && !selection.isEmpty && pinned === undefined
          ? this.#selectionOf(
              losses,
              text,
              document.offsetAt(selection.start),
              document.offsetAt(selection.end),
            )
          : undefined,
    };
  }

  async #distribution(losses: LossMap, token: number, top: number): Promise<Distribution> {
    const editor = this.#editor();
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
  #sequenceOf(losses: LossMap, text: DocumentText): PanelSequence {
    const { scored } = losses;
    if (this.#sequence?.losses !== losses || this.#sequence.scored !== scored) {
      this.#sequence = { losses, scored, value: sequenceOf(losses, text) };
    }
    return this.#sequence.value;
  }

  /** The same for what is selected, which may be all of the document. */
  #selectionOf(losses: LossMap, text: DocumentText, start: number, end: number): PanelSelection | undefined {
    const { scored } = losses;
    const before = this.#selection;
    if (
      before?.losses === losses &&
      before.scored === scored &&
      before.start === start &&
      before.end === end
    ) {
      return before.value;
    }
    const value = selectionOf(losses, text, start, end);
    this.#selection = { losses, scored, start, end, value };
    return value;
  }
}

/** The text of a document that is too large for a copy of it. */
class LargeText implements DocumentText {
  readonly #document: vscode.TextDocument;

  constructor(document: vscode.TextDocument) {
    this.#document = document;
  }

  slice(start: number, end: number): string {
    return textIn(this.#document, start, end);
  }

  lineOf(offset: number): { number: number; start: number; end: number } {
    const document = this.#document;
    const { line } = document.positionAt(offset);
    const range = document.lineAt(line).rangeIncludingLineBreak;
    return { number: line, start: document.offsetAt(range.start), end: document.offsetAt(range.end) };
  }
}

function textIn(document: vscode.TextDocument, start: number, end: number): string {
  return document.getText(new vscode.Range(document.positionAt(start), document.positionAt(end)));
}

/** What the series of a document is made from; undefined while it has no losses that can be explained. */
function seriesInput(editor: PanelEditor): SeriesInput | undefined {
  const { document, losses, score, adapted } = editor;
  if (!losses || score === undefined) {
    return undefined;
  }
  return { scoring: { uri: document.uri.toString(), score }, ...scoredText(editor), losses, adapted };
}

/** The text that the losses are about. */
function scoredText({ document, part }: PanelEditor): Pick<SeriesInput, 'text' | 'sections'> {
  return part
    ? {
        text: () => part.sections.map(({ start, end }) => textIn(document, start, end)).join(''),
        sections: part.sections.map(({ start, end }) => ({
          start,
          end,
          line: document.positionAt(start).line,
        })),
      }
    : { text: () => document.getText() };
}

function isIndex(value: number, last: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= last;
}
