/** The tokens of the cursor's line, coloured by their surprisal; one of them is the explained one. */
import type { PanelLineToken, PanelScoring, PanelUnit } from '../../src/panel/messages';
import { html, setAttribute, setShown, setText } from '../dom';
import { count, surprisal } from '../format';
import { setHeat } from '../heat';
import { strings } from '../strings';
import { tokenName } from '../tokens';
import type { Host, View } from '../view';

/** An editor that has not followed within this time will not follow any more, in milliseconds. */
const PATIENCE = 1000;

/** Kept free above and below a chip that was scrolled to, in pixels. */
const MARGIN = 4;

/** Makes the line of tokens. Click, or arrow keys, move the editor; the first token's left is the line before. */
export function makeLine(host: Host): View {
  const heading = html('h2', { class: 'spoken', id: 'line-heading' });
  const list = html('div', { class: 'line-tokens', test: 'line', attributes: { role: 'listbox' } });
  const before = html('span', { class: 'cut quiet', text: '…', attributes: { 'aria-hidden': 'true' } });
  const after = html('span', { class: 'cut quiet', text: '…', attributes: { 'aria-hidden': 'true' } });
  const element = html(
    'section',
    { class: 'line', attributes: { 'aria-labelledby': 'line-heading' } },
    heading,
    list,
  );
  list.append(before, after);
  const chips: HTMLButtonElement[] = [];
  let tokens: readonly PanelLineToken[] = [];
  /** What their indices belong to; none while the page shows what it has kept. */
  let scoring: PanelScoring | undefined;
  let total = 0;
  /** The token that the user has gone to; until the editor has followed, it is ahead of the state's focus. */
  let wanted: number | undefined;
  let wantedSince = 0;
  let focus: number | undefined;

  const isHere = (token: number | undefined) => tokens.some(({ index }) => index === token);

  const go = (token: number) => {
    if (!scoring || token < 0 || token >= total) {
      return;
    }
    wanted = token;
    wantedSince = performance.now();
    // A token on another line is marked when that line comes.
    if (isHere(token)) {
      mark(token);
      list.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
    }
    host.post({ type: 'reveal', scoring, token });
  };

  const mark = (marked: number | undefined) => {
    const hasMarked = isHere(marked);
    tokens.forEach(({ index }, i) => {
      const isMarked = index === marked;
      const chip = chips[i];
      setAttribute(chip, 'aria-selected', String(isMarked));
      // One chip is always in the order of the Tab key, also while the marked one is on another line.
      chip.tabIndex = isMarked || (!hasMarked && i === 0) ? 0 : -1;
      if (isMarked) {
        bringIntoView(list, chip);
      }
    });
  };

  list.addEventListener('click', (event) => {
    const at = chips.indexOf((event.target as Element).closest('button') as HTMLButtonElement);
    if (at >= 0 && at < tokens.length) {
      go(tokens[at].index);
    }
  });
  list.addEventListener('keydown', (event) => {
    const from = wanted ?? focus;
    if (from === undefined || tokens.length === 0 || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    const to = new Map([
      ['ArrowLeft', from - 1],
      ['ArrowRight', from + 1],
      ['Home', tokens[0].index],
      ['End', tokens[tokens.length - 1].index],
    ]).get(event.key);
    if (to !== undefined) {
      event.preventDefault();
      go(to);
    }
  });

  return {
    element,
    update(state) {
      const { line } = state;
      setShown(element, line !== undefined);
      if (!line) {
        return;
      }
      const hadFocus = list.contains(document.activeElement);
      tokens = line.tokens;
      if (state.scoring?.score !== scoring?.score) {
        // The same number means another token now.
        wanted = undefined;
      }
      scoring = state.scoring;
      total = state.sequence?.tokens ?? 0;
      const number = count(line.number);
      setText(heading, strings.line(number));
      setAttribute(list, 'aria-label', strings.lineTokens(number));
      while (chips.length < tokens.length) {
        const chip = html('button', {
          class: 'chip',
          test: 'chip',
          attributes: { type: 'button', role: 'option' },
        });
        chips.push(chip);
        after.before(chip);
      }
      chips.forEach((chip, i) => {
        setShown(chip, i < tokens.length);
        if (i < tokens.length) {
          updateChip(chip, tokens[i], state.unit);
        }
      });
      setShown(before, line.cutBefore);
      setShown(after, line.cutAfter);
      focus = state.focus;
      // The editor may take more than one state to follow a fast typist: hold on to where the user is going.
      const isLate = performance.now() - wantedSince > PATIENCE;
      if (wanted === focus || !hadFocus || isLate || !isHere(wanted)) {
        wanted = undefined;
      }
      mark(wanted ?? focus);
      if (hadFocus) {
        list.querySelector<HTMLElement>('[tabindex="0"]')?.focus({ preventScroll: true });
      }
    },
  };
}

/** Scrolls the list, and nothing else, to where the chip is seen. */
function bringIntoView(list: HTMLElement, chip: HTMLElement): void {
  const above = chip.offsetTop - list.scrollTop;
  if (above < 0) {
    list.scrollTop = chip.offsetTop - MARGIN;
  } else if (above + chip.offsetHeight > list.clientHeight) {
    list.scrollTop = chip.offsetTop + chip.offsetHeight + MARGIN - list.clientHeight;
  }
}

function updateChip(chip: HTMLElement, token: PanelLineToken, unit: PanelUnit): void {
  const name = tokenName(token, token.part);
  const label =
    token.nats === undefined ? strings.chipNotScored(name) : strings.chip(name, surprisal(token.nats, unit));
  setText(chip, token.visible);
  setAttribute(chip, 'aria-label', label);
  setAttribute(chip, 'title', label);
  setAttribute(chip, 'data-token', String(token.index));
  setHeat(chip, token.nats);
}
