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

/**
 * Totals over the tokens that begin in [start, end).
 * @param textOf the text in a UTF-16 range
 */
export function exactTotals(
  losses: LossMap,
  start: number,
  end: number,
  textOf: (start: number, end: number) => string,
): SpanTotals {
  const totals = losses.totals(start, end);
  const { starts, ends } = losses.layout;
  let first = losses.firstTokenAfter(start);
  while (first < losses.length && starts[first] < start) {
    first++;
  }
  let after = losses.firstTokenAfter(end - 1);
  while (after < losses.length && starts[after] < end) {
    after++;
  }
  for (let token = first + 1; token < after; token++) {
    if (starts[token] > ends[token - 1]) {
      // Between two sections of a large document lies text that is not laid out.
      return { ...totals, bytes: undefined };
    }
  }
  const bytes = after > first ? Buffer.byteLength(textOf(starts[first], ends[after - 1])) : 0;
  return { ...totals, bytes: after - first === totals.tokens ? bytes : undefined };
}

/** The sum of several totals. */
export function sumOf(spans: readonly SpanTotals[]): SpanTotals {
  return spans.reduce((sum, span) => ({
    tokens: sum.tokens + span.tokens,
    nats: sum.nats + span.nats,
    bytes: sum.bytes === undefined || span.bytes === undefined ? undefined : sum.bytes + span.bytes,
  }));
}
