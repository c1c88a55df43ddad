import assert from 'node:assert/strict';
import fc from 'fast-check';
import { layOutPages, PAGE_LIMITS, type PageLimits, type Pages, pageLimitsFor } from '../../src/text/pages';

/** Small limits in the usual proportions, so that short streams have many pages. */
const SMALL: PageLimits = { minimum: 32, maximum: 72, overlap: 8 };

/** One token of a stream; `opens` says that a line starts with it. */
interface Token {
  readonly id: number;
  readonly opens: boolean;
}

function layOut(stream: readonly Token[], limits: PageLimits): Pages {
  // Three code units a token; a line starts at the token or, as merged indentation has it, one unit before.
  const ids = Uint32Array.from(stream, ({ id }) => id);
  const starts = Uint32Array.from(stream, (_, i) => 3 * i);
  const lines = stream.flatMap(({ id, opens }, i) => (opens && i > 0 ? [3 * i - (id % 2)] : []));
  return layOutPages({ ids, starts }, Uint32Array.from([0, ...lines]), limits);
}

const token = fc.record({
  id: fc.nat(2000),
  opens: fc.integer({ min: 0, max: 9 }).map((roll) => roll === 0),
});
const line = fc
  .array(fc.nat(2000), { minLength: 1, maxLength: 20 })
  .map((ids) => ids.map((id, i) => ({ id, opens: i === 0 })));
/** Ordinary lines, random tokens, periodic text, text of one token, one long line. */
const stream: fc.Arbitrary<Token[]> = fc.oneof(
  fc.array(line, { maxLength: 60 }).map((lines) => lines.flat()),
  fc.array(token, { maxLength: 600, size: 'max' }),
  fc.tuple(fc.array(token, { minLength: 1, maxLength: 12 }), fc.nat(100)).map(([part, times]) => {
    return Array.from({ length: times }, () => part).flat();
  }),
  fc.nat(900).map((length) => Array.from({ length }, () => ({ id: 7, opens: false }))),
);

function tokensRun({ pageStarts, pageContexts }: Pages, tokens: number): number {
  return pageStarts.reduce((sum, _, page) => sum + (pageStarts[page + 1] ?? tokens) - pageContexts[page], 0);
}

