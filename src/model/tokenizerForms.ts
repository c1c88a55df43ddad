/**
 * The two forms of tokenizers whose tokens are byte strings: byte-level ones, which write each byte as a character, and
 * SentencePiece's BPE with byte fallback, which writes characters, a space as ▁, and what it has no token for in bytes.
 */
import { Tokenizer } from '@huggingface/tokenizers';
import type { AddedToken } from './addedTokens';
import { ModelError } from './errors';
import { isPrintable, pieceEndOf, pieceEnds } from './pieces';
import { type PreTokenizer, stepsOf, wordsOf } from './preTokenizer';

/** The parts of a `tokenizer.json`. */
export interface TokenizerFile {
  readonly added_tokens?: readonly AddedToken[];
  readonly normalizer?: Normalizer | null;
  readonly pre_tokenizer?: PreTokenizer | null;
  readonly model?: {
    readonly type?: string;
    readonly vocab?: Readonly<Record<string, number>>;
    readonly merges?: readonly (string | readonly [string, string])[];
    readonly byte_fallback?: boolean;
    readonly ignore_merges?: boolean;
    readonly unk_token?: string | null;
  };
  readonly decoder?: {
    readonly type?: string;
    readonly decoders?: readonly { readonly type?: string }[];
  } | null;
}

interface Normalizer {
  readonly type?: string;
  readonly normalizers?: readonly Normalizer[];
  readonly prepend?: string;
  readonly pattern?: { readonly String?: string };
  readonly content?: string;
}

/** The bytes of every id, one after the other: none for ids that stand for nothing. */
export interface Vocabulary {
  /** [ids + 1] where each id's bytes start, and the next one's. */
  readonly starts: Uint32Array;
  readonly bytes: Uint8Array;
}

/** What is put before a text that begins, if it is not empty: nothing, or a space. */
export type Prefix =
  | 'never'
  /** Before a text, and before what follows a token that is not searched for in the normalised text. */
  | 'normalized'
  /** Before a text that does not begin with one, and before what follows any added token. */
  | 'always'
  /** Before a text that does not begin with one. */
  | 'first';

/** What a tokenizer does, in terms that all have in common. */
export interface TokenizerForm {
  /** Cuts what lies between added tokens, as {@link written}, into tokens. */
  readonly library: Tokenizer;
  readonly vocabulary: Vocabulary;
  /** [256] 1 for bytes that no id stands for. */
  readonly isMissing: Uint8Array;
  readonly prefix: Prefix;
  /** A text as the vocabulary writes it, in as many UTF-16 code units. */
  written(text: string): string;
  /** A text as some added tokens are searched for in it, in as many UTF-16 code units. */
  normalized(text: string): string;
  /** UTF-16 offsets, ascending, up to the text's length: what is between two has its tokens of the whole text. */
  pieceEnds(text: string): number[];
}

const BPE = 'BPE';

/** How SentencePiece writes a space. */
const BLANK = '\u2581';

const ADVICE =
  'Use a model whose tokenizer is byte-level (GPT-2, Llama 3, Qwen, SmolLM …) or a BPE with byte fallback (Llama 2, Mistral, Gemma …).';

/**
 * What a `tokenizer.json` says.
 * @param file named in error messages
 * @throws ModelError when its tokens cannot be mapped to a text's bytes, or it is not known how
 */
export function formOf(definition: TokenizerFile, file: string): TokenizerForm {
  const { model, decoder } = definition;
  const decoders = decoder?.decoders ?? [decoder];
  // Older files do not say the type of their model.
  const bpe = model?.merges && (model.type ?? BPE) === BPE ? { ...model, type: BPE } : undefined;
  if (bpe && decoders.some((entry) => entry?.type === 'ByteLevel')) {
    return byteLevel({ ...definition, model: bpe }, file);
  }
  if (bpe?.byte_fallback === true) {
    return byteFallback({ ...definition, model: bpe }, file);
  }
  const what =
    model?.type === 'Unigram'
      ? 'is one of SentencePiece’s unigram models'
      : 'is neither byte-level nor a BPE with byte fallback';
  throw new ModelError(
    'model-invalid',
    `The tokenizer ${file} ${what}, so its tokens cannot be mapped to the text exactly.`,
    ADVICE,
  );
}

