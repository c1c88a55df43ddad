/** Axes of the chapter's charts, and marks that are kept from one drawing to the next. */
import { setAttribute, setText, svg } from '../../dom';

/** Text of a chart, a hidden one keeping its place. */
export function place(
  text: SVGTextElement,
  words: string,
  x: number,
  y: number,
  anchor: 'start' | 'middle' | 'end' = 'start',
): void {
  setText(text, words);
  setAttribute(text, 'x', x.toFixed(1));
  setAttribute(text, 'y', y.toFixed(1));
  setAttribute(text, 'text-anchor', anchor);
}

/** Shows or hides a mark. An attribute, so that a copied picture hides it too. */
export function showMark(mark: SVGElement, shown: boolean): void {
  setAttribute(mark, 'visibility', shown ? undefined : 'hidden');
}

/** Brings a group to a number of children, making and removing only what is too few or too many. */
export function children<Made extends SVGElement>(
  group: SVGElement,
  count: number,
  make: () => Made,
): Made[] {
  while (group.children.length > count) {
    group.lastElementChild?.remove();
  }
  while (group.children.length < count) {
    group.append(make());
  }
  return [...group.children] as Made[];
}

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
      children(grid, y.ticks.length, () => svg('path', { class: 'learning-grid' })).forEach((line, i) => {
        setAttribute(line, 'd', `M${margin.left} ${y.at(y.ticks[i].value).toFixed(1)}H${right}`);
      });
      children(left, y.ticks.length, tick).forEach((text, i) => {
        const { value, text: words } = y.ticks[i];
        place(text, words, margin.left - 6, y.at(value) + 4, 'end');
      });
      children(below, x.ticks.length, tick).forEach((text, i) => {
        const { value, text: words } = x.ticks[i];
        place(text, words, x.at(value), floor + 15, 'middle');
      });
      place(nameX, x.label, right, height - 3, 'end');
      place(nameY, y.label, 2, 10);
    },
  };
}
