/**
 * Words that are spelt right and likely not the ones that were meant: a variable in place of another one, a word that another line
 * has. Such a word is improbable in its place, and so is what follows it.
 */
import type { Alternative, Replacement } from '../engine/protocol';
import type { LossMap } from '../loss/lossMap';
import { toBits } from '../loss/units';
import { type WordRange, wordsOf } from '../text/words';
import { type Questions, savingsOf } from './questions';
import { lastOf, wordsIn } from './surprises';

/** Surprisal in bits of a word's first token from which on the word is looked at. */
const DOUBTFUL_BITS = 12;

/** Most probable tokens among which words are looked for that may be meant. */
const EXPECTED = 20;

/** Words that are tried in place of one at most, the most probable ones; each has to be read by the model. */
const TRIED = 3;

/** How much more probable, in bits, the first token of a word is that is tried. */
const BETTER_BITS = 11;

/** What another word has to save, in bits, for a word to be a likely wrong one. */
const SAVED_BITS = 15;

/** A word in place of which another one was likely meant. */
export interface WrongWord extends WordRange {
  readonly word: string;
  /** Words of the text that save enough, what saves most first. */
  readonly instead: readonly string[];
  /** What the first of these saves, in nats: the surprisal of the word's first token, and of the tokens behind it, less what they
   * have with the other word. */
  readonly saved: number;
}

/**
 * Looks for likely wrong words of a text, step by step: words that it has elsewhere, too, and in whose place another word of it, one
 * of those that the model expected, would save {@link SAVED_BITS} and more.
 */
export class WrongWordSearch {
  /** The words that are to be looked at, in their order. */
  readonly doubts: readonly Doubt[];
  readonly #known: KnownWords;
  readonly #losses: LossMap;

  /**
   * @param losses of the text; words without a score are left out
   * @param isMeant whether words are meant that begin at a UTF-16 offset
   */
  constructor(text: string, losses: LossMap, isMeant: (offset: number) => boolean) {
    this.#known = new KnownWords(text);
    this.#losses = losses;
    this.doubts = doubtsIn(text, losses, this.#known).filter(({ start }) => isMeant(start));
  }

  /** Those of some words that are likely wrong ones. @throws what the questions throw */
  async look(doubts: readonly Doubt[], questions: Questions): Promise<WrongWord[]> {
    const { nats } = this.#losses;
    const tokens = doubts.map(({ token }) => token);
    const tops = await questions.top(tokens, EXPECTED);
    const tries = doubts
      .map((doubt, index) => ({
        ...doubt,
        words: this.#known.expected(tops[index] ?? [], doubt, nats[doubt.token]),
      }))
      .filter(({ words }) => words.length > 0);
    const savings = await savingsOf(tries, questions, costOf);
    return tries.flatMap(({ start, end, word }, index) => {
      const better = savings[index]
        .filter(({ saved }) => toBits(saved) >= SAVED_BITS)
        .sort((one, other) => other.saved - one.saved);
      return better.length > 0
        ? [{ start, end, word, instead: better.map((other) => other.word), saved: better[0].saved }]
        : [];
    });
  }
}

/** A word that is looked at, by its range in the text. */
export interface Doubt extends WordRange {
  /** Indices of its first token, and of its last one. */
  readonly token: number;
  readonly last: number;
  readonly word: string;
  /** What its tokens have before and behind it. */
  readonly before: string;
  readonly behind: string;
}

/** Words that the text has elsewhere, too, and that begin with a token that surprises, in their order. */
function doubtsIn(text: string, losses: LossMap, known: KnownWords): Doubt[] {
  const { layout, nats, length } = losses;
  const isInside = wordsIn(text);
  const doubts: Doubt[] = [];
  for (let first = 0, last = 0; first < length; first = last + 1) {
    last = lastOf(losses, first, isInside);
    const start = layout.starts[first];
    const own = text.slice(start, layout.ends[last]);
    if (toBits(nats[first]) < DOUBTFUL_BITS || !nats.subarray(first, last + 1).every(Number.isFinite)) {
      continue;
    }
    const [found, ...more] = wordsOf(own);
    // Of two words with a token in common neither can be replaced alone.
    if (found && more.length === 0 && known.count(found.word) > 1 && /\p{L}{2}/u.test(found.word)) {
      doubts.push({
        token: first,
        last,
        start: start + found.start,
        end: start + found.end,
        word: found.word,
        before: own.slice(0, found.start),
        behind: own.slice(found.end),
      });
    }
  }
  return doubts;
}

/** The words of a text, by how often it has them. */
class KnownWords {
  readonly #counts = new Map<string, number>();
  /** The most frequent ones first. */
  readonly #words: readonly string[];

  constructor(text: string) {
    for (const { word } of wordsOf(text)) {
      this.#counts.set(word, this.count(word) + 1);
    }
    this.#words = [...this.#counts.keys()].sort((one, other) => this.count(other) - this.count(one));
  }

  count(word: string): number {
    return this.#counts.get(word) ?? 0;
  }

  /**
   * Words that the model expected in place of another one, best first: of those that begin with an expected token the token
   * itself, if it is one, or the most frequent one.
   * @param top the most probable tokens, best first
   * @param nats surprisal of the first token that is there
   */
  expected(top: readonly Alternative[], { word, before }: Doubt, nats: number): string[] {
    const found = new Set<string>();
    for (const { text, nats: own } of top) {
      const begins = text.startsWith(before) ? text.slice(before.length) : '';
      const isBetter = toBits(nats - own) >= BETTER_BITS;
      if (!isBetter || found.size === TRIED) {
        break;
      }
      const [only] = wordsOf(begins);
      if (only?.word !== begins || (word !== begins && word.startsWith(begins))) {
        continue;
      }
      const other = this.#counts.has(begins)
        ? begins
        : this.#words.find((known) => known !== word && known.startsWith(begins));
      if (other !== undefined && other !== word) {
        found.add(other);
      }
    }
    return [...found];
  }
}

/** What counts of a text in a place: the longer a word is, the more all of it costs, right or wrong. */
function costOf({ nats, behind }: Replacement): number {
  return nats[0] + behind.reduce((sum, one) => sum + one, 0);
}
