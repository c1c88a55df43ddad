/** What the searches ask of the model, and in which order. */
import type { EngineApi } from '../engine/api';
import type { Alternative, Replacement, ReplacementPlace } from '../engine/protocol';
import type { LossMap } from '../loss/lossMap';

/** Places that are asked about together: the model reads what is tried in one run or two, and answers other questions between. */
const TOGETHER = 8;

/** Tokens behind a place that count, when it is asked what could be there instead. */
const BEHIND = 16;

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

/** A word of a text, by its tokens, and what may have been meant. */
export interface Attempt {
  /** Indices of its first token and of its last one. */
  readonly token: number;
  readonly last: number;
  /** What its tokens have before and behind it. */
  readonly before: string;
  readonly behind: string;
  /** Words to be read in its place. */
  readonly words: readonly string[];
}

/**
 * Has words read in the places of others, with the {@link BEHIND} tokens behind them.
 * @param cost of what is read in a place, in nats
 * @returns of each place what each of its words saves there, in their order; without those for which a page has no room
 * @throws what the questions throw
 */
export async function savingsOf(
  attempts: readonly Attempt[],
  questions: Questions,
  cost: (reading: Replacement) => number,
): Promise<{ readonly word: string; readonly saved: number }[][]> {
  const places = attempts.map(({ token, last, before, behind, words }) => ({
    first: token,
    last,
    texts: words.map((word) => before + word + behind),
  }));
  const answers = places.length > 0 ? await questions.replacements(places, BEHIND) : [];
  return attempts.map(({ words }, index) => {
    const { texts } = places[index];
    const [own, ...others] = answers[index] ?? [];
    return others.map((other) => ({
      word: words[texts.indexOf(other.text!)],
      saved: cost(own) - cost(other),
    }));
  });
}
