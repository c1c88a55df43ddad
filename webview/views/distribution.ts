/** The top of the distribution as bars in a table, the token of the text among them, and the rest as one bar. */
import type { PanelAlternative, PanelToken, PanelUnit } from '../../src/panel/messages';
import { chapter } from '../chapter';
import { html, setProperty, setShown, setText } from '../dom';
import { count, probability, shortAmount } from '../format';
import { strings } from '../strings';
import type { View } from '../view';

interface Row {
  readonly element: HTMLTableRowElement;
  update(cells: {
    rank: string;
    token: string;
    share: number;
    probability: string;
    surprisal: string;
    target: boolean;
  }): void;
}

/** The smallest remainder that is told from nothing. */
const SMALLEST_REST = 1e-4;

/** Makes the chapter on the distribution. */
export function makeDistribution(): View {
  const unitHeading = html('th', { class: 'number optional', attributes: { scope: 'col' } });
  const body = html('tbody');
  const table = html(
    'table',
    { class: 'distribution', test: 'distribution' },
    html('caption', { class: 'spoken', text: strings.distributionTable }),
    html(
      'thead',
      {},
      html(
        'tr',
        {},
        html('th', {
          class: 'number',
          text: '#',
          attributes: { scope: 'col', 'aria-label': strings.columnRank },
        }),
        html('th', { text: strings.columnToken, attributes: { scope: 'col' } }),
        html('th', { class: 'bar', attributes: { 'aria-hidden': 'true' } }),
        html('th', { class: 'number', text: strings.columnProbability, attributes: { scope: 'col' } }),
        unitHeading,
      ),
    ),
    body,
  );
  const rows: Row[] = [];
  const gapText = html('td', { attributes: { colspan: '4' } });
  const gap = html('tr', { class: 'gap quiet' }, html('td', { class: 'number', text: '⋮' }), gapText);
  const beyond = makeRow('bar-target');
  const rest = makeRow('bar-rest');
  rest.element.classList.add('rest');
  body.append(gap, beyond.element, rest.element);
  const { element, text } = chapter('distribution', strings.distribution, table);
  return {
    element,
    update({ token, unit }) {
      setShown(element, token !== undefined);
      if (!token) {
        return;
      }
      setText(text, strings.distributionText(count(token.vocabularySize)));
      setText(unitHeading, unit);
      while (rows.length < token.top.length) {
        const row = makeRow('bar');
        rows.push(row);
        gap.before(row.element);
      }
      rows.forEach((row, i) => {
        setShown(row.element, i < token.top.length);
        if (i < token.top.length) {
          updateRow(row, i + 1, token.top[i], token.top[i].id === token.target.id, unit);
        }
      });
      const isBeyond = !token.top.some(({ id }) => id === token.target.id);
      setShown(beyond.element, isBeyond);
      const skipped = token.rank - token.top.length - 1;
      setShown(gap, isBeyond && skipped > 0);
      setText(gapText, strings.skipped(count(skipped)));
      if (isBeyond) {
        updateRow(beyond, token.rank, token.target, true, unit);
      }
      updateRest(rest, token, isBeyond);
    },
  };
}

function makeRow(test: string): Row {
  const rank = html('td', { class: 'number rank quiet' });
  const name = html('span', { class: 'token-name' });
  const mark = html(
    'span',
    { class: 'mark' },
    html('span', { text: strings.mark, attributes: { 'aria-hidden': 'true' } }),
    html('span', { class: 'spoken', text: strings.inTheText }),
  );
  const fill = html('div', { class: 'bar-fill' });
  const share = html('td', { class: 'number probability', test: `${test}-probability` });
  const amount = html('td', { class: 'number optional quiet' });
  const element = html(
    'tr',
    { test },
    rank,
    html('th', { class: 'token-cell', attributes: { scope: 'row' } }, mark, name),
    html(
      'td',
      { class: 'bar', attributes: { 'aria-hidden': 'true' } },
      html('div', { class: 'bar-track' }, fill),
    ),
    share,
    amount,
  );
  return {
    element,
    update(cells) {
      setText(rank, cells.rank);
      setText(name, cells.token);
      name.title = cells.token;
      setProperty(fill, '--share', cells.share);
      setText(share, cells.probability);
      setText(amount, cells.surprisal);
      setShown(mark, cells.target);
      element.classList.toggle('target', cells.target);
    },
  };
}

function updateRow(row: Row, rank: number, entry: PanelAlternative, target: boolean, unit: PanelUnit): void {
  row.update({
    rank: count(rank),
    token: entry.visible,
    share: Math.exp(-entry.nats),
    probability: probability(entry.nats),
    surprisal: shortAmount(entry.nats, unit),
    target,
  });
}

/** What the rows above leave: so many tokens share so much probability. */
function updateRest(row: Row, { top, target, vocabularySize }: PanelToken, isBeyond: boolean): void {
  const shown = isBeyond ? [...top, target] : top;
  const share = Math.max(0, 1 - shown.reduce((sum, { nats }) => sum + Math.exp(-nats), 0));
  const others = vocabularySize - shown.length;
  setShown(row.element, others > 0);
  row.update({
    rank: '',
    token: strings.rest(count(others)),
    share,
    // The shown probabilities are float32: what they leave over is not known more finely than this.
    probability:
      share < SMALLEST_REST ? `< ${probability(-Math.log(SMALLEST_REST))}` : probability(-Math.log(share)),
    surprisal: '',
    target: false,
  });
}
