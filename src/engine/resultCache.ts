/** Results of chunks of context, found again by content: what makes an edit cheap. */
import { LRUCache } from 'lru-cache';
import type { TokenScores } from '../loss/lossMap';
import type { KeyValueCache } from '../model/keyValueCache';
import { DEFAULT_CACHE_SIZE } from './protocol';

/** Upper bounds in bytes. */
export interface CacheLimits {
  /** Scores: 16 bytes a token. */
  readonly scores: number;
  /** Hidden states: 4 × d bytes a token. */
  readonly hidden: number;
  /** Keys and values: 2 × layers × heads × head width × 4 bytes a token. */
  readonly keyValue: number;
}

/**
 * Divides a bound in megabytes among the three caches. The default is 6 million tokens' scores, 14,000 tokens' hidden
 * states and a page of SmolLM2-135M's keys and values, beside the one that the scorer has under way.
 */
export function cacheLimits(megabytes = DEFAULT_CACHE_SIZE): CacheLimits {
  const eighth = Math.floor((megabytes * 2 ** 20) / 8);
  return { scores: 3 * eighth, hidden: eighth, keyValue: 4 * eighth };
}

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
  #scores: LRUCache<string, TokenScores>;
  #hidden: LRUCache<string, Float32Array>;
  #pages: LRUCache<string, PageCache>;

  constructor(limits: CacheLimits = cacheLimits()) {
    this.#scores = bounded(limits.scores, bytesOfScores);
    this.#hidden = bounded(limits.hidden, bytesOfHidden);
    this.#pages = bounded(limits.keyValue, bytesOfPage);
  }

  /** Sets other bounds; what fits in them, the most recent first, is kept. */
  resize(limits: CacheLimits): void {
    this.#scores = bounded(limits.scores, bytesOfScores, this.#scores);
    this.#hidden = bounded(limits.hidden, bytesOfHidden, this.#hidden);
    this.#pages = bounded(limits.keyValue, bytesOfPage, this.#pages);
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
      const chunks = commonPrefix(page.digests, digests, most);
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

/** Number of entries, at most `most`, that two lists begin with alike. */
export function commonPrefix<Entry>(
  a: ArrayLike<Entry>,
  b: ArrayLike<Entry>,
  most = Number.POSITIVE_INFINITY,
): number {
  const limit = Math.min(most, a.length, b.length);
  let length = 0;
  while (length < limit && a[length] === b[length]) {
    length++;
  }
  return length;
}

// A size of 0 is not allowed: every entry counts one byte more than its data.
const bytesOfScores = (scores: TokenScores) => 1 + 4 * scores.nats.byteLength;
const bytesOfHidden = (hidden: Float32Array) => 1 + hidden.byteLength;

const bytesOfPage = (page: PageCache) => 1 + page.keyValue.bytes;

/** A cache with a bound in bytes, filled from another one in its order of use. */
function bounded<Value extends object>(
  bytes: number,
  bytesOf: (value: Value) => number,
  former?: LRUCache<string, Value>,
): LRUCache<string, Value> {
  const cache = new LRUCache<string, Value>({ maxSize: bytes, sizeCalculation: bytesOf });
  if (former) {
    cache.load(former.dump());
  }
  return cache;
}
