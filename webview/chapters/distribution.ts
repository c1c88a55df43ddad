/**
 * The model's distribution over the next token: bars of the most probable ones, what is left as one bar, cumulative
 * mass over all tokens, softmax step by step, and how a discrete probability differs from a density.
 */
import { scaleBand, scaleLinear, scaleLog } from 'd3-scale';
import { area, curveMonotoneX, line } from 'd3-shape';
import type { PanelToken, PanelUnit } from '../../src/panel/messages';
import { chapter } from '../chapter';
import { type Chart, makeChart } from '../chart';
import { numberField, slider, textButton } from '../controls';
import { html, setAttribute, setProperty, setShown, setText, svg } from '../dom';
import { count, fixed, probability, probabilityNumber, shortAmount } from '../format';
import { linked } from '../link';
import {
  aligned,
  formulaFrame,
  fraction,
  linkedSlot,
  named,
  row,
  same,
  slot,
  sub,
  sum,
  sup,
  variable,
} from '../math';
import type { MakeView } from '../view';
import './distribution.css';
import './sideBySide.css';
import { keep, pixels, shorten } from '../svg';
import { distributionStrings as strings } from './distribution.strings';
import { cumulativeNats, rankOfHalf, type Tempered, temper } from './temperature';

/** What the parts of the chapter show. */
interface Shown {
  readonly token: PanelToken;
  readonly tempered: Tempered;
  /** Bars. */
  readonly top: number;
  readonly unit: PanelUnit;
}

interface Part {
  readonly element: HTMLElement;
  update(shown: Shown): void;
}

const TEMPERATURE = { min: 0.1, max: 5, step: 0.001 };
const MOST_BARS = 50;
/** The thumb's place right beside 1 means 1. */
const BESIDE_ONE = 0.009;

/** Makes the chapter on the distribution. */
export const makeDistribution: MakeView = (host) => {
  const temperature = slider({
    test: 'temperature',
    label: strings.temperature,
    ...TEMPERATURE,
    scale: 'log',
    format: (value) => fixed(value, 2),
    onInput(value) {
      host.set({
        temperature: Math.abs(value - 1) < BESIDE_ONE ? 1 : Math.round(value * 100) / 100,
      });
    },
  });
  linked('temperature', temperature.element);
  const reset = textButton({
    test: 'temperature-reset',
    label: strings.reset,
    onClick: () => host.set({ temperature: 1 }),
  });
  reset.classList.add('secondary');
  const top = numberField({
    test: 'top',
    label: strings.top,
    min: 1,
    max: MOST_BARS,
    step: 1,
    onChange: (value) => host.set({ top: value }),
  });
  const note = html('p', { class: 'quiet small', test: 'distribution-note', text: strings.noLogits });
  const parts: readonly Part[] = [makeBars(), makeCumulative(), makeSoftmax(), makePicture()];
  const { element, text } = chapter(
    'distribution',
    strings.title,
    html('div', { class: 'distribution-controls' }, temperature.element, reset, top.element),
    note,
    ...parts.map((part) => part.element),
  );
  return {
    element,
    update({ token, unit, settings }) {
      setShown(element, token !== undefined);
      if (!token) {
        return;
      }
      const tempered = temper(token, settings.temperature);
      setText(text, strings.text(count(token.vocabularySize)));
      temperature.set(settings.temperature);
      top.set(settings.top);
      reset.disabled = settings.temperature === 1;
      setShown(note, tempered.temperature !== settings.temperature);
      for (const part of parts) {
        part.update({ token, tempered, top: settings.top, unit });
      }
    },
  };
};

// ---- Bars ----

interface Cells {
  readonly rank: string;
  readonly token: string;
  readonly share: number;
  readonly probability: string;
  readonly cumulative: number | undefined;
  readonly surprisal: string;
  readonly target: boolean;
}

interface Row {
  readonly element: HTMLTableRowElement;
  update(cells: Cells): void;
}

/** The smallest remainder of float32 probabilities that is told from nothing. */
const SMALLEST_REST = 1e-4;

