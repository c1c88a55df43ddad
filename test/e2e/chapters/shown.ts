/** Assertions that a text shows a value, as closely as its digits allow. */
import assert from 'node:assert/strict';
import { formatProbability, formatSurprisal, type InformationUnit, toUnit } from '../../../src/loss/units';
import { plain } from '../support';
import { numberIn } from './page';

/** What two computations of a number may differ by: of amounts in nats; of smaller numbers this share of them. */
export const NOISE = 1e-4;

const noiseOf = (value: number) => NOISE * Math.min(1, Math.abs(value));

/**
 * Asserts that a text shows a number: within half a unit of its last digit, and the noise.
 * @param noise where it is not that of the value, as in the difference of two large numbers
 */
export function assertNumber(text: string, value: number, what: string, noise = noiseOf(value)): void {
  const digits = /\d[\d,]*(?:\.(\d+))?(\s*×\s*10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?/u.exec(text);
  assert.ok(digits, `${what}: there is no number in “${text}”`);
  const power = digits[2] === undefined ? 1 : numberIn(`1${digits[2]}`);
  // “0” is no rounded number.
  const half = digits[0] === '0' ? 0 : 0.5 * 10 ** -(digits[1]?.length ?? 0) * power;
  assertClose(numberIn(text), value, what, half * (1 + 1e-9) + noise);
}

/**
 * Asserts that a text is a number with all digits of float32, as in tables that are made to be copied.
 * @param noise as in {@link assertNumber}
 */
export function assertNumeral(text: string, value: number, what: string, noise = noiseOf(value)): void {
  assertClose(Number(text), value, what, noise + 1e-6 * Math.abs(value));
}

/** Asserts that a text is a number with three significant digits, zeros at its end left out. */
export function assertSignificant(text: string, value: number, what: string): void {
  const half = 0.5 * 10 ** (Math.floor(Math.log10(value)) - 2);
  assertClose(Number(text), value, what, half + 1e-3 * half + NOISE * value);
}

/** Asserts that two numbers are as good as the same. */
export function assertClose(shown: number, value: number, what: string, tolerance: number): void {
  assert.ok(Math.abs(shown - value) <= tolerance, `${what}: ${shown} is shown instead of ${value}`);
}

/** Asserts that a text shows an amount in formulas, with a fixed number of digits. */
export function assertFixedAmount(text: string, nats: number, unit: InformationUnit, what: string): void {
  assertNumber(text, toUnit(nats, unit), what, toUnit(noiseOf(nats), unit));
}

/** Asserts that a text is an amount with its unit, "3.46 bits". */
export function assertAmount(text: string, nats: number, unit: InformationUnit, what: string): void {
  assertWritten(text, nats, (value) => formatSurprisal(value, unit), what);
}

/** Asserts that a text is an amount as {@link assertAmount} has it, but without the unit. */
export function assertBareAmount(text: string, nats: number, unit: InformationUnit, what: string): void {
  assertWritten(text, nats, (value) => formatSurprisal(value, unit).slice(0, -unit.length - 1), what);
}

/** Asserts that a text is a probability in words, given as −log q in nats. */
export function assertProbability(text: string, nats: number, what: string): void {
  assertWritten(text, nats, formatProbability, what);
}

/** Takes a sentence apart: what stands where a pattern has its groups. */
export function partsOf(text: string, pattern: RegExp): string[] {
  const found = pattern.exec(plain(text));
  assert.ok(found, `“${text}” is not of the form ${pattern}`);
  return found.slice(1);
}

/** Asserts that a text is how nats are written; two computations may differ by the noise. */
export function assertWritten(
  text: string,
  nats: number,
  format: (nats: number) => string,
  what: string,
): void {
  const expected = waysOf(nats, format);
  assert.ok(expected.includes(plain(text)), `${what}: “${text}” is shown instead of “${expected[0]}”`);
}

/** The texts that nats may be written as. */
export function waysOf(nats: number, format: (nats: number) => string): string[] {
  return [nats, nats - noiseOf(nats), nats + noiseOf(nats)].map(format).map(plain);
}
