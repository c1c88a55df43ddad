/** The words of the chapter on the distribution. */
export const distributionStrings = {
  title: 'What the model expected',
  text: (vocabulary: string) =>
    `From the text before this place the model gives each of its ${vocabulary} tokens a logit z, and softmax turns them into probabilities that make 100 % together. A temperature T above 1 evens them out, one below 1 sharpens them.`,
  discrete:
    'Tokens are discrete: each has a probability of its own, the height of its bar; a continuous value has a density instead, which may exceed 1, and only an area under it is a probability.',

  temperature: 'Temperature T',
  reset: 'Reset to 1',
  top: 'Bars',
  noLogits: 'The temperature acts as soon as the model has answered again.',

  table: 'The most probable tokens at this place, best first, and the token that is there',
  columnRank: 'Rank',
  columnToken: 'Token',
  columnProbability: 'Probability',
  columnCumulative: 'Cumulative',
  columnSurprisal: (unit: string) => unit,
  mark: '▶',
  inTheText: 'in the text',
  rest: (tokens: string) => (tokens === '1' ? '1 other' : `${tokens} others`),
  skipped: (tokens: string) => (tokens === '1' ? '1 token in between' : `${tokens} tokens in between`),

  cumulative: 'Cumulative probability against rank, over all tokens',
  unknown: 'not known',
  cumulativeLabel: (halfRank: string, targetRank: string, targetMass: string) =>
    `Cumulative probability rises with rank: half of it is reached at rank ${halfRank}; the token in the text has rank ${targetRank}, and up to it there is ${targetMass}.`,
  axisRank: 'rank',
  targetRank: (rank: string) => `▶ rank ${rank}`,

  softmax: 'Logits to probabilities, step by step',
  steps: 'The steps of softmax for the token in the text and its strongest rival',
  step: 'Step',
  stepLogit: 'logit',
  stepScaled: 'divided by T',
  stepShifted: 'minus the largest',
  stepExponential: 'exponential',
  stepSum: (vocabulary: string) => `sum over ${vocabulary}`,
  stepProbability: 'probability',

  picture: 'Discrete and continuous',
  pictureLabel: (token: string, probability: string) =>
    `On the left a bar for each token, ${token} with the height ${probability}; on the right a density, with an area of ${probability} under it.`,
  heights: 'q, heights',
  density: 'density, areas',
  area: (probability: string) => `area ${probability}`,
  pictureHeight: 'Height = probability',
} as const;
