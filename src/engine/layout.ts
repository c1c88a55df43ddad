/** Cuts texts into what is run: tokens, pages of them, and the chunks of a page. */
import { createHash } from 'node:crypto';
import type { TokenLayout } from '../loss/lossMap';
import type { ByteTokenizer } from '../model/tokenizer';
import { lineStarts } from '../text/lines';
import { layOutPages, type PageLimits, type Pages } from '../text/pages';
import type { SectionText } from '../text/sections';
import { tokenRanges } from '../text/utf8';

/**
 * Positions that one run of the backbone takes. Chunk borders lie at multiples of this from the beginning of
 * a page's context, whatever was cached: so a result has the same bits however it came about, as long as the network's
 * weights are kept in the same form. A run of 256 positions takes well under a second, and its matrix products are as
 * fast as those of longer ones.
 */
export const CHUNK = 256;

/** One run of the backbone within a page: rows [from, to), row r predicting token `context + r`. */
export interface Chunk {
  readonly from: number;
  readonly to: number;
  /** Digest of the context's ids up to the end of this chunk. */
  readonly digest: string;
  /** First row whose token the page scores; `to` when the chunk lies in the overlap altogether. */
  readonly firstScored: number;
  /** Names the chunk's scores: the context, the last row's token, and the rows that count. */
  readonly key: string;
}

/** Tokens that are scored in one context. */
export interface Page {
  readonly index: number;
  /** Index of the context's first token; it may lie before all tokens of a section that stands alone. */
  readonly context: number;
  /** The context's ids, and those of the tokens that are scored. */
  readonly ids: Uint32Array;
  /** First token that is scored, and the one after the last. */
  readonly start: number;
  readonly end: number;
  readonly chunks: readonly Chunk[];
}

/** A section, laid out: its tokens and pages, positions counted from its own start. */
export interface LaidOutSection extends Pages {
  readonly ids: Uint32Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly start: number;
  /** Tokens that the first page's context begins with. */
  readonly before: Uint32Array;
}

/**
 * Cuts one of a text's sections into tokens and pages. What the tokenizer has cut lately costs little.
 * @param previous the section before it, unless it is the first or says itself what is before it
 * @throws ModelError when the tokenizer does not keep the text
 */
export function layOutSection(
  section: SectionText,
  previous: LaidOutSection | undefined,
  tokenizer: ByteTokenizer,
  limits: PageLimits,
): LaidOutSection {
  const { start, text, isLast } = section;
  const earlier =
    section.before === undefined
      ? previous?.ids
      : tokenizer.encode(section.before, section.before.length === start).ids;
  const before = earlier?.slice(-limits.overlap) ?? new Uint32Array();
  const { ids, byteLengths } = tokenizer.encode(text, start === 0);
  const none = new Uint32Array();
  // A text of nothing but bytes that the vocabulary lacks has no tokens either.
  const { starts, ends } = ids.length === 0 ? { starts: none, ends: none } : tokenRanges(text, byteLengths);
  const around = { before: before.length, isLast };
  const pages = layOutPages({ ids, starts }, lineStarts(text), limits, around);
  return { ids, starts, ends, ...pages, start, before };
}

/** The layout of several sections together, in the order of the text. */
export function joinSections(sections: readonly LaidOutSection[]): TokenLayout {
  const tokens = sum(sections, ({ ids }) => ids.length);
  const pages = sum(sections, ({ pageStarts }) => pageStarts.length);
  const layout: TokenLayout = {
    starts: new Uint32Array(tokens),
    ends: new Uint32Array(tokens),
    ids: new Uint32Array(tokens),
    pageStarts: new Uint32Array(pages),
    pageContexts: new Int32Array(pages),
  };
  let token = 0;
  let page = 0;
  for (const { start, starts, ends, ids, pageStarts, pageContexts } of sections) {
    layout.ids.set(ids, token);
    for (let i = 0; i < ids.length; i++) {
      layout.starts[token + i] = start + starts[i];
      layout.ends[token + i] = start + ends[i];
    }
    for (let i = 0; i < pageStarts.length; i++) {
      layout.pageStarts[page + i] = token + pageStarts[i];
      layout.pageContexts[page + i] = token + pageContexts[i];
    }
    token += ids.length;
    page += pageStarts.length;
  }
  return layout;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/**
 * The pages of sections, with their chunks, in the order of the text.
 * @param separator the token that stands before every context
 */
export function pagesOf(sections: readonly LaidOutSection[], separator: number): Page[] {
  const pages: Page[] = [];
  let first = 0;
  for (const { ids, before, pageStarts, pageContexts } of sections) {
    for (let page = 0; page < pageStarts.length; page++) {
      const start = pageStarts[page];
      const end = page + 1 < pageStarts.length ? pageStarts[page + 1] : ids.length;
      const context = pageContexts[page];
      pages.push({
        index: pages.length,
        context: first + context,
        ids:
          context < 0
            ? Uint32Array.of(...before.subarray(before.length + context), ...ids.subarray(0, end))
            : ids.subarray(context, end),
        start: first + start,
        end: first + end,
        chunks: [],
      });
    }
    first += ids.length;
  }
  return pages.map((page) => ({ ...page, chunks: chunksOf(page, separator) }));
}

function chunksOf({ ids, start, context }: Page, separator: number): Chunk[] {
  const chunks: Chunk[] = [];
  let digest = '';
  for (let from = 0; from < ids.length; from += CHUNK) {
    const to = Math.min(from + CHUNK, ids.length);
    digest = createHash('sha256')
      .update(digest)
      .update(inputsOf(ids, from, to, separator))
      .digest('base64');
    const firstScored = Math.min(Math.max(start - context, from), to);
    chunks.push({ from, to, digest, firstScored, key: `${digest} ${ids[to - 1]} ${firstScored}` });
  }
  return chunks;
}

/**
 * Says of each page's chunks whether they have tokens that are to be scored.
 * @param only flattened UTF-16 ranges that these touch; undefined for all tokens
 */
export function wantedChunks(
  { starts, ends }: TokenLayout,
  pages: readonly Page[],
  only: readonly number[] | undefined,
): boolean[][] {
  const touches = (start: number, end: number) => {
    for (let i = 0; only && i + 1 < only.length; i += 2) {
      // An empty range touches nothing.
      if (Math.max(start, only[i]) < Math.min(end, only[i + 1])) {
        return true;
      }
    }
    return only === undefined;
  };
  return pages.map(({ context, chunks }) =>
    chunks.map(
      ({ firstScored, to }) =>
        firstScored < to && touches(starts[context + firstScored], ends[context + to - 1]),
    ),
  );
}

/** The ids that the backbone reads for rows [from, to): the document separator, then the context's tokens. */
export function inputsOf(ids: Uint32Array, from: number, to: number, separator: number): Uint32Array {
  const inputs = new Uint32Array(to - from);
  for (let row = from; row < to; row++) {
    inputs[row - from] = row === 0 ? separator : ids[row - 1];
  }
  return inputs;
}
