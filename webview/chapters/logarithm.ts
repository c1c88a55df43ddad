/**
 * −log q worked out: the formula and the same with this token's numbers, its point on the curve, and how the
 * logarithm makes a sum of the product of a line's probabilities.
 */
import { scaleBand, scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { jointLogProbability, meanLoss } from '../../src/loss/formulas';
import { NATS_PER_BIT, toUnit } from '../../src/loss/units';
import type { PanelUnit } from '../../src/panel/messages';
import { chapter } from '../chapter';
import { makeChart } from '../chart';
import { slider } from '../controls';
import { html, mathml, setAttribute, setShown, setText, svg } from '../dom';
import {
  count,
  fixed,
  fixedAmount,
  probability,
  probabilityNumber,
  SMALLEST_DECIMAL,
  scientific,
  surprisal,
} from '../format';
import { linked } from '../link';
import {
  aligned,
  apply,
  constant,
  formulaFrame,
  fraction,
  linkedSlot,
  named,
  operator,
  row,
  type Slot,
  same,
  slot,
  sub,
  sum,
  sup,
  variable,
  wordSlot,
  words,
} from '../math';
import { choice } from '../toolkit';
import type { MakeView, PageState } from '../view';
import './logarithm.css';
import './sideBySide.css';
import { keep, pixels, shorten } from '../svg';
import { logarithmStrings as strings } from './logarithm.strings';
import { type Tempered, temper } from './temperature';

/** A token whose surprisal is known, at T = 1. */
interface Known {
  readonly index: number;
  readonly visible: string;
  readonly nats: number;
}

/** What the parts of the chapter show. */
interface Shown {
  readonly unit: PanelUnit;
  readonly tempered: Tempered;
  /** Logit of the token over the temperature. */
  readonly logit: number;
  /** −log q of the token at the reader's temperature. */
  readonly nats: number;
  readonly index: number;
  readonly visible: string;
  /** The scored tokens of the selection, or else of the line. */
  readonly tokens: readonly Known[];
  readonly heading: string;
}

interface Part {
  readonly element: Element;
  update(shown: Shown): void;
}

const UNITS: readonly PanelUnit[] = ['bits', 'nats', 'hartleys'];

/** Makes the chapter on the loss of one token. */
export const makeLogarithm: MakeView = (host) => {
  const unitChoice = choice(
    strings.unit,
    UNITS.map((value) => ({ value, label: strings.bases[value] })),
    (unit) => host.post({ type: 'unit', unit }),
  );
  unitChoice.element.setAttribute('data-testid', 'logarithm-unit');
  const note = html('p', { class: 'quiet small', test: 'logarithm-note' });
  const formula = makeFormula();
  const curve = makeCurve();
  const joint = makeJoint();
  const parts: readonly Part[] = [formula, curve, joint];
  const { element, text } = chapter(
    'logarithm',
    strings.title,
    unitChoice.element,
    note,
    html('div', { class: 'side-by-side' }, formula.element, curve.element),
    joint.element,
  );
  setText(text, strings.text);
  return {
    element,
    update(state) {
      const { token, unit, settings } = state;
      setShown(element, token !== undefined);
      if (!token) {
        return;
      }
      unitChoice.select(unit);
      const tempered = temper(token, settings.temperature);
      setShown(note, tempered.temperature !== 1);
      setText(note, strings.atTemperature(fixed(tempered.temperature, 2)));
      const shown: Shown = {
        unit,
        tempered,
        logit: tempered.targetLogit / tempered.temperature,
        nats: tempered.targetNats,
        index: token.index,
        visible: token.target.visible,
        ...sequenceOf(state),
      };
      for (const part of parts) {
        part.update(shown);
      }
    },
  };
};

/** The tokens that are multiplied: the selected ones, or else those of the line. */
function sequenceOf({ selection, line: ofLine, token }: PageState): Pick<Shown, 'tokens' | 'heading'> {
  const given = selection?.tokens ?? ofLine?.tokens ?? [];
  const tokens = given.flatMap(({ index, visible, nats }) =>
    nats === undefined ? [] : [{ index, visible, nats }],
  );
  const number = count(tokens.length);
  if (selection) {
    const isCut = selection.tokens.length < selection.end - selection.first;
    const heading = isCut ? strings.joint.selectionCut(number) : strings.joint.selection(number);
    return { tokens, heading };
  }
  const isCut = ofLine?.cutBefore || ofLine?.cutAfter;
  const heading = isCut
    ? strings.joint.cut(number)
    : strings.joint.line(count(ofLine?.number ?? token?.line ?? 1), number);
  return { tokens, heading };
}

// ---- The formula ----

/** Base of the logarithm that counts in the unit. */
const BASES: Readonly<Record<PanelUnit, string>> = { bits: '2', nats: 'e', hartleys: '10' };

const space = () => mathml('mspace', { attributes: { width: '0.17em' } });

function showMath(element: Element, shown: boolean): void {
  setAttribute(element, 'hidden', shown ? undefined : '');
}

function makeFormula(): Part {
  const q = () => sub(linked('q', variable('q')), variable('y'));
  const s = () => linked('s', variable('s'));
  const z = (index: string) => sub(variable('z'), variable(index));
  // At another temperature than 1 every logit is divided by it first.
  const overT = () => [operator('/'), variable('T')];
  const divisions = [overT(), overT()];
  const logSum = slot('log-sum-exp');
  const logit = slot('logit');
  const nats = slot('surprisal-nats');
  const natsAgain = slot('surprisal-nats-again');
  const amount = slot();
  const unitName = wordSlot('surprisal-unit-name');
  const baseOfLog = slot('log-base');
  const divisor = slot('log-divisor');
  const basePower = slot('power-base');
  const exponent = slot('power-exponent');
  const baseNumber = slot('power-base-again');
  const mantissa = linkedSlot('q', 'probability-value');
  const power = makePower('probability', mantissa);
  linked('s', nats.element);
  linked('s', amount.element);
  linked('s', exponent.element);
  const logarithm = sub(named('log'), baseOfLog.element);
  const natural = named('ln');
  const formula = aligned(
    [s(), '=', row('−', logarithm, natural, space(), q())],
    [
      row('−', apply('ln'), q()),
      '=',
      row(
        apply('ln'),
        sum(variable('v')),
        sup(variable('e'), row(z('v'), ...divisions[0])),
        '−',
        z('y'),
        ...divisions[1],
      ),
    ],
    [same(), '=', row(logSum.element, '−', logit.element)],
    [same(), '=', row(nats.element, words('nats'))],
    [
      s(),
      '=',
      row(
        fraction(natsAgain.element, row(apply('ln'), divisor.element)),
        '=',
        amount.element,
        unitName.element,
      ),
    ],
    [
      q(),
      '=',
      row(sup(basePower.element, row('−', s())), '=', sup(baseNumber.element, row('−', exponent.element))),
    ],
    [same(), '=', power.element],
  );
  const conversion = formula.querySelectorAll('mtr')[4];
  const element = formulaFrame(strings.formula, formula);
  return {
    element,
    update({ unit, tempered, logit: z, nats: value }) {
      // Two numbers of four digits make a difference that is right in three.
      const digits = value < 0.1 ? 5 : 4;
      for (const division of divisions.flat()) {
        showMath(division, tempered.temperature !== 1);
      }
      showMath(logarithm, unit !== 'nats');
      showMath(natural, unit === 'nats');
      showMath(conversion, unit !== 'nats');
      writeBase(baseOfLog, unit);
      writeBase(basePower, unit);
      writeBase(baseNumber, unit);
      writeBase(divisor, unit);
      logSum.write(fixed(tempered.logSumExp, digits));
      logit.write(z < 0 ? `(${fixed(z, digits)})` : fixed(z, digits));
      nats.write(fixed(value, digits));
      natsAgain.write(fixed(value, digits));
      amount.write(fixedAmount(value, unit, digits));
      amount.element.setAttribute('data-testid', unit === 'nats' ? 'surprisal-unit' : `surprisal-${unit}`);
      unitName.write(unit);
      exponent.write(fixedAmount(value, unit, digits));
      power.update(value);
    },
  };
}

/** Writes the base of the logarithm; Euler's number is set as a variable is. */
function writeBase(made: Slot, unit: PanelUnit): void {
  made.write(BASES[unit]);
  made.element.classList.toggle('variable', unit === 'nats');
}

/**
 * A probability as a decimal number, or as a power of ten where that says more.
 * @param name by which tests find its parts
 */
function makePower(
  name: string,
  mantissa: Slot,
  hasWords = true,
): { element: MathMLElement; update(nats: number): void } {
  const exponent = slot(`${name}-exponent`);
  const power = row(operator('×'), sup(constant('10'), exponent.element));
  const percentage = wordSlot(`${name}-percentage`);
  const element = row(mantissa.element, power, ...(hasWords ? [percentage.element] : []));
  return {
    element,
    update(nats) {
      const q = Math.exp(-nats);
      const isSmall = q < SMALLEST_DECIMAL;
      showMath(power, isSmall);
      if (isSmall) {
        const { mantissa: digits, exponent: tens } = scientific(nats);
        mantissa.write(digits);
        exponent.write(fixed(tens, 0));
      } else {
        mantissa.write(fixed(q, 4));
      }
      percentage.write(`= ${probability(nats)}`);
    },
  };
}

// ---- The curve ----

const CURVE_HEIGHT = 250;
/** A narrower axis has no room for five percentages. */
const ROOM_FOR_QUARTERS = 220;
const MARGIN = { left: 40, right: 14, top: 26, bottom: 40 };
/** The curve's scale reaches at least this far, so that usual tokens are all seen on the same one. */
const REACH = 10 * NATS_PER_BIT;
/** It grows in steps of so much. */
const REACH_STEP = 5 * NATS_PER_BIT;
const CURVE_STEPS = 120;
/** Length of a token's tick on an axis. */
const RUG = 7;
const PROBE = { min: 0.01, max: 1, step: 0.01 };

function makeCurve(): Part {
  let shown: Shown | undefined;
  /** Where the reader looks on the curve. */
  let probe = 0.5;
  /** Back from a place in the picture to a probability. */
  let probabilityAt: (left: number) => number = () => probe;
  const grid = svg('g', { class: 'chart-grid' });
  const ticks = svg('g');
  const rug = svg('g', { class: 'rug' });
  const path = svg('path', { class: 'mark-line' });
  const others = svg('g', { class: 'curve-tokens' });
  // The height of the point is its loss, and its distance from the left its probability: −log q is the vertical one.
  const guideQ = linked('q', svg('path', { class: 'curve-guide' }));
  const guideS = linked('s', svg('path', { class: 'curve-guide' }));
  const point = linked('s', svg('circle', { class: 'mark-target', attributes: { r: '5' } }));
  const label = svg('text', { class: 'label outlined', test: 'curve-point' });
  const probeGuide = svg('path', { class: 'probe-guide' });
  const probePoint = svg('circle', { class: 'probe', attributes: { r: '4.5' } });
  const probeLabel = svg('text', { class: 'label outlined', test: 'curve-probe-point' });
  const axisY = svg('text', { class: 'tick', attributes: { x: '4', y: '12' } });
  const axisX = svg('text', {
    class: 'tick',
    text: strings.axisProbability,
    attributes: { 'text-anchor': 'end' },
  });
  const chart = makeChart({
    test: 'curve',
    title: strings.curve,
    height: CURVE_HEIGHT,
    draw({ svg: picture, width, height }) {
      if (!shown) {
        return;
      }
      if (!grid.parentNode) {
        picture.append(grid, ticks, path, probeGuide, rug, others, guideQ, guideS);
        picture.append(probePoint, probeLabel, point, label, axisX, axisY);
      }
      const { unit, nats, tokens, index } = shown;
      const most = tokens.reduce((largest, token) => Math.max(largest, token.nats), nats);
      const top = Math.max(REACH, Math.ceil(most / REACH_STEP) * REACH_STEP);
      const floor = height - MARGIN.bottom;
      const x = scaleLinear([0, 1], [MARGIN.left, width - MARGIN.right]);
      const y = scaleLinear([0, toUnit(top, unit)], [floor, MARGIN.top]);
      const up = (value: number) => y(toUnit(value, unit));
      probabilityAt = (left) => x.invert(left);

      drawAxes(grid, ticks, x, y, floor);
      // Evenly in surprisal, so that it is smooth where it is steep.
      const values = Array.from(
        { length: CURVE_STEPS + 1 },
        (_, i) => (top * (CURVE_STEPS - i)) / CURVE_STEPS,
      );
      setAttribute(path, 'd', line<number>((value) => x(Math.exp(-value)), up)(values) ?? '');

      // The same order on both axes: each token has a tick on either, and its point between them.
      const neighbours = tokens.filter((token) => token.index !== index);
      const points = keep(others, neighbours.length, () =>
        svg('circle', { class: 'curve-token', attributes: { r: '3' } }, svg('title')),
      );
      const marks = keep(rug, neighbours.length, () => svg('path'));
      neighbours.forEach((token, i) => {
        const left = x(Math.exp(-token.nats));
        setAttribute(points[i], 'cx', pixels(left));
        setAttribute(points[i], 'cy', pixels(up(token.nats)));
        const said = `${token.visible} ${strings.point(probability(token.nats), surprisal(token.nats, unit))}`;
        setText(points[i].firstElementChild ?? points[i], said);
        setAttribute(
          marks[i],
          'd',
          `M${pixels(left)} ${floor}v${-RUG}M${MARGIN.left} ${pixels(up(token.nats))}h${RUG}`,
        );
      });

      const left = x(Math.exp(-nats));
      setAttribute(point, 'cx', pixels(left));
      setAttribute(point, 'cy', pixels(up(nats)));
      setAttribute(guideQ, 'd', `M${x(0)} ${pixels(up(nats))}H${pixels(left)}`);
      setAttribute(guideS, 'd', `M${pixels(left)} ${pixels(up(nats))}V${floor}`);
      writeLabel(label, strings.point(probability(nats), surprisal(nats, unit)), left, up(nats), width);

      const probeNats = Math.max(0, -Math.log(probe));
      const probeLeft = x(probe);
      setAttribute(probePoint, 'cx', pixels(probeLeft));
      setAttribute(probePoint, 'cy', pixels(up(probeNats)));
      setAttribute(probeGuide, 'd', `M${x(0)} ${pixels(up(probeNats))}H${pixels(probeLeft)}V${floor}`);
      writeLabel(probeLabel, pointText(unit, probeNats), probeLeft, up(probeNats), width);
      // Two labels in one place cannot be read; the token's own stays.
      const isClose = Math.abs(up(probeNats) - up(nats)) < 40 && Math.abs(probeLeft - left) < 200;
      setAttribute(probeLabel, 'visibility', isClose ? 'hidden' : 'visible');

      setText(axisY, strings.axisSurprisal(unit));
      setAttribute(axisX, 'x', pixels(width - MARGIN.right));
      setAttribute(axisX, 'y', pixels(height - 4));
    },
    describe: () =>
      shown ? strings.curveLabel(probability(shown.nats), surprisal(shown.nats, shown.unit)) : '',
    columns: () => [
      strings.columnToken,
      strings.columnProbability,
      strings.columnSurprisal(shown?.unit ?? 'bits'),
    ],
    rows: () =>
      shown
        ? pointsOf(shown)
            .sort((a, b) => a.nats - b.nats)
            .map(({ visible, nats }) => [visible, Math.exp(-nats), toUnit(nats, shown?.unit ?? 'bits')])
        : [],
  });
  const pointText = (unit: PanelUnit, nats: number) =>
    strings.point(probability(nats), surprisal(nats, unit));
  const control = slider({
    test: 'curve-probe',
    label: strings.probe,
    ...PROBE,
    format: (value) => pointText(shown?.unit ?? 'bits', Math.max(0, -Math.log(value))),
    onInput: (value) => look(value),
  });
  const look = (q: number) => {
    probe = Math.min(PROBE.max, Math.max(PROBE.min, q));
    control.set(probe);
    chart.refresh();
  };
  chart.svg.classList.add('is-probed');
  chart.svg.addEventListener('pointermove', (event) => {
    const frame = chart.svg.getBoundingClientRect();
    const { width } = chart.svg.viewBox.baseVal;
    // The same steps as the slider under the picture.
    const q = probabilityAt(((event.clientX - frame.left) / frame.width) * width);
    look(Math.round(q / PROBE.step) * PROBE.step);
  });
  const element = html('div', { class: 'curve-frame' }, chart.element, html('div', {}, control.element));
  return {
    element,
    update(latest) {
      shown = latest;
      control.set(probe);
      chart.refresh();
    },
  };
}

/** Above its point, on the side where there is room. */
function writeLabel(label: SVGElement, text: string, left: number, up: number, width: number): void {
  setText(label, text);
  const isRight = left > width / 2;
  setAttribute(label, 'text-anchor', isRight ? 'end' : 'start');
  setAttribute(label, 'x', pixels(isRight ? Math.min(left + 8, width - MARGIN.right) : left + 10));
  setAttribute(label, 'y', pixels(Math.max(up - (isRight ? 20 : 8), MARGIN.top)));
}

/** The points of the curve: this token at its temperature, and its neighbours. */
function pointsOf({ visible, nats, index, tokens }: Shown): Known[] {
  return [{ index, visible, nats }, ...tokens.filter((token) => token.index !== index)];
}

type Scale = ReturnType<typeof scaleLinear<number, number>>;

function drawAxes(grid: SVGElement, ticks: SVGElement, x: Scale, y: Scale, floor: number): void {
  const levels = y.ticks(5);
  const shares = x(1) - x(0) < ROOM_FOR_QUARTERS ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1];
  const lines = keep(grid, levels.length + 1, () => svg('path'));
  levels.forEach((value, i) => {
    setAttribute(lines[i], 'd', `M${x(0)} ${pixels(y(value))}H${x(1)}`);
    lines[i].setAttribute('class', '');
  });
  lines[levels.length].setAttribute('class', 'axis');
  setAttribute(lines[levels.length], 'd', `M${x(0)} ${MARGIN.top}V${floor}H${x(1)}`);
  const texts = keep(ticks, levels.length + shares.length, () => svg('text', { class: 'tick' }));
  const write = (text: SVGElement, label: string, left: number, up: number, anchor: string) => {
    setText(text, label);
    setAttribute(text, 'x', pixels(left));
    setAttribute(text, 'y', pixels(up));
    setAttribute(text, 'text-anchor', anchor);
  };
  levels.forEach((value, i) => {
    write(texts[i], String(value), MARGIN.left - 6, y(value) + 4, 'end');
  });
  shares.forEach((value, i) => {
    write(texts[levels.length + i], `${value * 100} %`, x(value), floor + 15, value === 1 ? 'end' : 'middle');
  });
}

