import assert from 'node:assert/strict';
import manifest from '../../package.json';
import { HEAT_BIN_COUNT, HEAT_BINS } from '../../src/loss/heat';
import {
  blendOver,
  COMPARISON_COLOURS,
  comparisonColourId,
  EDITOR_DEFAULTS,
  HEAT_BACKGROUNDS,
  HEAT_BORDERS,
  heatBorderId,
  heatColourId,
  type Rgb,
  THEME_KINDS,
} from '../../src/text/palette';

/** WCAG 2.1 relative luminance, 0 … 1. */
function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map((channel) => {
    const value = channel / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** WCAG 2.1 contrast ratio, 1 … 21. */
function contrast(a: Rgb, b: Rgb): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

/** CIELAB lightness, 0 … 100. */
function lightness(colour: Rgb): number {
  const y = luminance(colour);
  return y > 216 / 24389 ? 116 * Math.cbrt(y) - 16 : (24389 / 27) * y;
}

const opaque = (colour: string): Rgb => blendOver(`${colour}FF`, '#000000');

/** Colours that VS Code's own high contrast themes write code in: strings, keywords, numbers, names. */
const SYNTAX = {
  highContrast: ['#CE9178', '#569CD6', '#C586C0', '#B5CEA8', '#7CA668', '#DCDCAA', '#9CDCFE'],
  highContrastLight: ['#0F4A85', '#B5200D', '#185E73', '#5E2CBC', '#096D48', '#515151', '#001080'],
} as const;

describe('palette', () => {
  it('has a background and a border for each bin and kind of theme', () => {
    assert.equal(HEAT_BACKGROUNDS.length, HEAT_BIN_COUNT);
    assert.equal(HEAT_BORDERS.length, HEAT_BIN_COUNT);
    for (const colour of [...HEAT_BACKGROUNDS, ...HEAT_BORDERS]) {
      for (const kind of THEME_KINDS) {
        assert.match(colour[kind], /^#[0-9A-F]{8}$/);
      }
    }
  });

  for (const kind of THEME_KINDS) {
    const { background, foreground } = EDITOR_DEFAULTS[kind];
    const ramp = HEAT_BACKGROUNDS.map((colour) => blendOver(colour[kind], background));

    it(`${kind}: text keeps WCAG AA contrast on every bin`, () => {
      for (const fill of ramp) {
        assert.ok(contrast(fill, opaque(foreground)) >= 4.5);
      }
    });

    it(`${kind}: lightness moves away from the background by a visible step with every bin`, () => {
      const distances = ramp.map((fill) => Math.abs(lightness(fill) - lightness(opaque(background))));
      distances.slice(1).forEach((distance, bin) => {
        assert.ok(distance - distances[bin] >= 2.5, `bins ${bin} and ${bin + 1}`);
      });
    });
  }

  it('leaves bin 0 nearly invisible in ordinary themes', () => {
    for (const kind of ['dark', 'light'] as const) {
      const { background } = EDITOR_DEFAULTS[kind];
      assert.ok(contrast(blendOver(HEAT_BACKGROUNDS[0][kind], background), opaque(background)) < 1.06);
    }
  });

  it('has borders in high contrast only: solid, at least 3 : 1 against the background (WCAG 1.4.11)', () => {
    for (const border of HEAT_BORDERS) {
      assert.equal(border.dark, '#00000000');
      assert.equal(border.light, '#00000000');
      for (const kind of ['highContrast', 'highContrastLight'] as const) {
        const { background } = EDITOR_DEFAULTS[kind];
        assert.match(border[kind], /FF$/);
        assert.ok(contrast(blendOver(border[kind], background), opaque(background)) >= 3);
      }
    }
  });

  it('keeps syntax colours legible on every bin in high contrast (3 : 1)', () => {
    for (const kind of ['highContrast', 'highContrastLight'] as const) {
      for (const fill of HEAT_BACKGROUNDS.map((colour) =>
        blendOver(colour[kind], EDITOR_DEFAULTS[kind].background),
      )) {
        for (const colour of SYNTAX[kind]) {
          assert.ok(contrast(fill, opaque(colour)) >= 3, `${kind}: ${colour} on ${fill}`);
        }
      }
    }
  });

  it('has text behind lines that can be read (WCAG AA), in high contrast at 7 : 1', () => {
    for (const kind of THEME_KINDS) {
      const { background } = EDITOR_DEFAULTS[kind];
      for (const colour of Object.values(COMPARISON_COLOURS)) {
        const ratio = contrast(blendOver(colour[kind], background), opaque(background));
        assert.ok(ratio >= (kind.startsWith('high') ? 7 : 4.5), `${kind}: ${ratio}`);
      }
    }
  });

  it('is what package.json contributes as theme colours', () => {
    const expected = HEAT_BINS.flatMap(({ index, label }) => [
      {
        id: heatColourId(index),
        description: `Background of tokens with a surprisal of ${label}.`,
        defaults: { ...HEAT_BACKGROUNDS[index] },
      },
      {
        id: heatBorderId(index),
        description: `Border of tokens with a surprisal of ${label}.`,
        defaults: { ...HEAT_BORDERS[index] },
      },
    ]);
    const behind = (['more', 'less'] as const).map((kind) => ({
      id: comparisonColourId(kind),
      description: `Text behind a line that costs the other model ${kind === 'more' ? 'more' : 'fewer'} bits, when models are compared.`,
      defaults: { ...COMPARISON_COLOURS[kind] },
    }));
    assert.deepEqual(manifest.contributes.colors, [...expected, ...behind]);
  });
});
