import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TOKEN_KINDS, tokenKind, tokenKinds } from '../../src/loss/tokenKind';

/** The kinds of a text's tokens, which "|" separates. */
function kindsOf(cut: string): string[] {
  const tokens = cut.split('|');
  let offset = 0;
  const starts = tokens.map((token) => {
    offset += token.length;
    return offset - token.length;
  });
  const ends = tokens.map((token, i) => starts[i] + token.length);
  return [...tokenKinds(tokens.join(''), starts, ends)].map((kind) => TOKEN_KINDS[kind]);
}

describe('loss: kinds of tokens', () => {
  const cases: readonly [string, readonly string[]][] = [
    ['The| surpris|al|.', ['word', 'word', 'continuation', 'punctuation']],
    [
      'def| get|Name|(|self|):|\n   ',
      ['word', 'word', 'continuation', 'punctuation', 'word', 'punctuation', 'whitespace'],
    ],
    [
      'user|_|id| +=| |1|2|.|5',
      [
        'word',
        'punctuation',
        'continuation',
        'punctuation',
        'whitespace',
        'number',
        'number',
        'punctuation',
        'number',
      ],
    ],
    ["don|'t| x|1|y", ['word', 'word', 'word', 'number', 'continuation']],
    ['“|Grüße|”| – |…', ['punctuation', 'word', 'punctuation', 'punctuation', 'punctuation']],
    ['🙂| →|\u0004|\ufffd|', ['other', 'other', 'other', 'other', 'other']],
    ['\t|\r\n| \u00a0', ['whitespace', 'whitespace', 'whitespace']],
    ['𝒜|b', ['word', 'continuation']],
    ['٣| ½', ['number', 'number']],
  ];
  for (const [cut, kinds] of cases) {
    it(JSON.stringify(cut), () => assert.deepEqual(kindsOf(cut), kinds));
  }

  it('pieces of a character go on with the word of the first one, or are of its kind', () => {
    const kindsAt = (text: string, ranges: readonly (readonly [start: number, end: number])[]) => {
      const [starts, ends] = [0, 1].map((side) => ranges.map((range) => range[side]));
      return [...tokenKinds(text, starts, ends)].map((kind) => TOKEN_KINDS[kind]);
    };
    assert.deepEqual(
      kindsAt('日', [
        [0, 1],
        [0, 1],
        [0, 1],
      ]),
      ['word', 'continuation', 'continuation'],
    );
    assert.deepEqual(
      kindsAt('🙂 日本', [
        [0, 2],
        [0, 2],
        // The blank comes with the first piece of the letter after it.
        [2, 4],
        [3, 4],
        [4, 5],
      ]),
      ['other', 'other', 'word', 'continuation', 'continuation'],
    );
    assert.deepEqual(
      kindsAt('…٣', [
        [0, 1],
        [0, 1],
        [1, 2],
        [1, 2],
      ]),
      ['punctuation', 'punctuation', 'number', 'number'],
    );
  });

  it('every token is of exactly one kind, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), fc.nat(), (text, a, b) => {
        const start = a % (text.length + 1);
        const end = start + (b % (text.length - start + 1));
        assert.ok(tokenKind(text, start, end) in TOKEN_KINDS);
      }),
    );
  });

  it('of the text before it only the last character counts', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (before, token) => {
        const last = [...before].at(-1) ?? '';
        assert.equal(
          tokenKind(before + token, before.length, before.length + token.length),
          tokenKind(last + token, last.length, last.length + token.length),
        );
      }),
    );
  });
});
