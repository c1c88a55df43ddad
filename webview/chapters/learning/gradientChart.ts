/** q − p as bars to both sides of zero: the token in the text, its strongest rivals, and everything else as one. */
import { scaleLinear } from 'd3-scale';
import type { PanelToken } from '../../../src/panel/messages';
import { type Chart, type ChartArea, makeChart } from '../../chart';
import { setAttribute, svg } from '../../dom';
import { count, fixed } from '../../format';
import { linked } from '../../link';
import { keep, placeText, shorten } from '../../svg';
import { learningStrings as strings } from '../learning.strings';

/** The gradient of one token, at whatever logits. */
export interface Gradient {
  readonly token: PanelToken;
  /** [V] q − p */
  readonly slopes: Float64Array;
  /** p of the token in the text, and of every other one. */
  readonly target: number;
  readonly other: number;
}

export interface GradientChart {
  readonly element: HTMLElement;
  update(gradient: Gradient): void;
}

interface Bar {
  readonly kind: 'target' | 'rival' | 'rest';
  readonly name: string;
  readonly slope: number;
  readonly p: number;
}

const RIVALS = 8;
const ROW = 21;
const TOP = 22;
const BAR = 13;
const VALUE_WIDTH = 58;
/** Room for one character of a token's name, in pixels. */
const CHARACTER = 7.3;

/** Makes the chart. */
export function makeGradientChart(): GradientChart {
  const grid = svg('g');
  const ticks = svg('g');
  const names = svg('g');
  const bars = svg('g');
  const values = svg('g');
  const zero = svg('path', { class: 'axis' });
  const line = svg('path', { class: 'learning-grid' });
  const together = svg('text', { class: 'learning-name is-words' });
  const total = svg('text', { class: 'learning-value', test: 'gradient-sum' });
  let rows: readonly Bar[] = [];
  let sum = 0;

  const draw = ({ width, height }: ChartArea) => {
    const nameWidth = Math.min(150, Math.max(92, width * 0.28));
    const x = scaleLinear([-1, 1], [nameWidth + 8, width - VALUE_WIDTH]);
    const marks = width < 420 ? [-1, 0, 1] : [-1, -0.5, 0, 0.5, 1];
    const floor = TOP + rows.length * ROW;
    keep(grid, marks.length, () => svg('path', { class: 'learning-grid' })).forEach((mark, i) => {
      setAttribute(mark, 'd', `M${x(marks[i]).toFixed(1)} ${TOP - 4}V${floor}`);
    });
    keep(ticks, marks.length, () => svg('text', { class: 'tick' })).forEach((mark, i) => {
      placeText(mark, fixed(marks[i], Number.isInteger(marks[i]) ? 0 : 1), x(marks[i]), TOP - 9, 'middle');
    });
    const middle = (i: number) => TOP + i * ROW + ROW / 2;
    const longest = Math.floor(nameWidth / CHARACTER);
    keep(names, rows.length, () => svg('text', { test: 'gradient-name' })).forEach((name, i) => {
      const { kind, name: text } = rows[i];
      setAttribute(
        name,
        'class',
        `learning-name${kind === 'target' ? ' is-target' : ''}${kind === 'rest' ? ' is-words' : ''}`,
      );
      placeText(name, shorten(text, longest), nameWidth, middle(i) + 4, 'end');
    });
    keep(bars, rows.length, () => linked('gradient', svg('rect'))).forEach((bar, i) => {
      const { kind, slope } = rows[i];
      const [from, to] = slope < 0 ? [x(slope), x(0)] : [x(0), x(slope)];
      setAttribute(bar, 'class', MARKS[kind]);
      setAttribute(bar, 'x', from.toFixed(1));
      // Something that is not nothing can be seen.
      setAttribute(bar, 'width', Math.max(to - from, 0.75).toFixed(1));
      setAttribute(bar, 'y', (middle(i) - BAR / 2).toFixed(1));
      setAttribute(bar, 'height', String(BAR));
      if (kind === 'target') {
        linked('gradient-target', bar);
      }
    });
    keep(values, rows.length, () => svg('text', { test: 'gradient-value' })).forEach((value, i) => {
      const isTarget = rows[i].kind === 'target';
      setAttribute(value, 'class', `learning-value${isTarget ? ' is-target' : ''}`);
      placeText(value, fixed(rows[i].slope, 4), width - 1, middle(i) + 4, 'end');
    });
    setAttribute(zero, 'd', `M${x(0).toFixed(1)} ${TOP - 4}V${floor}`);
    setAttribute(line, 'd', `M0 ${floor + 2.5}H${width}`);
    placeText(together, strings.together, nameWidth, height - 6, 'end');
    placeText(total, fixed(sum, 4), width - 1, height - 6, 'end');
  };

  const chart: Chart = makeChart({
    test: 'gradient',
    title: strings.gradient,
    height: () => TOP + (RIVALS + 2) * ROW + ROW + 4,
    draw,
    describe: () => {
      const [target, rival] = rows;
      return strings.gradientOf(target.name, fixed(target.slope, 4), rival.name, fixed(rival.slope, 4));
    },
    columns: () => [strings.columnToken, strings.columnQ, strings.columnP, strings.columnGradient],
    rows: () => rows.map(({ name, slope, p }) => [name, slope + p, p, slope]),
  });
  chart.svg.append(grid, ticks, line, bars, zero, names, values, together, total);
  return {
    element: chart.element,
    update(gradient) {
      rows = barsOf(gradient);
      sum = rows.reduce((total, { slope }) => total + slope, 0);
      chart.refresh();
    },
  };
}

const MARKS = { target: 'mark-target', rival: 'mark-model', rest: 'mark-rest' } as const;

/** The rivals are those of the named candidates that get the most probability now, after the steps. */
function barsOf({ token, slopes, target, other }: Gradient): Bar[] {
  const rivals = token.top
    .filter(({ id }) => id !== token.target.id)
    .sort((a, b) => slopes[b.id] - slopes[a.id])
    .slice(0, RIVALS);
  const named: Bar[] = [
    {
      kind: 'target',
      name: strings.target(token.target.visible),
      slope: slopes[token.target.id],
      p: target,
    },
    ...rivals.map(({ id, visible }): Bar => ({ kind: 'rival', name: visible, slope: slopes[id], p: other })),
  ];
  const others = slopes.length - named.length;
  if (others === 0) {
    return named;
  }
  // Added up by itself, so that the total of the bars is a check and not a definition.
  const shown = new Set([token.target.id, ...rivals.map(({ id }) => id)]);
  let rest = 0;
  for (let v = 0; v < slopes.length; v++) {
    if (!shown.has(v)) {
      rest += slopes[v];
    }
  }
  return [...named, { kind: 'rest', name: strings.others(count(others)), slope: rest, p: others * other }];
}
