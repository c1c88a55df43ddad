/**
 * Every word that the page shows, in one place, ready to be translated: whole sentences, no pieces to be put
 * together. Numbers come in already formatted.
 */
export const strings = {
  page: 'Surprisal explainer',

  unit: 'Unit of surprisal',
  bits: 'bits',
  nats: 'nats',
  hartleys: 'hartleys',
  modelOnDevice: (model: string, device: string) => `${model} · ${device}`,

  pin: 'Pin',
  pinTitle: 'Stay with this document and token while the cursor moves',
  chaptersLabel: 'Chapters',
  chapters: {
    distribution: 'The distribution',
    logarithm: 'The logarithm',
    loss: 'The loss',
    sequence: 'The sequence',
    learning: 'Learning',
  },

  // Places
  line: (number: string) => `Line ${number}`,
  lineTokens: (number: string) =>
    `Tokens of line ${number}. The arrow keys go from token to token, and the editor follows.`,
  chip: (token: string, surprisal: string) => `${token}: ${surprisal}`,
  chipNotScored: (token: string) => `${token}: not scored yet`,
  part: (token: string, number: string, of: string) => `${token} (piece ${number} of ${of})`,
  position: (line: string, column: string) => `Line ${line}, column ${column}`,
  context: (tokens: string, page: string) =>
    tokens === '1' ? `1 token of context, page ${page}` : `${tokens} tokens of context, page ${page}`,
  contextAlone: (tokens: string) => (tokens === '1' ? '1 token of context' : `${tokens} tokens of context`),
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

  // The selection
  selected: (tokens: string) => `${tokens} tokens together`,
  selectedPartly: (tokens: string, scored: string) =>
    `${tokens} tokens together, ${scored} of them scored so far`,
  jointLogProbability: 'Joint log probability',
  jointFormula: 'log q = −Σ s',
  perTokenShort: 'per token',
  choicesPerToken: 'equal choices per token',
  bytesOfText: (bytes: string) => `${bytes} bytes of text`,
  selectionAnnouncement: (tokens: string, logProbability: string, q: string) =>
    `${tokens} tokens selected: joint log probability ${logProbability}, probability ${q}.`,

  // The document
  meanLoss: 'Mean loss',
  perplexity: 'Perplexity',
  bitsPerByte: 'Bits per byte',

  // States
  noDocumentTitle: 'No document',
  noDocument: 'Open a text file and put the cursor on a word: this panel explains how the model read it.',
  emptyTitle: 'Nothing to explain yet',
  empty: 'The document is empty. Type something, and its tokens appear here.',
  openFile: 'Open a file…',
  unsupportedTitle: 'This document has no scores',
  partly: (characters: string, of: string) =>
    `A large document: ${characters} of its ${of} characters are scored, those on screen and around them. All numbers of the document are those of this part.`,
  scoreAll: 'Score all of it',
  unpin: 'Unpin',
  offTitle: 'The model is not running',
  off: 'Start it to see what it makes of this document.',
  start: 'Start',
  phases: {
    starting: 'Starting the engine',
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

  // Charts
  chartTools: (title: string) => `Table and copies: ${title}`,
  table: 'Table',
  tableOf: (title: string) => `Table: ${title}`,
  tableMore: (shown: string, rows: string) =>
    `The first ${shown} of ${rows} rows. Copy CSV takes all of them.`,
  copyLabel: 'Copy',
  formats: { svg: 'SVG', png: 'PNG', csv: 'CSV' },
  copy: { svg: 'Copy SVG', png: 'Copy PNG', csv: 'Copy CSV' },
  copied: 'Copied',
  copiedFormat: (format: string) => `Copied as ${format}.`,
  copyFailed: (reason: string) => `Could not copy: ${reason}`,
} as const;
