/**
 * Every word that the page shows, in one place, ready to be translated: whole sentences, no pieces to be put
 * together. Numbers come in already formatted.
 */
import type { Verdict } from './verdict';

export const strings = {
  page: 'Surprisal explainer',

  unit: 'Unit of surprisal',
  bits: 'bits',
  nats: 'nats',
  modelOnDevice: (model: string, device: string) => `${model} · ${device}`,

  // Places
  line: (number: string) => `Line ${number}`,
  lineTokens: (number: string) =>
    `Tokens of line ${number}. The arrow keys go from token to token, and the editor follows.`,
  chip: (token: string, surprisal: string) => `${token}: ${surprisal}`,
  chipNotScored: (token: string) => `${token}: not scored yet`,
  part: (token: string, number: string, of: string) => `${token} (piece ${number} of ${of})`,
  position: (line: string, column: string) => `Line ${line}, column ${column}`,
  context: (tokens: string, page: string) => `${tokens} tokens of context, page ${page}`,
  contextNone: (page: string) => `no context: the first token of page ${page}`,
  nearest: 'The cursor is on no token. This is the nearest one.',

  // The numbers of the token
  surprisal: 'Surprisal',
  probability: 'Probability',
  rank: 'Rank',
  entropy: 'Entropy',
  rankOf: (vocabulary: string) => `of ${vocabulary}`,
  expectedOnAverage: 'expected',
  probabilityNumber: (q: string) => `q = ${q}`,
  announcement: (token: string, surprisal: string, probability: string, rank: string, vocabulary: string) =>
    `Token ${token}: ${surprisal}, probability ${probability}, rank ${rank} of ${vocabulary}.`,

  // The distribution
  distribution: 'What the model expected',
  distributionText: (vocabulary: string) =>
    `From the text before this place, the model gave each of its ${vocabulary} tokens a probability; together they make 100 %. These are the most probable ones, and ▶ marks the one that is in the text.`,
  distributionTable: 'The most probable tokens at this place, best first, and the token that is there',
  columnRank: 'Rank',
  columnToken: 'Token',
  columnBar: 'Bar',
  columnProbability: 'Probability',
  columnSurprisal: 'Surprisal',
  mark: '▶',
  inTheText: 'in the text',
  rest: (tokens: string) => `${tokens} others`,
  skipped: (tokens: string) => `${tokens} tokens in between`,

  // The logarithm
  logarithm: 'The loss of this token',
  logarithmText:
    'Cross-entropy loss is the negative logarithm of the probability that the token got: nothing for a token that was certain, without bound for one that was thought impossible.',
  curveLabel: (probability: string, surprisal: string) =>
    `The curve of minus log q, with this token's point at a probability of ${probability} and a surprisal of ${surprisal}`,
  axisProbability: 'probability q',
  axisSurprisal: (unit: string) => `−log q in ${unit}`,
  curvePoint: (probability: string, surprisal: string) => `${probability} → ${surprisal}`,

  // Surprise against entropy
  surprise: 'Surprised, or just unsure?',
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
  deviationsAbove: (deviations: string) => `That is ${deviations} standard deviations above.`,
  deviationsBelow: (deviations: string) => `That is ${deviations} standard deviations below.`,
  surpriseTable: 'Surprisal of the token beside the entropy of the distribution',
  surprisalOfToken: 'surprisal s',
  entropyOfDistribution: 'entropy H',
  spread: (from: string, to: string) =>
    `The light band is one standard deviation around H, from ${from} to ${to}.`,

  // The sequence
  sequence: 'The whole document',
  sequenceText:
    'The loss of a text is the mean over its tokens. Perplexity turns it back into a number of choices, and bits per byte makes models with different tokens comparable.',
  sequencePartial: (scored: string, tokens: string) =>
    `So far ${scored} of ${tokens} tokens are scored, and the numbers are those of this part.`,
  meanLoss: 'Mean loss',
  perToken: (unit: string) => `${unit} per token`,
  perplexity: 'Perplexity',
  perplexityText: (choices: string) => `as unsure as choosing among ${choices} equal tokens`,
  bitsPerByte: 'Bits per byte',
  perByte: 'of UTF-8 text',
  tokens: 'tokens',
  bytes: 'bytes',

  // States
  noDocumentTitle: 'No document',
  noDocument: 'Open a text file and put the cursor on a word: this panel explains how the model read it.',
  emptyTitle: 'Nothing to explain yet',
  empty: 'The document is empty. Type something, and its tokens appear here.',
  unsupportedTitle: 'This document cannot be explained',
  offTitle: 'The model is not running',
  off: 'Start it to see what it makes of this document.',
  start: 'Start',
  phases: {
    starting: 'Starting the engine',
    downloading: 'Downloading the model',
    loading: 'Loading the model',
  },
  starting: 'The model runs on this machine; nothing of your text leaves it.',
  modelName: (model: string) => `${model}. The model runs on this machine; nothing of your text leaves it.`,
  failedTitle: 'The model could not be used',
  retry: 'Try again',
  preparingTitle: 'Reading the document',
  preparing: 'The first tokens will be there in a moment.',
  waitingTitle: 'Scoring the document',
  waiting: 'The token under the cursor has its turn soon.',
  scoring: (done: string, total: string) => `Scoring: ${done} of ${total} tokens`,
  progress: 'Progress',
} as const;
