/** Gradient descent on the logits of the token under the cursor, step by step, with the model's own numbers. */
import {
  entropyOf,
  logitsGradient,
  smoothedTarget,
  surprisal as surprisalOf,
} from '../../../src/loss/formulas';
import {
  ALWAYS_FALLING,
  alongGradient,
  bestStepSize,
  type GradientLine,
  gradientStep,
} from '../../../src/loss/step';
import type { PanelToken } from '../../../src/panel/messages';
import { slider, textButton } from '../../controls';
import { html, setShown, setText } from '../../dom';
import { count, fixed, probability, surprisal } from '../../format';
import { linked } from '../../link';
import { aligned, formulaFrame, fraction, operator, row, same, slot, sub, variable } from '../../math';
import type { Host, PageState, View } from '../../view';
import { learningStrings as strings } from '../learning.strings';
import { makeGradientChart } from './gradientChart';
import { significant, significantText } from './numbers';
import { GRID, makeHistoryChart, makeLineChart, STEP_SIZES, type StepLine } from './stepCharts';

const MANY_STEPS = 10;

/** Where the steps have come to. */
interface Descent {
  /** Names the model's logits and ε; other ones begin a new descent. */
  readonly key: string;
  readonly token: PanelToken;
  readonly epsilon: number;
  logits: ArrayLike<number>;
  /** [V] q − p at these logits. */
  gradient: Float64Array;
  line: GradientLine;
  /** The curve along the line, which does not depend on the step size that is chosen. */
  curve: Pick<StepLine, 'before' | 'losses' | 'best'>;
  readonly losses: number[];
  readonly surprisals: number[];
  /** H(p), nats: the lowest loss that there can be. */
  readonly floor: number;
}

