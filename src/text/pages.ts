/**
 * Pages: which context each token is scored in.
 *
 * Every token is a candidate cut with a key that its content alone decides: first a class (a token at a line's start
 * is better than one that opens a line with its indentation, and that is better than any other), within the class a hash of
 * the tokens before it. Cuts are taken greedily by key: the smallest key of the whole text first, then the smallest
 * of what remains on either side at least `minimum` tokens away from every cut, until no page is longer than
 * `maximum`. Equal keys (periodic text) go to the left one.
 *
 * Every cut that is the smallest within ± `minimum` tokens is taken whatever lies farther away; another cut depends on
 * distant text only through a chain of ever smaller keys, each within `minimum` tokens of the one before, and such
 * chains are short. That is what keeps an edit local. It is not strict, and cannot be: no rule that looks at bounded
 * surroundings can hold a minimum and a maximum length on every text (think of one token repeated). `textPages.test.ts`
 * measures how often an edit reaches farther than the next page. The alternative was measured too: cutting from left to right at the first
 * or the best key in reach never changes anything before an edit, but after a pasted block every second page border
 * moves on, for as long as it takes.
 */

/** Where tokens lie. */
export interface PageTokens {
  /** [tokens] vocabulary ids. */
  readonly ids: Uint32Array;
  /** [tokens] UTF-16 offset of each token's start, never decreasing. */
  readonly starts: Uint32Array;
}

/** Lengths in tokens. */
export interface PageLimits {
  /** Shortest page, the last one excepted. */
  readonly minimum: number;
  /** Longest page; at least 2 × minimum, so that any longer stretch can be divided. What it has beyond that leaves room to find a line start. */
  readonly maximum: number;
  /** Earlier tokens that a page's context begins with: tokens are run at most 1 + overlap / minimum times. */
  readonly overlap: number;
}

/** The pages of a text. */
export interface Pages {
  /** [pages] index of the first token that each page scores; the first is 0. Empty for a text without tokens. */
  readonly pageStarts: Uint32Array;
  /** [pages] index of the first token in each page's context; negative where it reaches into earlier text. */
  readonly pageContexts: Int32Array;
}

/** What lies around a text that is a part of a longer one. */
export interface PageSurroundings {
  /** Number of earlier tokens that the first page's context may begin with. */
  readonly before: number;
  /** Whether the longer text ends here; else the last page is as long as any other. */
  readonly isLast: boolean;
}

const NOTHING_AROUND: PageSurroundings = { before: 0, isLast: true };

/** The limits where the model's context window allows them. Tokens are run at most 1.25 times. */
export const PAGE_LIMITS: PageLimits = { minimum: 1024, maximum: 2304, overlap: 256 };

/**
 * The limits for a model: {@link PAGE_LIMITS}; in a small context window shorter pages with as much overlap, up to a quarter of
 * the window. Context comes first: with a window of 1,024 tokens they are run at most 1.75 times, half as often again as a rule.
 * @param contextWindow tokens that the model reads at once, the document separator included
 * @throws RangeError when the window is too small to hold a page
 */
export function pageLimitsFor(contextWindow: number): PageLimits {
  const overlap = Math.min(PAGE_LIMITS.overlap, Math.floor(contextWindow / 4));
  const maximum = Math.min(PAGE_LIMITS.maximum, contextWindow - 1 - overlap);
  const minimum = Math.floor((maximum * PAGE_LIMITS.minimum) / PAGE_LIMITS.maximum);
  if (!(minimum >= 1)) {
    throw new RangeError(`a context window of ${contextWindow} tokens is too small`);
  }
  return { minimum, maximum, overlap };
}

/**
 * Cuts a text into pages. A function of the tokens and the line starts alone. O(tokens).
 * @param lineStarts UTF-16 offsets of the lines' starts, ascending
 * @param around what lies around the text, where it is a part of a longer one
 * @throws RangeError when the limits contradict each other
 */
export function layOutPages(
  tokens: PageTokens,
  lineStarts: Uint32Array,
  limits: PageLimits,
  around = NOTHING_AROUND,
): Pages {
  checkLimits(limits);
  if (tokens.ids.length === 0) {
    return { pageStarts: new Uint32Array(0), pageContexts: new Int32Array(0) };
  }
  const pageStarts = takeCuts(cutKeys(tokens, lineStarts), limits, around.isLast);
  const pageContexts = Int32Array.from(pageStarts, (start) =>
    Math.max(-around.before, start - limits.overlap),
  );
  return { pageStarts, pageContexts };
}

