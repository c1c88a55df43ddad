/**
 * Words: what people read as one where a model reads several tokens. By the chain rule a word's surprisal is the sum of its
 * tokens', so that a typo, which breaks a word into pieces of which none need surprise much, is one large number.
 *
 * A word is a run of letters, marks, digits and underscores, as a double click selects it; identifiers are words, whatever their
 * capitals. Scripts that are written without spaces have no such runs: their tokens stay by themselves.
 *
 * A word's parts are what its capitals and underscores join: `formatCount` and `FORMAT_COUNT` are both of format and count.
 */

/** Scripts that put no spaces between words. */
const WITHOUT_SPACES = ['Han', 'Hiragana', 'Katakana', 'Thai', 'Lao', 'Khmer', 'Myanmar', 'Tibetan'];

const NOT_A_WORD = `[${WITHOUT_SPACES.map((script) => `\\p{Script=${script}}`).join('')}]`;

/** A character of a word. */
const CHARACTER = `(?!${NOT_A_WORD})[\\p{L}\\p{M}\\p{N}_]`;

const AT_END = new RegExp(`${CHARACTER}$`, 'u');
const AT_START = new RegExp(`^${CHARACTER}`, 'u');

const CAPITAL = '(?:\\p{Lu}\\p{M}*)';
const SMALL = `(?:(?!${NOT_A_WORD}|\\p{Lu})[\\p{L}\\p{M}])`;

/** Capitals up to one that begins the next part, or small letters behind at most one capital. */
const PART = new RegExp(`${CAPITAL}+(?!${SMALL})|${CAPITAL}?${SMALL}+`, 'gu');

const DIGIT = /\p{N}/u;

/** Letters that a part has at least to count: shorter ones are abbreviations more often than mistakes. */
const LEAST_LETTERS = 3;

/**
 * Whether a place in a text is inside a word.
 * @param before the text before it, or the end of that: two code units are enough
 * @param after the text behind it, or the beginning of that
 */
export function isInsideWord(before: string, after: string): boolean {
  return AT_END.test(before) && AT_START.test(after);
}

/**
 * Where a word is in the text of its tokens, which may have white space around it; all of it where that is all there is.
 * @returns UTF-16 offsets in the text
 */
export function wordWithin(text: string): { readonly start: number; readonly end: number } {
  const end = text.trimEnd().length;
  return end === 0 ? { start: 0, end: text.length } : { start: text.length - text.trimStart().length, end };
}

/** The parts of words of some texts, whatever their capitals. */
export class WordParts {
  readonly #counts = new Map<string, number>();

  /** Counts a text's. */
  add(text: string): void {
    for (const part of partsOf(text)) {
      this.#counts.set(part, (this.#counts.get(part) ?? 0) + 1);
    }
  }

  /**
   * Whether a word of the texts has a part that they have nowhere else. A misspelt word has one: a name that is new to the model
   * and that the text needs occurs again, or is made of words that do. Words with digits have none: they are hashes and names.
   * @param word with what its tokens have around it
   */
  hasUnique(word: string): boolean {
    if (DIGIT.test(word)) {
      return false;
    }
    const own = new Map<string, number>();
    for (const part of partsOf(word)) {
      own.set(part, (own.get(part) ?? 0) + 1);
    }
    return Array.from(own).some(([part, count]) => (this.#counts.get(part) ?? 0) <= count);
  }
}

/** In lower case, in order, those of {@link LEAST_LETTERS} and more. */
function* partsOf(text: string): Generator<string> {
  for (const [part] of text.matchAll(PART)) {
    if (part.length >= LEAST_LETTERS) {
      yield part.toLowerCase();
    }
  }
}
