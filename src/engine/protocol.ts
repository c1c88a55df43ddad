/**
 * The one protocol between the extension (or the command line) and the engine's child process.
 *
 * Messages travel over `child_process` IPC with `serialization: 'advanced'`, so typed arrays stay typed
 * arrays. Every request carries an id; answers to a request that was cancelled or replaced are dropped.
 */
import type { TokenLayout, TokenScores } from '../loss/lossMap';
import type { TrainingOptions, TrainingPoint } from '../loss/training';
import type { Provider, WeightsChoice } from '../model/devices';
import type { ModelErrorCode } from '../model/errors';
import type { SectionText } from '../text/sections';

/** What the user can ask for. */
export const DEVICE_CHOICES = ['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const satisfies readonly (
  | 'auto'
  | Provider
)[];
export type DeviceChoice = (typeof DEVICE_CHOICES)[number];
export type ExecutionProvider = Provider;
/** What may cost the engine's process its life: a device, or a faster form of the model, which takes more memory. */
export type Trial = ExecutionProvider | 'faster';
export type { WeightsChoice };

/** The bound of the engine's cache of results, in megabytes (2²⁰ bytes), where nobody chose another. */
export const DEFAULT_CACHE_SIZE = 256;

/** The most CPU threads that can be asked for. */
export const MOST_THREADS = 256;

/** The loaded model, as users and reports see it. */
export interface ModelInfo {
  readonly id: string;
  readonly name: string;
  readonly folder: string;
  readonly parameters: number;
  readonly vocabularySize: number;
  readonly contextWindow: number;
  /** d, the width of the hidden states. */
  readonly hiddenSize: number;
}

/** The device that computes, and why this one. */
export interface DeviceInfo {
  readonly provider: ExecutionProvider;
  readonly name: string;
  readonly threads: number;
  /** One entry per device that was considered: what happened. */
  readonly reasons: readonly string[];
  /** Whether the weights are in 8 bits, or might be at the price of exact numbers; undefined where they cannot. */
  readonly int8?: 'taken' | 'possible' | undefined;
}

/** What went wrong, for the user: one sentence each. */
export interface EngineProblem {
  readonly code: ModelErrorCode | 'crashed' | 'internal' | 'training';
  /** What was wrong and where; names the file if there is one. */
  readonly message: string;
  /** What to do about it. */
  readonly advice: string;
}

/** States of the engine that the user can see. */
export type EngineState =
  | { readonly kind: 'off' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'loading'; readonly model: string }
  | {
      readonly kind: 'ready';
      readonly model: ModelInfo;
      readonly device: DeviceInfo;
      /** Why the engine runs with less than what was asked for, if so. */
      readonly degraded?: string;
    }
  | { readonly kind: 'failed'; readonly problem: EngineProblem };

export interface LoadRequest {
  readonly type: 'load';
  readonly request: number;
  readonly folder: string;
  readonly device: DeviceChoice;
  /** What brought the process down before, with what happened; not tried again. */
  readonly excluded: Readonly<Partial<Record<Trial, string>>>;
  /** CPU threads; 0 lets the engine choose. */
  readonly threads: number;
  /** See `EngineSettings`. */
  readonly weights: WeightsChoice;
}

export interface ScoreRequest {
  readonly type: 'score';
  readonly request: number;
  /** Identifies the document; a newer request for the same document cancels the older one. */
  readonly document: string;
  /** The text, or the sections of it that are wanted, in order. */
  readonly text: string | readonly SectionText[];
  /** UTF-16 ranges [start, end) on screen, in order of importance; flattened pairs. */
  readonly visible: readonly number[];
  /** As in `ScoreOptions`. */
  readonly only: readonly number[] | undefined;
}

/** Alternatives at tokens of the document's latest score request. */
export interface DistributionRequest {
  readonly type: 'distribution';
  readonly request: number;
  /** The request number of the `score` whose tokens are meant. */
  readonly score: number;
  readonly document: string;
  /** Indices of the tokens to be explained. */
  readonly tokens: readonly number[];
  /** Number of top entries of each distribution. */
  readonly top: number;
  /** Also return the logits of the whole vocabulary. */
  readonly logits: boolean;
}

/** A place of a text, and what could be written there. */
export interface ReplacementPlace {
  /** Indices of the first and of the last token that are replaced, of one page. */
  readonly first: number;
  readonly last: number;
  /** What is written there instead, each for itself, with the white space that the tokens have. */
  readonly texts: readonly string[];
}

/** What it would cost to write something in places of the document's latest score request. */
export interface ReplacementRequest {
  readonly type: 'replacement';
  readonly request: number;
  /** The request number of the `score` whose tokens are meant. */
  readonly score: number;
  readonly document: string;
  readonly places: readonly ReplacementPlace[];
  /** How many of the tokens behind a place count, too, at most. */
  readonly behind: number;
}

/** Trains an adapter on a scored document; a newer request cancels an older one. */
export interface TrainRequest {
  readonly type: 'train';
  readonly request: number;
  readonly document: string;
  /** The request number of the `score` whose tokens are meant. */
  readonly score: number;
  readonly options: TrainingOptions;
  /** Another scored document to evaluate on; without it the last fifth of the document is held back. */
  readonly evaluation?: { readonly document: string; readonly score: number };
}

