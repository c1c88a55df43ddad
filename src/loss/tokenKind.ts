/**
 * Kinds of tokens, told apart by their characters alone, so that they mean the same in prose and in every
 * programming language.
 */

/** The kinds. Every token is of exactly one. */
export const TOKEN_KINDS = [
  /** Has a letter and begins a word. */
  'word',
  /** Has a letter and goes on with the word that the text before it began: "surpris|al", "get|Name", "user|_id". */
  'continuation',
  /** Has a digit and no letter. */
  'number',
  /** Blanks apart, nothing but punctuation (of any script) and the symbols of ASCII: "(", " +=", "–". */
  'punctuation',
  /** Nothing but blanks: spaces, indentation, ends of lines. */
  'whitespace',
  /** Everything else: emoji and other symbols, control characters. */
  'other',
] as const;
export type TokenKind = (typeof TOKEN_KINDS)[number];

const WORD = TOKEN_KINDS.indexOf('word');
const CONTINUATION = TOKEN_KINDS.indexOf('continuation');
const LETTER = /\p{L}/u;
const DIGIT = /\p{N}/u;
const BLANK = /^\s+$/u;
const MARKS = /^[\s\p{P}\x21-\x7e]+$/u;
const BEGINS_IN_WORD = /^[\p{L}\p{M}\p{N}_]/u;
const ENDS_IN_WORD = /[\p{L}\p{M}\p{N}_]$/u;

/**
 * The kind of the token at [start, end) of a text, by the first rule that fits: a letter makes a word (or its
 * continuation, where both the token's first character and the one before it are letters, digits or "_"), else a
 * digit a number, else blanks, punctuation, other.
 * @param text the whole text; of what is before the token only the last character counts
 * @param start UTF-16 offset
 * @param end UTF-16 offset; a token without characters of its own is "other"
 * @returns an index of {@link TOKEN_KINDS}
 */
export function tokenKind(text: string, start: number, end: number): number {
  const token = text.slice(start, end);
  if (LETTER.test(token)) {
    // Two code units, so that a letter beyond U+FFFF is seen whole.
    const before = text.slice(Math.max(0, start - 2), start);
    return BEGINS_IN_WORD.test(token) && ENDS_IN_WORD.test(before) ? CONTINUATION : WORD;
  }
  if (DIGIT.test(token)) {
    return 2;
  }
  if (BLANK.test(token)) {
    return 4;
  }
  return MARKS.test(token) ? 3 : 5;
}

/**
 * The kinds of all tokens of a text. Of tokens that share a character, each one a piece of its bytes, the first has the
 * kind of what it covers; those after it go on with its word where it has a letter, and are of its kind elsewhere.
 * @param starts [N] UTF-16 offsets, in order
 * @param ends [N] UTF-16 offsets
 * @returns [N] indices of {@link TOKEN_KINDS}
 */
export function tokenKinds(text: string, starts: ArrayLike<number>, ends: ArrayLike<number>): Uint8Array {
  const kinds = new Uint8Array(starts.length);
  for (let i = 0; i < kinds.length; i++) {
    const isPiece = i > 0 && starts[i] < ends[i - 1];
    kinds[i] = isPiece ? pieceKind(kinds[i - 1]) : tokenKind(text, starts[i], ends[i]);
  }
  return kinds;
}

/** The kind of a piece of a character, by that of the token before it, which has a part of the same character. */
function pieceKind(before: number): number {
  return before === WORD ? CONTINUATION : before;
}
