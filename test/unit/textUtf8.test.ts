import assert from 'node:assert/strict';
import fc from 'fast-check';
import { lineAt, lineStarts, offsetAt, positionAt, rangesOfLines } from '../../src/text/lines';
import { tokenRanges, utf8Bytes, utf8Length } from '../../src/text/utf8';
import { makeVisible, makeVisibleWithin, quoteVisible } from '../../src/text/visible';

/** Text as nasty as it comes: lone surrogates, NUL, line breaks, BOM, right-to-left, emoji sequences. */
const NASTY = [
  '\u0000',
  '\r',
  '\n',
  '\r\n',
  '\uFEFF',
  '\uD83D',
  '\uDE00',
  '😀',
  '👩🏽‍💻',
  '🇩🇪',
  'é',
  'e\u0301',
  '漢',
  'א',
  '\u202E',
  '\u200D',
  '\t',
  ' ',
  'a',
  '\uFFFF',
];
const text = fc.oneof(
  fc.array(fc.constantFrom(...NASTY)).map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
);

/** A text and lengths of tokens that add up to its bytes. */
const tokenised = fc.tuple(text, fc.infiniteStream(fc.integer({ min: 1, max: 7 }))).map(([value, stream]) => {
  const lengths: number[] = [];
  for (let left = utf8Length(value); left > 0; ) {
    const length = Math.min(left, stream.next().value as number);
    lengths.push(length);
    left -= length;
  }
  return { value, lengths };
});

describe('text: UTF-8', () => {
  it('counts bytes as TextEncoder writes them', () => {
    assert.deepEqual([...utf8Bytes('\uFEFF')], [0xef, 0xbb, 0xbf]);
    assert.deepEqual([...utf8Bytes('\uD83D')], [0xef, 0xbf, 0xbd]);
    fc.assert(fc.property(text, (value) => assert.equal(utf8Length(value), utf8Bytes(value).length)));
    fc.assert(fc.property(text, (value) => assert.equal(utf8Length(value), Buffer.byteLength(value))));
  });

  it('ranges of whole characters', () => {
    // a (1) é (2) 😀 (4) b (1)
    const { starts, ends } = tokenRanges('aé😀b', [1, 2, 4, 1]);
    assert.deepEqual([...starts], [0, 1, 2, 4]);
    assert.deepEqual([...ends], [1, 2, 4, 5]);
  });

  it('tokens inside a character get the whole character', () => {
    // The last byte of é with the first of 😀; two bytes inside; the last byte with b.
    const { starts, ends } = tokenRanges('aé😀b', [2, 2, 2, 2]);
    assert.deepEqual([...starts], [0, 1, 2, 2]);
    assert.deepEqual([...ends], [2, 4, 4, 5]);
  });

  it('lone surrogates have three bytes and one code unit, in either order', () => {
    const { starts, ends } = tokenRanges('\uDE00\uD83D!', [3, 3, 1]);
    assert.deepEqual([...starts], [0, 1, 2]);
    assert.deepEqual([...ends], [1, 2, 3]);
  });

  it('lengths that do not fit are refused', () => {
    for (const lengths of [[1, 2], [1, 2, 4, 2], [1, 2, 4, 1, 1], [], [8.5], [-1, 9]]) {
      assert.throws(() => tokenRanges('aé😀b', lengths), RangeError);
    }
    assert.deepEqual(tokenRanges('', []), { starts: new Uint32Array(0), ends: new Uint32Array(0) });
  });

  it('the tokens cover every text in order, each with the characters that its bytes touch', () => {
    fc.assert(
      fc.property(tokenised, ({ value, lengths }) => {
        const { starts, ends } = tokenRanges(value, lengths);
        const touched = charactersTouched(value, lengths);
        let covered = 0;
        for (let token = 0; token < lengths.length; token++) {
          assert.deepEqual([starts[token], ends[token]], touched[token]);
          assert.ok(starts[token] <= covered && ends[token] >= covered);
          covered = ends[token];
        }
        assert.equal(covered, value.length);
      }),
      { numRuns: 500 },
    );
  });

  it('takes 20 MB in well under a second', () => {
    const value = `${'x'.repeat(99)}é`.repeat(200_000);
    const lengths = new Uint32Array(utf8Length(value) / 4 + 1).fill(4);
    lengths[lengths.length - 1] = utf8Length(value) % 4;
    const began = performance.now();
    tokenRanges(value, lengths);
    assert.ok(performance.now() - began < 3000);
  }).timeout(20_000);
});

