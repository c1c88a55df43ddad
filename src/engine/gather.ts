/** Scores a text, or places of it, and gathers what comes: for whoever shows nothing before all is there. */
import { LossMap } from '../loss/lossMap';
import { CancelledError, type EngineApi, type ScoreOptions } from './api';
import type { ScoreStatistics } from './protocol';

/** Hears how a scoring goes on. All of it comes again from the start when the engine's process ended in between. */
export interface GatherListener {
  /** @param score as in {@link Gathered} */
  begin?(score: number): void;
  /** Consecutive tokens were scored. */
  scored?(from: number, count: number): void;
  /** @param done number of tokens that are scored, of `total` that are to be */
  progress?(done: number, total: number): void;
}

/** What a scoring came to. */
export interface Gathered {
  /** NaN where no scores were asked for. */
  readonly losses: LossMap;
  /** Names the scoring in what the engine is asked of it. */
  readonly score: number;
  readonly statistics: ScoreStatistics;
}

/**
 * Scores a text.
 * @param document any name that is the text's alone while it is scored
 * @throws EngineError | CancelledError
 */
export async function gatherScores(
  engine: EngineApi,
  document: string,
  text: string,
  listener: GatherListener,
  options: ScoreOptions = {},
): Promise<Gathered> {
  let map: LossMap | undefined;
  let total = 0;
  let named = 0;
  const statistics = await engine.score(
    document,
    text,
    [],
    {
      layout: (layout, score, wanted) => {
        map = new LossMap(layout);
        total = wanted;
        named = score;
        listener.begin?.(score);
      },
      scores: (from, scores, done) => {
        map?.write(from, scores);
        listener.scored?.(from, scores.nats.length);
        listener.progress?.(done, total);
      },
    },
    options,
  );
  if (options.signal?.aborted) {
    throw new CancelledError();
  }
  const losses = map as LossMap | undefined;
  if (!losses || losses.scored < total) {
    throw new Error(`only ${losses?.scored ?? 0} of ${total} tokens came back from the engine`);
  }
  return { losses, score: named, statistics };
}
