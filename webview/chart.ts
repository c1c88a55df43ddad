/** The frame of a chart: the picture, what it says in a sentence, the table behind it, and ways to take it along. */
import { type Cell, cellText, toCsv } from './csv';
import { html, setAttribute, setShown, setText, svg } from './dom';
import { pictureOf, rasterise } from './export';
import { count } from './format';
import { strings } from './strings';

/** What there is to draw on, in CSS pixels. */
export interface ChartArea {
  readonly svg: SVGSVGElement;
  readonly width: number;
  readonly height: number;
}

export interface ChartOptions {
  /** Name of the figure for tests. */
  readonly test: string;
  /** The caption. */
  readonly title: string;
  readonly height: number | ((width: number) => number);
  /** Brings the SVG up to date; called when data or width changed. Keeps and updates nodes. */
  draw(area: ChartArea): void;
  /** What assistive technology reads for the picture: one sentence. */
  describe(): string;
  /** The numbers behind the picture, the same in the table and as CSV; called when one of them is wanted. */
  columns(): readonly string[];
  rows(): readonly (readonly Cell[])[];
}

export interface Chart {
  readonly element: HTMLElement;
  readonly svg: SVGSVGElement;
  /** The data changed. */
  refresh(): void;
}

/** How long a button says that it has copied, in milliseconds. */
const SAID = 1600;
/** The table shows no more rows than a page can lay out at once; the CSV has all of them. */
const MOST_ROWS = 500;
/** Pixels of the PNG for each CSS pixel. */
const RESOLUTION = 2;

let made = 0;

/** Makes a chart. It draws itself once it has a width, and again when the width changes. */
export function makeChart(options: ChartOptions): Chart {
  const { test, title } = options;
  const id = `chart-${++made}`;
  const picture = svg('svg', { class: 'chart-picture', attributes: { role: 'img' } });
  // Its height is always 0: a picture that grows with its width does not set the observer off again.
  const ruler = html('div', { class: 'chart-ruler', attributes: { 'aria-hidden': 'true' } });
  const table = makeTable(options, id);
  const message = html('p', { class: 'chart-message', attributes: { role: 'status' } });

  const say = (text: string, isProblem: boolean) => {
    message.classList.toggle('spoken', !isProblem);
    setText(message, text);
  };
  const copyButton = (kind: 'svg' | 'png' | 'csv', copy: () => Promise<void>) =>
    makeCopyButton({
      test: `${test}-copy-${kind}`,
      label: strings.formats[kind],
      name: strings.copy[kind],
      copy,
      say,
    });
  const exported = () => pictureOf(picture, { title, description: options.describe() });
  const toggle = html('button', {
    class: 'tool',
    test: `${test}-show-table`,
    text: strings.table,
    attributes: { type: 'button', 'aria-expanded': 'false', 'aria-controls': id },
  });
  toggle.addEventListener('click', () => {
    table.show(table.element.hidden);
    setAttribute(toggle, 'aria-expanded', String(!table.element.hidden));
  });
  const element = html(
    'figure',
    { class: 'chart', test },
    html(
      'div',
      { class: 'chart-head' },
      html('figcaption', { class: 'chart-title', text: title }),
      html(
        'div',
        { class: 'chart-tools', attributes: { role: 'group', 'aria-label': strings.chartTools(title) } },
        toggle,
        html('span', { class: 'quiet', text: strings.copyLabel, attributes: { 'aria-hidden': 'true' } }),
        copyButton('svg', () => navigator.clipboard.writeText(exported().text)),
        copyButton('png', () => copyPng(exported())),
        copyButton('csv', () => navigator.clipboard.writeText(toCsv(options.columns(), options.rows()))),
      ),
    ),
    ruler,
    picture,
    message,
    table.element,
  );

  let width = 0;
  /** Nothing to draw before the first data. */
  let hasData = false;
  const draw = () => {
    if (!hasData || width === 0) {
      return;
    }
    const height = typeof options.height === 'number' ? options.height : options.height(width);
    setAttribute(picture, 'viewBox', `0 0 ${width} ${height}`);
    setAttribute(picture, 'height', String(height));
    options.draw({ svg: picture, width, height });
    setAttribute(picture, 'aria-label', options.describe());
  };
  new ResizeObserver(([{ contentRect }]) => {
    const available = Math.floor(contentRect.width);
    if (available > 0 && available !== width) {
      width = available;
      draw();
    }
  }).observe(ruler);
  return {
    element,
    svg: picture,
    refresh() {
      hasData = true;
      draw();
      table.refresh();
    },
  };
}