function makeBars(): Part {
  const heading = (text: string, name = 'number') =>
    html('th', { class: name, text, attributes: { scope: 'col' } });
  const unitHeading = heading('', 'number optional');
  const body = html('tbody');
  const element = html(
    'table',
    { class: 'distribution', test: 'distribution' },
    html('caption', { class: 'spoken', text: strings.table }),
    html(
      'thead',
      {},
      html(
        'tr',
        {},
        html('th', {
          class: 'number',
          text: '#',
          attributes: { scope: 'col', 'aria-label': strings.columnRank },
        }),
        heading(strings.columnToken, ''),
        html('th', { class: 'bar', attributes: { 'aria-hidden': 'true' } }),
        heading(strings.columnProbability),
        heading(strings.columnCumulative, 'number cumulative-heading'),
        unitHeading,
      ),
    ),
    body,
  );
  const rows: Row[] = [];
  const gapText = html('td', { attributes: { colspan: '5' } });
  const gap = html(
    'tr',
    { class: 'gap quiet', test: 'bar-gap' },
    html('td', { class: 'number', text: '⋮' }),
    gapText,
  );
  const beyond = makeRow('bar-target');
  const rest = makeRow('bar-rest');
  rest.element.classList.add('rest');
  body.append(gap, beyond.element, rest.element);
  return {
    element,
    update({ token, tempered, top, unit }) {
      setText(unitHeading, strings.columnSurprisal(unit));
      const shown = token.top.slice(0, top);
      while (rows.length < shown.length) {
        const made = makeRow('bar');
        rows.push(made);
        gap.before(made.element);
      }
      const cells = (rank: number, entry: { readonly visible: string }, nats: number, target: boolean) => ({
        rank: count(rank),
        token: entry.visible,
        share: Math.exp(-nats),
        probability: probability(nats),
        cumulative: cumulativeNats(tempered, rank),
        surprisal: shortAmount(nats, unit),
        target,
      });
      rows.forEach((made, i) => {
        setShown(made.element, i < shown.length);
        if (i < shown.length) {
          const isTarget = shown[i].id === token.target.id;
          linked(isTarget ? 'target' : `token-${i}`, made.element);
          made.update(cells(i + 1, shown[i], tempered.topNats[i], isTarget));
        }
      });
      const isBeyond = !shown.some(({ id }) => id === token.target.id);
      setShown(beyond.element, isBeyond);
      const skipped = token.rank - shown.length - 1;
      setShown(gap, isBeyond && skipped > 0);
      setText(gapText, strings.skipped(count(skipped)));
      if (isBeyond) {
        linked('target', beyond.element);
        beyond.update(cells(token.rank, token.target, tempered.targetNats, true));
      }
      const others = token.vocabularySize - shown.length - (isBeyond ? 1 : 0);
      setShown(rest.element, others > 0);
      rest.update({
        rank: '',
        token: strings.rest(count(others)),
        ...restOf(token, tempered, shown.length, isBeyond),
        cumulative: 0,
        surprisal: '',
        target: false,
      });
    },
  };
}

/** What the bars leave: so many tokens share so much probability. */
function restOf(
  token: PanelToken,
  { all, topNats, targetNats }: Tempered,
  bars: number,
  isBeyond: boolean,
): { share: number; probability: string } {
  if (all) {
    // Left out between its neighbours, so that a small rest beside a probable token keeps its digits.
    const share = isBeyond
      ? all.left[bars] - all.left[token.rank - 1] + all.left[token.rank]
      : all.left[bars];
    return { share, probability: share > 0 ? probability(-Math.log(Math.min(1, share))) : '0' };
  }
  const nats = [...topNats.slice(0, bars), ...(isBeyond ? [targetNats] : [])];
  const share = Math.max(
    0,
    nats.reduce((left, s) => left - Math.exp(-s), 1),
  );
  return {
    share,
    // Float32 probabilities: what they leave over is not known more finely than this.
    probability:
      share < SMALLEST_REST ? `< ${probability(-Math.log(SMALLEST_REST))}` : probability(-Math.log(share)),
  };
}

