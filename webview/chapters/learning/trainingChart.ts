/** Training and evaluation loss over the epochs, as they come. */
import { scaleLinear } from 'd3-scale';
import type { TrainingPoint } from '../../../src/loss/training';
import { toUnit } from '../../../src/loss/units';
import type { PanelTraining, PanelUnit } from '../../../src/panel/messages';
import { type ChartArea, makeChart } from '../../chart';
import { setAttribute, svg } from '../../dom';
import { surprisal } from '../../format';
import { linked } from '../../link';
import { placeText, showMark } from '../../svg';
import { learningStrings as strings } from '../learning.strings';
import { makeAxes, pathThrough } from './axes';
import { significantText, tickText } from './numbers';

const HEIGHT = 270;
const MARGIN = { left: 44, right: 14, top: 40, bottom: 34 };
const LEGEND_LINE = 26;
/** Width of the longest label of the best evaluation. */
const ROOM_FOR_BEST = 230;
/** Share of the best evaluation loss by which it has to rise again before that is called overfitting. */
const MEASURABLE = 0.005;

/** The points that can be drawn: a training that diverges ends in losses that are no numbers. */
export function finitePoints(training: PanelTraining | undefined): readonly TrainingPoint[] {
  return (training?.points ?? []).filter(
    (point) => Number.isFinite(point.training) && Number.isFinite(point.evaluation),
  );
}

/** The point with the lowest evaluation loss, and whether it rose measurably afterwards. */
export function bestPoint(
  points: readonly TrainingPoint[],
): { readonly point: TrainingPoint; readonly isOverfitted: boolean } | undefined {
  if (points.length === 0) {
    return undefined;
  }
  const point = points.reduce((best, other) => (other.evaluation < best.evaluation ? other : best));
  const last = points[points.length - 1];
  return { point, isOverfitted: last.evaluation > point.evaluation * (1 + MEASURABLE) };
}

/** What the mark of the best evaluation says: only a loss that has risen again is a reason to stop early. */
function wordsOf(best: TrainingPoint, points: readonly TrainingPoint[], room: number): string {
  if (best === points[points.length - 1]) {
    return strings.bestSoFar;
  }
  if (best === points[0]) {
    return strings.bestUntrained;
  }
  return room > ROOM_FOR_BEST ? strings.best : strings.bestShort;
}

export interface TrainingChart {
  readonly element: HTMLElement;
  update(training: PanelTraining, unit: PanelUnit): void;
}

