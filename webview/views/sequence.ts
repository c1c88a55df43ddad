/** The whole sequence: its mean loss, its perplexity and its bits per byte, worked out. */

import { bitsPerByte, perplexity as perplexityOf } from '../../src/loss/formulas';
import type { PanelSequence, PanelUnit } from '../../src/panel/messages';
import { chapter } from '../chapter';
import { html, setShown, setText } from '../dom';
import { count, fixed, fixedAmount, rounded } from '../format';
import {
  aligned,
  apply,
  constant,
  fraction,
  operator,
  row,
  same,
  slot,
  sub,
  sum,
  sup,
  variable,
  wordSlot,
  words,
} from '../math';
import { strings } from '../strings';
import type { View } from '../view';

/** Makes the chapter on the whole document. */
export function makeSequence(): View {
  const mean = makeMean();
  const perplexity = makePerplexity();
  const bytes = makeBitsPerByte();
  const partial = html('p', { class: 'notice', test: 'partial' });
  const { element, text } = chapter(
    'sequence',
    strings.sequence,
    partial,
    html('div', { class: 'measures' }, mean.element, perplexity.element, bytes.element),
  );
  setText(text, strings.sequenceText);
  return {
    element,
    update({ sequence, unit, token }) {
      // Without a scored token there is no mean.
      setShown(element, token !== undefined && sequence !== undefined && sequence.scored > 0);
      if (!sequence || sequence.scored === 0) {
        return;
      }
      setShown(partial, sequence.scored < sequence.tokens);
      setText(partial, strings.sequencePartial(count(sequence.scored), count(sequence.tokens)));
      mean.update(sequence, unit);
      perplexity.update(sequence, unit);
      bytes.update(sequence, unit);
    },
  };
}

interface Measure {
  readonly element: HTMLElement;
  update(sequence: PanelSequence, unit: PanelUnit): void;
}

function makeFrame(label: string, test: string, formula: MathMLElement) {
  const value = html('span', { class: 'tile-value', test });
  const note = html('p', { class: 'quiet', test: `${test}-note` });
  const element = html(
    'div',
    { class: 'measure' },
    html('h3', { class: 'quiet', text: label }),
    html('p', {}, value),
    note,
    html(
      'div',
      { class: 'formula-frame', attributes: { tabindex: '0', role: 'group', 'aria-label': label } },
      formula,
    ),
  );
  return { element, value, note };
}

function makeMean(): Measure {
  const total = slot('sequence-nats');
  const tokens = slot('sequence-tokens');
  const nats = slot('mean-loss-nats');
  const bits = slot('mean-loss-bits');
  const unit = words(strings.nats);
  const formula = aligned(
    [
      variable('L'),
      '=',
      row(fraction(constant('1'), variable('N')), sum(variable('t')), sub(variable('s'), variable('t'))),
    ],
    [same(), '=', fraction(row(total.element, unit), row(tokens.element, words(strings.tokens)))],
    [same(), '=', row(nats.element, words(strings.nats))],
    [same(), '=', row(bits.element, words(strings.bits))],
  );
  const frame = makeFrame(strings.meanLoss, 'mean-loss', formula);
  return {
    element: frame.element,
    update(sequence, shown) {
      const mean = sequence.nats / sequence.scored;
      setText(frame.value, fixedAmount(mean, shown, 3));
      setText(frame.note, strings.perToken(shown));
      total.write(fixed(sequence.nats, 1));
      tokens.write(count(sequence.scored));
      nats.write(fixed(mean, 4));
      bits.write(fixedAmount(mean, 'bits', 4));
    },
  };
}

function makePerplexity(): Measure {
  const mean = slot();
  const value = slot('perplexity-value');
  const formula = aligned(
    [apply('PPL'), '=', sup(variable('e'), variable('L'))],
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

function makeBitsPerByte(): Measure {
  const bits = slot('sequence-bits');
  const bytes = slot('sequence-bytes');
  const value = slot('bits-per-byte-value');
  const byteWord = wordSlot();
  const formula = aligned(
    [
      apply('BPB'),
      '=',
      fraction(
        row(sum(variable('t')), sub(variable('s'), variable('t'))),
        row(apply('ln'), constant('2'), operator('·'), variable('B')),
      ),
    ],
    [same(), '=', fraction(row(bits.element, words(strings.bits)), row(bytes.element, byteWord.element))],
    [same(), '=', value.element],
  );
  byteWord.write(strings.bytes);
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
