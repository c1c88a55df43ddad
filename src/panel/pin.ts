/** What a panel that stays with a token remembers. No vscode import. */

/** The token that a panel is pinned to. */
export interface Pin {
  /** URI of its document. */
  readonly uri: string;
  /** UTF-16 offset of the token's start. */
  readonly offset: number;
}

/** One replacement in a text, as an editor reports it. */
export interface OffsetChange {
  readonly rangeOffset: number;
  readonly rangeLength: number;
  readonly text: string;
}

/**
 * Where an offset is after edits: what is typed before it, or right at it, moves it along with the character that
 * follows it; an offset whose character is replaced or taken out goes to where the replacement begins.
 * @param changes each relative to the text that the ones before it left
 */
export function moveOffset(offset: number, changes: readonly OffsetChange[]): number {
  let moved = offset;
  for (const { rangeOffset, rangeLength, text } of changes) {
    if (moved >= rangeOffset + rangeLength) {
      moved += text.length - rangeLength;
    } else if (moved > rangeOffset) {
      moved = rangeOffset;
    }
  }
  return moved;
}

/**
 * What a document's URI is after files and folders were renamed or moved.
 * @param files their URIs, or anything that is written as one
 * @returns undefined when it is as it was
 */
export function renamedTo(
  uri: string,
  files: readonly { readonly oldUri: { toString(): string }; readonly newUri: { toString(): string } }[],
): string | undefined {
  for (const { oldUri, newUri } of files) {
    const before = oldUri.toString();
    if (uri === before || uri.startsWith(`${before}/`)) {
      return newUri.toString() + uri.slice(before.length);
    }
  }
  return undefined;
}

/** Reads what a page has kept with `setState`: the pin of a restored panel, if it had one. */
export function pinFrom(kept: unknown): Pin | undefined {
  const state = member(kept, 'state');
  const uri = member(member(state, 'document'), 'uri');
  const offset = member(state, 'pinnedOffset');
  if (member(state, 'pinned') !== true || typeof uri !== 'string' || !isOffset(offset)) {
    return undefined;
  }
  return { uri, offset };
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