describe('text: pages', () => {
  it('a text up to the maximum is one page', () => {
    const tokens = Array.from({ length: SMALL.maximum }, (_, id) => ({ id, opens: true }));
    assert.deepEqual(layOut(tokens, SMALL), {
      pageStarts: Uint32Array.of(0),
      pageContexts: Int32Array.of(0),
    });
    assert.equal(layOut([...tokens, { id: 1, opens: false }], SMALL).pageStarts.length, 2);
    assert.equal(layOut([], SMALL).pageStarts.length, 0);
  });

  it('keeps lengths, context and cost on every text, and does so again', () => {
    fc.assert(
      fc.property(stream, (tokens) => {
        const pages = layOut(tokens, SMALL);
        const { pageStarts, pageContexts } = pages;
        assert.deepEqual(layOut(tokens, SMALL), pages);
        pageStarts.forEach((start, page) => {
          const end = pageStarts[page + 1] ?? tokens.length;
          assert.ok(end - start >= 1 && end - start <= SMALL.maximum);
          assert.ok(page === pageStarts.length - 1 || end - start >= SMALL.minimum);
          assert.equal(pageContexts[page], Math.max(0, start - SMALL.overlap));
          assert.ok(page === 0 || start - pageContexts[page] === SMALL.overlap);
        });
        assert.ok(tokens.length === 0 || pageStarts[0] === 0);
        assert.ok(tokensRun(pages, tokens.length) <= 1.25 * tokens.length);
      }),
      { numRuns: 300 },
    );
  });

  it('gives a part of a longer text its context, and no short page at its end', () => {
    fc.assert(
      fc.property(stream, (tokens) => {
        const ids = Uint32Array.from(tokens, ({ id }) => id);
        const starts = Uint32Array.from(tokens, (_, i) => 3 * i);
        const around = { before: SMALL.overlap, isLast: false };
        const { pageStarts, pageContexts } = layOutPages({ ids, starts }, Uint32Array.of(0), SMALL, around);
        pageStarts.forEach((start, page) => {
          const end = pageStarts[page + 1] ?? tokens.length;
          assert.equal(pageContexts[page], start - SMALL.overlap);
          assert.ok(end - start <= SMALL.maximum);
          assert.ok(pageStarts.length === 1 || end - start >= SMALL.minimum);
        });
      }),
      { numRuns: 100 },
    );
  });

  it('cuts at line starts only, where no line is longer than what the limits leave to choose from', () => {
    const short = SMALL.maximum - 2 * SMALL.minimum;
    fc.assert(
      fc.property(fc.array(line, { minLength: 40, maxLength: 60, size: 'max' }), (lines) => {
        const tokens = lines.flatMap((part) => part.slice(0, short));
        for (const start of layOut(tokens, SMALL).pageStarts) {
          assert.ok(tokens[start].opens);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('cuts do not depend on what is far away', () => {
    // Everything before and after a stretch of several pages is exchanged; cuts deep inside stay.
    const random = generator(5);
    let same = 0;
    let all = 0;
    for (let round = 0; round < 100; round++) {
      const middle = code(random, 640);
      const cuts = [0, 1].map(() => {
        const before = code(random, 200 + Math.floor(random() * 200));
        const { pageStarts } = layOut([...before, ...middle, ...code(random, 300)], SMALL);
        return new Set(
          [...pageStarts].map((start) => start - before.length).filter((at) => at > 192 && at < 448),
        );
      });
      all += cuts[0].size;
      same += [...cuts[0]].filter((cut) => cuts[1].has(cut)).length;
    }
    assert.ok(same / all > 0.97, `${same} of ${all}`);
  });

  it('leaves every token its context in a small window, up to a quarter of the window', () => {
    assert.deepEqual(pageLimitsFor(8192), PAGE_LIMITS);
    assert.deepEqual(pageLimitsFor(2561), PAGE_LIMITS);
    assert.deepEqual(pageLimitsFor(2048), { minimum: 796, maximum: 1791, overlap: 256 });
    assert.deepEqual(pageLimitsFor(1024), { minimum: 340, maximum: 767, overlap: 256 });
    assert.deepEqual(pageLimitsFor(256), { minimum: 84, maximum: 191, overlap: 64 });
    for (let window = 5; window <= 2600; window++) {
      const limits = pageLimitsFor(window);
      const { maximum, overlap } = limits;
      assert.ok(1 + overlap + maximum <= window);
      assert.equal(overlap, Math.min(256, Math.floor(window / 4)));
      // Refuses what contradicts itself.
      layOut([], limits);
    }
    assert.throws(() => pageLimitsFor(4), RangeError);
    assert.throws(() => layOut([], { minimum: 40, maximum: 64, overlap: 8 }), RangeError);
    assert.throws(() => layOut([], { minimum: 32, maximum: 64, overlap: 33 }), RangeError);
  });

  it('takes two million tokens in about a second, periodic ones too', () => {
    const length = 2_000_000;
    const ids = Uint32Array.from({ length }, (_, i) => i % 3);
    const starts = Uint32Array.from({ length }, (_, i) => i);
    const began = performance.now();
    layOutPages({ ids, starts }, Uint32Array.of(0), PAGE_LIMITS);
    assert.ok(performance.now() - began < 5000);
  }).timeout(20_000);
});

/**
 * How local edits are, measured: fixed random streams of 16,000 tokens in lines of 10 on average, edited at a random
 * place. The bounds are what was measured, with room for another choice of hash; they catch a scheme that
 * got worse.
 */
describe('text: locality of pages', () => {
  const ROUNDS = 100;

  const edits: Record<
    string,
    { edit: (random: () => number) => [removed: number, added: number]; forward: number; backward: number }
  > = {
    'a token replaced or added': { edit: (random) => [Math.floor(2 * random()), 1], forward: 2, backward: 4 },
    'a line added or removed': {
      edit: (random) => (random() < 0.5 ? [0, 10] : [10, 0]),
      forward: 3,
      backward: 7,
    },
    'a block of 200–1200 added or removed': {
      edit: (random) => {
        const block = 200 + Math.floor(1000 * random());
        return random() < 0.5 ? [0, block] : [block, 0];
      },
      forward: 8,
      backward: 45,
    },
  };

  for (const [name, { edit, forward, backward }] of Object.entries(edits)) {
    it(`${name}: beyond the next page in at most ${forward} %, before the edit in at most ${backward} %`, () => {
      const random = generator(11);
      let beyond = 0;
      let before = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const changed = applyEdit(random, edit(random));
        beyond += changed.beyondNextPage ? 1 : 0;
        before += changed.beforeEdit ? 1 : 0;
      }
      assert.ok(beyond <= (forward / 100) * ROUNDS, `${beyond} of ${ROUNDS} reached beyond the next page`);
      assert.ok(
        before <= (backward / 100) * ROUNDS,
        `${before} of ${ROUNDS} changed a context before the edit`,
      );
    }).timeout(20_000);
  }
});

/** Edits a stream; says whether contexts changed beyond the page after the edit's, or before the edit. */
function applyEdit(
  random: () => number,
  [removed, added]: [number, number],
): { beyondNextPage: boolean; beforeEdit: boolean } {
  const tokens = code(random, 16_000);
  const at = 4000 + Math.floor(random() * 5000);
  const edited = [...tokens.slice(0, at), ...code(random, added), ...tokens.slice(at + removed)];
  const shift = added - removed;
  const old = [...layOut(tokens, PAGE_LIMITS).pageStarts];
  const now = [...layOut(edited, PAGE_LIMITS).pageStarts];
  const own = old.findLastIndex((start) => start < Math.max(at + removed, at + 1));
  const unaffected = old[own + 2] ?? tokens.length;
  const tail = (starts: readonly number[], by: number): string =>
    starts
      .map((start) => start - by)
      .filter((start) => start >= unaffected)
      .join();
  const head = (starts: readonly number[]): string => starts.filter((start) => start < at).join();
  // Both lists must agree from the unaffected page on, and it must still be a page.
  return { beyondNextPage: tail(old, 0) !== tail(now, shift), beforeEdit: head(old) !== head(now) };
}

/** A stream of lines with a geometric length, 10 tokens on average. */
function code(random: () => number, length: number): Token[] {
  const tokens: Token[] = [];
  let left = 0;
  for (let i = 0; i < length; i++) {
    const opens = left === 0;
    left = opens ? Math.floor(-9 * Math.log(1 - random())) : left - 1;
    tokens.push({ id: Math.floor(2000 * random()), opens });
  }
  return tokens;
}

/** mulberry32: a fixed sequence of numbers in [0, 1). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
