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

const WORD_BEFORE = new RegExp(`(?:${CHARACTER})*$`, 'u');
const WORD_BEHIND = new RegExp(`^(?:${CHARACTER})*`, 'u');

const WORD = new RegExp(`(?:${CHARACTER})+`, 'gu');

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

/** Of each ASCII character whether it is one of a word. */
const ASCII_CHARACTERS = Array.from({ length: 128 }, (_, code) => AT_START.test(String.fromCharCode(code)));

/**
 * The same of a place by its UTF-16 offset.
 * @returns false at the text's ends, and beyond
 */
export function isInsideWordAt(text: string, offset: number): boolean {
  if (offset <= 0 || offset >= text.length) {
    return false;
  }
  const [before, after] = [text.charCodeAt(offset - 1), text.charCodeAt(offset)];
  // It is asked for each token of a text, and most are of such characters.
  return before < 128 && after < 128
    ? ASCII_CHARACTERS[before] && ASCII_CHARACTERS[after]
    : isInsideWord(text.slice(Math.max(0, offset - 2), offset), text.slice(offset, offset + 2));
}

/**
 * Where a word is in the text of its tokens, which may have white space around it; all of it where that is all there is.
 * @returns UTF-16 offsets in the text
 */
export function wordWithin(text: string): { readonly start: number; readonly end: number } {
  const end = text.trimEnd().length;
  return end === 0 ? { start: 0, end: text.length } : { start: text.length - text.trimStart().length, end };
}

/** A part of a word, or a word, by its UTF-16 range in a text. */
export interface WordRange {
  readonly start: number;
  readonly end: number;
}

/** The words of a text, in order. */
export function* wordsOf(text: string): Generator<WordRange & { readonly word: string }> {
  for (const { index, 0: word } of text.matchAll(WORD)) {
    yield { start: index, end: index + word.length, word };
  }
}

/** The parts of words of some texts, whatever their capitals. */
export class WordParts {
  readonly #counts = new Map<string, number>();

  /** @param text the first one, if there is one already */
  constructor(text = '') {
    this.add(text);
  }

  /** Counts a text's. */
  add(text: string): void {
    for (const { part } of partsOf(text)) {
      this.#counts.set(part, (this.#counts.get(part) ?? 0) + 1);
    }
  }

  /**
   * The parts of a word of the texts that they have nowhere else. A misspelt word has one: a name that is new to the model and that
   * the text needs occurs again, or is made of words that do. Words with digits have none: they are hashes and names.
   * @param word with what its tokens have around it
   */
  uniqueOf(word: string): WordRange[] {
    if (DIGIT.test(word)) {
      return [];
    }
    const all = Array.from(partsOf(word));
    return all
      .filter(({ part }) => (this.#counts.get(part) ?? 0) <= all.filter((own) => own.part === part).length)
      .map(({ start, end }) => ({ start, end }));
  }

  /** Whether a word of the texts has a part that they have nowhere else: see {@link uniqueOf}. */
  hasUnique(word: string): boolean {
    return this.uniqueOf(word).length > 0;
  }

  /** The parts, in lower case, each once. */
  all(): Iterable<string> {
    return this.#counts.keys();
  }
}

/**
 * The word that is around a part of it.
 * @param text short: what the word's tokens are
 */
export function wordAround(text: string, { start, end }: WordRange): WordRange {
  const [before] = WORD_BEFORE.exec(text.slice(0, start))!;
  const [behind] = WORD_BEHIND.exec(text.slice(end))!;
  return { start: start - before.length, end: end + behind.length };
}

/** In lower case, in order, those of {@link LEAST_LETTERS} and more. */
function* partsOf(text: string): Generator<WordRange & { readonly part: string }> {
  for (const { index, 0: part } of text.matchAll(PART)) {
    if (part.length >= LEAST_LETTERS) {
      yield { start: index, end: index + part.length, part: part.toLowerCase() };
    }
  }
}
