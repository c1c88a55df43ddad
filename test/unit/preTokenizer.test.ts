import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import type { AddedToken } from '../../src/model/addedTokens';
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
