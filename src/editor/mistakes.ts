/** Words that are likely mistakes, and what becomes of them when the text is edited. No vscode import. */
import { isInsideWord, type WordRange } from '../text/words';
import type { TextChange } from './carry';

/** A word that is likely a mistake. */
export interface Mistake extends WordRange {
  /** It is spelt wrong; or right, and likely another word was meant. */
  readonly kind: 'misspelt' | 'wrong';
  readonly word: string;
  /** The surprisal of a misspelt word, or what the first suggestion saves in place of a wrong one; in nats. */
  readonly nats: number;
  /** What to write instead, the best first. */
  readonly suggestions: readonly string[];
}

/**
 * Where mistakes are after edits; without those that an edit has touched.
 * @param changes of the text that the ranges are of, none of them within another one
 * @param text the text after them
 */
export function movedMistakes<T extends Pick<Mistake, 'word' | 'start' | 'end'>>(
  mistakes: readonly T[],
  changes: readonly TextChange[],
  text: string,
): T[] {
  return mistakes.flatMap((mistake) => {
    let moved = 0;
    for (const { rangeOffset, rangeLength, text: added } of changes) {
      if (rangeOffset + rangeLength <= mistake.start) {
        moved += added.length - rangeLength;
      } else if (rangeOffset < mistake.end) {
        return [];
      }
    }
    const [start, end] = [mistake.start + moved, mistake.end + moved];
    const isWhole = [start, end].every(
      (at) => !isInsideWord(text.slice(Math.max(0, at - 2), at), text.slice(at, at + 2)),
    );
    return isWhole && text.slice(start, end) === mistake.word ? [{ ...mistake, start, end }] : [];
  });
}
