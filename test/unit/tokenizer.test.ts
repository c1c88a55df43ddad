import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import * as fc from 'fast-check';
import { layOutSection } from '../../src/engine/layout';
import { ModelError } from '../../src/model/errors';
import { openModelFolder } from '../../src/model/folder';
import { pieceEndOf, pieceEnds } from '../../src/model/pieces';
import { type PreTokenizer, wordsOf } from '../../src/model/preTokenizer';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { pageLimitsFor } from '../../src/text/pages';
import { sectionsOfText } from '../../src/text/sections';
import { FIXTURES, MODEL, ROOT, TINY_MODEL } from '../support/paths';

const { pre_tokenizers: FAMILIES } = JSON.parse(
  readFileSync(join(FIXTURES, 'reference', 'words.json'), 'utf8'),
) as { readonly pre_tokenizers: Readonly<Record<string, PreTokenizer>> };

const PRE_TOKENIZERS: readonly (readonly [string, PreTokenizer | undefined])[] = [
  ['its own', undefined],
  ...['Llama 3', 'Qwen'].map((family) => [`${family}'s`, FAMILIES[family]] as const),
];

/** Text as unkind as documents get: any code unit, lone surrogates, controls, blanks, emoji, special tokens. */
const nastyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc
        .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 10 })
        .map((units) => String.fromCharCode(...units)),
      fc.constantFrom(
        '\ufeff',
        '\0',
        '\r\n',
        '\r',
        '\n\n    ',
        ' '.repeat(40),
        '👩‍👩‍👧‍👦',
        '🇨🇭',
        'e\u0301',
        '漢字かな',
        'שלום عليكم',
        '<|endoftext|>',
        '<|im_start|>',
        '\ud83d',
        '\udc4b',
        "it's 1234567890",
        'const x = y ?? z;\n',
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

/** Bytes that SmolLM2's vocabulary has no token for; all but six never occur in common text. */
const SMOLLM2_LACKS = [
  0x04, 0x06, 0x13, 0x14, 0x16, 0x1d, 0xc0, 0xc1, 0xf1, 0xf2, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc,
  0xfd, 0xfe, 0xff,
];

for (const [name, path, missing] of [
  ['smollm2', MODEL, SMOLLM2_LACKS],
  ['tiny', TINY_MODEL, [] as number[]],
] as const) {
  describe(`tokenizer of ${name}`, function () {
    this.timeout(120_000);
    let tokenizer: ByteTokenizer;

    before(async () => {
      tokenizer = await ByteTokenizer.load(await openModelFolder(path));
    });

    function bytesOf(text: string): Buffer {
      return Buffer.concat([...tokenizer.encode(text).ids].map((id) => tokenizer.bytesOf(id)));
    }

    it("has tokens whose bytes, concatenated, are the text's UTF-8 bytes, but those that no token has", () => {
      fc.assert(
        fc.property(nastyText, (text) => {
          const known = Buffer.from(text, 'utf8').filter((byte) => !missing.includes(byte));
          assert.deepEqual(bytesOf(text), Buffer.from(known));
          const { byteLengths } = tokenizer.encode(text);
          const sum = byteLengths.reduce((total, length) => total + length, 0);
          assert.equal(sum, byteLengths.length === 0 ? 0 : Buffer.byteLength(text));
        }),
        { numRuns: 400 },
      );
    });

    it('covers the text with ranges that never go back and never split a character', () => {
      const limits = pageLimitsFor(8192);
      fc.assert(
        fc.property(nastyText, (text) => {
          const { starts, ends, ids, pageStarts } = layOutSection(
            sectionsOfText(text)[0],
            undefined,
            tokenizer,
            limits,
          );
          assert.equal(pageStarts.length, ids.length === 0 ? 0 : 1);
          let covered = 0;
          for (let i = 0; i < ids.length; i++) {
            assert.ok(starts[i] <= covered && ends[i] >= covered && ends[i] > starts[i]);
            covered = ends[i];
            for (const edge of [starts[i], ends[i]]) {
              const isInsidePair =
                /[\ud800-\udbff]/.test(text[edge - 1] ?? '') && /[\udc00-\udfff]/.test(text[edge] ?? '');
              assert.ok(!isInsidePair, 'no range ends inside a surrogate pair');
            }
            const token = tokenizer.textOf(ids[i]);
            const drawn = text.slice(starts[i], ends[i]);
            if (!token.includes('\ufffd') && Buffer.from(drawn).every((byte) => !missing.includes(byte))) {
              assert.equal(drawn, token);
            }
          }
          assert.equal(covered, ids.length === 0 ? 0 : text.length);
        }),
        { numRuns: 400 },
      );
    });

    for (const [words, preTokenizer] of PRE_TOKENIZERS) {
      it(`has the tokens of the whole text where it takes it in pieces, after any edits, with ${words} words`, () => {
        const definition = JSON.parse(readFileSync(join(path, 'tokenizer.json'), 'utf8'));
        definition.pre_tokenizer = structuredClone(preTokenizer ?? definition.pre_tokenizer);
        const inPieces = new ByteTokenizer(definition, path);
        const endOf = (step: PreTokenizer) => pieceEndOf(wordsOf(step)?.steps ?? []);
        const kind = endOf(definition.pre_tokenizer) ?? assert.fail('no pieces');
        // The same words by a pattern that is not known, so that the text is not taken in pieces.
        const pattern = definition.pre_tokenizer.pretokenizers.find((step: PreTokenizer) =>
          endOf({ type: 'Sequence', pretokenizers: [step, { type: 'ByteLevel', use_regex: false }] }),
        ).pattern;
        pattern.Regex = `(?:${pattern.Regex})`;
        assert.equal(endOf(definition.pre_tokenizer), undefined);
        const whole = new ByteTokenizer(definition, path);
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
            "it's",
            '\u0004',
            'é',
            '<|endoftext|>',
          ),
          nastyText,
          fc.string({ minLength: 3, maxLength: 40 }),
        );
        const text = fc
          .array(fc.tuple(line, fc.constantFrom('\n', '\n', '\r\n', '\r')), { minLength: 60, maxLength: 300 })
          .map((lines) => lines.flat().join(''));
        let cuts = 0;
        fc.assert(
          fc.property(
            text,
            fc.array(fc.tuple(fc.nat(), fc.nat(30), line), { maxLength: 4 }),
            (start, edits) => {
              let now = start;
              for (const [at, length, put] of [[0, 0, ''] as const, ...edits]) {
                const from = at % (now.length + 1);
                now = now.slice(0, from) + put + now.slice(from + length);
                assert.deepEqual(inPieces.encode(now), whole.encode(now));
                cuts += Math.max(0, pieceEnds(now, kind).length - 1);
              }
            },
          ),
          { numRuns: 60 },
        );
        assert.ok(cuts > 100, `${cuts} cuts`);
      });
    }

    it('cuts little of a text anew after an edit', async () => {
      const text = await readFile(join(ROOT, 'src/engine/scorer.ts'), 'utf8');
      const { encode } = Tokenizer.prototype;
      let characters = 0;
      Tokenizer.prototype.encode = function (this: Tokenizer, ...parameters: Parameters<typeof encode>) {
        characters += parameters[0].length;
        return encode.apply(this, parameters);
      } as typeof encode;
      try {
        tokenizer.encode(text);
        assert.equal(characters, text.length);
        for (const at of [0, 9_000, 20_000, text.length]) {
          characters = 0;
          tokenizer.encode(`${text.slice(0, at)}x${text.slice(at)}`);
          assert.ok(characters > 0 && characters < text.length / 3, `${characters} of ${text.length}`);
        }
      } finally {
        Tokenizer.prototype.encode = encode;
      }
    });

    it("keeps a token's leading space", () => {
      const { ids } = tokenizer.encode('a b');
      assert.equal([...ids].map((id) => tokenizer.textOf(id)).join('|'), 'a| b');
    });
  });
}

