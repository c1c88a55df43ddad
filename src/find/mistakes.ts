/** What is likely wrong in a text: words that are misspelt, and words in place of which others were meant. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LossMap } from '../loss/lossMap';
import { WordParts, type WordRange } from '../text/words';
import { askedTogether, type Questions } from './questions';
import { EXPECTED, suggestionsFor } from './suggestions';
import { type Typo, typosIn } from './typos';
import { type Doubt, WrongWordSearch } from './wrongWords';

/** A word that is likely a mistake. */
export interface Mistake extends WordRange {
  /** It is spelt wrong; or right, and likely another word was meant. */
  readonly kind: 'misspelt' | 'wrong';
  readonly word: string;
  /** The surprisal of a misspelt word, or what the first suggestion saves in place of a wrong one; in nats. */
  readonly nats: number;
  /** What to write instead, the best first; of a wrong word there is at least one. */
  readonly suggestions: readonly string[];
}

/** Where mistakes are looked for in a text, and what tells them. */
export interface Search {
  /** Whether words are meant that begin at a UTF-16 offset. */
  isMeant(offset: number): boolean;
  /** The parts of words that there are, in the text and elsewhere; those of the text, unless it is given. */
  readonly project?: WordParts;
  /** Whether a word is known to be none. */
  isRight?(mistake: Pick<Mistake, 'kind' | 'word' | 'start'>): boolean;
  /** Typos at most, the most surprising ones; all, unless it is given. */
  readonly mostTypos?: number;
  /** Receives how many words are looked at, of all that may be wrong ones. */
  onProgress?(done: number, total: number): void;
}

/**
 * The likely mistakes of a text: its typos in their order, then its wrong words.
 * @param losses of the text; words without a score are left out
 * @throws what the questions throw
 */
export async function mistakesIn(
  text: string,
  losses: LossMap,
  {
    isMeant,
    project: given,
    isRight = () => false,
    mostTypos = Number.POSITIVE_INFINITY,
    onProgress,
  }: Search,
  questions: Questions,
): Promise<Mistake[]> {
  // Step by step: an extension host has other things to do between.
  const own = new WordParts(text);
  const project = given ?? own;
  await nextTurn();
  const typos = typosIn(text, losses, mostTypos, isMeant, project, own)
    .filter(({ word, start }) => !isRight({ kind: 'misspelt', word, start }))
    .sort((one, other) => one.start - other.start);
  const misspelt: Mistake[] = [];
  const suggest = async (some: readonly Typo[]) => {
    const tokens = some.map(({ token }) => token);
    const tops = await questions.top(tokens, EXPECTED);
    for (const [index, { start, end, word, part, nats }] of some.entries()) {
      await nextTurn();
      const expected = (tops[index] ?? []).map((entry) => entry.text);
      const suggestions = suggestionsFor(word, part, { expected, known: project.all() });
      misspelt.push({ kind: 'misspelt', start, end, word, nats, suggestions });
    }
  };
  await nextTurn();
  const search = new WrongWordSearch(text, losses, isMeant);
  const wrong: Mistake[] = [];
  let looked = 0;
  const look = async (doubts: readonly Doubt[]) => {
    onProgress?.(looked, search.doubts.length);
    for (const { start, end, word, instead, saved } of await search.look(doubts, questions)) {
      if (!isRight({ kind: 'wrong', word, start })) {
        wrong.push({ kind: 'wrong', start, end, word, nats: saved, suggestions: instead });
      }
    }
    looked += doubts.length;
  };
  // Page by page: the model has to read a page once that it no longer knows.
  const steps = [
    ...askedTogether(typos, losses).map((some) => ({ token: some[0].token, take: () => suggest(some) })),
    ...askedTogether(search.doubts, losses).map((some) => ({ token: some[0].token, take: () => look(some) })),
  ].sort((one, other) => losses.pageOf(one.token) - losses.pageOf(other.token));
  for (const { take } of steps) {
    await take();
  }
  return [...misspelt, ...wrong];
}