function makeRow(test: string): Row {
  const rank = html('td', { class: 'number rank quiet' });
  const name = html('span', { class: 'token-name' });
  const mark = html(
    'span',
    { class: 'mark' },
    html('span', { text: strings.mark, attributes: { 'aria-hidden': 'true' } }),
    html('span', { class: 'spoken', text: strings.inTheText }),
  );
  const fill = html('div', { class: 'bar-fill' });
  const cumulativeMark = html('div', { class: 'bar-cumulative' });
  const share = html('td', { class: 'number probability', test: `${test}-probability` });
  const cumulative = html('td', { class: 'number cumulative quiet', test: `${test}-cumulative` });
  const amount = html('td', { class: 'number optional quiet', test: `${test}-surprisal` });
  const element = html(
    'tr',
    { test },
    rank,
    html('th', { class: 'token-cell', attributes: { scope: 'row' } }, mark, name),
    html(
      'td',
      { class: 'bar', attributes: { 'aria-hidden': 'true' } },
      html('div', { class: 'bar-track' }, fill, cumulativeMark),
    ),
    share,
    cumulative,
    amount,
  );
  return {
    element,
    update(cells) {
      setText(rank, cells.rank);
      setText(name, cells.token);
      name.title = cells.token;
      setProperty(fill, '--share', cells.share);
      setText(share, cells.probability);
      setShown(cumulativeMark, cells.cumulative !== undefined);
      setProperty(cumulativeMark, '--cumulative', Math.exp(-(cells.cumulative ?? 0)));
      setText(cumulative, cells.cumulative === undefined ? '' : probability(cells.cumulative));
      setText(amount, cells.surprisal);
      setShown(mark, cells.target);
      element.classList.toggle('target', cells.target);
    },
  };
}

// ---- Cumulative mass ----

const CUMULATIVE_HEIGHT = 190;
const MARGIN = { left: 44, right: 14, top: 12, bottom: 36 };
/** Pixels that the label of a rank needs. */
const LABEL_ROOM = 130;
/** Ranks of the curve: each up to here, then this factor on. */
const DENSE_RANKS = 64;
const RANK_FACTOR = 1.06;

function makeCumulative(): Part {
  let shown: Shown | undefined;
  const grid = svg('g', { class: 'chart-grid' });
  const ticks = svg('g');
  const bars = svg('path', { class: 'cumulative-bars' });
  const curve = linked('sum', svg('path', { class: 'mark-line' }));
  const guide = linked('target', svg('path', { class: 'cumulative-guide' }));
  const point = linked('target', svg('circle', { class: 'mark-target', attributes: { r: '4.5' } }));
  const label = linked('target', svg('text', { class: 'label outlined', test: 'cumulative-rank' }));
  const axisX = svg('text', { class: 'tick', text: strings.axisRank, attributes: { 'text-anchor': 'end' } });
  const chart = makeChart({
    test: 'cumulative',
    title: strings.cumulative,
    height: CUMULATIVE_HEIGHT,
    draw({ svg: picture, width, height }) {
      if (!shown) {
        return;
      }
      if (!grid.parentNode) {
        picture.append(grid, bars, ticks, guide, curve, point, label, axisX);
      }
      const { token, tempered, top } = shown;
      const floor = height - MARGIN.bottom;
      const x = scaleLog([1, token.vocabularySize], [MARGIN.left, width - MARGIN.right]);
      const y = scaleLinear([0, 1], [floor, MARGIN.top]);
      const ranks = ranksOf(shown);
      const mass = (rank: number) => Math.exp(-(cumulativeNats(tempered, rank) ?? 0));
      drawGrid(grid, ticks, x, y, token.vocabularySize);
      setAttribute(curve, 'd', line<number>(x, (rank) => y(mass(rank)))(ranks) ?? '');
      const inBars = ranks.filter((rank) => rank <= top);
      setAttribute(bars, 'd', area<number>(x, floor, (rank) => y(mass(rank)))(inBars) ?? '');
      const isKnown = cumulativeNats(tempered, token.rank) !== undefined;
      const left = x(token.rank);
      const up = y(isKnown ? mass(token.rank) : 0);
      setAttribute(guide, 'd', `M${pixels(left)} ${floor}V${pixels(up)}`);
      setAttribute(point, 'cx', pixels(left));
      setAttribute(point, 'cy', pixels(up));
      setText(label, strings.targetRank(count(token.rank)));
      // Where the curve is not: above it to the left; under it where it is high or has nothing to its left.
      const isRight = left > LABEL_ROOM;
      const isAbove = isRight ? up > height * 0.35 : up > floor - 24;
      setAttribute(label, 'text-anchor', isRight ? 'end' : 'start');
      setAttribute(label, 'x', pixels(left + (isRight ? -9 : 9)));
      setAttribute(label, 'y', pixels(up + (isAbove ? -10 : 18)));
      setAttribute(axisX, 'x', pixels(width - MARGIN.right));
      setAttribute(axisX, 'y', pixels(height - 3));
    },
    describe() {
      if (!shown) {
        return '';
      }
      const { token, tempered } = shown;
      const half = rankOfHalf(tempered);
      const mass = cumulativeNats(tempered, token.rank);
      return strings.cumulativeLabel(
        half === undefined ? strings.unknown : count(half),
        count(token.rank),
        mass === undefined ? strings.unknown : probability(mass),
      );
    },
    columns: () => [strings.columnRank, strings.columnProbability, strings.columnCumulative],
    rows() {
      if (!shown) {
        return [];
      }
      const { tempered } = shown;
      return ranksOf(shown).map((rank) => {
        const nats = tempered.all ? 0 - tempered.all.logQ[rank - 1] : tempered.topNats[rank - 1];
        return [rank, Math.exp(-nats), Math.exp(-(cumulativeNats(tempered, rank) ?? 0))];
      });
    },
  });
  return asPart(chart, (latest) => {
    shown = latest;
  });
}

