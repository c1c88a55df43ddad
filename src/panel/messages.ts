/**
 * The messages between the extension and the explainer panel's page. Types only, shared by both sides.
 *
 * Handshake: the page sends `ready` once it listens; the extension answers with `state`, and sends a new
 * `state` whenever something changed. The page keeps its own view state with `setState`, the latest `state` among it:
 * a panel that is restored after a reload of the window reads from there what it was pinned to.
 */

import type { TrainingOptions, TrainingPoint } from '../loss/training';
import type { InformationUnit } from '../loss/units';

/** The unit in which surprisal is shown first. */
export type PanelUnit = InformationUnit;

/**
 * What indices of tokens belong to: one scoring of one document. After an edit, or another part of a large document, the
 * same index means another token.
 */
export interface PanelScoring {
  /** The document's. */
  readonly uri: string;
  /** Numbers the scorings of all documents, until the window is reloaded. */
  readonly score: number;
}

/** The text of a token. */
export interface PanelText {
  /** As the model sees it; bytes that are not whole characters appear as U+FFFD. */
  readonly text: string;
  /** The same with blanks and control characters made visible. */
  readonly visible: string;
}

/** One bar of the distribution. */
export interface PanelAlternative extends PanelText {
  readonly id: number;
  readonly logit: number;
  /** −log q in nats. */
  readonly nats: number;
}

/** Which of the tokens that share one character (an emoji, say) this one is. */
export interface PanelPart {
  /** 1-based. */
  readonly number: number;
  readonly of: number;
}

/** The token being explained. */
export interface PanelToken {
  /** Numbers the model's answers; {@link ToPage}'s `logits` of the same number belong to this token. */
  readonly answer: number;
  /** Index in the document. */
  readonly index: number;
  readonly target: PanelAlternative;
  /** Present when the token is only a piece of a character. */
  readonly part?: PanelPart;
  readonly rank: number;
  readonly vocabularySize: number;
  readonly logSumExp: number;
  /** nats */
  readonly entropy: number;
  /** nats² */
  readonly varentropy: number;
  /** The most probable entries, best first. */
  readonly top: readonly PanelAlternative[];
  /**
   * [V] raw logits, by vocabulary id. They travel once per answer in a message of their own, and the page puts them
   * here; absent in a state that the page has kept over a reload.
   */
  readonly logits?: Float32Array;
  /** 1-based page; absent where a part of a large document is laid out. */
  readonly page?: number;
  /** Number of tokens that the model has read before this one. */
  readonly contextLength: number;
  /** 1-based line and column of the token in the document. */
  readonly line: number;
  readonly column: number;
  /** The cursor is on no token; this is the nearest one. */
  readonly nearest: boolean;
}

/** A token of the line around the explained one; clicking it moves the editor. */
export interface PanelLineToken extends PanelText {
  readonly index: number;
  /** nats; absent while not scored (messages travel as JSON, which knows no NaN) */
  readonly nats?: number;
  readonly part?: PanelPart;
}

/** The tokens of the line that the cursor is on (of a very long line, those around the cursor). */
export interface PanelLine {
  /** 1-based. */
  readonly number: number;
  readonly tokens: readonly PanelLineToken[];
  /** The line has more tokens before the first, or after the last. */
  readonly cutBefore: boolean;
  readonly cutAfter: boolean;
}

/** The sequence as a whole. */
export interface PanelSequence {
  readonly tokens: number;
  readonly scored: number;
  /** Sum of the surprisals in nats. */
  readonly nats: number;
  /** UTF-8 bytes of the scored text. */
  readonly bytes: number;
}

/** The tokens that the user has selected in the editor, or that make up the selected lines. */
export interface PanelSelection {
  /** Indices [first, end) in the document. */
  readonly first: number;
  readonly end: number;
  /** Sum of the scored ones' surprisals in nats. */
  readonly nats: number;
  /** Number of those that are scored. */
  readonly scored: number;
  /** UTF-8 bytes of their text. */
  readonly bytes: number;
  /** The selected text, cut after some hundred characters. */
  readonly text: string;
  /** The tokens, cut after {@link PanelLine}'s limit. */
  readonly tokens: readonly PanelLineToken[];
}

/** The losses of the whole document, sent when they change and not with every state. */
export interface PanelSeries {
  /** What the tokens' indices belong to. */
  readonly scoring: PanelScoring;
  /** Names this series in {@link PanelState.series}. */
  readonly revision: number;
  /** The text that is laid out: the document's, or the sections of a large one; a token's is `text.slice(starts[i], ends[i])`. */
  readonly text: string;
  /** How each invisible character that `text` has is shown. */
  readonly visible: Readonly<Record<string, string>>;
  /** [N] UTF-16 offsets in `text`. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** [N] 0-based line on which the token begins. */
  readonly lines: Uint32Array;
  /** [N] nats; NaN while not scored. */
  readonly nats: Float32Array;
  readonly entropy: Float32Array;
  /** [N] nats after training; absent while there was none. */
  readonly adapted?: Float32Array;
}

