/** Training of an adapter on open documents: what came of it, and for how long it holds. Draws nothing. */
import * as vscode from 'vscode';
import { CancelledError, type EngineApi, EngineError } from '../engine/api';
import type { TrainingResult, TrainingTokens } from '../engine/protocol';
import { LossMap } from '../loss/lossMap';
import type { TrainingOptions, TrainingPoint } from '../loss/training';
import { messageOf } from '../model/errors';
import type { PanelTraining } from '../panel/messages';
import type { Log } from './log';
import type { DocumentScores } from './scores';

/** A training of one version of a document. */
interface Training {
  readonly document: vscode.TextDocument;
  readonly options: TrainingOptions;
  readonly stop: AbortController;
  /** Gives it up, with what was learnt. */
  readonly cancel: AbortController;
  state: PanelTraining['state'];
  problem: PanelTraining['problem'];
  tokens: TrainingTokens;
  points: readonly TrainingPoint[];
  best: number | undefined;
  /** How far the document is scored with what was learnt; undefined before that. */
  scored: PanelTraining['scored'];
  /** The losses that the training is based on; undefined while the document is still being scored. */
  base: LossMap | undefined;
  /** The losses after training. */
  adapted: LossMap | undefined;
  /** What the panel is told; made anew with every change. */
  snapshot: PanelTraining | undefined;
}

/**
 * The trainings, one per document at most. A training holds for the scores that it was based on: an edit or another
 * scoring of the document ends it, and its results are given up.
 */
export class Trainings implements vscode.Disposable {
  readonly #scores: DocumentScores;
  readonly #engine: EngineApi;
  readonly #log: Log;
  readonly #trainings = new Map<vscode.TextDocument, Training>();
  readonly #changed = new vscode.EventEmitter<vscode.TextDocument>();
  readonly #subscriptions: vscode.Disposable[];

  /** Something about a document's training changed, its end included. */
  readonly onDidChange = this.#changed.event;

  constructor(scores: DocumentScores, engine: EngineApi, log: Log) {
    this.#scores = scores;
    this.#engine = engine;
    this.#log = log;
    this.#subscriptions = [this.#changed, scores.onDidChange((document) => this.#scoresChanged(document))];
  }

  /** Whether there is a training under way. */
  get isRunning(): boolean {
    return [...this.#trainings.values()].some(({ state }) => state === 'running');
  }

  /** A document's training; the same object until something about it changes. */
  get(document: vscode.TextDocument): PanelTraining | undefined {
    const training = this.#trainings.get(document);
    if (training) {
      training.snapshot ??= this.#snapshot(training);
    }
    return training?.snapshot;
  }

  /** The losses of a document's present version after training; undefined when there was none. */
  adapted(document: vscode.TextDocument): LossMap | undefined {
    return this.#trainings.get(document)?.adapted;
  }

  /** Scores the document if need be, and trains on it. What came of an earlier training of it is given up. */
  train(document: vscode.TextDocument, options: TrainingOptions): void {
    const before = this.#trainings.get(document);
    if (before) {
      this.#end(before);
    }
    const training: Training = {
      document,
      options,
      stop: new AbortController(),
      cancel: new AbortController(),
      state: 'running',
      problem: undefined,
      tokens: { training: 0, evaluation: 0 },
      points: [],
      best: undefined,
      scored: undefined,
      base: undefined,
      adapted: undefined,
      snapshot: undefined,
    };
    this.#trainings.set(document, training);
    this.#tell(training);
    void this.#run(training);
  }

  /** Ends a document's training; the document is scored with what was learnt. Ends that scoring if it is under way. */
  stop(document: vscode.TextDocument): void {
    const training = this.#trainings.get(document);
    if (training) {
      (training.scored ? training.cancel : training.stop).abort();
    }
  }

  /** Gives up a document's training if it is under way; the curves stay, and nothing is scored with what was learnt. */
  cancel(document: vscode.TextDocument): void {
    const training = this.#trainings.get(document);
    if (training) {
      giveUp(training);
    }
  }

  /** Shows the document's losses after training, or those of the model as it is. */
  show(document: vscode.TextDocument, shown: boolean): void {
    const training = this.#trainings.get(document);
    if (training?.base && training.adapted) {
      this.#scores.showTrained(document, training.base, shown ? training.adapted : undefined);
    }
  }

  dispose(): void {
    for (const training of this.#trainings.values()) {
      giveUp(training);
    }
    this.#trainings.clear();
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  async #run(training: Training): Promise<void> {
    const { options, stop, cancel } = training;
    try {
      const document = await this.#scored(training, training.document);
      training.base = document.losses;
      const evaluation =
        options.evaluation === 'split' ? undefined : await this.#scored(training, this.#other(options));
      const result = await this.#engine.train(
        document.name,
        document.score,
        options,
        evaluation && { document: evaluation.name, score: evaluation.score },
        {
          begin: (tokens) => {
            training.tokens = tokens;
            this.#tell(training);
          },
          point: (point) => {
            training.points = [...training.points, point];
            training.best = bestOf(training.points);
            this.#tell(training);
          },
          scored: (done, total) => {
            training.scored = { done, total };
            this.#tell(training);
          },
        },
        { stop: stop.signal, cancel: cancel.signal },
      );
      this.#finish(training, document.losses, result);
    } catch (error) {
      if (error instanceof CancelledError) {
        training.state = 'stopped';
      } else {
        training.state = 'failed';
        training.problem = problemOf(error);
        this.#log.error(`${training.document.uri}: ${training.problem.message}`);
      }
    }
    this.#tell(training);
  }

