/** Scores a whole text at once: for whoever shows no part of it before all is there. */
import { LossMap } from '../loss/lossMap';
import { CancelledError, type EngineApi } from './api';

/** Hears how a scoring goes on. All of it comes again from the start when the engine's process ended in between. */
export interface WholeListener {
  /** @param score names the scoring in {@link EngineApi.distributions} */
  begin?(score: number): void;
  /** Consecutive tokens were scored. */
  scored?(from: number, count: number): void;
  /** @param done number of tokens that are scored, of `total` */
  progress?(done: number, total: number): void;
}

/**
 * Scores a text.
 * @param document any name that is the text's alone while it is scored
 * @returns all of its scores, and the seconds that they took
 * @throws EngineError | CancelledError
 */
export async function scoreWhole(
  engine: EngineApi,
  document: string,
  text: string,
  listener: WholeListener,
  signal?: AbortSignal,
): Promise<{ readonly losses: LossMap; readonly seconds: number }> {
  let map: LossMap | undefined;
  const { seconds } = await engine.score(
    document,
    text,
    [],
    {
      layout: (layout, score) => {
        map = new LossMap(layout);
        listener.begin?.(score);
      },
      scores: (from, scores, done) => {
        map?.write(from, scores);
        listener.scored?.(from, scores.nats.length);
        listener.progress?.(done, map?.length ?? 0);
      },
    },
    signal,
  );
  if (signal?.aborted) {
    throw new CancelledError();
  }
  const losses = map as LossMap | undefined;
  if (!losses?.complete) {
    throw new Error(`only ${losses?.scored ?? 0} tokens came back from the engine`);
  }
  return { losses, seconds };
}
