/** The words of the chapter on the whole document. Numbers come in already formatted. */
import type { TokenKind } from '../../src/loss/tokenKind';
import type { PanelUnit } from '../../src/panel/messages';

export const sequenceStrings = {
  title: 'The whole document',
  text: 'The loss of a text is the mean surprisal of its tokens, and perplexity turns it back into a number of choices. A few tokens carry most of it: the charts show which ones, and where.',
  partial: (scored: string, tokens: string) =>
    `So far ${scored} of ${tokens} tokens are scored, and the numbers are those of this part.`,
  loading: 'The losses of the document are on their way.',
  tooLarge: (tokens: string, most: string) =>
    `This document has ${tokens} tokens; the charts are for documents of up to ${most}. The numbers above are those of all of it.`,

  units: { bits: 'bits', nats: 'nats', hartleys: 'hartleys' } satisfies Record<PanelUnit, string>,
  tokens: 'tokens',
  bytes: 'bytes',
  percent: (number: string) => `${number}\u00a0%`,
  percentBelow: (number: string) => `<\u00a0${number}\u00a0%`,

  // The three numbers
  meanLoss: 'Mean loss',
  perToken: (unit: string) => `${unit} per token`,
  perplexity: 'Perplexity',
  perplexityText: (choices: string) => `as unsure as choosing among ${choices} equal tokens`,
  bitsPerByte: 'Bits per byte',
  perByte: 'of UTF-8 text',

  // The loss over the document
  lossChart: 'Loss over the document',
  lossChartLabel: (first: string, last: string, highest: string) =>
    `The surprisal of the tokens from line ${first} to line ${last}, with the mean so far; the highest in the document is ${highest}.`,
  lossColumns: (unit: string, isSingle: boolean) =>
    isSingle
      ? ['Token', 'Line', 'Text', `Surprisal (${unit})`, `Mean so far (${unit})`, `After training (${unit})`]
      : [
          'First token',
          'Last token',
          'First line',
          'Last line',
          `Mean (${unit})`,
          `Highest (${unit})`,
          `Mean so far (${unit})`,
          `Mean after training (${unit})`,
        ],
  axisLine: 'line',
  axisLoss: (unit: string) => `surprisal in ${unit}`,
  legendToken: 'token',
  legendPeak: 'highest',
  legendMean: 'mean',
  legendSoFar: 'mean so far',
  legendAdapted: 'after training',
  legendMissing: 'not scored',
  legendCursor: 'the cursor’s token',
  readoutPointer: 'Here:',
  readoutCursor: 'At the cursor:',
  readoutNone: 'Point at the chart to read a token.',
  readout: (
    line: string,
    surprisal: string | undefined,
    soFar: string | undefined,
    adapted: string | undefined,
  ) =>
    [
      `line ${line}`,
      surprisal ?? 'not scored yet',
      ...(soFar ? [`mean so far ${soFar}`] : []),
      ...(adapted ? [`after training ${adapted}`] : []),
    ].join(' · '),
  lossButtons: 'Stretch of the document',
  zoomIn: 'Zoom in',
  zoomOut: 'Zoom out',
  wholeDocument: 'Whole document',
  goToPeak: 'Go to the highest',
  selectInEditor: 'Select in the editor',
  lossHelp:
    'A click goes to the token, a drag zooms in, with Shift it selects in the editor; Ctrl and the wheel zoom.',
  overview: 'Overview of the document',
  overviewParts: {
    window:
      'Shown part. Arrow keys move it, plus and minus zoom, Escape shows all, Enter selects it in the editor',
    first: 'Beginning of the shown part',
    end: 'End of the shown part',
  },
  shown: (first: string, last: string) => (first === last ? `Line ${first}` : `Lines ${first} to ${last}`),

  // How it is spread
  histogram: 'Tokens and loss by surprisal',
  histogramLabel: (tokens: string, loss: string, bin: number) =>
    `Bin ${bin + 1} carries the most: ${tokens} of the tokens and ${loss} of the loss.`,
  axisSurprisal: (unit: string) => `surprisal in ${unit}`,
  legendTokens: 'share of the tokens',
  legendLoss: 'share of the loss',
  columnBin: 'Surprisal',
  columnKind: 'Kind',
  columnTokensShare: 'Share of the tokens',
  columnLossShare: 'Share of the loss',
  groupColumns: (first: string, unit: string) => [
    first,
    'Tokens',
    sequenceStrings.columnTokensShare,
    `Loss (${unit})`,
    sequenceStrings.columnLossShare,
    `Mean (${unit})`,
  ],
  kindsTitle: 'Tokens and loss by kind',
  kindsLabel: (kind: string, tokens: string, loss: string) =>
    `The kind “${kind}” carries the most: ${tokens} of the tokens and ${loss} of the loss.`,
  kinds: {
    word: 'begins a word',
    continuation: 'inside a word',
    number: 'number',
    punctuation: 'punctuation',
    whitespace: 'blanks',
    other: 'other',
  } satisfies Record<TokenKind, string>,
  concentration: 'A few tokens carry most of the loss',
  axisTopTokens: 'most surprising tokens',
  axisShareOfLoss: 'share of the loss',
  equalLoss: 'if all were equal',
  topTokens: 'Most surprising tokens',
  columnTopTokens: 'Most surprising tokens',
  share: (share: string, tokens: string, all: string, loss: string) =>
    `${share} of the tokens (${tokens} of ${all}) carry ${loss} of the loss.`,
  linesTitle: 'The most expensive lines',
  columnLine: 'Line',
  columnText: 'Text',
  columnLoss: 'Loss',
  columnShare: 'Share',
  goToLine: (line: string) => `Line ${line}: go to its most surprising token`,
  linesNote: (lines: number, share: string) =>
    lines === 1
      ? `This line carries ${share} of the loss.`
      : `These ${lines} lines carry ${share} of the loss.`,

  // Tokens against bytes
  piecesTitle: 'The same loss in tokens and in bytes',
  piecesText:
    'The same text cut into fewer tokens has a higher loss per token, though nothing was predicted worse. So perplexity compares models with the same tokenizer only; bits per byte divides by what no tokenizer changes.',
  piecesLabel:
    'Rectangles of the same area, the total loss: many pieces with little loss each, or few with much. The number of tokens depends on the tokenizer, the number of bytes does not.',
  piecesColumns: (unit: string) => [
    'Cut into',
    'Pieces',
    `Loss per piece (${unit})`,
    'Perplexity',
    'Bits per byte',
  ],
  piecesTokens: (tokens: string) => `${tokens} tokens`,
  piecesOther: (tokens: string) => `${tokens} tokens of another tokenizer`,
  piecesBytes: (bytes: string) => `${bytes} bytes`,
  piecesPerplexity: (choices: string) => `PPL ${choices}`,
  piecesBitsPerByte: (perByte: string) => `BPB ${perByte}`,
  piecesTotal: 'total loss (equal areas)',
  axisPieces: 'pieces that the text is cut into',
  axisPerPiece: (unit: string) => `${unit} per piece`,
  thisTokenizer: 'tokens of this model',
  otherTokenizer: 'tokens of another tokenizer',
  otherSlider: 'Tokens that another tokenizer needs',
  other: (loss: string, unit: string, perplexity: string, own: string) =>
    `At the same total loss it would have ${loss} ${unit} per token and a perplexity of ${perplexity} instead of ${own}; its bits per byte stay as they are.`,
} as const;
