/**
 * Makes visible what a token holds but a screen does not show.
 *
 * | in the text | shown as |
 * |---|---|
 * | space | · |
 * | newline (LF) | ⏎ |
 * | carriage return | ␍ |
 * | tab | → |
 * | NUL and the other C0 controls | control pictures ␀ … ␟ (U+2400 + code) |
 * | DEL | ␡ |
 * | C1 controls; spaces other than U+0020; line and paragraph separators | \u{…} |
 * | zero-width characters, byte-order mark, bidirectional controls, soft hyphen, variation selectors and all other code points that Unicode calls default-ignorable; interlinear annotation marks | \u{…} |
 * | a lone surrogate | \u{…} |
 *
 * Letters, digits, punctuation, symbols and combining marks stay as they are. The result is for reading: a text that
 * holds "·" itself looks like one with a space.
 */

const HIDDEN = /[\p{Cc}\p{Zs}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]/gu;

const NAMED: Readonly<Record<string, string>> = {
  ' ': '·',
  '\n': '⏎',
  '\r': '␍',
  '\t': '→',
  '\x7f': '␡',
};

/** The first of Unicode's control pictures, one for each C0 control. */
const CONTROL_PICTURES = 0x2400;
const ELLIPSIS = '…';

/** The whole text with its hidden characters made visible. */
export function makeVisible(text: string): string {
  return text.replace(HIDDEN, showHidden);
}

/**
 * The text with its hidden characters made visible, cut to a length. Neither a character nor an escape is cut through.
 * @param maximum code points of the result, an ellipsis at its end included; at least 1
 */
export function makeVisibleWithin(text: string, maximum: number): string {
  const pieces: string[] = [];
  let length = 0;
  // Pieces that still leave room for an ellipsis.
  let fitting = 0;
  for (const character of text) {
    const piece = makeVisible(character);
    length += [...piece].length;
    if (length > maximum) {
      return pieces.slice(0, fitting).join('') + ELLIPSIS;
    }
    pieces.push(piece);
    if (length < maximum) {
      fitting = pieces.length;
    }
  }
  return pieces.join('');
}

/** The token in quotation marks, visible and not longer than a line of a list can hold. */
export function quoteVisible(text: string, maximum = 40): string {
  return `“${makeVisibleWithin(text, maximum)}”`;
}

function showHidden(character: string): string {
  const code = character.codePointAt(0)!;
  if (character in NAMED) {
    return NAMED[character];
  }
  return code < 0x20
    ? String.fromCodePoint(CONTROL_PICTURES + code)
    : `\\u{${code.toString(16).toUpperCase()}}`;
}