  #finish(training: Training, base: LossMap, result: TrainingResult): void {
    if (!this.#isPresent(training)) {
      return;
    }
    const adapted = new LossMap(base.layout);
    adapted.write(0, result.scores);
    training.adapted = adapted;
    training.best = result.best;
    training.problem = result.problem && { message: result.problem.message, advice: result.problem.advice };
    training.state = result.problem ? 'failed' : result.stopped ? 'stopped' : 'finished';
  }

  /** Scores a document, or what is scored of a large one, unless the training is stopped first. */
  async #scored(
    { stop }: Training,
    document: vscode.TextDocument,
  ): Promise<{ readonly name: string; readonly score: number; readonly losses: LossMap }> {
    const state = await Promise.race([this.#scores.scorePart(document), stopped(stop.signal)]);
    if (stop.signal.aborted || !state.losses || state.score === undefined) {
      throw new CancelledError();
    }
    return { name: document.uri.toString(), score: state.score, losses: state.losses };
  }

  #other({ evaluation }: TrainingOptions): vscode.TextDocument {
    const document = vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === evaluation);
    if (!document) {
      throw new EngineError({
        code: 'training',
        message: vscode.l10n.t('The document to evaluate on is not open any more.'),
        advice: vscode.l10n.t('Open it again, or evaluate on the rest of this document.'),
      });
    }
    return document;
  }

  /** Scores are replaced, and what was learnt from the former ones is given up. */
  #scoresChanged(document: vscode.TextDocument): void {
    const training = this.#trainings.get(document);
    if (!training) {
      return;
    }
    const present = this.#scores.get(document.uri);
    if (document.isClosed || present?.document !== document) {
      this.#end(training);
      this.#changed.fire(document);
    } else if (training.base && present.losses !== training.base) {
      this.#outdate(training);
    } else if ((present.trained !== undefined) !== (training.snapshot?.shown ?? false)) {
      this.#tell(training);
    }
  }

  #outdate(training: Training): void {
    const wasRunning = training.state === 'running';
    this.#end(training);
    if (wasRunning) {
      // Who watches a training should read why it ended.
      this.#trainings.set(training.document, {
        ...training,
        state: 'failed',
        problem: {
          message: vscode.l10n.t(
            'The document was edited or scored again while the adapter was trained on it.',
          ),
          advice: vscode.l10n.t('Train again when the text stays as it is.'),
        },
        base: undefined,
        adapted: undefined,
        snapshot: undefined,
      });
    }
    this.#changed.fire(training.document);
  }

  #end(training: Training): void {
    this.#trainings.delete(training.document);
    giveUp(training);
    if (training.base) {
      this.#scores.showTrained(training.document, training.base, undefined);
    }
  }

  #isPresent(training: Training): boolean {
    return this.#trainings.get(training.document) === training;
  }

  #tell(training: Training): void {
    if (this.#isPresent(training)) {
      training.snapshot = this.#snapshot(training);
      this.#changed.fire(training.document);
    }
  }

  #snapshot(training: Training): PanelTraining {
    const { document, options, state, problem, tokens, points, best, scored, adapted } = training;
    const shown = this.#scores.get(document.uri)?.trained;
    return {
      uri: document.uri.toString(),
      options,
      state,
      ...(problem && { problem }),
      tokens,
      points,
      ...(best !== undefined && { best }),
      ...(state === 'running' && scored && { scored }),
      hasAdapted: adapted !== undefined,
      shown: shown !== undefined && shown === adapted,
    };
  }
}

/** Ends a training for good, whatever it is at. */
function giveUp({ cancel, stop }: Training): void {
  cancel.abort();
  stop.abort();
}

/** Rejects when the signal is given. */
function stopped(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(new CancelledError());
    if (signal.aborted) {
      stop();
    }
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** Index of the point with the smallest evaluation loss. */
function bestOf(points: readonly TrainingPoint[]): number {
  return points.reduce(
    (best, point, index) => (point.evaluation < points[best].evaluation ? index : best),
    0,
  );
}

function problemOf(error: unknown): NonNullable<PanelTraining['problem']> {
  if (error instanceof EngineError) {
    return { message: error.problem.message, advice: error.problem.advice };
  }
  return {
    message: messageOf(error),
    advice: vscode.l10n.t('The log says more. Restarting the engine may help.'),
  };
}
