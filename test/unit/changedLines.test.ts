import assert from 'node:assert/strict';
import fc from 'fast-check';
import { changedLines } from '../../src/git/changedLines';

describe('changed lines', () => {
  /** The numbers of the lines that are others, from 1. */
  const changed = (before: string | undefined, after: string) =>
    changedLines(before, after).flatMap((isChanged, line) => (isChanged ? [line + 1] : []));

  it('are those that are new or another one', () => {
    assert.deepEqual(changed('a\nb\nc\n', 'a\nb\nc\n'), []);
    assert.deepEqual(changed('a\nb\nc\n', 'a\nB\nc\n'), [2]);
    assert.deepEqual(changed('a\nb\nc\n', 'a\nc\n'), []);
    assert.deepEqual(changed('a\nb\nc\nd\n', 'x\na\nb\ny\nz\nd\n'), [1, 4, 5]);
    assert.deepEqual(changed('', 'a\nb'), [1, 2]);
    assert.deepEqual(changed('a\nb', ''), [1]);
    assert.deepEqual(changed('', ''), []);
    assert.deepEqual(changed(undefined, '\na'), [1, 2]);
    // The last line has an end now.
    assert.deepEqual(changed('a', 'a\n'), [2]);
  });

  it('are not those with other white space around them, or another end', () => {
    assert.deepEqual(changed('if a:\nb\nc', 'if a:\r\n    b \r\n\tc'), []);
    assert.deepEqual(changed('a\rb\rc', 'a\nb\nC'), [3]);
    assert.deepEqual(changed('a b', 'a  b'), [1]);
  });

  it('leave lines that are all in the earlier text, in its order, and are as few as can be', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', ' a', ''), { maxLength: 12 });
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const kept = changedLines(before.join('\n'), after.join('\n')).flatMap((isChanged, line) =>
          isChanged ? [] : [after[line]?.trim() ?? ''],
        );
        const old = before.length === 0 ? [''] : before.map((line) => line.trim());
        const present = after.length === 0 ? [''] : after.map((line) => line.trim());
        assert.equal(longestCommon(old, kept), kept.length);
        assert.equal(kept.length, longestCommon(old, present));
      }),
    );
  });

  it('are all between the first and the last where nearly everything is another text', () => {
    const many = (name: string) => Array.from({ length: 1000 }, (_, line) => `${name} ${line}`);
    const before = ['same', ...many('old'), 'kept', ...many('old'), 'end'].join('\n');
    const after = ['same', ...many('new'), 'kept', ...many('new'), 'end'].join('\n');
    const lines = changed(before, after);
    assert.equal(lines.length, 2001);
    assert.deepEqual([lines[0], lines.at(-1)], [2, 2002]);
  });
});

/** Length of the longest common subsequence, by the textbook's table. */
function longestCommon(one: readonly string[], other: readonly string[]): number {
  let row = new Array<number>(other.length + 1).fill(0);
  for (const line of one) {
    const next = [0];
    for (const [i, against] of other.entries()) {
      next.push(line === against ? row[i] + 1 : Math.max(row[i + 1], next[i]));
    }
    row = next;
  }
  return row[other.length];
}
