/**
 * Words: what people read as one where a model reads several tokens. By the chain rule a word's surprisal is the sum of its
 * tokens', so that a typo, which breaks a word into pieces of which none need surprise much, is one large number.
 *
 * A word is a run of letters, marks, digits and underscores, as a double click selects it; identifiers are words, whatever their
 * capitals. Scripts that are written without spaces have no such runs: their tokens stay by themselves.
 */

const IN_WORD = /^[\p{L}\p{M}\p{N}_]$/u;

/** Scripts that put no spaces between words. */
const WITHOUT_SPACES =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}]$/u;

/**
 * Whether a place in a text is inside a word.
 * @param before the text before it, or the end of that: two code units are enough
 * @param after the text behind it, or the beginning of that
 */
export function isInsideWord(before: string, after: string): boolean {
  const left = lastCharacter(before);
  const right = after === '' ? '' : String.fromCodePoint(after.codePointAt(0)!);
  return (
    IN_WORD.test(left) && IN_WORD.test(right) && !(WITHOUT_SPACES.test(left) || WITHOUT_SPACES.test(right))
  );
}

function lastCharacter(text: string): string {
  const unit = text.slice(-1);
  return /[\uDC00-\uDFFF]/.test(unit) && /[\uD800-\uDBFF]/.test(text.slice(-2, -1)) ? text.slice(-2) : unit;
}
