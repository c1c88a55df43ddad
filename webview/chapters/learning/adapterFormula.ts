/** The adapter as a formula, its gradient, the update by AdamW, and how many parameters there are. */
import { html, mathml, setShown } from '../../dom';
import { count } from '../../format';
import { linked } from '../../link';
import {
  aligned,
  constant,
  formulaFrame,
  fraction,
  operator,
  row,
  same,
  slot,
  sub,
  sum,
  sup,
  variable,
} from '../../math';
import type { PageState } from '../../view';
import { learningStrings as strings } from '../learning.strings';
import { significantText } from './numbers';

export interface AdapterFormula {
  readonly element: HTMLElement;
  update(state: PageState): void;
}

const hat = (name: string) =>
  mathml('mover', { attributes: { accent: 'true' } }, variable(name), operator('^'));
const root = (inside: Element) => mathml('msqrt', {}, inside);
const bold = (name: string) => linked('parameters', variable(name));
const partial = (name: string) => fraction(row(operator('∂'), variable('L')), row(operator('∂'), bold(name)));
/** q − p of the i-th token of a minibatch. */
const difference = () =>
  linked(
    'gradient',
    row('(', sub(variable('q'), variable('i')), '−', sub(variable('p'), variable('i')), ')'),
  );
const mean = () => row(fraction(constant('1'), variable('n')), sum(variable('i')));

/** Makes the formulas of both adapters, of which the chosen one is shown. */
export function makeAdapterFormula(): AdapterFormula {
  const bias = makeUpdate(
    'bias',
    [variable('z'), '=', row(variable('W'), variable('h'), '+', bold('b'))],
    [partial('b'), '=', row(mean(), difference())],
  );
  const lowRank = makeUpdate(
    'low-rank',
    [variable('z'), '=', row(variable('W'), variable('h'), '+', bold('B'), bold('A'), variable('h'))],
    [
      partial('B'),
      '=',
      row(
        mean(),
        difference(),
        sup(row('(', variable('A'), sub(variable('h'), variable('i')), ')'), variable('T')),
      ),
    ],
    [
      partial('A'),
      '=',
      row(
        mean(),
        sup(variable('B'), variable('T')),
        difference(),
        sup(sub(variable('h'), variable('i')), variable('T')),
      ),
    ],
  );
  const biasCount = slot('parameter-count-bias');
  const biasParameters = math(row(bold('V'), '=', biasCount.element));
  const [rank, vocabulary, width] = [
    slot('parameter-rank'),
    slot('parameter-vocabulary'),
    slot('parameter-width'),
  ];
  const all = slot('parameter-count-low-rank');
  const widthSlot = row(width.element);
  const unknownWidth = row(variable('d'));
  const total = row('=', all.element);
  const lowRankParameters = math(
    row(
      variable('r'),
      '(',
      variable('d'),
      '+',
      variable('V'),
      ')',
      '=',
      rank.element,
      '(',
      widthSlot,
      unknownWidth,
      '+',
      vocabulary.element,
      ')',
      total,
    ),
  );
  const element = html(
    'div',
    { class: 'learning-stack' },
    formulaFrame(strings.adapterFormula, bias.element, lowRank.element),
    html(
      'p',
      { class: 'learning-parameters quiet', test: 'parameters' },
      `${strings.parameters} `,
      biasParameters,
      lowRankParameters,
    ),
  );
  const parameters = element.lastElementChild as HTMLElement;
  return {
    element,
    update(state) {
      const { adapter, rank: r, learningRate, weightDecay } = state.settings.training;
      const isBias = adapter === 'bias';
      for (const [formula, shown] of [
        [bias, isBias],
        [lowRank, !isBias],
      ] as const) {
        formula.element.classList.toggle('is-away', !shown);
        formula.update(learningRate, weightDecay);
      }
      const V = state.token?.vocabularySize;
      setShown(parameters, V !== undefined);
      if (V === undefined) {
        return;
      }
      const d = state.model?.hiddenSize;
      biasParameters.classList.toggle('is-away', !isBias);
      lowRankParameters.classList.toggle('is-away', isBias);
      biasCount.write(count(V));
      rank.write(count(r));
      vocabulary.write(count(V));
      widthSlot.classList.toggle('is-away', d === undefined);
      unknownWidth.classList.toggle('is-away', d !== undefined);
      total.classList.toggle('is-away', d === undefined);
      if (d !== undefined) {
        width.write(count(d));
        all.write(count(r * (d + V)));
      }
    },
  };
}

function math(content: Element): MathMLElement {
  return mathml('math', { class: 'formula learning-inline' }, content);
}

/** A line of {@link aligned}. */
type Line = readonly [left: Node | string, sign: string, right: Node | string];

/** The lines of an adapter, and below them the update with its numbers. */
function makeUpdate(test: string, ...lines: readonly Line[]) {
  const eta = slot(`${test}-eta`);
  const lambda = slot(`${test}-lambda`);
  const theta = () => linked('parameters', variable('θ'));
  const moments = () => fraction(hat('m'), row(root(hat('v')), '+', variable('ϵ')));
  const element = aligned(
    ...lines,
    [
      theta(),
      '←',
      row(
        theta(),
        '−',
        linked('learning-rate', variable('η')),
        '(',
        moments(),
        '+',
        linked('weight-decay', variable('λ')),
        theta(),
        ')',
      ),
    ],
    [
      same(),
      '=',
      row(
        theta(),
        '−',
        linked('learning-rate', eta.element),
        '(',
        moments(),
        '+',
        linked('weight-decay', lambda.element),
        '·',
        theta(),
        ')',
      ),
    ],
  );
  return {
    element,
    update(learningRate: number, weightDecay: number) {
      eta.write(significantText(learningRate));
      lambda.write(significantText(weightDecay));
    },
  };
}
