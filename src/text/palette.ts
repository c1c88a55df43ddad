/**
 * The heatmap's colours as plain data, one row for each bin of `loss/heat.ts`, as #RRGGBBAA.
 *
 * The hues run from a faint cool tint over yellow, orange, red and magenta to purple. The alphas are chosen so that,
 * blended over the default editor background, the rows step evenly in CIELAB lightness (so that the order survives
 * colour blindness and greyscale) and text keeps a contrast of at least 4.5 : 1 (WCAG 2.1 AA); in high contrast
 * syntax colours keep 3 : 1, and borders do the rest. `palette.test.ts` holds them to that, and package.json's `contributes.colors` to this table.
 */

/** VS Code's four kinds of theme, as `contributes.colors` names them. */
export const THEME_KINDS = ['dark', 'light', 'highContrast', 'highContrastLight'] as const;
export type ThemeKind = (typeof THEME_KINDS)[number];

/** A colour for each kind of theme, #RRGGBBAA. */
export type ThemeColour = Readonly<Record<ThemeKind, string>>;

/** Id of the theme colour of a bin's background. */
export function heatColourId(bin: number): string {
  return `surprisal.heat${bin}`;
}

/** Id of the theme colour of a bin's border. */
export function heatBorderId(bin: number): string {
  return `surprisal.heat${bin}Border`;
}

/** [bins] backgrounds. */
export const HEAT_BACKGROUNDS: readonly ThemeColour[] = [
  { dark: '#58A6FF06', light: '#4A90D90A', highContrast: '#58A6FF19', highContrastLight: '#4A90D912' },
  { dark: '#E3C93B12', light: '#FFD50051', highContrast: '#E3C93B1D', highContrastLight: '#FFD50065' },
  { dark: '#EFA52B21', light: '#FFA2004C', highContrast: '#EFA52B2A', highContrastLight: '#FFA20054' },
  { dark: '#F5822034', light: '#FF7A1A55', highContrast: '#F5822039', highContrastLight: '#FF7A1A56' },
  { dark: '#F0523D53', light: '#F24A3257', highContrast: '#F0523D50', highContrastLight: '#F24A3253' },
  { dark: '#EC3F756B', light: '#E8316F64', highContrast: '#EC3F7560', highContrastLight: '#E8316F5A' },
  { dark: '#D848B87A', light: '#CC30A876', highContrast: '#D848B86D', highContrastLight: '#CC30A867' },
  { dark: '#B65CF085', light: '#9A3DE08B', highContrast: '#B65CF076', highContrastLight: '#9A3DE076' },
];

const NONE = '#00000000';

/** [bins] borders: none in ordinary themes, solid in high contrast, so that heat is not told by the fill alone. */
export const HEAT_BORDERS: readonly ThemeColour[] = [
  { dark: NONE, light: NONE, highContrast: '#58A6FFFF', highContrastLight: '#3F7CACFF' },
  { dark: NONE, light: NONE, highContrast: '#E3C93BFF', highContrastLight: '#8A7300FF' },
  { dark: NONE, light: NONE, highContrast: '#EFA52BFF', highContrastLight: '#9A6200FF' },
  { dark: NONE, light: NONE, highContrast: '#F58220FF', highContrastLight: '#A84E00FF' },
  { dark: NONE, light: NONE, highContrast: '#F0523DFF', highContrastLight: '#B3260FFF' },
  { dark: NONE, light: NONE, highContrast: '#EC3F75FF', highContrastLight: '#B01250FF' },
  { dark: NONE, light: NONE, highContrast: '#D848B8FF', highContrastLight: '#8F1A78FF' },
  { dark: NONE, light: NONE, highContrast: '#B65CF0FF', highContrastLight: '#6A1FB0FF' },
];

/** Of what is written behind a line that another model finds more surprising, or less: text, as readable as any. */
export const COMPARISON_COLOURS: Readonly<Record<'more' | 'less', ThemeColour>> = {
  more: { dark: '#F29E74FF', light: '#A84300FF', highContrast: '#FFB38CFF', highContrastLight: '#8A3500FF' },
  less: { dark: '#6CB6FFFF', light: '#0A5CAEFF', highContrast: '#8CC8FFFF', highContrastLight: '#0A4A8AFF' },
};

/** Id of the theme colour of one of them. */
export function comparisonColourId(kind: keyof typeof COMPARISON_COLOURS): string {
  return `surprisal.comparison${kind === 'more' ? 'More' : 'Less'}`;
}

/** VS Code's default editor colours, #RRGGBB, which the palette is made for. */
export const EDITOR_DEFAULTS: Readonly<Record<ThemeKind, { background: string; foreground: string }>> = {
  dark: { background: '#1F1F1F', foreground: '#CCCCCC' },
  light: { background: '#FFFFFF', foreground: '#3B3B3B' },
  highContrast: { background: '#000000', foreground: '#FFFFFF' },
  highContrastLight: { background: '#FFFFFF', foreground: '#292929' },
};

/** Red, green and blue, 0 … 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/**
 * What a #RRGGBBAA colour looks like over an opaque #RRGGBB background.
 * @returns whole numbers 0 … 255
 */
export function blendOver(colour: string, background: string): Rgb {
  const alpha = channel(colour, 3) / 255;
  const mix = (index: number): number =>
    Math.round(channel(colour, index) * alpha + channel(background, index) * (1 - alpha));
  return [mix(0), mix(1), mix(2)];
}

function channel(colour: string, index: number): number {
  return Number.parseInt(colour.slice(1 + 2 * index, 3 + 2 * index), 16);
}