/** The ranks at which the curve is drawn, the token's own among them; those that are known. */
function ranksOf({ token, tempered }: Shown): readonly number[] {
  const known = tempered.all ? token.vocabularySize : tempered.topNats.length;
  const ranks = new Set<number>([token.rank, known]);
  for (let rank = 1; rank <= Math.min(DENSE_RANKS, known); rank++) {
    ranks.add(rank);
  }
  for (let rank = DENSE_RANKS; rank < known; rank *= RANK_FACTOR) {
    ranks.add(Math.round(rank));
  }
  return [...ranks].filter((rank) => rank <= known).sort((a, b) => a - b);
}

function drawGrid(
  grid: SVGElement,
  ticks: SVGElement,
  x: (rank: number) => number,
  y: (share: number) => number,
  vocabularySize: number,
): void {
  const shares = [0, 0.25, 0.5, 0.75, 1];
  const powers = Array.from({ length: Math.floor(Math.log10(vocabularySize)) + 1 }, (_, k) => 10 ** k);
  const lines = keep(grid, shares.length, () => svg('path'));
  shares.forEach((share, i) => {
    setAttribute(lines[i], 'd', `M${x(1)} ${pixels(y(share))}H${pixels(x(vocabularySize))}`);
    lines[i].classList.toggle('axis', share === 0);
  });
  const texts = keep(ticks, shares.length + powers.length, () => svg('text', { class: 'tick' }));
  const write = (text: SVGElement, words: string, left: number, up: number, anchor: string) => {
    setText(text, words);
    setAttribute(text, 'x', pixels(left));
    setAttribute(text, 'y', pixels(up));
    setAttribute(text, 'text-anchor', anchor);
  };
  shares.forEach((share, i) => {
    write(texts[i], `${100 * share} %`, MARGIN.left - 6, y(share) + 4, 'end');
  });
  powers.forEach((power, i) => {
    write(texts[shares.length + i], count(power), x(power), y(0) + 15, i === 0 ? 'start' : 'middle');
  });
}

// ---- Softmax ----

function makeSoftmax(): Part {
  const t = () => linked('temperature', variable('T'));
  const m = () => linked('largest', variable('m'));
  const scaled = (index: string) => row(sub(linked('logit', variable('z')), variable(index)), '/', t());
  const numbers = {
    logit: slot('softmax-logit'),
    temperature: slot('softmax-temperature'),
    largest: slot('softmax-largest'),
    power: slot('softmax-power'),
    sum: slot('softmax-sum'),
    q: slot('softmax-q'),
  };
  linked('logit', numbers.logit.element);
  linked('temperature', numbers.temperature.element);
  linked('largest', numbers.largest.element);
  linked('exponential', numbers.power.element);
  linked('sum', numbers.sum.element);
  linked('target', numbers.q.element);
  const sumAgain = linkedSlot('sum', 'softmax-sum-again');
  const formula = aligned(
    [
      sub(linked('target', variable('q')), variable('y')),
      '=',
      fraction(
        linked('exponential', sup(variable('e'), row(scaled('y'), '−', m()))),
        row(linked('sum', sum(variable('v'))), sup(variable('e'), row(scaled('v'), '−', m()))),
      ),
    ],
    [m(), '=', row(sub(named('max'), variable('v')), scaled('v'))],
    [
      sub(linked('target', variable('q')), variable('y')),
      '=',
      fraction(
        sup(
          variable('e'),
          row(numbers.logit.element, '/', numbers.temperature.element, '−', numbers.largest.element),
        ),
        numbers.sum.element,
      ),
    ],
    [same(), '=', row(fraction(numbers.power.element, sumAgain.element), '=', numbers.q.element)],
  );
  const steps = makeSteps();
  const element = html(
    'div',
    { class: 'softmax' },
    html('h3', { text: strings.softmax }),
    html('div', { class: 'side-by-side' }, formulaFrame(strings.softmax, formula), steps.element),
  );
  return {
    element,
    update(shown) {
      const { token, tempered } = shown;
      const { temperature } = tempered;
      const largest = token.top[0].logit / temperature;
      const target = rankedLogit(shown);
      const shifted = target / temperature - largest;
      const total = Math.exp(tempered.logSumExp - largest);
      numbers.logit.write(bracketed(target));
      numbers.temperature.write(fixed(temperature, 2));
      numbers.largest.write(bracketed(largest));
      numbers.power.write(probabilityNumber(-shifted));
      numbers.sum.write(fixed(total, 4));
      sumAgain.write(fixed(total, 4));
      numbers.q.write(probabilityNumber(tempered.targetNats));
      steps.update(shown);
    },
  };
}

