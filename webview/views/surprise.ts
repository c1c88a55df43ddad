/** Surprise against entropy: was the model sure and wrong, or did it know that it did not know? */
import type { PanelToken, PanelUnit } from '../../src/panel/messages';
import { chapter } from '../chapter';
import { html, setProperty, setShown, setText } from '../dom';
import { fixed, shortAmount, surprisal } from '../format';
import { strings } from '../strings';
import { type Encounter, standardised, verdictOf } from '../verdict';
import type { View } from '../view';

/** Makes the chapter on surprise and entropy. */
export function makeSurprise(): View {
  const verdict = html('p', { class: 'verdict', test: 'verdict' });
  const surprise = makeBar(strings.surprisalOfToken, 'surprise-s');
  const entropy = makeBar(strings.entropyOfDistribution, 'surprise-h');
  surprise.element.classList.add('target');
  const band = html('div', { class: 'band' });
  entropy.track.prepend(band);
  const table = html(
    'table',
    { class: 'comparison' },
    html('caption', { class: 'spoken', text: strings.surpriseTable }),
    html('tbody', {}, surprise.element, entropy.element),
  );
  const spread = html('p', { class: 'quiet small' });
  const { element, text } = chapter('surprise', strings.surprise);
  const words = html('div', {}, verdict, text);
  element.append(html('div', { class: 'beside' }, words, html('div', {}, table, spread)));
  return {
    element,
    update({ token, unit }) {
      setShown(element, token !== undefined);
      if (!token) {
        return;
      }
      const encounter = encounterOf(token);
      const kind = verdictOf(encounter);
      setText(verdict, strings.verdicts[kind]);
      setText(text, sentencesOf(encounter, unit));
      const deviation = Math.sqrt(Math.max(0, token.varentropy));
      const from = Math.max(0, token.entropy - deviation);
      const to = token.entropy + deviation;
      // Both bars and the band fit; a scale that never shrinks below 4 bits keeps small numbers small.
      const scale = Math.max(token.target.nats, to, 4 * Math.LN2);
      surprise.update(token.target.nats, scale, unit);
      entropy.update(token.entropy, scale, unit);
      setProperty(band, '--from', from / scale);
      setProperty(band, '--to', to / scale);
      setText(spread, strings.spread(shortAmount(from, unit), surprisal(to, unit)));
    },
  };
}

interface Bar {
  readonly element: HTMLTableRowElement;
  readonly track: HTMLElement;
  update(nats: number, scale: number, unit: PanelUnit): void;
}

function makeBar(label: string, test: string): Bar {
  const fill = html('div', { class: 'bar-fill' });
  const track = html('div', { class: 'bar-track' }, fill);
  const value = html('td', { class: 'number', test });
  const element = html(
    'tr',
    {},
    html('th', { text: label, attributes: { scope: 'row' } }),
    html('td', { class: 'bar', attributes: { 'aria-hidden': 'true' } }, track),
    value,
  );
  return {
    element,
    track,
    update(nats, scale, unit) {
      setProperty(fill, '--share', nats / scale);
      setText(value, surprisal(nats, unit));
    },
  };
}

function encounterOf({ target, entropy, varentropy, rank, top }: PanelToken): Encounter {
  return { nats: target.nats, entropy, varentropy, rank, bestNats: top[0]?.nats ?? target.nats };
}

function sentencesOf(encounter: Encounter, unit: PanelUnit): string {
  const { nats, entropy } = encounter;
  const sentence = strings.verdictTexts[verdictOf(encounter)](
    surprisal(nats, unit),
    surprisal(entropy, unit),
  );
  const deviations = standardised(encounter);
  if (!Number.isFinite(deviations) || Math.abs(deviations) < 0.05) {
    return sentence;
  }
  const size = fixed(Math.abs(deviations), 1);
  return `${sentence} ${deviations > 0 ? strings.deviationsAbove(size) : strings.deviationsBelow(size)}`;
}
