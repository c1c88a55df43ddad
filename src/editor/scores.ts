/** Which documents are scored, when, and what their scores are. Draws nothing. */
import * as vscode from 'vscode';
import { CancelledError, type EngineApi, EngineError } from '../engine/api';
import type { Distribution, EngineProblem, EngineState, ScoreStatistics } from '../engine/protocol';
import { LossMap } from '../loss/lossMap';
import { type CarriedScores, CarryRoom, carry, noScores, overlay } from './carry';
import { onDidChangeSetting, setting } from './configuration';
import type { Log } from './log';
import { isScorable, LARGE_DOCUMENT } from './scorable';
import type { HeatmapSwitch } from './switch';

/** While a document is scored, the engine is told at most this often what is on screen, in milliseconds. */
const VISIBLE_INTERVAL = 50;

/** How far a scoring has come. */
export interface ScoreProgress {
  readonly done: number;
  readonly total: number;
}

/** What is known about one open document. A snapshot of nothing: it changes with {@link DocumentScores}. */
export interface DocumentState {
  readonly document: vscode.TextDocument;
  /** UTF-16 length of the document's text. */
  readonly textLength: number;
  /** The losses of the document's present version, possibly incomplete; undefined while there are none. */
  readonly losses: LossMap | undefined;
  /** Names the scoring that the losses come from. */
  readonly score: number | undefined;
  /** The same tokens' losses after training, while these are shown in place of `losses`. */
  readonly trained: LossMap | undefined;
  /** Scores of an older version, carried to the present text, until `losses` is complete. */
  readonly carried: CarriedScores | undefined;
  /** Names the scoring that the current part of `carried` comes from. */
  readonly carriedScore: number | undefined;
  /** True when every token of the present version has its scores. */
  readonly complete: boolean;
  /** How far the scoring under way has come; undefined while there is none. */
  readonly progress: ScoreProgress | undefined;
  /** True from an edit until the delay is over. */
  readonly waiting: boolean;
  /** What the last scoring cost. */
  readonly statistics: ScoreStatistics | undefined;
  /** Why the last scoring failed. */
  readonly problem: EngineProblem | undefined;
  /** True when the document is too large to be scored unless somebody asks for it. */
  readonly tooLarge: boolean;
}

/** A token found at an offset of the present text. */
export interface FoundToken {
  /** The map that the index belongs to. */
  readonly losses: LossMap;
  readonly token: number;
  /** Names the scoring that can explain the token. */
  readonly score: number | undefined;
}

/** Finds the token whose scores hold for the present text; undefined where there are none (yet). */
export function currentTokenAt(state: DocumentState, offset: number): FoundToken | undefined {
  const { losses, carried } = state;
  const token = losses?.tokenAt(offset) ?? -1;
  if (losses && token >= 0 && !Number.isNaN(losses.unitOf(token).nats)) {
    return { losses, token, score: state.score };
  }
  const before = carried?.losses.tokenAt(offset) ?? -1;
  if (carried && before >= 0 && carried.losses.unitOf(before).end <= carried.staleFrom) {
    return { losses: carried.losses, token: before, score: state.carriedScore };
  }
  return undefined;
}

/** The state of one open document, as its owner changes it. */
class Entry implements DocumentState {
  textLength: number;
  losses: LossMap | undefined;
  score: number | undefined;
  trained: LossMap | undefined;
  carried: CarriedScores | undefined;
  carriedScore: number | undefined;
  readonly carryRoom = new CarryRoom();
  complete = false;
  progress: ScoreProgress | undefined;
  statistics: ScoreStatistics | undefined;
  problem: EngineProblem | undefined;
  /** Cancels the scoring under way. */
  run: AbortController | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
  /** Number of surfaces that want the document's scores whether it is on screen or not. */
  retained = 0;
  /** Somebody asked for the document to be scored although it is large. */
  largeAllowed = false;
  waiters: { resolve(state: DocumentState): void; reject(error: Error): void }[] = [];

  constructor(readonly document: vscode.TextDocument) {
    this.textLength = lengthOf(document);
  }

  get waiting(): boolean {
    return this.timer !== undefined;
  }

  get tooLarge(): boolean {
    return this.textLength > LARGE_DOCUMENT && !this.largeAllowed && this.waiters.length === 0;
  }

  /** Gives up what is under way. */
  cancel(): void {
    this.run?.abort();
    this.run = undefined;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.progress = undefined;
  }
}

