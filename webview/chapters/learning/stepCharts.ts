/** The two curves of the steps: the loss after each, and the loss after the next one over its size. */
import { scaleLinear, scaleLog } from 'd3-scale';
import { toUnit } from '../../../src/loss/units';
import type { PanelUnit } from '../../../src/panel/messages';
import { type ChartArea, makeChart } from '../../chart';
import { setAttribute, svg } from '../../dom';
import { count, surprisal } from '../../format';
import { linked } from '../../link';
import { keep, placeText, showMark } from '../../svg';
import { learningStrings as strings } from '../learning.strings';
import { makeAxes, pathThrough } from './axes';
import { significantText, tickText } from './numbers';

/** The step sizes that there are. */
export const STEP_SIZES = { smallest: 0.01, largest: 100 } as const;

/** The losses so far, in nats. */
export interface StepHistory {
  readonly losses: readonly number[];
  /** Surprisal of the token in the text after each step. */
  readonly surprisals: readonly number[];
  /** H(p), below which no step can get. */
  readonly floor: number;
  readonly unit: PanelUnit;
}

const HEIGHT = 210;
/** Room for the name of the vertical axis, and for the label of the minimum, in pixels. */
const NAME_WIDTH = 92;
const MINIMUM_WIDTH = 112;
/** Room for the label of the lowest loss, and for the piece of line before it. */
const FLOOR_WIDTH = 118;
const KEY_WIDTH = 28;
/** Room for the label of the chosen step size. */
const POINT_WIDTH = 118;
const MARGIN = { left: 40, right: 12, top: 24, bottom: 34 };
/** With more points the dots would hide the line. */
const MOST_DOTS = 60;
/** The axis of a short history reaches as far. */
const FEWEST_STEPS = 10;

interface Part<Data> {
  readonly element: HTMLElement;
  update(data: Data): void;
}

/** Makes the curve of the loss after each step. */
export function makeHistoryChart(): Part<StepHistory> {
  const axes = makeAxes();
  const floor = svg('path', { class: 'learning-rule is-quiet' });
  const floorKey = svg('path', { class: 'learning-rule is-quiet' });
  const floorLabel = svg('text', { class: 'learning-label is-quiet' });
  const curve = linked('loss', svg('path', { class: 'mark-line mark-model' }));
  const dots = svg('g');
  let data: StepHistory | undefined;

  const draw = (area: ChartArea) => {
    if (!data) {
      return;
    }
    const { losses, unit } = data;
    const amounts = losses.map((nats) => toUnit(nats, unit));
    const steps = Math.max(FEWEST_STEPS, losses.length - 1);
    const lowest = toUnit(data.floor, unit);
    const x = scaleLinear([0, steps], [MARGIN.left, area.width - MARGIN.right]);
    const y = scaleLinear(
      [0, Math.max(...amounts, lowest * 1.2) * 1.06 || 1],
      [area.height - MARGIN.bottom, MARGIN.top],
    );
    axes.draw(
      area,
      MARGIN,
      {
        at: x,
        ticks: x
          .ticks(Math.min(steps, 6))
          .filter(Number.isInteger)
          .map((value) => ({ value, text: count(value) })),
        label: strings.axisStep,
      },
      {
        at: y,
        ticks: y.ticks(5).map((value) => ({ value, text: tickText(value) })),
        label: strings.axisLoss(unit),
      },
    );
    const points = amounts.map((amount, step) => [x(step), y(amount)] as const);
    setAttribute(curve, 'd', pathThrough(points));
    const shown = points.length <= MOST_DOTS ? points : points.slice(-1);
    keep(dots, shown.length, () => svg('circle', { attributes: { r: '3' } })).forEach((dot, i) => {
      const isLast = i === shown.length - 1;
      setAttribute(dot, 'class', isLast ? 'learning-point' : 'learning-dot');
      setAttribute(dot, 'r', isLast ? '5' : '3');
      setAttribute(dot, 'cx', shown[i][0].toFixed(1));
      setAttribute(dot, 'cy', shown[i][1].toFixed(1));
    });
    const hasFloor = data.floor > 0;
    showMark(floor, hasFloor);
    showMark(floorLabel, hasFloor);
    showMark(floorKey, hasFloor);
    setAttribute(floor, 'd', `M${MARGIN.left} ${y(lowest).toFixed(1)}H${area.width - MARGIN.right}`);
    // In the margin, with a piece of its line: the curve may come anywhere in the plot.
    const right = area.width - MARGIN.right;
    placeText(floorLabel, strings.floor, right, MARGIN.top - 12, 'end');
    setAttribute(floorKey, 'd', `M${right - FLOOR_WIDTH - KEY_WIDTH} ${MARGIN.top - 16}h${KEY_WIDTH - 6}`);
  };

  const chart = makeChart({
    test: 'step-history',
    title: strings.history,
    height: HEIGHT,
    draw,
    describe: () => {
      const { losses, unit } = data!;
      return strings.historyOf(
        count(losses.length - 1),
        surprisal(losses[0], unit),
        surprisal(losses[losses.length - 1], unit),
      );
    },
    columns: () => [strings.columnStep, strings.columnLoss(data!.unit), strings.columnProbability],
    rows: () =>
      data!.losses.map((nats, step) => [step, toUnit(nats, data!.unit), Math.exp(-data!.surprisals[step])]),
  });
  chart.svg.append(axes.element, floor, curve, dots, floorKey, floorLabel);
  return {
    element: chart.element,
    update(next) {
      data = next;
      chart.refresh();
    },
  };
}

