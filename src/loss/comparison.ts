/** What tells two models apart that have read the same text. */

/** A difference of sums, with how far it may be off by chance. */
export interface Difference {
  /** Σ (b − a), in the unit of the parts. */
  readonly sum: number;
  /** Standard error of the sum; NaN for fewer than two parts. */
  readonly standardError: number;
}

/**
 * The difference of two models' losses of the same parts of a text, its lines say. It is taken part by part: what is hard in a text is
 * hard for both, so that the difference is known far better than either sum. With n parts whose differences have the sample
 * variance s², the standard error of their sum is √(n s²), taking the parts as independent.
 * @param a [parts] losses of the one model
 * @param b [parts] those of the other
 * @throws RangeError when they are not as many
 */
export function pairedDifference(a: ArrayLike<number>, b: ArrayLike<number>): Difference {
  const count = a.length;
  if (b.length !== count) {
    throw new RangeError(`${count} losses of the one model and ${b.length} of the other`);
  }
  let sum = 0;
  for (let i = 0; i < count; i++) {
    sum += b[i] - a[i];
  }
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    squares += (b[i] - a[i] - mean) ** 2;
  }
  return { sum, standardError: count < 2 ? Number.NaN : Math.sqrt((count * squares) / (count - 1)) };
}

/**
 * What the tokens that begin in each line cost. Lines are what texts have in common that different tokenizers have cut.
 * @param starts [tokens] where they begin, ascending
 * @param nats [tokens] their surprisals
 * @param lines [lines] where they begin, ascending from 0, in the same unit
 * @returns [lines] in nats
 */
export function lossesByLine(
  starts: ArrayLike<number>,
  nats: ArrayLike<number>,
  lines: ArrayLike<number>,
): Float64Array {
  const losses = new Float64Array(lines.length);
  let line = 0;
  for (let i = 0; i < starts.length; i++) {
    while (line + 1 < lines.length && lines[line + 1] <= starts[i]) {
      line++;
    }
    losses[line] += nats[i];
  }
  return losses;
}

/** Indices of the parts that differ most, the largest difference first; of equal ones the first. */
export function mostDifferent(a: ArrayLike<number>, b: ArrayLike<number>, count: number): number[] {
  return Array.from(a, (value, index) => ({ index, size: Math.abs(b[index] - value) }))
    .filter(({ size }) => size > 0)
    .sort((one, other) => other.size - one.size || one.index - other.index)
    .slice(0, count)
    .map(({ index }) => index);
}
