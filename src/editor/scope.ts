/** Which sections of a large document are scored without being asked for. No vscode import. */
import type { LossMap } from '../loss/lossMap';
import { type Section, sectionsTouching, type TextLines } from '../text/sections';

/** Where VS Code itself stops drawing a long line, by default, in UTF-16 code units. */
export const RENDERED_COLUMNS = 10_000;

/** This much around what is on screen is scored, too, in UTF-16 code units: some screens. */
export const MARGIN = 8_000;

/** What has been scored this near to the screen stays in the document's scores, in UTF-16 code units. */
export const REACH = 128_000;

/** By how much the scope grows at least, in UTF-16 code units, while a large document is scored as a whole. */
const GROWTH = 256_000;

/**
 * Those of the scored sections that stay in a document's scores: the ones near what is on screen.
 * @param places flattened UTF-16 ranges [start, end): what is on screen, and where the cursors are; none: all stay
 */
export function keptSections(
  scored: readonly Section[],
  places: readonly number[],
  textLength: number,
): readonly Section[] {
  const near = withMargin(places, textLength, REACH);
  return places.length === 0
    ? scored
    : scored.filter(({ start, end }) => near.some((range) => start < range.end && end > range.start));
}

/**
 * The sections to score around what is on screen.
 * @param kept sections of this text that stay, in order
 * @returns them and those that are wanted besides; the text's first section where there would be none
 */
export function scopeAround(
  lines: TextLines,
  places: readonly number[],
  kept: readonly Section[],
): readonly Section[] {
  let scope = kept;
  for (const range of withMargin(places, lines.length, MARGIN)) {
    if (!isCovered(scope, range)) {
      scope = union(scope, sectionsTouching(lines, range.start, range.end));
    }
  }
  return scope.length > 0 ? scope : sectionsTouching(lines, 0, 0);
}

/** Whether all that should be scored around what is on screen lies in the sections. */
export function coversPlaces(
  sections: readonly Section[],
  places: readonly number[],
  textLength: number,
): boolean {
  return withMargin(places, textLength, MARGIN).every((range) => isCovered(sections, range));
}

/** A larger scope, on the way to the whole text: from the present one outward, about twice as much. */
export function grownScope(lines: TextLines, scope: readonly Section[]): readonly Section[] {
  const start = scope.at(0)?.start ?? 0;
  const end = scope.at(-1)?.end ?? 0;
  const length = Math.min(lines.length, Math.max(2 * (end - start), end - start + GROWTH));
  const from = Math.max(0, Math.min(start - Math.floor((length - (end - start)) / 2), lines.length - length));
  return sectionsTouching(lines, from, from + length);
}

/** UTF-16 length of all the sections together. */
export function lengthOfSections(sections: readonly Section[]): number {
  return sections.reduce((sum, { start, end }) => sum + end - start, 0);
}

/**
 * The sections of a scope whose tokens all have their scores.
 * @param scope what the losses are laid out for
 */
export function scoredSections(scope: readonly Section[], losses: LossMap): Section[] {
  const { starts } = losses.layout;
  let token = 0;
  return scope.filter(({ end }) => {
    let isScored = true;
    for (; token < losses.length && starts[token] < end; token++) {
      isScored &&= losses.isScored(token);
    }
    return isScored;
  });
}

/** Moves sections through edits, each relative to the text that the ones before it left: where they are about now. */
export function moveSections(
  sections: readonly Section[],
  changes: readonly { readonly rangeOffset: number; readonly rangeLength: number; readonly text: string }[],
): Section[] {
  return changes.reduce<readonly Section[]>((moved, { rangeOffset, rangeLength, text }) => {
    const rangeEnd = rangeOffset + rangeLength;
    const by = text.length - rangeLength;
    const place = (offset: number) =>
      offset >= rangeEnd ? offset + by : Math.min(offset, rangeOffset + text.length);
    return moved
      .map(({ start, end }) => ({ start: place(start), end: place(end) }))
      .filter(({ start, end }) => end > start);
  }, sections) as Section[];
}

/** The sections of a text that lie where sections of an older version were, in order. */
export function sectionsAgain(lines: TextLines, moved: readonly Section[]): Section[] {
  const found: Section[] = [];
  for (const range of moved) {
    if (range.start < lines.length && !isCovered(found, range)) {
      found.push(...sectionsTouching(lines, range.start, range.end));
    }
  }
  return union(found, []);
}

/** The places with a margin on either side. */
function withMargin(places: readonly number[], textLength: number, margin: number): Section[] {
  const ranges: Section[] = [];
  for (let i = 0; i + 1 < places.length; i += 2) {
    ranges.push({
      start: Math.max(0, places[i] - margin),
      end: Math.min(textLength, places[i + 1] + margin),
    });
  }
  return ranges;
}

/** Whether the sections, in order, leave no part of a range out. */
function isCovered(sections: readonly Section[], { start, end }: Section): boolean {
  let from = start;
  for (const section of sections) {
    if (section.start <= from && section.end > from) {
      from = section.end;
    }
  }
  return from >= end;
}

/** Sections of the same text together, in order, each once. */
function union(a: readonly Section[], b: readonly Section[]): Section[] {
  const byStart = new Map([...a, ...b].map((section) => [section.start, section]));
  return [...byStart.values()].sort((one, other) => one.start - other.start);
}