// ---- A product becomes a sum ----

/** −log of float32's smallest normal number, 2⁻¹²⁶ ≈ 1.2 × 10⁻³⁸, in nats. */
const FLOAT32_REACH = 126 * NATS_PER_BIT;

function makeJoint(): Part {
  const heading = html('h3', { test: 'joint-heading' });
  const none = html('p', { class: 'quiet', text: strings.jointNone });
  const formula = makeJointFormula();
  const picture = makeJointPicture();
  const limit = html('p', { class: 'prose', test: 'joint-underflow' });
  const body = html(
    'div',
    { class: 'side-by-side' },
    html('div', { class: 'joint-formula' }, formula.element, limit),
    picture.element,
  );
  const element = html('div', { class: 'joint', test: 'joint' }, heading, none, body);
  return {
    element,
    update(shown) {
      const { tokens } = shown;
      setText(heading, shown.heading);
      setShown(none, tokens.length === 0);
      setShown(body, tokens.length > 0);
      if (tokens.length > 0) {
        formula.update(shown);
        picture.update(shown);
        setText(limit, underflowOf(shown));
      }
    },
  };
}

/** [n] −log of the product of the first tokens' probabilities, nats. */
function runningTotals(tokens: readonly Known[]): number[] {
  const nats = tokens.map((token) => token.nats);
  return nats.map((_, i) => 0 - jointLogProbability(nats.slice(0, i + 1)));
}

