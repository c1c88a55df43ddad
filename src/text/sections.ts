/**
 * Sections: parts of a large text that are tokenised and cut into pages each for itself, so that any place of it can be
 * scored without reading all of it.
 *
 * Where they begin is decided by content within reach. Every line start is a candidate, and in a line longer than
 * {@link SectionLimits.minimum} so are places that a hash of the text before them chooses. Each has a key: first a class
 * (a line that begins with text after one that holds text is best, a place inside a line worst), within it a hash of
 * what comes before. A candidate is a border when no other one less than `minimum` away has a smaller key, or an equal
 * one to its left. That depends on no text farther away, and borders are at least `minimum` apart. Where there is none
 * far and wide (periodic text, a run of blanks), multiples of {@link reachOf} are borders, so that the search for one ends.
 * A stretch between two borders that is longer than `maximum` is cut by length, counted from the first of them.
 */
import { lineAt, lineStarts } from './lines';

/** Lengths in UTF-16 code units. */
export interface SectionLimits {
  /** A text up to this length is one section. */
  readonly large: number;
  /** Shortest section, the last one excepted. */
  readonly minimum: number;
  /** Longest section; at least 2 × minimum, so that any longer stretch can be divided. */
  readonly maximum: number;
}

/**
 * Up to half a million code units a text is scored as a whole: some minutes of work on a CPU. The shortest section holds
 * at least 256 tokens of up to 90 bytes, the context that the next one needs; the longest is tokenised in about a second
 * even where the tokenizer is slowest (a run of blanks).
 */
export const SECTION_LIMITS: SectionLimits = { large: 500_000, minimum: 24_000, maximum: 64_000 };

/** A range of UTF-16 offsets [start, end). */
export interface Section {
  readonly start: number;
  readonly end: number;
}

/** A section with its text, and what the model may read before it. */
export interface SectionText {
  /** UTF-16 offset in the whole text. */
  readonly start: number;
  readonly text: string;
  /** Text of the section before it; undefined at the beginning, and where that section is the entry before this one. */
  readonly before?: string;
  /** The whole text ends with it. */
  readonly isLast: boolean;
}

/** A text in lines as VS Code counts them, read in any order. Offsets are UTF-16. */
export interface TextLines {
  /** Number of lines; at least 1. */
  readonly count: number;
  /** Length of the whole text. */
  readonly length: number;
  /** A line without its line break. */
  text(line: number): string;
  /** Offset of a line's first code unit. */
  start(line: number): number;
  /** The 0-based line that holds an offset up to `length`; a line break belongs to the line that it ends. */
  lineAt(offset: number): number;
}

/** The lines of a string. */
export class StringLines implements TextLines {
  readonly #text: string;
  readonly #starts: Uint32Array;

  constructor(text: string) {
    this.#text = text;
    this.#starts = lineStarts(text);
  }

  get count(): number {
    return this.#starts.length;
  }

  get length(): number {
    return this.#text.length;
  }

