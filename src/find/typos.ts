/** Likely typos in a text. */
import type { LossMap } from '../loss/lossMap';
import { WordParts, type WordRange, wordAround } from '../text/words';
import { isLikelyTypo, mostSurprisingUnits, wordsIn } from './surprises';

/** A word that is likely misspelt. */
export interface Typo extends WordRange {
  readonly word: string;
  /** The part of it that nothing else has, by its UTF-16 range in the word. */
  readonly part: WordRange;
  /** The word's surprisal, with what its tokens have around it, in nats. */
  readonly nats: number;
  /** Index of the word's first token. */
  readonly token: number;
}

/**
 * The likely typos of a text, most surprising first.
 * @param count how many at most
 * @param isMeant whether those are meant that begin at a UTF-16 offset
 * @param project the parts of words that there are elsewhere; those of the text may be among them, once
 * @param own those of the text
 */
export function typosIn(
  text: string,
  losses: LossMap,
  count: number,
  isMeant: (offset: number) => boolean,
  project: WordParts,
  own = new WordParts(text),
): Typo[] {
  const isTypo = isLikelyTypo(text, 0, own);
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
  const units = mostSurprisingUnits(losses, count, {
    isInside: wordsIn(text),
    isMeant: (unit) => {
      const typo = isTypo(unit) && found(unit);
      return typo ? isMeant(typo.start) : false;
    },
  });
  return units.map((unit) => ({ ...found(unit)!, nats: unit.nats, token: unit.first }));
}
