/** A model's tokenizer: vocabulary ids, and the exact bytes behind each. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import { utf8Bytes, utf8Length } from '../text/utf8';
import { type AddedToken, AddedTokens } from './addedTokens';
import { ModelError } from './errors';
import type { ModelFolder } from './folder';
import { formOf, type TokenizerFile, type TokenizerForm } from './tokenizerForms';

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

/** A part of a text, and the number of bytes at its end that no token stands for. */
interface EncodedPiece extends EncodedText {
  readonly rest: number;
}

/**
 * Adds exact bytes to `@huggingface/tokenizers`, which yields ids alone: every token of the vocabularies that are known here
 * is a byte string, and a text's tokens concatenated are its UTF-8 bytes.
 *
 * The ids are those of the reference (Hugging Face's `tokenizers`), special tokens where a text looks like them included, with three
 * exceptions: Unicode's normal form C is left out; so is a first token that is nothing but the space that some tokenizers put before
 * a text, because no byte of the text is behind it; and so is an added token of white space that the one before it takes as well.
 */
export class ByteTokenizer {
  readonly #form: TokenizerForm;
  /** Searched for in a text, and what is between these in the normalised one. */
  readonly #added: AddedTokens;
  readonly #normalized: AddedTokens;
  /** Number of tokens that the model has. */
  #limit = Number.POSITIVE_INFINITY;
  /** By their text's digest. */
  readonly #pieces = new LRUCache<string, EncodedPiece>({
    maxSize: KEPT_TOKENS,
    sizeCalculation: ({ ids }) => 1 + ids.length,
  });

  /**
   * @param definition the parsed `tokenizer.json`
   * @param file named in error messages
   * @throws ModelError when its tokens cannot be mapped to a text's bytes, or it is not known how
   */
  constructor(
    definition: object,
    readonly file: string,
  ) {
    const { added_tokens = [] } = definition as TokenizerFile;
    this.#form = formOf(definition, file);
    const { normalized, prefix } = this.#form;
    const prepended = prefix === 'normalized' ? normalized(' ') : '';
    const contentOf = ({ content }: AddedToken) => prepended + normalized(content);
    this.#added = new AddedTokens(
      added_tokens.filter((token) => !token.normalized),
      ({ content }) => content,
    );
    this.#normalized = new AddedTokens(
      added_tokens.filter((token) => token.normalized),
      contentOf,
    );
  }

  /** Reads the tokenizer of a model folder. @throws ModelError */
  static load(folder: Pick<ModelFolder, 'file'>): Promise<ByteTokenizer> {
    const file = folder.file('tokenizer.json');
    return ByteTokenizer.from(async () => JSON.parse(await readFile(file, 'utf8')), file);
  }

  /**
   * Makes a tokenizer of what a `tokenizer.json` holds.
   * @param file named in error messages
   * @throws ModelError, also for what a library says of it
   */
  static async from(read: () => object | Promise<object>, file: string): Promise<ByteTokenizer> {
    try {
      return new ByteTokenizer(await read(), file);
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
   * @param begins whether the text begins here; else it goes on, and no space is put before it
   * @throws ModelError when the tokenizer changed the text, so that tokens and text do not match, or the model lacks a token
   */
  encode(text: string, begins = true): EncodedText {
    // U+FFFD is one UTF-16 code unit, as a lone surrogate is: positions stay the same.
    const wellFormed = toWellFormed(text);
    const { prefix, normalized } = this.#form;
    const pieces: EncodedPiece[] = [];
    for (const part of this.#added.split(wellFormed)) {
      if (part.id !== undefined) {
        pieces.push(this.#addedToken(part.id, wellFormed.slice(part.start, part.end)));
        continue;
      }
      const isFirst = part.start === 0;
      const space = prefix === 'normalized' && (begins || !isFirst) ? normalized(' ') : '';
      const inner = this.#normalized.split(space + normalized(wellFormed.slice(part.start, part.end)));
      for (const { start: from, end: to, id } of inner) {
        const start = part.start + Math.max(0, from - space.length);
        const end = part.start + to - space.length;
        if (id !== undefined) {
          pieces.push(this.#addedToken(id, wellFormed.slice(start, end)));
        } else if (end > start) {
          const hasSpace =
            from < space.length ||
            (this.#putsSpace(start === 0, begins) && !this.#startsWithSpace(wellFormed[start]));
          pieces.push(...this.#section(wellFormed, start, end, hasSpace));
        }
      }
    }
    return joined(pieces);
  }

  /** Whether a space is put before what comes after an added token, or begins a text. */
  #putsSpace(isFirst: boolean, begins: boolean): boolean {
    const { prefix } = this.#form;
    return isFirst ? begins && (prefix === 'always' || prefix === 'first') : prefix === 'always';
  }

  #startsWithSpace(character: string): boolean {
    const { written } = this.#form;
    return written(character) === written(' ');
  }

  #addedToken(id: number, text: string): EncodedPiece {
    this.#checkLimit(id);
    return { ids: Uint32Array.of(id), byteLengths: Uint32Array.of(utf8Length(text)), rest: 0 };
  }

  /** @param hasSpace whether a space is put before it */
  #section(text: string, start: number, end: number, hasSpace: boolean): EncodedPiece[] {
    const section = text.slice(start, end);
    let from = 0;
    return this.#form.pieceEnds(section).map((to) => {
      const piece = section.slice(from, to);
      const space = hasSpace && from === 0;
      const key = createHash('sha256')
        .update(`${Number(space)}${piece}`, 'utf16le')
        .digest('base64');
      let tokens = this.#pieces.get(key);
      if (!tokens) {
        tokens = this.#cut(piece, space, text.slice(0, start + from));
        this.#pieces.set(key, tokens);
      }
      from = to;
      return tokens;
    });
  }

  /** @param before the text before it, for an error's place */
  #cut(text: string, hasSpace: boolean, before: string): EncodedPiece {
    const { library, written } = this.#form;
    const whole = written(hasSpace ? ` ${text}` : text);
    const ids = Uint32Array.from(library.encode(whole, { add_special_tokens: false }).ids as number[]);
    for (const id of ids) {
      this.#checkLimit(id);
    }
    const { byteLengths, rest } = this.#align(ids, utf8Bytes(text), hasSpace, before);
    // The space alone: no merge took it, so that the other tokens are those of the text without it.
    const first = hasSpace && byteLengths[0] === 0 ? 1 : 0;
    return { ids: ids.slice(first), byteLengths: byteLengths.slice(first), rest };
  }

  #checkLimit(id: number): void {
    if (id >= this.#limit) {
      throw new ModelError(
        'model-invalid',
        `The tokenizer ${this.file} has a token that the model lacks: ${JSON.stringify(this.textOf(id))}, number ${id} of ${this.#limit}.`,
        'Score a text without it, or get the tokenizer that belongs to the model.',
      );
    }
  }

  /**
   * Follows a text's bytes token by token.
   * @param before the text before it, for an error's place
   * @throws ModelError where they part
   */
  #align(
    ids: Uint32Array,
    text: Uint8Array,
    hasSpace: boolean,
    before: string,
  ): { readonly byteLengths: Uint32Array; readonly rest: number } {
    const byteLengths = new Uint32Array(ids.length);
    const { vocabulary, isMissing, written } = this.#form;
    const { starts, bytes } = vocabulary;
    // In a text it is written as a space is.
    const space = utf8Bytes(written(' '));
    let position = 0;
    let isBehindSpace = !hasSpace;
    for (let i = 0; i < ids.length; i++) {
      const start = position;
      for (let at = starts[ids[i]]; at < starts[ids[i] + 1]; at++) {
        const byte = bytes[at];
        if (!isBehindSpace && byte === SPACE) {
          isBehindSpace = true;
          continue;
        }
        while (text[position] !== byte && isMissing[text[position]]) {
          position++;
        }
        if (text[position] === byte) {
          position++;
        } else if (byte === SPACE && space.every((one, index) => text[position + index] === one)) {
          position += space.length;
        } else {
          throw this.#changed(before, position);
        }
      }
      byteLengths[i] = position - start;
    }
    const end = position;
    while (isMissing[text[position]]) {
      position++;
    }
    if (position < text.length) {
      throw this.#changed(before, position);
    }
    return { byteLengths, rest: position - end };
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
    const { starts, bytes } = this.#form.vocabulary;
    const start = starts[id] ?? bytes.length;
    return bytes.subarray(start, starts[id + 1] ?? start);
  }

  /** An id as text, its leading space kept; bytes that are not whole characters appear as U+FFFD. */
  textOf(id: number): string {
    return DECODER.decode(this.bytesOf(id));
  }
}

/** A space, by its byte. */
const SPACE = 0x20;

const DECODER = new TextDecoder('utf-8', { ignoreBOM: true });

/** String.prototype.toWellFormed of ES2024, which Node 20 has and this project's type library does not. */
function toWellFormed(text: string): string {
  return (text as string & { toWellFormed(): string }).toWellFormed();
}

function joined(pieces: readonly EncodedPiece[]): EncodedText {
  const tokens = pieces.reduce((sum, { ids }) => sum + ids.length, 0);
  const ids = new Uint32Array(tokens);
  const byteLengths = new Uint32Array(tokens);
  let from = 0;
  let rest = 0;
  for (const piece of pieces) {
    ids.set(piece.ids, from);
    byteLengths.set(piece.byteLengths, from);
    if (piece.ids.length > 0) {
      byteLengths[from] += rest;
      rest = 0;
    }
    rest += piece.rest;
    from += piece.ids.length;
  }
  if (tokens > 0) {
    byteLengths[tokens - 1] += rest;
  }
  return { ids, byteLengths };
}
