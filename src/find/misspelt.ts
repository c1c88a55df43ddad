/**
 * Misspelt words: words that are perhaps misspelt and of which the model says so, too. With what was meant in its place, the word and
 * what is behind it become more probable; a name that is new to the model has no word near it with which they do.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Replacement } from '../engine/protocol';
import type { LossMap } from '../loss/lossMap';
import { toBits } from '../loss/units';
import type { WordParts, WordRange } from '../text/words';
import { BEHIND, type Questions } from './questions';
import { EXPECTED, suggestionsFor } from './suggestions';
import type { Typo } from './typos';

/** What a suggestion has to save, in bits, for a word to be misspelt. Not more: a model has read what people often misspell. */
const SAVED_BITS = 5;

/** A word that is misspelt, and what was perhaps meant. */
export interface Misspelt extends WordRange {
  readonly word: string;
  /** The word's surprisal, with what its tokens have around it, in nats. */
  readonly nats: number;
  /** Those that save enough first, of these the nearest first; at least one. */
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
  const tries: { readonly typo: Typo; readonly suggestions: readonly string[] }[] = [];
  for (const [index, typo] of typos.entries()) {
    const expected = (tops[index] ?? []).map((entry) => entry.text);
    const suggestions = suggestionsFor(typo.word, typo.part, { expected, known: project.all() });
    if (suggestions.length > 0) {
      tries.push({ typo, suggestions });
    }
    // A project has many words.
    await nextTurn();
  }
  if (tries.length === 0) {
    return [];
  }
  const places = tries.map(({ typo: { token, last, start, end }, suggestions }) => {
    const before = text.slice(layout.starts[token], start);
    const behind = text.slice(end, layout.ends[last]);
    return { first: token, last, texts: suggestions.map((suggestion) => before + suggestion + behind) };
  });
  const answers = await questions.replacements(places, BEHIND);
  return tries.flatMap(({ typo: { start, end, word, nats }, suggestions }, index) => {
    const [own, ...others] = answers[index] ?? [];
    const better = others
      .filter((other) => toBits(costOf(own) - costOf(other)) >= SAVED_BITS)
      .map((other) => suggestions[places[index].texts.indexOf(other.text!)]);
    const all = [...new Set([...better, ...suggestions])];
    return better.length > 0 ? [{ start, end, word, nats, suggestions: all }] : [];
  });
}

/** What all of a word counts for, and what is behind it: its letters are what is in doubt. */
function costOf({ nats, behind }: Replacement): number {
  return [...nats, ...behind].reduce((sum, one) => sum + one, 0);
}
