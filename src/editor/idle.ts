/** Gives the model's memory back when nobody has wanted it for a while. No vscode import. */
import type { EngineApi, Subscription } from '../engine/api';

/** How long nothing is to be wanted of the engine before it is stopped, in milliseconds. */
const IDLE_LIMIT = 600_000;
/** How often within that time it is looked. */
const LOOKS = 10;

/** Stops the engine after a time in which it was not wanted. Whoever wants it then has it started again. */
export class IdleStop {
  readonly #engine: EngineApi;
  readonly #isWanted: () => boolean;
  readonly #limit: number;
  readonly #subscription: Subscription;
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;

  /** @param limit milliseconds */
  constructor(engine: EngineApi, isWanted: () => boolean, limit = IDLE_LIMIT) {
    this.#engine = engine;
    this.#isWanted = isWanted;
    this.#limit = limit;
    this.#subscription = engine.onDidChangeState(({ kind }) => {
      clearInterval(this.#timer);
      this.#looks = 0;
      if (kind === 'ready') {
        this.#timer = setInterval(() => this.#look(), this.#limit / LOOKS);
      }
    });
  }

  dispose(): void {
    clearInterval(this.#timer);
    this.#subscription.dispose();
  }

  #look(): void {
    this.#looks = this.#isWanted() ? 0 : this.#looks + 1;
    if (this.#looks >= LOOKS) {
      void this.#engine.stop();
    }
  }
}