function unknown(file: string, part: string, value: unknown): ModelError {
  return new ModelError(
    'model-invalid',
    `The tokenizer ${file} has a ${part} that is not known: ${JSON.stringify(value)?.slice(0, 200)}.`,
    ADVICE,
  );
}

function byteLevel(definition: TokenizerFile, file: string): TokenizerForm {
  const words = wordsOf(definition.pre_tokenizer);
  if (!words) {
    throw unknown(file, 'pre_tokenizer', definition.pre_tokenizer);
  }
  // Unicode's normal form C is left out, so that tokens stand for the text's own bytes. Most texts have that form.
  const steps = normalizersOf(definition.normalizer).filter(({ type }) => type !== 'NFC');
  const normalizer = steps.length > 0 ? { type: 'Sequence', normalizers: steps } : null;
  const library = libraryOf(definition, normalizer, { type: 'Sequence', pretokenizers: words.steps });
  const byteOf = byteLevelAlphabet();
  const vocabulary = vocabularyOf(definition, (token) =>
    Uint8Array.from(token, (character) => byteOf.get(character) ?? 0x3f),
  );
  const isMissing = missingIn(vocabulary);
  // A token for what is unknown has no bytes of the text: then a text with such a byte is refused.
  if (typeof definition.model?.unk_token !== 'string') {
    skipMissingBytes(library, isMissing);
  }
  // A byte that no id stands for counts with a neighbour: there must be none at the ends of pieces.
  const isAtEnds = (byte: number) => [0x09, 0x0a, 0x0d, 0x20].includes(byte) || isPrintable(byte);
  const hasEnds = isMissing.every((missing, byte) => !missing || !isAtEnds(byte));
  const end = hasEnds && normalizer === null ? pieceEndOf(words.steps) : undefined;
  return {
    library,
    vocabulary,
    isMissing,
    prefix: words.hasPrefix ? 'always' : 'never',
    written: asItIs,
    normalized: asItIs,
    pieceEnds: end ? (text) => pieceEnds(text, end) : (text) => [text.length],
  };
}

const asItIs = (text: string) => text;

/** All normalizers, one after the other, of one that may be a sequence. */
function normalizersOf(normalizer: Normalizer | null | undefined): readonly Normalizer[] {
  return normalizer?.type === 'Sequence'
    ? (normalizer.normalizers ?? []).flatMap(normalizersOf)
    : normalizer
      ? [normalizer]
      : [];
}

/** The library's tokenizer, without added tokens, and without what comes after the ids. */
function libraryOf(
  { model }: TokenizerFile,
  normalizer: object | null,
  pre_tokenizer: object | null,
): Tokenizer {
  const parts = { model, normalizer, pre_tokenizer, added_tokens: [], decoder: null, post_processor: null };
  return new Tokenizer(parts, {});
}

/**
 * Takes the bytes that the vocabulary lacks out of each word before the merges are applied, as the reference
 * implementation does without an unknown token: their neighbours may merge.
 */
function skipMissingBytes(library: Tokenizer, isMissing: Uint8Array): void {
  const missing = [...byteLevelAlphabet()]
    .filter(([, byte]) => isMissing[byte])
    .map(([character]) => character);
  if (missing.length === 0) {
    return;
  }
  const words = library.pre_tokenizer as unknown as (text: string, options: object) => string[];
  const pattern = new RegExp(`[${missing.join('')}]`, 'gu');
  cutBy(library, (text, options) => words(text, options).map((word) => word.replace(pattern, '')));
}

