/** Losses that tests make up. */
import { LossMap } from '../../src/loss/lossMap';

/** The losses of a text of one page, by its tokens' texts and nats; NaN for one that has no scores yet. */
export function mapOf(texts: readonly string[], nats: readonly number[]): LossMap {
  const ends = Uint32Array.from(texts.map((_, token) => texts.slice(0, token + 1).join('').length));
  const starts = Uint32Array.from(ends, (end, token) => end - texts[token].length);
  const map = new LossMap({
    starts,
    ends,
    ids: new Uint32Array(texts.length),
    pageStarts: Uint32Array.of(0),
    pageContexts: Int32Array.of(0),
  });
  nats.forEach((value, token) => {
    if (!Number.isNaN(value)) {
      map.write(token, {
        nats: Float32Array.of(value),
        entropy: Float32Array.of(1),
        varentropy: Float32Array.of(1),
        rank: Uint32Array.of(3),
      });
    }
  });
  return map;
}
