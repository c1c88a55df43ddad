/** Colours in a terminal. */
import { blendOver, EDITOR_DEFAULTS, HEAT_BACKGROUNDS, type Rgb } from '../../text/palette';

/** How many colours the terminal shows. */
export type ColourDepth = 'none' | 'ansi256' | 'truecolor';
/** What the terminal's background is like. */
export type TerminalBackground = 'dark' | 'light';

/** How to colour for a terminal. */
export interface TerminalColours {
  readonly depth: ColourDepth;
  readonly background: TerminalBackground;
}

/**
 * What the environment says: NO_COLOR (no-color.org) turns colour off, FORCE_COLOR (0, 1 … 3, as Node reads it) decides
 * otherwise; without either, a terminal is coloured as COLORTERM and TERM allow. COLORFGBG tells light backgrounds.
 * @param isTerminal whether the output goes to a terminal
 */
export function terminalColours(
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): TerminalColours {
  return { depth: depthOf(environment, isTerminal), background: backgroundOf(environment.COLORFGBG) };
}

function depthOf(
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): ColourDepth {
  const { NO_COLOR, FORCE_COLOR, COLORTERM = '', TERM = '' } = environment;
  if (NO_COLOR !== undefined && NO_COLOR !== '') {
    return 'none';
  }
  if (FORCE_COLOR !== undefined) {
    if (FORCE_COLOR === '0' || FORCE_COLOR === 'false') {
      return 'none';
    }
    if (FORCE_COLOR === '3') {
      return 'truecolor';
    }
  } else if (!isTerminal || TERM === 'dumb') {
    return 'none';
  }
  return /^(truecolor|24bit)$/i.test(COLORTERM) || TERM.endsWith('-direct') ? 'truecolor' : 'ansi256';
}

/** COLORFGBG is "foreground;background" in the 16 colours; 7 and 15 are the light ones. */
function backgroundOf(colorFgBg: string | undefined): TerminalBackground {
  const background = colorFgBg?.split(';').at(-1);
  return background === '7' || background === '15' ? 'light' : 'dark';
}

/** [background][bin] entries of the 256-colour table near the palette's; bin 0 is left as it is. */
const BACKGROUNDS_256: Readonly<Record<TerminalBackground, readonly number[]>> = {
  dark: [-1, 236, 58, 94, 88, 89, 90, 55],
  light: [-1, 230, 223, 216, 217, 211, 176, 141],
};
/** Text colours of the 256-colour table that stay readable on those. */
const FOREGROUNDS_256: Readonly<Record<TerminalBackground, number>> = { dark: 255, light: 16 };

const RESET = '\x1b[0m';

/**
 * Colours a text by its heat. Foreground and background are both set, so it is readable whatever the terminal's own are.
 * @param bin 0 … 7; 0 is left as it is
 */
export function paint(text: string, bin: number, colours: TerminalColours): string {
  if (colours.depth === 'none' || bin === 0 || text === '') {
    return text;
  }
  return `\x1b[${colours.depth === 'truecolor' ? trueColour(bin, colours) : colour256(bin, colours)}m${text}${RESET}`;
}

/** Sets a text back behind the others: line numbers, explanations. */
export function dim(text: string, { depth }: TerminalColours): string {
  return depth === 'none' ? text : `\x1b[2m${text}${RESET}`;
}

/** Puts a text in front of the others. */
export function bold(text: string, { depth }: TerminalColours): string {
  return depth === 'none' ? text : `\x1b[1m${text}${RESET}`;
}

function trueColour(bin: number, { background: kind }: TerminalColours): string {
  const { background, foreground } = EDITOR_DEFAULTS[kind];
  const fill = blendOver(HEAT_BACKGROUNDS[bin][kind], background);
  const text = blendOver(`${foreground}FF`, background);
  return `38;2;${list(text)};48;2;${list(fill)}`;
}

function colour256(bin: number, { background }: TerminalColours): string {
  return `38;5;${FOREGROUNDS_256[background]};48;5;${BACKGROUNDS_256[background][bin]}`;
}

function list(colour: Rgb): string {
  return colour.join(';');
}
