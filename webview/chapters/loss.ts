/**
 * The cross-entropy loss of the token: the sum written out, label smoothing, H(p, q) = H(p) + KL(p‖q), surprisal
 * against entropy, and other losses beside it.
 */
import { scaleLinear } from 'd3-scale';
import { type LossName, lossAt, pushAt } from '../../src/loss/lossCurves';
import { toUnit } from '../../src/loss/units';
import { standardised, verdictOf } from '../../src/loss/verdict';
import type { PanelUnit } from '../../src/panel/messages';
import { chapter } from '../chapter';
import { type Chart, type ChartArea, makeChart } from '../chart';
import { slider, textButton } from '../controls';
import { html, setAttribute, setShown, setText, svg } from '../dom';
import { count, fixed, fixedAmount, probability, probabilityNumber, shortAmount, surprisal } from '../format';
import { linked } from '../link';
import {
  aligned,
  apply,
  constant,
  formulaFrame,
  fraction,
  linkedSlot,
  row,
  same,
  slot,
  sub,
  sum,
  sup,
  variable,
  wordSlot,
} from '../math';
import type { MakeView } from '../view';
import { type Smoothing, smooth, type Term, type TokenLoss, tokenLoss } from './crossEntropy';
import './loss.css';
import { keep, pixels, place, placeText } from '../svg';
import { lossStrings as strings } from './loss.strings';

/** What the parts of the chapter show. */
interface Shown {
  readonly loss: TokenLoss;
  readonly smoothing: Smoothing;
  readonly unit: PanelUnit;
}

interface Part {
  readonly element: HTMLElement;
  update(shown: Shown): void;
}

/** Digits after the point in formulas, where the reader computes along. */
const DIGITS = 3;
/** The same where one of the amounts is small. */
const SMALL_DIGITS = 5;
/** Below this an amount is small, in nats. */
const SMALL = 0.1;

const digitsFor = (...nats: readonly number[]) => (Math.min(...nats) < SMALL ? SMALL_DIGITS : DIGITS);
const LOSSES: readonly LossName[] = ['log', 'brier', 'absolute'];

/** Makes the chapter on the cross-entropy loss. */
export const makeLoss: MakeView = (host) => {
  const epsilon = slider({
    test: 'epsilon',
    label: strings.epsilon,
    min: 0,
    max: 1,
    step: 0.01,
    format: (value) => fixed(value, 2),
    onInput: (value) => host.set({ epsilon: value }),
  });
  linked('epsilon', epsilon.element);
  const oneHot = textButton({
    test: 'epsilon-one-hot',
    label: strings.oneHot,
    onClick: () => host.set({ epsilon: 0 }),
  });
  oneHot.classList.add('secondary');
  const temperatureNote = html('p', { class: 'quiet small', test: 'loss-temperature' });
  const waiting = html('p', { class: 'quiet', test: 'loss-waiting', text: strings.waiting });
  const parts: readonly Part[] = [makeCrossEntropy(), makeBars(), makeSurprise(), makeOthers()];
  const live = html('div', { class: 'loss-live' }, ...parts.map((part) => part.element));
  const { element, text } = chapter(
    'loss',
    strings.title,
    html('div', { class: 'controls loss-controls' }, epsilon.element, oneHot, temperatureNote),
    waiting,
    live,
  );
  setText(text, strings.text);
  let hasNumbers = false;
  return {
    element,
    update({ token, unit, settings }) {
      setShown(element, token !== undefined);
      if (!token) {
        return;
      }
      epsilon.set(settings.epsilon);
      oneHot.disabled = settings.epsilon === 0;
      const loss = tokenLoss(token, settings.temperature);
      // Numbers of another token stay until the new ones are here, but dimmed.
      live.classList.toggle('is-late', !loss);
      if (loss) {
        hasNumbers = true;
        const shown = { loss, smoothing: smooth(loss, settings.epsilon), unit };
        for (const part of parts) {
          part.update(shown);
        }
        setText(temperatureNote, strings.atTemperature(fixed(loss.temperature, 2)));
      }
      setShown(temperatureNote, settings.temperature !== 1);
      setShown(live, hasNumbers);
      setShown(waiting, !hasNumbers);
    },
  };
};

const heading = (text: string) => html('h3', { class: 'loss-heading', text });

