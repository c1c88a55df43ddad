/** The parent's view of the engine: what the editor, the panel and the command line build on. */
import type { TokenLayout, TokenScores } from '../loss/lossMap';
import type { TrainingOptions, TrainingPoint } from '../loss/training';
import { messageOf } from '../model/errors';
import type { SectionText } from '../text/sections';
import type {
  DeviceChoice,
  Distribution,
  EngineProblem,
  EngineState,
  Replacement,
  ReplacementPlace,
  ScoreStatistics,
  TrainingResult,
  TrainingTokens,
  WeightsChoice,
} from './protocol';

/** Undoes a subscription. */
export interface Subscription {
  dispose(): void;
}

/** What decides which model runs where; changing any of it but the cache's size loads the model again. */
export interface EngineSettings {
  /** The model: the absolute path of its folder, or of an ONNX file in one; or its name on Hugging Face's hub. */
  readonly folder: string;
  readonly device: DeviceChoice;
  /** CPU threads; 0 lets the engine choose. */
  readonly threads: number;
  /**
   * How the weights are kept in memory on a CPU; `auto` where it is left out. A GPU computes in half precision only with
   * `auto`.
   */
  readonly weights?: WeightsChoice;
  /** Bound of the cache of results in megabytes; {@link DEFAULT_CACHE_SIZE} where it is not given. */
  readonly cacheSize?: number;
}

/** Receives the results of one scoring as they come. */
export interface ScoreListener {
  /**
   * The text was cut into tokens. Comes once, before any scores, and again from the start when the engine
   * was restarted in between.
   * @param score names this scoring in {@link EngineApi.distributions}
   * @param wanted number of tokens that are about to be scored
   */
  layout(layout: TokenLayout, score: number, wanted: number): void;
  /**
   * Consecutive tokens were scored. Those at a change may come twice: at once, and with the run that they belong to, which
   * rounds otherwise in the last bits and counts.
   * @param from index of the first of them
   * @param done number of tokens scored so far
   */
  scores(from: number, scores: TokenScores, done: number): void;
}

/** What may be said of a scoring besides. */
export interface ScoreOptions {
  /** Gives it up. */
  readonly signal?: AbortSignal | undefined;
  /**
   * UTF-16 ranges [start, end), flattened: tokens are scored that touch one of them, with what is run together with them, and the
   * scores are those that a scoring of all the text gives. All tokens are, unless it is given.
   */
  readonly only?: readonly number[] | undefined;
}

/** One scoring of a document: what {@link ScoreListener.layout} was given, and its document. */
export interface ScoredDocument {
  readonly document: string;
  readonly score: number;
}

/** Receives the losses of a training as they are computed. */
export interface TrainingListener {
  /** The tokens were chosen. Comes once, before any point. */
  begin(tokens: TrainingTokens): void;
  /** The losses after some steps. The first is of the model as it is, at step 0. */
  point(point: TrainingPoint): void;
  /** The training itself is over, and so many tokens of all the document's are scored with what was learnt. */
  scored?(done: number, total: number): void;
}

/** How a training is ended early. */
export interface TrainingSignals {
  /** Stops it: it then resolves with what was learnt up to there, once the document is scored with that. */
  readonly stop?: AbortSignal;
  /** Gives it up: it rejects at once, and nothing is computed any more. */
  readonly cancel?: AbortSignal;
}

/** A request failed for a reason that the user should read. */
export class EngineError extends Error {
  constructor(readonly problem: EngineProblem) {
    super(problem.message);
    this.name = 'EngineError';
  }
}

/** A request was cancelled, by its caller or by a newer one for the same document. */
export class CancelledError extends Error {
  constructor() {
    super('cancelled');
    this.name = 'CancelledError';
  }
}

