/** The heatmap's bins: fixed amounts of surprisal, so that a colour means the same in every file and model. */
import { formatProbability, NATS_PER_BIT, toBits } from './units';

/** Lower edges of bins 1 … 7 in bits, each edge in the bin above it. The only home of these numbers. */
export const HEAT_EDGES_BITS = [1, 2, 4, 6, 8, 11, 14] as const;

/** From this many bits on a token is worth a look: the lower edge of the upper bins. */
export const SURPRISING_BITS: number = HEAT_EDGES_BITS[4];

/**
 * From this many bits on a word is: most misspelt ones have more, and of others few (`npm run bench -- mistakes`). A word has more
 * bits than a token, because it is several.
 */
export const SURPRISING_WORD_BITS = 17;

/** Number of bins. */
export const HEAT_BIN_COUNT = HEAT_EDGES_BITS.length + 1;

/** One bin of the heatmap. */
export interface HeatBin {
  /** 0 (expected) … 7 (most surprising). */
  readonly index: number;
  /** Smallest surprisal in the bin, in bits. */
  readonly fromBits: number;
  /** Surprisal where the next bin begins, in bits; infinite for the last. */
  readonly toBits: number;
  /** For example "2–4 bits". */
  readonly label: string;
  /** What a token of this bin is, in a few words. */
  readonly character: string;
  /** One sentence: its probability, and what it is. */
  readonly meaning: string;
}

const CHARACTERS = [
  'what the model expected',
  'among its first guesses',
  'plausible',
  'less usual',
  'unexpected here',
  'surprising',
  'very surprising',
  'nearly ruled out by the model',
] as const;

/** The bins, from the least surprising on. */
export const HEAT_BINS: readonly HeatBin[] = Array.from({ length: HEAT_BIN_COUNT }, (_, index) => {
  const from = index === 0 ? 0 : HEAT_EDGES_BITS[index - 1];
  const to = index === HEAT_EDGES_BITS.length ? Number.POSITIVE_INFINITY : HEAT_EDGES_BITS[index];
  return {
    index,
    fromBits: from,
    toBits: to,
    label: binLabel(from, to),
    character: CHARACTERS[index],
    meaning: `${probabilityRange(from, to)}: ${CHARACTERS[index]}.`,
  };
});

/**
 * The bin of a surprisal.
 * @param nats surprisal in nats
 * @returns 0 … 7
 * @throws RangeError when it is NaN
 */
export function heatOf(nats: number): number {
  if (Number.isNaN(nats)) {
    throw new RangeError('a token without a surprisal has no heat');
  }
  const bits = toBits(nats);
  let bin = 0;
  while (bin < HEAT_EDGES_BITS.length && bits >= HEAT_EDGES_BITS[bin]) {
    bin++;
  }
  return bin;
}

function binLabel(from: number, to: number): string {
  if (from === 0) {
    return `under ${to} ${to === 1 ? 'bit' : 'bits'}`;
  }
  return Number.isFinite(to) ? `${from}–${to} bits` : `${from} bits and more`;
}

function probabilityRange(from: number, to: number): string {
  if (from === 0) {
    return `Probability above ${formatProbability(to * NATS_PER_BIT)}`;
  }
  const most = formatProbability(from * NATS_PER_BIT);
  return Number.isFinite(to)
    ? `Probability between ${formatProbability(to * NATS_PER_BIT)} and ${most}`
    : `Probability of ${most} or less`;
}
