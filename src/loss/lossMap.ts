/**
 * Where the tokens of a text are, and in which context each is scored.
 *
 * Positions are UTF-16 offsets into the text, as VS Code counts them. A token that begins or ends inside a
 * character is given with the whole character, so neighbouring ranges may overlap.
 */
export interface TokenLayout {
  /** [tokens] offset of each token's first UTF-16 code unit. Never decreases. */
  readonly starts: Uint32Array;
  /** [tokens] offset after each token's last UTF-16 code unit. Never decreases. */
  readonly ends: Uint32Array;
  /** [tokens] vocabulary ids. */
  readonly ids: Uint32Array;
  /** [pages] index of the first token that each page scores. The first is 0; strictly increasing. */
  readonly pageStarts: Uint32Array;
  /**
   * [pages] index of the first token in each page's context (the document separator comes before it). Where the text
   * before the page is not laid out, the tokens of the context have no index: then it only says how many they are.
   */
  readonly pageContexts: Int32Array;
}

/** Scores of consecutive tokens. All arrays have the same length; nats throughout. */
export interface TokenScores {
  /** Surprisal of each token, −log q(token), in nats. */
  readonly nats: Float32Array;
  /** Entropy of the model's distribution before each token, in nats. */
  readonly entropy: Float32Array;
  /** Variance of −log q under that distribution, in nats². */
  readonly varentropy: Float32Array;
  /** 1 + the number of vocabulary entries with a larger logit than the token. */
  readonly rank: Uint32Array;
}

/** Totals over a set of scored tokens. */
export interface LossTotals {
  /** Number of scored tokens. */
  readonly tokens: number;
  /** Sum of their surprisals in nats. */
  readonly nats: number;
}

/** A piece of text drawn as one: one token, or several that share a character. */
export interface Unit {
  /** Index of the first token. */
  readonly first: number;
  /** Index of the last token. */
  readonly last: number;
  /** UTF-16 range. */
  readonly start: number;
  readonly end: number;
  /** Sum of the tokens' surprisals in nats; NaN while one of them is not scored. */
  readonly nats: number;
}

/** The per-token losses of one version of a text. Tokens that are not scored yet hold NaN. */
export class LossMap implements TokenScores {
  readonly nats: Float32Array;
  readonly entropy: Float32Array;
  readonly varentropy: Float32Array;
  readonly rank: Uint32Array;
  #scored = 0;

  /**
   * @param scores of all tokens, if they are there already; the arrays are taken over and not copied
   * @throws RangeError when they do not fit or a surprisal is not finite
   */
  constructor(
    readonly layout: TokenLayout,
    scores?: TokenScores,
  ) {
    const tokens = layout.ids.length;
    this.nats = scores?.nats ?? new Float32Array(tokens).fill(Number.NaN);
    this.entropy = scores?.entropy ?? new Float32Array(tokens).fill(Number.NaN);
    this.varentropy = scores?.varentropy ?? new Float32Array(tokens).fill(Number.NaN);
    this.rank = scores?.rank ?? new Uint32Array(tokens);
    if (scores) {
      if (scores.nats.length !== tokens) {
        throw new RangeError(`scores of ${scores.nats.length} tokens for ${tokens}`);
      }
      this.#check(0, scores);
      this.#scored = tokens;
    }
  }

  /** Number of tokens. */
  get length(): number {
    return this.layout.ids.length;
  }

  /** Number of tokens that have their scores. */
  get scored(): number {
    return this.#scored;
  }

  /** True when every token has its scores. */
  get complete(): boolean {
    return this.#scored === this.length;
  }

  /**
   * Takes over the scores of consecutive tokens.
   * @param from index of the first of them
   * @throws RangeError when they do not fit or a surprisal is not finite; nothing is written then
   */
  write(from: number, part: TokenScores): void {
    this.#check(from, part);
    for (let i = 0; i < part.nats.length; i++) {
      if (Number.isNaN(this.nats[from + i])) {
        this.#scored++;
      }
    }
    this.nats.set(part.nats, from);
    this.entropy.set(part.entropy, from);
    this.varentropy.set(part.varentropy, from);
    this.rank.set(part.rank, from);
  }

  #check(from: number, part: TokenScores): void {
    const { length } = part.nats;
    if (!Number.isInteger(from) || from < 0 || from + length > this.length) {
      throw new RangeError(`scores ${from}…${from + length} outside of ${this.length} tokens`);
    }
    if ([part.entropy, part.varentropy, part.rank].some((array) => array.length !== length)) {
      throw new RangeError(`the arrays of the scores from token ${from} on differ in length`);
    }
    // NaN is this map's mark for "not scored": one from outside would be lost silently.
    for (let i = 0; i < length; i++) {
      if (!Number.isFinite(part.nats[i])) {
        throw new RangeError(`the surprisal of token ${from + i} is ${part.nats[i]}`);
      }
    }
  }

  /** Whether the token has its scores. */
  isScored(token: number): boolean {
    return !Number.isNaN(this.nats[token]);
  }

  /** Index of the page that scores the token. */
  pageOf(token: number): number {
    return upperBound(this.layout.pageStarts, token) - 1;
  }

  /** Number of tokens that the model has read before this one (the document separator not counted). */
  contextLength(token: number): number {
    return token - this.layout.pageContexts[this.pageOf(token)];
  }

  /** Index of the first token whose range reaches beyond the offset; `length` when there is none. */
  firstTokenAfter(offset: number): number {
    return upperBound(this.layout.ends, offset);
  }

  /** Index of the token that covers the UTF-16 code unit at the offset; −1 when there is none. */
  tokenAt(offset: number): number {
    const token = this.firstTokenAfter(offset);
    return token < this.length && this.layout.starts[token] <= offset ? token : -1;
  }

  /** The unit (one token, or all that share a character) that the token belongs to. */
  unitOf(token: number): Unit {
    const { starts, ends } = this.layout;
    let first = token;
    while (first > 0 && ends[first - 1] > starts[first]) {
      first--;
    }
    let last = token;
    while (last + 1 < this.length && starts[last + 1] < ends[last]) {
      last++;
    }
    let nats = 0;
    for (let i = first; i <= last; i++) {
      nats += this.nats[i];
    }
    return { first, last, start: starts[first], end: ends[last], nats };
  }

  /** The units that touch the UTF-16 range [start, end), in order. */
  *units(start = 0, end = Number.POSITIVE_INFINITY): Generator<Unit> {
    let token = this.firstTokenAfter(start);
    while (token < this.length && this.layout.starts[token] < end) {
      const unit = this.unitOf(token);
      yield unit;
      token = unit.last + 1;
    }
  }

  /** Totals over the scored tokens. */
  totals(): LossTotals {
    let tokens = 0;
    let nats = 0;
    for (let i = 0; i < this.length; i++) {
      if (this.isScored(i)) {
        tokens++;
        nats += this.nats[i];
      }
    }
    return { tokens, nats };
  }
}

/** Index of the first entry that is > value. */
export function upperBound(sorted: Uint32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] <= value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
