/**
 * The messages between the extension and the explainer panel's page. Types only, shared by both sides.
 *
 * Handshake: the page sends `ready` once it listens; the extension answers with `state`, and sends a new
 * `state` whenever something changed. The page keeps its own view state with `setState`.
 */

/** The unit in which surprisal is shown first. */
export type PanelUnit = 'bits' | 'nats';

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
  /** 1-based page, and the number of tokens that the model has read before this one. */
  readonly page: number;
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

export type PanelStatus =
  | { readonly kind: 'no-document' }
  /** There is a document without a single token. */
  | { readonly kind: 'empty' }
  /** There is a document that cannot be scored (too large, say). */
  | { readonly kind: 'unsupported'; readonly message: string; readonly advice: string }
  /** The engine is off. */
  | { readonly kind: 'off' }
  /** `progress` is a share from 0 to 1, where it is known. */
  | {
      readonly kind: 'starting';
      readonly phase: 'starting' | 'downloading' | 'loading';
      readonly model?: string;
      readonly progress?: number;
    }
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
    /** Why the engine runs with less than what was asked for, if so. */
    readonly degraded?: string;
  };
  readonly sequence?: PanelSequence;
  /** Index of the token under the cursor, or of the nearest one. */
  readonly focus?: number;
  /** The explained token. While the answer for `focus` is on its way: the one explained before. */
  readonly token?: PanelToken;
  /** True while `token` does not belong to `focus` yet. */
  readonly pending: boolean;
  /** The line's tokens around the focus. */
  readonly line?: PanelLine;
}

export type ToPage = { readonly type: 'state'; readonly state: PanelState };

export type FromPage =
  | { readonly type: 'ready' }
  /** Move the editor to a token of the document. */
  | { readonly type: 'reveal'; readonly token: number }
  | { readonly type: 'unit'; readonly unit: PanelUnit }
  | { readonly type: 'retry' };
