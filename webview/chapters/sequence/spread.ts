/** How the loss is spread: over the heatmap's bins, over kinds of tokens, over the most surprising ones, over lines. */
import { scaleLinear } from 'd3-scale';
import { HEAT_BINS, HEAT_EDGES_BITS, heatOf } from '../../../src/loss/heat';
import { type GroupTotals, shares } from '../../../src/loss/statistics';
import { TOKEN_KINDS } from '../../../src/loss/tokenKind';
import { NATS_PER_BIT, toUnit } from '../../../src/loss/units';
import type { PanelUnit } from '../../../src/panel/messages';
import { type ChartArea, makeChart } from '../../chart';
import { slider } from '../../controls';
import type { Cell } from '../../csv';
import { html, setAttribute, setProperty, setShown, setText, svg } from '../../dom';
import { count, fixed, surprisal } from '../../format';
import { linked } from '../../link';
import { keep, pixels, place } from '../../svg';
import type { Host } from '../../view';
import { sequenceStrings as strings } from '../sequence.strings';
import { type Analysis, topCurve, topTokens } from './analysis';
import { type Box, makeAxes, makeLegend } from './axes';
import type { SequencePart } from './part';

/** Two digits below a tenth; what is nearly nothing is not written as nothing. */
function percent(share: number): string {
  if (share > 0 && share < 0.0005) {
    return strings.percentBelow(fixed(0.1, 1));
  }
  const value = 100 * share;
  // A slider's 7 % may be 7.000000000000001.
  const isWhole = Math.abs(value - Math.round(value)) < 1e-9;
  return strings.percent(fixed(value, share < 0.0995 && !isWhole ? 1 : 0));
}

interface Shown {
  readonly analysis: Analysis;
  readonly unit: PanelUnit;
  readonly focus: number | undefined;
}

/** A histogram in the heatmap's bins: the part of the tokens in each, beside the part of the loss. */
export function makeHistogram(): SequencePart {
  let shown: Shown | undefined;
  const axesLayer = svg('g');
  const bars = svg('g');
  const top = svg('g');
  const head = svg('path', { class: 'loss-cursor-head' });
  const axes = makeAxes(axesLayer);
  const legend = makeLegend(top);
  const bar = () =>
    svg(
      'g',
      {},
      svg('rect', { class: 'share-tokens' }),
      svg('rect', { class: 'share-loss' }),
      svg('rect', { class: 'histogram-heat' }),
    );
  const binOfFocus = ({ analysis, focus }: Shown): number | undefined => {
    const nats = focus === undefined ? Number.NaN : analysis.series.nats[focus];
    return Number.isFinite(nats) ? heatOf(nats) : undefined;
  };

  function draw({ svg: picture, width, height }: ChartArea): void {
    if (!shown) {
      return;
    }
    if (!axesLayer.parentNode) {
      picture.append(axesLayer, bars, head, top);
    }
    const { analysis, unit } = shown;
    const tokens = shares(analysis.heat.counts);
    const loss = shares(analysis.heat.nats);
    const bin = binOfFocus(shown);
    const legendHeight = legend.update(width, [
      ...SHARE_LEGEND,
      { shape: 'point', mark: 'loss-cursor-head', label: strings.legendCursor },
    ]);
    const box: Box = { left: 38, right: width - 8, top: legendHeight + 18, bottom: height - 40 };
    const y = scaleLinear([0, Math.max(0.1, ...tokens, ...loss)], [box.bottom, box.top]);
    const step = (box.right - box.left) / tokens.length;
    // The edges stand between the bins, below the strip of the heatmap's colours.
    axes.update(
      { ...box, bottom: box.bottom + 8 },
      [0, ...HEAT_EDGES_BITS].map((edge, i) => ({
        at: box.left + i * step,
        label: edgeLabel(edge, unit),
      })),
      y.ticks(4).map((value) => ({ at: y(value), label: percent(value) })),
      { x: strings.axisSurprisal(unit), y: '' },
    );
    keep(bars, tokens.length, bar).forEach((group, i) => {
      const [ofTokens, ofLoss, heat] = group.children;
      const left = box.left + i * step;
      const barWidth = Math.min(28, (step - 8) / 2);
      const middle = left + step / 2;
      placeBar(ofTokens, middle - barWidth - 0.5, barWidth, y(tokens[i]), box.bottom);
      placeBar(ofLoss, middle + 0.5, barWidth, y(loss[i]), box.bottom);
      setAttribute(heat, 'data-bin', String(i));
      place(heat, { x: left + 0.5, y: box.bottom + 1, width: step - 1, height: 6 });
    });
    setAttribute(head, 'visibility', bin === undefined ? 'hidden' : undefined);
    if (bin !== undefined) {
      const highest = Math.min(y(tokens[bin]), y(loss[bin]));
      setAttribute(
        head,
        'd',
        `M${pixels(box.left + (bin + 0.5) * step - 5)} ${pixels(highest - 12)}h10l-5 8z`,
      );
    }
  }

  const chart = makeChart({
    test: 'loss-histogram',
    title: strings.histogram,
    height: 230,
    draw,
    describe: () => (shown ? strings.histogramLabel(...mostLoss(shown.analysis.heat)) : ''),
    columns: () => strings.groupColumns(strings.columnBin, shown?.unit ?? 'bits'),
    rows: () =>
      shown
        ? groupRows(
            shown,
            shown.analysis.heat,
            HEAT_BINS.map(({ label }) => label),
          )
        : [],
  });
  return {
    element: chart.element,
    update(analysis, { unit, focus }) {
      shown = { analysis, unit, focus };
      chart.refresh();
    },
  };
}

