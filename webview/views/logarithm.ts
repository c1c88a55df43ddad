/** −log q worked out: the formula, the same with this token's numbers, and its point on the curve. */
import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { NATS_PER_BIT, toUnit } from '../../src/loss/units';
import type { PanelToken, PanelUnit } from '../../src/panel/messages';
import { chapter } from '../chapter';
import { html, setAttribute, setShown, setText, svg } from '../dom';
import { fixed, fixedAmount, probability, SMALLEST_DECIMAL, scientific, surprisal } from '../format';
import {
  aligned,
  apply,
  constant,
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
import { strings } from '../strings';
import type { View } from '../view';

/** Makes the chapter on the loss of one token. */
export function makeLogarithm(): View {
  const formula = makeFormula();
  const curve = makeCurve();
  const { element, text } = chapter(
    'logarithm',
    strings.logarithm,
    html(
      'div',
      {
        class: 'formula-frame',
        attributes: { tabindex: '0', role: 'group', 'aria-label': strings.logarithm },
      },
      formula.element,
    ),
    curve.element,
  );
  setText(text, strings.logarithmText);
  return {
    element,
    update({ token, unit }) {
      setShown(element, token !== undefined);
      if (token) {
        formula.update(token, unit);
        curve.update(token, unit);
      }
    },
  };
}

interface Part {
  readonly element: Element;
  update(token: PanelToken, unit: PanelUnit): void;
}

function makeFormula(): Part {
  const logSumExp = slot('log-sum-exp');
  const logit = slot('logit');
  const nats = slot('surprisal-nats');
  const bits = slot('surprisal-bits');
  const natsAgain = slot();
  const q = slot('probability-value');
  const s = () => variable('s');
  const y = () => variable('y');
  const v = () => variable('v');
  const z = variable;
  const power = makePower(q);
  const element = aligned(
    [s(), '=', row('−', apply('log'), sub(variable('q'), y()))],
    [same(), '=', row(apply('log'), sum(v()), sup(variable('e'), sub(z('z'), v())), '−', sub(z('z'), y()))],
    [same(), '=', row(logSumExp.element, '−', logit.element)],
    [same(), '=', row(nats.element, words(strings.nats))],
    [same(), '=', row(bits.element, words(strings.bits))],
    [
      sub(variable('q'), y()),
      '=',
      row(sup(variable('e'), row('−', s())), '=', sup(variable('e'), row('−', natsAgain.element))),
    ],
    [same(), '=', power.element],
  );
  return {
    element,
    update(token) {
      const { target } = token;
      // Two numbers of four digits make a difference that is right in three.
      const digits = target.nats < 0.1 ? 5 : 4;
      logSumExp.write(fixed(token.logSumExp, digits));
      logit.write(target.logit < 0 ? `(${fixed(target.logit, digits)})` : fixed(target.logit, digits));
      nats.write(fixed(target.nats, digits));
      bits.write(fixedAmount(target.nats, 'bits', digits));
      natsAgain.write(fixed(target.nats, digits));
      power.update(target.nats);
    },
  };
}

/** A probability as a decimal number, or as a power of ten where that says more. */
function makePower(mantissa: Slot): { element: MathMLElement; update(nats: number): void } {
  const exponent = slot();
  const power = row(operator('×'), sup(constant('10'), exponent.element));
  const percentage = wordSlot();
  const element = row(mantissa.element, power, percentage.element);
  return {
    element,
    update(nats) {
      const q = Math.exp(-nats);
      const isSmall = q < SMALLEST_DECIMAL;
      power.style.display = isSmall ? '' : 'none';
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

const HEIGHT = 220;
const NARROWEST = 200;
/** A narrower axis has no room for five percentages. */
const ROOM_FOR_QUARTERS = 220;
const MARGIN = { left: 34, right: 14, top: 24, bottom: 36 };
const FLOOR = HEIGHT - MARGIN.bottom;
/** The curve's scale reaches at least this far, so that usual tokens are all seen on the same one. */
const REACH = 10 * NATS_PER_BIT;
/** It grows in steps of so much. */
const REACH_STEP = 5 * NATS_PER_BIT;

function makeCurve(): Part {
  const grid = svg('g', { class: 'grid' });
  const ticks = svg('g', { class: 'ticks' });
  const path = svg('path', { class: 'curve' });
  const guide = svg('path', { class: 'guide' });
  const point = svg('circle', { class: 'point', attributes: { r: '5' } });
  const label = svg('text', { class: 'point-label' });
  const axisY = svg('text', { attributes: { x: '4', y: '10' } });
  const axisX = svg('text', {
    text: strings.axisProbability,
    attributes: { y: String(HEIGHT - 4), 'text-anchor': 'end' },
  });
  const picture = svg(
    'svg',
    { class: 'curve-picture', test: 'curve', attributes: { role: 'img', height: String(HEIGHT) } },
    grid,
    ticks,
    path,
    guide,
    point,
    label,
    axisX,
    axisY,
  );
  const element = html('div', { class: 'figure' }, picture);
  let width = 360;
  let drawn = '';
  let latest: { readonly token: PanelToken; readonly unit: PanelUnit } | undefined;

  const draw = () => {
    if (!latest) {
      return;
    }
    const { token, unit } = latest;
    const { nats } = token.target;
    const top = toUnit(Math.max(REACH, Math.ceil(nats / REACH_STEP) * REACH_STEP), unit);
    const x = scaleLinear([0, 1], [MARGIN.left, width - MARGIN.right]);
    const y = scaleLinear([0, top], [FLOOR, MARGIN.top]);
    const key = `${unit} ${top} ${width}`;
    if (key !== drawn) {
      drawn = key;
      setAttribute(picture, 'viewBox', `0 0 ${width} ${HEIGHT}`);
      drawAxes(grid, ticks, x, y);
      setAttribute(path, 'd', curvePath(x, y, top, unit));
      setAttribute(axisX, 'x', String(width - MARGIN.right));
      setText(axisY, strings.axisSurprisal(unit));
    }
    const q = Math.exp(-nats);
    const left = x(q);
    const up = y(toUnit(nats, unit));
    setAttribute(point, 'cx', left.toFixed(2));
    setAttribute(point, 'cy', up.toFixed(2));
    setAttribute(guide, 'd', `M${x(0)} ${up.toFixed(2)}H${left.toFixed(2)}V${FLOOR}`);
    setText(label, strings.curvePoint(probability(nats), surprisal(nats, unit)));
    // The label stands above its point, on the side where there is room, and above the curve.
    const isRight = q > 0.5;
    setAttribute(label, 'text-anchor', isRight ? 'end' : 'start');
    setAttribute(label, 'x', (isRight ? Math.min(left + 8, width - MARGIN.right) : left + 10).toFixed(2));
    setAttribute(label, 'y', Math.max(up - (isRight ? 26 : 10), MARGIN.top + 10).toFixed(2));
    setAttribute(picture, 'aria-label', strings.curveLabel(probability(nats), surprisal(nats, unit)));
  };
  // Drawn for the width that there is, so that its text has the size of the text around it.
  new ResizeObserver(([{ contentRect }]) => {
    const available = Math.max(NARROWEST, Math.round(contentRect.width));
    if (contentRect.width > 0 && available !== width) {
      width = available;
      draw();
    }
  }).observe(element);
  return {
    element,
    update(token, unit) {
      latest = { token, unit };
      draw();
    },
  };
}

type Scale = ReturnType<typeof scaleLinear<number, number>>;

/** The curve from the point where it leaves the picture to certainty; evenly in surprisal, so that it is smooth. */
function curvePath(x: Scale, y: Scale, top: number, unit: PanelUnit): string {
  const steps = 120;
  const base = unit === 'bits' ? 2 : Math.E;
  const values = Array.from({ length: steps + 1 }, (_, step) => (top * (steps - step)) / steps);
  return line<number>((value) => x(base ** -value), y)(values) ?? '';
}

function drawAxes(grid: SVGElement, ticks: SVGElement, x: Scale, y: Scale): void {
  const text = (words: string, left: number, up: number, anchor: string) =>
    svg('text', { text: words, attributes: { x: String(left), y: String(up), 'text-anchor': anchor } });
  const levels = y.ticks(5);
  const shares = x(1) - x(0) < ROOM_FOR_QUARTERS ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1];
  grid.replaceChildren(
    ...levels.map((value) => svg('path', { attributes: { d: `M${x(0)} ${y(value)}H${x(1)}` } })),
    svg('path', { class: 'base', attributes: { d: `M${x(0)} ${MARGIN.top}V${FLOOR}H${x(1)}` } }),
  );
  ticks.replaceChildren(
    ...levels.map((value) => text(String(value), MARGIN.left - 6, y(value) + 4, 'end')),
    ...shares.map((value) => text(`${value * 100} %`, x(value), FLOOR + 15, value === 1 ? 'end' : 'middle')),
  );
}
