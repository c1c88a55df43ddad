/** A byte-level tokenizer: vocabulary ids, and the exact bytes behind each. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Tokenizer } from '@huggingface/tokenizers';
import { LRUCache } from 'lru-cache';
import { utf8Bytes } from '../text/utf8';
import { ModelError } from './errors';
import type { ModelFolder } from './folder';
import { isPrintable, type PieceEnd, pieceEndOf, pieceEnds } from './pieces';

/** Bound of the pieces of texts that are kept, in tokens (8 bytes each): more than a text that is scored as a whole has. */
const KEPT_TOKENS = 1_000_000;

/** A text cut into tokens. */
export interface EncodedText {
  /** [tokens] vocabulary ids. */
  readonly ids: Uint32Array;
  /**
   * [tokens] number of UTF-8 bytes that each token stands for; their sum is the text's, unless there is no token.
   * A byte that the vocabulary lacks (SmolLM2's lacks 21, such as U+0004) is skipped by the model; it counts with
   * the token around it, or else the one after it, or at the end the one before it.
   */
  readonly byteLengths: Uint32Array;
}

/** The parts of `tokenizer.json` that decide whether byte offsets can be exact. */
interface TokenizerFile {
  readonly normalizer?: { readonly type?: string } | null;
  readonly decoder?: {
    readonly type?: string;
    readonly decoders?: readonly { readonly type?: string }[];
  } | null;
}

/**
 * Adds exact bytes to `@huggingface/tokenizers`, which yields ids alone: in a byte-level vocabulary every
 * token is a byte string, and a text's tokens concatenated are its UTF-8 bytes.
 */
