/** The loss over the document: every token when there is room for it, else the mean and the peak of each column. */
import { scaleLinear } from 'd3-scale';
import { type Columns, columnsOf } from '../../../src/loss/statistics';
import { toUnit } from '../../../src/loss/units';
import type { PanelSelection, PanelSeries, PanelUnit } from '../../../src/panel/messages';
import { type ChartArea, makeChart } from '../../chart';
import { textButton } from '../../controls';
import type { Cell } from '../../csv';
import { html, setAttribute, setText, svg } from '../../dom';
import { count, surprisal } from '../../format';
import { linked } from '../../link';
import { pixels, place } from '../../svg';
import type { Host } from '../../view';
import { sequenceStrings as strings } from '../sequence.strings';
import { type Analysis, firstOfLine, visibleText } from './analysis';
import { type Box, type LegendEntry, makeAxes, makeLegend, type Tick } from './axes';
import { followDrags, makeOverview } from './overview';
import type { SequencePart } from './part';
import { clampRange, isWhole, type Range, rangeWith, wholeRange, zoomRange } from './range';

const HEIGHT = 250;
/** Narrower than this, in pixels, tokens have no bars of their own. */
const NARROWEST_BAR = 1.8;
const WIDEST_BAR = 14;
/** Pixels of a column of many tokens. */
const COLUMN = 2;
/** From this step on, in pixels, a bar has its own dash for the loss after training; else a mean goes along. */
const STEP_FOR_DASHES = 7;
/** Pixels of a column that this mean is taken over. */
const MEAN_COLUMN = 8;
/** From so many tokens a column on, its mean says something that its peak does not. */
const TOKENS_FOR_MEAN = 2;
/** Pixels between the labels of two lines. */
const LABEL_DISTANCE = 52;

interface Shown {
  readonly analysis: Analysis;
  readonly unit: PanelUnit;
  readonly focus: number | undefined;
  readonly selection: PanelSelection | undefined;
}

/** What is drawn of a stretch of tokens. */
interface Stretch {
  /** One column for each token. */
  readonly isSingle: boolean;
  readonly columns: Columns;
  readonly adapted: Columns | undefined;
}

