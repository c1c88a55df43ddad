/** Colours the tokens of the visible editors by their surprisal. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as vscode from 'vscode';
import { HEAT_BIN_COUNT, heatOf } from '../loss/heat';
import { displayedUnits } from './carry';
import { onDidCloseDocument } from './closing';
import type { HeatTypes } from './heatTypes';
import { type LineWindow, lineWindows, RANGE_SIZE, RangeCollector } from './ranges';
import { RENDERED_COLUMNS } from './scope';
import { isScorable } from './scorable';
import { type DocumentScores, editorsOf } from './scores';
import type { HeatmapSwitch } from './switch';

/** Documents with more tokens are drawn only around what is on screen. */
const WHOLE_DOCUMENT_TOKENS = 20_000;
/** How many lines around the screen are drawn in such a document. */
const MARGIN_LINES = 120;
/** Pause between two drawings of one document, in milliseconds, at least. */
const INTERVAL = 100;
/** A drawing that took long is followed by a pause this many times as long. */
const PAUSE_FACTOR = 10;
/** How long the extension host is kept busy at a time, in milliseconds; what VS Code does with one bin comes on top. */
const SLICE = 4;
/** Number of units, or of ranges, between two looks at the clock. */
const STEPS_PER_LOOK = 256;

/** What is drawn in a document's editors. */
export interface DrawnDecorations {
  /** Version of the document that the ranges belong to. */
  readonly version: number;
  /** The ranges of each bin. */
  readonly bins: readonly (readonly vscode.Range[])[];
}

/** A bin's ranges, flattened as {@link RangeCollector} gives them. */
type FlatRanges = readonly number[];

/** The drawing of one document. */
class Drawing {
  timer: ReturnType<typeof setTimeout> | undefined;
  /** Something changed while a drawing was under way. */
  again = false;
  drawing = false;
  /** When the next drawing may begin. */
  notBefore = 0;
  drawn: { readonly version: number; readonly bins: readonly FlatRanges[] } | undefined;
}

/**
 * The heatmap. All editors of a document show the same ranges; each is told only about the bins that changed.
 */
export class Heatmap implements vscode.Disposable {
  readonly #scores: DocumentScores;
  readonly #switch: HeatmapSwitch;
  readonly #types: HeatTypes;
  readonly #drawings = new Map<vscode.TextDocument, Drawing>();
  /** What each editor was told last, per bin; a bin without an entry has to be told anew. */
  readonly #told = new WeakMap<vscode.TextEditor, (FlatRanges | undefined)[]>();
  readonly #subscriptions: vscode.Disposable[];
  #disposed = false;

  constructor(scores: DocumentScores, heatmap: HeatmapSwitch, types: HeatTypes) {
    this.#scores = scores;
    this.#switch = heatmap;
    this.#types = types;
    this.#subscriptions = [
      scores.onDidChange((document) => this.#schedule(document)),
      heatmap.onDidChange(() => this.#scheduleVisible()),
      vscode.window.onDidChangeVisibleTextEditors(() => this.#scheduleVisible()),
      vscode.window.onDidChangeTextEditorVisibleRanges(({ textEditor }) =>
        this.#scrolled(textEditor.document),
      ),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.#forgetTold(document)),
      onDidCloseDocument((document) => this.#closed(document)),
    ];
    this.#scheduleVisible();
  }

  /** What is drawn in a document's editors; undefined when nothing is. */
  drawn(uri: vscode.Uri): DrawnDecorations | undefined {
    const name = uri.toString();
    for (const [document, { drawn }] of this.#drawings) {
      if (drawn && document.uri.toString() === name) {
        return { version: drawn.version, bins: drawn.bins.map(toRanges) };
      }
    }
    return undefined;
  }

  dispose(): void {
    this.#disposed = true;
    for (const { timer } of this.#drawings.values()) {
      clearTimeout(timer);
    }
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  #scheduleVisible(): void {
    for (const document of new Set(vscode.window.visibleTextEditors.map((editor) => editor.document))) {
      this.#schedule(document);
    }
  }

  #scrolled(document: vscode.TextDocument): void {
    const state = this.#scores.get(document.uri);
    const tokens = (state?.losses ?? state?.carried?.losses)?.length ?? 0;
    if (state?.large || tokens > WHOLE_DOCUMENT_TOKENS) {
      this.#schedule(document);
    }
  }

  /** Draws the document soon: at once if it was not drawn lately. */
  #schedule(document: vscode.TextDocument): void {
    let drawing = this.#drawings.get(document);
    if (!drawing) {
      if (document.isClosed || !this.#switch.on || !isScorable(document.uri)) {
        return;
      }
      drawing = new Drawing();
      this.#drawings.set(document, drawing);
    }
    if (drawing.drawing) {
      drawing.again = true;
    } else if (drawing.timer === undefined) {
      const { notBefore } = drawing;
      drawing.timer = setTimeout(
        () => void this.#draw(document, drawing),
        this.#switch.on ? Math.max(0, notBefore - performance.now()) : 0,
      );
    }
  }

  async #draw(document: vscode.TextDocument, drawing: Drawing): Promise<void> {
    drawing.timer = undefined;
    drawing.drawing = true;
    drawing.again = false;
    const started = performance.now();
    let busy = 0;
    try {
      const slices = this.#drawInSlices(document, drawing);
      for (;;) {
        const begun = performance.now();
        const { done } = slices.next();
        busy += performance.now() - begun;
        if (done) {
          break;
        }
        await nextTurn();
      }
    } finally {
      drawing.drawing = false;
    }
    if (this.#disposed) {
      return;
    }
    drawing.notBefore = started + Math.max(INTERVAL, busy * PAUSE_FACTOR);
    if (drawing.again) {
      this.#schedule(document);
    }
  }

