/** What the explainer panels need of the rest of the extension. */
import type * as vscode from 'vscode';
import type { Distribution, EngineState } from '../engine/protocol';
import type { LossMap } from '../loss/lossMap';
import type { TrainingOptions } from '../loss/training';
import type { Section } from '../text/sections';
import type { PanelTraining, PanelUnit } from './messages';
import type { DocumentProblem } from './state';

/** A document as a panel explains it. */
export interface PanelEditor {
  readonly document: vscode.TextDocument;
  /** Where the cursor is in the editor that shows the document; undefined when none does. */
  readonly selection?: vscode.Selection | undefined;
  /** The losses of the document's present version; undefined while there are none. */
  readonly losses?: LossMap | undefined;
  /** Names the scoring that the losses come from, as `ScoreListener.layout` gave it. */
  readonly score?: number | undefined;
  /** What the losses are about, where that is a part of a large document. */
  readonly part?: { readonly sections: readonly Section[]; readonly characters: number } | undefined;
  /** UTF-16 length of a large document, of whose text no copy should be made; undefined for others. */
  readonly largeLength?: number | undefined;
  /** All of a large document is being scored. */
  readonly isWholeWanted?: boolean;
  /** Why the document has no scores and will not get any as things are. */
  readonly problem?: DocumentProblem | undefined;
  /** Training on the document's present version, if there was any. */
  readonly training?: PanelTraining | undefined;
  /** The document's losses after training. */
  readonly adapted?: LossMap | undefined;
}

/** What the panels need of the rest of the extension. */
export interface PanelSource {
  /**
   * Something that this source says has changed: the cursor, a document, its scores, its training, the engine's
   * state, a setting. Names the document where only that one is concerned. May be fired as often as one likes: a
   * panel gathers.
   */
  readonly onDidChange: vscode.Event<vscode.TextDocument | undefined>;
  /** The engine's state. */
  readonly engine: EngineState;
  /** The unit in which surprisal is shown first. */
  readonly unit: PanelUnit;
  /**
   * The text editor that was active last, as long as it is open. (While a panel has the focus there is no
   * active text editor, and the panel should go on explaining the last one.)
   */
  readonly editor: PanelEditor | undefined;
  /** A document by its URI, whether an editor shows it or not; undefined when it is not open. */
  find(uri: string): PanelEditor | undefined;
  /** Opens a document without showing it. @throws when it cannot be opened */
  open(uri: string): Promise<unknown>;
  /** Open documents beside one. */
  others(document: vscode.TextDocument): readonly { readonly name: string; readonly uri: string }[];
  /** Keeps a document scored until the result is disposed of. */
  retain(document: vscode.TextDocument): vscode.Disposable;
  /**
   * The model's distribution before a token, with its logits.
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
  /** Selects tokens [first, end) in the editor and shows them, without taking the focus from the panel. */
  select(document: vscode.TextDocument, first: number, end: number): void;
  /** The user chose a unit. */
  setUnit(unit: PanelUnit): void;
  /** The user wants a failed, or switched off, engine to be tried again. */
  retry(): void;
  /** The user wants a document scored although it is large. */
  score(document: vscode.TextDocument): void;
  /** The user wants to choose a file to open. */
  openFile(): void;
  /** Begins to train an adapter on a document; what came of an earlier training is given up. */
  train(document: vscode.TextDocument, options: TrainingOptions): void;
  /** Ends a document's training; what was learnt up to there stays. */
  stopTraining(document: vscode.TextDocument): void;
  /** Gives up a document's training if it is under way, and shows the losses of the model as it is. */
  endTraining(document: vscode.TextDocument): void;
  /** Colours the document's editors by the losses after training, or by those of the model as it is. */
  showTrained(document: vscode.TextDocument, shown: boolean): void;
}
