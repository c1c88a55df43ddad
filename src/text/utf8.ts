/**
 * UTF-8 bytes of a JavaScript string, and where tokens, which are byte strings, lie in it.
 *
 * A surrogate pair is one character of 4 bytes and 2 UTF-16 code units. A lone surrogate counts as U+FFFD: 3 bytes,
 * 1 code unit (what TextEncoder writes). A byte-order mark is kept: 3 bytes, 1 code unit.
 */

/** The string's UTF-8 bytes; lone surrogates become U+FFFD. */
export function utf8Bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Number of the string's UTF-8 bytes, without making them. */
export function utf8Length(text: string): number {
  let bytes = 0;
  let unit = 0;
  while (unit < text.length) {
    const size = bytesOfCharacter(text, unit);
    bytes += size;
    unit += unitsOfCharacter(size);
  }
  return bytes;
}

/** Where tokens lie in a string, in UTF-16 code units. */
export interface TokenRanges {
  /** [tokens] never decreasing. */
  readonly starts: Uint32Array;
  /** [tokens] exclusive, never decreasing. */
  readonly ends: Uint32Array;
}

/**
 * The UTF-16 range of each token. A start inside a character is moved back to the character's start, an end inside
 * a character forward to its end, so tokens that share a character have overlapping ranges.
 * @param byteLengths [tokens] UTF-8 bytes of each token, in order
 * @throws RangeError when they do not add up to the string's UTF-8 length, or one is no whole number ≥ 0
 */
export function tokenRanges(text: string, byteLengths: ArrayLike<number>): TokenRanges {
  const starts = new Uint32Array(byteLengths.length);
  const ends = new Uint32Array(byteLengths.length);
  let tokenEnd = 0;
  // The first character boundary at or after tokenEnd, and the start of the character before it.
  let byte = 0;
  let unit = 0;
  let lastCharacter = 0;
  for (let token = 0; token < byteLengths.length; token++) {
    starts[token] = byte === tokenEnd ? unit : lastCharacter;
    tokenEnd += checkedLength(byteLengths[token], token);
    while (byte < tokenEnd) {
      if (unit >= text.length) {
        throw new RangeError(`token ${token} ends at byte ${tokenEnd}, the text at byte ${byte}`);
      }
      lastCharacter = unit;
      const size = bytesOfCharacter(text, unit);
      byte += size;
      unit += unitsOfCharacter(size);
    }
    ends[token] = unit;
  }
  if (byte !== tokenEnd || unit !== text.length) {
    throw new RangeError(`the tokens have ${tokenEnd} bytes, the text has ${utf8Length(text)}`);
  }
  return { starts, ends };
}

function checkedLength(length: number, token: number): number {
  if (!Number.isInteger(length) || length < 0) {
    throw new RangeError(`token ${token} has ${length} bytes`);
  }
  return length;
}

/** UTF-8 bytes of the character that starts at the code unit. */
function bytesOfCharacter(text: string, unit: number): number {
  const code = text.charCodeAt(unit);
  if (code < 0x80) {
    return 1;
  }
  if (code < 0x800) {
    return 2;
  }
  return isHighSurrogate(code) && isLowSurrogate(text.charCodeAt(unit + 1)) ? 4 : 3;
}

/** Only a surrogate pair has 4 bytes, and only it has 2 code units. */
function unitsOfCharacter(bytes: number): number {
  return bytes === 4 ? 2 : 1;
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code < 0xe000;
}
