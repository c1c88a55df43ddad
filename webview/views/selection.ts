/** Several selected tokens explained together: as one event, whose probability is the product of theirs. */
import { bitsPerByte, jointLogProbability, perplexity } from '../../src/loss/formulas';
import type { PanelSelection, PanelUnit } from '../../src/panel/messages';
import { html, setShown, setText } from '../dom';
import { count, probability, probabilityNumber, rounded, shortAmount } from '../format';
import { setHeat } from '../heat';
import { strings } from '../strings';
import type { View } from '../view';
import { makeTile } from './tile';

/** The selection has to stay this long before it is announced, in milliseconds. */
const SETTLED = 400;

/** Makes the card of the selection. */
export function makeSelection(): View {
  const heading = html('h2', {
    class: 'selection-heading',
    id: 'selection-heading',
    test: 'selection-heading',
  });
  const tokens = html('p', { class: 'selection-tokens', test: 'selection-tokens' });
  const joint = makeTile(strings.jointLogProbability, 'selection-joint');
  const likelihood = makeTile(strings.probability, 'selection-probability');
  const mean = makeTile(strings.meanLoss, 'selection-mean');
  const choices = makeTile(strings.perplexity, 'selection-perplexity');
  const perByte = makeTile(strings.bitsPerByte, 'selection-bits-per-byte');
  const tiles = html(
    'dl',
    { class: 'tiles selection-tiles' },
    ...[joint, likelihood, mean, choices, perByte].map(({ element }) => element),
  );
  const live = html('p', {
    class: 'spoken',
    test: 'selection-announcement',
    attributes: { 'aria-live': 'polite' },
  });
  const element = html(
    'section',
    { class: 'selection', test: 'selection', attributes: { 'aria-labelledby': heading.id } },
    heading,
    tokens,
    tiles,
    live,
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    element,
    update({ selection, unit }) {
      clearTimeout(timer);
      setShown(element, selection !== undefined);
      if (!selection) {
        setText(live, '');
        return;
      }
      const { first, end, nats, scored, bytes } = selection;
      const all = end - first;
      setText(
        heading,
        scored === all ? strings.selected(count(all)) : strings.selectedPartly(count(all), count(scored)),
      );
      writeTokens(tokens, selection);
      // Without a scored token there is nothing to sum up yet.
      setShown(tiles, scored > 0 && bytes > 0);
      if (scored === 0 || bytes === 0) {
        return;
      }
      const logProbability = jointLogProbability([nats]);
      joint.update(shortAmount(logProbability, unit), unit, strings.jointFormula);
      likelihood.update(probabilityNumber(nats), '', probability(nats));
      mean.update(shortAmount(nats / scored, unit), unit, strings.perTokenShort);
      choices.update(rounded(perplexity(nats / scored)), '', strings.choicesPerToken);
      perByte.update(rounded(bitsPerByte(nats, bytes)), '', strings.bytesOfText(count(bytes)));
      timer = setTimeout(() => setText(live, announcementOf(selection, unit)), SETTLED);
    },
  };
}

function announcementOf({ first, end, nats }: PanelSelection, unit: PanelUnit): string {
  return strings.selectionAnnouncement(
    count(end - first),
    `${shortAmount(jointLogProbability([nats]), unit)} ${unit}`,
    probabilityNumber(nats),
  );
}

/** The tokens in the heatmap's colours; the last element says that there are more. */
function writeTokens(parent: HTMLElement, { tokens, first, end }: PanelSelection): void {
  const isCut = tokens.length < end - first;
  const needed = tokens.length + (isCut ? 1 : 0);
  while (parent.children.length > needed) {
    parent.lastElementChild?.remove();
  }
  for (let i = 0; i < needed; i++) {
    const span = (parent.children[i] ??
      parent.appendChild(html('span', { class: 'selection-token' }))) as HTMLElement;
    setText(span, i < tokens.length ? tokens[i].visible : '…');
    setHeat(span, tokens[i]?.nats);
  }
}