/** What is on screen now. */
export interface VisibleMessage {
  readonly type: 'visible';
  readonly document: string;
  /** As in {@link ScoreRequest}. */
  readonly visible: readonly number[];
  /** UTF-16 offset of the cursor, where something is likely to be typed: its page is read up to there in idle time. */
  readonly cursor?: number;
}

export type ToHost =
  | LoadRequest
  | ScoreRequest
  | DistributionRequest
  | ReplacementRequest
  | TrainRequest
  /** Answered by `trained`, or by `cancelled` when there is no point yet. */
  | { readonly type: 'stopTraining'; readonly request: number }
  | VisibleMessage
  | { readonly type: 'cancel'; readonly request: number }
  | { readonly type: 'forget'; readonly document: string }
  /** Bounds the cache of results, in megabytes. */
  | { readonly type: 'cacheSize'; readonly megabytes: number }
  | { readonly type: 'shutdown' };

/** One entry of a next-token distribution. */
export interface Alternative {
  readonly id: number;
  /** The token's text; bytes that are not whole characters appear as U+FFFD. */
  readonly text: string;
  /** The raw logit. */
  readonly logit: number;
  /** −log q of this entry, in nats. */
  readonly nats: number;
}

/** The model's distribution before one token of a document. */
export interface Distribution {
  /** Index of the token in the document. */
  readonly token: number;
  /** The token that really follows. */
  readonly target: Alternative;
  /** 1-based rank of the target among the whole vocabulary. */
  readonly rank: number;
  /** log Σ exp z, in nats. */
  readonly logSumExp: number;
  /** Entropy of the distribution, in nats. */
  readonly entropy: number;
  /** The most probable entries, best first. */
  readonly top: readonly Alternative[];
  /** [vocabulary] raw logits, when asked for. */
  readonly logits?: Float32Array;
}

/** What it costs to write a text in a place, in nats. */
export interface Replacement {
  /** Undefined for what is there. */
  readonly text: string | undefined;
  /** The surprisals of its tokens. */
  readonly nats: Float32Array;
  /** Those of the tokens behind it. */
  readonly behind: Float32Array;
}

/** How many tokens a training uses. */
export interface TrainingTokens {
  readonly training: number;
  readonly evaluation: number;
}

/** What a training came to. */
export interface TrainingResult {
  /** Index of the point with the smallest evaluation loss, among all points in their order. */
  readonly best: number;
  /** Whether it was stopped before its last epoch. */
  readonly stopped: boolean;
  /** Why it stopped by itself before its last epoch, for the user: the losses are no numbers any more. */
  readonly problem?: EngineProblem;
  /** All tokens of the document, scored by the model with the adapter of the best point. */
  readonly scores: TokenScores;
}

export type FromHost =
  | { readonly type: 'loading'; readonly request: number; readonly model: string }
  /** Something is about to be tried: should the process die now, that was to blame. Undefined: not any more. */
  | { readonly type: 'trying'; readonly trial: Trial | undefined }
  | {
      readonly type: 'loaded';
      readonly request: number;
      readonly model: ModelInfo;
      readonly device: DeviceInfo;
      readonly degraded?: string;
    }
  | {
      readonly type: 'layout';
      readonly request: number;
      readonly layout: TokenLayout;
      /** Tokens that are about to be scored. */
      readonly wanted: number;
    }
  | {
      readonly type: 'scores';
      readonly request: number;
      /** Index of the first token. */
      readonly from: number;
      readonly scores: TokenScores;
      /** Tokens scored so far, of all that are wanted. */
      readonly done: number;
    }
  | { readonly type: 'scored'; readonly request: number; readonly statistics: ScoreStatistics }
  | {
      readonly type: 'distributions';
      readonly request: number;
      readonly distributions: readonly Distribution[];
    }
  | {
      readonly type: 'replacements';
      readonly request: number;
      /** Of each place. */
      readonly replacements: readonly (readonly Replacement[])[];
    }
  | {
      readonly type: 'training';
      readonly request: number;
      readonly tokens: TrainingTokens;
      readonly point: TrainingPoint;
    }
  /** So many tokens of all the document's are scored with what was learnt; the training itself is over. */
  | {
      readonly type: 'trainingScored';
      readonly request: number;
      readonly done: number;
      readonly total: number;
    }
  | { readonly type: 'trained'; readonly request: number; readonly result: TrainingResult }
  | { readonly type: 'cancelled'; readonly request: number }
  | { readonly type: 'problem'; readonly request: number; readonly problem: EngineProblem }
  | { readonly type: 'log'; readonly line: string };

/** What scoring a document cost. */
export interface ScoreStatistics {
  /** Seconds from the request to the last score. */
  readonly seconds: number;
  /** Tokens that went through the backbone, overlaps included, cached pages not. */
  readonly tokensRun: number;
  /** Pages whose scores were found in the cache. */
  readonly pagesCached: number;
  readonly pages: number;
}
