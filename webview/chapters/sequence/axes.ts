/** What the charts of this chapter have in common: nodes that are kept, two axes, and a legend. */
import { setAttribute, setText, svg } from '../../dom';

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

/** Gives as many elements as are needed, made when first needed; those too many are taken out. */
export function pool<Made extends Element>(
  parent: Element,
  make: () => Made,
): (count: number) => readonly Made[] {
  const made: Made[] = [];
  return (count) => {
    while (made.length > count) {
      made.pop()?.remove();
    }
    while (made.length < count) {
      made.push(parent.appendChild(make()));
    }
    return made;
  };
}

/** Writes several attributes; numbers to a tenth of a pixel. */
export function place(element: Element, attributes: Readonly<Record<string, number | string>>): void {
  for (const [name, value] of Object.entries(attributes)) {
    setAttribute(element, name, typeof value === 'number' ? pixels(value) : value);
  }
}

/** A length for an attribute or a path. */
export const pixels = (value: number): string => String(Math.round(value * 10) / 10);

export interface Axes {
  update(box: Box, x: readonly Tick[], y: readonly Tick[], names: { x: string; y: string }): void;
}

/** Makes horizontal lines with their values, ticks below, and the axes' names. */
export function makeAxes(parent: SVGElement): Axes {
  const lines = pool(parent, () => svg('line', { class: 'sequence-grid' }));
  const values = pool(parent, () =>
    svg('text', { class: 'tick', attributes: { 'text-anchor': 'end', dy: '0.32em' } }),
  );
  const marks = pool(parent, () => svg('line', { class: 'axis' }));
  const labels = pool(parent, () => svg('text', { class: 'tick' }));
  const base = parent.appendChild(svg('line', { class: 'axis' }));
  const nameX = parent.appendChild(svg('text', { class: 'tick', attributes: { 'text-anchor': 'end' } }));
  const nameY = parent.appendChild(svg('text', { class: 'tick' }));
  return {
    update(box, x, y, names) {
      const gridLines = lines(y.length);
      values(y.length).forEach((text, i) => {
        const { at, label } = y[i];
        setText(text, label);
        place(text, { x: box.left - 6, y: at });
        place(gridLines[i], { x1: box.left, x2: box.right, y1: at, y2: at });
      });
      const tickMarks = marks(x.length);
      labels(x.length).forEach((text, i) => {
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
  const groups = pool(parent, () => svg('g', {}, svg('path'), svg('text', { class: 'tick' })));
  return {
    update(width, entries) {
      let x = 0;
      let line = 0;
      groups(entries.length).forEach((group, i) => {
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