/** The token's logit out of the same run as those of its rivals, so that the largest minus itself is 0. */
function rankedLogit({ token, tempered }: Shown): number {
  return token.top.find(({ id }) => id === token.target.id)?.logit ?? tempered.targetLogit;
}

const bracketed = (value: number) => (value < 0 ? `(${fixed(value, 4)})` : fixed(value, 4));

/** The same numbers side by side: the token in the text, and the strongest other one. */
function makeSteps(): Part {
  const targetName = html('span', { class: 'token-name' });
  const rivalName = html('span', { class: 'token-name' });
  const column = (...children: readonly Node[]) =>
    html('th', { class: 'number', attributes: { scope: 'col' } }, ...children);
  const body = html('tbody');
  const element = html(
    'table',
    { class: 'steps', test: 'softmax-steps' },
    html('caption', { class: 'spoken', text: strings.steps }),
    html(
      'thead',
      {},
      html(
        'tr',
        {},
        html('th', { text: strings.step, attributes: { scope: 'col' } }),
        linked(
          'target',
          column(
            html('span', { class: 'mark', text: strings.mark, attributes: { 'aria-hidden': 'true' } }),
            targetName,
          ),
        ),
        column(rivalName),
      ),
    ),
    body,
  );
  const z = () => variable('z');
  const t = () => variable('T');
  const step = (name: string, words: string, symbol: Node, isCommon = false) => {
    const text = html('span', { class: 'quiet', text: words });
    const cells = Array.from({ length: isCommon ? 1 : 2 }, (_, i) =>
      html('td', {
        class: 'number',
        test: `softmax-step-${name}${i === 0 ? '' : '-rival'}`,
        attributes: isCommon ? { colspan: '2' } : {},
      }),
    );
    const math = document.createElementNS('http://www.w3.org/1998/Math/MathML', 'math');
    math.append(symbol);
    math.setAttribute('class', 'formula');
    body.append(
      linked(
        name,
        html(
          'tr',
          {},
          html(
            'th',
            { attributes: { scope: 'row' } },
            html('div', { class: 'step-name' }, html('span', { class: 'step-symbol' }, math), text),
          ),
          ...cells,
        ),
      ),
    );
    return {
      words: text,
      write: (...texts: readonly string[]) => {
        cells.forEach((cell, i) => {
          setText(cell, texts[i]);
        });
      },
    };
  };
  const logit = step('logit', strings.stepLogit, z());
  const scaled = step('temperature', strings.stepScaled, row(z(), '/', t()));
  const shifted = step('largest', strings.stepShifted, row(z(), '/', t(), '−', variable('m')));
  const power = step(
    'exponential',
    strings.stepExponential,
    sup(variable('e'), row(z(), '/', t(), '−', variable('m'))),
  );
  const total = step('sum', strings.stepSum(''), row('∑'), true);
  const q = step('probability', strings.stepProbability, variable('q'));
  return {
    element,
    update(shown) {
      const { token, tempered } = shown;
      const { temperature, logSumExp, topNats, targetNats } = tempered;
      const rivalAt = token.top.findIndex(({ id }) => id !== token.target.id);
      const rival = token.top[rivalAt] ?? token.target;
      const both = [rankedLogit(shown), rival.logit];
      const largest = token.top[0].logit / temperature;
      const shifts = both.map((value) => value / temperature - largest);
      setText(targetName, shorten(token.target.visible, NAME_ROOM));
      setText(rivalName, shorten(rival.visible, NAME_ROOM));
      logit.write(...both.map((value) => fixed(value, 4)));
      scaled.write(...both.map((value) => fixed(value / temperature, 4)));
      shifted.write(...shifts.map((value) => fixed(value, 4)));
      power.write(...shifts.map((value) => probabilityNumber(-value)));
      setText(total.words, strings.stepSum(count(token.vocabularySize)));
      total.write(fixed(Math.exp(logSumExp - largest), 4));
      q.write(probabilityNumber(targetNats), probabilityNumber(topNats[rivalAt] ?? targetNats));
    },
  };
}