/** Makes the chart with its overview, its buttons, and the line that says what the pointer is on. */
export function makeLossChart(host: Host): SequencePart {
  let shown: Shown | undefined;
  let range: Range = wholeRange(0);
  let area: ChartArea | undefined;
  let hovered: number | undefined;
  let seen: { uri: string; focus: number | undefined } | undefined;

  const picture = makePicture();
  const readout = makeReadout();
  const chart = makeChart({
    test: 'loss-chart',
    title: strings.lossChart,
    height: HEIGHT,
    draw(next) {
      area = next;
      picture.attach(next.svg);
      draw();
    },
    describe: () =>
      shown
        ? strings.lossChartLabel(
            lineName(shown.analysis.series, range.first),
            lineName(shown.analysis.series, range.end - 1),
            surprisal(shown.analysis.maximum, shown.unit),
          )
        : '',
    columns: () => strings.lossColumns(shown?.unit ?? 'bits', isSingle()),
    rows: () => (shown ? rowsOf(shown, stretchOf(shown.analysis, range, plotWidth())) : []),
  });
  const select = ({ first, end }: Range) => {
    if (shown) {
      host.post({ type: 'select', scoring: shown.analysis.series.scoring, first, end });
    }
  };
  const show = (next: Range) => {
    range = next;
    chart.refresh();
  };
  const overview = makeOverview(show, select);

  const whole = secondary('loss-whole', strings.wholeDocument, () => shown && show(wholeRange(tokens())));
  const zoomIn = secondary('loss-zoom-in', strings.zoomIn, () => zoom(0.5));
  const zoomOut = secondary('loss-zoom-out', strings.zoomOut, () => zoom(2));
  const peak = secondary('loss-peak', strings.goToPeak, () => {
    if (shown) {
      const { nats, scoring } = shown.analysis.series;
      const { peaks } = columnsOf(nats, range.first, range.end, 1);
      host.post({ type: 'reveal', scoring, token: peaks[0] });
    }
  });
  const selectButton = secondary('loss-select', strings.selectInEditor, () => select(range));

  const tokens = () => shown?.analysis.tokens ?? 0;
  const plotWidth = () => (area ? area.width - MARGIN.left - MARGIN.right : 0);
  const isSingle = () => shown !== undefined && isSingleIn(range, plotWidth());

  /** Around the cursor's token where that is in view, else around the middle. */
  function zoom(factor: number): void {
    const focus = shown?.focus;
    const isInView = focus !== undefined && focus >= range.first && focus < range.end;
    const anchor = isInView ? (focus + 0.5 - range.first) / (range.end - range.first) : 0.5;
    show(zoomRange(range, factor, anchor, tokens()));
  }

  function draw(): void {
    if (!shown || !area || tokens() === 0) {
      return;
    }
    const box = picture.update(shown, range, area, hovered);
    overview.update({
      analysis: shown.analysis,
      range,
      focus: shown.focus,
      left: box.left,
      right: box.right,
      width: area.width,
    });
    whole.disabled = isWhole(range, tokens());
    zoomOut.disabled = whole.disabled;
    readout.update(shown, hovered ?? shown.focus, hovered !== undefined);
  }

  const hover = (x: number | undefined) => {
    const next = x === undefined || !shown ? undefined : picture.tokenAt(x, shown, range);
    if (next !== hovered) {
      hovered = next;
      draw();
    }
  };
  chart.svg.classList.add('loss-picture');
  chart.svg.addEventListener('pointermove', (event) => hover(xOf(chart.svg, event)));
  chart.svg.addEventListener('pointerleave', () => hover(undefined));
  chart.svg.addEventListener(
    'wheel',
    (event) => {
      if (event.ctrlKey && shown && area) {
        event.preventDefault();
        const anchor = picture.shareAt(xOf(chart.svg, event));
        show(zoomRange(range, Math.exp(0.0025 * event.deltaY), anchor, tokens()));
      }
    },
    { passive: false },
  );
  followDrags(chart.svg, {
    begin: (_, x) => ({ x, range, marked: undefined as Range | undefined }),
    move(from, x) {
      const [a, b] = [from.x, x].map((at) => from.range.first + picture.shareAt(at) * lengthOf(from.range));
      from.marked = { first: Math.floor(Math.min(a, b)), end: Math.ceil(Math.max(a, b)) };
      picture.mark(from.marked, range);
    },
    end(isShift, from, isClick) {
      picture.mark(undefined, range);
      if (isClick) {
        const token = shown && picture.tokenAt(from.x, shown, range);
        if (shown && token !== undefined) {
          host.post({ type: 'reveal', scoring: shown.analysis.series.scoring, token });
        }
      } else if (from.marked) {
        if (isShift) {
          select(from.marked);
        } else {
          show(clampRange(from.marked, tokens()));
        }
      }
    },
  });

  const element = html(
    'div',
    { class: 'loss-part' },
    chart.element,
    readout.element,
    overview.element,
    html(
      'div',
      {
        class: 'sequence-buttons',
        attributes: { role: 'group', 'aria-label': strings.lossButtons },
      },
      zoomIn,
      zoomOut,
      whole,
      peak,
      selectButton,
    ),
    html('p', { class: 'quiet small', text: strings.lossHelp }),
  );
  return {
    element,
    update(analysis, { unit, focus, selection }) {
      const { uri } = analysis.series.scoring;
      const before = shown?.analysis.tokens ?? 0;
      if (seen?.uri !== uri || isWhole(range, before)) {
        range = wholeRange(analysis.tokens);
      } else if (before !== analysis.tokens) {
        range = clampRange(range, analysis.tokens);
      }
      // The cursor went elsewhere: the window comes along.
      if (focus !== undefined && focus !== seen?.focus && focus < analysis.tokens) {
        range = rangeWith(range, focus, analysis.tokens);
      }
      seen = { uri, focus };
      shown = {
        analysis,
        unit,
        focus: focus !== undefined && focus < analysis.tokens ? focus : undefined,
        selection,
      };
      if (hovered !== undefined && hovered >= analysis.tokens) {
        hovered = undefined;
      }
      chart.refresh();
    },
  };
}

