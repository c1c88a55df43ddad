/** The words of the chapter on the cross-entropy loss. */
import type { LossName } from '../../src/loss/lossCurves';
import type { Verdict } from '../../src/loss/verdict';

export const lossStrings = {
  title: 'Cross-entropy and entropy',
  text: 'Cross-entropy adds up −log q over all tokens, each weighted by the target p: with a one-hot p only the token in the text counts, while label smoothing gives a share ε of p to all tokens alike. It is the entropy of p, which no model can go below, plus the divergence KL(p‖q), which is 0 only where q equals p.',
  waiting: 'The numbers are there as soon as the model has answered again.',
  atTemperature: (temperature: string) => `at temperature ${temperature}`,

  epsilon: 'Label smoothing ε',
  oneHot: 'One-hot (ε = 0)',
  formula: 'The cross-entropy of this token as a formula, with its numbers',

  sum: 'The sum, term by term',
  columnToken: 'Token v',
  columnTarget: 'p',
  columnSurprisal: '−log q',
  columnTerm: '−p log q',
  mark: '▶',
  others: (tokens: string) => `${tokens} others`,
  mean: (value: string) => `⌀ ${value}`,
  total: 'H(p, q)',

  bars: 'What the loss is made of',
  barsLabel: (cross: string, own: string, divergence: string, entropy: string, excess: string) =>
    `Cross-entropy ${cross} is the entropy of p, ${own}, and the divergence, ${divergence}, one behind the other; below, the entropy of q, ${entropy}, and the excess, ${excess}, on the same scale.`,
  rowOneHot: 'one-hot p',
  rowSmoothed: (epsilon: string) => `p with ε = ${epsilon}`,
  rowEntropy: 'H(q) ± σ, expected',
  rowExcess: 's − H(q), excess',
  partEntropy: 'H(p)',
  partDivergence: 'KL(p‖q)',
  partSurprisal: 'KL(p‖q) = s',
  sumOf: (first: string, second: string, total: string) => `${first} + ${second} = ${total}`,
  plusMinus: (value: string, deviation: string) => `${value} ± ${deviation}`,
  columnBar: 'Bar',
  columnFrom: (unit: string) => `From (${unit})`,
  columnTo: (unit: string) => `To (${unit})`,

  standardFormula: 'The excess in standard deviations',
  verdicts: {
    'sure-right': 'Sure and right',
    'sure-near': 'Fairly sure, and a near miss',
    'sure-wrong': 'Sure and wrong',
    'unsure-right': 'Unsure, but right',
    'unsure-expected': 'Unsure, and it knew',
    'unsure-surprised': 'Unsure, and still surprised',
  } satisfies Record<Verdict, string>,
  verdictTexts: {
    'sure-right': (s: string, h: string) =>
      `The model had one clear favourite, and it was this token: a surprise of ${s}, where it expected ${h} on average.`,
    'sure-near': (s: string, h: string) =>
      `The model leaned towards another token, but kept this one in mind: a surprise of ${s}, where it expected ${h} on average.`,
    'sure-wrong': (s: string, h: string) =>
      `The model had one clear favourite, and something else came: a surprise of ${s}, where it expected only ${h} on average.`,
    'unsure-right': (s: string, h: string) =>
      `The model had no clear favourite, and its best guess came: a surprise of ${s}, where it expected ${h} on average.`,
    'unsure-expected': (s: string, h: string) =>
      `The model had no clear favourite, and said so: a surprise of ${s}, where it expected ${h} on average.`,
    'unsure-surprised': (s: string, h: string) =>
      `The model had no clear favourite, and even so this token stands out: a surprise of ${s}, where it expected ${h} on average.`,
  } satisfies Record<Verdict, (s: string, h: string) => string>,

  losses: 'Other losses of the same token',
  curves: 'Loss against q',
  pushes: 'Push on the logit',
  curvesLabel: (q: string, log: string, brier: string, absolute: string) =>
    `Three falling curves; at this token's probability of ${q} the log loss is ${log}, the Brier score ${brier}, and the absolute error ${absolute}.`,
  pushesLabel: (q: string, log: string, brier: string, absolute: string) =>
    `Towards an impossible token the push of the log loss goes to 1 and that of the others to 0; at this token's probability of ${q} they are ${log}, ${brier} and ${absolute}.`,
  lossNames: { log: 'Log loss', brier: 'Brier score', absolute: 'Absolute error' } satisfies Record<
    LossName,
    string
  >,
  exact:
    'Along the curves only the token’s own logit moves, and the other tokens keep their proportions; the points are exact.',
  columnLoss: 'Loss',
  columnValue: 'This token',
  columnLimit: 'As q → 0',
  columnPush: 'Push on z',
  unbounded: '∞',
  axisProbability: 'probability q',
  axisLoss: (unit: string) => `log loss in ${unit}, others without unit`,
  axisPush: '−∂loss/∂z: how hard a step pushes the token’s logit',
  columnProbability: 'q',
  columnLogLoss: (unit: string) => `Log loss (${unit})`,
  above: '↑',
} as const;