// ---- The cross-entropy: formula and terms ----

const p = () => linked('p', variable('p'));
const q = () => linked('q', variable('q'));
const crossEntropySymbol = () =>
  linked('cross-entropy', row(variable('H'), '(', variable('p'), ',', variable('q'), ')'));
const targetEntropySymbol = () => linked('target-entropy', row(variable('H'), '(', variable('p'), ')'));
const divergenceSymbol = () =>
  linked('divergence', row(constant('KL'), '(', variable('p'), '‖', variable('q'), ')'));
const entropySymbol = () => linked('entropy', row(variable('H'), '(', variable('q'), ')'));
const logOf = (index: string) => row(apply('log'), sub(q(), variable(index)));

/** What is scrolled sideways where it is too wide, with the keyboard too. */
const scrollable = (label: string) => ({
  class: 'loss-scroll',
  attributes: { tabindex: '0', role: 'group', 'aria-label': label },
});

function makeCrossEntropy(): Part {
  const keeps = slot('loss-keeps');
  const nats = linkedSlot('target-term', 'loss-surprisal');
  const shares = linkedSlot('epsilon', 'loss-shares');
  const mean = linkedSlot('rest', 'loss-mean');
  const total = linkedSlot('cross-entropy', 'loss-h-pq');
  const unitWord = wordSlot();
  const own = linkedSlot('target-entropy', 'loss-h-p');
  const divergence = linkedSlot('divergence', 'loss-kl');
  const epsilon = () => linked('epsilon', variable('ε'));
  const v = () => variable('v');
  const formula = aligned(
    [crossEntropySymbol(), '=', row('−', sum(v()), sub(p(), v()), logOf('v'))],
    [
      same(),
      '=',
      row(
        linked('target-term', row('(', constant('1'), '−', epsilon(), ')', '(', '−', logOf('y'), ')')),
        '+',
        linked(
          'rest',
          row(epsilon(), fraction(constant('1'), variable('V')), sum(v()), '(', '−', logOf('v'), ')'),
        ),
      ),
    ],
    [same(), '=', row(keeps.element, '×', nats.element, '+', shares.element, '×', mean.element)],
    [same(), '=', row(targetEntropySymbol(), '+', divergenceSymbol())],
    [same(), '=', row(own.element, '+', divergence.element)],
    [same(), '=', row(total.element, unitWord.element)],
  );
  const terms = makeTerms();
  const element = html('div', { class: 'loss-pair' }, formulaFrame(strings.formula, formula), terms.element);
  return {
    element,
    update(shown) {
      const { loss, smoothing, unit } = shown;
      const digits = digitsFor(smoothing.crossEntropy);
      const amount = (value: number) => fixedAmount(value, unit, digits);
      keeps.write(fixed(1 - smoothing.epsilon, 2));
      nats.write(amount(loss.encounter.nats));
      shares.write(fixed(smoothing.epsilon, 2));
      mean.write(amount(loss.meanNats));
      own.write(amount(smoothing.targetEntropy));
      divergence.write(amount(smoothing.divergence));
      total.write(amount(smoothing.crossEntropy));
      unitWord.write(unit);
      terms.update(shown);
    },
  };
}

function makeTerms(): Part {
  const column = (link: string, text: string) =>
    linked(link, html('th', { class: 'number', text, attributes: { scope: 'col' } }));
  const body = html('tbody');
  const total = html('td', { class: 'number', test: 'loss-sum-total' });
  const unitHeading = column('term', strings.columnTerm);
  const element = html(
    'div',
    scrollable(strings.sum),
    heading(strings.sum),
    html(
      'table',
      { class: 'loss-terms', test: 'loss-terms' },
      html('caption', { class: 'spoken', text: strings.sum }),
      html(
        'thead',
        {},
        html(
          'tr',
          {},
          html('th', { text: strings.columnToken, attributes: { scope: 'col' } }),
          column('p', strings.columnTarget),
          column('q', strings.columnSurprisal),
          unitHeading,
        ),
      ),
      body,
      html(
        'tfoot',
        {},
        linked(
          'cross-entropy',
          html(
            'tr',
            { class: 'loss-total' },
            html('th', { text: strings.total, attributes: { scope: 'row', colspan: '3' } }),
            total,
          ),
        ),
      ),
    ),
  );
  return {
    element,
    update({ smoothing, unit }) {
      const { terms, crossEntropy } = smoothing;
      const rows = keep(body, terms.length, makeTermRow);
      // The shown terms add up to the shown sum: the rest takes what rounding leaves.
      const digits = digitsFor(crossEntropy);
      const rounded = (nats: number) => Number(toUnit(nats, unit).toFixed(digits));
      const shownTotal = rounded(crossEntropy);
      const named = terms.filter(({ alternative }) => alternative);
      const left = shownTotal - named.reduce((all, term) => all + rounded(term.value), 0);
      terms.forEach((term, i) => {
        const value = term.alternative ? rounded(term.value) : left;
        writeTerm(rows[i], term, i === 0, { unit, digits, value });
      });
      setText(total, `${fixed(shownTotal, digits)}\u00a0${unit}`);
    },
  };
}