interface Table {
  readonly element: HTMLElement;
  show(shown: boolean): void;
  refresh(): void;
}

/** The numbers behind the picture; nothing is made or computed while it is hidden. */
function makeTable({ test, title, columns, rows }: ChartOptions, id: string): Table {
  const head = html('tr');
  const body = html('tbody');
  const more = html('p', { class: 'quiet small' });
  const element = html(
    'div',
    {
      class: 'chart-table',
      id,
      attributes: { tabindex: '0', role: 'region', 'aria-label': strings.tableOf(title) },
    },
    html(
      'table',
      { test: `${test}-table` },
      html('caption', { class: 'spoken', text: title }),
      html('thead', {}, head),
      body,
    ),
    more,
  );
  element.hidden = true;
  const refresh = () => {
    if (element.hidden) {
      return;
    }
    const all = rows();
    const shown = all.slice(0, MOST_ROWS);
    writeCells(head, columns(), () => html('th', { attributes: { scope: 'col' } }));
    while (body.rows.length > shown.length) {
      body.deleteRow(-1);
    }
    while (body.rows.length < shown.length) {
      body.insertRow();
    }
    shown.forEach((cells, i) => {
      writeCells(body.rows[i], cells.map(cellText), (at) =>
        at === 0 ? html('th', { attributes: { scope: 'row' } }) : html('td'),
      );
    });
    setShown(more, all.length > shown.length);
    setText(more, strings.tableMore(count(shown.length), count(all.length)));
  };
  return {
    element,
    show(shown) {
      setShown(element, shown);
      refresh();
    },
    refresh,
  };
}

function writeCells(row: HTMLElement, texts: readonly string[], make: (at: number) => HTMLElement): void {
  while (row.children.length > texts.length) {
    row.lastElementChild?.remove();
  }
  texts.forEach((text, at) => {
    const cell = row.children[at] ?? row.appendChild(make(at));
    setText(cell, text);
  });
}

/** A button that copies, and says whether it could. Both of its texts have their room, so that nothing moves. */
function makeCopyButton(o: {
  readonly test: string;
  readonly label: string;
  readonly name: string;
  copy(): Promise<void>;
  say(text: string, isProblem: boolean): void;
}): HTMLElement {
  const element = html(
    'button',
    { class: 'tool', test: o.test, attributes: { type: 'button', 'aria-label': o.name } },
    html('span', { class: 'tool-label', text: o.label }),
    html('span', { class: 'tool-done', text: strings.copied }),
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  element.addEventListener('click', async () => {
    clearTimeout(timer);
    try {
      await o.copy();
      element.classList.add('is-done');
      o.say(strings.copiedFormat(o.label), false);
    } catch (error) {
      element.classList.remove('is-done');
      o.say(strings.copyFailed(error instanceof Error ? error.message : String(error)), true);
    }
    timer = setTimeout(() => {
      element.classList.remove('is-done');
      // The same words can be said again only after others; a problem stays to be read.
      if (element.closest('.chart')?.querySelector('.chart-message.spoken')) {
        o.say('', false);
      }
    }, SAID);
  });
  return element;
}

/** @throws Error when the page may not write to the clipboard, or the picture cannot be drawn */
async function copyPng(picture: { text: string; width: number; height: number }): Promise<void> {
  // The promise goes into the item: the clipboard asks for the click that is still going on now.
  const png = rasterise(picture, RESOLUTION);
  await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]);
}
