/**
 * Numbers as the page shows them. Amounts and probabilities read as everywhere else in the extension; what is here
 * beyond that is for formulas, where the reader computes along and wants a fixed number of digits.
 */
import { formatCount, formatProbability, formatSurprisal, toHartleys, toUnit } from '../src/loss/units';
import type { PanelUnit } from '../src/panel/messages';

const LOCALE = 'en';
const MINUS = '\u2212';
const NO_BREAK_SPACE = '\u00a0';

const decimals = new Map<number, Intl.NumberFormat>();

/** A whole number with its thousands set apart. */
export const count = formatCount;

/** An amount of surprise in the unit, with its unit; it is never broken over two lines. */
export function surprisal(nats: number, unit: PanelUnit): string {
  return keepTogether(formatSurprisal(nats, unit));
}

/** The same without the unit. */
export function shortAmount(nats: number, unit: PanelUnit): string {
  return keepTogether(formatSurprisal(nats, unit).slice(0, -unit.length - 1));
}

/** A probability, given as −log q in nats. */
export function probability(nats: number): string {
  return keepTogether(formatProbability(nats));
}

/** A number with exactly so many digits after the point, and a true minus sign. */
export function fixed(value: number, digits: number): string {
  let format = decimals.get(digits);
  if (!format) {
    format = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: digits, maximumFractionDigits: digits });
    decimals.set(digits, format);
  }
  const text = format.format(Math.abs(value));
  // A number that rounds to zero has no sign.
  return value < 0 && /[1-9]/.test(text) ? MINUS + text : text;
}

/** Nats as a number of the unit, with exactly so many digits after the point. */
export function fixedAmount(nats: number, unit: PanelUnit, digits: number): string {
  return fixed(toUnit(nats, unit), digits);
}

/** e^−nats as `mantissa` × 10^`exponent`. */
export function scientific(nats: number): { readonly mantissa: string; readonly exponent: number } {
  const base10 = -toHartleys(nats);
  const exponent = Math.floor(base10);
  const mantissa = fixed(10 ** (base10 - exponent), 2);
  return mantissa === '10.00' ? { mantissa: '1.00', exponent: exponent + 1 } : { mantissa, exponent };
}

/** The probability e^−nats as a number between 0 and 1. */
export function probabilityNumber(nats: number): string {
  const q = Math.exp(-nats);
  if (q >= SMALLEST_DECIMAL) {
    return fixed(q, 4);
  }
  const { mantissa, exponent } = scientific(nats);
  return keepTogether(`${mantissa} × 10${superscript(exponent)}`);
}

/** Below this a probability is written as a power of ten: four decimals would say too little. */
export const SMALLEST_DECIMAL = 1e-3;

function superscript(value: number): string {
  const digits = String(Math.abs(value)).replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]);
  return value < 0 ? `⁻${digits}` : digits;
}

/** A number of any size with the digits that matter: 2.07, 35.62, 121.4, 1,240. */
export function rounded(value: number): string {
  return value >= 1000 ? count(value) : fixed(value, value >= 100 ? 1 : 2);
}

function keepTogether(text: string): string {
  return text.replaceAll(' ', NO_BREAK_SPACE);
}