function makeTermRow(): HTMLTableRowElement {
  return html(
    'tr',
    {},
    html('th', { class: 'token-cell loss-token', attributes: { scope: 'row' } }),
    html('td', { class: 'number' }),
    html('td', { class: 'number' }),
    html('td', { class: 'number' }),
  );
}

/** @param shown.value the term's part of the sum in the unit, rounded so that the parts add up */
function writeTerm(
  element: HTMLTableRowElement,
  term: Term,
  isTarget: boolean,
  shown: { readonly unit: PanelUnit; readonly digits: number; readonly value: number },
): void {
  const [name, share, nats, product] = element.cells;
  const { alternative } = term;
  linked(isTarget ? 'target-term' : 'rest', element);
  setAttribute(element, 'data-testid', isTarget ? 'term-target' : alternative ? 'term-rival' : 'term-rest');
  element.classList.toggle('target', isTarget);
  name.classList.toggle('token-name', alternative !== undefined);
  const text = alternative ? alternative.visible : strings.others(count(term.tokens));
  setText(name, isTarget ? `${strings.mark} ${text}` : text);
  setAttribute(name, 'title', text);
  setText(share, term.p > 0 ? probabilityNumber(-Math.log(term.p)) : '0');
  const amount = fixedAmount(term.nats, shown.unit, shown.digits);
  setText(nats, alternative ? amount : strings.mean(amount));
  setText(product, fixed(shown.value, shown.digits));
}

// ---- The stacked bars ----

/** A bar that begins where something else ends; nats. */
interface Segment {
  readonly link: string;
  readonly mark: string;
  /** Absent where the row has no other part. */
  readonly name: string | undefined;
  readonly from: number;
  readonly to: number;
}

interface BarRow {
  readonly test: string;
  readonly name: string;
  readonly value: string;
  readonly segments: readonly Segment[];
  /** A line for the spread around the end of the bar. */
  readonly spread?: readonly [from: number, to: number];
}

const ROW = { height: 46, text: 13, bar: 19, thickness: 17 };
const AXIS_HEIGHT = 22;
/** The scale never shrinks below this many nats (4 bits), so that small numbers stay small. */
const SMALLEST_SCALE = 4 * Math.LN2;
/** Room of a character in a segment, in pixels. */
const CHARACTER = 7.2;