const MARGIN = { left: 30, right: 10, bottom: 34 } as const;

const lengthOf = ({ first, end }: Range) => end - first;
const isSingleIn = (range: Range, width: number) => width / lengthOf(range) >= NARROWEST_BAR;
/** 1-based. */
const lineOf = ({ lines }: PanelSeries, token: number) => (lines[token] ?? 0) + 1;
const lineName = (series: PanelSeries, token: number) => count(lineOf(series, token));

function xOf(element: SVGElement, event: MouseEvent): number {
  return event.clientX - element.getBoundingClientRect().left;
}

function secondary(test: string, label: string, onClick: () => void): HTMLButtonElement {
  const button = textButton({ test, label, onClick });
  button.classList.add('secondary');
  return button;
}

function stretchOf({ series, tokens }: Analysis, { first, end }: Range, width: number): Stretch {
  const isSingle = isSingleIn({ first, end }, width);
  const columns = isSingle ? end - first : Math.min(end - first, Math.max(1, Math.floor(width / COLUMN)));
  const { adapted } = series;
  return {
    isSingle,
    columns: columnsOf(series.nats, first, end, columns),
    adapted: adapted?.length === tokens ? columnsOf(adapted, first, end, columns) : undefined,
  };
}

/** The loss after training in columns that are wide enough for a calm line. */
function meansOf({ series, tokens }: Analysis, { first, end }: Range, width: number): Columns | undefined {
  const count = Math.min(end - first, Math.max(1, Math.floor(width / MEAN_COLUMN)));
  return series.adapted?.length === tokens ? columnsOf(series.adapted, first, end, count) : undefined;
}

