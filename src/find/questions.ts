/** What the searches ask of the model, and in which order. */
import type { EngineApi } from '../engine/api';
import type { Alternative, Replacement, ReplacementPlace } from '../engine/protocol';
import type { LossMap } from '../loss/lossMap';

/** Places that are asked about together: the model reads what is tried in one run or two, and answers other questions between. */
const TOGETHER = 8;

/** Tokens behind a place that count, when it is asked what could be there instead. */
export const BEHIND = 16;

/** What is asked of the model, by index of a token. Where it has no answer, there is none for any of what was asked. */
export interface Questions {
  /** The most probable tokens in each token's place, best first. */
  top(tokens: readonly number[], count: number): Promise<readonly (readonly Alternative[])[]>;
  /** As in `EngineApi`. */
  replacements(
    places: readonly ReplacementPlace[],
    behind: number,
  ): Promise<readonly (readonly Replacement[])[]>;
}

/** Asks an engine. @param score names a scoring of the document, as in `EngineApi` */
export function questionsTo(
  engine: Pick<EngineApi, 'distributions' | 'replacements'>,
  document: string,
  score: number,
): Questions {
  return {
    top: async (tokens, count) =>
      (await engine.distributions(document, score, tokens, count)).map(({ top }) => top),
    replacements: (...question) => engine.replacements(document, score, ...question),
  };
}

/**
 * Places in groups that are asked about together: of one page each, for the model has the keys and values of one at hand.
 * @param places in their order
 */
export function askedTogether<T extends { readonly token: number }>(
  places: readonly T[],
  losses: LossMap,
): T[][] {
  const groups: T[][] = [];
  for (const place of places) {
    const group = groups.at(-1);
    if (group && group.length < TOGETHER && losses.pageOf(group[0].token) === losses.pageOf(place.token)) {
      group.push(place);
    } else {
      groups.push([place]);
    }
  }
  return groups;
}
