import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TOKEN_KINDS } from '../../src/loss/tokenKind';
import type { PanelSeries } from '../../src/panel/messages';
import {
  analyse,
  firstOfLine,
  topCurve,
  topTokens,
  visibleText,
} from '../../webview/chapters/sequence/analysis';
import {
  clampRange,
  isWhole,
  moveRange,
  rangeWith,
  SMALLEST_RANGE,
  wholeRange,
  zoomRange,
} from '../../webview/chapters/sequence/range';

const document = fc.integer({ min: 1, max: 5000 });
const place = fc.double({ min: -6000, max: 12_000, noNaN: true });

/** A series of tokens that "|" separates. */
function seriesOf(cut: string, nats: readonly number[]): PanelSeries {
  const tokens = cut.split('|');
  const text = tokens.join('');
  const ends = tokens.map((_, i) => tokens.slice(0, i + 1).join('').length);
  const starts = ends.map((end, i) => end - tokens[i].length);
  return {
    scoring: { uri: 'file:///a', score: 1 },
    revision: 1,
    text,
    visible: {},
    starts: Uint32Array.from(starts),
    ends: Uint32Array.from(ends),
    lines: Uint32Array.from(starts, (start) => text.slice(0, start).split('\n').length - 1),
    nats: Float32Array.from(nats),
    entropy: new Float32Array(nats.length),
  };
}

describe('panel: the stretch of the document', () => {
  it('stays inside, has whole tokens, and is not too small', () => {
    fc.assert(
      fc.property(document, place, place, (tokens, first, end) => {
        const range = clampRange({ first, end }, tokens);
        assert.ok(Number.isInteger(range.first) && Number.isInteger(range.end));
        assert.ok(range.first >= 0 && range.end <= tokens);
        assert.ok(range.end - range.first >= Math.min(tokens, SMALLEST_RANGE));
        assert.deepEqual(clampRange(range, tokens), range);
      }),
    );
  });

  it('moves without changing its length, and zooms around its anchor', () => {
    assert.deepEqual(moveRange({ first: 10, end: 30 }, 5, 100), { first: 15, end: 35 });
    assert.deepEqual(moveRange({ first: 10, end: 30 }, 500, 100), { first: 80, end: 100 });
    assert.deepEqual(zoomRange({ first: 0, end: 100 }, 0.5, 0.5, 100), { first: 25, end: 75 });
    assert.deepEqual(zoomRange({ first: 20, end: 60 }, 0.5, 1, 100), { first: 40, end: 60 });
    assert.deepEqual(zoomRange({ first: 20, end: 60 }, 9, 0, 100), wholeRange(100));
    assert.ok(isWhole(wholeRange(3), 3));
  });

  it('comes along with the cursor, and only then', () => {
    const range = { first: 10, end: 30 };
    assert.equal(rangeWith(range, 29, 100), range);
    assert.deepEqual(rangeWith(range, 60, 100), { first: 50, end: 70 });
    assert.deepEqual(rangeWith(range, 99, 100), { first: 80, end: 100 });
    fc.assert(
      fc.property(document, place, place, fc.nat(), (tokens, first, end, any) => {
        const token = any % tokens;
        const next = rangeWith(clampRange({ first, end }, tokens), token, tokens);
        assert.ok(token >= next.first && token < next.end);
      }),
    );
  });
});

describe('panel: what carries the loss', () => {
  const cut = 'let| x| =| 1|\n|  if| (|x|)\r\n|end';
  const series = seriesOf(cut, [1, Number.NaN, 2, 3, 0.5, 6, 1, 4, 0.5, 2]);

  it('adds up, by kind and by line', () => {
    const analysis = analyse(series);
    assert.equal(analysis.scored, 9);
    assert.equal(analysis.total, 20);
    assert.equal(analysis.maximum, 6);
    assert.equal(analysis.kinds.nats[TOKEN_KINDS.indexOf('number')], 3);
    // The end of a line belongs to the line that it ends.
    assert.deepEqual(
      analysis.lines.map(({ line, nats, tokens, peak, text }) => [line, nats, tokens, peak, text]),
      [
        [1, 11.5, 4, 5, 'if (x)'],
        [0, 6.5, 4, 3, 'let x = 1'],
        [2, 2, 1, 9, 'end'],
      ],
    );
  });

  it('takes the kinds over while the tokens stay the same', () => {
    const before = analyse(series);
    assert.equal(analyse({ ...series, text: `${series.text}` }, before).kindOf, before.kindOf);
    assert.notEqual(
      analyse({ ...series, text: series.text.replace('x', 'y') }, before).kindOf,
      before.kindOf,
    );
  });

  it('knows nothing of an empty document, and finds lines without tokens', () => {
    const empty = analyse({ ...seriesOf('', [0]), nats: new Float32Array(0), lines: new Uint32Array(0) });
    assert.deepEqual([empty.total, empty.lines.length], [0, 0]);
    assert.deepEqual(
      [0, 1, 2, 3, 9].map((line) => firstOfLine(Uint32Array.of(0, 0, 3, 3), line)),
      [0, 2, 2, 2, 4],
    );
  });

  it('is a share of whole tokens, at least one of them, however few there are', () => {
    const three = { concentration: Float64Array.of(0, 0.5, 0.875, 1) };
    assert.deepEqual(
      [0.01, 0.2, 0.49, 0.5, 0.9, 1].map((share) => topTokens(three, share).tokens),
      [1, 1, 1, 2, 3, 3],
    );
    // What is said of a fifth of three tokens is about one of them.
    assert.deepEqual(topTokens(three, 0.2), { tokens: 1, ofTokens: 1 / 3, ofLoss: 0.5 });
    assert.deepEqual(
      topCurve(three, 20).map(({ tokens, ofLoss }) => [tokens, ofLoss]),
      [
        [0, 0],
        [1, 0.5],
        [2, 0.875],
        [3, 1],
      ],
    );
    const many = { concentration: Float64Array.from({ length: 1001 }, (_, k) => k / 1000) };
    assert.equal(topCurve(many, 20).length, 21);
    assert.deepEqual(topCurve(many, 20)[7], { tokens: 350, ofTokens: 0.35, ofLoss: 0.35 });
    assert.deepEqual(topTokens({ concentration: Float64Array.of(0) }, 0.2), {
      tokens: 0,
      ofTokens: 0,
      ofLoss: 0,
    });
  });

  it('shows what is invisible in a token as the message has it, and cuts what is long', () => {
    const hidden = { ...seriesOf(`a\u200D\n|${'b'.repeat(50)}`, [1, 1]), visible: { '\u200D': '<ZWJ>' } };
    assert.equal(visibleText(hidden, 0), 'a<ZWJ>\n');
    assert.equal(visibleText(hidden, 1), `${'b'.repeat(40)}…`);
  });

  it('shows what is invisible in an expensive line, with its blanks as they are', () => {
    const visible = { ' ': '·', '\u200D': '<ZWJ>', '\t': '→' };
    const hidden = { ...seriesOf('  a b\u200D|\tc\n|d', [3, 2, 1]), visible };
    assert.deepEqual(
      analyse(hidden).lines.map(({ text }) => text),
      ['a b<ZWJ>→c', 'd'],
    );
  });
});