/** Makes the part on single steps. */
export function makeStep(host: Host): View {
  const formula = makeFormula();
  const gradient = makeGradientChart();
  const history = makeHistoryChart();
  const line = makeLineChart();
  const stepSize = slider({
    test: 'step-size',
    label: strings.stepSize,
    min: STEP_SIZES.smallest,
    max: STEP_SIZES.largest,
    step: 0.0001,
    scale: 'log',
    format: significantText,
    onInput: (value) => host.set({ stepSize: significant(value) }),
  });
  const epsilon = slider({
    test: 'learning-epsilon',
    label: strings.epsilon,
    min: 0,
    max: 1,
    step: 0.01,
    format: (value) => fixed(value, 2),
    onInput: (value) => host.set({ epsilon: value }),
  });
  linked('step-size', stepSize.element);
  let latest: PageState | undefined;
  let descent: Descent | undefined;

  const take = (steps: number) => {
    if (!descent || !latest) {
      return;
    }
    for (let step = 0; step < steps; step++) {
      descend(descent, latest.settings.stepSize);
    }
    descent.curve = curveOf(descent.line);
    show();
  };
  const one = textButton({ test: 'take-step', label: strings.takeStep, onClick: () => take(1) });
  const many = textButton({
    test: 'take-steps',
    label: strings.takeSteps(count(MANY_STEPS)),
    onClick: () => take(MANY_STEPS),
  });
  many.classList.add('secondary');
  const again = textButton({
    test: 'start-again',
    label: strings.startAgain,
    onClick: () => {
      descent = undefined;
      show();
      // The focus does not get lost with the button that cannot be used any more.
      one.focus();
    },
  });
  again.classList.add('secondary');

  const temperature = html('p', {
    class: 'notice small',
    test: 'learning-temperature',
    text: strings.temperature,
  });
  const waiting = html('p', { class: 'quiet', test: 'no-logits', text: strings.noLogits });
  const verdict = html('p', { class: 'learning-verdict', test: 'step-verdict' });
  const stepsTaken = html('dd', { test: 'steps-taken' });
  const lossNow = html('dd', { test: 'step-loss', attributes: { 'aria-live': 'polite' } });
  const probabilityName = html('dt');
  const probabilityNow = html('dd', { test: 'step-probability' });
  const live = html(
    'div',
    { class: 'learning-live' },
    html(
      'div',
      { class: 'learning-columns' },
      html(
        'div',
        { class: 'learning-stack' },
        formula.element,
        stepSize.element,
        epsilon.element,
        html('div', { class: 'learning-buttons' }, one, many, again),
        html(
          'dl',
          { class: 'learning-numbers' },
          html('dt', { text: strings.steps }),
          stepsTaken,
          html('dt', { text: strings.loss }),
          lossNow,
          probabilityName,
          probabilityNow,
        ),
      ),
      gradient.element,
    ),
    html('div', { class: 'learning-columns' }, history.element, line.element),
    verdict,
  );
  const element = html(
    'section',
    { class: 'learning-part', test: 'learning-step' },
    html('h3', { text: strings.step }),
    html('p', { class: 'prose', text: strings.stepText(count(ALWAYS_FALLING)) }),
    temperature,
    waiting,
    live,
  );

  /** What is on show, so that a state that changes nothing here costs nothing. */
  let shown: readonly unknown[] = [];
  const show = () => {
    const token = latest?.token;
    setShown(element, token !== undefined);
    if (!latest || !token) {
      return;
    }
    const { settings, unit } = latest;
    stepSize.set(settings.stepSize);
    epsilon.set(settings.epsilon);
    setShown(temperature, settings.temperature !== 1);
    setShown(waiting, token.logits === undefined);
    setShown(live, token.logits !== undefined);
    if (!token.logits) {
      return;
    }
    const key = keyOf(latest, token);
    if (descent?.key !== key) {
      descent = begin(key, token, token.logits, settings.epsilon);
    }
    const isSame = [descent, descent.losses.length, settings.stepSize, unit];
    if (isSame.every((value, i) => value === shown[i])) {
      return;
    }
    const isOnlyStepSize = isSame.every((value, i) => i === 2 || value === shown[i]);
    shown = isSame;
    const after = descent.line.loss(settings.stepSize);
    const { losses, surprisals } = descent;
    const at: StepLine = { ...descent.curve, stepSize: settings.stepSize, after, unit };
    formula.update(descent, settings.stepSize);
    line.update(at);
    setText(verdict, verdictOf(at));
    if (isOnlyStepSize) {
      return;
    }
    const [before, now] = [losses[0], losses[losses.length - 1]];
    setText(stepsTaken, count(losses.length - 1));
    setText(lossNow, strings.fromTo(surprisal(before, unit), surprisal(now, unit)));
    setText(probabilityName, strings.probability(token.target.visible));
    setText(
      probabilityNow,
      strings.fromTo(probability(surprisals[0]), probability(surprisals[surprisals.length - 1])),
    );
    again.disabled = losses.length === 1;
    gradient.update({ token, slopes: descent.gradient, ...targetOf(descent) });
    history.update({ losses, surprisals, floor: descent.floor, unit });
  };
  return {
    element,
    update(state) {
      latest = state;
      show();
    },
  };
}

/** The log-sum-exp tells the logits of one scoring from those of the next without looking at them all. */
function keyOf({ document, model, settings }: PageState, token: PanelToken): string {
  return JSON.stringify([
    document?.uri,
    model?.name,
    token.index,
    token.target.id,
    token.target.logit,
    token.logSumExp,
    settings.epsilon,
  ]);
}

function begin(key: string, token: PanelToken, logits: Float32Array, epsilon: number): Descent {
  const { gradient, line } = lineFrom(logits, token.target.id, epsilon);
  return {
    key,
    token,
    epsilon,
    logits,
    gradient,
    line,
    curve: curveOf(line),
    losses: [line.loss(0)],
    surprisals: [surprisalOf(logits, token.target.id)],
    floor: entropyOf(smoothedTarget(logits.length, token.target.id, epsilon)),
  };
}

