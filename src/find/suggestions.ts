/** What a misspelt word may have been meant to be. */
import distance from 'damerau-levenshtein';
import type { WordRange } from '../text/words';

/** Suggestions for one word at most. */
const MOST = 3;

/** Tokens that the model expected of which one may be suggested: with more of them more are found, but they take longer to have. */
export const EXPECTED = 3000;

/** Letters up to which a word has but one of them wrong: nearly every short word is two letters from another one. */
const SHORT = 4;

/** What there is to choose from. */
export interface Candidates {
  /** Tokens that the model expected where the word begins, the most probable one first. */
  readonly expected: readonly string[];
  /** Words that the text, or the project, has elsewhere, in lower case. */
  readonly known: Iterable<string>;
}

/**
 * Words to replace a misspelt one with: those with the fewest letters swapped, left out, added or other ones (two at most); of these what
 * the model expected first, by its probability.
 * @param part where the letters are that nothing else has: only these are replaced
 * @returns up to three, each with the capitals of the misspelt one
 */
export function suggestionsFor(word: string, part: WordRange, { expected, known }: Candidates): string[] {
  const wrong = word.slice(part.start, part.end);
  const written = wrong.toLowerCase();
  const most = written.length <= SHORT ? 1 : 2;
  const letters = lettersOf(written);
  const found = new Map<string, number>();
  const consider = (candidate: string) => {
    // A step takes one letter away, or adds one, or both. A project has many words, and few pass this.
    const isNear =
      Math.abs(candidate.length - written.length) <= most &&
      countOfBits(letters ^ lettersOf(candidate)) <= 2 * most;
    const steps = isNear && !found.has(candidate) ? distance(written, candidate).steps : 0;
    if (steps > 0 && steps <= most) {
      found.set(candidate, steps);
    }
  };
  // What the model expects is all of the word.
  if (wrong === word) {
    for (const token of expected) {
      if (/^\s*\p{L}{3,}$/u.test(token)) {
        consider(token.trim().toLowerCase());
      }
    }
  }
  for (const candidate of known) {
    consider(candidate);
  }
  return Array.from(found)
    .sort(([, one], [, other]) => one - other)
    .slice(0, MOST)
    .map(([candidate]) => word.slice(0, part.start) + likeCapitals(candidate, wrong) + word.slice(part.end));
}

/** The letters that a word has, as bits; other ones may share a bit. */
function lettersOf(word: string): number {
  let letters = 0;
  for (let i = 0; i < word.length; i++) {
    letters |= 1 << (word.charCodeAt(i) & 31);
  }
  return letters;
}

function countOfBits(bits: number): number {
  let count = 0;
  for (let left = bits; left !== 0; left &= left - 1) {
    count++;
  }
  return count;
}

/** A word in lower case with the capitals of another one: all, the first, or none. */
function likeCapitals(word: string, model: string): string {
  const [first, ...rest] = word;
  if (model === model.toUpperCase()) {
    return word.toUpperCase();
  }
  return model[0] === model[0].toUpperCase() ? first.toUpperCase() + rest.join('') : word;
}
