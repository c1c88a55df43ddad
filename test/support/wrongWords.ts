/** Looking for likely wrong words alone. */
import { askedTogether, type Questions } from '../../src/find/questions';
import { type WrongWord, WrongWordSearch } from '../../src/find/wrongWords';
import type { LossMap } from '../../src/loss/lossMap';

/** All that `WrongWordSearch` finds in a text, in its order. */
export async function wrongWordsIn(
  text: string,
  losses: LossMap,
  isMeant: (offset: number) => boolean,
  questions: Questions,
): Promise<WrongWord[]> {
  const search = new WrongWordSearch(text, losses, isMeant);
  const found: WrongWord[] = [];
  for (const doubts of askedTogether(search.doubts, losses)) {
    found.push(...(await search.look(doubts, questions)));
  }
  return found;
}
