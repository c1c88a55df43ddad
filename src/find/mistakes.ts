/** What is likely wrong in a text: words that are misspelt, and words in place of which others were meant. */
import type { LossMap } from '../loss/lossMap';
import type { WordParts, WordRange } from '../text/words';
import { EXPECTED, suggestionsFor } from './suggestions';
import { typosIn } from './typos';
import { type Questions, TOGETHER, wrongWordsIn } from './wrongWords';

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
  /** The parts of words that there are, in the text and elsewhere. */
  readonly project: WordParts;
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
  { isMeant, project, isRight = () => false, mostTypos = Number.POSITIVE_INFINITY, onProgress }: Search,
  questions: Questions,
): Promise<Mistake[]> {
  // In their order: of a page that is no longer known the model has to read what comes before them only once then.
  const typos = typosIn(text, losses, mostTypos, isMeant, project)
    .filter(({ word, start }) => !isRight({ kind: 'misspelt', word, start }))
    .sort((one, other) => one.start - other.start);
  const mistakes: Mistake[] = [];
  for (let from = 0; from < typos.length; from += TOGETHER) {
    const together = typos.slice(from, from + TOGETHER);
    const tokens = together.map(({ token }) => token);
    const tops = await questions.top(tokens, EXPECTED);
    for (const [index, { start, end, word, part, nats }] of together.entries()) {
      const expected = (tops[index] ?? []).map((entry) => entry.text);
      const suggestions = suggestionsFor(word, part, { expected, known: project.all() });
      mistakes.push({ kind: 'misspelt', start, end, word, nats, suggestions });
    }
  }
  const wrong = await wrongWordsIn(text, losses, isMeant, questions, onProgress);
  for (const { start, end, word, instead, saved } of wrong) {
    if (!isRight({ kind: 'wrong', word, start })) {
      mistakes.push({ kind: 'wrong', start, end, word, nats: saved, suggestions: instead });
    }
  }
  return mistakes;
}