/** The marks inside the axes. */
function makePicture() {
  const selection = svg('rect', { class: 'loss-selection' });
  const axesLayer = svg('g');
  const peaks = svg('path', { class: 'loss-peaks' });
  const missing = svg('path', { class: 'loss-missing' });
  const mean = svg('path', { class: 'loss-mean' });
  const adapted = svg('path', { class: 'loss-adapted' });
  const soFar = linked('mean', svg('path', { class: 'loss-so-far' }));
  const cursor = svg('line', { class: 'loss-cursor' });
  const cursorHead = svg('path', { class: 'loss-cursor-head' });
  const pointer = svg('line', { class: 'loss-pointer' });
  const marked = svg('rect', { class: 'loss-marked', attributes: { visibility: 'hidden' } });
  const top = svg('g');
  const ground = svg('rect', { class: 'sequence-ground' });
  const layers = [
    ground,
    axesLayer,
    selection,
    peaks,
    missing,
    mean,
    adapted,
    soFar,
    cursor,
    cursorHead,
    pointer,
    marked,
    top,
  ];
  const axes = makeAxes(axesLayer);
  const legend = makeLegend(top);
  let box: Box = { left: 0, right: 1, top: 0, bottom: 1 };
  let drawn = '';
  let drawnAnalysis: Analysis | undefined;
  let columns: Columns | undefined;

  const shareAt = (x: number) => Math.min(1, Math.max(0, (x - box.left) / (box.right - box.left)));
  const xAt = (token: number, range: Range) =>
    box.left + ((box.right - box.left) * (token - range.first)) / lengthOf(range);

  function drawLosses({ analysis, unit }: Shown, range: Range, { width, height }: ChartArea, key: string) {
    drawn = key;
    drawnAnalysis = analysis;
    const stretch = stretchOf(analysis, range, width - MARGIN.left - MARGIN.right);
    ({ columns } = stretch);
    const hasMean = !stretch.isSingle && lengthOf(range) >= TOKENS_FOR_MEAN * stretch.columns.means.length;
    const legendHeight = legend.update(width, legendOf(analysis, stretch, hasMean));
    box = {
      left: MARGIN.left,
      right: width - MARGIN.right,
      top: legendHeight + 22,
      bottom: height - MARGIN.bottom,
    };
    place(ground, { x: 0, y: 0, width, height });
    const y = scaleLinear([0, Math.max(1, toUnit(analysis.drawnMaximum, unit))], [box.bottom, box.top]);
    const yOf = (nats: number) => y(toUnit(nats, unit));
    axes.update(
      box,
      lineTicks(analysis.series, range, (token) => xAt(token, range), LABEL_DISTANCE),
      y.ticks(5).map((value) => ({ at: y(value), label: String(value) })),
      { x: strings.axisLine, y: strings.axisLoss(unit) },
    );
    const centre = (c: number) =>
      (xAt(stretch.columns.bounds[c], range) + xAt(stretch.columns.bounds[c + 1], range)) / 2;
    const step = (box.right - box.left) / stretch.columns.means.length;
    const barWidth = stretch.isSingle ? Math.min(WIDEST_BAR, step - (step > 4 ? 1 : 0.5)) : 1;
    setAttribute(peaks, 'd', barsPath(stretch.columns.maxima, centre, barWidth, yOf, box.bottom));
    setAttribute(peaks, 'class', stretch.isSingle ? 'loss-bars' : 'loss-peaks');
    setAttribute(missing, 'd', missingPath(stretch.columns.maxima, centre, step, box.bottom));
    setAttribute(mean, 'd', hasMean ? linePath(stretch.columns.means, centre, yOf) : '');
    const hasDashes = stretch.isSingle && step >= STEP_FOR_DASHES;
    const after = hasDashes ? stretch.adapted : meansOf(analysis, range, box.right - box.left);
    setAttribute(
      adapted,
      'd',
      !after || !stretch.adapted
        ? ''
        : hasDashes
          ? dashesPath(after.means, centre, barWidth, yOf)
          : stairsPath(after, (token) => xAt(token, range), yOf),
    );
    const soFarValues = Float64Array.from(
      stretch.columns.means,
      (_, c) => analysis.meanSoFar[stretch.columns.bounds[c + 1] - 1],
    );
    setAttribute(soFar, 'd', linePath(soFarValues, centre, yOf));
  }

  return {
    attach(parent: SVGSVGElement) {
      if (ground.parentNode !== parent) {
        parent.append(...layers);
      }
    },
    shareAt,
    /** The token under the pointer; of a column of many, the most surprising one. */
    tokenAt(x: number, { analysis }: Shown, range: Range): number | undefined {
      if (!columns || analysis !== drawnAnalysis || x < box.left || x > box.right) {
        return undefined;
      }
      const c = Math.min(columns.peaks.length - 1, Math.floor(shareAt(x) * columns.peaks.length));
      return columns.peaks[c] < range.end ? columns.peaks[c] : undefined;
    },
    /** Shows the tokens that a drag has passed over. */
    mark(tokens: Range | undefined, range: Range) {
      setAttribute(marked, 'visibility', tokens ? undefined : 'hidden');
      if (tokens) {
        const from = Math.max(box.left, xAt(tokens.first, range));
        const to = Math.min(box.right, xAt(tokens.end, range));
        place(marked, { x: from, y: box.top, width: Math.max(0, to - from), height: box.bottom - box.top });
      }
    },
    update(shown: Shown, range: Range, area: ChartArea, hovered: number | undefined): Box {
      const key = [shown.unit, range.first, range.end, area.width, area.height].join();
      if (key !== drawn || shown.analysis !== drawnAnalysis) {
        drawLosses(shown, range, area, key);
      }
      const { focus } = shown;
      const isInView = (token: number | undefined): token is number =>
        token !== undefined && token >= range.first && token < range.end;
      const hasCursor = isInView(focus);
      for (const part of [cursor, cursorHead]) {
        setAttribute(part, 'visibility', hasCursor ? undefined : 'hidden');
      }
      if (hasCursor) {
        const x = xAt(focus + 0.5, range);
        place(cursor, { x1: x, x2: x, y1: box.top, y2: box.bottom });
        setAttribute(cursorHead, 'd', `M${pixels(x - 5)} ${pixels(box.top - 7)}h10l-5 8z`);
      }
      setAttribute(pointer, 'visibility', isInView(hovered) ? undefined : 'hidden');
      if (isInView(hovered)) {
        const x = xAt(hovered + 0.5, range);
        place(pointer, { x1: x, x2: x, y1: box.top, y2: box.bottom });
      }
      const first = Math.max(range.first, shown.selection?.first ?? 0);
      const end = Math.min(range.end, shown.selection?.end ?? 0);
      setAttribute(selection, 'visibility', first < end ? undefined : 'hidden');
      if (first < end) {
        place(selection, {
          x: xAt(first, range),
          y: box.top,
          width: Math.max(1, xAt(end, range) - xAt(first, range)),
          height: box.bottom - box.top,
        });
      }
      return box;
    },
  };
}