/**
 * Has the documents scored that are on screen while the heatmap is on, and those that somebody asked for.
 * Scores always belong to the document's present version; older ones are only carried along until then.
 */
export class DocumentScores implements vscode.Disposable {
  readonly #engine: EngineApi;
  readonly #heatmap: HeatmapSwitch;
  readonly #log: Log;
  readonly #entries = new Map<string, Entry>();
  readonly #subscriptions: vscode.Disposable[] = [];
  readonly #changed = new vscode.EventEmitter<vscode.TextDocument>();
  readonly #scored = new vscode.EventEmitter<DocumentState>();
  #visibleTimer: ReturnType<typeof setTimeout> | undefined;
  #engineState: EngineState['kind'];

  /** Anything about a document's state changed, its end included. */
  readonly onDidChange = this.#changed.event;
  /** All tokens of a document's present version have their scores. */
  readonly onDidScore = this.#scored.event;

  constructor(engine: EngineApi, heatmap: HeatmapSwitch, log: Log) {
    this.#engine = engine;
    this.#heatmap = heatmap;
    this.#log = log;
    this.#engineState = engine.state.kind;
    this.#subscriptions.push(
      this.#changed,
      this.#scored,
      engine.onDidChangeState((state) => this.#engineChanged(state)),
      heatmap.onDidChange(() => this.#reconcile()),
      vscode.window.onDidChangeVisibleTextEditors(() => this.#reconcile()),
      vscode.window.onDidChangeTextEditorVisibleRanges((event) => this.#scrolled(event.textEditor.document)),
      vscode.workspace.onDidOpenTextDocument(() => this.#reconcile()),
      vscode.workspace.onDidChangeTextDocument((event) => this.#edited(event)),
      vscode.workspace.onDidCloseTextDocument((document) => this.#closed(document)),
      onDidChangeSetting(['delay'], () => this.#reconcile()),
    );
    this.#reconcile();
  }

  /** What is known about a document; undefined when nobody has asked for it yet. */
  get(uri: vscode.Uri): DocumentState | undefined {
    return this.#entries.get(uri.toString());
  }

  /**
   * Scores a document, however large, even when it is not on screen. When the document is edited meanwhile,
   * the promise goes on with the newer version.
   * @throws EngineError when scoring fails, CancelledError when the document is closed
   */
  score(document: vscode.TextDocument): Promise<DocumentState> {
    if (document.isClosed) {
      return Promise.reject(new CancelledError());
    }
    const entry = this.#entry(document);
    if (entry.complete) {
      return Promise.resolve(entry);
    }
    entry.problem = undefined;
    return new Promise((resolve, reject) => {
      entry.waiters.push({ resolve, reject });
      this.#attend(entry);
    });
  }

  /** Keeps a document scored through its edits, on screen or not, until the result is disposed of. */
  retain(document: vscode.TextDocument): vscode.Disposable {
    const entry = this.#entry(document);
    entry.retained++;
    this.#attend(entry);
    let released = false;
    return new vscode.Disposable(() => {
      if (!released) {
        released = true;
        entry.retained--;
        this.#attend(entry);
      }
    });
  }

  /** Has a large document scored from now on like any other. */
  allowLarge(document: vscode.TextDocument): void {
    const entry = this.#entry(document);
    entry.largeAllowed = true;
    this.#attend(entry);
  }

  /**
   * The model's distributions before tokens of a document.
   * @param score the scoring that the tokens belong to
   * @param logits also return the logits of the whole vocabulary
   * @throws EngineError | CancelledError
   */
  distributions(
    document: vscode.TextDocument,
    score: number,
    tokens: readonly number[],
    top: number,
    logits = false,
  ): Promise<readonly Distribution[]> {
    return this.#engine.distributions(document.uri.toString(), score, tokens, top, logits);
  }

  /**
   * Shows losses after training in place of the document's own, until these are replaced: by an edit, by another
   * scoring.
   * @param base the document's losses that the training was based on; nothing happens when they are not the present ones
   * @param trained undefined to show the document's own losses again
   */
  showTrained(document: vscode.TextDocument, base: LossMap, trained: LossMap | undefined): void {
    const entry = this.#entries.get(document.uri.toString());
    if (entry?.document === document && entry.losses === base && entry.trained !== trained) {
      entry.trained = trained;
      this.#changed.fire(document);
    }
  }

  /** Tries again what has failed. */
  retry(): void {
    for (const entry of this.#entries.values()) {
      entry.problem = undefined;
    }
    this.#reconcile();
  }

  /** Drops all scores, because another model or device computes them from now on, and begins anew. */
  reset(): void {
    for (const [name, entry] of this.#entries) {
      entry.cancel();
      this.#engine.forget(name);
      entry.losses = undefined;
      entry.score = undefined;
      entry.trained = undefined;
      entry.carried = undefined;
      entry.carriedScore = undefined;
      entry.complete = false;
      entry.problem = undefined;
      entry.statistics = undefined;
      this.#changed.fire(entry.document);
    }
    this.#reconcile();
  }

  dispose(): void {
    clearTimeout(this.#visibleTimer);
    for (const entry of this.#entries.values()) {
      entry.cancel();
      this.#settle(entry, new CancelledError());
    }
    this.#entries.clear();
    for (const subscription of this.#subscriptions.splice(0)) {
      subscription.dispose();
    }
  }

  #entry(document: vscode.TextDocument): Entry {
    const name = document.uri.toString();
    let entry = this.#entries.get(name);
    if (entry === undefined || entry.document !== document) {
      entry = new Entry(document);
      this.#entries.set(name, entry);
    }
    return entry;
  }

  /** Looks after every document that is on screen or known. */
  #reconcile(): void {
    if (this.#heatmap.on) {
      // The active editor's document goes first: the engine takes requests in their order.
      const active = vscode.window.activeTextEditor;
      const editors = vscode.window.visibleTextEditors;
      for (const editor of active ? [active, ...editors] : editors) {
        if (isScorable(editor.document.uri) && !editor.document.isClosed) {
          this.#entry(editor.document);
        }
      }
    }
    for (const entry of [...this.#entries.values()].sort(activeFirst)) {
      this.#attend(entry);
    }
  }

  #isWanted(entry: Entry): boolean {
    if (entry.waiters.length > 0) {
      return true;
    }
    if (entry.tooLarge) {
      return false;
    }
    return (
      entry.retained > 0 ||
      (this.#heatmap.on && isScorable(entry.document.uri) && editorsOf(entry.document).length > 0)
    );
  }

  /** Starts or stops a document's scoring, as it is wanted or not. */
  #attend(entry: Entry): void {
    if (!this.#isWanted(entry)) {
      if (entry.run || entry.timer) {
        entry.cancel();
        this.#changed.fire(entry.document);
      }
      return;
    }
    if (!entry.complete && !entry.problem && !entry.run && !entry.timer) {
      void this.#run(entry);
    }
  }

  async #run(entry: Entry): Promise<void> {
    const { document } = entry;
    const name = document.uri.toString();
    const text = document.getText();
    const run = new AbortController();
    entry.run = run;
    entry.progress = { done: 0, total: 0 };
    this.#changed.fire(document);
    try {
      const statistics = await this.#engine.score(
        name,
        text,
        visibleRanges(document),
        {
          layout: (layout, score) => {
            if (run.signal.aborted) {
              return;
            }
            this.#keep(entry);
            entry.losses = new LossMap(layout);
            entry.score = score;
            entry.progress = { done: 0, total: entry.losses.length };
            this.#changed.fire(document);
          },
          scores: (from, scores, done) => {
            if (run.signal.aborted || entry.losses === undefined) {
              return;
            }
            entry.losses.write(from, scores);
            entry.progress = { done, total: entry.losses.length };
            this.#changed.fire(document);
          },
        },
        run.signal,
      );
      if (run.signal.aborted) {
        return;
      }
      if (!entry.losses?.complete) {
        throw new Error(vscode.l10n.t('The engine has left tokens without scores.'));
      }
      entry.run = undefined;
      entry.progress = undefined;
      entry.carried = undefined;
      entry.carriedScore = undefined;
      entry.carryRoom.clear();
      entry.complete = true;
      entry.statistics = statistics;
      this.#changed.fire(document);
      this.#scored.fire(entry);
      this.#settle(entry);
    } catch (error) {
      if (run.signal.aborted) {
        return;
      }
      entry.run = undefined;
      entry.progress = undefined;
      if (error instanceof CancelledError) {
        // The engine was stopped on purpose. Whoever starts it again has the scores fetched again.
        this.#settle(entry, error);
      } else {
        entry.problem = problemOf(error);
        this.#log.error(`${name}: ${entry.problem.message}`);
        this.#settle(entry, error instanceof Error ? error : new Error(String(error)));
      }
      this.#changed.fire(document);
    }
  }

  /** A process that has just loaded its model knows nothing of what an earlier one has scored. */
  #engineChanged(state: EngineState): void {
    const before = this.#engineState;
    this.#engineState = state.kind;
    if (state.kind !== 'ready' || before === 'ready') {
      return;
    }
    for (const entry of this.#entries.values()) {
      if (entry.complete) {
        // The scores stay on screen; explaining them takes a process that has seen the text.
        this.#keep(entry);
        this.#changed.fire(entry.document);
      }
    }
    this.retry();
  }

  /** Keeps what scores there are as carried ones, before `losses` is replaced or dropped. */
  #keep(entry: Entry): void {
    if (entry.losses) {
      entry.carried = overlay(entry.losses, entry.carried ?? noScores(entry.textLength));
      entry.carriedScore = entry.score;
    }
    entry.losses = undefined;
    entry.score = undefined;
    entry.trained = undefined;
    entry.complete = false;
  }

  #edited({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    const entry = this.#entries.get(document.uri.toString());
    // An event without changes tells that the document is saved or not.
    if (entry?.document !== document || contentChanges.length === 0) {
      return;
    }
    entry.cancel();
    this.#keep(entry);
    entry.problem = undefined;
    entry.textLength = lengthOf(document);
    if (entry.carried) {
      const carried = carry(entry.carried, contentChanges, entry.carryRoom);
      // Positions are trusted only as long as they add up.
      entry.carried = carried.textLength === entry.textLength ? carried : undefined;
    }
    if (this.#isWanted(entry)) {
      entry.timer = setTimeout(() => {
        entry.timer = undefined;
        this.#attend(entry);
      }, setting('delay'));
    }
    this.#changed.fire(document);
  }

  #closed(document: vscode.TextDocument): void {
    const name = document.uri.toString();
    const entry = this.#entries.get(name);
    if (entry?.document !== document) {
      return;
    }
    this.#entries.delete(name);
    entry.cancel();
    this.#engine.forget(name);
    this.#settle(entry, new CancelledError());
    this.#changed.fire(document);
  }

