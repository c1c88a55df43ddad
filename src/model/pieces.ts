/**
 * Pieces of a text whose tokens are those of the whole text, so that an edit leaves the tokens of all other pieces as
 * they are: half a million characters take a second to cut into tokens.
 *
 * A tokenizer that cuts a text into words first, and merges bytes within words only, can be given any pieces whose ends
 * are ends of words whatever comes before and after. Which ones these are depends on its pattern of a word.
 */

/**
 * Where words end for certain. Before the line break that follows what is printed, for GPT-2 and its kin: no alternative of
 * its pattern takes both, and none looks farther ahead or back than that. After a line break that something printed follows,
 * with or without indentation, for Llama 3 and Qwen: each alternative that takes a line break takes as many as it can and
 * ends with the last one.
 */
export type PieceEnd = 'before line break' | 'after line break';

const GPT2: readonly string[] = [
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\p{White_Space}\\p{L}\\p{N}]+|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+",
];

const LLAMA3_AND_QWEN: readonly string[] = ['{1,3}', ''].map(
  (digits) =>
    `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
);

/** The patterns that are known, with the ends of pieces that they allow. */
const PIECE_ENDS: ReadonlyMap<string, PieceEnd> = new Map([
  ...GPT2.map((pattern) => [pattern, 'before line break'] as const),
  ...LLAMA3_AND_QWEN.map((pattern) => [pattern, 'after line break'] as const),
]);

/** A pattern that cuts digits off, and changes nothing about that. */
const DIGIT_PATTERN = '\\p{N}';

/** The parts of a `tokenizer.json` that decide about pieces. */
interface TokenizerFile {
  readonly normalizer?: object | null;
  readonly pre_tokenizer?: PreTokenizer | null;
  readonly added_tokens?: readonly AddedToken[];
}

interface PreTokenizer {
  readonly type?: string;
  readonly pretokenizers?: readonly PreTokenizer[];
  readonly pattern?: { readonly Regex?: string };
  readonly behavior?: string;
  readonly invert?: boolean;
  readonly add_prefix_space?: boolean;
  readonly use_regex?: boolean;
}

interface AddedToken {
  readonly content: string;
  readonly single_word?: boolean;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
}

/**
 * The ends of pieces (see {@link pieceEnds}) that have the tokens of the whole text; undefined when none are known.
 * @param definition the parsed `tokenizer.json`
 */
export function pieceEndOf(definition: object): PieceEnd | undefined {
  const { normalizer, pre_tokenizer, added_tokens = [] } = definition as TokenizerFile;
  const steps = pre_tokenizer?.pretokenizers ?? (pre_tokenizer ? [pre_tokenizer] : []);
  const ends = new Set(steps.map(endOfWords).filter((end) => end !== undefined));
  const [end] = ends;
  const isKnown =
    ends.size === 1 && steps.every((step) => endOfWords(step) !== undefined || leavesWords(step));
  const areApart = added_tokens.every(
    ({ content, single_word, lstrip, rstrip }) =>
      !single_word && !lstrip && !rstrip && !/[\r\n]/.test(content),
  );
  return !normalizer && isKnown && areApart ? end : undefined;
}

/** Where the words end that a step cuts a text into, if it does and that is known. */
function endOfWords(step: PreTokenizer): PieceEnd | undefined {
  const { type, pattern, behavior, invert, add_prefix_space, use_regex } = step;
  if (type === 'Split' && behavior === 'Isolated' && !invert) {
    return PIECE_ENDS.get(pattern?.Regex ?? '');
  }
  // It has GPT-2's pattern.
  const isGpt2 = type === 'ByteLevel' && add_prefix_space === false && use_regex !== false;
  return isGpt2 ? 'before line break' : undefined;
}

/** Whether a step does not care about the end of a line. */
function leavesWords({ type, pattern, behavior, add_prefix_space }: PreTokenizer): boolean {
  return (
    type === 'Digits' ||
    (type === 'Split' && behavior === 'Isolated' && pattern?.Regex === DIGIT_PATTERN) ||
    (type === 'ByteLevel' && add_prefix_space === false)
  );
}

/** Line ends that may be the end of a piece, for each one that is. */
const LINES = 32;

/** Characters before a line end that decide whether it is the end of a piece. */
const REACH = 12;

/**
 * Where the pieces of a text end: before some of the line breaks that come after a printable ASCII character, or after some
 * of those that come before one, and its indentation. Which ones, the characters before them decide, so that they stay
 * where they are when other places change.
 * @returns UTF-16 offsets, ascending; the last one is the text's length, unless that is 0
 */
export function pieceEnds(text: string, kind: PieceEnd): number[] {
  const ends: number[] = [];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    const end = kind === 'after line break' ? at + 1 : text[at - 1] === '\r' ? at - 1 : at;
    const printed = kind === 'after line break' ? afterIndentation(text, end) : end - 1;
    if (isPrintable(text.charCodeAt(printed)) && isChosen(text, end)) {
      ends.push(end);
    }
  }
  if (text.length > 0) {
    ends.push(text.length);
  }
  return ends;
}

function afterIndentation(text: string, start: number): number {
  let at = start;
  while (text[at] === ' ' || text[at] === '\t') {
    at++;
  }
  return at;
}

/** Whether a code unit, or byte, is a printable ASCII character other than a space. */
export function isPrintable(code: number): boolean {
  return code > 0x20 && code < 0x7f;
}

function isChosen(text: string, end: number): boolean {
  let hash = 0;
  for (let i = Math.max(0, end - REACH); i < end; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  // The upper bits depend on all characters.
  return (hash >>> 16) % LINES === 0;
}
