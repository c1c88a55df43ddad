/** What the charts of this chapter have in common: two axes and a legend. */
import { setAttribute, setText, svg } from '../../dom';
import { keep, pixels, place } from '../../svg';

/** A place on an axis, in pixels, and what is written there. */
export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** The part of a picture inside its axes, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface Axes {
  update(box: Box, x: readonly Tick[], y: readonly Tick[], names: { x: string; y: string }): void;
}

/** Makes horizontal lines with their values, ticks below, and the axes' names. */
export function makeAxes(parent: SVGElement): Axes {
  const [lines, values, marks, labels] = Array.from({ length: 4 }, () => parent.appendChild(svg('g')));
  const base = parent.appendChild(svg('line', { class: 'axis' }));
  const nameX = parent.appendChild(svg('text', { class: 'tick', attributes: { 'text-anchor': 'end' } }));
  const nameY = parent.appendChild(svg('text', { class: 'tick' }));
  return {
    update(box, x, y, names) {
      const gridLines = keep(lines, y.length, () => svg('line', { class: 'sequence-grid' }));
      keep(values, y.length, makeValue).forEach((text, i) => {
        const { at, label } = y[i];
        setText(text, label);
        place(text, { x: box.left - 6, y: at });
        place(gridLines[i], { x1: box.left, x2: box.right, y1: at, y2: at });
      });
      const tickMarks = keep(marks, x.length, () => svg('line', { class: 'axis' }));
      keep(labels, x.length, () => svg('text', { class: 'tick' })).forEach((text, i) => {
        const { at, label } = x[i];
        setText(text, label);
        // The outermost labels stay inside the picture.
        const anchor = at > box.right - 8 ? 'end' : at < box.left + 8 ? 'start' : 'middle';
        place(text, { x: at, y: box.bottom + 15, 'text-anchor': anchor });
        place(tickMarks[i], { x1: at, x2: at, y1: box.bottom, y2: box.bottom + 4 });
      });
      place(base, { x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom });
      setText(nameX, names.x);
      place(nameX, { x: box.right, y: box.bottom + 29 });
      setText(nameY, names.y);
      place(nameY, { x: 0, y: box.top - 8 });
    },
  };
}

const makeValue = () => svg('text', { class: 'tick', attributes: { 'text-anchor': 'end', dy: '0.32em' } });

/** A mark and what it means. */
export interface LegendEntry {
  readonly shape: 'area' | 'line' | 'point';
  /** Class of the mark, the same as in the picture. */
  readonly mark: string;
  readonly label: string;
}

const LEGEND_LINE = 17;
const SWATCH = 18;
const GAP = 14;

export interface Legend {
  /**
   * Writes the entries, on as many lines as they need.
   * @returns the height in pixels
   */
  update(width: number, entries: readonly LegendEntry[]): number;
}

/** Makes a legend at the top of a picture. */
export function makeLegend(parent: SVGElement): Legend {
  const entry = () => svg('g', {}, svg('path'), svg('text', { class: 'tick', test: 'legend' }));
  return {
    update(width, entries) {
      let x = 0;
      let line = 0;
      keep(parent, entries.length, entry).forEach((group, i) => {
        const { shape, mark, label } = entries[i];
        const [path, text] = group.children;
        setAttribute(path, 'class', mark);
        setAttribute(path, 'd', SHAPES[shape]);
        setText(text, label);
        place(text, { x: SWATCH + 4, y: 4 });
        const length = SWATCH + 4 + lengthOf(text as SVGTextElement, label);
        if (x > 0 && x + length > width) {
          x = 0;
          line++;
        }
        setAttribute(group, 'transform', `translate(${pixels(x)} ${9 + line * LEGEND_LINE})`);
        x += length + GAP;
      });
      return (line + 1) * LEGEND_LINE;
    },
  };
}

const SHAPES = { area: 'M3 -5H15V5H3Z', line: 'M0 0H18', point: 'M4 -4H14L9 4Z' } as const;

/** A text that is not laid out has no length; then a guess by its characters. */
function lengthOf(text: SVGTextElement, label: string): number {
  return text.getComputedTextLength() || 6 * label.length;
}
