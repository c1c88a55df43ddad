/** Decimals that a float32 needs so that reading it back gives the same float32: at most 9, at least 6 are exact. */
const FEWEST_DIGITS = 6;
const MOST_DIGITS = 9;

/**
 * The shortest decimal number that rounds to the same float32: 0.1 for Math.fround(0.1), not 0.10000000149011612.
 * Numbers that are no float32 are rounded to one first.
 */
export function shortestFloat32(value: number): number {
  const single = Math.fround(value);
  for (let digits = FEWEST_DIGITS; digits < MOST_DIGITS; digits++) {
    const candidate = Number(single.toPrecision(digits));
    if (Math.fround(candidate) === single) {
      return candidate;
    }
  }
  return Number.isFinite(single) ? Number(single.toPrecision(MOST_DIGITS)) : single;
}