const NAME_ROOM = 14;

// ---- Discrete and continuous ----

const PICTURE_HEIGHT = 190;
const PICTURE_MARGIN = { left: 26, right: 8, top: 20, bottom: 36 };
const PICTURE_BARS = 5;
/** A logistic density: a bell whose areas have a closed form. As narrow as this it is higher than 1. */
const LOGISTIC_SCALE = 0.15;
const DENSITY_REACH = 1;
const DENSITY_TOP = 1.85;
/** Beside the bell, and above the line at 1, where the bell is narrow. */
const AREA_LABEL = 1.3;
/** Pixels for a bar with its number. */
const BAR_ROOM = 40;

const density = (x: number) => {
  const power = Math.exp(-Math.abs(x) / LOGISTIC_SCALE);
  return power / (LOGISTIC_SCALE * (1 + power) ** 2);
};
/** The x below which there is an area of u. */
const quantile = (u: number) => LOGISTIC_SCALE * Math.log(u / (1 - u));

interface PictureBar {
  readonly visible: string;
  readonly nats: number;
  readonly link: string;
}

function barsOf({ token, tempered }: Shown, room = PICTURE_BARS): readonly PictureBar[] {
  const number = Math.min(room, PICTURE_BARS);
  const bars = token.top.slice(0, number).map(({ id, visible }, i) => ({
    visible,
    nats: tempered.topNats[i],
    link: id === token.target.id ? 'target' : `token-${i}`,
  }));
  return bars.some(({ link }) => link === 'target')
    ? bars
    : [
        ...bars.slice(0, number - 1),
        { visible: token.target.visible, nats: tempered.targetNats, link: 'target' },
      ];
}