function legendOf({ scored, tokens }: Analysis, stretch: Stretch, hasMean: boolean): LegendEntry[] {
  return [
    stretch.isSingle
      ? { shape: 'area', mark: 'loss-bars', label: strings.legendToken }
      : { shape: 'area', mark: 'loss-legend-peaks', label: strings.legendPeak },
    ...(hasMean ? [{ shape: 'line', mark: 'loss-mean', label: strings.legendMean } as const] : []),
    { shape: 'line', mark: 'loss-so-far', label: strings.legendSoFar },
    ...(stretch.adapted
      ? [{ shape: 'line', mark: 'loss-adapted', label: strings.legendAdapted } as const]
      : []),
    ...(scored < tokens
      ? [{ shape: 'line', mark: 'loss-missing', label: strings.legendMissing } as const]
      : []),
    { shape: 'point', mark: 'loss-cursor-head', label: strings.legendCursor },
  ];
}

/** The lines' numbers, at round ones where they are far enough apart. */
function lineTicks(
  { lines }: PanelSeries,
  range: Range,
  xOf: (token: number) => number,
  distance: number,
): Tick[] {
  const first = lines[range.first] + 1;
  const last = lines[range.end - 1] + 1;
  const wanted = Math.max(1, Math.floor((xOf(range.end) - xOf(range.first)) / distance));
  const numbers = scaleLinear([first, last], [0, 1]).ticks(wanted).filter(Number.isInteger);
  const ticks: Tick[] = [];
  for (const number of numbers.length > 0 ? numbers : [first]) {
    const token = Math.max(range.first, firstOfLine(lines, number - 1));
    if (token >= range.end) {
      continue;
    }
    const at = xOf(token);
    if (ticks.length === 0 || at - ticks[ticks.length - 1].at >= distance * 0.6) {
      ticks.push({ at, label: count(number) });
    }
  }
  return ticks;
}

function barsPath(
  values: Float64Array,
  centre: (c: number) => number,
  width: number,
  yOf: (nats: number) => number,
  base: number,
): string {
  const pieces: string[] = [];
  for (let c = 0; c < values.length; c++) {
    if (!Number.isNaN(values[c])) {
      // What is nearly nothing is still there.
      const y = Math.min(yOf(values[c]), base - 0.5);
      pieces.push(`M${pixels(centre(c) - width / 2)} ${pixels(base)}V${pixels(y)}h${pixels(width)}V${base}z`);
    }
  }
  return pieces.join('');
}

/** A dash on the base for everything that is not scored. */
function missingPath(
  values: Float64Array,
  centre: (c: number) => number,
  step: number,
  base: number,
): string {
  const pieces: string[] = [];
  for (let c = 0; c < values.length; c++) {
    const isMissing = Number.isNaN(values[c]);
    if (isMissing && (c === 0 || !Number.isNaN(values[c - 1]))) {
      pieces.push(`M${pixels(centre(c) - step / 2)} ${pixels(base - 3)}`);
    }
    if (isMissing && (c === values.length - 1 || !Number.isNaN(values[c + 1]))) {
      pieces.push(`H${pixels(centre(c) + step / 2)}`);
    }
  }
  return pieces.join('');
}