function makeBars(): Part {
  const grid = svg('g');
  const ticks = svg('g');
  const bars = svg('g');
  let shown: Shown | undefined;
  let rows: readonly BarRow[] = [];
  const draw = ({ svg: picture, width }: ChartArea) => {
    if (!shown) {
      return;
    }
    const { unit } = shown;
    if (!grid.parentNode) {
      picture.append(grid, ticks, bars);
    }
    const ends = rows.flatMap(({ segments, spread }) => [...segments.map(({ to }) => to), spread?.[1] ?? 0]);
    const most = toUnit(Math.max(SMALLEST_SCALE, ...ends), unit);
    const x = scaleLinear()
      .domain([0, most])
      .range([1, width - 2]);
    const bottom = rows.length * ROW.height;
    const values = x.ticks(width < 500 ? 4 : 8);
    const lines = keep(grid, values.length, () => svg('path', { class: 'loss-grid' }));
    const labels = keep(ticks, values.length, () => svg('text', { class: 'tick' }));
    values.forEach((value, i) => {
      const at = pixels(x(value));
      setAttribute(lines[i], 'd', `M${at} ${ROW.bar}V${bottom}`);
      const isEdge = x(value) > width - 16;
      placeText(
        labels[i],
        String(value),
        x(value),
        bottom + 15,
        i === 0 ? 'start' : isEdge ? 'end' : 'middle',
      );
    });
    const groups = keep(bars, rows.length, makeBarRow);
    rows.forEach((bar, i) => {
      drawBarRow(groups[i], bar, i * ROW.height, width, (nats) => x(toUnit(nats, unit)));
    });
  };
  const chart = makeChart({
    test: 'loss-bars',
    title: strings.bars,
    height: 4 * ROW.height + AXIS_HEIGHT,
    draw,
    describe() {
      if (!shown) {
        return '';
      }
      const { loss, smoothing, unit } = shown;
      const amount = (nats: number) => surprisal(nats, unit);
      return strings.barsLabel(
        amount(smoothing.crossEntropy),
        amount(smoothing.targetEntropy),
        amount(smoothing.divergence),
        amount(loss.encounter.entropy),
        amount(loss.excess),
      );
    },
    columns: () => [
      strings.columnBar,
      strings.columnFrom(shown?.unit ?? 'bits'),
      strings.columnTo(shown?.unit ?? 'bits'),
    ],
    rows: () =>
      rows.flatMap(({ name, segments }) =>
        segments.map((segment) => [
          segment.name === undefined ? name : `${name}: ${segment.name}`,
          toUnit(segment.from, shown?.unit ?? 'bits'),
          toUnit(segment.to, shown?.unit ?? 'bits'),
        ]),
      ),
  });
  return {
    element: chart.element,
    update(next) {
      shown = next;
      rows = barRows(next);
      chart.refresh();
    },
  };
}

function barRows({ loss, smoothing, unit }: Shown): readonly BarRow[] {
  const { nats, entropy } = loss.encounter;
  const { crossEntropy, targetEntropy, divergence } = smoothing;
  const { excess, deviation } = loss;
  const part = (link: string, mark: string, name: string | undefined, from: number, to: number): Segment => ({
    link,
    mark,
    name,
    from,
    to,
  });
  return [
    {
      test: 'bar-one-hot',
      name: strings.rowOneHot,
      value: surprisal(nats, unit),
      segments: [part('target-term', 'mark-target', strings.partSurprisal, 0, nats)],
    },
    {
      test: 'bar-smoothed',
      name: strings.rowSmoothed(fixed(smoothing.epsilon, 2)),
      value: strings.sumOf(
        shortAmount(targetEntropy, unit),
        shortAmount(divergence, unit),
        surprisal(crossEntropy, unit),
      ),
      segments: [
        part('target-entropy', 'mark-rest', strings.partEntropy, 0, targetEntropy),
        part('divergence', 'mark-model', strings.partDivergence, targetEntropy, crossEntropy),
      ],
    },
    {
      test: 'bar-entropy',
      name: strings.rowEntropy,
      value: strings.plusMinus(shortAmount(entropy, unit), surprisal(deviation, unit)),
      segments: [part('entropy', 'mark-entropy', undefined, 0, entropy)],
      spread: [Math.max(0, entropy - deviation), entropy + deviation],
    },
    {
      test: 'bar-excess',
      name: strings.rowExcess,
      value: surprisal(excess, unit),
      segments: [
        excess >= 0
          ? part('excess', 'mark-bad', undefined, entropy, nats)
          : part('excess', 'mark-good', undefined, nats, entropy),
      ],
    },
  ];
}

function makeBarRow(): SVGGElement {
  return svg(
    'g',
    {},
    svg('text', { class: 'label legend-label' }),
    svg('text', { class: 'label legend-label' }),
    svg('g'),
    linked('deviation', svg('path', { class: 'loss-spread' })),
    svg('g'),
  );
}