/** The loss along the gradient, in nats. */
export interface StepLine {
  /** Before the step, and the losses at {@link GRID}. */
  readonly before: number;
  readonly losses: readonly number[];
  readonly stepSize: number;
  /** At the step size. */
  readonly after: number;
  /** The step size with the lowest loss; absent when there is none up to the largest. */
  readonly best?: { readonly stepSize: number; readonly loss: number };
  readonly unit: PanelUnit;
}

const PER_DECADE = 16;
/** The step sizes at which the curve is computed, evenly on a logarithmic axis. */
export const GRID: readonly number[] = Array.from(
  { length: PER_DECADE * Math.log10(STEP_SIZES.largest / STEP_SIZES.smallest) + 1 },
  (_, i) => Math.min(STEP_SIZES.largest, STEP_SIZES.smallest * 10 ** (i / PER_DECADE)),
);

/** The axis reaches this far above the loss before the step: enough to see it rise. */
const HEADROOM = 1.6;

/** Makes the curve of the loss over the size of the next step. */
export function makeLineChart(): Part<StepLine> {
  const axes = makeAxes();
  const region = svg('rect', { class: 'learning-region' });
  const regionLabel = svg('text', { class: 'learning-label is-quiet' });
  const before = svg('path', { class: 'learning-rule is-quiet' });
  const beforeLabel = svg('text', { class: 'learning-label is-quiet' });
  const curve = linked('loss', svg('path', { class: 'mark-line mark-model' }));
  const minimum = svg('path', { class: 'learning-rule' });
  const minimumLabel = svg('text', { class: 'learning-label', test: 'line-minimum' });
  const point = linked('step-size', svg('circle', { class: 'learning-point', attributes: { r: '5' } }));
  const pointLabel = svg('text', { class: 'learning-label is-strong', test: 'line-point' });
  let data: StepLine | undefined;

  const draw = (area: ChartArea) => {
    if (!data) {
      return;
    }
    const { unit, stepSize, best } = data;
    const amount = (nats: number) => toUnit(nats, unit);
    const right = area.width - MARGIN.right;
    const floor = area.height - MARGIN.bottom;
    // A curve that starts at its minimum has only what rises to show.
    const top = amount(Math.max(data.before * HEADROOM, (best?.loss ?? 0) * 1.25)) || 1;
    const x = scaleLog([STEP_SIZES.smallest, STEP_SIZES.largest], [MARGIN.left, right]);
    const y = scaleLinear([0, top], [floor, MARGIN.top]);
    axes.draw(
      area,
      MARGIN,
      {
        at: x,
        ticks: [0.01, 0.1, 1, 10, 100].map((value) => ({ value, text: String(value) })),
        label: strings.axisStepSize,
      },
      {
        at: y,
        ticks: y.ticks(5).map((value) => ({ value, text: tickText(value) })),
        label: strings.axisLoss(unit),
      },
    );
    setAttribute(curve, 'd', pathThrough(inside(data.losses.map(amount), top).map(([s, l]) => [x(s), y(l)])));
    setAttribute(before, 'd', `M${MARGIN.left} ${y(amount(data.before)).toFixed(1)}H${right}`);
    placeText(beforeLabel, strings.before, MARGIN.left + 6, y(amount(data.before)) - 6);

    const up = y(Math.min(top, amount(data.after)));
    const left = x(stepSize);
    const isAbove = amount(data.after) > top;
    setAttribute(point, 'cx', left.toFixed(1));
    setAttribute(point, 'cy', up.toFixed(1));
    const words = (isAbove ? strings.pointAbove : strings.point)(
      significantText(stepSize),
      surprisal(data.after, unit),
    );
    const isRising = best !== undefined && stepSize > best.stepSize;
    if (isRising && !isAbove) {
      // Below the whole curve, or above its right end where it lies too deep for that.
      const deepest = y(amount(best.loss));
      const end = y(Math.min(top, amount(data.losses[data.losses.length - 1])));
      placeText(pointLabel, words, right, deepest + 18 < floor - 4 ? deepest + 18 : end - 9, 'end');
    } else {
      // Below a falling curve, at its left where there is room.
      const hasRoom = left - MARGIN.left > POINT_WIDTH;
      const start = Math.max(left - 4, MARGIN.left + 6);
      placeText(
        pointLabel,
        words,
        hasRoom ? left - 9 : start,
        Math.min(floor - 8, up + 18),
        hasRoom ? 'end' : 'start',
      );
    }

    const hasMinimum = best !== undefined && best.stepSize >= STEP_SIZES.smallest;
    showMark(minimum, hasMinimum);
    showMark(minimumLabel, hasMinimum);
    // Past the minimum the loss rises; where it is higher than before, the step has overshot.
    const risen = best ? GRID.find((s, i) => s > best.stepSize && data!.losses[i] > data!.before) : undefined;
    showMark(region, risen !== undefined);
    showMark(regionLabel, risen !== undefined && right - x(risen) > 76);
    if (hasMinimum) {
      setAttribute(minimum, 'd', `M${x(best.stepSize).toFixed(1)} ${MARGIN.top - 8}V${floor}`);
      // In the margin, right of the axis' name, where no curve comes.
      placeText(
        minimumLabel,
        strings.minimum(significantText(best.stepSize)),
        Math.max(x(best.stepSize) + 5, NAME_WIDTH + MINIMUM_WIDTH),
        MARGIN.top - 12,
        'end',
      );
    }
    if (risen !== undefined) {
      setAttribute(region, 'x', x(risen).toFixed(1));
      setAttribute(region, 'width', (right - x(risen)).toFixed(1));
      setAttribute(region, 'y', String(MARGIN.top));
      setAttribute(region, 'height', String(floor - MARGIN.top));
      placeText(regionLabel, strings.overshooting, right - 4, floor - 6, 'end');
    }
  };

  const chart = makeChart({
    test: 'step-line',
    title: strings.line,
    height: HEIGHT,
    draw,
    describe: () => {
      const { stepSize, after, best, unit } = data!;
      const minimum = best ? strings.lineMinimum(significantText(best.stepSize)) : strings.lineNoMinimum;
      return strings.lineOf(significantText(stepSize), surprisal(after, unit)) + minimum;
    },
    columns: () => [strings.columnStepSize, strings.columnLoss(data!.unit)],
    rows: () => GRID.map((s, i) => [s, toUnit(data!.losses[i], data!.unit)]),
  });
  chart.svg.append(
    axes.element,
    region,
    before,
    minimum,
    curve,
    regionLabel,
    beforeLabel,
    minimumLabel,
    point,
    pointLabel,
  );
  return {
    element: chart.element,
    update(next) {
      data = next;
      chart.refresh();
    },
  };
}

/** The curve up to where it leaves the picture at its top, which a convex one does once. */
function inside(losses: readonly number[], top: number): (readonly [number, number])[] {
  const points: (readonly [number, number])[] = [];
  for (let i = 0; i < losses.length; i++) {
    if (losses[i] > top) {
      const last = points.at(-1);
      if (last) {
        const share = (top - last[1]) / (losses[i] - last[1]);
        points.push([last[0] * (GRID[i] / last[0]) ** share, top]);
      }
      break;
    }
    points.push([GRID[i], losses[i]]);
  }
  return points;
}
