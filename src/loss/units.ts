/** Units of information, and numbers as people read them. Inside, everything is in nats. */

/** Nats in one bit: ln 2. */
export const NATS_PER_BIT = Math.LN2;
/** Nats in one hartley (decimal digit): ln 10. */
export const NATS_PER_HARTLEY = Math.LN10;

/** The units in which surprisal can be shown. */
export const INFORMATION_UNITS = ['bits', 'nats', 'hartleys'] as const;
export type InformationUnit = (typeof INFORMATION_UNITS)[number];

/** Converts nats to bits: x / ln 2. */
export function toBits(nats: number): number {
  return nats / NATS_PER_BIT;
}

/** Converts nats to hartleys: x / ln 10. */
export function toHartleys(nats: number): number {
  return nats / NATS_PER_HARTLEY;
}

/** Converts nats to the unit. */
export function toUnit(nats: number, unit: InformationUnit): number {
  if (unit === 'bits') {
    return toBits(nats);
  }
  return unit === 'hartleys' ? toHartleys(nats) : nats;
}

/**
 * An amount of information with its unit, for example "3.46 bits", "12.3 bits", "0.0042 nats".
 * @param nats may be negative (excess surprisal)
 * @throws RangeError when it is NaN or infinite
 */
export function formatSurprisal(nats: number, unit: InformationUnit): string {
  return `${formatAmount(toUnit(finite(nats), unit))} ${unit}`;
}

/** Below this an amount is shown as "< 0.001": float32 logits carry no more than that. */
const SMALLEST_AMOUNT = 0.001;

function formatAmount(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude === 0) {
    return '0';
  }
  if (magnitude < SMALLEST_AMOUNT) {
    return value > 0 ? `< ${SMALLEST_AMOUNT}` : `> −${SMALLEST_AMOUNT}`;
  }
  return `${value < 0 ? '−' : ''}${significant(magnitude)}`;
}

/** Two decimals from 0.095 on, one from 9.995 on, two significant digits below. */
function significant(magnitude: number): string {
  if (magnitude >= 9.995) {
    return magnitude.toFixed(1);
  }
  return magnitude >= 0.095 ? magnitude.toFixed(2) : magnitude.toPrecision(2);
}

/** From this probability down, "1 in N" is easier to read than a percentage. */
const SMALLEST_PERCENTAGE = 1e-4;
/** A complement (1 − p) below this is not worth its digits. */
const SMALLEST_COMPLEMENT = 1e-6;

/**
 * A probability, given by its surprisal −log p in nats, so that it cannot underflow: "12.3 %", "0.041 %",
 * "99.98 %", "1 in 3.2 million", "1 in 4.1 × 10²⁵".
 * @throws RangeError when the surprisal is NaN or infinite
 */
export function formatProbability(nats: number): string {
  // A surprisal may come out a rounding error below 0.
  const surprisal = Math.max(0, finite(nats));
  const probability = Math.exp(-surprisal);
  if (probability >= 0.995) {
    return formatNearCertain(-Math.expm1(-surprisal));
  }
  if (probability >= 0.0995) {
    return `${(100 * probability).toFixed(1)} %`;
  }
  if (probability >= SMALLEST_PERCENTAGE) {
    return `${(100 * probability).toPrecision(2)} %`;
  }
  return `1 in ${formatLarge(toHartleys(surprisal))}`;
}

/** The percentage p = 1 − complement, with two significant digits of the complement. */
function formatNearCertain(complement: number): string {
  if (complement === 0) {
    return '100 %';
  }
  if (complement < SMALLEST_COMPLEMENT) {
    return `> ${100 - 100 * SMALLEST_COMPLEMENT} %`;
  }
  const decimals = Math.max(1, -Math.floor(Math.log10(100 * complement)) + 1);
  return `${(100 - 100 * complement).toFixed(decimals)} %`;
}

const LARGE_NAMES = ['million', 'billion', 'trillion'] as const;

/** 10^exponent with two significant digits, in words up to trillions. */
function formatLarge(exponent: number): string {
  let power = Math.floor(exponent);
  let mantissa = Number((10 ** (exponent - power)).toPrecision(2));
  if (mantissa === 10) {
    mantissa = 1;
    power++;
  }
  if (power < 6) {
    return formatCount(mantissa * 10 ** power);
  }
  const name = LARGE_NAMES[Math.floor(power / 3) - 2];
  return name === undefined
    ? `${mantissa.toFixed(1)} × 10${superscript(power)}`
    : `${Number((mantissa * 10 ** (power % 3)).toPrecision(2))} ${name}`;
}

function superscript(value: number): string {
  return String(value).replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]);
}

const COUNT_FORMAT = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/**
 * A count with its thousands marked: "49,152".
 * @throws RangeError when it is NaN or infinite
 */
export function formatCount(count: number): string {
  return COUNT_FORMAT.format(finite(count));
}

/** A size as file managers show it: "0.1 MB", "312 MB", "1.4 GB". */
export function formatBytes(bytes: number): string {
  const megabytes = bytes / 1e6;
  return bytes < 1e9 ? `${megabytes.toFixed(megabytes < 9.95 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

function finite(value: number): number {
  if (!Number.isFinite(value)) {
    throw new RangeError(`${value} cannot be shown as a number`);
  }
  return value;
}