function drawBarRow(
  group: SVGGElement,
  bar: BarRow,
  top: number,
  width: number,
  x: (nats: number) => number,
): void {
  const [name, value, segments, spread, labels] = group.children;
  placeText(name, bar.name, 0, top + ROW.text, 'start');
  setAttribute(name, 'data-testid', `${bar.test}-name`);
  setAttribute(value, 'data-testid', bar.test);
  placeText(value, bar.value, width - 2, top + ROW.text, 'end');
  const rects = keep(segments, bar.segments.length, () => svg('rect'));
  const texts = keep(labels, bar.segments.length, makeSegmentName);
  bar.segments.forEach((segment, i) => {
    const from = x(segment.from);
    // Something that is not nothing can be seen.
    const length = Math.max(segment.to > segment.from ? 1 : 0, x(segment.to) - from);
    linked(segment.link, rects[i]);
    setAttribute(
      rects[i],
      'class',
      rects[i].classList.contains('is-linked') ? `${segment.mark} is-linked` : segment.mark,
    );
    setAttribute(rects[i], 'x', pixels(from));
    setAttribute(rects[i], 'y', pixels(top + ROW.bar));
    setAttribute(rects[i], 'width', pixels(length));
    setAttribute(rects[i], 'height', pixels(ROW.thickness));
    drawSegmentName(texts[i], segment.name ?? '', from, length, top);
  });
  const middle = pixels(top + ROW.bar + ROW.thickness / 2);
  const [from, to] = bar.spread ?? [0, 0];
  setAttribute(
    spread,
    'd',
    bar.spread
      ? `M${pixels(x(from))} ${middle}H${pixels(x(to))}M${pixels(x(from))} ${pixels(top + ROW.bar + 3)}v${ROW.thickness - 6}M${pixels(x(to))} ${pixels(top + ROW.bar + 3)}v${ROW.thickness - 6}`
      : undefined,
  );
}

/** A name on a ground of its own: on the colour of its bar it could not be read in every theme. */
const makeSegmentName = () =>
  svg(
    'g',
    { class: 'segment-name' },
    svg('rect', { attributes: { rx: '2' } }),
    svg('text', { class: 'segment-label' }),
  );

/** Writes a name in the middle of its bar, or nothing where the bar is too short. */
function drawSegmentName(group: SVGGElement, name: string, from: number, length: number, top: number): void {
  const [ground, text] = group.children;
  const width = name.length * CHARACTER + 8;
  const fits = name !== '' && length > width + 4;
  setAttribute(group, 'visibility', fits ? undefined : 'hidden');
  const middle = from + length / 2;
  place(ground, { x: middle - width / 2, y: top + ROW.bar + 2, width, height: ROW.thickness - 4 });
  placeText(text, name, middle, top + ROW.bar + ROW.thickness - 4.5, 'middle');
}

// ---- Surprisal against entropy ----

function makeSurprise(): Part {
  const verdict = html('p', { class: 'verdict', test: 'verdict' });
  const sentence = html('p', { class: 'prose', test: 'verdict-text' });
  const s = linkedSlot('target-term', 'loss-s');
  const entropy = linkedSlot('entropy', 'loss-h-q');
  const deviation = linkedSlot('deviation', 'loss-sigma');
  const excessAgain = linkedSlot('excess', 'loss-excess-again');
  const unitWord = wordSlot();
  const sigma = () => linked('deviation', variable('σ'));
  const excess = linkedSlot('excess', 'loss-excess');
  const z = slot('loss-z');
  const formula = aligned(
    [
      linked('excess', row(linked('target-term', variable('s')), '−', entropySymbol())),
      '=',
      row(s.element, '−', entropy.element, '=', excess.element, unitWord.element),
    ],
    [
      fraction(linked('excess', row(variable('s'), '−', variable('H'), '(', variable('q'), ')')), sigma()),
      '=',
      row(fraction(excessAgain.element, deviation.element), '=', z.element),
    ],
  );
  const element = html(
    'div',
    { class: 'loss-pair' },
    html('div', {}, verdict, sentence),
    formulaFrame(strings.standardFormula, formula),
  );
  return {
    element,
    update({ loss, unit }) {
      const { encounter } = loss;
      const kind = verdictOf(encounter);
      setText(verdict, strings.verdicts[kind]);
      setText(
        sentence,
        strings.verdictTexts[kind](surprisal(encounter.nats, unit), surprisal(encounter.entropy, unit)),
      );
      const digits = digitsFor(encounter.nats, encounter.entropy);
      const amount = (nats: number) => fixedAmount(nats, unit, digits);
      s.write(amount(encounter.nats));
      entropy.write(amount(encounter.entropy));
      deviation.write(amount(loss.deviation));
      excess.write(amount(loss.excess));
      excessAgain.write(amount(loss.excess));
      unitWord.write(unit);
      const deviations = standardised(encounter);
      z.write(Number.isNaN(deviations) ? '∞' : `${deviations < 0 ? '' : '+'}${fixed(deviations, 2)}`);
    },
  };
}

