/** Blanks made visible, for the tokens of a series: they come as they are in the text. */

const SIGNS: Readonly<Record<string, string>> = { ' ': '·', '\n': '⏎', '\r': '␍', '\t': '→' };
/** Code units of a token that are shown; a run of blanks can be very long. */
const LONGEST = 40;

/** A token's text with its spaces, tabs and ends of lines made visible, cut after some dozen characters. */
export function visibleText(text: string): string {
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return shown.replace(/[ \n\r\t]/g, (blank) => SIGNS[blank]);
}