/** The engine's process, started on demand, restarted after a crash. */
export interface EngineApi extends Subscription {
  readonly state: EngineState;
  onDidChangeState(listener: (state: EngineState) => void): Subscription;
  /** Loads the model if it is not loaded; resolves when the state is `ready`. @throws EngineError */
  ensureReady(): Promise<Extract<EngineState, { kind: 'ready' }>>;
  /**
   * Scores a text, or some sections of a large one, what is visible first. A token's scores are the same whichever
   * sections are asked for together. A newer call for the same document cancels the older one.
   * Survives a crash of the engine's process: the text is scored again from the start.
   * @param document any name that stays the same over the document's life
   * @param text the whole text, or sections of it (see `text/sections`), in order
   * @param visible flattened UTF-16 ranges [start, end) on screen
   * @throws EngineError | CancelledError
   */
  score(
    document: string,
    text: string | readonly SectionText[],
    visible: readonly number[],
    listener: ScoreListener,
    options?: ScoreOptions,
  ): Promise<ScoreStatistics>;
  /**
   * Tells what is on screen now: while the document is being scored, or before it is edited.
   * @param cursor UTF-16 offset where something is likely to be typed: the page is read up to there in idle time, unless
   *   its keys and values are at hand, so that what is typed has its scores without that
   */
  setVisible(document: string, visible: readonly number[], cursor?: number): void;
  /**
   * The model's distributions before tokens of the document's latest scoring.
   * @param score what {@link ScoreListener.layout} was given
   * @param logits also return the logits of the whole vocabulary
   * @throws EngineError | CancelledError (the document was scored anew or forgotten meanwhile)
   */
  distributions(
    document: string,
    score: number,
    tokens: readonly number[],
    top: number,
    logits?: boolean,
  ): Promise<readonly Distribution[]>;
  /**
   * What it would cost to write something else in places of the document's latest scoring, and what is there now, each with
   * tokens behind it: a word that is wrong is improbable before, and makes improbable what follows. Places of one page, asked for
   * together, are read together where the device can.
   * @param score what {@link ScoreListener.layout} was given
   * @param behind number of the tokens behind a place that count, too; less where the page ends
   * @returns of each place what is there first; then the texts in their order, but those that the page has no room for
   * @throws EngineError | CancelledError (the document was scored anew or forgotten meanwhile)
   */
  replacements(
    document: string,
    score: number,
    places: readonly ReplacementPlace[],
    behind: number,
  ): Promise<readonly (readonly Replacement[])[]>;
  /**
   * Trains an adapter of the output layer on a document's tokens (see `TrainingOptions`), between the editor's
   * requests. The model stays as it is. A newer call, for whatever document, cancels an older one.
   * @param document scored to its end; at most 4,096 of its tokens are trained on and 1,024 evaluated; it may
   *   change meanwhile
   * @param score what {@link ScoreListener.layout} was given
   * @param evaluation the other scored document when `options.evaluation` is not `split`
   * @param signals ends the training early
   * @returns the best point and the whole document's scores under its adapter
   * @throws EngineError (options that cannot be used, too few tokens, the process died) | CancelledError (given up, stopped
   *   before the first point, replaced, or a document is not scored, or not any more, when it begins)
   */
  train(
    document: string,
    score: number,
    options: TrainingOptions,
    evaluation: ScoredDocument | undefined,
    listener: TrainingListener,
    signals?: TrainingSignals,
  ): Promise<TrainingResult>;
  /** Gives up what is kept for a document. */
  forget(document: string): void;
  /**
   * Takes over new settings; a running engine loads the model again when they differ in more than the cache's size.
   * @returns whether they do: scores are of another model, or of another device, from now on
   */
  configure(settings: EngineSettings): boolean;
  /** Ends the process and starts it anew, the count of crashes forgotten. */
  restart(): Promise<void>;
  /** Ends the process deliberately; the state becomes `off`. */
  stop(): Promise<void>;
}

/** What was thrown, and what to do about it if that is known. */
export function reasonOf(error: unknown): string {
  const problem = error instanceof EngineError ? error.problem : error;
  return isProblem(problem) ? `${problem.message} ${problem.advice}`.trim() : messageOf(problem);
}

function isProblem(problem: unknown): problem is Pick<EngineProblem, 'message' | 'advice'> {
  return typeof (problem as EngineProblem | undefined)?.advice === 'string';
}
