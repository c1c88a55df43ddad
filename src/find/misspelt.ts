/**
 * Misspelt words: words that are perhaps misspelt and of which the model says so, too. With what was meant in its place, the word and
 * what is behind it become more probable; a name that is new to the model has no word near it with which they do.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Replacement } from '../engine/protocol';
import type { LossMap } from '../loss/lossMap';
import { toBits } from '../loss/units';
import type { WordParts, WordRange } from '../text/words';
import { type Attempt, type Questions, savingsOf } from './questions';
import { EXPECTED, suggestionsFor } from './suggestions';
import type { Typo } from './typos';

/** What a suggestion has to save, in bits, for a word to be misspelt. Not more: a model has read what people often misspell. */
const SAVED_BITS = 5;

/** A word that is misspelt, and what was perhaps meant. */
export interface Misspelt extends WordRange {
  readonly word: string;
  /** The word's surprisal, with what its tokens have around it, in nats. */
  readonly nats: number;
  /** Nearest first, at least one; not by what each saves, which is right less often. */
  readonly suggestions: readonly string[];
}

/**
 * Those of some words that are misspelt: one of the suggestions saves {@link SAVED_BITS}, and more.
 * @param losses of the text
 * @param project the parts of words that may have been meant
 * @throws what the questions throw
 */
export async function misspeltAmong(
  typos: readonly Typo[],
  text: string,
  { layout }: LossMap,
  project: WordParts,
  questions: Questions,
): Promise<Misspelt[]> {
  const tokens = typos.map(({ token }) => token);
  const tops = await questions.top(tokens, EXPECTED);
  const tries: (Attempt & { readonly typo: Typo })[] = [];
  for (const [index, typo] of typos.entries()) {
    const { token, last, start, end, word, part } = typo;
    const expected = (tops[index] ?? []).map((entry) => entry.text);
    const words = suggestionsFor(word, part, { expected, known: project.all() });
    if (words.length > 0) {
      const before = text.slice(layout.starts[token], start);
      tries.push({ typo, token, last, before, behind: text.slice(end, layout.ends[last]), words });
    }
    // A project has many words.
    await nextTurn();
  }
  const savings = await savingsOf(tries, questions, costOf);
  return tries.flatMap(({ typo: { start, end, word, nats }, words }, index) => {
    const isMisspelt = savings[index].some(({ saved }) => toBits(saved) >= SAVED_BITS);
    return isMisspelt ? [{ start, end, word, nats, suggestions: words }] : [];
  });
}

/** What all of a word counts for, and what is behind it: its letters are what is in doubt. */
function costOf({ nats, behind }: Replacement): number {
  return [...nats, ...behind].reduce((sum, one) => sum + one, 0);
}
