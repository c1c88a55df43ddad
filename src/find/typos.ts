/** Words of a text that are perhaps misspelt. */
import type { LossMap } from '../loss/lossMap';
import { toBits } from '../loss/units';
import { WordParts, type WordRange, wordAround } from '../text/words';
import { mostSurprisingUnits, wordsIn } from './surprises';

/** Surprisal in bits of a word from which on it is looked at: fewer than a likely typo needs that nothing else speaks for. */
const DOUBTFUL_BITS = 16;

/** A word that is perhaps misspelt. */
export interface Typo extends WordRange {
  readonly word: string;
  /** The part of it that nothing else has, by its UTF-16 range in the word. */
  readonly part: WordRange;
  /** The word's surprisal, with what its tokens have around it, in nats. */
  readonly nats: number;
  /** Indices of the word's first token, and of its last one. */
  readonly token: number;
  readonly last: number;
}

/**
 * The words of a text that are perhaps misspelt, in their order: those that need {@link DOUBTFUL_BITS}, and have a part that is nowhere
 * else.
 * @param isMeant whether those are meant that begin at a UTF-16 offset
 * @param project the parts of words that there are elsewhere; those of the text may be among them, once
 * @param own those of the text
 */
export function typosIn(
  text: string,
  losses: LossMap,
  isMeant: (offset: number) => boolean,
  project: WordParts,
  own = new WordParts(text),
): Typo[] {
  const found = (unit: { readonly start: number; readonly end: number }) => {
    const written = text.slice(unit.start, unit.end);
    const [part] = project.uniqueOf(written);
    if (!part) {
      return undefined;
    }
    const around = wordAround(written, part);
    return {
      start: unit.start + around.start,
      end: unit.start + around.end,
      word: written.slice(around.start, around.end),
      part: { start: part.start - around.start, end: part.end - around.start },
    };
  };
  const units = mostSurprisingUnits(losses, losses.length, {
    isInside: wordsIn(text),
    isMeant: (unit) => {
      const isDoubtful =
        toBits(unit.nats) >= DOUBTFUL_BITS && own.hasUnique(text.slice(unit.start, unit.end));
      const typo = isDoubtful && found(unit);
      return typo ? isMeant(typo.start) : false;
    },
  });
  return units
    .sort((one, other) => one.start - other.start)
    .map((unit) => ({ ...found(unit)!, nats: unit.nats, token: unit.first, last: unit.last }));
}
