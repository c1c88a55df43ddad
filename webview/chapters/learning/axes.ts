/** Axes of the chapter's charts. */
import { setAttribute, svg } from '../../dom';
import { keep, placeText } from '../../svg';

/** A line through points, in pixels. */
export function pathThrough(points: readonly (readonly [number, number])[]): string {
  return points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
}

/** The room around a plot, in pixels. */
export interface Margin {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** One axis: what is written where. */
export interface Axis {
  /** Pixel of a value. */
  at(value: number): number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
  readonly label: string;
}

export interface Axes {
  readonly element: SVGGElement;
  draw(area: { readonly width: number; readonly height: number }, margin: Margin, x: Axis, y: Axis): void;
}

/** Makes the axes of a plot: horizontal grid lines, ticks below and at the left, a name for each. */
export function makeAxes(): Axes {
  const grid = svg('g');
  const base = svg('path', { class: 'axis' });
  const below = svg('g');
  const left = svg('g');
  const nameX = svg('text', { class: 'tick' });
  const nameY = svg('text', { class: 'tick' });
  const element = svg('g', {}, grid, base, below, left, nameX, nameY);
  const tick = () => svg('text', { class: 'tick' });
  return {
    element,
    draw({ width, height }, margin, x, y) {
      const right = width - margin.right;
      const floor = height - margin.bottom;
      setAttribute(base, 'd', `M${margin.left} ${margin.top}V${floor}H${right}`);
      keep(grid, y.ticks.length, () => svg('path', { class: 'learning-grid' })).forEach((line, i) => {
        setAttribute(line, 'd', `M${margin.left} ${y.at(y.ticks[i].value).toFixed(1)}H${right}`);
      });
      keep(left, y.ticks.length, tick).forEach((text, i) => {
        const { value, text: words } = y.ticks[i];
        placeText(text, words, margin.left - 6, y.at(value) + 4, 'end');
      });
      keep(below, x.ticks.length, tick).forEach((text, i) => {
        const { value, text: words } = x.ticks[i];
        placeText(text, words, x.at(value), floor + 15, 'middle');
      });
      placeText(nameX, x.label, right, height - 3, 'end');
      placeText(nameY, y.label, 2, 10);
    },
  };
}
