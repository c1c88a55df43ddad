/** Numbers of this chapter as text. */
import { count, fixed } from '../../format';

/** Significant digits of a step size or a learning rate. */
const DIGITS = 3;

/** A value that a logarithmic slider gives, with the digits that it is shown with. */
export function significant(value: number): number {
  return Number(value.toPrecision(DIGITS));
}

/** The same as text: 0.0105, 1, 12.9, 100. */
export function significantText(value: number): string {
  const rounded = significant(value);
  if (rounded === 0) {
    return '0';
  }
  const needed = Math.max(0, DIGITS - 1 - Math.floor(Math.log10(Math.abs(rounded))));
  const text = fixed(rounded, needed);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** A tick of an axis. */
export function tickText(value: number): string {
  return Math.abs(value) >= 1000 ? count(value) : String(Number(value.toPrecision(6)));
}
