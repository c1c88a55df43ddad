import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  coversPlaces,
  grownScope,
  keptSections,
  lengthOfSections,
  MARGIN,
  moveSections,
  REACH,
  scopeAround,
  scoredSections,
  sectionsAgain,
} from '../../src/editor/scope';
import { LossMap } from '../../src/loss/lossMap';
import { StringLines, sectionsTouching } from '../../src/text/sections';

/** A log of 2 MB. */
const TEXT = Array.from(
  { length: 40_000 },
  (_, i) => `${i} ${(i * 2654435761) % 4294967296} done in ${i % 97} ms`,
).join('\n');
const LINES = new StringLines(TEXT);
const ALL = sectionsTouching(LINES, 0, TEXT.length);

const place = fc.nat({ max: TEXT.length - 5000 }).map((start) => [start, start + 4000]);

describe('scope: what is scored of a large document', () => {
  it('covers what is on screen, whatever was scored before, with whole sections', () => {
    fc.assert(
      fc.property(fc.array(place, { minLength: 1, maxLength: 6 }), (scrolled) => {
        let scored: readonly (typeof ALL)[number][] = [];
        for (const visible of scrolled) {
          const kept = keptSections(scored, visible, TEXT.length);
          const scope = scopeAround(LINES, visible, kept);
          assert.ok(coversPlaces(scope, visible, TEXT.length));
          const starts = scope.map(({ start }) => start);
          assert.deepEqual(
            scope,
            ALL.filter(({ start }) => starts.includes(start)),
          );
          // Bounded, however long one scrolls.
          assert.ok(lengthOfSections(scope) < 2 * (REACH + MARGIN) + 4000 + 4 * 64_000);
          scored = scope;
        }
      }),
      { numRuns: 50 },
    );
  });

  it('begins at the beginning of a document that is not on screen, and keeps what it has then', () => {
    assert.deepEqual(scopeAround(LINES, [], []), [ALL[0]]);
    const some = ALL.slice(4, 6);
    assert.deepEqual(scopeAround(LINES, [], keptSections(some, [], TEXT.length)), some);
  });

  it('grows to the whole document in few steps', () => {
    let scope: readonly (typeof ALL)[number][] = [ALL[7]];
    let steps = 0;
    while (lengthOfSections(scope) < TEXT.length) {
      const before = lengthOfSections(scope);
      const starts = new Set(scope.map(({ start }) => start));
      scope = grownScope(LINES, scope);
      assert.ok([...starts].every((start) => scope.some((section) => section.start === start)));
      assert.ok(lengthOfSections(scope) > before);
      steps++;
    }
    assert.deepEqual(scope, ALL);
    assert.ok(steps < 8, `${steps} steps`);
  });

  it('finds the sections again after edits', () => {
    const changes = [
      { rangeOffset: ALL[3].start + 500, rangeLength: 20, text: 'something else\nand more' },
      { rangeOffset: 10, rangeLength: 0, text: 'x' },
    ];
    const edited = changes.reduce(
      (text, { rangeOffset, rangeLength, text: insert }) =>
        text.slice(0, rangeOffset) + insert + text.slice(rangeOffset + rangeLength),
      TEXT,
    );
    const lines = new StringLines(edited);
    const now = sectionsTouching(lines, 0, edited.length);
    const again = sectionsAgain(lines, moveSections(ALL.slice(2, 6), changes));
    assert.deepEqual(again, now.slice(2, 6));
    // What is taken out altogether is gone.
    const removed = moveSections([ALL[3]], [{ rangeOffset: 0, rangeLength: TEXT.length, text: '' }]);
    assert.deepEqual(removed, []);
  });

  it('tells the sections that have all their scores', () => {
    const scope = [
      { start: 0, end: 4 },
      { start: 10, end: 14 },
      { start: 14, end: 18 },
    ];
    const losses = new LossMap({
      starts: Uint32Array.of(0, 2, 10, 12, 14, 16),
      ends: Uint32Array.of(2, 4, 12, 14, 16, 18),
      ids: new Uint32Array(6),
      pageStarts: Uint32Array.of(0),
      pageContexts: Int32Array.of(0),
    });
    const one = {
      nats: new Float32Array(1),
      entropy: new Float32Array(1),
      varentropy: new Float32Array(1),
      rank: new Uint32Array(1),
    };
    for (const token of [0, 1, 2, 4, 5]) {
      losses.write(token, one);
    }
    assert.deepEqual(scoredSections(scope, losses), [scope[0], scope[2]]);
  });
});
