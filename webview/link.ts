/**
 * Ties a symbol of a formula to its part of the picture: pointing at one marks all of the same name in its chapter.
 * With the keyboard, the arrow keys go from symbol to symbol inside a focused formula.
 */

const MARKED = 'is-linked';
const FRAME = '.formula-frame';

/** Names an element; all elements of one name in one chapter are marked together. Returns the element. */
export function linked<Linked extends Element>(name: string, element: Linked): Linked {
  element.setAttribute('data-link', name);
  return element;
}

/** Begins to mark what is pointed at or focused; call it once for the page. */
export function followLinks(root: HTMLElement): void {
  /** What is marked, and where. */
  let scope: Element | undefined;
  let name: string | undefined;

  const mark = (element: Element | undefined) => {
    const nextName = element?.getAttribute('data-link') ?? undefined;
    const nextScope = element?.closest('.chapter') ?? undefined;
    if (nextName === name && nextScope === scope) {
      return;
    }
    for (const marked of root.querySelectorAll(`.${MARKED}`)) {
      marked.classList.remove(MARKED);
    }
    name = nextName;
    scope = nextScope;
    if (scope && name !== undefined) {
      for (const same of scope.querySelectorAll(`[data-link="${CSS.escape(name)}"]`)) {
        same.classList.add(MARKED);
      }
    }
  };
  const linkOf = (target: EventTarget | null) =>
    target instanceof Element ? (target.closest('[data-link]') ?? undefined) : undefined;

  root.addEventListener('pointerover', ({ target }) => mark(linkOf(target)));
  root.addEventListener('pointerleave', () => mark(undefined));
  root.addEventListener('focusin', ({ target }) => mark(linkOf(target)));
  root.addEventListener('focusout', () => mark(undefined));
  root.addEventListener('keydown', (event) => {
    const frame = event.target instanceof Element && event.target.matches(FRAME) ? event.target : undefined;
    if (!frame || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    if (event.key === 'Escape') {
      mark(undefined);
      return;
    }
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    // One stop for each name, at its first symbol.
    const symbols = [...frame.querySelectorAll('[data-link]')].filter(
      (symbol, i, all) => all.findIndex((other) => sameName(other, symbol)) === i,
    );
    if (step === 0 || symbols.length === 0) {
      return;
    }
    event.preventDefault();
    const at = symbols.findIndex((symbol) => symbol.getAttribute('data-link') === name);
    const next = at < 0 && step < 0 ? symbols.length - 1 : (at + step + symbols.length) % symbols.length;
    mark(symbols[next]);
    symbols[next].scrollIntoView({ block: 'nearest', inline: 'nearest' });
  });
}

function sameName(a: Element, b: Element): boolean {
  return a.getAttribute('data-link') === b.getAttribute('data-link');
}
