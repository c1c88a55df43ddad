import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import * as fc from 'fast-check';
import { type AddedToken, AddedTokens } from '../../src/model/addedTokens';
import { pieceEndOf, pieceEnds } from '../../src/model/pieces';
import { type PreTokenizer, wordsOf } from '../../src/model/preTokenizer';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { FIXTURES, TINY_MODEL } from '../support/paths';

/** What the reference gives, by `models/make/words_reference.py`. */
interface Reference {
  readonly pre_tokenizers: Readonly<Record<string, PreTokenizer>>;
  readonly texts: readonly string[];
  /** UTF-8 bytes of each word of each text. */
  readonly words: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly added_tokens: Readonly<Record<string, readonly AddedToken[]>>;
  readonly added_texts: readonly string[];
  readonly ids: Readonly<Record<string, readonly (readonly number[])[]>>;
}

const REFERENCE: Reference = JSON.parse(readFileSync(join(FIXTURES, 'reference', 'words.json'), 'utf8'));

/** The library's words, each byte one character. */
function wordsBy(pre_tokenizer: object): (text: string) => string[] {
  const parts = { model: { type: 'BPE', vocab: {}, merges: [] }, added_tokens: [] };
  const library = new Tokenizer(
    { ...parts, pre_tokenizer, normalizer: null, decoder: null, post_processor: null },
    {},
  );
  return library.pre_tokenizer as unknown as (text: string) => string[];
}

describe('words of a tokenizer', () => {
  for (const [family, preTokenizer] of Object.entries(REFERENCE.pre_tokenizers)) {
    it(`are the reference's: ${family}`, () => {
      const known = wordsOf(preTokenizer) ?? assert.fail('not known');
      const words = wordsBy({ type: 'Sequence', pretokenizers: known.steps });
      for (const [i, text] of REFERENCE.texts.entries()) {
        const lengths = words(text).map(({ length }) => length);
        assert.deepEqual(lengths, REFERENCE.words[family][i], JSON.stringify(text));
      }
    });
  }

  const FAMILIES_IN_PIECES = Object.keys(REFERENCE.pre_tokenizers).filter((family) =>
    pieceEndOf(wordsOf(REFERENCE.pre_tokenizers[family])?.steps ?? []),
  );

  it('allow pieces for most families', () => {
    assert.deepEqual(FAMILIES_IN_PIECES, [
      ...['GPT-2', 'StarCoder', 'digits together', 'Llama 3', 'Qwen', 'Qwen 3.5', 'Phi-4', 'o200k', 'Tekken'],
      'DeepSeek-V3',
    ]);
  });

  for (const family of FAMILIES_IN_PIECES) {
    it(`are in pieces what they are in the whole text: ${family}`, () => {
      const { steps } = wordsOf(REFERENCE.pre_tokenizers[family]) ?? assert.fail();
      const kind = pieceEndOf(steps) ?? assert.fail();
      const words = wordsBy({ type: 'Sequence', pretokenizers: steps });
      const line = fc.oneof(
        fc.constantFrom(
          '',
          ' ',
          '    ',
          '\t',
          'x',
          '  return 17',
          'end.',
          '};',
          '/',
          '// 1',
          '*/',
          '漢字',
          '²',
          "it's",
          'É',
        ),
        fc.string({ unit: 'grapheme', maxLength: 12 }),
        fc.constantFrom(...REFERENCE.texts),
      );
      const text = fc
        .array(fc.tuple(line, line, fc.constantFrom('\n', '\n', '\r\n', '\r')), {
          minLength: 100,
          maxLength: 400,
        })
        .map((lines) => lines.flat().join(''));
      let cuts = 0;
      fc.assert(
        fc.property(text, (whole) => {
          const ends = pieceEnds(whole, kind);
          const pieces = ends.map((end, i) => whole.slice(ends[i - 1] ?? 0, end));
          assert.deepEqual(
            pieces.flatMap((piece) => words(piece)),
            words(whole),
          );
          cuts += pieces.length - 1;
        }),
        { numRuns: 100 },
      );
      assert.ok(cuts > 40, `${cuts} cuts`);
    });
  }

  it('are found in time that grows with the text, whatever is in it', () => {
    const split = (Regex: string, behavior: string) => ({ type: 'Split', pattern: { Regex }, behavior });
    const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
    const length = 200_000;
    for (const [step, text, ends] of [
      // Each took minutes.
      [split(' ', 'MergedWithPrevious'), `a ${'x'.repeat(length)}`, [2, length + 2]],
      [split('\\s+', 'MergedWithNext'), `a${'\n'.repeat(length)}`, [1, length + 1]],
      [split('\\s+$', 'Isolated'), `a${'\t'.repeat(length)}1`, [length + 2]],
      [split('\\s+$', 'Isolated'), `a ${'\n'.repeat(length)}1\t`, [1, length + 1, length + 3, length + 4]],
    ] as const) {
      const known = wordsOf({ type: 'Sequence', pretokenizers: [step, bytes] }) ?? assert.fail('not known');
      let end = 0;
      const found = wordsBy({ type: 'Sequence', pretokenizers: known.steps })(text).map((word) => {
        end += word.length;
        return end;
      });
      assert.deepEqual(found, ends);
    }
  });

  it('are not those of pre-tokenizers that cannot be said exactly', () => {
    const split = (Regex: string, behavior = 'Isolated', invert = false) => ({
      type: 'Split',
      pattern: { Regex },
      behavior,
      invert,
    });
    const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
    const sequence = (...pretokenizers: PreTokenizer[]) => ({ type: 'Sequence', pretokenizers });
    assert.ok(wordsOf(sequence(split('a++|[b+*]*+(?i:it)'), bytes)));
    for (const preTokenizer of [
      null,
      undefined,
      { type: 'Whitespace' },
      sequence({ type: 'BertPreTokenizer' }, bytes),
      sequence(split('a')),
      sequence(split('(ab)++'), bytes),
      sequence(split('[a[bc]]++'), bytes),
      sequence(split('(?>ab)'), bytes),
      sequence(split('(?i:straße)'), bytes),
      sequence(split('(?i:a(b))'), bytes),
      sequence(split('a', 'Contiguous', true), bytes),
      sequence(split('a', 'Whatever'), bytes),
      sequence({ type: 'Split', behavior: 'Isolated' }, bytes),
      sequence(split('a'), { ...bytes, add_prefix_space: true }),
    ]) {
      assert.equal(wordsOf(preTokenizer), undefined, JSON.stringify(preTokenizer));
    }
  });
});

