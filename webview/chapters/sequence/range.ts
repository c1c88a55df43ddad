/** The stretch of tokens that the loss chart shows. */

/** Tokens [first, end). */
export interface Range {
  readonly first: number;
  readonly end: number;
}

/** No closer than this many tokens, where the document has as many. */
export const SMALLEST_RANGE = 8;

/** The whole document. */
export const wholeRange = (tokens: number): Range => ({ first: 0, end: tokens });

export const isWhole = (range: Range, tokens: number): boolean => range.first === 0 && range.end === tokens;

/** A range of whole tokens inside the document, not smaller than the smallest, as near to the given one as can be. */
export function clampRange({ first, end }: Range, tokens: number): Range {
  const low = Math.min(first, end);
  const length = Math.min(tokens, Math.max(SMALLEST_RANGE, Math.round(Math.abs(end - first))));
  const from = Math.min(Math.max(0, Math.round(low)), tokens - length);
  return { first: from, end: from + length };
}

/** The range moved by a number of tokens; its length stays. */
export function moveRange({ first, end }: Range, by: number, tokens: number): Range {
  return clampRange({ first: first + by, end: end + by }, tokens);
}

/**
 * The range made longer or shorter.
 * @param factor of its length; below 1 zooms in
 * @param anchor the place that stays where it is, as a share of the range from 0 to 1
 */
export function zoomRange({ first, end }: Range, factor: number, anchor: number, tokens: number): Range {
  const length = Math.min(tokens, Math.max(SMALLEST_RANGE, (end - first) * factor));
  const from = first + (end - first - length) * anchor;
  return clampRange({ first: from, end: from + length }, tokens);
}

/** The range with the token inside: itself, or moved so that the token is in its middle. */
export function rangeWith(range: Range, token: number, tokens: number): Range {
  if (token >= range.first && token < range.end) {
    return range;
  }
  const length = range.end - range.first;
  return moveRange(range, Math.round(token - length / 2) - range.first, tokens);
}