export class ByteTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #vocabulary: Vocabulary;
  /** [256] 1 for bytes that no id stands for. */
  readonly #isMissing: Uint8Array;
  /** Number of tokens that the model has. */
  #limit = Number.POSITIVE_INFINITY;
  /** Where a text can be cut into pieces; undefined where it is one. */
  readonly #pieceEnd: PieceEnd | undefined;
  /** By their text's digest. */
  readonly #pieces = new LRUCache<string, EncodedText>({
    maxSize: KEPT_TOKENS,
    sizeCalculation: ({ ids }) => 1 + ids.length,
  });

  /**
   * @param definition the parsed `tokenizer.json`
   * @param config the parsed `tokenizer_config.json`
   * @param file named in error messages
   * @throws ModelError when the vocabulary is not byte-level
   */
  constructor(
    definition: object,
    config: object,
    readonly file: string,
  ) {
    const { decoder, normalizer } = definition as TokenizerFile;
    const decoders = decoder?.decoders ?? [decoder];
    if (!decoders.some((entry) => entry?.type === 'ByteLevel')) {
      throw new ModelError(
        'model-invalid',
        `The tokenizer ${file} is not byte-level, so its tokens cannot be mapped to the text exactly.`,
        'Use a model with a byte-level tokenizer (GPT-2, Llama 3, Qwen, SmolLM …).',
      );
    }
    // Unicode's normal form C is left out, so that tokens stand for the text's own bytes. Most texts have that form.
    const asIs = normalizer?.type === 'NFC' ? { ...definition, normalizer: null } : definition;
    this.#tokenizer = new Tokenizer(asIs, config);
    this.#vocabulary = vocabularyOf(this.#tokenizer);
    this.#isMissing = new Uint8Array(0x100).fill(1);
    const { starts, bytes } = this.#vocabulary;
    for (let id = 0; id + 1 < starts.length; id++) {
      if (starts[id + 1] === starts[id] + 1) {
        this.#isMissing[bytes[starts[id]]] = 0;
      }
    }
    skipMissingBytes(this.#tokenizer, this.#isMissing);
    // A byte that no id stands for counts with a neighbour: there must be none at the ends of pieces.
    const isAtEnds = (byte: number) => [0x09, 0x0a, 0x0d, 0x20].includes(byte) || isPrintable(byte);
    const hasEnds = this.#isMissing.every((missing, byte) => !missing || !isAtEnds(byte));
    this.#pieceEnd = hasEnds ? pieceEndOf(asIs) : undefined;
  }

  /**
   * Reads the tokenizer of a model folder.
   * @param folder `split` says that it was not made for Surprisal
   * @throws ModelError
   */
  static async load(
    folder: Pick<ModelFolder, 'file'> & { readonly split?: unknown },
  ): Promise<ByteTokenizer> {
    const file = folder.file('tokenizer.json');
    try {
      const definition = JSON.parse(await readFile(file, 'utf8'));
      // Of a model that was not made for Surprisal it may be left out: nothing in it matters to which tokens a text has.
      const other = await readFile(folder.file('tokenizer_config.json'), 'utf8').catch((error) => {
        if (folder.split && error.code === 'ENOENT') {
          return '{}';
        }
        throw error;
      });
      const config = JSON.parse(other);
      return new ByteTokenizer(definition, config, file);
    } catch (error) {
      if (error instanceof ModelError) {
        throw error;
      }
      throw new ModelError(
        'model-invalid',
        `The tokenizer ${file} cannot be used (${(error as Error).message}).`,
        'Get the model folder again.',
      );
    }
  }

  /** Tells how many tokens the model has: a tokenizer may know more, which no text may have then. */
  limitTo(vocabularySize: number): void {
    this.#limit = vocabularySize;
  }

  /**
   * Cuts a text into tokens, without adding any. A lone surrogate counts as U+FFFD. What was cut lately, of this text or
   * another one, is found again in pieces.
   * @throws ModelError when the tokenizer changed the text, so that tokens and text do not match, or the model lacks a token
   */
  encode(text: string): EncodedText {
    const pieces: EncodedText[] = [];
    let start = 0;
    for (const end of this.#pieceEnd ? pieceEnds(text, this.#pieceEnd) : [text.length]) {
      const piece = text.slice(start, end);
      const key = createHash('sha256').update(piece, 'utf16le').digest('base64');
      let tokens = this.#pieces.get(key);
      if (!tokens) {
        tokens = this.#cut(piece, text.slice(0, start));
        this.#pieces.set(key, tokens);
      }
      pieces.push(tokens);
      start = end;
    }
    return joined(pieces);
  }

  /** @param before the text before it, for an error's place */
  #cut(text: string, before: string): EncodedText {
    // U+FFFD is one UTF-16 code unit, as a lone surrogate is: positions stay the same.
    const ids = Uint32Array.from(
      this.#tokenizer.encode(toWellFormed(text), { add_special_tokens: false }).ids as number[],
    );
    const lacking = ids.find((id) => id >= this.#limit);
    if (lacking !== undefined) {
      throw new ModelError(
        'model-invalid',
        `The tokenizer ${this.file} has a token that the model lacks: ${JSON.stringify(this.textOf(lacking))}, number ${lacking} of ${this.#limit}.`,
        'Score a text without it, or get the tokenizer that belongs to the model.',
      );
    }
    return { ids, byteLengths: this.#align(ids, utf8Bytes(text), before) };
  }

  /**
   * Follows a text's bytes token by token.
   * @param before the text before it, for an error's place
   * @throws ModelError where they part
   */
  #align(ids: Uint32Array, text: Uint8Array, before: string): Uint32Array {
    const byteLengths = new Uint32Array(ids.length);
    const { starts, bytes } = this.#vocabulary;
    let position = 0;
    for (let i = 0; i < ids.length; i++) {
      const start = position;
      for (let at = starts[ids[i]]; at < starts[ids[i] + 1]; at++) {
        const byte = bytes[at];
        while (text[position] !== byte && this.#isMissing[text[position]]) {
          position++;
        }
        if (text[position] !== byte) {
          throw this.#changed(before, position);
        }
        position++;
      }
      byteLengths[i] = position - start;
    }
    const end = position;
    while (this.#isMissing[text[position]]) {
      position++;
    }
    if (position < text.length) {
      throw this.#changed(before, position);
    }
    if (ids.length > 0) {
      byteLengths[ids.length - 1] += position - end;
    }
    return byteLengths;
  }

  #changed(before: string, position: number): ModelError {
    const byte = Buffer.byteLength(before) + position;
    return new ModelError(
      'model-invalid',
      `The tokenizer ${this.file} changes the text: its tokens part from it at byte ${byte}.`,
      'Use a model whose tokenizer does not normalise its input.',
    );
  }

  /** The UTF-8 bytes that an id stands for. */
  bytesOf(id: number): Uint8Array {
    const { starts, bytes } = this.#vocabulary;
    const start = starts[id] ?? bytes.length;
    return bytes.subarray(start, starts[id + 1] ?? start);
  }

  /** An id as text, its leading space kept; bytes that are not whole characters appear as U+FFFD. */
  textOf(id: number): string {
    return DECODER.decode(this.bytesOf(id));
  }
}

