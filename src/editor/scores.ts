/** Which documents are scored, when, and what their scores are. Draws nothing. */
import * as vscode from 'vscode';
import { CancelledError, type EngineApi, EngineError } from '../engine/api';
import type { Distribution, EngineProblem, EngineState, ScoreStatistics } from '../engine/protocol';
import { LossMap } from '../loss/lossMap';
import { messageOf } from '../model/errors';
import { SECTION_LIMITS, type Section, type SectionText, sectionTexts } from '../text/sections';
import { type CarriedScores, CarryRoom, carry, noScores, overlay } from './carry';
import { onDidCloseDocument } from './closing';
import { onDidChangeSetting, setting } from './configuration';
import { DocumentLines, lengthOf } from './documentLines';
import type { Log } from './log';
import {
  coversPlaces,
  grownScope,
  keptSections,
  lengthOfSections,
  moveSections,
  RENDERED_COLUMNS,
  scopeAround,
  scoredSections,
  sectionsAgain,
} from './scope';
import { isScorable } from './scorable';
import type { HeatmapSwitch } from './switch';

/** At most this often it is looked at what is on screen while a document is scrolled, in milliseconds. */
const VISIBLE_INTERVAL = 50;
/** How long the cursor rests in a document that is being edited before it counts as where more is typed, in milliseconds. */
const CURSOR_REST = 500;

/** How much of a large document has scores, or is about to have them. */
export interface DocumentPart {
  /** The sections, in order. */
  readonly sections: readonly Section[];
  /** UTF-16 length of their text. */
  readonly characters: number;
}

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
  /** True for a document of which only what is on screen and around it is scored, unless somebody asks for all of it. */
  readonly large: boolean;
  /** What `losses` are about, where that is a part of a large document. */
  readonly part: DocumentPart | undefined;
  /** How far the scoring under way has come, in tokens; undefined while there is none. */
  readonly progress: ScoreProgress | undefined;
  /** How far the scoring of a large document as a whole has come, in UTF-16 code units; undefined while there is none. */
  readonly whole: ScoreProgress | undefined;
  /** True from an edit until the delay is over. */
  readonly waiting: boolean;
  /** What the last scoring cost. */
  readonly statistics: ScoreStatistics | undefined;
  /** Why the last scoring failed. */
  readonly problem: EngineProblem | undefined;
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

/** Somebody who waits for a document's scores. */
interface Waiter {
  /** All of a large document is wanted, and not only what is on screen. */
  readonly whole: boolean;
  resolve(state: DocumentState): void;
  reject(error: Error): void;
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
  /** The sections of a large document that `losses` are laid out for. */
  scope: readonly Section[] = [];
  /** The sections that the scoring under way is about. */
  wanted: readonly Section[] = [];
  /** Sections that have all their scores. After an edit: about where these were. */
  scored: readonly Section[] = [];
  /** `scored` are sections of the present version. */
  scoredAreExact = true;
  /** What was scored on request stays when that was cancelled, however far from the screen it is. */
  keepsAll = false;
  /** Somebody has edited the document since it was opened, and may do so again. */
  isEdited = false;
  /** Somebody asked for all of a large document. */
  wholeWanted = false;
  waiters: Waiter[] = [];

  constructor(readonly document: vscode.TextDocument) {
    this.textLength = lengthOf(document);
  }

  get waiting(): boolean {
    return this.timer !== undefined;
  }

  get large(): boolean {
    return this.textLength > SECTION_LIMITS.large;
  }

  get part(): DocumentPart | undefined {
    const characters = lengthOfSections(this.scope);
    return this.large && characters < this.textLength ? { sections: this.scope, characters } : undefined;
  }

  get whole(): ScoreProgress | undefined {
    if (!this.large || this.complete || !this.wantsWhole) {
      return undefined;
    }
    const { done = 0, total = 0 } = this.progress ?? {};
    const inScope = total > 0 ? Math.floor((lengthOfSections(this.scope) * done) / total) : 0;
    return { done: Math.max(lengthOfSections(this.scored), inScope), total: this.textLength };
  }

  /** Whether all of the document is asked for. */
  get wantsWhole(): boolean {
    return this.wholeWanted || this.waiters.some(({ whole }) => whole);
  }