function makePicture(): Part {
  let shown: Shown | undefined;
  const lines = svg('g', { class: 'chart-grid' });
  const ticks = svg('g');
  const bars = svg('g');
  const names = svg('g');
  const values = svg('g');
  const shade = linked('token-0', svg('path', { class: 'mark-model density-area' }));
  const bell = svg('path', { class: 'mark-line' });
  const areaLabel = svg('text', {
    class: 'label outlined',
    test: 'discrete-area',
    attributes: { 'text-anchor': 'end' },
  });
  const captions = [strings.heights, strings.density].map((words) =>
    svg('text', { class: 'tick', text: words, attributes: { 'text-anchor': 'middle' } }),
  );
  const chart = makeChart({
    test: 'discrete',
    title: strings.picture,
    height: PICTURE_HEIGHT,
    draw({ svg: picture, width, height }) {
      if (!shown) {
        return;
      }
      if (!lines.parentNode) {
        picture.append(lines, ticks, shade, bell, bars, values, names, areaLabel, ...captions);
      }
      const all = barsOf(shown, Math.floor((width / 2 - PICTURE_MARGIN.left) / BAR_ROOM));
      const floor = height - PICTURE_MARGIN.bottom;
      const middle = width / 2;
      const left = scaleBand(
        all.map((_, i) => String(i)),
        [PICTURE_MARGIN.left, middle - 10],
      ).padding(0.35);
      const right = scaleLinear([-DENSITY_REACH, DENSITY_REACH], [middle + 14, width - PICTURE_MARGIN.right]);
      const y = scaleLinear([0, DENSITY_TOP], [floor, PICTURE_MARGIN.top]);

      const levels = keep(lines, 2, () => svg('path'));
      levels.forEach((path, i) => {
        setAttribute(path, 'd', `M${PICTURE_MARGIN.left} ${pixels(y(i))}H${width - PICTURE_MARGIN.right}`);
        path.setAttribute('class', i === 0 ? 'axis' : 'at-one');
      });
      keep(ticks, 2, () => svg('text', { class: 'tick', attributes: { 'text-anchor': 'end' } })).forEach(
        (text, i) => {
          setText(text, String(i));
          setAttribute(text, 'x', pixels(PICTURE_MARGIN.left - 7));
          setAttribute(text, 'y', pixels(y(i) + 4));
        },
      );

      const rectangles = keep(bars, all.length, () => svg('rect'));
      const amounts = keep(values, all.length, () =>
        svg('text', { test: 'discrete-value', attributes: { 'text-anchor': 'middle' } }),
      );
      const words = keep(names, all.length, () => svg('text', { attributes: { 'text-anchor': 'middle' } }));
      const room = Math.max(2, Math.floor(left.step() / 7));
      all.forEach(({ visible, nats, link }, i) => {
        const q = Math.exp(-nats);
        const center = (left(String(i)) ?? 0) + left.bandwidth() / 2;
        const name = link === 'target' ? 'mark-target' : 'mark-model';
        setAttribute(linked(link, rectangles[i]), 'class', name);
        setAttribute(rectangles[i], 'x', pixels(left(String(i)) ?? 0));
        setAttribute(rectangles[i], 'width', pixels(left.bandwidth()));
        setAttribute(rectangles[i], 'y', pixels(y(q)));
        setAttribute(rectangles[i], 'height', pixels(Math.max(1, floor - y(q))));
        setText(amounts[i], q < 0.005 ? '≈ 0' : fixed(q, 2));
        setAttribute(amounts[i], 'class', 'label outlined');
        setAttribute(amounts[i], 'x', pixels(center));
        setAttribute(amounts[i], 'y', pixels(y(q) - 5));
        setText(words[i], `${link === 'target' ? strings.mark : ''}${shorten(visible, room)}`);
        setAttribute(words[i], 'class', 'tick picture-token');
        setAttribute(words[i], 'x', pixels(center));
        setAttribute(words[i], 'y', pixels(floor + 14));
      });

      const steps = 96;
      const between = (from: number, to: number) =>
        Array.from({ length: steps + 1 }, (_, i) => from + ((to - from) * i) / steps);
      const bellLine = line<number>(right, (value) => y(density(value))).curve(curveMonotoneX);
      setAttribute(bell, 'd', bellLine(between(-DENSITY_REACH, DENSITY_REACH)) ?? '');
      // Around the middle, as much area as the first bar has height.
      const half = Math.min(DENSITY_REACH, quantile(Math.min(1 - 1e-9, (1 + Math.exp(-all[0].nats)) / 2)));
      setAttribute(
        shade,
        'd',
        area<number>(right, floor, (value) => y(density(value)))(between(-half, half)) ?? '',
      );
      linked(all[0].link, shade);
      setAttribute(shade, 'class', `density-area ${all[0].link === 'target' ? 'mark-target' : 'mark-model'}`);
      setText(areaLabel, strings.area(fixed(Math.exp(-all[0].nats), 2)));
      setAttribute(areaLabel, 'x', pixels(width - PICTURE_MARGIN.right));
      setAttribute(areaLabel, 'y', pixels(y(AREA_LABEL)));
      setAttribute(captions[0], 'x', pixels((PICTURE_MARGIN.left + middle - 10) / 2));
      setAttribute(captions[1], 'x', pixels(right(0)));
      for (const caption of captions) {
        setAttribute(caption, 'y', pixels(height - 4));
      }
    },
    describe() {
      const [first] = shown ? barsOf(shown) : [];
      return first ? strings.pictureLabel(first.visible, probability(first.nats)) : '';
    },
    columns: () => [strings.columnToken, strings.pictureHeight],
    rows: () => (shown ? barsOf(shown).map(({ visible, nats }) => [visible, Math.exp(-nats)]) : []),
  });
  const part = asPart(chart, (latest) => {
    shown = latest;
  });
  const element = html(
    'div',
    { class: 'discrete' },
    part.element,
    html('p', { class: 'prose', text: strings.discrete }),
  );
  return { element, update: part.update };
}

function asPart(chart: Chart, take: (shown: Shown) => void): Part {
  return {
    element: chart.element,
    update(shown) {
      take(shown);
      chart.refresh();
    },
  };
}