/** A line through the values, interrupted where there is none. */
function linePath(
  values: Float64Array,
  centre: (c: number) => number,
  yOf: (nats: number) => number,
): string {
  const pieces: string[] = [];
  let isDown = false;
  for (let c = 0; c < values.length; c++) {
    if (Number.isNaN(values[c])) {
      isDown = false;
      continue;
    }
    pieces.push(`${isDown ? 'L' : 'M'}${pixels(centre(c))} ${pixels(yOf(values[c]))}`);
    isDown = true;
  }
  return pieces.join('');
}

/** A level for each column, from its first token to its end, interrupted where there is none. */
function stairsPath(
  { means, bounds }: Columns,
  xOf: (token: number) => number,
  yOf: (nats: number) => number,
): string {
  const pieces: string[] = [];
  for (let c = 0; c < means.length; c++) {
    if (!Number.isNaN(means[c])) {
      const isGoingOn = c > 0 && !Number.isNaN(means[c - 1]);
      const y = pixels(yOf(means[c]));
      pieces.push(`${isGoingOn ? 'V' : `M${pixels(xOf(bounds[c]))} `}${y}H${pixels(xOf(bounds[c + 1]))}`);
    }
  }
  return pieces.join('');
}

/** A dash over each bar, at its own height. */
function dashesPath(
  values: Float64Array,
  centre: (c: number) => number,
  width: number,
  yOf: (nats: number) => number,
): string {
  const pieces: string[] = [];
  for (let c = 0; c < values.length; c++) {
    if (!Number.isNaN(values[c])) {
      pieces.push(`M${pixels(centre(c) - width / 2 - 1)} ${pixels(yOf(values[c]))}h${pixels(width + 2)}`);
    }
  }
  return pieces.join('');
}

function rowsOf({ analysis, unit }: Shown, { columns, adapted, isSingle }: Stretch): Cell[][] {
  const { series, meanSoFar } = analysis;
  const amount = (nats: number) => toUnit(nats, unit);
  return Array.from(columns.means, (mean, c) => {
    const first = columns.bounds[c];
    const last = columns.bounds[c + 1] - 1;
    const after = amount(adapted?.means[c] ?? Number.NaN);
    return isSingle
      ? [
          first + 1,
          lineOf(series, first),
          visibleText(series, first),
          amount(mean),
          amount(meanSoFar[first]),
          after,
        ]
      : [
          first + 1,
          last + 1,
          lineOf(series, first),
          lineOf(series, last),
          amount(mean),
          amount(columns.maxima[c]),
          amount(meanSoFar[last]),
          after,
        ];
  });
}

/** One line under the chart: the token under the pointer, else the one under the cursor. */
function makeReadout() {
  const name = html('span', { class: 'quiet' });
  const text = html('code', { class: 'readout-token', test: 'loss-readout-token' });
  const numbers = html('span', { test: 'loss-readout' });
  const element = html('p', { class: 'loss-readout' }, name, ' ', text, ' ', numbers);
  return {
    element,
    update({ analysis, unit }: Shown, token: number | undefined, isPointer: boolean) {
      setAttribute(element, 'class', token === undefined ? 'loss-readout is-empty' : 'loss-readout');
      if (token === undefined) {
        setText(name, strings.readoutNone);
        setText(text, '');
        setText(numbers, '');
        return;
      }
      const { series, meanSoFar } = analysis;
      const nats = series.nats[token];
      const after = series.adapted?.[token];
      setText(name, isPointer ? strings.readoutPointer : strings.readoutCursor);
      setText(text, visibleText(series, token));
      setText(
        numbers,
        strings.readout(
          lineName(series, token),
          Number.isNaN(nats) ? undefined : surprisal(nats, unit),
          Number.isNaN(meanSoFar[token]) ? undefined : surprisal(meanSoFar[token], unit),
          after === undefined || Number.isNaN(after) ? undefined : surprisal(after, unit),
        ),
      );
    },
  };
}