/** The slow way round: the characters of each byte, one by one. */
function charactersTouched(value: string, lengths: readonly number[]): [number, number][] {
  const ofByte: [number, number][] = [];
  let unit = 0;
  for (const character of value) {
    for (let i = 0; i < Buffer.byteLength(character); i++) {
      ofByte.push([unit, unit + character.length]);
    }
    unit += character.length;
  }
  let byte = 0;
  return lengths.map((length) => {
    const bytes = ofByte.slice(byte, byte + length);
    byte += length;
    return [bytes[0][0], bytes.at(-1)![1]];
  });
}

describe('text: visible', () => {
  it('shows whitespace and controls', () => {
    assert.equal(makeVisible('a b\tc\r\n\0\x1b\x7f'), 'a·b→c␍⏎␀␛␡');
    assert.equal(
      makeVisible('\uFEFF\u200B\u200D\u202E\u00A0\u2028\u0085'),
      '\\u{FEFF}\\u{200B}\\u{200D}\\u{202E}\\u{A0}\\u{2028}\\u{85}',
    );
    assert.equal(makeVisible('\uD83D\uDE00\uD83D'), '😀\\u{D83D}');
  });

  it('leaves letters, marks, symbols and emoji alone', () => {
    for (const value of ['Grüße,naïve.e\u0301', '漢字かな', 'שלום', 'हिन्दी', '😀🇩🇪', '\uFFFD', '=<&>"\'`']) {
      assert.equal(makeVisible(value), value);
    }
  });

  it('leaves nothing hidden, whatever the text', () => {
    fc.assert(
      fc.property(text, (value) => {
        assert.doesNotMatch(makeVisible(value), /[\p{Cc}\p{Cs}\p{Z}\p{Default_Ignorable_Code_Point}]/u);
      }),
    );
  });

  it('is cut to a length without cutting through a character or an escape', () => {
    assert.equal(makeVisibleWithin('abcdef', 6), 'abcdef');
    assert.equal(makeVisibleWithin('abcdefg', 6), 'abcde…');
    assert.equal(makeVisibleWithin('ab\u200Bc', 6), 'ab…');
    assert.equal(makeVisibleWithin('😀😀😀', 2), '😀…');
    assert.equal(makeVisibleWithin('\u200B', 3), '…');
    assert.equal(quoteVisible(' x'), '“·x”');
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 20 }), (value, maximum) => {
        const shown = makeVisibleWithin(value, maximum);
        assert.ok([...shown].length <= maximum);
        assert.ok(shown === makeVisible(value) || makeVisible(value).startsWith(shown.slice(0, -1)));
      }),
    );
  });
});

describe('text: lines', () => {
  it('are ended by LF, CRLF and CR alone', () => {
    assert.deepEqual([...lineStarts('')], [0]);
    assert.deepEqual([...lineStarts('a\nb\r\nc\rd')], [0, 2, 5, 7]);
    assert.deepEqual([...lineStarts('\r\r\n\n')], [0, 1, 3, 4]);
    assert.deepEqual([...lineStarts('a\u2028b\fc\u0085d')], [0]);
  });

  it('are found by offset', () => {
    const starts = lineStarts('ab\r\ncd\n');
    assert.deepEqual(
      [0, 2, 3, 4, 6, 7].map((offset) => lineAt(starts, offset)),
      [0, 0, 0, 1, 1, 2],
    );
    assert.deepEqual(positionAt(starts, 5), { line: 1, column: 1 });
    assert.throws(() => lineAt(starts, -1), RangeError);
    assert.throws(() => offsetAt(starts, { line: 3, column: 0 }), RangeError);
  });

  it('have ranges, neighbours one of them', () => {
    const text = 'ab\r\ncd\n\nef';
    assert.deepEqual(rangesOfLines(text, [false, false, false, false]), []);
    assert.deepEqual(rangesOfLines(text, [true, true, true, true]), [0, 10]);
    assert.deepEqual(rangesOfLines(text, [true, false, true, true]), [0, 4, 7, 10]);
    assert.deepEqual(rangesOfLines(text, [false, true, false, false]), [4, 7]);
    assert.deepEqual(rangesOfLines('a\n', [false, true]), [2, 2]);
  });

  it('position and offset are inverse', () => {
    fc.assert(
      fc.property(text, (value) => {
        const starts = lineStarts(value);
        assert.equal(starts.length, value.split(/\r\n|\r|\n/).length);
        for (let offset = 0; offset <= value.length; offset++) {
          assert.equal(offsetAt(starts, positionAt(starts, offset)), offset);
        }
      }),
    );
  });
});