function joined(pieces: readonly EncodedText[]): EncodedText {
  const tokens = pieces.reduce((sum, { ids }) => sum + ids.length, 0);
  const ids = new Uint32Array(tokens);
  const byteLengths = new Uint32Array(tokens);
  let from = 0;
  for (const piece of pieces) {
    ids.set(piece.ids, from);
    byteLengths.set(piece.byteLengths, from);
    from += piece.ids.length;
  }
  return { ids, byteLengths };
}

/** The bytes of every id, one after the other: none for ids that stand for nothing. */
interface Vocabulary {
  /** [ids + 1] where each id's bytes start, and the next one's. */
  readonly starts: Uint32Array;
  readonly bytes: Uint8Array;
}

const DECODER = new TextDecoder('utf-8', { ignoreBOM: true });

/** String.prototype.toWellFormed of ES2024, which Node 20 has and this project's type library does not. */
function toWellFormed(text: string): string {
  return (text as string & { toWellFormed(): string }).toWellFormed();
}

function vocabularyOf(tokenizer: Tokenizer): Vocabulary {
  /** By the ids: one byte a character, or the bytes themselves. */
  const pieces: (string | Uint8Array)[] = [];
  for (const [token, id] of tokenizer.get_vocab()) {
    pieces[id] = token;
  }
  for (const [id, { content }] of tokenizer.get_added_tokens_decoder()) {
    pieces[id] = new TextEncoder().encode(content);
  }
  const starts = new Uint32Array(pieces.length + 1);
  for (let id = 0; id < pieces.length; id++) {
    starts[id + 1] = starts[id] + (pieces[id]?.length ?? 0);
  }
  const bytes = new Uint8Array(starts[pieces.length]);
  const byteOf = bytesOfCharacters();
  for (const [id, piece] of pieces.entries()) {
    if (typeof piece !== 'string') {
      bytes.set(piece ?? [], starts[id]);
      continue;
    }
    for (let i = 0; i < piece.length; i++) {
      bytes[starts[id] + i] = byteOf[piece.charCodeAt(i)];
    }
  }
  return { starts, bytes };
}

/** The byte that each character of the alphabet stands for, by its UTF-16 code unit; "?" for what is not one. */
function bytesOfCharacters(): Uint8Array {
  const bytes = new Uint8Array(0x10000).fill(0x3f);
  for (const [character, byte] of byteLevelAlphabet()) {
    bytes[character.charCodeAt(0)] = byte;
  }
  return bytes;
}

/**
 * Takes the bytes that the vocabulary lacks out of each word before the merges are applied, as the reference
 * implementation does without an unknown token: their neighbours may merge.
 */
function skipMissingBytes(tokenizer: Tokenizer, isMissing: Uint8Array): void {
  const missing = [...byteLevelAlphabet()]
    .filter(([, byte]) => isMissing[byte])
    .map(([character]) => character);
  const words = tokenizer.pre_tokenizer as ((text: string, options: object) => string[]) | null;
  if (missing.length === 0 || words === null) {
    return;
  }
  const pattern = new RegExp(`[${missing.join('')}]`, 'gu');
  const skipping = (text: string, options: object) =>
    words(text, options).map((word) => word.replace(pattern, ''));
  tokenizer.pre_tokenizer = skipping as unknown as Tokenizer['pre_tokenizer'];
}

/**
 * GPT-2's alphabet, which writes each byte as one printable character: printable Latin-1 bytes stand for
 * themselves, the others for U+0100 and up in order (openai/gpt-2, `bytes_to_unicode`).
 */
function byteLevelAlphabet(): Map<string, number> {
  const isPrintable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  const byteOf = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 0x100; byte++) {
    byteOf.set(String.fromCharCode(isPrintable(byte) ? byte : next++), byte);
  }
  return byteOf;
}
