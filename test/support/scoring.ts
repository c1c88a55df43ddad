/** Scoring a text through the engine and gathering what it sends. */
import type { EngineApi } from '../../src/engine/api';
import type { ScoreStatistics } from '../../src/engine/protocol';
import { LossMap } from '../../src/loss/lossMap';
import type { SectionText } from '../../src/text/sections';

export interface Scored {
  readonly map: LossMap;
  readonly score: number;
  readonly statistics: ScoreStatistics;
}

/** Scores a text, or some sections of it, to the end. */
export async function scoreText(
  engine: EngineApi,
  document: string,
  text: string | readonly SectionText[],
  visible: readonly number[] = [],
): Promise<Scored> {
  let map: LossMap | undefined;
  let score = 0;
  const statistics = await engine.score(document, text, visible, {
    layout: (layout, id) => {
      map = new LossMap(layout);
      score = id;
    },
    scores: (from, scores) => map?.write(from, scores),
  });
  if (!map?.complete) {
    throw new Error(`scored ${map?.scored} of ${map?.length} tokens`);
  }
  return { map, score, statistics };
}

/** Largest absolute difference of two arrays of the same length. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) {
    throw new Error(`${a.length} numbers against ${b.length}`);
  }
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (!(difference <= largest)) {
      largest = difference;
    }
  }
  return largest;
}
