/** The whole document: three numbers for it, its loss from token to token, and what carries most of it. */
import './sequence.css';
import { SERIES_TOKENS } from '../../src/loss/statistics';
import type { PanelSequence, PanelSeries } from '../../src/panel/messages';
import { chapter } from '../chapter';
import { html, setShown, setText } from '../dom';
import { count } from '../format';
import type { MakeView, PageState } from '../view';
import { type Analysis, analyse } from './sequence/analysis';
import { makeLossChart } from './sequence/lossChart';
import { makePieces } from './sequence/pieces';
import { makeConcentration, makeHistogram, makeKinds, makeLines } from './sequence/spread';
import { makeBitsPerByte, makeMean, makePerplexity } from './sequence/totals';
import { sequenceStrings as strings } from './sequence.strings';

/** Makes the chapter on the whole document. */
export const makeSequence: MakeView = (host) => {
  const measures = [makeMean(), makePerplexity(), makeBitsPerByte()];
  const lossChart = makeLossChart(host);
  const histogram = makeHistogram();
  const kinds = makeKinds();
  const concentration = makeConcentration();
  const lines = makeLines(host);
  const parts = [lossChart, histogram, kinds, concentration, lines];
  const pieces = makePieces();
  const partial = html('p', { class: 'notice', test: 'partial' });
  const message = html('p', { class: 'quiet sequence-message', test: 'sequence-message' });
  const numbers = html('div', { class: 'measures' }, ...measures.map(({ element }) => element));
  const charts = html(
    'div',
    { class: 'sequence-charts', test: 'sequence-charts' },
    lossChart.element,
    html('div', { class: 'sequence-pair' }, concentration.element, lines.element),
    html('div', { class: 'sequence-pair' }, histogram.element, kinds.element),
  );
  const { element, text } = chapter(
    'sequence',
    strings.title,
    partial,
    numbers,
    message,
    charts,
    pieces.element,
  );
  setText(text, strings.text);
  const analysisOf = makeAnalyser();
  return {
    element,
    update(state) {
      const { sequence, unit } = state;
      const hasNumbers = sequence !== undefined && sequence.scored > 0;
      setShown(partial, hasNumbers && sequence.scored < sequence.tokens);
      setShown(numbers, hasNumbers);
      setShown(pieces.element, hasNumbers);
      if (hasNumbers) {
        setText(partial, strings.partial(count(sequence.scored), count(sequence.tokens)));
        for (const measure of measures) {
          measure.update(sequence, unit);
        }
        pieces.update(sequence, unit);
      }
      const losses = lossesOf(state);
      setShown(charts, losses !== undefined);
      setShown(message, losses === undefined);
      if (losses) {
        const analysis = analysisOf(losses);
        for (const part of parts) {
          part.update(analysis, state);
        }
      } else {
        setText(message, messageOf(sequence));
      }
    },
  };
};

/** The losses that are to be shown: those of this document, as soon as one of its tokens is scored. */
function lossesOf({ losses, document, sequence }: PageState): PanelSeries | undefined {
  const isOther = document !== undefined && losses?.scoring.uri !== document.uri;
  const isEmpty = losses?.nats.every(Number.isNaN) ?? true;
  return isOther || isEmpty || isTooLarge(sequence) ? undefined : losses;
}

/** Whether a document has so many tokens that there are no charts of it. */
export const isTooLarge = (sequence: PanelSequence | undefined): sequence is PanelSequence =>
  sequence !== undefined && sequence.tokens > SERIES_TOKENS;

function messageOf(sequence: PanelSequence | undefined): string {
  return isTooLarge(sequence)
    ? strings.tooLarge(count(sequence.tokens), count(SERIES_TOKENS))
    : strings.loading;
}

/** Analyses a series when it is a new one. */
function makeAnalyser(): (series: PanelSeries) => Analysis {
  let last: Analysis | undefined;
  return (series) => {
    if (last?.series !== series) {
      last = analyse(series, last);
    }
    return last;
  };
}
