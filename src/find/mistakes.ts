/** What is likely wrong in a text: words that are misspelt, and words in place of which others were meant. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LossMap } from '../loss/lossMap';
import { WordParts, type WordRange } from '../text/words';
import { misspeltAmong } from './misspelt';
import { askedTogether, type Questions } from './questions';
import { type Typo, typosIn } from './typos';
import { type Doubt, WrongWordSearch } from './wrongWords';

/** A word that is likely a mistake. */
export interface Mistake extends WordRange {
  /** It is spelt wrong; or right, and likely another word was meant. */
  readonly kind: 'misspelt' | 'wrong';
  readonly word: string;
  /** The surprisal of a misspelt word, or what the first suggestion saves in place of a wrong one; in nats. */
  readonly nats: number;
  /** What to write instead, the best first; there is at least one. */
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
  /** Receives how many words are looked at, of all that may be mistakes. */
  onProgress?(done: number, total: number): void;
}

/**
 * The likely mistakes of a text: its misspelt words in their order, then its wrong words.
 * @param losses of the text; words without a score are left out
 * @throws what the questions throw
 */
export async function mistakesIn(
  text: string,
  losses: LossMap,
  { isMeant, project: given, isRight = () => false, onProgress }: Search,
  questions: Questions,
): Promise<Mistake[]> {
  // Step by step: an extension host has other things to do between.
  const own = new WordParts(text);
  const project = given ?? own;
  await nextTurn();
  const typos = typosIn(text, losses, isMeant, project, own).filter(
    ({ word, start }) => !isRight({ kind: 'misspelt', word, start }),
  );
  await nextTurn();
  const search = new WrongWordSearch(text, losses, isMeant);
  const doubts = search.doubts.filter(({ word, start }) => !isRight({ kind: 'wrong', word, start }));
  const misspelt: Mistake[] = [];
  const mend = async (some: readonly Typo[]) => {
    for (const typo of await misspeltAmong(some, text, losses, project, questions)) {
      misspelt.push({ kind: 'misspelt', ...typo });
    }
  };
  const wrong: Mistake[] = [];
  const replace = async (some: readonly Doubt[]) => {
    for (const { start, end, word, instead, saved } of await search.look(some, questions)) {
      wrong.push({ kind: 'wrong', start, end, word, nats: saved, suggestions: instead });
    }
  };
  // Page by page: the model has to read a page once that it no longer knows.
  const steps = [
    ...askedTogether(typos, losses).map((some) => ({ some, look: () => mend(some) })),
    ...askedTogether(doubts, losses).map((some) => ({ some, look: () => replace(some) })),
  ].sort((one, other) => losses.pageOf(one.some[0].token) - losses.pageOf(other.some[0].token));
  let looked = 0;
  for (const { some, look } of steps) {
    onProgress?.(looked, typos.length + doubts.length);
    await look();
    looked += some.length;
  }
  return [...misspelt, ...wrong];
}