function cutBy(library: Tokenizer, words: (text: string, options: object) => string[]): void {
  library.pre_tokenizer = words as unknown as Tokenizer['pre_tokenizer'];
}

/**
 * GPT-2's alphabet, which writes each byte as one printable character: printable Latin-1 bytes stand for
 * themselves, the others for U+0100 and up in order (openai/gpt-2, `bytes_to_unicode`).
 */
function byteLevelAlphabet(): Map<string, number> {
  const standsForItself = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  const byteOf = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 0x100; byte++) {
    byteOf.set(String.fromCharCode(standsForItself(byte) ? byte : next++), byte);
  }
  return byteOf;
}

/** @param bytesOf what a token of the model, as it is written, stands for; an added token stands for its text */
function vocabularyOf(
  { model, added_tokens = [] }: TokenizerFile,
  bytesOf: (token: string) => Uint8Array,
): Vocabulary {
  const tokens: (Uint8Array | undefined)[] = [];
  const own = new Map(Object.entries(model?.vocab ?? {}));
  for (const [token, id] of own) {
    tokens[id] = bytesOf(token);
  }
  for (const { id, content, special } of added_tokens) {
    // Runs of spaces may be tokens of the model and added ones as well.
    if (special || own.get(content) !== id) {
      tokens[id] = new TextEncoder().encode(content);
    }
  }
  const starts = new Uint32Array(tokens.length + 1);
  for (let id = 0; id < tokens.length; id++) {
    starts[id + 1] = starts[id] + (tokens[id]?.length ?? 0);
  }
  const bytes = new Uint8Array(starts[tokens.length]);
  for (let id = 0; id < tokens.length; id++) {
    bytes.set(tokens[id] ?? [], starts[id]);
  }
  return { starts, bytes };
}

/** [256] 1 for bytes that no id stands for. */
function missingIn({ starts, bytes }: Vocabulary): Uint8Array {
  const isMissing = new Uint8Array(0x100).fill(1);
  for (let id = 0; id + 1 < starts.length; id++) {
    if (starts[id + 1] === starts[id] + 1) {
      isMissing[bytes[starts[id]]] = 0;
    }
  }
  return isMissing;
}

function byteFallback(definition: TokenizerFile, file: string): TokenizerForm {
  const { normalizer, pre_tokenizer, model } = definition;
  if (model?.ignore_merges) {
    throw unknown(file, 'model', { ignore_merges: true });
  }
  const { prefix, isNormalized, isSplit } = blanksOf(normalizer, pre_tokenizer, file);
  const library = libraryOf(definition, null, null);
  const vocabulary = vocabularyOf(definition, (token) => {
    const [, byte] = /^<0x([0-9A-F]{2})>$/.exec(token) ?? [];
    return byte === undefined
      ? new TextEncoder().encode(token.replaceAll(BLANK, ' '))
      : Uint8Array.of(Number.parseInt(byte, 16));
  });
  const isMissing = new Uint8Array(0x100);
  const lacks = [...isMissing.keys()].some((byte) => {
    const token = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
    return model?.vocab?.[token] === undefined;
  });
  if (lacks || model?.vocab?.[BLANK] === undefined) {
    throw new ModelError(
      'model-invalid',
      `The tokenizer ${file} has not a token for every byte (<0x00> to <0xFF>) and for a space (${BLANK}).`,
      'Get the file again, or choose another model.',
    );
  }
  const written = (text: string) => text.replaceAll(' ', BLANK);
  const joined = joinedBy(model.merges ?? []);
  // No merge goes over the end of a word, so that each can be cut into tokens for itself.
  const isEnd = (before: string, after: string) =>
    !joined.has(before + after) || (isSplit && after === BLANK);
  cutBy(library, (text) => wordsBetween(text, isEnd));
  const breaks = [...joined].filter((pair) => pair !== '\n\n' && pair.includes('\n'));
  const begun = breaks.filter((pair) => pair.startsWith('\n')).length;
  const kind = begun * 2 > breaks.length ? 'before line break' : 'after line break';
  const isPieceEnd = (text: string, end: number) =>
    end === text.length || isEnd(written(text[end - 1]), written(text[end]));
  return {
    library,
    vocabulary,
    isMissing,
    prefix,
    written,
    normalized: isNormalized ? written : asItIs,
    // At either side of these is a line break or another character of ASCII: one code unit.
    pieceEnds: (text) => pieceEnds(text, kind).filter((end) => isPieceEnd(text, end)),
  };
}

