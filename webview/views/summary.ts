/** The explained token and its numbers at a glance; what changed is also said aloud. */
import type { PanelState, PanelToken, PanelUnit } from '../../src/panel/messages';
import { html, setShown, setText } from '../dom';
import { count, probability, probabilityNumber, shortAmount, surprisal } from '../format';
import { setHeat } from '../heat';
import { strings } from '../strings';
import { tokenName } from '../tokens';
import type { View } from '../view';
import { makeTile } from './tile';

/** The token has to stay this long before it is announced, in milliseconds. */
const SETTLED = 400;

/** Makes the summary. */
export function makeSummary(): View {
  const token = html('span', { class: 'token-text', test: 'token' });
  const place = html('p', { class: 'quiet small', test: 'position' });
  const context = html('p', { class: 'quiet small', test: 'context' });
  const nearest = html('p', { class: 'notice', text: strings.nearest, test: 'nearest' });
  const amountTile = makeTile(strings.surprisal, 'surprisal');
  const probabilityTile = makeTile(strings.probability, 'probability');
  const rankTile = makeTile(strings.rank, 'rank');
  const entropyTile = makeTile(strings.entropy, 'entropy');
  const live = html('p', { class: 'spoken', test: 'announcement', attributes: { 'aria-live': 'polite' } });
  const element = html(
    'section',
    { class: 'summary' },
    html(
      'div',
      { class: 'summary-token' },
      html('div', { class: 'token-frame' }, token),
      html('div', {}, place, context),
    ),
    html(
      'dl',
      { class: 'tiles' },
      amountTile.element,
      probabilityTile.element,
      rankTile.element,
      entropyTile.element,
    ),
    nearest,
    live,
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  let announced = '';
  const announce = (explained: PanelToken, unit: PanelUnit) => {
    const text = announcementOf(explained, unit);
    clearTimeout(timer);
    if (text !== announced) {
      timer = setTimeout(() => {
        announced = text;
        setText(live, text);
      }, SETTLED);
    }
  };
  return {
    element,
    update(state: PanelState) {
      const { token: explained, unit } = state;
      setShown(element, explained !== undefined);
      if (!explained) {
        clearTimeout(timer);
        return;
      }
      const { target } = explained;
      const other = unit === 'bits' ? 'nats' : 'bits';
      setText(token, explained.part ? tokenName(target, explained.part) : target.visible);
      setHeat(token, target.nats);
      setText(place, strings.position(count(explained.line), count(explained.column)));
      setText(context, contextOf(explained));
      setShown(nearest, explained.nearest);
      amountTile.update(shortAmount(target.nats, unit), unit, surprisal(target.nats, other));
      probabilityTile.update(
        probability(target.nats),
        '',
        strings.probabilityNumber(probabilityNumber(target.nats)),
      );
      rankTile.update(count(explained.rank), '', strings.rankOf(count(explained.vocabularySize)));
      entropyTile.update(shortAmount(explained.entropy, unit), unit, strings.expectedOnAverage);
      if (state.pending) {
        // It is no longer about where the cursor is.
        clearTimeout(timer);
      } else {
        announce(explained, unit);
      }
    },
  };
}

function contextOf({ contextLength, page }: PanelToken): string {
  if (page === undefined) {
    return strings.contextAlone(count(contextLength));
  }
  return contextLength === 0
    ? strings.contextNone(count(page))
    : strings.context(count(contextLength), count(page));
}

function announcementOf(token: PanelToken, unit: PanelUnit): string {
  const { target, part, rank, vocabularySize } = token;
  return strings.announcement(
    tokenName(target, part),
    surprisal(target.nats, unit),
    probability(target.nats),
    count(rank),
    count(vocabularySize),
  );
}