/** Where a product in float32 would no longer be a normal number. */
function underflowOf({ tokens, unit }: Shown): string {
  const at = runningTotals(tokens).findIndex((total) => total > FLOAT32_REACH);
  if (at >= 0) {
    return strings.underflowsAt(count(at + 1), tokens[at].visible);
  }
  const mean = meanLoss(tokens.map(({ nats }) => nats));
  const number = Math.ceil(FLOAT32_REACH / mean);
  return Number.isSafeInteger(number)
    ? strings.underflowsAfter(count(number), surprisal(mean, unit))
    : strings.underflowsNever;
}

/** Terms that are written out: so many first ones, and the last. */
const FIRST_TERMS = 3;

/** The terms of a product or a sum, with dots for those between the first ones and the last. */
function makeTerms(
  sign: string,
  name: string,
): { element: MathMLElement; write(texts: readonly string[]): void } {
  const terms = Array.from({ length: FIRST_TERMS + 1 }, () => linkedSlot(name, `joint-${name}-term`));
  // Signs stand beside the terms and not in rows with them: at the start of a row they would lose their spaces.
  const signs = terms.slice(1).map(() => operator(sign));
  const dots = [operator(sign), operator('…')];
  const last = terms.length - 1;
  const element = row(
    ...terms.flatMap((term, i) => [
      ...(i === last ? dots : []),
      ...(i === 0 ? [] : [signs[i - 1]]),
      term.element,
    ]),
  );
  return {
    element,
    write(texts) {
      for (const dot of dots) {
        showMath(dot, texts.length > terms.length);
      }
      terms.forEach((term, i) => {
        showMath(term.element, i < texts.length);
        if (i > 0) {
          showMath(signs[i - 1], i < texts.length);
        }
        term.write((i === last && texts.length > terms.length ? texts.at(-1) : texts[i]) ?? '');
      });
    },
  };
}