/**
 * How a tokenizer with byte fallback makes ▁ of spaces, and where it puts one more.
 * @returns `isNormalized`: before it looks for some added tokens; `isSplit`: so that a word has one ▁ at most, at its beginning
 * @throws ModelError when it does anything else to a text
 */
function blanksOf(
  normalizer: Normalizer | null | undefined,
  preTokenizer: PreTokenizer | null | undefined,
  file: string,
): { readonly prefix: Prefix; readonly isNormalized: boolean; readonly isSplit: boolean } {
  const isReplace = ({ type, pattern, content }: Normalizer) =>
    type === 'Replace' && pattern?.String === ' ' && content === BLANK;
  const isPrepend = ({ type, prepend }: Normalizer) => type === 'Prepend' && prepend === BLANK;
  const normalizers = normalizersOf(normalizer).filter(({ type }) => type !== 'NFC');
  const replaces = normalizers.filter(isReplace).length;
  const prepends = normalizers.filter(isPrepend).length;
  if (replaces + prepends !== normalizers.length || prepends > 1 || (prepends === 1 && replaces === 0)) {
    throw unknown(file, 'normalizer', normalizer);
  }
  // Where spaces have been replaced there is none to split at.
  const isIdle = ({ type, pattern }: PreTokenizer) =>
    replaces > 0 && type === 'Split' && pattern?.String === ' ';
  const [step, ...others] = stepsOf(preTokenizer).filter((one) => !isIdle(one));
  if (step === undefined && replaces > 0) {
    return { prefix: prepends > 0 ? 'normalized' : 'never', isNormalized: true, isSplit: false };
  }
  const scheme = step?.prepend_scheme ?? 'always';
  if (
    step?.type !== 'Metaspace' ||
    step.replacement !== BLANK ||
    !(scheme === 'always' || scheme === 'first' || scheme === 'never') ||
    others.length > 0 ||
    normalizers.length > 0
  ) {
    throw unknown(file, 'pre_tokenizer', preTokenizer);
  }
  return { prefix: scheme, isNormalized: false, isSplit: step.split !== false };
}

/** The last character of what a merge joins, and the first one of what it is joined with. */
function joinedBy(merges: readonly (string | readonly [string, string])[]): Set<string> {
  const joined = new Set<string>();
  for (const merge of merges) {
    const [left, right] = typeof merge === 'string' ? merge.split(' ') : merge;
    joined.add(lastCharacter(left) + String.fromCodePoint(right.codePointAt(0) ?? 0));
  }
  return joined;
}

function lastCharacter(text: string): string {
  const [low, high] = [text.charCodeAt(text.length - 1), text.charCodeAt(text.length - 2)];
  return text.slice(low >> 10 === 0x37 && high >> 10 === 0x36 ? -2 : -1);
}

/** A text, cut wherever there is an end between two characters. */
function wordsBetween(text: string, isEnd: (before: string, after: string) => boolean): string[] {
  const words: string[] = [];
  let start = 0;
  let at = 0;
  let before = '';
  for (const character of text) {
    if (at > start && isEnd(before, character)) {
      words.push(text.slice(start, at));
      start = at;
    }
    before = character;
    at += character.length;
  }
  if (at > start) {
    words.push(text.slice(start));
  }
  return words;
}