// ---- Other losses ----

function makeOthers(): Part {
  const curves = makeCurves();
  const pushes = makePushes();
  const table = makeLossTable();
  const element = html(
    'div',
    { class: 'loss-group' },
    heading(strings.losses),
    html('div', { class: 'loss-pair' }, curves.element, pushes.element),
    html('p', { class: 'quiet small', text: strings.exact }),
    table.element,
  );
  return {
    element,
    update(shown) {
      curves.update(shown);
      pushes.update(shown);
      table.update(shown);
    },
  };
}

const symbol = (name: string, index?: string) =>
  index === undefined ? variable(name) : sub(variable(name), variable(index));
const FORMULAS: Readonly<Record<LossName, () => MathMLElement>> = {
  log: () => row('−', apply('log'), symbol('q', 'y')),
  brier: () =>
    row(sum(variable('v')), sup(row('(', symbol('q', 'v'), '−', symbol('p', 'v'), ')'), constant('2'))),
  absolute: () => row(sum(variable('v')), '|', symbol('q', 'v'), '−', symbol('p', 'v'), '|'),
};
/** What a loss comes to as q of the token goes to 0. */
const limitsAt = (concentration: number): Readonly<Record<LossName, string>> => ({
  log: strings.unbounded,
  brier: fixed(1 + concentration, 2),
  absolute: '2',
});

function makeLossTable(): Part {
  const column = (text: string, name = 'number') =>
    html('th', { class: name, text, attributes: { scope: 'col' } });
  const rows = LOSSES.map((name) => {
    const value = html('td', { class: 'number', test: `loss-${name}` });
    const limit = html('td', { class: 'number', test: `limit-${name}` });
    const push = html('td', { class: 'number', test: `push-${name}` });
    const element = linked(
      name,
      html(
        'tr',
        {},
        html(
          'th',
          { attributes: { scope: 'row' } },
          html('span', { class: 'loss-name', text: strings.lossNames[name] }),
          inlineMath(FORMULAS[name]()),
        ),
        value,
        limit,
        push,
      ),
    );
    return { name, element, value, limit, push };
  });
  const element = html(
    'div',
    scrollable(strings.losses),
    html(
      'table',
      { class: 'loss-others', test: 'loss-others' },
      html('caption', { class: 'spoken', text: strings.losses }),
      html(
        'thead',
        {},
        html(
          'tr',
          {},
          column(strings.columnLoss, ''),
          column(strings.columnValue),
          column(strings.columnLimit),
          column(strings.columnPush),
        ),
      ),
      html('tbody', {}, ...rows.map((made) => made.element)),
    ),
  );
  return {
    element,
    update({ loss, unit }) {
      const limits = limitsAt(loss.concentration);
      for (const { name, value, limit, push } of rows) {
        setText(value, valueText(name, loss, unit));
        setText(limit, limits[name]);
        setText(push, pushText(name, loss));
      }
    },
  };
}

function inlineMath(content: MathMLElement): MathMLElement {
  const math = document.createElementNS('http://www.w3.org/1998/Math/MathML', 'math') as MathMLElement;
  math.setAttribute('class', 'formula loss-inline');
  math.append(content);
  return math;
}

function valueText(name: LossName, loss: TokenLoss, unit: PanelUnit): string {
  const value = lossAt(name, loss.encounter.nats, loss.concentration);
  return name === 'log' ? surprisal(value, unit) : smallNumber(value);
}

const pushText = (name: LossName, loss: TokenLoss) =>
  smallNumber(pushAt(name, loss.encounter.nats, loss.concentration));

/** A number that may be very small, as probabilities are written. */
const smallNumber = (value: number) => (value > 0 ? probabilityNumber(-Math.log(value)) : '0');

const PLOT = { left: 34, right: 10, top: 20, bottom: 34, height: 230 };
const POINTS = 120;
/** Nats up to which the curves are drawn (6 bits). */
const MOST_NATS = 6 * Math.LN2;
/** The axis of the pushes shows at least so many powers of ten. */
const FEWEST_DECADES = 4;

