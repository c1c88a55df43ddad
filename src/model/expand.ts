/** Blocks of 4-bit and 8-bit weights to float32. */

/** Weights that share a scale and a minimum. */
export const BLOCK = 32;

/** A matrix of Q4_1 blocks: each weight is scale × q + minimum, with q of 0 … 15. */
export interface QuantizedMatrix {
  /** Outputs N. */
  readonly rows: number;
  /** Inputs K, a multiple of {@link BLOCK}. */
  readonly columns: number;
  /** [N × K / 2] two q a byte, the first one in the low half. */
  readonly values: Uint8Array;
  /** [N × K / 32] float16, as bits. */
  readonly scales: Uint16Array;
  /** [N × K / 32] float16, as bits. */
  readonly minimums: Uint16Array;
}

/**
 * Computes a matrix's weights, each rounded once to float32.
 * @param weights room for them
 * @returns [N × K] row-major, in that room
 * @throws RangeError when the parts do not fit each other, or the room does not fit them
 */
export function expand(
  { rows, columns, values, scales, minimums }: QuantizedMatrix,
  weights = new Float32Array(rows * columns),
): Float32Array<ArrayBuffer> {
  const blocks = (rows * columns) / BLOCK;
  if (
    columns % BLOCK !== 0 ||
    values.length !== (rows * columns) / 2 ||
    scales.length !== blocks ||
    minimums.length !== blocks ||
    weights.length !== rows * columns
  ) {
    throw new RangeError(`the blocks of a matrix of ${rows} × ${columns} weights do not fit it`);
  }
  const halves = float16Values();
  /** The sixteen values that a block's weights can have. */
  const levels = new Float32Array(16);
  let at = 0;
  let byte = 0;
  for (let block = 0; block < blocks; block++) {
    const scale = halves[scales[block]];
    const minimum = halves[minimums[block]];
    for (let q = 0; q < 16; q++) {
      // The product of 11 and 4 bits is exact, so that only the sum is rounded.
      levels[q] = scale * q + minimum;
    }
    for (const end = byte + BLOCK / 2; byte < end; byte++) {
      const pair = values[byte];
      weights[at++] = levels[pair & 15];
      weights[at++] = levels[pair >> 4];
    }
  }
  return weights;
}

/** A matrix of Q8_0 blocks: each weight is scale × (q − 128), with q of 0 … 255. */
export interface ByteMatrix {
  /** Inputs K, a multiple of {@link BLOCK}. */
  readonly columns: number;
  /** [N × K] */
  readonly values: Uint8Array;
  /** [N × K / 32] float16, as bits. */
  readonly scales: Uint16Array;
}

/**
 * Computes a matrix's weights, which float32 holds exactly.
 * @param weights room for them
 * @returns [N × K] row-major, in that room
 * @throws RangeError when the parts do not fit each other, or the room does not fit them
 */
export function expandBytes(
  { columns, values, scales }: ByteMatrix,
  weights = new Float32Array(values.length),
): Float32Array<ArrayBuffer> {
  if (
    columns % BLOCK !== 0 ||
    values.length % columns !== 0 ||
    scales.length !== values.length / BLOCK ||
    weights.length !== values.length
  ) {
    throw new RangeError(`the blocks of a matrix of ${columns} columns do not fit it`);
  }
  const halves = float16Values();
  for (let at = 0; at < weights.length; at++) {
    weights[at] = halves[scales[Math.floor(at / BLOCK)]] * (values[at] - 128);
  }
  return weights;
}

let table: Float32Array | undefined;

/** The value of each of the 65,536 float16 numbers (IEEE 754 binary16), by its bits. */
function float16Values(): Float32Array {
  if (!table) {
    table = new Float32Array(1 << 16);
    for (let bits = 0; bits < table.length; bits++) {
      const sign = bits & 0x8000 ? -1 : 1;
      const exponent = (bits >> 10) & 31;
      const fraction = bits & 1023;
      table[bits] =
        exponent === 31
          ? fraction === 0
            ? sign * Number.POSITIVE_INFINITY
            : Number.NaN
          : sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
    }
  }
  return table;
}