  text(line: number): string {
    let end = this.length;
    if (line + 1 < this.count) {
      end = this.#starts[line + 1] - 1;
      end -= Number(this.#text[end] === '\n' && this.#text[end - 1] === '\r');
    }
    return this.#text.slice(this.#starts[line], Math.max(this.#starts[line], end));
  }

  start(line: number): number {
    return this.#starts[line];
  }

  lineAt(offset: number): number {
    return lineAt(this.#starts, offset);
  }
}

/** All sections of a string, with their texts. */
export function sectionsOfText(text: string, limits = SECTION_LIMITS): SectionText[] {
  if (text.length <= limits.large) {
    return [{ start: 0, text, isLast: true }];
  }
  const lines = new StringLines(text);
  const sections = sectionsTouching(lines, 0, text.length, limits);
  return sectionTexts(lines, sections, (start, end) => text.slice(start, end), limits);
}

/**
 * The sections of a text longer than `limits.large` that have a code unit in [from, to), or hold `from` where that range
 * is empty. The first begins at 0, the last ends with the text.
 */
export function sectionsTouching(
  lines: TextLines,
  from: number,
  to: number,
  limits = SECTION_LIMITS,
): Section[] {
  // The section at the text's end holds its end, too.
  const first = Math.max(0, Math.min(from, lines.length - 1));
  const end = Math.min(Math.max(to, first + 1), lines.length);
  const left = lastBorderUpTo(lines, first, limits);
  const right = firstBorderFrom(lines, end, limits);
  const borders = [left, ...allBorders(lines, left + 1, right, limits), right];
  const sections: Section[] = [];
  for (let i = 0; i + 1 < borders.length; i++) {
    sections.push(...divide(lines, borders[i], borders[i + 1], limits));
  }
  return sections.filter((section) => section.end > first && section.start < end);
}

/**
 * Adds their texts to sections.
 * @param sections in order, none twice
 * @param slice the text in a UTF-16 range
 */
export function sectionTexts(
  lines: TextLines,
  sections: readonly Section[],
  slice: (start: number, end: number) => string,
  limits = SECTION_LIMITS,
): SectionText[] {
  return sections.map(({ start, end }, index) => {
    const entry = { start, text: slice(start, end), isLast: end === lines.length };
    if (start === 0 || sections[index - 1]?.end === start) {
      return entry;
    }
    const [before] = sectionsTouching(lines, start - 1, start, limits);
    return { ...entry, before: slice(before.start, before.end) };
  });
}

/** How far a search for a border goes at first, in `minimum`s; borders are about two apart. */
const NEAR = 4;

/** Where content decides no border within this distance on either side, a multiple of it is one. */
function reachOf({ minimum }: SectionLimits): number {
  // More than NEAR + 1, so that a border found nearby cannot have another one in between.
  return 6 * minimum;
}

/** The last border at or before an offset; the text's beginning is one. */
function lastBorderUpTo(lines: TextLines, offset: number, limits: SectionLimits): number {
  const near = bordersBetween(lines, offset + 1 - NEAR * limits.minimum, offset + 1, limits);
  const borders =
    near.length > 0 ? near : allBorders(lines, offset + 1 - 3 * reachOf(limits), offset + 1, limits);
  return borders.at(-1) ?? 0;
}

/** The first border at or behind an offset; the text's end counts as one. */
function firstBorderFrom(lines: TextLines, offset: number, limits: SectionLimits): number {
  const near = bordersBetween(lines, offset, offset + NEAR * limits.minimum, limits);
  const [border] = near.length > 0 ? near : allBorders(lines, offset, offset + 3 * reachOf(limits), limits);
  return border ?? lines.length;
}

/** All borders in [from, to) but the text's beginning and end, in order. */
function allBorders(lines: TextLines, from: number, to: number, limits: SectionLimits): number[] {
  const reach = reachOf(limits);
  const { minimum } = limits;
  const decided = bordersBetween(lines, from - reach - minimum, to + reach, limits);
  const borders = decided.filter((border) => border >= from && border < to);
  const isAlone = (place: number) =>
    place >= reach &&
    place <= lines.length - reach &&
    !decided.some((border) => Math.abs(border - place) < reach);
  for (let place = Math.floor((from - minimum) / reach) * reach; place < to; place += reach) {
    if (isAlone(place)) {
      const border = lineStartNear(lines, place, minimum);
      if (border >= from && border < to) {
        borders.push(border);
      }
    }
  }
  return borders.sort((a, b) => a - b);
}

/** The first line start from an offset on, if there is one less than `within` away, else a place in the line. */
function lineStartNear(lines: TextLines, offset: number, within: number): number {
  const line = lines.lineAt(offset);
  if (lines.start(line) === offset) {
    return offset;
  }
  const next = line + 1 < lines.count ? lines.start(line + 1) : lines.length;
  return next - offset < within ? next : insideLine(lines, line, offset);
}

/** The borders in [from, to) that content decides, in order. Reads the text up to `minimum` on either side. */
function bordersBetween(lines: TextLines, from: number, to: number, { minimum }: SectionLimits): number[] {
  if (from >= to) {
    return [];
  }
  const offsets: number[] = [];
  const keys: number[] = [];
  candidates(lines, from - minimum + 1, to + minimum - 1, minimum, (offset, key) => {
    offsets.push(offset);
    keys.push(key);
  });
  const isBeaten = new Uint8Array(offsets.length);
  // Candidates whose next smaller key has not been met; their keys ascend.
  const open: number[] = [];
  for (let i = 0; i < offsets.length; i++) {
    for (let top = open.at(-1); top !== undefined && keys[top] > keys[i]; top = open.at(-1)) {
      isBeaten[top] |= Number(offsets[i] - offsets[top] < minimum);
      open.pop();
    }
    const before = open.at(-1);
    isBeaten[i] = Number(before !== undefined && offsets[i] - offsets[before] < minimum);
    open.push(i);
  }
  // The text's beginning is a border, whatever comes.
  const first = Math.max(from, minimum);
  return offsets.filter((offset, i) => isBeaten[i] === 0 && offset >= first && offset < to);
}

/** Cuts a stretch between two borders by length where it is too long for one section. */
function divide(
  lines: TextLines,
  start: number,
  end: number,
  { minimum, maximum }: SectionLimits,
): Section[] {
  const sections: Section[] = [];
  let from = start;
  while (end - from > maximum) {
    const latest = Math.min(from + maximum, end - minimum);
    const line = lines.lineAt(latest);
    const lineStart = lines.start(line);
    const cut = lineStart >= from + minimum ? lineStart : insideLine(lines, line, latest);
    sections.push({ start: from, end: cut });
    from = cut;
  }
  sections.push({ start: from, end });
  return sections;
}

/** The nearest offset at or before one in a line that cuts neither a line break nor a surrogate pair. */
function insideLine(lines: TextLines, line: number, offset: number): number {
  const text = lines.text(line);
  const column = Math.min(offset - lines.start(line), text.length);
  return lines.start(line) + (cutsPair(text, column) ? column - 1 : column);
}

function cutsPair(text: string, column: number): boolean {
  return (text.charCodeAt(column) & 0xfc00) === 0xdc00 && (text.charCodeAt(column - 1) & 0xfc00) === 0xd800;
}

/** As many lines before a line's start decide its hash as it takes to have so many code units, … */
const HASHED_UNITS = 64;
/** … of each line its beginning and its end, up to this many code units: many lines differ in only one of them. */
const HASHED_ENDS = 48;
const CLASS_SHIFT = 30;

/** Reports the candidates in [from, to] in order, with their keys. */
function candidates(
  lines: TextLines,
  from: number,
  to: number,
  longLine: number,
  report: (offset: number, key: number) => void,
): void {
  const last = lines.lineAt(Math.min(to, lines.length));
  for (let line = lines.lineAt(Math.max(0, from)); line <= last; line++) {
    const start = lines.start(line);
    if (line > 0 && start >= from) {
      report(start, lineKey(lines, line));
    }
    const text = lines.text(line);
    if (text.length > longLine) {
      placesInLine(text, from - start, to - start, (column, hash) => report(start + column, keyOf(2, hash)));
    }
  }
}

function keyOf(candidateClass: number, hash: number): number {
  return ((candidateClass << CLASS_SHIFT) | (hash >>> (32 - CLASS_SHIFT))) >>> 0;
}

function lineKey(lines: TextLines, line: number): number {
  let hash = 0;
  let units = 0;
  for (let before = line - 1; before >= 0 && units < HASHED_UNITS; before--) {
    const text = lines.text(before);
    for (let i = 0; i < text.length; i++) {
      if (i === HASHED_ENDS && text.length > 2 * HASHED_ENDS) {
        i = text.length - HASHED_ENDS;
      }
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    }
    // A line break counts once, however it is written.
    hash = Math.imul(hash ^ 10, 0x01000193);
    units += text.length + 1;
  }
  const hasTextAround = /^\S/.test(lines.text(line)) && /\S$/.test(lines.text(line - 1));
  return keyOf(hasTextAround ? 0 : 1, mixed(hash));
}

/** MurmurHash3's finaliser. */
function mixed(hash: number): number {
  let mix = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}

/** Of so many places in a line one is a candidate, on average. */
const PLACES = 256;
/** Code units before a place that decide its hash: each is shifted out of 32 bits after as many steps. */
const WINDOW = 32;

/** Reports the candidates inside a line in the columns [from, to], chosen by a rolling hash. */
function placesInLine(
  text: string,
  from: number,
  to: number,
  report: (column: number, hash: number) => void,
): void {
  let hash = 0;
  const end = Math.min(to, text.length - 1);
  for (let column = Math.max(1, from - WINDOW); column <= end; column++) {
    const before = hash;
    hash = ((hash << 1) + mixed(text.charCodeAt(column - 1) + 1)) | 0;
    // In a run of one character the hash stays the same: no place is better than the next.
    if (column >= from && hash !== before && mixed(hash) % PLACES === 0 && !cutsPair(text, column)) {
      report(column, mixed(hash ^ PLACES));
    }
  }
}
