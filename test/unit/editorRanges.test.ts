import assert from 'node:assert/strict';
import fc from 'fast-check';
import { lineWindows, RANGE_SIZE, RangeCollector } from '../../src/editor/ranges';

describe('ranges to draw', () => {
  it('leaves line breaks out and draws the rest of a unit on every line', () => {
    const text = 'ab \n\n  cd';
    const collector = new RangeCollector(2, text);
    collector.add(0, 2, 0);
    collector.add(2, 7, 1);
    collector.add(7, 9, 0);
    assert.deepEqual(collector.bins, [
      [0, 0, 2, 2, 2, 4],
      [0, 2, 3, 2, 0, 2],
    ]);
  });

  it('draws nothing for a unit that is a line break, LF or CRLF', () => {
    const collector = new RangeCollector(1, 'a\r\nb\n');
    collector.add(1, 3, 0);
    collector.add(4, 5, 0);
    assert.deepEqual(collector.bins, [[]]);
  });

  it('joins neighbours of one bin, on one line, with nothing between them', () => {
    const collector = new RangeCollector(2, 'abcdef\ngh');
    collector.add(0, 2, 0);
    collector.add(2, 3, 0);
    collector.add(4, 5, 0);
    collector.add(5, 7, 1);
    collector.add(7, 9, 1);
    assert.deepEqual(collector.bins, [
      [0, 0, 3, 0, 4, 5],
      [0, 5, 6, 1, 0, 2],
    ]);
  });

  it('knows that a window begins further down, and clips what reaches out of it', () => {
    const collector = new RangeCollector(1, 'cd\nef\n', 3, 1);
    collector.add(2, 5, 0);
    collector.add(6, 20, 0);
    assert.deepEqual(collector.bins, [[1, 0, 2, 2, 0, 2]]);
  });

  it('leaves out what lies beyond the last column', () => {
    const collector = new RangeCollector(1, 'abcdef\nab', 0, 0, 4);
    collector.add(2, 6, 0);
    collector.add(7, 9, 0);
    assert.deepEqual(collector.bins, [[0, 2, 4, 1, 0, 2]]);
  });

  it('covers exactly the characters that are not line breaks', () => {
    const pieces = fc.array(
      fc.tuple(fc.stringMatching(/^[ab\n]{1,5}$|^(a|\r\n){1,4}$/), fc.nat({ max: 2 })),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(pieces, (units) => {
        // A lone CR cannot be in a document's text.
        const text = units.map(([piece]) => piece).join('');
        const collector = new RangeCollector(3, text);
        let offset = 0;
        const expected: string[] = [];
        for (const [piece, bin] of units) {
          collector.add(offset, offset + piece.length, bin);
          for (let i = offset; i < offset + piece.length; i++) {
            if (text[i] !== '\n' && text[i] !== '\r') {
              const lineStart = text.lastIndexOf('\n', i - 1) + 1;
              expected.push(
                `${bin}:${text.slice(0, lineStart).split('\n').length - 1}:${i === 0 ? 0 : i - lineStart}`,
              );
            }
          }
          offset += piece.length;
        }
        const drawn: string[] = [];
        collector.bins.forEach((ranges, bin) => {
          for (let i = 0; i < ranges.length; i += RANGE_SIZE) {
            for (let column = ranges[i + 1]; column < ranges[i + 2]; column++) {
              drawn.push(`${bin}:${ranges[i]}:${column}`);
            }
          }
        });
        assert.deepEqual(drawn.sort(), expected.sort());
      }),
    );
  });
});

describe('windows of lines', () => {
  it('joins what overlaps and stays inside the document', () => {
    const visible = [
      { start: 500, end: 540 },
      { start: 10, end: 50 },
      { start: 130, end: 150 },
    ];
    assert.deepEqual(lineWindows(visible, 40, 560), [
      { start: 0, end: 190 },
      { start: 460, end: 560 },
    ]);
    assert.deepEqual(lineWindows([], 40, 560), []);
  });
});