function lineFrom(logits: ArrayLike<number>, target: number, epsilon: number) {
  const gradient = logitsGradient(logits, target, epsilon);
  return { gradient, line: alongGradient(logits, gradient, target, epsilon, STEP_SIZES.largest) };
}

/** Takes one step. */
function descend(descent: Descent, stepSize: number): void {
  const target = descent.token.target.id;
  descent.logits = gradientStep(descent.logits, descent.gradient, stepSize);
  const { gradient, line } = lineFrom(descent.logits, target, descent.epsilon);
  descent.gradient = gradient;
  descent.line = line;
  descent.losses.push(line.loss(0));
  descent.surprisals.push(surprisalOf(descent.logits, target));
}

function curveOf(line: GradientLine): Descent['curve'] {
  const best = bestStepSize(line, STEP_SIZES.largest);
  return {
    before: line.loss(0),
    losses: GRID.map((stepSize) => line.loss(stepSize)),
    ...(best !== undefined && { best: { stepSize: best, loss: line.loss(best) } }),
  };
}

/** p at the token in the text, and at any other. */
function targetOf({ epsilon, logits }: Descent): { target: number; other: number } {
  const other = epsilon / logits.length;
  return { target: 1 - epsilon + other, other };
}

function verdictOf({ stepSize, before, after, best, unit }: StepLine): string {
  const size = significantText(stepSize);
  const [from, to] = [surprisal(before, unit), surprisal(after, unit)];
  if (!best) {
    return strings.falls(size, from, to);
  }
  const optimum = significantText(best.stepSize);
  if (after > before) {
    return strings.rises(size, from, to, optimum);
  }
  return (stepSize > best.stepSize ? strings.over : strings.short)(size, from, to, optimum);
}

interface Formula {
  readonly element: HTMLElement;
  update(descent: Descent, stepSize: number): void;
}

function makeFormula(): Formula {
  const q = slot('gradient-q');
  const p = slot('gradient-p');
  const slope = slot('gradient-target');
  const logit = slot('step-logit');
  const eta = slot('step-eta');
  const slopeAgain = slot('gradient-target-again');
  const next = slot('step-next-logit');
  const v = () => variable('v');
  const y = () => variable('y');
  const z = (index: () => MathMLElement) => sub(variable('z'), index());
  const loss = () => linked('loss', row(variable('H'), '(', variable('p'), ',', variable('q'), ')'));
  const difference = (name: string, index: () => MathMLElement) =>
    linked(name, row(sub(variable('q'), index()), '−', sub(variable('p'), index())));
  const stepSize = () => linked('step-size', variable('η'));
  const slopeOf = (index: () => MathMLElement) =>
    fraction(row(operator('∂'), loss()), row(operator('∂'), z(index)));
  const formula = aligned(
    [slopeOf(v), '=', difference('gradient', v)],
    [slopeOf(y), '=', row(q.element, '−', p.element, '=', linked('gradient-target', slope.element))],
    [z(y), '←', row(z(y), '−', stepSize(), '(', difference('gradient-target', y), ')')],
    [
      same(),
      '=',
      row(
        logit.element,
        '−',
        linked('step-size', eta.element),
        '·',
        '(',
        linked('gradient-target', slopeAgain.element),
        ')',
      ),
    ],
    [same(), '=', next.element],
  );
  const element = formulaFrame(strings.formula, formula);
  return {
    element,
    update(descent, size) {
      const { id } = descent.token.target;
      const { target } = targetOf(descent);
      const slopeNow = descent.gradient[id];
      const at = descent.logits[id];
      q.write(fixed(slopeNow + target, 4));
      p.write(fixed(target, 4));
      slope.write(fixed(slopeNow, 4));
      slopeAgain.write(fixed(slopeNow, 4));
      logit.write(fixed(at, 4));
      eta.write(significantText(size));
      next.write(fixed(at - size * slopeNow, 4));
    },
  };
}
