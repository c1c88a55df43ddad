import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  SECTION_LIMITS,
  type Section,
  type SectionLimits,
  StringLines,
  sectionsOfText,
  sectionsTouching,
} from '../../src/text/sections';

/** Small limits, so that short texts have many sections. */
const SMALL: SectionLimits = { large: 200, minimum: 100, maximum: 250 };

const word = fc.constantFrom('a', 'the', 'return', 'x1', '(', '  ', '\t', '\u00e9', '\u{1F680}', '\ud800');
const lineBreak = fc.constantFrom('\n', '\n', '\n\n', '\r\n', '\r');
const line = fc
  .tuple(fc.array(word, { maxLength: 12 }), lineBreak)
  .map(([words, end]) => words.join(' ') + end);
/** Ordinary lines, periodic text, one long line, a run of blanks, and all of them together. */
const stretch: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.array(line, { maxLength: 80, size: 'max' }).map((lines) => lines.join('')) },
  fc.tuple(line, fc.nat(60)).map(([part, times]) => part.repeat(times)),
  fc.array(word, { maxLength: 400, size: 'max' }).map((words) => words.join('')),
  fc.nat(900).map((length) => ' '.repeat(length)),
);
const text = fc
  .array(stretch, { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join(''))
  .filter((content) => content !== '');

function all(content: string, limits = SMALL): Section[] {
  return sectionsTouching(new StringLines(content), 0, content.length, limits);
}

describe('text: sections', () => {
  it('cover the text, are as long as they may be, and cut neither a line break nor a character', () => {
    fc.assert(
      fc.property(text, (content) => {
        const sections = all(content);
        assert.equal(sections[0].start, 0);
        assert.equal(sections.at(-1)?.end, content.length);
        for (const [index, { start, end }] of sections.entries()) {
          const isLast = index === sections.length - 1;
          assert.ok(end - start <= SMALL.maximum);
          // A cut that would lie in a character or a line break lies before it.
          assert.ok(isLast || end - start >= SMALL.minimum - 1);
          assert.equal(sections[index + 1]?.start ?? content.length, end);
          assert.doesNotMatch(content.slice(end - 1, end + 1), /^(\r\n|[\ud800-\udbff][\udc00-\udfff])$/);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are the same wherever one begins to look', () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.nat(400), (content, place, length) => {
        const from = place % content.length;
        const to = from + length;
        const touching = all(content).filter(
          ({ start, end }) => end > from && start < Math.max(to, from + 1),
        );
        assert.deepEqual(sectionsTouching(new StringLines(content), from, to, SMALL), touching);
      }),
      { numRuns: 300 },
    );
  });

  it('stay where they are when text far away is edited', () => {
    // Lines that differ, as in code: every border is decided within reach.
    const content = Array.from({ length: 400 }, (_, i) => `line ${(i * 7919) % 1009} of ${i}\n`).join('');
    const far = SMALL.minimum + 64 + SMALL.maximum;
    const behind = (sections: readonly Section[], shift: number, offset: number) =>
      sections.map(({ start }) => start - shift).filter((start) => start > offset);
    const before = all(content);
    for (let at = 1000; at < content.length - 1000; at += 97) {
      const edited = `${content.slice(0, at)}xyz${content.slice(at)}`;
      const after = all(edited);
      assert.deepEqual(
        after.filter(({ start }) => start < at - far),
        before.filter(({ start }) => start < at - far),
      );
      assert.deepEqual(behind(after, 3, at + far), behind(before, 0, at + far));
    }
  });

  it('leave a text that is not large as it is', () => {
    const content = 'x\n'.repeat(SECTION_LIMITS.large / 2);
    assert.deepEqual(sectionsOfText(content), [{ start: 0, text: content, isLast: true }]);
    const larger = sectionsOfText(`${content}y`);
    assert.ok(larger.length > 5);
    assert.equal(larger.map((section) => section.text).join(''), `${content}y`);
    assert.ok(
      larger.every(({ before, isLast }, i) => before === undefined && isLast === (i === larger.length - 1)),
    );
  });

  it('begin at good places: after a line of text, before another one', () => {
    const block = (i: number) =>
      `def function_${i}(a, b):\n    value = a * ${i}\n\n    return value + b\n\n\n`;
    const content = Array.from({ length: 2000 }, (_, i) => block(i * i)).join('# A comment\nlimit = 5\n');
    const starts = all(content, SECTION_LIMITS).slice(1);
    assert.ok(starts.length > 3);
    for (const { start } of starts) {
      assert.match(content.slice(start - 2, start + 1), /\S\n\S/);
    }
  });
});