  /** Gives up what is under way; what has come of it stays. */
  cancel(): void {
    if (this.run && this.large && this.losses) {
      this.scored = scoredSections(this.scope, this.losses);
    }
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
  #cursorTimer: ReturnType<typeof setTimeout> | undefined;
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
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => this.#cursorMoved(textEditor)),
      vscode.workspace.onDidOpenTextDocument(() => this.#reconcile()),
      vscode.workspace.onDidChangeTextDocument((event) => this.#edited(event)),
      onDidCloseDocument((document) => this.#closed(document)),
      onDidChangeSetting(['delay'], () => this.#reconcile()),
    );
    this.#reconcile();
  }

  /** Whether there is a document that is to be scored, or to be explained: one that is shown, or that somebody waits for. */
  get isWanted(): boolean {
    return [...this.#entries.values()].some((entry) => this.#isWanted(entry));
  }

  /** What is known about a document; undefined when nobody has asked for it yet. */
  get(uri: vscode.Uri): DocumentState | undefined {
    return this.#entries.get(uri.toString());
  }

  /**
   * Scores a document, however large, even when it is not on screen. When the document is edited meanwhile,
   * the promise goes on with the newer version.
   * @throws EngineError when scoring fails, CancelledError when the document is closed or {@link cancelWhole} is called
   */
  score(document: vscode.TextDocument): Promise<DocumentState> {
    return this.#wait(document, true);
  }

  /**
   * The same, but of a large document only what is scored without being asked for: what is on screen and around it.
   * @throws EngineError when scoring fails, CancelledError when the document is closed
   */
  scorePart(document: vscode.TextDocument): Promise<DocumentState> {
    return this.#wait(document, false);
  }

  #wait(document: vscode.TextDocument, whole: boolean): Promise<DocumentState> {
    if (document.isClosed) {
      return Promise.reject(new CancelledError());
    }
    const entry = this.#entry(document);
    if (entry.complete || (!whole && !isBehind(entry))) {
      return Promise.resolve(entry);
    }
    entry.problem = undefined;
    return new Promise((resolve, reject) => {
      entry.waiters.push({ whole, resolve, reject });
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

  /** Has all of a document scored, however large, whether anybody waits for it or not; an edit ends that. */
  scoreWhole(document: vscode.TextDocument): void {
    const entry = this.#entry(document);
    entry.wholeWanted = true;
    this.#attend(entry);
    this.#changed.fire(document);
  }

  /** Ends the scoring of a large document as a whole; what is scored stays, until an edit. */
  cancelWhole(document: vscode.TextDocument): void {
    const entry = this.#entries.get(document.uri.toString());
    if (entry?.document !== document || !entry.whole) {
      return;
    }
    entry.cancel();
    entry.wholeWanted = false;
    entry.keepsAll = true;
    const waiters = entry.waiters.filter(({ whole }) => whole);
    entry.waiters = entry.waiters.filter(({ whole }) => !whole);
    for (const waiter of waiters) {
      waiter.reject(new CancelledError());
    }
    this.#attend(entry);
    this.#changed.fire(document);
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
      entry.scope = [];
      entry.scored = [];
      entry.problem = undefined;
      entry.statistics = undefined;
      this.#changed.fire(entry.document);
    }
    this.#reconcile();
  }

  dispose(): void {
    clearTimeout(this.#visibleTimer);
    clearTimeout(this.#cursorTimer);
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
    return (
      entry.waiters.length > 0 ||
      entry.wholeWanted ||
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
    if (isBehind(entry) && !entry.problem && !entry.run && !entry.timer) {
      void this.#run(entry);
    } else if (entry.losses && this.#engineState === 'off') {
      // It was stopped while nothing was wanted of it. Explaining the scores takes a process that has seen the text.
      this.#engine.ensureReady().catch((error: unknown) => this.#log.error(messageOf(error)));
    }
  }

  /** What is scored next: all of the text, or those sections of a large one that are wanted. */
  #text(entry: Entry): string | SectionText[] {
    const { document } = entry;
    if (!entry.large) {
      entry.wanted = [];
      entry.scored = [];
      return document.getText();
    }
    const lines = new DocumentLines(document);
    const places = placesIn(document);
    const keepsAll = entry.keepsAll || entry.wantsWhole;
    let kept = keepsAll ? entry.scored : keptSections(entry.scored, places, entry.textLength);
    const isSameText = entry.scoredAreExact;
    if (!isSameText) {
      kept = sectionsAgain(lines, kept);
    }
    entry.scored = kept;
    entry.scoredAreExact = true;
    const around = scopeAround(lines, places, kept);
    const isNothingNew = isSameText && around.length === kept.length;
    entry.wanted = isNothingNew && entry.wantsWhole ? grownScope(lines, around) : around;
    return sectionTexts(lines, entry.wanted, (start, end) =>
      document.getText(new vscode.Range(document.positionAt(start), document.positionAt(end))),
    );
  }

  async #run(entry: Entry): Promise<void> {
    const { document } = entry;
    const name = document.uri.toString();
    const text = this.#text(entry);
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
            entry.scope = entry.wanted;
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
        { signal: run.signal },
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
      entry.scored = entry.scope;
      entry.complete = entry.part === undefined;
      entry.statistics = statistics;
      if (!entry.complete) {
        this.#partScored(entry);
        return;
      }
      entry.wholeWanted = false;
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
        entry.wholeWanted = false;
        this.#log.error(`${name}: ${entry.problem.message}`);
        this.#settle(entry, error instanceof Error ? error : new Error(String(error)));
      }
      this.#changed.fire(document);
    }
  }

  /** A part of a large document is scored: whoever wanted that has it; more of it may be wanted. */
  #partScored(entry: Entry): void {
    const waiters = entry.waiters.filter(({ whole }) => !whole);
    entry.waiters = entry.waiters.filter(({ whole }) => whole);
    for (const waiter of waiters) {
      waiter.resolve(entry);
    }
    this.#attend(entry);
    this.#changed.fire(entry.document);
  }

  /** A process that has just loaded its model knows nothing of what an earlier one has scored. */
  #engineChanged(state: EngineState): void {
    const before = this.#engineState;
    this.#engineState = state.kind;
    if (state.kind !== 'ready' || before === 'ready') {
      return;
    }
    for (const entry of this.#entries.values()) {
      if (entry.losses?.complete) {
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
    entry.scope = [];
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
    if (!entry.waiting) {
      // What comes before the change can be read while the delay lasts.
      const change = contentChanges.reduce(
        (first, { rangeOffset }) => Math.min(first, rangeOffset),
        Infinity,
      );
      this.#expectTyping(entry, change);
    }
    entry.isEdited = true;
    entry.cancel();
    this.#keep(entry);
    entry.problem = undefined;
    entry.textLength = lengthOf(document);
    entry.scored = moveSections(entry.scored, contentChanges);
    entry.scoredAreExact = false;
    entry.keepsAll = false;
    entry.wholeWanted = false;
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
    if ((entry?.run || entry?.large) && this.#visibleTimer === undefined) {
      this.#visibleTimer = setTimeout(() => {
        this.#visibleTimer = undefined;
        for (const scored of this.#entries.values()) {
          this.#look(scored);
        }
      }, VISIBLE_INTERVAL);
    }
  }

  #cursorMoved(editor: vscode.TextEditor): void {
    const { document } = editor;
    const entry = this.#entries.get(document.uri.toString());
    // What is scored of a large document depends on where its cursor is.
    if (entry?.large) {
      this.#scrolled(document);
    }
    if (entry?.isEdited && editor === vscode.window.activeTextEditor) {
      clearTimeout(this.#cursorTimer);
      this.#cursorTimer = setTimeout(() => {
        if (editor === vscode.window.activeTextEditor && !document.isClosed) {
          this.#expectTyping(entry, document.offsetAt(editor.selection.active));
        }
      }, CURSOR_REST);
    }
  }