function checkLimits({ minimum, maximum, overlap }: PageLimits): void {
  if (![minimum, maximum, overlap].every((limit) => Number.isInteger(limit) && limit >= 0)) {
    throw new RangeError('page limits are whole numbers');
  }
  if (minimum < 1 || maximum < 2 * minimum) {
    throw new RangeError(`a maximum of ${maximum} tokens is less than twice the minimum of ${minimum}`);
  }
  if (overlap > minimum) {
    throw new RangeError(`an overlap of ${overlap} tokens is more than a page's minimum of ${minimum}`);
  }
}

/** Greedy by key; see the head of this file. */
function takeCuts(keys: Uint32Array, { minimum, maximum }: PageLimits, isLast: boolean): Uint32Array {
  const smallest = new RangeMinimum(keys);
  const cuts = [0];
  const gaps: [from: number, to: number][] = [[0, keys.length]];
  for (let gap = gaps.pop(); gap !== undefined; gap = gaps.pop()) {
    const [from, to] = gap;
    if (to - from <= maximum) {
      continue;
    }
    // The text's end is no cut: the last page may be short, so that what is typed at the end rarely moves a cut.
    const end = isLast && to === keys.length ? to : to - minimum + 1;
    const cut = smallest.position(from + minimum, end);
    cuts.push(cut);
    gaps.push([from, cut], [cut, to]);
  }
  return Uint32Array.from(cuts).sort();
}

/** Tokens before a candidate that decide its hash; none after it, so that an edit behind a cut does not move it. */
const HASHED_TOKENS = 8;
const CLASS_SHIFT = 30;

/** [tokens] the class in the two top bits, the hash in the others. */
function cutKeys({ ids, starts }: PageTokens, lineStarts: Uint32Array): Uint32Array {
  const keys = new Uint32Array(ids.length);
  let line = 0;
  for (let token = 0; token < ids.length; token++) {
    const start = starts[token];
    const passed = line;
    while (line < lineStarts.length && lineStarts[line] <= start) {
      line++;
    }
    // Many vocabularies merge a line break with the indentation after it; then no token starts at the line's start.
    const opensLine = line > passed;
    const candidateClass = !opensLine ? 2 : lineStarts[line - 1] === start ? 0 : 1;
    keys[token] = ((candidateClass << CLASS_SHIFT) | (hashBefore(ids, token) >>> (32 - CLASS_SHIFT))) >>> 0;
  }
  return keys;
}

/** 32-bit hash of the ids before a token: MurmurHash3's mixing steps and finaliser. */
function hashBefore(ids: Uint32Array, token: number): number {
  let hash = 0;
  for (let i = Math.max(0, token - HASHED_TOKENS); i < token; i++) {
    let word = Math.imul(ids[i], 0xcc9e2d51);
    word = Math.imul((word << 15) | (word >>> 17), 0x1b873593);
    hash ^= word;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Answers where the smallest of a range of keys is, in O(log keys): a tree of the positions of the minima. */
class RangeMinimum {
  readonly #keys: Uint32Array;
  /** Node n covers nodes 2n and 2n + 1; leaf n stands for position n − keys. */
  readonly #tree: Uint32Array;

  constructor(keys: Uint32Array) {
    this.#keys = keys;
    this.#tree = new Uint32Array(2 * keys.length);
    for (let i = 0; i < keys.length; i++) {
      this.#tree[keys.length + i] = i;
    }
    for (let node = keys.length - 1; node >= 1; node--) {
      this.#tree[node] = this.#better(this.#tree[2 * node], this.#tree[2 * node + 1]);
    }
  }

  /** Position of the smallest key in [from, to), which must not be empty; the leftmost of equal ones. */
  position(from: number, to: number): number {
    let best = from;
    let low = from + this.#keys.length;
    let high = to + this.#keys.length;
    while (low < high) {
      if (low % 2 === 1) {
        best = this.#better(best, this.#tree[low++]);
      }
      if (high % 2 === 1) {
        best = this.#better(best, this.#tree[--high]);
      }
      low >>>= 1;
      high >>>= 1;
    }
    return best;
  }

  #better(a: number, b: number): number {
    const difference = this.#keys[a] - this.#keys[b];
    return difference < 0 || (difference === 0 && a < b) ? a : b;
  }
}
