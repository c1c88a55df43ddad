/** What the charts show of a document's losses, computed once for each series. Everything is in nats. */
import { totalLoss } from '../../../src/loss/formulas';
import { HEAT_BIN_COUNT, heatOf } from '../../../src/loss/heat';
import { concentration, type GroupTotals, runningMean, totalsByGroup } from '../../../src/loss/statistics';
import { TOKEN_KINDS, tokenKinds } from '../../../src/loss/tokenKind';
import type { PanelSeries } from '../../../src/panel/messages';

/** A line that carries much of the loss. */
export interface ExpensiveLine {
  /** 0-based. */
  readonly line: number;
  readonly nats: number;
  /** Number of its scored tokens. */
  readonly tokens: number;
  /** Index of its most surprising token. */
  readonly peak: number;
  readonly text: string;
}

export interface Analysis {
  readonly series: PanelSeries;
  readonly tokens: number;
  readonly scored: number;
  readonly total: number;
  /** Largest surprisal. */
  readonly maximum: number;
  /** The same, or a larger loss after training. */
  readonly drawnMaximum: number;
  /** [tokens] mean loss up to and including each token. */
  readonly meanSoFar: Float64Array;
  /** [scored + 1] share of the loss that the k most surprising tokens carry. */
  readonly concentration: Float64Array;
  /** By bin of the heatmap, and by kind of token. */
  readonly heat: GroupTotals;
  readonly kinds: GroupTotals;
  /** [tokens] index of each token's kind. */
  readonly kindOf: Uint8Array;
  /** Most expensive first. */
  readonly lines: readonly ExpensiveLine[];
}

const EXPENSIVE_LINES = 8;
/** Characters of a token that are shown; a run of blanks can be very long. */
const LONGEST_TEXT = 40;
const LINE_ENDS = /[\n\r]/;

/**
 * Computes what the charts show.
 * @param before an earlier analysis; while a text is being scored its tokens keep their kinds
 */
export function analyse(series: PanelSeries, before?: Analysis): Analysis {
  const { nats, adapted, text, starts, ends } = series;
  const scored = scoredOf(nats);
  const kinds =
    before && hasSameTokens(before.series, series) ? before.kindOf : tokenKinds(text, starts, ends);
  const maximum = largest(nats);
  return {
    series,
    tokens: nats.length,
    scored: scored.length,
    total: totalLoss(scored),
    maximum,
    drawnMaximum: adapted ? Math.max(maximum, largest(adapted)) : maximum,
    meanSoFar: runningMean(nats),
    concentration: concentration(scored),
    heat: totalsByGroup(nats, (i) => heatOf(nats[i]), HEAT_BIN_COUNT),
    kinds: totalsByGroup(nats, (i) => kinds[i], TOKEN_KINDS.length),
    kindOf: kinds,
    lines: expensiveLines(series),
  };
}

/** The surprisals of the scored tokens, in order. */
function scoredOf(nats: Float32Array): Float32Array {
  const scored = new Float32Array(nats.length);
  let count = 0;
  for (const value of nats) {
    if (!Number.isNaN(value)) {
      scored[count++] = value;
    }
  }
  return scored.subarray(0, count);
}

function hasSameTokens(a: PanelSeries, b: PanelSeries): boolean {
  if (a.text !== b.text || a.starts.length !== b.starts.length) {
    return false;
  }
  for (let i = 0; i < a.starts.length; i++) {
    if (a.starts[i] !== b.starts[i] || a.ends[i] !== b.ends[i]) {
      return false;
    }
  }
  return true;
}

/** The largest value; 0 when there is none. */
function largest(nats: Float32Array): number {
  let maximum = 0;
  for (const value of nats) {
    if (value > maximum) {
      maximum = value;
    }
  }
  return maximum;
}

function expensiveLines({ nats, lines, starts, text, visible }: PanelSeries): ExpensiveLine[] {
  const count = lines.length === 0 ? 0 : lines[lines.length - 1] + 1;
  const totals = totalsByGroup(nats, (i) => lines[i], count);
  const order = Array.from({ length: count }, (_, line) => line)
    .filter((line) => totals.nats[line] > 0)
    .sort((a, b) => totals.nats[b] - totals.nats[a] || a - b)
    .slice(0, EXPENSIVE_LINES);
  return order.map((line) => {
    const first = firstOfLine(lines, line);
    let peak = first;
    for (let i = first; lines[i] === line; i++) {
      // A token that is not scored is no peak: a comparison with NaN is false either way.
      if (nats[i] > nats[peak] || Number.isNaN(nats[peak])) {
        peak = i;
      }
    }
    return {
      line,
      nats: totals.nats[line],
      tokens: totals.counts[line],
      peak,
      text: visibleLine(lineAt(text, starts[peak]), visible),
    };
  });
}

/**
 * Index of the first token that begins on a line or after it; the number of tokens where there is none.
 * @param lines [N] ascending
 */
export function firstOfLine(lines: Uint32Array, line: number): number {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle] < line) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** Some of the most surprising tokens: a point of the Lorenz curve. */
export interface TopTokens {
  readonly tokens: number;
  /** Their share of the tokens and of the loss, 0 … 1. */
  readonly ofTokens: number;
  readonly ofLoss: number;
}

/**
 * The most surprising tokens that make up a share of the scored ones. Tokens are not cut: it is the nearest whole
 * number of them, at least one, and the shares are those of this number.
 * @param share of the tokens, 0 … 1
 */
export function topTokens(analysis: Pick<Analysis, 'concentration'>, share: number): TopTokens {
  const scored = analysis.concentration.length - 1;
  return topOf(analysis, Math.max(1, Math.round(share * scored)));
}

/**
 * Points of the Lorenz curve from none of the tokens to all of them, evenly spread, each of a whole number of tokens.
 * @param most number of points after the first one, at most
 */
export function topCurve(analysis: Pick<Analysis, 'concentration'>, most: number): TopTokens[] {
  const scored = analysis.concentration.length - 1;
  const steps = Math.min(most, scored);
  return Array.from({ length: steps + 1 }, (_, i) =>
    topOf(analysis, i === 0 ? 0 : Math.round((i * scored) / steps)),
  );
}

function topOf({ concentration: shares }: Pick<Analysis, 'concentration'>, wanted: number): TopTokens {
  const scored = shares.length - 1;
  const tokens = Math.min(wanted, scored);
  return { tokens, ofTokens: scored === 0 ? 0 : tokens / scored, ofLoss: shares[tokens] };
}

/** A token's text with all that is invisible in it made visible, as in the hover; cut where it is long. */
export function visibleText({ text, starts, ends, visible }: PanelSeries, token: number): string {
  const characters = [...text.slice(starts[token], ends[token])];
  const shown = characters.slice(0, LONGEST_TEXT).map((character) => visible[character] ?? character);
  return shown.join('') + (characters.length > LONGEST_TEXT ? '…' : '');
}

/** A line's text with all that is invisible in it made visible, but for its blanks: they stand between words. */
function visibleLine(line: string, visible: PanelSeries['visible']): string {
  return [...line].map((character) => (character === ' ' ? ' ' : (visible[character] ?? character))).join('');
}

/** The line of a text that an offset is on, without its end and its outer blanks. */
function lineAt(text: string, offset: number): string {
  let start = offset;
  while (start > 0 && !LINE_ENDS.test(text[start - 1])) {
    start--;
  }
  let end = offset;
  while (end < text.length && !LINE_ENDS.test(text[end])) {
    end++;
  }
  return text.slice(start, end).trim();
}
