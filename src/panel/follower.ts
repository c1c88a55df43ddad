/** Follows the cursor: asks the model about the token that it is on, and shows the latest answer. */
import { CancelledError, EngineError } from '../engine/api';
import type { Distribution } from '../engine/protocol';
import type { LossMap } from '../loss/lossMap';
import { messageOf } from '../model/errors';
import type { PanelState } from './messages';
import {
  type DocumentProblem,
  type Explanation,
  explain,
  type Focus,
  focusAt,
  type PanelDocument,
  type PanelInput,
  panelState,
  TOP,
} from './state';

/** Pause between two updates, in milliseconds: changes that come within it are answered together. */
const GATHER = 16;

/** What the follower needs. */
export interface FollowerHost {
  /** What there is to be shown at present. */
  input(): PanelInput;
  /**
   * The model's distribution, with its logits, before a token of the present input's losses.
   * @throws EngineError | CancelledError
   */
  ask(losses: LossMap, token: number, top: number): Promise<Distribution>;
  /** Takes over the logits of the answer that the next states are about; once per answer and {@link Follower.start}. */
  showLogits(answer: number, logits: Float32Array): void;
  /** Shows a state. */
  show(state: PanelState): void;
}

/** A token of one scoring. */
interface Place {
  readonly losses: LossMap;
  readonly token: number;
}

/**
 * Follows the cursor. There is at most one question under way: a cursor that runs ahead of the model makes no queue,
 * and when an answer comes, the next question is about where the cursor is then. An answer about a text that has
 * changed meanwhile is dropped.
 */
export class Follower {
  readonly #host: FollowerHost;
  #running = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #explanation: Explanation | undefined;
  #updatedAt = Number.NEGATIVE_INFINITY;
  #asking: Place | undefined;
  /** Number of answers so far. */
  #answers = 0;
  /** The answer whose logits were shown last. */
  #shownAnswer: number | undefined;
  /** The last question that could not be answered, and why; it is not asked again. */
  #unanswered: (Place & { readonly problem?: DocumentProblem }) | undefined;
  /** The token that was clicked in the page: it decides among tokens that share a character. */
  #chosen: Place | undefined;

  constructor(host: FollowerHost) {
    this.#host = host;
  }

  /** Asks the present question already while the page is being made, so that its first state has the answer. */
  prepare(): void {
    this.#ask(this.#input());
  }

  /** Begins to show states, the present one at once. */
  start(): void {
    this.#running = true;
    this.#shownAnswer = undefined;
    this.#update();
  }

  /** Stops showing states and asking, until {@link start}. */
  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Lets go of what was explained. */
  forget(): void {
    this.#explanation = undefined;
    this.#unanswered = undefined;
    this.#chosen = undefined;
  }

  /** Something may have changed. Many changes at once are gathered. */
  changed(): void {
    if (this.#running && this.#timer === undefined) {
      // A lone move of the cursor is answered at once.
      const wait = this.#updatedAt + GATHER - performance.now();
      this.#timer = setTimeout(
        () => {
          this.#timer = undefined;
          this.#update();
        },
        Math.max(0, wait),
      );
    }
  }

  /** The user went to a token in the page. */
  choose(losses: LossMap, token: number): void {
    this.#chosen = { losses, token };
    // The cursor may stand there already, and then nothing else would tell.
    this.changed();
  }

  /** The user wants what has failed to be tried again. */
  retry(): void {
    this.#unanswered = undefined;
    this.changed();
  }

  #update(): void {
    if (!this.#running) {
      return;
    }
    this.#updatedAt = performance.now();
    const input = this.#input();
    // The model computes while the state is put together.
    this.#ask(input);
    const state = panelState(input, this.#explanation);
    const answer = state.token?.answer;
    if (answer !== undefined && answer !== this.#shownAnswer && this.#explanation?.logits) {
      this.#shownAnswer = answer;
      this.#host.showLogits(answer, this.#explanation.logits);
    }
    this.#host.show(state);
  }

  #input(): PanelInput {
    const input = this.#host.input();
    const { document } = input;
    if (!document) {
      return input;
    }
    const { losses } = document;
    const chosen = this.#chosen && this.#chosen.losses === losses ? this.#chosen.token : undefined;
    const unanswered = this.#unanswered && this.#unanswered.losses === losses ? this.#unanswered : undefined;
    const focus = losses && focusAt(losses, document.cursor, chosen);
    // What could not be explained is one token, not the document: elsewhere there is no problem.
    const problem = focus && unanswered?.token === focus.index ? unanswered.problem : undefined;
    return { ...input, document: { ...document, chosen, problem: document.problem ?? problem } };
  }

  /** Asks the model about the token under the cursor, unless its answer is there or another is on its way. */
  #ask({ engine, document }: PanelInput): void {
    if (!document?.losses || engine.kind !== 'ready' || document.problem || this.#asking) {
      return;
    }
    const { losses } = document;
    const focus = focusAt(losses, document.cursor, document.chosen);
    if (!focus || !losses.isScored(focus.index)) {
      return;
    }
    const place = { losses, token: focus.index };
    const explained = this.#explanation;
    if (
      isSame(place, this.#unanswered) ||
      isSame(place, explained && { losses: explained.losses, token: explained.token.index })
    ) {
      return;
    }
    this.#asking = place;
    const vocabularySize = engine.model.vocabularySize;
    this.#host
      .ask(losses, focus.index, TOP)
      .then(
        (answer) => this.#answered({ ...document, losses }, focus, answer, vocabularySize),
        (error: unknown) => {
          this.#unanswered = { ...place, ...problemFrom(error) };
        },
      )
      .finally(() => {
        this.#asking = undefined;
        // Shows the answer, and asks about the token that the cursor may have moved on to.
        this.#update();
      });
  }

  #answered(
    document: PanelDocument & { readonly losses: LossMap },
    focus: Focus,
    answer: Distribution,
    vocabularySize: number,
  ): void {
    // Positions in a text that has changed mean nothing any more.
    if (this.#host.input().document?.losses === document.losses) {
      this.#explanation = explain(document, focus, answer, vocabularySize, ++this.#answers);
      this.#unanswered = undefined;
    }
  }
}

function isSame(place: Place, other: Place | undefined): boolean {
  return other !== undefined && place.losses === other.losses && place.token === other.token;
}

/** A cancelled question is no problem: newer scores are on their way. */
function problemFrom(error: unknown): { problem?: DocumentProblem } {
  if (error instanceof CancelledError) {
    return {};
  }
  const message = messageOf(error);
  const advice = error instanceof EngineError ? error.problem.advice : '';
  return { problem: { kind: 'failed', message, advice } };
}
