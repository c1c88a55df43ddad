import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { layOutSection } from '../../src/engine/layout';
import { ModelError } from '../../src/model/errors';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { formOf, type TokenizerFile } from '../../src/model/tokenizerForms';
import { pageLimitsFor } from '../../src/text/pages';
import { sectionsOfText } from '../../src/text/sections';
import { FIXTURES } from '../support/paths';

/** What the reference gives, by `models/make/byte_fallback_reference.py`. */
interface Reference {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly string[];
  /** The rest of a `tokenizer.json`. */
  readonly forms: Readonly<Record<string, TokenizerFile>>;
  /** A text, and its ids by the names of the forms. */
  readonly cases: readonly (Readonly<Record<string, readonly number[]>> & { readonly text: string })[];
}

const REFERENCE: Reference = JSON.parse(
  readFileSync(join(FIXTURES, 'reference', 'byte-fallback.json'), 'utf8'),
);
const BLANK = '\u2581';
const SPACE = REFERENCE.vocab[BLANK];

function definitionOf(form: string, changes: object = {}): TokenizerFile {
  const { vocab, merges, forms } = REFERENCE;
  const model = { type: 'BPE', unk_token: '<unk>', fuse_unk: true, byte_fallback: true, vocab, merges };
  return { decoder: null, ...forms[form], model, ...changes };
}

const nastyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc
        .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 6 })
        .map((units) => String.fromCharCode(...units)),
      fc.constantFrom(...REFERENCE.cases.map(({ text }) => text)),
      fc.constantFrom(
        BLANK,
        ' ',
        '  ',
        '\n',
        '\r\n',
        '\n\n',
        '\0',
        '\ud83d',
        '\udc4b',
        '<s>',
        '</s>',
        '<tool>',
        '<0x0A>',
        'fine',
      ),
    ),
    { maxLength: 10 },
  )
  .map((parts) => parts.join(''));

for (const form of Object.keys(REFERENCE.forms)) {
  describe(`tokenizer with byte fallback, in the form ${form}`, () => {
    const tokenizer = new ByteTokenizer(definitionOf(form), form);
    const tokens = new Map((REFERENCE.forms[form].added_tokens ?? []).map((token) => [token.id, token]));

    it('is the reference tokenizer, id for id, but for a space alone that is put before a text', () => {
      let left = 0;
      for (const { text, ...ids } of REFERENCE.cases) {
        const ours = [...tokenizer.encode(text).ids];
        const theirs = [...ids[form]];
        // Where ours has less, there must be such a space, at the beginning or behind an added token.
        for (let i = 0; i < theirs.length; i++) {
          const isPut = theirs[i] === SPACE && (i === 0 || tokens.has(theirs[i - 1]));
          if (isPut && theirs.length > ours.length && ours[i] !== theirs[i]) {
            theirs.splice(i, 1);
            left++;
          }
        }
        if (theirs[0] === SPACE && theirs.length > ours.length) {
          theirs.shift();
          left++;
        }
        assert.deepEqual(ours, theirs, JSON.stringify(text));
      }
      const puts = !['gemma', 'never'].includes(form);
      assert.equal(left > 0, puts, `${left} spaces`);
    });

    it("has tokens whose bytes, concatenated, are the text's UTF-8 bytes, none of them empty", () => {
      fc.assert(
        fc.property(nastyText, fc.boolean(), (text, begins) => {
          const { ids, byteLengths } = tokenizer.encode(text, begins);
          const bytes = Buffer.from(text, 'utf8');
          let at = 0;
          for (let i = 0; i < ids.length; i++) {
            assert.ok(byteLengths[i] > 0);
            const own = bytes.subarray(at, at + byteLengths[i]).toString('latin1');
            at += byteLengths[i];
            if (!tokens.has(ids[i])) {
              // A ▁ in the text is one to the model, as a space is; a first token may have a space before its text.
              const read = own.replaceAll('\xe2\x96\x81', ' ');
              const token = Buffer.from(tokenizer.bytesOf(ids[i])).toString('latin1');
              const isAfterPut = i === 0 || tokens.has(ids[i - 1]);
              assert.ok(
                token === read || (isAfterPut && token === ` ${read}`),
                JSON.stringify([token, read]),
              );
            }
          }
          assert.equal(at, bytes.length);
        }),
        { numRuns: 500 },
      );
    });

    it('covers the text with ranges', () => {
      const limits = pageLimitsFor(8192);
      fc.assert(
        fc.property(nastyText, (text) => {
          const [section] = sectionsOfText(text);
          const { starts, ends } = layOutSection(section, undefined, tokenizer, limits);
          let covered = 0;
          for (let i = 0; i < starts.length; i++) {
            assert.ok(starts[i] <= covered && ends[i] >= covered && ends[i] > starts[i]);
            covered = ends[i];
          }
          assert.equal(covered, text.length);
        }),
        { numRuns: 200 },
      );
    });
  });
}