describe('tokenizer', () => {
  it('refuses a vocabulary that is neither byte-level nor one with byte fallback, and names the file', () => {
    const definition = JSON.parse(readFileSync(join(TINY_MODEL, 'tokenizer.json'), 'utf8'));
    definition.decoder = { type: 'Metaspace', replacement: '▁' };
    assert.throws(
      () => new ByteTokenizer(definition, 'some/tokenizer.json'),
      (error: unknown) =>
        error instanceof ModelError &&
        error.code === 'model-invalid' &&
        /some\/tokenizer\.json/.test(error.message),
    );
  });

  it('takes a model that does not say its type for a BPE, as older files have it', () => {
    const definition = JSON.parse(readFileSync(join(TINY_MODEL, 'tokenizer.json'), 'utf8'));
    const tokenizer = new ByteTokenizer(definition, 'some/tokenizer.json');
    const { vocab, merges } = definition.model;
    const older = new ByteTokenizer({ ...definition, model: { vocab, merges } }, 'some/tokenizer.json');
    const text = 'def f(x):\n    return x\n';
    assert.deepEqual(older.encode(text), tokenizer.encode(text));
  });

  it('refuses a tokenizer that changes the text', () => {
    const definition = JSON.parse(readFileSync(join(TINY_MODEL, 'tokenizer.json'), 'utf8'));
    definition.normalizer = { type: 'Replace', pattern: { String: 'a' }, content: 'bb' };
    const tokenizer = new ByteTokenizer(definition, 'some/tokenizer.json');
    assert.throws(() => tokenizer.encode('banana'), /changes the text.*at byte 1/);
  });

  it("leaves Unicode's normal form C out, and cuts the text as it is", async () => {
    const definition = JSON.parse(readFileSync(join(TINY_MODEL, 'tokenizer.json'), 'utf8'));
    const plain = new ByteTokenizer(definition, 'some/tokenizer.json');
    const normalising = new ByteTokenizer(
      { ...definition, normalizer: { type: 'NFC' } },
      'some/tokenizer.json',
    );
    for (const text of ['caf\u00e9', 'cafe\u0301 \u2126 \u212b \u1112\u1161\u11ab\n', 'x\n\u0301']) {
      assert.deepEqual(normalising.encode(text), plain.encode(text));
      const bytes = [...normalising.encode(text).ids].flatMap((id) => [...normalising.bytesOf(id)]);
      assert.equal(Buffer.from(bytes).toString(), text);
    }
  });

  it('counts a byte that no token has with the token after it, be it an added one, or at the end with the last one', async () => {
    const smollm2 = await ByteTokenizer.load(await openModelFolder(MODEL));
    const lengthsOf = (text: string) => [...smollm2.encode(text).byteLengths];
    assert.deepEqual(lengthsOf('x\u0004<|endoftext|>\u0004y'), [1, 14, 2]);
    assert.deepEqual(lengthsOf('<|endoftext|>\u0004'), [14]);
    assert.deepEqual(lengthsOf('\u0004<|endoftext|>'), [14]);
    assert.deepEqual(lengthsOf('\u0004\u0006'), []);
  });

  it('refuses a text with such a byte where the model has a token for what is unknown, which the reference puts there', async () => {
    const definition = JSON.parse(readFileSync(join(MODEL, 'tokenizer.json'), 'utf8'));
    definition.model.unk_token = '<|endoftext|>';
    const tokenizer = new ByteTokenizer(definition, 'some/tokenizer.json');
    assert.equal(tokenizer.textOf(tokenizer.encode('x').ids[0]), 'x');
    for (const [text, byte] of [
      ['x\u0004y', 2],
      ['\u0004', 1],
      ['\u0004<|endoftext|>', 1],
    ] as const) {
      assert.throws(() => tokenizer.encode(text), new RegExp(`changes the text.*at byte ${byte}`), text);
    }
  });

  it('puts a space before a text that begins where the tokenizer does, which has no bytes', () => {
    const definition = JSON.parse(readFileSync(join(TINY_MODEL, 'tokenizer.json'), 'utf8'));
    definition.pre_tokenizer = { type: 'ByteLevel', add_prefix_space: true, use_regex: true };
    const tokenizer = new ByteTokenizer(definition, 'some/tokenizer.json');
    const tokensOf = (text: string, begins?: boolean) => {
      const { ids, byteLengths } = tokenizer.encode(text, begins);
      return [...ids].map((id, i) => `${tokenizer.textOf(id)}|${byteLengths[i]}`);
    };
    assert.deepEqual(tokensOf('the'), [' the|3']);
    assert.deepEqual(tokensOf(' the'), [' the|4']);
    assert.deepEqual(tokensOf('the', false), ['t|1', 'he|2']);
    assert.deepEqual(tokensOf('\n'), ['\n|1']);
    assert.deepEqual(tokensOf('<|endoftext|>the'), ['<|endoftext|>|13', ' the|3']);
  });

  it('is the reference tokenizer, id for id', async () => {
    const tokenizers = {
      smollm2: await ByteTokenizer.load(await openModelFolder(MODEL)),
      tiny: await ByteTokenizer.load(await openModelFolder(TINY_MODEL)),
    };
    const corpus = JSON.parse(
      readFileSync(join(FIXTURES, 'reference', 'tokenizer.json'), 'utf8'),
    ) as TokenizerRecord;
    assert.ok(corpus.cases.length >= 200);
    for (const { text, smollm2, tiny } of corpus.cases) {
      assert.deepEqual([...tokenizers.smollm2.encode(text).ids], smollm2, JSON.stringify(text));
      assert.deepEqual([...tokenizers.tiny.encode(text).ids], tiny, JSON.stringify(text));
    }
  });
});

interface TokenizerRecord {
  readonly cases: readonly { readonly text: string; readonly smollm2: number[]; readonly tiny: number[] }[];
}