function makeJointFormula(): Part {
  const product = makeTerms('·', 'product');
  const total = makeTerms('+', 'sum');
  const joint = linkedSlot('product', 'joint-probability');
  const power = makePower('joint', joint, false);
  const sumSlot = linkedSlot('sum', 'joint-sum');
  const sumUnit = wordSlot('joint-unit');
  const base = slot('joint-base');
  const baseAgain = slot('joint-base-again');
  const exponent = linkedSlot('sum', 'joint-sum-again');
  const power10 = linkedSlot('product', 'joint-power');
  const symbols = (name: string, sign: string, link: string) =>
    linked(
      link,
      row(
        sub(variable(name), constant('1')),
        sign,
        sub(variable(name), constant('2')),
        sign,
        '…',
        sign,
        sub(variable(name), variable('n')),
      ),
    );
  const formula = aligned(
    [linked('product', variable('Q')), '=', symbols('q', '·', 'product')],
    [same(), '=', product.element],
    [same(), '=', row(power.element, '=', sup(constant('10'), power10.element))],
    [linked('sum', variable('S')), '=', symbols('s', '+', 'sum')],
    [same(), '=', total.element],
    [same(), '=', row(sumSlot.element, sumUnit.element)],
    [
      variable('Q'),
      '=',
      row(
        sup(base.element, row('−', variable('S'))),
        '=',
        sup(baseAgain.element, row('−', exponent.element)),
      ),
    ],
  );
  const element = formulaFrame(strings.jointFormula, formula);
  return {
    element,
    update({ tokens, unit }) {
      const nats = tokens.map((token) => token.nats);
      const all = 0 - jointLogProbability(nats);
      product.write(nats.map(probabilityNumber));
      total.write(nats.map((value) => fixedAmount(value, unit, 4)));
      power.update(all);
      power10.write(fixed(-toUnit(all, 'hartleys'), 2));
      sumSlot.write(fixedAmount(all, unit, 4));
      sumUnit.write(unit);
      writeBase(base, unit);
      writeBase(baseAgain, unit);
      exponent.write(fixedAmount(all, unit, 4));
    },
  };
}