describe('tokenizer with byte fallback', () => {
  const printed = [...Array.from({ length: 0x5e }, (_, i) => String.fromCharCode(0x21 + i)), BLANK, '\t'];
  for (const [name, more] of Object.entries({
    'as it was trained': [],
    'with tokens that begin with a line feed': [...printed.map((one) => `\n ${one}`), `\n${BLANK} ${BLANK}`],
    'with tokens that end with one': ['\n }', ...printed.map((one) => `${one} \n`)],
  })) {
    it(`cuts a text into words and pieces that have the tokens of the whole text: ${name}`, () => {
      const { vocab, merges } = REFERENCE;
      const added = Object.fromEntries(
        more.map((merge, i) => [merge.replace(' ', ''), Object.keys(vocab).length + i]),
      );
      const { model } = definitionOf('gemma');
      const changes = { model: { ...model, vocab: { ...vocab, ...added }, merges: [...more, ...merges] } };
      const { library, pieceEnds } = formOf(definitionOf('gemma', changes), name);
      const words = library.pre_tokenizer;
      const line = fc.oneof(
        fc.constantFrom(
          '',
          '    ',
          'x',
          '    return 17',
          'end.',
          '}',
          '\tfoo(bar);  ',
          '// 1',
          'é',
          BLANK,
          'x}',
        ),
        nastyText,
      );
      const text = fc
        .array(fc.tuple(line, fc.constantFrom('\n', '\n', '\r\n', '\r')), { minLength: 60, maxLength: 200 })
        .map((lines) => Buffer.from(lines.flat().join('')).toString());
      let cuts = 0;
      fc.assert(
        fc.property(text, (unwritten) => {
          const written = unwritten.replaceAll(' ', BLANK);
          library.pre_tokenizer = null;
          const whole = library.encode(written).ids;
          library.pre_tokenizer = words;
          const ids: number[] = [];
          let from = 0;
          for (const to of pieceEnds(unwritten)) {
            ids.push(...(library.encode(written.slice(from, to)).ids as number[]));
            from = to;
            cuts++;
          }
          assert.deepEqual(ids, whole);
          cuts--;
        }),
        { numRuns: 80 },
      );
      assert.ok(cuts > 40, `${cuts} cuts`);
    });
  }

  const tokensOf = (form: string, text: string, begins?: boolean) => {
    const tokenizer = new ByteTokenizer(definitionOf(form), form);
    const { ids, byteLengths } = tokenizer.encode(text, begins);
    return [...ids].map((id, i) => `${tokenizer.textOf(id)}|${byteLengths[i]}`);
  };

  it('shows spaces and bytes as what they are', () => {
    const tokenizer = new ByteTokenizer(definitionOf('gemma'), 'gemma');
    assert.equal(tokenizer.textOf(REFERENCE.vocab[`${BLANK}the`]), ' the');
    assert.equal(tokenizer.textOf(REFERENCE.vocab[BLANK.repeat(2)]), '  ');
    assert.equal(tokenizer.textOf(REFERENCE.vocab['<s>']), '<s>');
    assert.deepEqual([...tokenizer.bytesOf(REFERENCE.vocab['<0xE2>'])], [0xe2]);
  });

  it('puts a space before a text that begins, which has no bytes, and none before one that goes on', () => {
    assert.deepEqual(tokensOf('llama2', 'the'), [' the|3']);
    assert.deepEqual(tokensOf('llama2', 'the', false), ['the|3']);
    assert.deepEqual(tokensOf('first', 'the', false), ['the|3']);
    assert.deepEqual(tokensOf('llama2', '\nx', true), ['\n|1', 'x|1']);
    assert.deepEqual(tokensOf('llama2', '<s>the', false), ['<s>|3', ' the|3']);
    assert.deepEqual(tokensOf('first', '<s>the'), ['<s>|3', 'the|3']);
    assert.deepEqual(tokensOf('always', '<s>the'), ['<s>|3', ' the|3']);
    assert.deepEqual(tokensOf('always', ' the'), [' the|4']);
    assert.deepEqual(tokensOf('never', 'the'), ['the|3']);
    assert.deepEqual(tokensOf('gemma', `${BLANK}the`), [' the|6']);
    assert.deepEqual(tokensOf('gemma', '\u9f8d'), ['\ufffd|1', '\ufffd|1', '\ufffd|1']);
    assert.deepEqual(tokensOf('gemma', '\ud800').length, 3);
  });

  it('puts none before the later sections of a large text', () => {
    const tokenizer = new ByteTokenizer(definitionOf('llama2'), 'llama2');
    const text = 'the lighthouse\n'.repeat(200);
    const [first, second, third] = sectionsOfText(text, { large: 100, minimum: 200, maximum: 500 });
    const limits = pageLimitsFor(8192);
    const idOf = (token: string) => REFERENCE.vocab[token];
    assert.equal(layOutSection(first, undefined, tokenizer, limits).ids[0], idOf(`${BLANK}the`));
    const later = layOutSection({ ...second, before: first.text }, undefined, tokenizer, limits);
    assert.equal(later.ids[0], idOf('the'));
    const all = tokenizer.encode(first.text).ids;
    assert.deepEqual(later.before, all.slice(-limits.overlap));
    const middle = layOutSection({ ...third, before: second.text }, undefined, tokenizer, limits);
    assert.deepEqual(middle.before, tokenizer.encode(second.text, false).ids.slice(-limits.overlap));
  });

  it('is refused where it is not known how it makes tokens of a text', () => {
    const model = definitionOf('gemma').model;
    const metaspace = { type: 'Metaspace', replacement: BLANK, prepend_scheme: 'first', split: false };
    const replace = REFERENCE.forms.gemma.normalizer ?? assert.fail();
    const { '<0x07>': _, ...vocab } = REFERENCE.vocab;
    for (const [changes, message] of [
      [{ model: { ...model, type: 'Unigram', byte_fallback: true } }, /unigram/],
      [{ model: { ...model, byte_fallback: false } }, /neither byte-level nor a BPE with byte fallback/],
      [{ model: { ...model, type: 'WordPiece' } }, /neither byte-level nor/],
      [{ model: { ...model, ignore_merges: true } }, /ignore_merges/],
      [{ model: { ...model, vocab } }, /token for every byte/],
      [{ normalizer: null, pre_tokenizer: null }, /pre_tokenizer that is not known/],
      [{ normalizer: replace, pre_tokenizer: metaspace }, /pre_tokenizer that is not known/],
      [{ normalizer: null, pre_tokenizer: { ...metaspace, replacement: '_' } }, /pre_tokenizer that/],
      [{ normalizer: null, pre_tokenizer: { ...metaspace, prepend_scheme: 'last' } }, /pre_tokenizer that/],
      [{ pre_tokenizer: { type: 'Whitespace' } }, /pre_tokenizer that/],
      [{ normalizer: { type: 'Sequence', normalizers: [{ type: 'NFKC' }, replace] } }, /normalizer that/],
      [{ normalizer: { type: 'Prepend', prepend: BLANK } }, /normalizer that/],
      [{ normalizer: { ...replace, content: '_' } }, /normalizer that/],
    ] as const) {
      assert.throws(
        () => new ByteTokenizer(definitionOf('gemma', changes), 'some/tokenizer.json'),
        (error: unknown) =>
          error instanceof ModelError &&
          error.code === 'model-invalid' &&
          error.message.includes('some/tokenizer.json') &&
          message.test(error.message),
        message.source,
      );
    }
  });
});