  #scrolled(document: vscode.TextDocument): void {
    const entry = this.#entries.get(document.uri.toString());
    if (entry?.run && this.#visibleTimer === undefined) {
      this.#visibleTimer = setTimeout(() => {
        this.#visibleTimer = undefined;
        for (const [name, scored] of this.#entries) {
          if (scored.run) {
            this.#engine.setVisible(name, visibleRanges(scored.document));
          }
        }
      }, VISIBLE_INTERVAL);
    }
  }

  /** Answers everybody who waits for the document. */
  #settle(entry: Entry, error?: Error): void {
    for (const waiter of entry.waiters.splice(0)) {
      if (error) {
        waiter.reject(error);
      } else {
        waiter.resolve(entry);
      }
    }
  }
}

/** The visible editors of a document, the active one first. */
export function editorsOf(document: vscode.TextDocument): vscode.TextEditor[] {
  const active = vscode.window.activeTextEditor;
  return vscode.window.visibleTextEditors
    .filter((editor) => editor.document === document)
    .sort((a, b) => Number(b === active) - Number(a === active));
}

/** The flattened UTF-16 ranges of a document that are on screen, those of the active editor first. */
function visibleRanges(document: vscode.TextDocument): number[] {
  return editorsOf(document).flatMap((editor) =>
    editor.visibleRanges.flatMap((range) => [document.offsetAt(range.start), document.offsetAt(range.end)]),
  );
}

function activeFirst(a: Entry, b: Entry): number {
  const active = vscode.window.activeTextEditor?.document;
  return Number(b.document === active) - Number(a.document === active);
}

/** UTF-16 length of a document's text, without a copy of the text. */
function lengthOf(document: vscode.TextDocument): number {
  return document.offsetAt(document.lineAt(document.lineCount - 1).range.end);
}

function problemOf(error: unknown): EngineProblem {
  if (error instanceof EngineError) {
    return error.problem;
  }
  return {
    code: 'internal',
    message: error instanceof Error ? error.message : String(error),
    advice: vscode.l10n.t('The log says more. Restarting the engine may help.'),
  };
}
