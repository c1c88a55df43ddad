/** Comparing what a page shows with the numbers that it should show. */
import assert from 'node:assert/strict';
import { plain } from '../support';
import { numberIn } from './page';

/** How much two computations may differ: in nats, and of a number below 1 as a share of it. */
const NOISE = 1e-4;

function noiseOf(value: number): number {
  return NOISE * Math.min(1, Math.abs(value));
}

/** What 1 in the last digit of a text's number is worth: 0.001 for "−12.345 bits". */
function lastDigitOf(shown: string): number {
  const one = plain(shown).replace(/\d[\d,]*(\.\d+)?/, (digits) =>
    digits.replace(/\d/g, '0').replace(/0$/, '1'),
  );
  return Math.abs(numberIn(one));
}

/** Asserts that the first number in a text is a value, right to its last digit. */
export function assertNumber(what: string, shown: string, value: number): void {
  // Half a digit exactly may be rounded either way.
  const tolerance = 0.5000001 * lastDigitOf(shown) + noiseOf(value);
  assert.ok(
    Math.abs(numberIn(shown) - value) <= tolerance,
    `${what}: “${shown}” is shown instead of ${value}`,
  );
}

/** Asserts that a cell with all the digits that a number has is a value. */
export function assertCell(what: string, shown: string, value: number): void {
  const tolerance = noiseOf(value) + 1e-6 * Math.abs(value);
  assert.ok(Math.abs(Number(shown) - value) <= tolerance, `${what}: “${shown}” is shown instead of ${value}`);
}

/** The texts that nats may be shown as: two computations may differ by the noise. */
export function waysOf(nats: number, format: (nats: number) => string): string[] {
  return [nats, nats - noiseOf(nats), nats + noiseOf(nats)].map(format).map(plain);
}

/** Asserts that a text is how nats are written. */
export function assertWritten(
  what: string,
  shown: string,
  nats: number,
  format: (nats: number) => string,
): void {
  const expected = waysOf(nats, format);
  assert.ok(expected.includes(shown), `${what}: “${shown}” is shown instead of “${expected[0]}”`);
}

/** The parts of a sentence that the groups of a pattern are; asserts that the pattern fits. */
export function partsOf(sentence: string, pattern: RegExp): string[] {
  const found = pattern.exec(sentence);
  assert.ok(found, `“${sentence}” does not fit ${pattern}`);
  return found.slice(1);
}