const JOINT_HEIGHT = 270;
const JOINT_MARGIN = { left: 40, right: 14, top: 22, bottom: 24, between: 30 };
/** Share of the height that the product has. */
const PRODUCT_SHARE = 0.38;
/** Pixels that a token's name and a character of it need. */
const NAME_ROOM = 24;
const CHARACTER = 7;

function makeJointPicture(): Part {
  let shown: Shown | undefined;
  const axes = [svg('path', { class: 'axis' }), svg('path', { class: 'axis' })];
  const products = linked('product', svg('g'));
  const before = svg('g', { class: 'sum-before' });
  const added = linked('sum', svg('g'));
  const names = svg('g');
  const ticks = svg('g');
  const productTitle = svg('text', { class: 'tick', text: strings.product, attributes: { x: '4', y: '12' } });
  const sumTitle = svg('text', { class: 'tick', attributes: { x: '4' } });
  const ends = [
    linked(
      'product',
      svg('text', {
        class: 'label outlined',
        test: 'joint-product-end',
        attributes: { 'text-anchor': 'end' },
      }),
    ),
    linked(
      'sum',
      svg('text', { class: 'label outlined', test: 'joint-sum-end', attributes: { 'text-anchor': 'end' } }),
    ),
  ];
  const limit = svg('path', { class: 'float-limit' });
  const limitLabel = svg('text', { class: 'tick', text: strings.underflow });
  const chart = makeChart({
    test: 'joint-chart',
    title: strings.jointChart,
    height: JOINT_HEIGHT,
    draw({ svg: picture, width, height }) {
      if (!shown || shown.tokens.length === 0) {
        return;
      }
      if (!products.parentNode) {
        picture.append(...axes, ticks, products, before, added, limit, limitLabel, names);
        picture.append(productTitle, sumTitle, ...ends);
      }
      const { tokens, unit, index } = shown;
      const totals = runningTotals(tokens);
      const total = totals[totals.length - 1];
      const rooms = height - JOINT_MARGIN.top - JOINT_MARGIN.bottom - JOINT_MARGIN.between;
      const productFloor = JOINT_MARGIN.top + rooms * PRODUCT_SHARE;
      const sumTop = productFloor + JOINT_MARGIN.between;
      const floor = height - JOINT_MARGIN.bottom;
      const right = width - JOINT_MARGIN.right;
      const x = scaleBand(
        tokens.map((_, i) => String(i)),
        [JOINT_MARGIN.left, right],
      ).padding(tokens.length > 60 ? 0.1 : 0.25);
      const p = scaleLinear([0, 1], [productFloor, JOINT_MARGIN.top]);
      const s = scaleLinear([0, toUnit(total, unit) || 1], [floor, sumTop]).nice(4);
      const up = (nats: number) => s(toUnit(nats, unit));

      const bars = [products, before, added].map((group) => keep(group, tokens.length, () => svg('rect')));
      const labels = keep(names, tokens.length, () =>
        svg('text', { attributes: { 'text-anchor': 'middle' } }),
      );
      const isRoomy = x.step() >= NAME_ROOM;
      tokens.forEach(({ visible, index: at }, i) => {
        const left = x(String(i)) ?? 0;
        const previous = i === 0 ? 0 : totals[i - 1];
        const name = at === index ? 'mark-target' : 'mark-model';
        const spans = [
          [p(Math.exp(-totals[i])), productFloor],
          [up(previous), floor],
          [up(totals[i]), up(previous)],
        ];
        bars.forEach((rectangles, kind) => {
          const [top, bottom] = spans[kind];
          setAttribute(rectangles[i], 'class', kind === 1 ? 'sum-before-bar' : name);
          setAttribute(rectangles[i], 'x', pixels(left));
          setAttribute(rectangles[i], 'width', pixels(x.bandwidth()));
          setAttribute(rectangles[i], 'y', pixels(top));
          setAttribute(rectangles[i], 'height', pixels(Math.max(0, bottom - top)));
        });
        // With less room: only the token that is explained, marked as everywhere.
        const text = isRoomy
          ? shorten(visible, Math.max(2, Math.floor(x.step() / CHARACTER)))
          : at === index
            ? strings.thisToken
            : '';
        setText(labels[i], text);
        setAttribute(labels[i], 'class', at === index ? 'label joint-name' : 'tick joint-name');
        setAttribute(labels[i], 'x', pixels(left + x.bandwidth() / 2));
        setAttribute(labels[i], 'y', pixels(height - 8));
      });

      setAttribute(axes[0], 'd', `M${JOINT_MARGIN.left} ${JOINT_MARGIN.top}V${productFloor}H${right}`);
      setAttribute(axes[1], 'd', `M${JOINT_MARGIN.left} ${sumTop}V${floor}H${right}`);
      const levels = s.ticks(4);
      const texts = keep(ticks, 2 + levels.length, () =>
        svg('text', {
          class: 'tick',
          attributes: { 'text-anchor': 'end', x: String(JOINT_MARGIN.left - 6) },
        }),
      );
      [0, 1].forEach((value, i) => {
        setText(texts[i], String(value));
        setAttribute(texts[i], 'y', pixels(p(value) + 4));
      });
      levels.forEach((value, i) => {
        setText(texts[2 + i], String(value));
        setAttribute(texts[2 + i], 'y', pixels(s(value) + 4));
      });
      setText(sumTitle, strings.sum(unit));
      setAttribute(sumTitle, 'y', pixels(sumTop - 12));
      setText(ends[0], probabilityNumber(total));
      setText(ends[1], surprisal(total, unit));
      for (const end of ends) {
        setAttribute(end, 'x', pixels(right));
      }
      setAttribute(ends[0], 'y', pixels(p(Math.exp(-total)) - 5));
      setAttribute(ends[1], 'y', pixels(up(total) - 5));

      const isBeyond = total > FLOAT32_REACH;
      setAttribute(limit, 'visibility', isBeyond ? 'visible' : 'hidden');
      setAttribute(limitLabel, 'visibility', isBeyond ? 'visible' : 'hidden');
      setAttribute(limit, 'd', `M${JOINT_MARGIN.left} ${pixels(up(FLOAT32_REACH))}H${right}`);
      setAttribute(limitLabel, 'x', pixels(JOINT_MARGIN.left + 6));
      setAttribute(limitLabel, 'y', pixels(up(FLOAT32_REACH) - 4));
    },
    describe() {
      if (!shown || shown.tokens.length === 0) {
        return strings.jointNone;
      }
      const { tokens, unit } = shown;
      const total = 0 - jointLogProbability(tokens.map(({ nats }) => nats));
      return strings.jointLabel(count(tokens.length), probabilityNumber(total), surprisal(total, unit));
    },
    columns() {
      const unit = shown?.unit ?? 'bits';
      return [
        strings.columnToken,
        strings.columnProbability,
        strings.columnProduct,
        strings.columnSurprisal(unit),
        strings.columnSum(unit),
      ];
    },
    rows() {
      if (!shown) {
        return [];
      }
      const { tokens, unit } = shown;
      const totals = runningTotals(tokens);
      return tokens.map(({ visible, nats }, i) => [
        visible,
        Math.exp(-nats),
        Math.exp(-totals[i]),
        toUnit(nats, unit),
        toUnit(totals[i], unit),
      ]);
    },
  });
  return {
    element: chart.element,
    update(latest) {
      shown = latest;
      chart.refresh();
    },
  };
}