  /** The work of one drawing; yields whenever the extension host should have a turn. */
  *#drawInSlices(document: vscode.TextDocument, drawing: Drawing): Generator<void> {
    const { version } = document;
    const bins = emptyBins();
    const clock = new SliceClock();
    const state = this.#switch.on ? this.#scores.get(document.uri) : undefined;
    if (state) {
      const newer = state.trained ?? state.losses;
      const older = state.carried?.losses;
      const isWhole =
        !state.large && Math.max(newer?.length ?? 0, older?.length ?? 0) <= WHOLE_DOCUMENT_TOKENS;
      for (const window of isWhole ? [{ start: 0, end: document.lineCount }] : windowsOf(document)) {
        const range = new vscode.Range(window.start, 0, window.end, 0);
        const offset = document.offsetAt(range.start);
        const text = document.getText(range);
        const columns = isWhole ? Number.POSITIVE_INFINITY : RENDERED_COLUMNS;
        const collector = new RangeCollector(HEAT_BIN_COUNT, text, offset, window.start, columns);
        for (const { unit } of displayedUnits(newer, older, offset, offset + text.length)) {
          collector.add(unit.start, unit.end, heatOf(unit.nats));
          if (clock.step()) {
            yield;
            if (this.#isOutdated(document, version)) {
              return;
            }
            clock.restart();
          }
        }
        collector.bins.forEach((ranges, bin) => {
          bins[bin] = bins[bin].length === 0 ? ranges : bins[bin].concat(ranges);
        });
      }
    }
    yield* this.#tell(document, version, bins, clock);
    if (!this.#isOutdated(document, version)) {
      drawing.drawn = bins.some((ranges) => ranges.length > 0) ? { version, bins } : undefined;
    }
  }

  /** Tells the document's editors what changed. */
  *#tell(
    document: vscode.TextDocument,
    version: number,
    bins: readonly FlatRanges[],
    clock: SliceClock,
  ): Generator<void> {
    for (const editor of editorsOf(document)) {
      let told = this.#told.get(editor);
      if (!told) {
        // An editor that has just been opened shows nothing.
        told = emptyBins();
        this.#told.set(editor, told);
      }
      for (let bin = 0; bin < bins.length; bin++) {
        if (isEqual(told[bin], bins[bin])) {
          continue;
        }
        const ranges: vscode.Range[] = [];
        while (pushRanges(ranges, bins[bin], clock) || clock.isOver) {
          yield;
          if (this.#isOutdated(document, version)) {
            return;
          }
          clock.restart();
        }
        this.#types.draw(editor, bin, ranges);
        told[bin] = bins[bin];
      }
    }
  }

  #isOutdated(document: vscode.TextDocument, version: number): boolean {
    return this.#disposed || document.version !== version || document.isClosed;
  }

  /** After an edit, VS Code has moved and resized what is drawn: every bin has to be told anew. */
  #forgetTold(document: vscode.TextDocument): void {
    for (const editor of editorsOf(document)) {
      if (this.#told.has(editor)) {
        this.#told.set(
          editor,
          Array.from({ length: HEAT_BIN_COUNT }, () => undefined),
        );
      }
    }
  }

  #closed(document: vscode.TextDocument): void {
    clearTimeout(this.#drawings.get(document)?.timer);
    this.#drawings.delete(document);
  }
}

function emptyBins(): FlatRanges[] {
  return Array.from({ length: HEAT_BIN_COUNT }, () => []);
}

/** The windows of lines that are drawn in a long document. */
function windowsOf(document: vscode.TextDocument): LineWindow[] {
  const visible = editorsOf(document).flatMap((editor) =>
    editor.visibleRanges.map((range) => ({ start: range.start.line, end: range.end.line + 1 })),
  );
  return lineWindows(visible, MARGIN_LINES, document.lineCount);
}

function toRanges(flat: FlatRanges): vscode.Range[] {
  const ranges: vscode.Range[] = [];
  pushRanges(ranges, flat);
  return ranges;
}

/**
 * Makes the ranges that are still to be made, or as many as fit in a slice.
 * @param ranges those that there are already
 * @returns whether some are left to be made
 */
function pushRanges(ranges: vscode.Range[], flat: FlatRanges, clock?: SliceClock): boolean {
  // Not looked up in the module for each of thousands.
  const { Range } = vscode;
  for (let i = ranges.length * RANGE_SIZE; i < flat.length; i += RANGE_SIZE) {
    if (clock?.step()) {
      return true;
    }
    ranges.push(new Range(flat[i], flat[i + 1], flat[i], flat[i + 2]));
  }
  return false;
}

/** Says when the extension host should have a turn. Looking at a clock takes longer than a step. */
class SliceClock {
  #deadline = performance.now() + SLICE;
  #untilLook = STEPS_PER_LOOK;

  /** Counts a step; true when the slice is over. */
  step(): boolean {
    if (--this.#untilLook > 0) {
      return false;
    }
    this.#untilLook = STEPS_PER_LOOK;
    return this.isOver;
  }

  get isOver(): boolean {
    return performance.now() > this.#deadline;
  }

  /** Begins the next slice. */
  restart(): void {
    this.#deadline = performance.now() + SLICE;
  }
}

function isEqual(a: FlatRanges | undefined, b: FlatRanges): boolean {
  if (a === undefined || a.length !== b.length) {
    return false;
  }
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) {
      return false;
    }
  }
  return true;
}
