/**
 * Pieces of a text whose tokens are those of the whole text, so that an edit leaves the tokens of all other pieces as
 * they are: half a million characters take a second to cut into tokens, and some ten if they are one word.
 *
 * A tokenizer that cuts a text into words first, and merges bytes within words only, can be given any pieces whose ends
 * are ends of words whatever comes before and after. Which ones these are depends on its pattern of a word.
 */
import { GPT2, type PreTokenizer, portablePattern } from './preTokenizer';

/**
 * Where words end for certain. Before the line break that follows what is printed, for GPT-2 and its kin: no alternative of
 * its pattern takes both, and none looks farther ahead or back than that. After a line break that something printed follows,
 * with or without indentation, for Llama 3 and Qwen and what is made like their patterns: each alternative that takes a line
 * break takes as many as it can and ends with the last one, or with slashes that come right after it.
 */
export type PieceEnd = 'before line break' | 'after line break';

const GPT2_AS_PUBLISHED =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const ENGLISH = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const BLANKS = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

/** How many digits a word has, and whether marks are letters. */
const LLAMA3_AND_QWEN: readonly string[] = [
  `${ENGLISH}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${BLANKS}`,
  `${ENGLISH}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${BLANKS}`,
  `${ENGLISH}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${BLANKS}`,
];

/** OpenAI's, and Mistral's, which has no English endings. */
const O200K_AND_TEKKEN: readonly string[] = [
  [`${ENGLISH}?`, '{1,3}'],
  ['', ''],
].map(([ending, digits]) => {
  const [upper, lower] = ['Lu}\\p{Lt', 'Ll'].map((letters) => `[\\p{${letters}}\\p{Lm}\\p{Lo}\\p{M}]`);
  const words = [`${upper}*${lower}+`, `${upper}+${lower}*`].map(
    (letters) => `[^\\r\\n\\p{L}\\p{N}]?${letters}${ending}`,
  );
  return `${words.join('|')}|\\p{N}${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${BLANKS}`;
});

const DEEPSEEK3 = `[!"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_\`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|${BLANKS}`;

/** The patterns that are known, with the ends of pieces that they allow. */
const PIECE_ENDS: ReadonlyMap<string | undefined, PieceEnd> = new Map([
  ...[GPT2, GPT2_AS_PUBLISHED].map((pattern) => [pattern, 'before line break'] as const),
  ...[...LLAMA3_AND_QWEN, ...O200K_AND_TEKKEN, DEEPSEEK3].map(
    (pattern) => [portablePattern(pattern), 'after line break'] as const,
  ),
]);

/** Patterns that cut digits off, or Chinese and Japanese, and change nothing about that. */
const OTHER_PATTERNS: readonly (string | undefined)[] = [
  '\\p{N}',
  '\\p{N}+',
  '\\p{N}{1,3}',
  '[一-龥\u3040-ゟ゠-ヿ]+',
];

/**
 * The ends of pieces (see {@link pieceEnds}) that have the tokens of the whole text; undefined when none are known.
 * @param steps that cut a text into words, see `wordsOf`
 */
export function pieceEndOf(steps: readonly PreTokenizer[]): PieceEnd | undefined {
  const patterns = steps.filter(({ type }) => type === 'Split').map(({ pattern }) => pattern?.Regex);
  const ends = new Set(patterns.map((pattern) => PIECE_ENDS.get(pattern)).filter((end) => end !== undefined));
  const isKnown = patterns.every((pattern) => PIECE_ENDS.has(pattern) || OTHER_PATTERNS.includes(pattern));
  return isKnown && ends.size === 1 ? [...ends][0] : undefined;
}

/** Line ends that may be the end of a piece, for each one that is. */
const LINES = 32;

/** Characters before a line end that decide whether it is the end of a piece. */
const REACH = 12;

/**
 * Where the pieces of a text end: before some of the line breaks that come after a printable ASCII character, or after some
 * of those that come before one, and its indentation, but not before a slash. Which ones, the characters before them decide, so that they stay
 * where they are when other places change.
 * @returns UTF-16 offsets, ascending; the last one is the text's length, unless that is 0
 */
export function pieceEnds(text: string, kind: PieceEnd): number[] {
  const ends: number[] = [];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    const end = kind === 'after line break' ? at + 1 : text[at - 1] === '\r' ? at - 1 : at;
    const printed = kind === 'after line break' ? afterIndentation(text, end) : end - 1;
    if (isPrintable(text.charCodeAt(printed)) && text[end] !== '/' && isChosen(text, end)) {
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
