/**
 * The HTML report's own script, as text: the tooltip, for pointer and keyboard, and the arrow keys. It builds every
 * node with textContent, so document text is never markup.
 */
export const PAGE_SCRIPT = `'use strict';
(() => {
  const tip = document.getElementById('tip');
  let described = null;

  const element = (name, className, text) => {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  const bar = ([text, shown, probability, isTarget]) => {
    const row = element('li', isTarget ? 'target' : '');
    const track = element('div', 'track');
    const part = element('div', 'part');
    part.style.width = 100 * probability + '%';
    track.append(part);
    row.append(element('code', '', text), track, element('span', '', shown));
    return row;
  };

  const fill = ({ title, rows, top }) => {
    const list = document.createElement('dl');
    for (const [label, value] of rows) list.append(element('dt', '', label), element('dd', '', value));
    tip.replaceChildren(element('code', 'title', title), list);
    if (top.length > 0) {
      const bars = element('ul', 'top');
      bars.append(...top.map(bar));
      tip.append(element('p', '', 'The model expected'), bars);
    }
  };

  const place = (token) => {
    const box = token.getClientRects()[0];
    const size = tip.getBoundingClientRect();
    const below = box.bottom + 6 + size.height <= innerHeight || box.top < size.height + 6;
    tip.style.left = Math.max(8, Math.min(box.left, innerWidth - size.width - 8)) + 'px';
    tip.style.top = (below ? box.bottom + 6 : box.top - size.height - 6) + 'px';
  };

  const hide = () => {
    tip.hidden = true;
    if (described) described.removeAttribute('aria-describedby');
    described = null;
  };

  const explanations = new Map();
  for (const article of document.querySelectorAll('article')) {
    const data = article.querySelector('script[type="application/json"]');
    explanations.set(article, JSON.parse(data.textContent));
  }

  const show = (token) => {
    hide();
    fill(explanations.get(token.closest('article'))[token.dataset.unit]);
    tip.hidden = false;
    place(token);
    described = token;
    token.setAttribute('aria-describedby', 'tip');
  };

  const tokenOf = (event) => (event.target instanceof Element ? event.target.closest('.t') : null);

  const focus = (token) => {
    const old = token.closest('.document').querySelector('.t[tabindex="0"]');
    if (old) old.tabIndex = -1;
    token.tabIndex = 0;
    token.focus();
  };

  const neighbour = (token, key) => {
    const line = token.closest('li');
    const all = [...line.querySelectorAll('.t')];
    const at = all.indexOf(token);
    const linesFrom = (start, next) => {
      for (let other = start[next]; other; other = other[next]) {
        const found = other.querySelectorAll('.t');
        if (found.length > 0) return found;
      }
      return [];
    };
    const before = () => linesFrom(line, 'previousElementSibling');
    const after = () => linesFrom(line, 'nextElementSibling');
    switch (key) {
      case 'ArrowRight': return all[at + 1] || after()[0];
      case 'ArrowLeft': return all[at - 1] || [...before()].at(-1);
      case 'ArrowDown': { const found = after(); return found[Math.min(at, found.length - 1)]; }
      case 'ArrowUp': { const found = before(); return found[Math.min(at, found.length - 1)]; }
      case 'Home': return all[0];
      case 'End': return all.at(-1);
      default: return undefined;
    }
  };

  document.addEventListener('pointerover', (event) => {
    const token = tokenOf(event);
    if (token) show(token);
    else if (!tip.contains(event.target)) hide();
  });
  document.addEventListener('focusin', (event) => {
    const token = tokenOf(event);
    if (token) show(token);
    else hide();
  });
  document.addEventListener('focusout', hide);
  document.addEventListener('scroll', () => {
    // A token reached by the keyboard keeps its tooltip while the page follows it.
    if (described && described === document.activeElement) place(described);
    else hide();
  }, { passive: true, capture: true });
  document.addEventListener('click', (event) => {
    const token = tokenOf(event);
    if (token) {
      focus(token);
      return;
    }
    const button = event.target instanceof Element ? event.target.closest('[data-goto]') : null;
    if (button) {
      const target = button.closest('article').querySelector('.t[data-unit="' + button.dataset.goto + '"]');
      target.scrollIntoView({ block: 'center' });
      focus(target);
    }
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') hide();
    const token = tokenOf(event);
    const target = token && neighbour(token, event.key);
    if (target) {
      event.preventDefault();
      target.scrollIntoView({ block: 'nearest' });
      focus(target);
    }
  });
})();
`;
