/** Texts with mistakes planted in them: words that are misspelt, and words in place of others. */
import { createHash } from 'node:crypto';

export const MISTAKES = ['misspelt', 'another word'] as const;
export type MistakeKind = (typeof MISTAKES)[number];

/** A mistake, by its UTF-16 range in the text that has it. */
export interface Mistake {
  readonly kind: MistakeKind;
  readonly start: number;
  readonly end: number;
  /** The word that was there. */
  readonly meant: string;
}

/** UTF-16 code units between two mistakes, and before the first one, at least: each has a sound context. */
const APART = 300;

/** Shorter words become others when they are misspelt. */
const LETTERS = 5;

/**
 * Plants a mistake in about every third word that can have one, those of the two kinds in turn.
 * @param planting a number for other mistakes in the same text; the same ones for the same number
 */
export function withMistakes(
  text: string,
  planting: number,
): { readonly text: string; readonly mistakes: readonly Mistake[] } {
  const words = [...text.matchAll(new RegExp(`(?<![\\w.])[A-Za-z]{${LETTERS},}(?![\\w])`, 'g'))];
  const known = new Set(words.map(([word]) => word.toLowerCase()));
  const mistakes: Mistake[] = [];
  let made = '';
  let read = 0;
  for (const { index, 0: word } of words) {
    const chance = createHash('sha256').update(`${planting} ${index} ${word}`).digest().readUInt32LE();
    if (
      index < 3 * APART ||
      made.length + index - read - (mistakes.at(-1)?.end ?? 0) < APART ||
      chance % 3 > 0
    ) {
      continue;
    }
    const kind = MISTAKES[mistakes.length % MISTAKES.length];
    const wrong =
      kind === 'misspelt' ? misspelt(word, chance >>> 4) : words[(chance >>> 4) % words.length][0];
    if (kind === 'misspelt' ? known.has(wrong.toLowerCase()) : wrong === word) {
      continue;
    }
    made += text.slice(read, index) + wrong;
    mistakes.push({ kind, start: made.length - wrong.length, end: made.length, meant: word });
    read = index + word.length;
  }
  return { text: made + text.slice(read), mistakes };
}

/** As fingers do it: two letters swapped, one left out, one twice, or another one. */
function misspelt(word: string, chance: number): string {
  const at = (chance >>> 2) % (word.length - 1);
  const [before, letter, next, after] = [word.slice(0, at), word[at], word[at + 1], word.slice(at + 2)];
  switch (chance % 4) {
    case 0:
      return before + next + letter + after;
    case 1:
      return before + next + after;
    case 2:
      return before + letter + letter + next + after;
    default:
      return before + String.fromCharCode(97 + ((chance >>> 8) % 26)) + next + after;
  }
}
