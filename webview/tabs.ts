/** The chapters as tabs: the arrow keys go from one to the next, and the one chosen is on show. */
import { html, setAttribute, setShown } from './dom';
import { CHAPTER_NAMES, type ChapterName } from './settings';
import { strings } from './strings';

export interface Tabs {
  readonly list: HTMLElement;
  /** Holds the chapters, one of which is seen. */
  readonly content: HTMLElement;
  show(name: ChapterName): void;
}

/**
 * Makes the tabs.
 * @param chapters the chapters' elements
 * @param onChoose called when the user goes to a chapter
 */
export function makeTabs(
  chapters: Readonly<Record<ChapterName, HTMLElement>>,
  onChoose: (name: ChapterName) => void,
): Tabs {
  const tabs = CHAPTER_NAMES.map((name, i) =>
    html(
      'button',
      {
        class: 'tab',
        id: `tab-${name}`,
        test: `tab-${name}`,
        attributes: { type: 'button', role: 'tab', 'aria-controls': `panel-${name}` },
      },
      html('span', { class: 'tab-number', text: String(i + 1) }),
      ` ${strings.chapters[name]}`,
    ),
  );
  const panels = CHAPTER_NAMES.map((name) =>
    html(
      'div',
      {
        class: 'tab-panel',
        id: `panel-${name}`,
        attributes: { role: 'tabpanel', tabindex: '0', 'aria-labelledby': `tab-${name}` },
      },
      chapters[name],
    ),
  );
  const list = html(
    'div',
    { class: 'tabs', test: 'tabs', attributes: { role: 'tablist', 'aria-label': strings.chaptersLabel } },
    ...tabs,
  );
  tabs.forEach((tab, i) => {
    tab.addEventListener('click', () => onChoose(CHAPTER_NAMES[i]));
  });
  list.addEventListener('keydown', (event) => {
    const from = tabs.indexOf(document.activeElement as HTMLButtonElement);
    if (from < 0 || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    const last = tabs.length - 1;
    const to = new Map([
      ['ArrowLeft', from === 0 ? last : from - 1],
      ['ArrowRight', from === last ? 0 : from + 1],
      ['Home', 0],
      ['End', last],
    ]).get(event.key);
    if (to !== undefined) {
      event.preventDefault();
      onChoose(CHAPTER_NAMES[to]);
      tabs[to].focus();
    }
  });
  return {
    list,
    content: html('div', { class: 'chapters' }, ...panels),
    show(shown) {
      CHAPTER_NAMES.forEach((name, i) => {
        const isShown = name === shown;
        setAttribute(tabs[i], 'aria-selected', String(isShown));
        tabs[i].tabIndex = isShown ? 0 : -1;
        setShown(panels[i], isShown);
      });
    },
  };
}