const SHARE_LEGEND = [
  { shape: 'area', mark: 'share-tokens', label: strings.legendTokens },
  { shape: 'area', mark: 'share-loss', label: strings.legendLoss },
] as const;

function edgeLabel(bits: number, unit: PanelUnit): string {
  const value = toUnit(bits * NATS_PER_BIT, unit);
  return String(Number(value.toFixed(1)));
}

function placeBar(bar: Element, x: number, width: number, y: number, base: number): void {
  place(bar, { x, y, width, height: Math.max(0, base - y) });
}

/** The number of the group with the most loss, and its shares of tokens and loss, to be read out. */
function mostLoss(totals: GroupTotals): [tokens: string, loss: string, group: number] {
  const loss = shares(totals.nats);
  const group = loss.indexOf(Math.max(...loss));
  return [percent(shares(totals.counts)[group]), percent(loss[group]), group];
}

function groupRows({ unit }: Shown, totals: GroupTotals, names: readonly string[]): Cell[][] {
  const tokens = shares(totals.counts);
  const loss = shares(totals.nats);
  return names.map((name, i) => [
    name,
    totals.counts[i],
    tokens[i],
    toUnit(totals.nats[i], unit),
    loss[i],
    toUnit(totals.nats[i] / totals.counts[i], unit),
  ]);
}