/** Makes the chart. */
export function makeTrainingChart(): TrainingChart {
  const axes = makeAxes();
  const region = svg('rect', { class: 'learning-region', test: 'overfitting' });
  const regionLabel = svg('text', { class: 'learning-label is-quiet' });
  const best = svg('path', { class: 'learning-rule' });
  const bestLabel = svg('text', { class: 'learning-label', test: 'best-evaluation' });
  const bestDot = svg('circle', { class: 'learning-point', attributes: { r: '5' } });
  const trainingCurve = linked(
    'training-loss',
    svg('path', { class: 'mark-line mark-model', test: 'training-curve' }),
  );
  const evaluationCurve = linked(
    'evaluation-loss',
    svg('path', { class: 'mark-line mark-target', test: 'evaluation-curve' }),
  );
  const trainingKey = linked('training-loss', svg('path', { class: 'mark-line mark-model' }));
  const trainingName = svg('text', { class: 'learning-label' });
  const evaluationKey = linked('evaluation-loss', svg('path', { class: 'mark-line mark-target' }));
  const evaluationName = svg('text', { class: 'learning-label' });
  let data: { readonly training: PanelTraining; readonly unit: PanelUnit } | undefined;

  const draw = (area: ChartArea) => {
    if (!data) {
      return;
    }
    const { training, unit } = data;
    const points = finitePoints(training);
    const right = area.width - MARGIN.right;
    const floor = area.height - MARGIN.bottom;
    const x = scaleLinear([0, training.options.epochs], [MARGIN.left, right]);
    const amounts = points.flatMap((point) => [toUnit(point.training, unit), toUnit(point.evaluation, unit)]);
    const lowest = Math.min(...amounts);
    const highest = Math.max(...amounts);
    // Some room for the first points, when there is no difference yet.
    const room = Math.max((highest - lowest) * 0.08, 0.02 * highest, 1e-3);
    const y = scaleLinear([Math.max(0, lowest - room), highest + room], [floor, MARGIN.top]);
    axes.draw(
      area,
      MARGIN,
      {
        at: x,
        ticks: x
          .ticks(Math.min(training.options.epochs, 6))
          .map((value) => ({ value, text: tickText(value) })),
        label: strings.axisEpoch,
      },
      {
        at: y,
        ticks: y.ticks(5).map((value) => ({ value, text: tickText(value) })),
        label: strings.axisMeanLoss(unit),
      },
    );
    const curveOf = (name: 'training' | 'evaluation') =>
      pathThrough(points.map((point) => [x(point.epoch), y(toUnit(point[name], unit))] as const));
    setAttribute(trainingCurve, 'd', curveOf('training'));
    setAttribute(evaluationCurve, 'd', curveOf('evaluation'));
    drawLegend();
    drawBest(points, x, y, right, floor, unit);
  };
  const drawLegend = () => {
    const up = 25;
    setAttribute(trainingKey, 'd', `M${MARGIN.left} ${up}h${LEGEND_LINE}`);
    placeText(trainingName, strings.legendTraining, MARGIN.left + LEGEND_LINE + 6, up + 4);
    const next = MARGIN.left + LEGEND_LINE + 74;
    setAttribute(evaluationKey, 'd', `M${next} ${up}h${LEGEND_LINE}`);
    placeText(evaluationName, strings.legendEvaluation, next + LEGEND_LINE + 6, up + 4);
  };
  const drawBest = (
    points: readonly TrainingPoint[],
    x: (epoch: number) => number,
    y: (amount: number) => number,
    right: number,
    floor: number,
    unit: PanelUnit,
  ) => {
    const found = points.length > 1 ? bestPoint(points) : undefined;
    const isOverfitted = found?.isOverfitted === true;
    showMark(best, found !== undefined);
    showMark(bestLabel, found !== undefined);
    showMark(region, isOverfitted);
    showMark(bestDot, found !== undefined);
    showMark(regionLabel, false);
    if (!found) {
      return;
    }
    const left = x(found.point.epoch);
    setAttribute(bestDot, 'cx', left.toFixed(1));
    setAttribute(bestDot, 'cy', y(toUnit(found.point.evaluation, unit)).toFixed(1));
    setAttribute(best, 'd', `M${left.toFixed(1)} ${MARGIN.top}V${floor}`);
    const roomRight = right - left;
    const roomLeft = left - MARGIN.left;
    const widest = Math.max(roomRight, roomLeft);
    placeText(
      bestLabel,
      wordsOf(found.point, points, widest),
      left + (roomRight >= roomLeft ? 6 : -6),
      MARGIN.top + 13,
      roomRight >= roomLeft ? 'start' : 'end',
    );
    if (!isOverfitted) {
      return;
    }
    const last = points[points.length - 1];
    const end = x(last.epoch);
    setAttribute(region, 'x', left.toFixed(1));
    setAttribute(region, 'width', (end - left).toFixed(1));
    setAttribute(region, 'y', String(MARGIN.top));
    setAttribute(region, 'height', String(floor - MARGIN.top));
    // Between the two curves, which have parted here.
    const [upper, lower] = [y(toUnit(last.evaluation, unit)), y(toUnit(last.training, unit))];
    showMark(regionLabel, end - left > 72 && lower - upper > 30);
    placeText(regionLabel, strings.overfitting, end - 6, (upper + lower) / 2 + 4, 'end');
  };

  const chart = makeChart({
    test: 'training-curves',
    title: strings.curves,
    height: HEIGHT,
    draw,
    describe: () => {
      const { unit, training } = data!;
      const points = finitePoints(training);
      const found = bestPoint(points);
      if (!found) {
        return strings.starting;
      }
      const [first, last] = [points[0], points[points.length - 1]];
      const goes = (name: 'training' | 'evaluation') =>
        strings.goes(surprisal(first[name], unit), surprisal(last[name], unit));
      return (
        strings.curvesOf(significantText(last.epoch), goes('training'), goes('evaluation')) +
        strings.curvesBest(significantText(found.point.epoch), surprisal(found.point.evaluation, unit))
      );
    },
    columns: () => [
      strings.columnOptimiserStep,
      strings.columnEpoch,
      strings.columnTraining(data!.unit),
      strings.columnEvaluation(data!.unit),
    ],
    rows: () =>
      finitePoints(data!.training).map(({ step, epoch, training, evaluation }) => [
        step,
        epoch,
        toUnit(training, data!.unit),
        toUnit(evaluation, data!.unit),
      ]),
  });
  chart.svg.append(
    axes.element,
    region,
    best,
    trainingCurve,
    evaluationCurve,
    bestDot,
    bestLabel,
    regionLabel,
    trainingKey,
    trainingName,
    evaluationKey,
    evaluationName,
  );
  return {
    element: chart.element,
    update(training, unit) {
      data = { training, unit };
      chart.refresh();
    },
  };
}
