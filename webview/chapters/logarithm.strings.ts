/** The words of the chapter on the logarithm. */
export const logarithmStrings = {
  title: 'The loss of this token',
  text: 'Cross-entropy loss is the negative logarithm of the probability that the token got: 0 for a certain token, without bound towards an impossible one. It is monotonic, so a larger probability always means a smaller loss. And it turns a product into a sum: the probabilities of a line’s tokens multiply, their losses add up.',
  unit: 'Base of the logarithm',
  bases: { bits: 'bits (base 2)', nats: 'nats (base e)', hartleys: 'hartleys (base 10)' },
  formula: 'The loss of this token as a formula',
  atTemperature: (temperature: string) =>
    `The formula and the curve show this token at temperature ${temperature}; its neighbours, and the product and the sum, are at 1.`,

  curve: 'The curve −log q',
  curveLabel: (probability: string, surprisal: string) =>
    `The falling curve of minus log q, with this token's point at a probability of ${probability} and a loss of ${surprisal}, and a tick for each token of the line.`,
  axisProbability: 'probability q',
  axisSurprisal: (unit: string) => `−log q in ${unit}`,
  point: (probability: string, surprisal: string) => `${probability} → ${surprisal}`,
  probe: 'Move along the curve: q',
  columnToken: 'Token',
  columnProbability: 'Probability',
  columnSurprisal: (unit: string) => `−log q in ${unit}`,
  thisToken: '▶',

  joint: {
    line: (line: string, tokens: string) =>
      tokens === '1'
        ? `A product becomes a sum: the only token of line ${line}`
        : `A product becomes a sum: the ${tokens} tokens of line ${line}`,
    selection: (tokens: string) => `A product becomes a sum: the ${tokens} selected tokens`,
    selectionCut: (tokens: string) => `A product becomes a sum: the first ${tokens} selected tokens`,
    cut: (tokens: string) => `A product becomes a sum: ${tokens} tokens around this one`,
  },
  jointFormula: 'The joint probability as a product, and its negative logarithm as a sum',
  jointNone: 'No token of this line has been scored yet.',
  jointLabel: (tokens: string, probability: string, total: string) =>
    tokens === '1'
      ? `Of one token the product is ${probability}, and the sum ${total}.`
      : `Over ${tokens} tokens the running product falls to ${probability}, and the running sum grows to ${total}.`,
  jointChart: 'Running product and running sum',
  product: 'running product',
  sum: (unit: string) => `running sum, ${unit}`,
  columnProduct: 'Product so far',
  columnSum: (unit: string) => `Sum so far in ${unit}`,
  underflow: 'float32 ends here',
  underflowsAt: (number: string, token: string) =>
    `Multiplied in float32, the product falls below the smallest normal number, 1.2\u00a0×\u00a010⁻³⁸, at token ${number} (${token}), and loses its digits from there on; the sum stays exact.`,
  underflowsAfter: (tokens: string, mean: string) =>
    `At this mean of ${mean} per token, a product in float32 would fall below the smallest normal number, 1.2\u00a0×\u00a010⁻³⁸, after ${tokens} tokens; the sum goes on.`,
  underflowsNever: 'These tokens are certain: their product stays at 1.',
} as const;
