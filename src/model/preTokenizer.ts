/**
 * How a byte-level tokenizer cuts a text into words, in a form that means in `@huggingface/tokenizers` what the original
 * means in the reference (Hugging Face's `tokenizers`, in Rust). Read as they are, these differ: `Digits` knows 0–9 alone,
 * `ByteLevel` takes white space for what JavaScript does (U+FEFF is, U+0085 is not), `Punctuation` and `Split` have one
 * behavior whatever the file says, `(?i:s)` does not match ſ, and possessive quantifiers give back what they took.
 */

/** A step of `pre_tokenizer` in a `tokenizer.json`. */
export interface PreTokenizer {
  readonly type?: string;
  readonly pretokenizers?: readonly PreTokenizer[];
  readonly pattern?: { readonly Regex?: string; readonly String?: string };
  readonly behavior?: string;
  readonly invert?: boolean;
  readonly add_prefix_space?: boolean;
  readonly use_regex?: boolean;
  readonly individual_digits?: boolean;
  readonly prepend_scheme?: string;
  readonly replacement?: string;
  readonly split?: boolean;
}

/** Cuts a text into words. */
export interface Words {
  /** Each is a `Split` whose behavior is `Isolated`, or `Removed` and inverted, or a `ByteLevel` without a pattern. */
  readonly steps: readonly PreTokenizer[];
  /** Whether a space is put before a text that does not begin with one. */
  readonly hasPrefix: boolean;
}

/** GPT-2's pattern of a word, by what the reference takes for white space. */
export const GPT2 =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\p{White_Space}\\p{L}\\p{N}]+|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+";

/** What became punctuation after Unicode 8, whose list the reference has for `Punctuation`. */
const LATER =
  '\\u061d\\u09fd-\\u0a76\\u0c77-\\u0c84\\u1b4e-\\u1b4f\\u1b7d-\\u1b7f\\u2e43-\\u2e5d\\u{10d6e}-\\u{10f89}\\u{113d4}-\\u{1145d}\\u{11660}-\\u{116b9}\\u{1183b}-\\u{11fff}\\u{12ff1}-\\u{12ff2}\\u{16d6d}-\\u{16fe2}\\u{1e5ff}-\\u{1e95f}';

/** With it come ASCII's symbols, and two characters that are none any more. */
const PUNCTUATION = `(?:(?![${LATER}])\\p{P}|[$+<=>^\`|~\\u166d\\u{111c9}])`;

/** What else matches a letter, whatever its case: the long s, and the sign for kelvin. */
const FOLDED: ReadonlyMap<string, string> = new Map([
  ['s', '\u017f'],
  ['k', '\u212a'],
]);

/**
 * The words of a byte-level tokenizer.
 * @param preTokenizer of its `tokenizer.json`
 * @returns undefined when it does what is not known, or what cannot be said for JavaScript
 */
export function wordsOf(preTokenizer: PreTokenizer | null | undefined): Words | undefined {
  const given = stepsOf(preTokenizer);
  const steps = given.map(portable);
  const hasPrefix = (step: PreTokenizer) => step.type === 'ByteLevel' && step.add_prefix_space === true;
  if (
    !steps.every((step) => step !== undefined) ||
    !given.some(({ type }) => type === 'ByteLevel') ||
    given.slice(1).some(hasPrefix)
  ) {
    return undefined;
  }
  return { steps: steps.flat(), hasPrefix: hasPrefix(given[0]) };
}

/** All steps, one after the other, of a step that may be a sequence. */
export function stepsOf(step: PreTokenizer | null | undefined): readonly PreTokenizer[] {
  return step?.type === 'Sequence' ? (step.pretokenizers ?? []).flatMap(stepsOf) : step ? [step] : [];
}

