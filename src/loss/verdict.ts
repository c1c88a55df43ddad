/** Surprisal against entropy: in which of a few ways the model met the token. */

import { excessSurprisal, standardisedSurprisal } from './formulas';

/** What the judgement is made from; nats. */
export interface Encounter {
  /** Surprisal of the token, −log q_y. */
  readonly nats: number;
  /** What the model expected its surprise to be, H(q). */
  readonly entropy: number;
  /** nats² */
  readonly varentropy: number;
  /** 1-based rank of the token, where it is known. */
  readonly rank?: number;
  /** Surprisal of the model's favourite, −log max q, where it is known. */
  readonly bestNats?: number;
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
const SURPRISED = 2;
/** A varentropy below this is what float32 leaves of 0, in nats². */
const SMALLEST_VARENTROPY = 1e-6;

/**
 * Surprisal above the entropy, in standard deviations of the model's own surprise.
 * @returns NaN where a model without any doubt has no scale of its own and the token is not what it expected
 */
export function standardised({ nats, entropy, varentropy }: Encounter): number {
  if (varentropy < SMALLEST_VARENTROPY) {
    return Math.abs(excessSurprisal(nats, entropy)) < Math.sqrt(SMALLEST_VARENTROPY) ? 0 : Number.NaN;
  }
  return standardisedSurprisal(nats, entropy, varentropy);
}

/**
 * Judges how the model met the token. Where the favourite is not known, the entropy stands in: it is never below
 * −log max q, so that an entropy of less than 1 bit leaves room for a clear favourite only.
 */
export function verdictOf(encounter: Encounter): Verdict {
  const { nats, entropy, rank } = encounter;
  const bestNats = encounter.bestNats ?? Math.min(nats, entropy);
  const isFavourite = rank === 1 || nats < CLEAR;
  if (bestNats < CLEAR) {
    if (isFavourite) {
      return 'sure-right';
    }
    return excessSurprisal(nats, entropy) >= WRONG ? 'sure-wrong' : 'sure-near';
  }
  if (isFavourite) {
    return 'unsure-right';
  }
  return standardised(encounter) >= SURPRISED ? 'unsure-surprised' : 'unsure-expected';
}