/** What the two plots differ in. */
interface Plot {
  readonly test: string;
  readonly title: string;
  /** Share of the plot's width at −log q, and −log q there. */
  position(nats: number, shown: Shown): number;
  natsAt(share: number, shown: Shown): number;
  value(name: LossName, nats: number, shown: Shown): number;
  /** The largest value of the y axis. */
  most(shown: Shown): number;
  xTicks(shown: Shown): readonly { readonly share: number; readonly text: string }[];
  /** Where the legend begins, as a share of the plot's width and height. */
  readonly legend: readonly [x: number, y: number];
  legendText(name: LossName, shown: Shown): string;
  describe(shown: Shown): string;
  axis(unit: PanelUnit): string;
  /** Heading of the values in the table. */
  column(name: LossName, unit: PanelUnit): string;
}

const decadesOf = ({ loss }: Shown) =>
  Math.max(FEWEST_DECADES, Math.ceil(loss.encounter.nats / Math.LN10 + 0.5));

const makeCurves = () =>
  makePlot({
    test: 'loss-curves',
    title: strings.curves,
    position: (nats) => Math.exp(-nats),
    natsAt: (share) => -Math.log(Math.max(share, 1e-9)),
    value: (name, nats, { loss, unit }) => {
      const value = lossAt(name, nats, loss.concentration);
      return name === 'log' ? toUnit(value, unit) : value;
    },
    // The other losses reach 2.
    most: ({ unit }) => Math.max(2.5, toUnit(MOST_NATS, unit)),
    xTicks: () => [0, 0.25, 0.5, 0.75, 1].map((share) => ({ share, text: String(share) })),
    legend: [0.34, 0.08],
    legendText: (name, { loss, unit }) => `${strings.lossNames[name]} ${valueText(name, loss, unit)}`,
    describe: ({ loss, unit }) =>
      strings.curvesLabel(
        probability(loss.encounter.nats),
        valueText('log', loss, unit),
        valueText('brier', loss, unit),
        valueText('absolute', loss, unit),
      ),
    axis: (unit) => strings.axisLoss(unit),
    column: (name, unit) => (name === 'log' ? strings.columnLogLoss(unit) : strings.lossNames[name]),
  });

const makePushes = () =>
  makePlot({
    test: 'loss-pushes',
    title: strings.pushes,
    position: (nats, shown) => 1 - nats / Math.LN10 / decadesOf(shown),
    natsAt: (share, shown) => (1 - share) * decadesOf(shown) * Math.LN10,
    value: (name, nats, { loss }) => pushAt(name, nats, loss.concentration),
    most: () => 1.05,
    xTicks(shown) {
      const decades = decadesOf(shown);
      const step = Math.ceil(decades / 5);
      const ticks = [];
      for (let power = 0; power <= decades; power += step) {
        const nats = power * Math.LN10;
        ticks.push({
          share: 1 - power / decades,
          text:
            power === 0 ? '1' : `10⁻${String(power).replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)])}`,
          nats,
        });
      }
      return ticks;
    },
    legend: [0.06, 0.22],
    legendText: (name, { loss }) => `${strings.lossNames[name]} ${pushText(name, loss)}`,
    describe: ({ loss }) =>
      strings.pushesLabel(
        probability(loss.encounter.nats),
        pushText('log', loss),
        pushText('brier', loss),
        pushText('absolute', loss),
      ),
    axis: () => strings.axisPush,
    column: (name) => strings.lossNames[name],
  });

