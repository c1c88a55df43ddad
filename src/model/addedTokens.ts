/** Tokens that a text is searched for before it is cut into words ("<|endoftext|>"). */

/** An entry of `added_tokens` in a `tokenizer.json`. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** It counts only where no letter or digit is beside it. */
  readonly single_word?: boolean;
  /** White space before it, and after it, belongs to it. */
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  /** It is searched for in the normalised text. */
  readonly normalized?: boolean;
  /** It does not stand for text. */
  readonly special?: boolean;
}

/** A range of UTF-16 offsets [start, end), not empty: a token where there is an id, else what is between two. */
export interface Part {
  readonly start: number;
  readonly end: number;
  readonly id?: number;
}

/** As the regular expressions of Rust have it. */
const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
const WORD_BEFORE = new RegExp(`${WORD}$`, 'u');
const WORD_AFTER = new RegExp(`^${WORD}`, 'u');
const BLANK = /\p{White_Space}/u;

function hasWordBeside(text: string, start: number, end: number): boolean {
  // A character has one code unit or two.
  return (
    WORD_BEFORE.test(text.slice(Math.max(0, start - 2), start)) || WORD_AFTER.test(text.slice(end, end + 2))
  );
}

/** Finds tokens as the reference does: of several at a place the longest, from left to right. */
export class AddedTokens {
  /** By their text. */
  readonly #tokens = new Map<string, AddedToken>();
  /** By their first UTF-16 code unit: the lengths that they have, longest first. */
  readonly #lengths = new Map<string, number[]>();
  /** Where one may begin. */
  readonly #first: RegExp | undefined;

  /** @param contentOf the text that a token is searched for by */
  constructor(tokens: readonly AddedToken[], contentOf: (token: AddedToken) => string) {
    for (const token of tokens) {
      const content = contentOf(token);
      if (content !== '') {
        this.#tokens.set(content, token);
        const lengths = this.#lengths.get(content[0]) ?? [];
        this.#lengths.set(
          content[0],
          [...new Set([...lengths, content.length])].sort((a, b) => b - a),
        );
      }
    }
    const units = [...this.#lengths.keys()].map(
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    this.#first = units.length > 0 ? new RegExp(`[${units.join('')}]`, 'g') : undefined;
  }

  /** The parts of a text, in order. */
  split(text: string): Part[] {
    const parts: Part[] = [];
    let from = 0;
    for (let found = this.#next(text, 0); found; found = this.#next(text, found.end)) {
      const { single_word, lstrip, rstrip, id } = found.token;
      let { start, end } = found;
      if (single_word && hasWordBeside(text, start, end)) {
        continue;
      }
      while (lstrip && start > from && BLANK.test(text[start - 1])) {
        start--;
      }
      if (rstrip) {
        // What has gone to the token before it is not looked at again: there may be as many of these as characters.
        end = Math.max(end, from);
        while (end < text.length && BLANK.test(text[end])) {
          end++;
        }
      }
      if (start > from) {
        parts.push({ start: from, end: start });
      }
      // White space that is a token itself may have gone to the one before it.
      if (end > from) {
        parts.push({ start: Math.max(start, from), end, id });
        from = end;
      }
    }
    if (from < text.length) {
      parts.push({ start: from, end: text.length });
    }
    return parts;
  }

  /** The first token that begins at an offset or behind it. */
  #next(text: string, from: number): { token: AddedToken; start: number; end: number } | undefined {
    if (!this.#first) {
      return undefined;
    }
    this.#first.lastIndex = from;
    for (let place = this.#first.exec(text); place; place = this.#first.exec(text)) {
      for (const length of this.#lengths.get(place[0]) ?? []) {
        const content = text.slice(place.index, place.index + length);
        const token = this.#tokens.get(content);
        if (token) {
          return { token, start: place.index, end: place.index + content.length };
        }
      }
    }
    return undefined;
  }
}