describe('added tokens of a tokenizer', () => {
  it('are found in time that grows with the text, where white space is one and belongs to the one before it', () => {
    const tokens = new AddedTokens([{ id: 7, content: '\n', rstrip: true }], ({ content }) => content);
    const end = 200_002;
    assert.deepEqual(tokens.split(`a${'\n'.repeat(200_000)} b`), [
      { start: 0, end: 1 },
      { start: 1, end, id: 7 },
      { start: end, end: end + 1 },
    ]);
  });

  const definition = JSON.parse(readFileSync(join(TINY_MODEL, 'tokenizer.json'), 'utf8'));

  for (const [name, added_tokens] of Object.entries(REFERENCE.added_tokens)) {
    it(`are found where the reference finds them, with the white space that belongs to them: ${name}`, () => {
      const preTokenizer = REFERENCE.pre_tokenizers['GPT-2'];
      const tokenizer = new ByteTokenizer({ ...definition, pre_tokenizer: preTokenizer, added_tokens }, name);
      for (const [i, text] of REFERENCE.added_texts.entries()) {
        const { ids, byteLengths } = tokenizer.encode(text);
        assert.deepEqual([...ids], REFERENCE.ids[name][i], JSON.stringify(text));
        const sum = byteLengths.reduce((total, length) => total + length, 0);
        assert.equal(sum, Buffer.byteLength(text), JSON.stringify(text));
        assert.ok(!byteLengths.includes(0), JSON.stringify(text));
      }
    });
  }
});