function makePlot(plot: Plot): { element: HTMLElement; update(shown: Shown): void } {
  const grid = svg('g');
  const ticks = svg('g');
  const axis = svg('path', { class: 'axis' });
  const guide = svg('path', { class: 'loss-guide' });
  const curves = LOSSES.map((name) => linked(name, svg('path', { class: `loss-curve ${name}` })));
  const points = LOSSES.map((name) =>
    linked(name, svg('circle', { class: `loss-point ${name}`, attributes: { r: '5' } })),
  );
  const legend = LOSSES.map((name) => ({
    line: linked(name, svg('path', { class: `loss-curve ${name}` })),
    text: svg('text', { class: 'legend-label', test: `${plot.test}-${name}` }),
  }));
  const xLabel = svg('text', { class: 'axis', text: strings.axisProbability });
  const yLabel = svg('text', { class: 'axis' });
  const arrow = svg('text', { class: 'legend-label', text: strings.above });
  let shown: Shown | undefined;
  const draw = ({ svg: picture, width }: ChartArea) => {
    if (!shown) {
      return;
    }
    if (!grid.parentNode) {
      picture.append(grid, axis, ticks, guide, ...curves, ...points, arrow);
      picture.append(...legend.flatMap(({ line, text }) => [line, text]), xLabel, yLabel);
    }
    const now = shown;
    const right = width - PLOT.right;
    const bottom = PLOT.height - PLOT.bottom;
    const most = plot.most(now);
    const x = (share: number) => PLOT.left + share * (right - PLOT.left);
    const y = scaleLinear().domain([0, most]).range([bottom, PLOT.top]);
    const yValues = y.ticks(5);
    const xValues = plot.xTicks(now);
    const lines = keep(grid, yValues.length, () => svg('path', { class: 'loss-grid' }));
    const labels = keep(ticks, yValues.length + xValues.length, () => svg('text', { class: 'tick' }));
    yValues.forEach((value, i) => {
      setAttribute(lines[i], 'd', `M${PLOT.left} ${pixels(y(value))}H${pixels(right)}`);
      placeText(labels[i], String(value), PLOT.left - 6, y(value) + 4, 'end');
    });
    xValues.forEach(({ share, text }, i) => {
      const anchor = share > 0.97 ? 'end' : 'middle';
      placeText(labels[yValues.length + i], text, x(share) + (anchor === 'end' ? 4 : 0), bottom + 17, anchor);
    });
    setAttribute(axis, 'd', `M${PLOT.left} ${PLOT.top}V${pixels(bottom)}H${pixels(right)}`);
    LOSSES.forEach((name, i) => {
      let path = '';
      for (let k = 0; k <= POINTS; k++) {
        // Closer together where the curves are steep.
        const share = (k / POINTS) ** 2;
        const value = plot.value(name, plot.natsAt(share, now), now);
        if (value <= most) {
          path += `${path === '' ? 'M' : 'L'}${pixels(x(share))} ${pixels(y(value))}`;
        }
      }
      setAttribute(curves[i], 'd', path);
      const { nats } = now.loss.encounter;
      const value = Math.min(most, plot.value(name, nats, now));
      setAttribute(points[i], 'cx', pixels(x(plot.position(nats, now))));
      setAttribute(points[i], 'cy', pixels(y(value)));
      const [legendX, legendY] = plot.legend;
      const top = PLOT.top + legendY * (bottom - PLOT.top) + i * 19;
      setAttribute(legend[i].line, 'd', `M${pixels(x(legendX))} ${pixels(top)}h22`);
      placeText(legend[i].text, plot.legendText(name, now), x(legendX) + 29, top + 4, 'start');
    });
    const at = x(plot.position(now.loss.encounter.nats, now));
    setAttribute(guide, 'd', `M${pixels(at)} ${PLOT.top}V${pixels(bottom)}`);
    const isAbove = plot.value('log', now.loss.encounter.nats, now) > most;
    placeText(arrow, isAbove ? strings.above : '', at + 9, PLOT.top + 5, 'start');
    placeText(xLabel, strings.axisProbability, (PLOT.left + right) / 2, PLOT.height - 4, 'middle');
    placeText(yLabel, plot.axis(now.unit), 0, 9, 'start');
  };
  const chart: Chart = makeChart({
    test: plot.test,
    title: plot.title,
    height: PLOT.height,
    draw,
    describe: () => (shown ? plot.describe(shown) : ''),
    columns: () => [
      strings.columnProbability,
      ...LOSSES.map((name) => plot.column(name, shown?.unit ?? 'bits')),
    ],
    rows() {
      if (!shown) {
        return [];
      }
      const now = shown;
      const rowAt = (nats: number) => [Math.exp(-nats), ...LOSSES.map((name) => plot.value(name, nats, now))];
      const shares = [0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 1];
      const places = [now.loss.encounter.nats, ...shares.map((share) => plot.natsAt(share, now))];
      return places.sort((a, b) => b - a).map(rowAt);
    },
  });
  return {
    element: chart.element,
    update(next) {
      shown = next;
      chart.refresh();
    },
  };
}
