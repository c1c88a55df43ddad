/** The document in three numbers: mean loss, perplexity and bits per byte, each worked out. */
import { bitsPerByte, perplexity as perplexityOf } from '../../../src/loss/formulas';
import type { PanelSequence, PanelUnit } from '../../../src/panel/messages';
import { html, setText } from '../../dom';
import { count, fixed, fixedAmount, rounded } from '../../format';
import { linked } from '../../link';
import {
  aligned,
  apply,
  constant,
  formulaFrame,
  fraction,
  linkedSlot,
  operator,
  row,
  same,
  sub,
  sum,
  sup,
  variable,
  words,
} from '../../math';
import { sequenceStrings as strings } from '../sequence.strings';

/** One of the three. */
export interface Measure {
  readonly element: HTMLElement;
  update(sequence: PanelSequence, unit: PanelUnit): void;
}

const meanSymbol = () => linked('mean', variable('L'));
const tokensSymbol = () => linked('tokens', variable('N'));
const bytesSymbol = () => linked('bytes', variable('B'));
/** Σ s over the tokens. */
const totalSymbol = () => linked('total', row(sum(variable('t')), sub(variable('s'), variable('t'))));

function makeFrame(label: string, test: string, formula: MathMLElement) {
  const value = html('span', { class: 'tile-value', test });
  const note = html('p', { class: 'quiet', test: `${test}-note` });
  const element = html(
    'div',
    { class: 'measure' },
    html('h3', { class: 'quiet', text: label }),
    html('p', {}, value),
    note,
    formulaFrame(label, formula),
  );
  return { element, value, note };
}

/** L = Σ s / N. */
export function makeMean(): Measure {
  const total = linkedSlot('total', 'sequence-nats');
  const tokens = linkedSlot('tokens', 'sequence-tokens');
  const nats = linkedSlot('mean', 'mean-loss-nats');
  const bits = linkedSlot('mean', 'mean-loss-bits');
  const formula = aligned(
    [meanSymbol(), '=', fraction(totalSymbol(), tokensSymbol())],
    [
      same(),
      '=',
      fraction(row(total.element, words(strings.units.nats)), row(tokens.element, words(strings.tokens))),
    ],
    [same(), '=', row(nats.element, words(strings.units.nats))],
    [same(), '=', row(bits.element, words(strings.units.bits))],
  );
  const frame = makeFrame(strings.meanLoss, 'mean-loss', formula);
  return {
    element: frame.element,
    update(sequence, shown) {
      const mean = sequence.nats / sequence.scored;
      setText(frame.value, fixedAmount(mean, shown, 3));
      setText(frame.note, strings.perToken(strings.units[shown]));
      total.write(fixed(sequence.nats, 1));
      tokens.write(count(sequence.scored));
      nats.write(fixed(mean, 4));
      bits.write(fixedAmount(mean, 'bits', 4));
    },
  };
}

/** PPL = e^L. */
export function makePerplexity(): Measure {
  const mean = linkedSlot('mean', 'perplexity-mean');
  const value = linkedSlot('perplexity', 'perplexity-value');
  const formula = aligned(
    [linked('perplexity', apply('PPL')), '=', sup(variable('e'), meanSymbol())],
    [same(), '=', sup(variable('e'), mean.element)],
    [same(), '=', value.element],
  );
  const frame = makeFrame(strings.perplexity, 'perplexity', formula);
  return {
    element: frame.element,
    update(sequence) {
      const loss = sequence.nats / sequence.scored;
      const choices = rounded(perplexityOf(loss));
      setText(frame.value, choices);
      setText(frame.note, strings.perplexityText(choices));
      mean.write(fixed(loss, 4));
      value.write(choices);
    },
  };
}

/** BPB = Σ s / (ln 2 · B). */
export function makeBitsPerByte(): Measure {
  const bits = linkedSlot('total', 'sequence-bits');
  const bytes = linkedSlot('bytes', 'sequence-bytes');
  const value = linkedSlot('bits-per-byte', 'bits-per-byte-value');
  const formula = aligned(
    [
      linked('bits-per-byte', apply('BPB')),
      '=',
      fraction(totalSymbol(), row(apply('ln'), constant('2'), operator('·'), bytesSymbol())),
    ],
    [
      same(),
      '=',
      fraction(row(bits.element, words(strings.units.bits)), row(bytes.element, words(strings.bytes))),
    ],
    [same(), '=', value.element],
  );
  const frame = makeFrame(strings.bitsPerByte, 'bits-per-byte', formula);
  return {
    element: frame.element,
    update(sequence) {
      const { nats } = sequence;
      const perByte = sequence.bytes > 0 ? fixed(bitsPerByte(nats, sequence.bytes), 3) : '–';
      setText(frame.value, perByte);
      setText(frame.note, strings.perByte);
      bits.write(fixedAmount(nats, 'bits', 1));
      bytes.write(count(sequence.bytes));
      value.write(perByte);
    },
  };
}
