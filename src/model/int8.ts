/** Weights in 8 bits: what the fastest graph multiplies by on a CPU that has an instruction for 8-bit products. */

/** A matrix with one scale for each output; some inputs' weights are left as they are. */
export interface Int8Matrix {
  /** [K × N] q, −127 … 127, the weight of input k for output n being scale n × q; 0 for the inputs that are set aside. */
  readonly values: Int8Array<ArrayBuffer>;
  /** [N] */
  readonly scales: Float32Array<ArrayBuffer>;
  /** [inputs set aside × N] their weights. */
  readonly outliers: Float32Array<ArrayBuffer>;
}

/** Outputs that are transposed together, so that what is written next to each other is in the processor's cache. */
const TOGETHER = 64;

/** Weights that are all smaller than this become 0: float32 has too few digits there for a step. */
const SMALLEST_STEP = 2 ** -100;

/** Added to a number of moderate size it leaves no room for a fraction: rounds to the nearest whole number, half to even. */
const WHOLE = 1.5 * 2 ** 52;

/**
 * Rounds weights to 8 bits, symmetrically: each output's largest weight is ±127.
 * @param weights [N × K] row-major
 * @param columns K
 * @param outliers the inputs that are set aside, ascending
 * @throws RangeError when there are no whole rows, or not as many inputs
 */
export function toInt8(weights: Float32Array, columns: number, outliers: readonly number[]): Int8Matrix {
  const rows = weights.length / columns;
  if (!Number.isInteger(rows) || outliers.some((column) => !(column >= 0 && column < columns))) {
    throw new RangeError(`${weights.length} weights and inputs ${outliers} in rows of ${columns}`);
  }
  const values = new Int8Array(columns * rows);
  const scales = new Float32Array(rows);
  const aside = new Float32Array(outliers.length * rows);
  for (let from = 0; from < rows; from += TOGETHER) {
    const to = Math.min(from + TOGETHER, rows);
    for (let row = from; row < to; row++) {
      const step = largest(weights.subarray(row * columns, (row + 1) * columns), outliers) / 127;
      scales[row] = step > SMALLEST_STEP ? step : 1;
    }
    for (let column = 0; column < columns; column++) {
      for (let row = from; row < to; row++) {
        values[column * rows + row] = weights[row * columns + column] / scales[row] + WHOLE - WHOLE;
      }
    }
  }
  for (const [index, column] of outliers.entries()) {
    values.fill(0, column * rows, (column + 1) * rows);
    for (let row = 0; row < rows; row++) {
      aside[index * rows + row] = weights[row * columns + column];
    }
  }
  return { values, scales, outliers: aside };
}

/** The largest absolute value of a row, without some columns' (ascending). */
function largest(row: Float32Array, without: readonly number[]): number {
  let found = 0;
  let next = 0;
  for (let column = 0; column < row.length; column++) {
    if (column === without[next]) {
      next++;
    } else {
      found = Math.max(found, Math.abs(row[column]));
    }
  }
  return found;
}