  /** Has the engine get ready for what may be typed at an offset of the text. */
  #expectTyping(entry: Entry, offset: number): void {
    if (this.#isWanted(entry)) {
      this.#engine.setVisible(entry.document.uri.toString(), visibleRanges(entry.document), offset);
    }
  }

  /** Has scored what is on screen now; after an edit that has its time. */
  #look(entry: Entry): void {
    const { document } = entry;
    if (entry.timer) {
      return;
    }
    const sections = entry.run ? entry.wanted : entry.scope;
    if (entry.large && !coversPlaces(sections, placesIn(document), entry.textLength)) {
      entry.cancel();
      this.#attend(entry);
    } else if (entry.run) {
      this.#engine.setVisible(document.uri.toString(), visibleRanges(document));
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

/** Whether there is something in the document that is to be scored without anybody asking for it anew. */
function isBehind(entry: Entry): boolean {
  if (!entry.large) {
    return !entry.complete;
  }
  return (
    !entry.losses?.complete ||
    (entry.wantsWhole && !entry.complete) ||
    !coversPlaces(entry.scope, placesIn(entry.document), entry.textLength)
  );
}

/**
 * The flattened UTF-16 ranges of a document that are on screen, those of the active editor first. Of a line that is
 * longer than VS Code draws, as much as it would draw.
 */
function visibleRanges(document: vscode.TextDocument): number[] {
  const flat: number[] = [];
  for (const range of editorsOf(document).flatMap(({ visibleRanges: ranges }) => ranges)) {
    // Right after an edit an editor still tells of the lines that it had.
    const { start, end } = document.validateRange(range);
    let from = document.offsetAt(start);
    for (let line = start.line; line <= end.line; line++) {
      const first = line === start.line ? start.character : 0;
      const last = line === end.line ? end.character : document.lineAt(line).text.length;
      if (last - first > RENDERED_COLUMNS) {
        flat.push(from, document.offsetAt(new vscode.Position(line, first)) + RENDERED_COLUMNS);
        from = document.offsetAt(new vscode.Position(line, last));
      }
    }
    flat.push(from, document.offsetAt(end));
  }
  return flat;
}

/** The flattened UTF-16 ranges of what is on screen, and where the cursors are. */
function placesIn(document: vscode.TextDocument): number[] {
  const cursors = editorsOf(document).map(({ selection }) => document.offsetAt(selection.active));
  return [...visibleRanges(document), ...cursors.flatMap((offset) => [offset, offset])];
}

function activeFirst(a: Entry, b: Entry): number {
  const active = vscode.window.activeTextEditor?.document;
  return Number(b.document === active) - Number(a.document === active);
}

function problemOf(error: unknown): EngineProblem {
  if (error instanceof EngineError) {
    return error.problem;
  }
  return {
    code: 'internal',
    message: messageOf(error),
    advice: vscode.l10n.t('The log says more. Restarting the engine may help.'),
  };
}
