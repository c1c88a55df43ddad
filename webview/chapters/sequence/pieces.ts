/**
 * Why perplexity does not compare across tokenizers, and bits per byte does: the same total loss, cut into tokens or
 * into bytes, is a rectangle of the same area.
 */
import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { bitsPerByte, perplexity } from '../../../src/loss/formulas';
import { toUnit } from '../../../src/loss/units';
import type { PanelSequence, PanelUnit } from '../../../src/panel/messages';
import { type ChartArea, makeChart } from '../../chart';
import { slider } from '../../controls';
import type { Cell } from '../../csv';
import { html, setAttribute, setText, svg } from '../../dom';
import { count, fixed, fixedAmount, rounded } from '../../format';
import { linked } from '../../link';
import {
  aligned,
  apply,
  constant,
  formulaFrame,
  linkedSlot,
  operator,
  row,
  sub,
  sum,
  variable,
  words,
} from '../../math';
import { pixels, placeText, showMark } from '../../svg';
import { sequenceStrings as strings } from '../sequence.strings';
import { type Box, makeAxes, makeLegend } from './axes';
import type { Measure } from './totals';

/** How many tokens another tokenizer may need for the same text, as a share of this one's. */
const FEWEST = 0.5;
const MOST = 2;
/** The picture goes up to this share of its largest values. */
const ROOM = 1.08;
const CURVE_POINTS = 80;

/** Makes the identity with its numbers, the picture, and a slider for another tokenizer. */
export function makePieces(): Measure {
  let shown: { sequence: PanelSequence; unit: PanelUnit } | undefined;
  let share = 0.7;
  /** How many tokens the other tokenizer needs: a whole number, which all of its numbers are computed from. */
  const othersOf = ({ scored }: PanelSequence) => Math.max(1, Math.round(share * scored));
  const formula = makeIdentity();

  const axesLayer = svg('g');
  const hyperbola = linked('total', svg('path', { class: 'pieces-total' }));
  const tokens = linked('tokens', svg('path', { class: 'pieces-tokens' }));
  const other = linked('other', svg('path', { class: 'pieces-other' }));
  const bytes = linked('bytes', svg('path', { class: 'pieces-bytes' }));
  // The height of a rectangle is its loss per piece: L, whose power of e is the perplexity, or the bits per byte.
  const meanHeight = linked('mean', svg('path', { class: 'pieces-height' }));
  const byteHeight = linked('bits-per-byte', svg('path', { class: 'pieces-height is-bytes' }));
  const perplexityLabel = linked(
    'perplexity',
    svg('text', { class: 'label outlined', test: 'pieces-perplexity' }),
  );
  const byteLabel = linked(
    'bits-per-byte',
    svg('text', { class: 'label outlined', test: 'pieces-bits-per-byte' }),
  );
  const top = svg('g');
  const axes = makeAxes(axesLayer);
  const legend = makeLegend(top);

  function draw({ svg: picture, width, height }: ChartArea): void {
    if (!shown) {
      return;
    }
    if (!axesLayer.parentNode) {
      picture.append(axesLayer, bytes, tokens, other, hyperbola);
      picture.append(byteHeight, meanHeight, byteLabel, perplexityLabel, top);
    }
    const { sequence, unit } = shown;
    const total = toUnit(sequence.nats, unit);
    const legendHeight = legend.update(width, [
      { shape: 'area', mark: 'pieces-tokens', label: strings.piecesTokens(count(sequence.scored)) },
      {
        shape: 'area',
        mark: 'pieces-other',
        label: strings.piecesOther(count(othersOf(sequence))),
      },
      { shape: 'area', mark: 'pieces-bytes', label: strings.piecesBytes(count(sequence.bytes)) },
      { shape: 'line', mark: 'pieces-total', label: strings.piecesTotal },
    ]);
    const box: Box = { left: 38, right: width - 10, top: legendHeight + 22, bottom: height - 36 };
    const most = ROOM * Math.max(sequence.bytes, MOST * sequence.scored);
    const highest = (ROOM * total) / (FEWEST * sequence.scored);
    const x = scaleLinear([0, most], [box.left, box.right]);
    const y = scaleLinear([0, Math.max(Number.MIN_VALUE, highest)], [box.bottom, box.top]);
    axes.update(
      box,
      x.ticks(Math.max(2, Math.floor(width / 90))).map((value) => ({ at: x(value), label: count(value) })),
      y.ticks(4).map((value) => ({ at: y(value), label: String(value) })),
      { x: strings.axisPieces, y: strings.axisPerPiece(strings.units[unit]) },
    );
    const rectangle = (pieces: number) =>
      `M${pixels(x(0))} ${pixels(y(0))}V${pixels(y(total / pieces))}H${pixels(x(pieces))}V${pixels(y(0))}z`;
    setAttribute(tokens, 'd', rectangle(sequence.scored));
    setAttribute(other, 'd', rectangle(othersOf(sequence)));
    setAttribute(bytes, 'd', rectangle(Math.max(1, sequence.bytes)));
    const edge = (pieces: number) => `M${pixels(x(0))} ${pixels(y(total / pieces))}H${pixels(x(pieces))}`;
    setAttribute(meanHeight, 'd', edge(sequence.scored));
    setAttribute(byteHeight, 'd', edge(Math.max(1, sequence.bytes)));
    const choices = rounded(perplexity(sequence.nats / sequence.scored));
    placeText(perplexityLabel, strings.piecesPerplexity(choices), x(0) + 6, y(total / sequence.scored) + 16);
    showMark(byteLabel, sequence.bytes > 0);
    if (sequence.bytes > 0) {
      const perByte = fixed(bitsPerByte(sequence.nats, sequence.bytes), 3);
      const middle = (y(0) + y(total / sequence.bytes)) / 2;
      placeText(byteLabel, strings.piecesBitsPerByte(perByte), x(sequence.bytes) - 8, middle + 4, 'end');
    }
    // Even steps along the logarithm, so that the bend has its points.
    const from = FEWEST * sequence.scored;
    const curve = Array.from({ length: CURVE_POINTS + 1 }, (_, i): [number, number] => {
      const pieces = from * (most / from) ** (i / CURVE_POINTS);
      return [x(pieces), y(total / pieces)];
    });
    setAttribute(hyperbola, 'd', line()(curve) ?? '');
  }

  const rowsOf = (): Cell[][] => {
    if (!shown) {
      return [];
    }
    const { sequence, unit } = shown;
    const cut = (name: string, pieces: number, hasPerplexity: boolean) => [
      name,
      pieces,
      toUnit(sequence.nats / pieces, unit),
      hasPerplexity ? perplexity(sequence.nats / pieces) : Number.NaN,
      sequence.bytes > 0 ? bitsPerByte(sequence.nats, sequence.bytes) : Number.NaN,
    ];
    return [
      cut(strings.thisTokenizer, sequence.scored, true),
      cut(strings.otherTokenizer, othersOf(sequence), true),
      cut(strings.bytes, Math.max(1, sequence.bytes), false),
    ];
  };
  const chart = makeChart({
    test: 'loss-pieces',
    title: strings.piecesTitle,
    height: 260,
    draw,
    describe: () => strings.piecesLabel,
    columns: () => strings.piecesColumns(shown?.unit ?? 'bits'),
    rows: rowsOf,
  });
  const sentence = linked('other', html('p', { test: 'other-tokenizer' }));
  const refresh = () => {
    if (shown) {
      const { nats, scored } = shown.sequence;
      const others = othersOf(shown.sequence);
      setText(
        sentence,
        strings.other(
          fixedAmount(nats / others, shown.unit, 2),
          strings.units[shown.unit],
          rounded(perplexity(nats / others)),
          rounded(perplexity(nats / scored)),
        ),
      );
    }
    chart.refresh();
  };
  const control = slider({
    test: 'other-tokenizer-slider',
    label: strings.otherSlider,
    min: 100 * FEWEST,
    max: 100 * MOST,
    step: 5,
    format: (value) => strings.percent(String(value)),
    onInput(value) {
      share = value / 100;
      refresh();
    },
  });
  control.set(100 * share);
  return {
    element: html(
      'div',
      { class: 'sequence-part pieces' },
      html('div', { class: 'pieces-picture' }, chart.element, control.element, sentence),
      html('div', { class: 'pieces-reason' }, html('p', { text: strings.piecesText }), formula.element),
    ),
    update(sequence, unit) {
      shown = { sequence, unit };
      formula.update(sequence);
      refresh();
    },
  };
}