/** Real training of an adapter on the output layer, as far as it has come. */
export interface PanelTraining {
  readonly uri: string;
  readonly options: TrainingOptions;
  readonly state: 'running' | 'finished' | 'stopped' | 'failed';
  /** Present when failed: one sentence each. */
  readonly problem?: { readonly message: string; readonly advice: string };
  /** Number of tokens trained on, and held out for evaluation. */
  readonly tokens: { readonly training: number; readonly evaluation: number };
  /** In order; the first one, at step 0, is the model as it is. */
  readonly points: readonly TrainingPoint[];
  /** Index in `points` of the lowest evaluation loss. */
  readonly best?: number;
  /** The training itself is over, and so many of the document's tokens are scored with what was learnt. */
  readonly scored?: { readonly done: number; readonly total: number };
  /** There are losses after training, which the editor's heatmap can show. */
  readonly hasAdapted: boolean;
  /** It shows them. */
  readonly shown: boolean;
}

export type PanelStatus =
  | { readonly kind: 'no-document' }
  /** There is a document without a single token. */
  | { readonly kind: 'empty' }
  /** There is a document that has no scores as things are. */
  | {
      readonly kind: 'unsupported';
      readonly message: string;
      readonly advice: string;
      /** What the page offers to do about it: let go of a document that is gone. */
      readonly remedy?: 'unpin';
    }
  /** The engine is off. */
  | { readonly kind: 'off' }
  | { readonly kind: 'starting'; readonly phase: 'starting' | 'loading'; readonly model?: string }
  | { readonly kind: 'scoring'; readonly done: number; readonly total: number }
  | { readonly kind: 'failed'; readonly message: string; readonly advice: string }
  | { readonly kind: 'ready' };

export interface PanelState {
  readonly status: PanelStatus;
  readonly unit: PanelUnit;
  readonly document?: { readonly name: string; readonly uri: string };
  readonly model?: {
    readonly name: string;
    readonly device: string;
    /** d, the width of the hidden states. */
    readonly hiddenSize: number;
    /** Why the engine runs with less than what was asked for, if so. */
    readonly degraded?: string;
  };
  readonly sequence?: PanelSequence;
  /** Only so many characters of the document are scored, those on screen and around them, because it is large. */
  readonly part?: {
    readonly characters: number;
    readonly of: number;
    /** All of it is being scored. */
    readonly growing: boolean;
  };
  /** What `focus` and the indices in `line` and `selection` belong to; absent in a state that the page has kept. */
  readonly scoring?: PanelScoring;
  /** Index of the token under the cursor, or of the nearest one. */
  readonly focus?: number;
  /** The explained token. While the answer for `focus` is on its way: the one explained before. */
  readonly token?: PanelToken;
  /** True while `token` does not belong to `focus` yet. */
  readonly pending: boolean;
  /** The line's tokens around the focus. */
  readonly line?: PanelLine;
  /** Present when more than one token is selected. */
  readonly selection?: PanelSelection;
  /** The panel stays with its document and token while the cursor moves. */
  readonly pinned: boolean;
  /** UTF-16 offset of the token that the panel is pinned to; a restored panel is pinned there again. */
  readonly pinnedOffset?: number;
  /** The latest {@link PanelSeries.revision} of the document. */
  readonly series?: number;
  /** Other open documents, which training can be evaluated on. */
  readonly others?: readonly { readonly name: string; readonly uri: string }[];
}

export type ToPage =
  | { readonly type: 'state'; readonly state: PanelState }
  /** [V] raw logits of an answer; comes before the first `state` whose token has that {@link PanelToken.answer}. */
  | { readonly type: 'logits'; readonly answer: number; readonly logits: Float32Array }
  | { readonly type: 'series'; readonly series: PanelSeries }
  /** Without `training`: there is none for the document. */
  | { readonly type: 'training'; readonly training?: PanelTraining };

export type FromPage =
  | { readonly type: 'ready' }
  /** Move the editor to a token. Without effect when the scoring is not the present one any more. */
  | { readonly type: 'reveal'; readonly scoring: PanelScoring; readonly token: number }
  | { readonly type: 'unit'; readonly unit: PanelUnit }
  /** Select tokens [first, end) in the editor. Without effect when the scoring is not the present one any more. */
  | {
      readonly type: 'select';
      readonly scoring: PanelScoring;
      readonly first: number;
      readonly end: number;
    }
  | { readonly type: 'pin'; readonly pinned: boolean }
  /** The page shows the losses of the whole document, or does not any more. */
  | { readonly type: 'series'; readonly wanted: boolean }
  | { readonly type: 'train'; readonly options: TrainingOptions }
  | { readonly type: 'stopTraining' }
  /** Colour the editor by the losses after training, or as before. */
  | { readonly type: 'showTrained'; readonly shown: boolean }
  | { readonly type: 'retry' }
  /** Score all of the document although it is large. */
  | { readonly type: 'score' }
  /** Let the user choose a file to open. */
  | { readonly type: 'openFile' };
