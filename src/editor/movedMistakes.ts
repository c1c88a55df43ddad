/** What becomes of likely mistakes when the text is edited. No vscode import. */
import type { Mistake } from '../find/mistakes';
import { isInsideWordAt } from '../text/words';
import type { TextChange } from './carry';

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
    const isWhole = [start, end].every((at) => !isInsideWordAt(text, at));
    return isWhole && text.slice(start, end) === mistake.word ? [{ ...mistake, start, end }] : [];
  });
}
