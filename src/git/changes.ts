/** What has changed in a work tree, as scoring asks for it. */
import { WordParts } from '../text/words';
import { changedLines } from './changedLines';
import type { ChangedFile, WorkTree } from './workTree';

/**
 * Says of each line of a file whether it is new, or another one than in a commit.
 * @param text the file's text now
 * @throws GitError
 */
export async function linesChangedSince(
  tree: WorkTree,
  commit: string,
  { before }: ChangedFile,
  text: string,
): Promise<boolean[]> {
  return changedLines(before === undefined ? undefined : await tree.textAt(commit, before), text);
}

/**
 * The parts of the words of all text files of a work tree.
 * @throws GitError
 */
export async function wordPartsOf(tree: WorkTree): Promise<WordParts> {
  const parts = new WordParts();
  await tree.eachText((text) => parts.add(text));
  return parts;
}
