/**
 * Words: what people read as one where a model reads several tokens. By the chain rule a word's surprisal is the sum of its
 * tokens', so that a typo, which breaks a word into pieces of which none need surprise much, is one large number.
 *
 * A word is a run of letters, marks, digits and underscores, as a double click selects it; identifiers are words, whatever their
 * capitals. Scripts that are written without spaces have no such runs: their tokens stay by themselves.
 */

/** Scripts that put no spaces between words. */
const WITHOUT_SPACES = ['Han', 'Hiragana', 'Katakana', 'Thai', 'Lao', 'Khmer', 'Myanmar', 'Tibetan'];

/** A character of a word. */
const CHARACTER = `(?![${WITHOUT_SPACES.map((script) => `\\p{Script=${script}}`).join('')}])[\\p{L}\\p{M}\\p{N}_]`;

const AT_END = new RegExp(`${CHARACTER}$`, 'u');
const AT_START = new RegExp(`^${CHARACTER}`, 'u');

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