function portable(step: PreTokenizer): readonly PreTokenizer[] | undefined {
  switch (step.type) {
    case 'ByteLevel': {
      const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
      return step.use_regex === false ? [bytes] : [isolated(GPT2), bytes];
    }
    case 'Digits':
      return [isolated(step.individual_digits ? '\\p{N}' : '\\p{N}+')];
    case 'Punctuation':
      return split(PUNCTUATION, step.behavior ?? 'Isolated', false);
    case 'Split': {
      const { Regex, String: literal } = step.pattern ?? {};
      const pattern =
        Regex === undefined ? literal?.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : portablePattern(Regex);
      return pattern === undefined ? undefined : split(pattern, step.behavior, step.invert === true);
    }
    default:
      return undefined;
  }
}

function isolated(Regex: string): PreTokenizer {
  return { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false };
}

/** A `Split` whose behavior the library knows. */
function split(
  pattern: string,
  behavior: string | undefined,
  invert: boolean,
): readonly PreTokenizer[] | undefined {
  if (behavior === 'Isolated') {
    // Words and what is between them are the same whichever of them is called a match.
    return [isolated(pattern)];
  }
  if (behavior === 'Removed' && invert) {
    return [{ type: 'Split', pattern: { Regex: pattern }, behavior, invert }];
  }
  const outside = `(?:(?!${pattern})[\\s\\S])`;
  const joined = {
    Contiguous: `(?:${pattern})+`,
    // Neither is ever tried in vain: it would be again, from each character on.
    MergedWithPrevious: `${outside}+(?:${pattern})?|${pattern}`,
    MergedWithNext: `(?:${pattern})${outside}*`,
  }[behavior ?? ''];
  return joined === undefined || invert ? undefined : [isolated(joined)];
}

/** A character, an escape, or a class that holds no other class, and how often it is there, where nothing is given back. */
const ATOM = /(\\[pP]\{[^}]*\}|\\[\s\S]|\[(?:\\[\s\S]|[^[\]\\])*\]|[^\\[\]()|*+?])(?:([*+?])\+)?/gu;

/**
 * DeepSeek LLM's. Where it does not match at the first blank of a run it matches at none, but it would be tried at each, up to the
 * end of the run.
 */
const BLANKS_AT_END = '\\s+$';

/** A pattern of Oniguruma (Ruby), with what the library reads otherwise put in other words; undefined where that cannot be. */
export function portablePattern(pattern: string): string | undefined {
  if (pattern === BLANKS_AT_END) {
    return `(?<!\\s)${BLANKS_AT_END}`;
  }
  // Nobody has been seen to use groups that give nothing back, nor letters without case that are not as simple.
  const outline = pattern.replace(ATOM, (found) => (found.length > 1 ? 'a' : found));
  if (/\(\?>|[)\]][*+?]\+/.test(outline) || /\(\?i:(?![A-Za-z'|[\]]*\))/.test(pattern)) {
    return undefined;
  }
  let taken = 0;
  return pattern
    .replace(ATOM, (found, atom: string, quantifier?: string) => {
      if (quantifier === undefined) {
        return found;
      }
      // What a look ahead has found is not given back.
      const name = `taken${++taken}`;
      return `(?:(?=(?<${name}>${atom}${quantifier}))\\k<${name}>)`;
    })
    .replace(/\(\?i:([^)]*)\)/g, (_, alternatives: string) => `(?i:${withFolded(alternatives)})`);
}

/** Alternatives with what else matches some of their letters, whatever the case; not what matches two letters (ﬁ). */
function withFolded(alternatives: string): string {
  return alternatives.replace(/\[(\^?)([^\]]*)\]|\\.|[ks]/giu, (found, not = '', members?: string) => {
    if (members === undefined) {
      const other = FOLDED.get(found.toLowerCase());
      return other === undefined ? found : `[${found}${other}]`;
    }
    const others = [...FOLDED].filter(([letter]) => members.toLowerCase().includes(letter));
    return `[${not}${others.map(([, other]) => other).join('')}${members}]`;
  });
}
