/** What is said of two models that have read the same text. No vscode import. */
import { bitsPerByte } from '../loss/formulas';
import { formatSurprisal, type InformationUnit, toUnit } from '../loss/units';
import type { Translate } from './localize';

/** Two models' losses of a text. */
export interface Compared {
  /** The text's name. */
  readonly name: string;
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
  /** Names of the models: of the one that is in use, and of the other. */
  readonly models: readonly [string, string];
  /** [lines] what each line costs them, in nats. */
  readonly losses: readonly [Float64Array, Float64Array];
  /** Σ (second − first) in nats, and its standard error. */
  readonly difference: { readonly sum: number; readonly standardError: number };
}

/** By how much a line costs the other model more, and what it costs both: "+13.1 bits (31.8 → 44.9)". */
export function differenceText(first: number, second: number, unit: InformationUnit): string {
  const [, name] = formatSurprisal(first, unit).split(/ (?=\S+$)/);
  const [from, to] = [first, second].map((nats) => formatSurprisal(nats, unit).replace(/ \S+$/, ''));
  const difference = toUnit(second - first, unit);
  return `${difference < 0 ? '−' : '+'}${Math.abs(difference).toFixed(1)} ${name} (${from} → ${to})`;
}

/** The text as a whole, in a sentence. */
export function comparisonSentence(
  { name, bytes, models, losses, difference }: Compared,
  t: Translate,
): string {
  const perByte = (nats: number) => (bytes === 0 ? 0 : bitsPerByte(nats, bytes));
  const total = perByte(losses[1].reduce((sum, nats) => sum + nats, 0)).toFixed(4);
  const amount = Math.abs(perByte(difference.sum)).toFixed(4);
  if (Number(amount) === 0) {
    return t(
      'With {0}, {1} takes {2} bits per byte, as many as with {3}.',
      models[1],
      name,
      total,
      models[0],
    );
  }
  const error = Number.isNaN(difference.standardError)
    ? ''
    : ` ± ${perByte(difference.standardError).toFixed(4)}`;
  return difference.sum > 0
    ? t(
        'With {0}, {1} takes {2} bits per byte, {3} more than with {4}.',
        models[1],
        name,
        total,
        amount + error,
        models[0],
      )
    : t(
        'With {0}, {1} takes {2} bits per byte, {3} fewer than with {4}.',
        models[1],
        name,
        total,
        amount + error,
        models[0],
      );
}
