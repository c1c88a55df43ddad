/**
 * What the extension's `activate()` returns, for other extensions and for the integration tests:
 *
 *     const api: SurprisalApi = await vscode.extensions.getExtension('surprisal.surprisal').activate();
 *     const losses = await api.score(document);
 */
import * as vscode from 'vscode';
import type { ScoreStatistics } from '../engine/protocol';
import type { LossMap } from '../loss/lossMap';
import type { FromPage, ToPage } from '../panel/messages';
import type { ExplainerPanels } from '../panel/panels';
import type { DrawnDecorations, Heatmap } from './heatmap';
import type { DocumentScores, DocumentState } from './scores';
import type { Trainings } from './trainings';

/**
 * The losses of one version of a document. The arrays have an entry per token; they belong to the extension
 * and must not be written to. Amounts are in nats.
 */
export interface Losses {
  readonly uri: vscode.Uri;
  /** Version of the document that was scored. */
  readonly version: number;
  /**
   * False while scoring is under way, when tokens without scores hold NaN, and for a large document as long as only what
   * is on screen and around it is scored: then there are tokens of that part alone.
   */
  readonly complete: boolean;
  /** UTF-16 offsets of each token's start and end; neighbours overlap where they share a character. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** Vocabulary ids. */
  readonly ids: Uint32Array;
  /** Surprisal, −log q(token). */
  readonly nats: Float32Array;
  /** Entropy of the model's distribution before the token. */
  readonly entropy: Float32Array;
  /** Variance of −log q under that distribution, in nats². */
  readonly varentropy: Float32Array;
  /** 1 + the number of vocabulary entries that the model preferred. */
  readonly rank: Uint32Array;
}

/** A document has been scored completely. */
export interface ScoredEvent {
  readonly uri: vscode.Uri;
  readonly version: number;
  /** What the scoring cost; of texts that are known nothing is run. */
  readonly statistics: ScoreStatistics | undefined;
}

/** The public interface. */
export interface SurprisalApi {
  /**
   * Scores a document, all of it however large, whether it is on screen or not. If it is edited meanwhile, the promise
   * goes on with the newer version: look at `version`.
   * @throws an error that says what is wrong when the engine fails, the document is closed, or the user stops the
   *   scoring of a large document
   */
  score(document: vscode.TextDocument): Promise<Losses>;
  /** All tokens of a document's present version have their scores. */
  readonly onDidScore: vscode.Event<ScoredEvent>;
  /** The losses of a document's present version; undefined while there are none. Never those of an older one. */
  losses(uri: vscode.Uri): Losses | undefined;
  /** The losses of a document's present version after training in the explainer panel; undefined without one. */
  trainedLosses(uri: vscode.Uri): Losses | undefined;
  /** For tests: the open explainer panels. */
  panels(): readonly PanelHandle[];
  /** For tests: what the heatmap has drawn in a document's editors; undefined when nothing is. */
  decorations(uri: vscode.Uri): DrawnDecorations | undefined;
}

/** An explainer panel, as a test stands in for its page. */
export interface PanelHandle {
  readonly title: string;
  readonly pinned: boolean;
  /** Everything that the page is told. */
  readonly onDidPost: vscode.Event<ToPage>;
  /** Does what the page might ask for. */
  receive(message: FromPage): void;
  /** Closes the panel. */
  dispose(): void;
}

/** The public interface on top of the extension's parts. */
export class Api implements SurprisalApi, vscode.Disposable {
  readonly #scores: DocumentScores;
  readonly #heatmap: Heatmap;
  readonly #trainings: Trainings;
  readonly #panels: ExplainerPanels;
  readonly #scored = new vscode.EventEmitter<ScoredEvent>();
  readonly #subscription: vscode.Disposable;

  readonly onDidScore = this.#scored.event;

  constructor(scores: DocumentScores, heatmap: Heatmap, trainings: Trainings, panels: ExplainerPanels) {
    this.#scores = scores;
    this.#heatmap = heatmap;
    this.#trainings = trainings;
    this.#panels = panels;
    this.#subscription = scores.onDidScore(({ document, statistics }) =>
      this.#scored.fire({ uri: document.uri, version: document.version, statistics }),
    );
  }

  async score(document: vscode.TextDocument): Promise<Losses> {
    const state = await this.#scores.score(document);
    if (!state.losses) {
      throw new Error(`${document.uri} has no scores`);
    }
    return publicLosses(state, state.losses);
  }

  losses(uri: vscode.Uri): Losses | undefined {
    const state = this.#scores.get(uri);
    return state?.losses && publicLosses(state, state.losses);
  }

  trainedLosses(uri: vscode.Uri): Losses | undefined {
    const state = this.#scores.get(uri);
    const trained = state && this.#trainings.adapted(state.document);
    return trained && publicLosses(state, trained);
  }

  panels(): readonly PanelHandle[] {
    return this.#panels.panels;
  }

  decorations(uri: vscode.Uri): DrawnDecorations | undefined {
    return this.#heatmap.drawn(uri);
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#scored.dispose();
  }
}

function publicLosses({ document, complete }: DocumentState, losses: LossMap): Losses {
  const { layout, nats, entropy, varentropy, rank } = losses;
  const { starts, ends, ids } = layout;
  return {
    uri: document.uri,
    version: document.version,
    complete,
    starts,
    ends,
    ids,
    nats,
    entropy,
    varentropy,
    rank,
  };
}