/** N · L = Σ s = B · BPB · ln 2, with the numbers below. */
function makeIdentity(): { element: HTMLElement; update(sequence: PanelSequence): void } {
  const tokens = linkedSlot('tokens', 'identity-tokens');
  const mean = linkedSlot('mean', 'identity-mean');
  const total = linkedSlot('total', 'identity-nats');
  const again = linkedSlot('total', 'identity-nats-again');
  const bytes = linkedSlot('bytes', 'identity-bytes');
  const perByte = linkedSlot('bits-per-byte', 'identity-bits-per-byte');
  const element = formulaFrame(
    strings.piecesTitle,
    aligned(
      [
        linked('total', row(sum(variable('t')), sub(variable('s'), variable('t')))),
        '=',
        row(linked('tokens', variable('N')), operator('·'), linked('mean', variable('L'))),
      ],
      [total.element, '≈', row(tokens.element, operator('·'), mean.element, words(strings.units.nats))],
      [
        linked('total', row(sum(variable('t')), sub(variable('s'), variable('t')))),
        '=',
        row(
          linked('bytes', variable('B')),
          operator('·'),
          linked('bits-per-byte', apply('BPB')),
          operator('·'),
          apply('ln'),
          constant('2'),
        ),
      ],
      [
        again.element,
        '≈',
        row(
          bytes.element,
          operator('·'),
          perByte.element,
          operator('·'),
          constant(fixed(Math.LN2, 4)),
          words(strings.units.nats),
        ),
      ],
    ),
  );
  return {
    element,
    update(sequence) {
      total.write(fixed(sequence.nats, 1));
      again.write(fixed(sequence.nats, 1));
      tokens.write(count(sequence.scored));
      mean.write(fixed(sequence.nats / sequence.scored, 4));
      bytes.write(count(sequence.bytes));
      perByte.write(sequence.bytes > 0 ? fixed(bitsPerByte(sequence.nats, sequence.bytes), 4) : '–');
    },
  };
}
