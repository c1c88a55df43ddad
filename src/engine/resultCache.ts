/** Results of chunks of context, found again by content: what makes an edit cheap. */
import { LRUCache } from 'lru-cache';
import type { TokenScores } from '../loss/lossMap';
import type { KeyValueCache } from '../model/network';

/** Upper bounds in bytes. */
export interface CacheLimits {
  /** Scores: 16 bytes a token. */
  readonly scores: number;
  /** Hidden states: 4 × d bytes a token. */
  readonly hidden: number;
  /** Keys and values: 2 × layers × heads × head width × 4 bytes a token. */
  readonly keyValue: number;
}

/** 4 million tokens' scores, 80,000 tokens' hidden states and two pages of SmolLM2-135M's keys and values. */
export const DEFAULT_CACHE_LIMITS: CacheLimits = { scores: 64 << 20, hidden: 192 << 20, keyValue: 256 << 20 };

/** The keys and values of a page's first chunks. */
export interface PageCache {
  /** Digest of the context up to the end of each whole chunk that `keyValue` covers. */
  readonly digests: readonly string[];
  readonly keyValue: KeyValueCache;
}

/**
 * Three least-recently-used caches, bounded in bytes. The keys name everything that a result depends on but
 * the model: a new model needs a new cache.
 */
export class ResultCache {
  readonly #scores: LRUCache<string, TokenScores>;
  readonly #hidden: LRUCache<string, Float32Array>;
  readonly #pages: LRUCache<string, PageCache>;

  constructor(limits: CacheLimits = DEFAULT_CACHE_LIMITS) {
    // A size of 0 is not allowed: every entry counts one byte more than its data.
    this.#scores = new LRUCache({
      maxSize: limits.scores,
      sizeCalculation: (scores) => 1 + 4 * scores.nats.byteLength,
    });
    this.#hidden = new LRUCache({
      maxSize: limits.hidden,
      sizeCalculation: (hidden) => 1 + hidden.byteLength,
    });
    this.#pages = new LRUCache({
      maxSize: limits.keyValue,
      sizeCalculation: (page) => {
        let bytes = 1;
        for (const tensor of Object.values(page.keyValue.tensors)) {
          bytes += (tensor.data as Float32Array).byteLength;
        }
        return bytes;
      },
    });
  }

  scores(key: string): TokenScores | undefined {
    return this.#scores.get(key);
  }

  hidden(key: string): Float32Array | undefined {
    return this.#hidden.get(key);
  }

  store(key: string, scores: TokenScores, hidden: Float32Array): void {
    this.#scores.set(key, scores);
    this.#hidden.set(key, hidden);
  }

  /**
   * The kept page that shares the most whole chunks with a context.
   * @param digests the context's digests, chunk by chunk
   * @param most use at most this many chunks
   */
  longestPrefix(digests: readonly string[], most: number): { page: PageCache; chunks: number } | undefined {
    let best: { key: string; chunks: number } | undefined;
    for (const [key, page] of this.#pages.entries()) {
      const limit = Math.min(most, page.digests.length);
      let chunks = 0;
      while (chunks < limit && page.digests[chunks] === digests[chunks]) {
        chunks++;
      }
      if (chunks > (best?.chunks ?? 0)) {
        best = { key, chunks };
      }
    }
    const page = best && this.#pages.get(best.key);
    return best && page ? { page, chunks: best.chunks } : undefined;
  }

  /** Keeps a page's keys and values, in place of what it had before. @param key names the page's beginning */
  keepPage(key: string, page: PageCache): void {
    this.#pages.set(key, page);
  }
}