/** Bars by kind of token. */
export function makeKinds(): SequencePart {
  let shown: Shown | undefined;
  const top = svg('g');
  const body = svg('g');
  const base = svg('line', { class: 'axis' });
  const legend = makeLegend(top);
  const makeRow = () =>
    svg(
      'g',
      {},
      svg('text', { class: 'label', attributes: { 'text-anchor': 'end', dy: '0.32em' } }),
      svg('rect', { class: 'share-tokens' }),
      svg('rect', { class: 'share-loss' }),
      svg('text', { class: 'tick', test: 'kind-tokens', attributes: { dy: '0.32em' } }),
      svg('text', { class: 'tick', test: 'kind-loss', attributes: { dy: '0.32em' } }),
    );
  const row = 30;
  const names = TOKEN_KINDS.map((kind) => strings.kinds[kind]);

  function draw({ svg: picture, width, height }: ChartArea): void {
    if (!shown) {
      return;
    }
    if (!top.parentNode) {
      picture.append(body, base, top);
    }
    const tokens = shares(shown.analysis.kinds.counts);
    const loss = shares(shown.analysis.kinds.nats);
    const legendHeight = legend.update(width, SHARE_LEGEND);
    const left = 112;
    const x = scaleLinear([0, Math.max(0.1, ...tokens, ...loss)], [left, width - 50]);
    const from = legendHeight + 8;
    place(base, { x1: left, x2: left, y1: from, y2: Math.min(height, from + row * names.length) });
    keep(body, names.length, makeRow).forEach((group, i) => {
      const [name, ofTokens, ofLoss, tokensText, lossText] = group.children;
      const middle = from + (i + 0.5) * row;
      setText(name, names[i]);
      place(name, { x: left - 8, y: middle });
      place(ofTokens, { x: left, y: middle - 11, width: x(tokens[i]) - left, height: 10 });
      place(ofLoss, { x: left, y: middle + 1, width: x(loss[i]) - left, height: 10 });
      setText(tokensText, percent(tokens[i]));
      place(tokensText, { x: x(tokens[i]) + 6, y: middle - 6 });
      setText(lossText, percent(loss[i]));
      place(lossText, { x: x(loss[i]) + 6, y: middle + 6 });
    });
  }

  const chart = makeChart({
    test: 'loss-kinds',
    title: strings.kindsTitle,
    height: 230,
    draw,
    describe() {
      if (!shown) {
        return '';
      }
      const [tokens, loss, kind] = mostLoss(shown.analysis.kinds);
      return strings.kindsLabel(names[kind], tokens, loss);
    },
    columns: () => strings.groupColumns(strings.columnKind, shown?.unit ?? 'bits'),
    rows: () => (shown ? groupRows(shown, shown.analysis.kinds, names) : []),
  });
  return {
    element: chart.element,
    update(analysis, { unit, focus }) {
      shown = { analysis, unit, focus };
      chart.refresh();
    },
  };
}

/** Points of the curve that are drawn, and rows of its table, but for the first one. */
const CURVE_POINTS = 200;
const CURVE_ROWS = 20;

/** The Lorenz curve from its upper end: x % of the tokens carry y % of the loss. */
export function makeConcentration(): SequencePart {
  let analysis: Analysis | undefined;
  /** Share of the tokens, in percent. */
  let chosen = 20;
  const axesLayer = svg('g');
  const equal = svg('path', { class: 'concentration-equal' });
  const equalText = svg('text', {
    class: 'tick',
    text: strings.equalLoss,
    attributes: { 'text-anchor': 'end' },
  });
  const curve = svg('path', { class: 'concentration-curve' });
  const guide = linked('top-share', svg('path', { class: 'concentration-guide' }));
  const point = linked('top-share', svg('circle', { class: 'concentration-point', attributes: { r: '5' } }));
  const axes = makeAxes(axesLayer);
  let drawn: { analysis: Analysis; width: number } | undefined;

  function draw({ svg: picture, width, height }: ChartArea): void {
    if (!analysis) {
      return;
    }
    if (!axesLayer.parentNode) {
      picture.append(axesLayer, equal, equalText, curve, guide, point);
    }
    const box: Box = { left: 42, right: width - 10, top: 26, bottom: height - 36 };
    const x = scaleLinear([0, 1], [box.left, box.right]);
    const y = scaleLinear([0, 1], [box.bottom, box.top]);
    if (drawn?.analysis !== analysis || drawn.width !== width) {
      drawn = { analysis, width };
      const ticks = [0, 0.25, 0.5, 0.75, 1];
      axes.update(
        box,
        ticks.map((value) => ({ at: x(value), label: percent(value) })),
        ticks.map((value) => ({ at: y(value), label: percent(value) })),
        { x: strings.axisTopTokens, y: strings.axisShareOfLoss },
      );
      setAttribute(equal, 'd', `M${pixels(x(0))} ${pixels(y(0))}L${pixels(x(1))} ${pixels(y(1))}`);
      place(equalText, { x: x(0.97), y: y(0.14) });
      const path = topCurve(analysis, CURVE_POINTS).map(
        ({ ofTokens, ofLoss }, i) => `${i === 0 ? 'M' : 'L'}${pixels(x(ofTokens))} ${pixels(y(ofLoss))}`,
      );
      setAttribute(curve, 'd', path.join(''));
    }
    const { ofTokens, ofLoss } = topTokens(analysis, chosen / 100);
    const [atX, atY] = [x(ofTokens), y(ofLoss)];
    setAttribute(guide, 'd', `M${pixels(atX)} ${pixels(box.bottom)}V${pixels(atY)}H${pixels(box.left)}`);
    place(point, { cx: atX, cy: atY });
  }

  const sentence = linked('top-share', html('p', { class: 'concentration-sentence', test: 'loss-share' }));
  const describe = () => {
    if (!analysis) {
      return '';
    }
    const { tokens, ofTokens, ofLoss } = topTokens(analysis, chosen / 100);
    return strings.share(percent(ofTokens), count(tokens), count(analysis.scored), percent(ofLoss));
  };
  const chart = makeChart({
    test: 'loss-concentration',
    title: strings.concentration,
    height: 230,
    draw,
    describe,
    columns: () => [strings.columnTopTokens, strings.columnTokensShare, strings.columnLossShare],
    rows: () =>
      (analysis ? topCurve(analysis, CURVE_ROWS) : []).map(({ tokens, ofTokens, ofLoss }) => [
        tokens,
        ofTokens,
        ofLoss,
      ]),
  });
  const refresh = () => {
    setText(sentence, describe());
    chart.refresh();
  };
  const control = slider({
    test: 'loss-share-slider',
    label: strings.topTokens,
    min: 1,
    max: 100,
    step: 1,
    format: (value) => percent(value / 100),
    onInput(value) {
      chosen = value;
      refresh();
    },
  });
  control.set(chosen);
  return {
    element: html('div', { class: 'sequence-part' }, chart.element, control.element, sentence),
    update(next) {
      analysis = next;
      refresh();
    },
  };
}

