/**
 * Pieces of a text whose tokens are those of the whole text, so that an edit leaves the tokens of all other pieces as
 * they are: half a million characters take a second to cut into tokens.
 *
 * A tokenizer that cuts a text into words first, and merges bytes within words only, can be given any pieces whose ends
 * are ends of words whatever comes before and after. The patterns of GPT-2 and its kin have one between what is printed
 * at the end of a line and its line break: no alternative takes both, and none looks farther ahead or back than that.
 */

/** Patterns that are known to; others may take a line break together with the punctuation before it (Llama 3's does). */
const WORD_PATTERNS: ReadonlySet<string> = new Set([
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\p{White_Space}\\p{L}\\p{N}]+|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+",
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
 * Whether the pieces of {@link pieceEnds} have the tokens of the whole text.
 * @param definition the parsed `tokenizer.json`
 */
export function cutsAtLineEnds(definition: object): boolean {
  const { normalizer, pre_tokenizer, added_tokens = [] } = definition as TokenizerFile;
  const steps = pre_tokenizer?.pretokenizers ?? (pre_tokenizer ? [pre_tokenizer] : []);
  return (
    !normalizer &&
    steps.some(cutsWords) &&
    steps.every((step) => cutsWords(step) || leavesWords(step)) &&
    added_tokens.every(
      ({ content, single_word, lstrip, rstrip }) =>
        !single_word && !lstrip && !rstrip && !/[\r\n]/.test(content),
    )
  );
}

/** Whether a step cuts a text into words that end at the end of a line. */
function cutsWords({ type, pattern, behavior, invert, add_prefix_space, use_regex }: PreTokenizer): boolean {
  return (
    (type === 'Split' && behavior === 'Isolated' && !invert && WORD_PATTERNS.has(pattern?.Regex ?? '')) ||
    (type === 'ByteLevel' && add_prefix_space === false && use_regex !== false)
  );
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
 * Where the pieces of a text end: before some of the line breaks that come after a printable ASCII character. Which ones,
 * the characters before them decide, so that they stay where they are when other places change.
 * @returns UTF-16 offsets, ascending; the last one is the text's length, unless that is 0
 */
export function pieceEnds(text: string): number[] {
  const ends: number[] = [];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    const end = text[at - 1] === '\r' ? at - 1 : at;
    if (isPrintable(text.charCodeAt(end - 1)) && isChosen(text, end)) {
      ends.push(end);
    }
  }
  if (text.length > 0) {
    ends.push(text.length);
  }
  return ends;
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
