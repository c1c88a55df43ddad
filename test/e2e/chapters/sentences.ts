/** Texts of the page with numbers in them, and what these numbers have to be. */
import assert from 'node:assert/strict';
import type { Locator } from 'playwright-core';
import type { ReportToken } from '../../../src/cli/report';
import {
  formatCount,
  formatProbability,
  formatSurprisal,
  type InformationUnit,
} from '../../../src/loss/units';
import { plain } from '../support';
import { type ChapterPage, numberIn } from './page';
import { NOISE } from './shown';

/** Largest difference of two sums over the tokens of a document, in nats. */
export const SUM_NOISE = 1e-3;

/** A number as it has to be shown. */
export interface Amount {
  readonly value: number;
  /** Digits after the point. */
  readonly decimals: number;
  /** How far two computations of the value may be apart. */
  readonly noise: number;
}

/** A number that is shown with exactly so many digits after the point. */
export const decimal = (value: number, decimals: number, noise = NOISE): Amount => ({
  value,
  decimals,
  noise,
});

/** A number that is shown in whole. */
export const whole = (value: number): Amount => decimal(value, 0, 0);

/** A number that is shown with as many digits as its size asks for, as in 2.07, 35.62, 121.4, 1,240. */
export const rounded = (value: number, noise = NOISE * value): Amount =>
  decimal(value, value >= 1000 ? 0 : value >= 100 ? 1 : 2, noise);

/** A share in percent, with a digit after the point where it is small. */
export function percent(share: number): Amount {
  const value = 100 * share;
  const isWhole = Math.abs(value - Math.round(value)) < 1e-9;
  return decimal(value, share < 0.0995 && !isWhole ? 1 : 0, 1e-3);
}

/** One number, without a power of ten. */
const NUMBER = /[-−]?\d+(?:,\d{3})*(?:\.(\d+))?/gu;

/**
 * Asserts that a text says these numbers in these words.
 * @param words the text with a # for each number
 */
export function assertSays(text: string, words: string, amounts: readonly Amount[]): void {
  const shown = plain(text);
  const numbers = [...shown.matchAll(NUMBER)];
  assert.equal(shown.replace(NUMBER, '#'), words, `the words of “${shown}”`);
  assert.equal(numbers.length, amounts.length, `the numbers of “${shown}”`);
  for (const [index, [number, digits = '']] of numbers.entries()) {
    const { value, decimals, noise } = amounts[index];
    assert.equal(digits.length, decimals, `the decimals of ${number} in “${shown}”`);
    // The half of a decimal is none of binary's.
    const tolerance = 0.5 * 10 ** -digits.length + noise + 1e-9;
    const isNear = Math.abs(numberIn(number) - value) <= tolerance;
    assert.ok(isNear, `“${shown}” has ${number} instead of ${value}`);
  }
}

const POWER_OF_TEN = /^(\d\.\d\d) × 10⁻([⁰¹²³⁴⁵⁶⁷⁸⁹]+)$/u;

/** Asserts that a text is the probability e^−nats, which may be too small for a number of its own. */
export function assertIsProbability(text: string, nats: number, noise = noiseOf(nats)): void {
  const q = Math.exp(-nats);
  if (q >= 1e-3) {
    assertSays(text, '#', [decimal(q, 4, q * noise)]);
    return;
  }
  const [, mantissa, exponent] = POWER_OF_TEN.exec(plain(text)) ?? [];
  assert.ok(mantissa && exponent, `“${text}” is no power of ten`);
  const power = Number([...exponent].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'.indexOf(digit)).join(''));
  const shown = power * Math.LN10 - Math.log(Number(mantissa));
  const isNear = Math.abs(shown - nats) <= 0.005 / Number(mantissa) + noise;
  assert.ok(isNear, `“${text}” is e^−${shown} instead of e^−${nats}`);
}

/** Asserts that a text says a share in percent; what is nearly nothing is not written as nothing. */
export function assertSaysShare(text: string, share: number): void {
  if (share > 0 && share < 0.0005) {
    assert.equal(plain(text), '< 0.1 %');
  } else {
    assertSays(text, '# %', [percent(share)]);
  }
}

/** Asserts that an element says these numbers in these words, and counts it as compared. */
export async function says(
  page: ChapterPage,
  element: string | Locator,
  words: string,
  amounts: readonly Amount[],
): Promise<void> {
  const found = typeof element === 'string' ? page.find(element) : element;
  try {
    assertSays(await page.read(found), words, amounts);
  } catch (error) {
    // The name of the element, so that the number is found in the page.
    throw new Error(`${element}: ${(error as Error).message}`);
  }
}

/** How far two computations of a surprisal may be apart: as far as two logits, weighed by the rest's probability. */
export const noiseOf = (nats: number): number => NOISE * -Math.expm1(-nats) + 1e-7;

/** A surprisal as it may be shown: two computations may differ by a rounding error. */
export function surprisals(nats: number, unit: InformationUnit, noise = noiseOf(nats)): string[] {
  return around(nats, noise).map((value) => formatSurprisal(value, unit));
}

/** The same without the unit. */
export function amounts(nats: number, unit: InformationUnit, noise = noiseOf(nats)): string[] {
  return surprisals(nats, unit, noise).map((text) => text.slice(0, -unit.length - 1));
}

/** The probability e^−nats as it may be shown. */
export function probabilities(nats: number, noise = noiseOf(nats)): string[] {
  return around(nats, noise).map(formatProbability);
}

const around = (value: number, noise: number): number[] => [
  value,
  Math.max(0, value - noise) || value,
  value + noise,
];

/** All texts that a sentence may be, when each of its parts may be written in several ways. */
export function sentences(
  sentence: (...parts: string[]) => string,
  ...parts: readonly (readonly string[])[]
): string[] {
  const choices = parts.reduce<string[][]>(
    (done, ways) => done.flatMap((before) => [...new Set(ways)].map((way) => [...before, way])),
    [[]],
  );
  return choices.map((choice) => sentence(...choice));
}

/** Asserts that a text, such as a description for screen readers, is one of these. */
export function assertOneOf(shown: string | null | undefined, expected: readonly string[]): void {
  assert.ok(
    expected.map(plain).includes(plain(shown ?? '')),
    `“${shown}” is shown instead of “${expected[0]}”`,
  );
}

/** Asserts that lengths in a picture are to each other as the values are that they stand for. */
export function assertProportional(lengths: readonly number[], values: readonly number[]): void {
  assert.equal(lengths.length, values.length);
  const [longest, largest] = [Math.max(...lengths), Math.max(...values)];
  assert.ok(longest > 0 && largest > 0, `nothing is drawn: ${lengths}`);
  for (const [index, length] of lengths.entries()) {
    assert.ok(
      Math.abs(length / longest - values[index] / largest) < 0.01,
      `a length of ${length} of ${longest} for ${values[index]} of ${largest}`,
    );
  }
}

/** Σ of the tokens' surprisals, in nats. */
export const sumOf = (tokens: readonly ReportToken[]): number =>
  tokens.reduce((total, { nats }) => total + nats, 0);

/** A count as it is shown. */
export const count = formatCount;
