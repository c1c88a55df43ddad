/** Surprise against uncertainty: in which of a few ways the model met the token. */

import { excessSurprisal, standardisedSurprisal } from '../src/loss/formulas';

/** What the judgement is made from; nats. */
export interface Encounter {
  /** Surprisal of the token. */
  readonly nats: number;
  /** What the model expected its surprise to be. */
  readonly entropy: number;
  readonly varentropy: number;
  readonly rank: number;
  /** Surprisal of the model's favourite. */
  readonly bestNats: number;
}

/** How the model met the token. */
export type Verdict =
  /** It had one clear favourite, and this was it. */
  | 'sure-right'
  /** It had one clear favourite, and this was far from it. */
  | 'sure-wrong'
  /** It had one clear favourite, and this was a close second. */
  | 'sure-near'
  /** It had no clear favourite, and its best guess came. */
  | 'unsure-right'
  /** It had no clear favourite; the surprise is about what it expected. */
  | 'unsure-expected'
  /** It had no clear favourite, and is surprised all the same. */
  | 'unsure-surprised';

/** A favourite is clear when it is more probable than all others together. */
const CLEAR = Math.LN2;
/** From this many nats above the entropy on (2 bits) a sure model was plainly wrong. */
const WRONG = 2 * Math.LN2;
/** Standard deviations above the entropy from which on an unsure model counts as surprised. */
const SURPRISED = 1.5;

/** Surprisal above the entropy, in standard deviations of the model's own surprise. */
export function standardised({ nats, entropy, varentropy }: Encounter): number {
  // Where float32 leaves nothing of a varentropy, it may come out a little below 0.
  return standardisedSurprisal(nats, entropy, Math.max(0, varentropy));
}

/** Judges how the model met the token. */
export function verdictOf(encounter: Encounter): Verdict {
  const { nats, entropy, rank, bestNats } = encounter;
  if (bestNats < CLEAR) {
    if (rank === 1) {
      return 'sure-right';
    }
    return excessSurprisal(nats, entropy) >= WRONG ? 'sure-wrong' : 'sure-near';
  }
  if (rank === 1) {
    return 'unsure-right';
  }
  return standardised(encounter) > SURPRISED ? 'unsure-surprised' : 'unsure-expected';
}
