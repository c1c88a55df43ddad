/** Which lines of a text are others than in an earlier version of it. */
import { diffArrays } from 'diff';

/** Lines added and removed up to which the fewest are looked for: that takes time by their square. */
const MOST_EDITS = 1000;

/**
 * Says of each line whether it is new or another one, by the fewest lines added and removed. White space around a line does not
 * count, nor what ends it (LF, CRLF or a lone CR). Where nearly everything is another text, so is all between the first and
 * the last such line.
 * @param before undefined where there was no text: all lines are new
 */
export function changedLines(before: string | undefined, after: string): boolean[] {
  const [old, present] = [before === undefined ? [] : linesOf(before), linesOf(after)];
  let same = 0;
  while (same < Math.min(old.length, present.length) && old[same] === present[same]) {
    same++;
  }
  let end = 0;
  while (
    end < Math.min(old.length, present.length) - same &&
    old[old.length - 1 - end] === present[present.length - 1 - end]
  ) {
    end++;
  }
  const isChanged = present.map(() => false);
  const [removed, added] = [old.slice(same, old.length - end), present.slice(same, present.length - end)];
  const parts = diffArrays(removed, added, { maxEditLength: MOST_EDITS }) ?? [
    { added: true, removed: false, count: added.length },
  ];
  let line = same;
  for (const part of parts) {
    if (!part.removed) {
      isChanged.fill(part.added, line, line + part.count);
      line += part.count;
    }
  }
  return isChanged;
}

function linesOf(text: string): string[] {
  return text.split(/\r\n|\r|\n/).map((line) => line.trim());
}
