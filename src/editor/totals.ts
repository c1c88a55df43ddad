/** Sums over a document's scores. No vscode import. */
import type { LossMap } from '../loss/lossMap';
import { type CarriedScores, displayedUnits } from './carry';
import type { SpanTotals } from './statusText';

/** In a longer document the sums of an unfinished scoring are taken over its newer scores alone. */
const FEW_TOKENS = 20_000;

/**
 * Totals over all that is shown of a document that is not scored completely: newer scores, and older ones
 * where there are no newer ones yet.
 */
export function approximateTotals(
  losses: LossMap | undefined,
  carried: CarriedScores | undefined,
): SpanTotals {
  const older = carried?.losses;
  if (!losses || losses.scored === 0 || !older) {
    return {
      ...((losses && losses.scored > 0 ? losses : (older ?? losses))?.totals() ?? nothing),
      bytes: undefined,
    };
  }
  if (losses.length > FEW_TOKENS) {
    return { ...losses.totals(), bytes: undefined };
  }
  let tokens = 0;
  let nats = 0;
  for (const { unit } of displayedUnits(losses, older)) {
    tokens += unit.last - unit.first + 1;
    nats += unit.nats;
  }
  return { tokens, nats, bytes: undefined };
}

const nothing = { tokens: 0, nats: 0 };

/** A UTF-16 range [start, end) of a text. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Totals over the tokens that some ranges touch: of a word those that the word is in, though its first token begins with
 * the blank before it. A token that several ranges touch counts once.
 * @param textOf the text in a UTF-16 range
 */
export function exactTotals(
  losses: LossMap,
  ranges: readonly TextRange[],
  textOf: (start: number, end: number) => string,
): SpanTotals {
  const { starts, ends } = losses.layout;
  let tokens = 0;
  let nats = 0;
  let bytes: number | undefined = 0;
  let token = 0;
  let counted = 0;
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    token = Math.max(token, losses.firstTokenAfter(start));
    const first = token;
    for (; token < losses.length && starts[token] < end; token++) {
      if (losses.isScored(token)) {
        tokens++;
        nats += losses.nats[token];
      } else {
        bytes = undefined;
      }
      if (token > first && starts[token] > ends[token - 1]) {
        // Between two sections of a large document lies text that is not laid out.
        bytes = undefined;
      }
    }
    if (bytes !== undefined && token > first) {
      // Two tokens may share a character.
      bytes += Buffer.byteLength(textOf(Math.max(starts[first], counted), ends[token - 1]));
      counted = ends[token - 1];
    }
  }
  return { tokens, nats, bytes };
}