/** The lines that carry most of the loss; a click goes to the most surprising token of one. */
export function makeLines(host: Host): SequencePart {
  const body = html('tbody');
  const note = html('p', { class: 'quiet small', test: 'loss-lines-note' });
  const element = html(
    'div',
    { class: 'sequence-part' },
    html('h3', { class: 'sequence-title', text: strings.linesTitle }),
    html(
      'table',
      { class: 'expensive-lines', test: 'loss-lines' },
      html('caption', { class: 'spoken', text: strings.linesTitle }),
      html(
        'thead',
        {},
        html(
          'tr',
          {},
          html('th', { class: 'number', text: strings.columnLine, attributes: { scope: 'col' } }),
          html('th', { text: strings.columnText, attributes: { scope: 'col' } }),
          html('th', { class: 'number', text: strings.columnLoss, attributes: { scope: 'col' } }),
          html('th', { class: 'number', text: strings.columnShare, attributes: { scope: 'col' } }),
        ),
      ),
      body,
    ),
    note,
  );
  let analysis: Analysis | undefined;
  const makeRow = () => {
    const button = html('button', { class: 'line-button', attributes: { type: 'button' } });
    const made = html(
      'tr',
      { test: 'loss-line' },
      html('th', { class: 'number', attributes: { scope: 'row' } }, button),
      html('td', { class: 'line-text' }, html('code')),
      html('td', { class: 'number' }),
      html('td', { class: 'number line-share' }, html('span')),
    );
    button.addEventListener('click', () => {
      const line = analysis?.lines[[...body.rows].indexOf(made)];
      if (analysis && line) {
        host.post({ type: 'reveal', scoring: analysis.series.scoring, token: line.peak });
      }
    });
    return made;
  };
  return {
    element,
    update(next, { unit }) {
      analysis = next;
      const { lines, total } = next;
      keep(body, lines.length, makeRow).forEach((made, i) => {
        const { line, nats, text } = lines[i];
        const [name, textCell, loss, share] = made.children;
        const button = name.children[0];
        setText(button, count(line + 1));
        setAttribute(button, 'aria-label', strings.goToLine(count(line + 1)));
        setText(textCell.children[0], text);
        setAttribute(textCell, 'title', text);
        setText(loss, surprisal(nats, unit));
        setText(share.children[0], percent(nats / total));
        setProperty(share as HTMLElement, '--share', fixed(nats / lines[0].nats, 4));
      });
      setShown(element, lines.length > 0);
      const together = lines.reduce((sum, { nats }) => sum + nats, 0);
      setText(note, total > 0 ? strings.linesNote(lines.length, percent(together / total)) : '');
    },
  };
}
