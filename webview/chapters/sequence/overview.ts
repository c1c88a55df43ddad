/** The whole document in a strip, with the part that is shown as a window to drag, by pointer or by keyboard. */
import { columnsOf } from '../../../src/loss/statistics';
import { html, setAttribute, setShown, svg } from '../../dom';
import { count } from '../../format';
import { pixels, place } from '../../svg';
import { sequenceStrings as strings } from '../sequence.strings';
import type { Analysis } from './analysis';
import { clampRange, isWhole, moveRange, type Range, wholeRange, zoomRange } from './range';

const HEIGHT = 40;
/** Width of a handle's place for the pointer. */
const HANDLE = 12;
/** Pixels of a column. */
const COLUMN = 2;
/** An arrow key moves by this share of the window, with Shift by all of it. */
const KEY_STEP = 0.1;
const ZOOM_STEP = 1.25;

export interface Overview {
  readonly element: HTMLElement;
  update(o: {
    readonly analysis: Analysis;
    readonly range: Range;
    readonly focus: number | undefined;
    /** Where the first token begins and the last one ends, in pixels, and the whole width. */
    readonly left: number;
    readonly right: number;
    readonly width: number;
  }): void;
}

type Part = 'window' | 'first' | 'end';

/**
 * Makes the strip.
 * @param onChange the window was moved
 * @param onSelect the tokens of the window are to be selected in the editor
 */
export function makeOverview(onChange: (range: Range) => void, onSelect: (range: Range) => void): Overview {
  const losses = svg('path', { class: 'loss-peaks' });
  const cursor = svg('line', { class: 'loss-cursor' });
  const before = svg('rect', { class: 'overview-outside' });
  const after = svg('rect', { class: 'overview-outside' });
  const frame = svg('rect', { class: 'overview-frame' });
  const parts: Record<Part, SVGGElement> = {
    window: makePart('window', frame),
    first: makePart('first', svg('rect', { class: 'overview-hit' }), svg('path', { class: 'overview-grip' })),
    end: makePart('end', svg('rect', { class: 'overview-hit' }), svg('path', { class: 'overview-grip' })),
  };
  const picture = svg(
    'svg',
    {
      class: 'overview-picture',
      test: 'loss-overview',
      attributes: { role: 'group', 'aria-label': strings.overview, height: String(HEIGHT) },
    },
    losses,
    cursor,
    before,
    after,
    parts.window,
    parts.first,
    parts.end,
  );
  const element = html('div', { class: 'overview' }, picture);

  let range: Range = wholeRange(0);
  let tokens = 0;
  let left = 0;
  let right = 1;
  let drawn: { analysis: Analysis; width: number } | undefined;

  const xOf = (token: number) => left + ((right - left) * token) / Math.max(1, tokens);
  const tokenAt = (x: number) => ((x - left) / Math.max(1, right - left)) * tokens;
  const set = (next: Range) => {
    if (next.first !== range.first || next.end !== range.end) {
      onChange(next);
    }
  };

  for (const [name, part] of Object.entries(parts) as [Part, SVGGElement][]) {
    part.addEventListener('keydown', (event) => {
      const next = rangeOfKey(event, name, range, tokens);
      if (next) {
        event.preventDefault();
        set(next);
      } else if (event.key === 'Enter') {
        event.preventDefault();
        onSelect(range);
      }
    });
  }
  followDrags(picture, {
    begin: (target, x) => {
      const part = (Object.keys(parts) as Part[]).find((name) => parts[name].contains(target));
      return { part: part === 'window' && isWhole(range, tokens) ? undefined : part, x, range };
    },
    move: (from, x) => {
      const by = tokenAt(x) - tokenAt(from.x);
      const { first, end } = from.range;
      if (from.part === 'window') {
        set(moveRange(from.range, by, tokens));
      } else if (from.part === 'first') {
        set(clampRange({ first: first + by, end }, tokens));
      } else if (from.part === 'end') {
        set(clampRange({ first, end: end + by }, tokens));
      } else {
        set(clampRange({ first: tokenAt(from.x), end: tokenAt(x) }, tokens));
      }
    },
    end: (isShift) => isShift && onSelect(range),
  });
  return {
    element,
    update(o) {
      ({ range, left, right } = o);
      tokens = o.analysis.tokens;
      setShown(element, tokens > 0);
      setAttribute(picture, 'viewBox', `0 0 ${o.width} ${HEIGHT}`);
      if (drawn?.analysis !== o.analysis || drawn.width !== o.width) {
        drawn = { analysis: o.analysis, width: o.width };
        setAttribute(losses, 'd', peaksPath(o.analysis, left, right));
      }
      const hasCursor = o.focus !== undefined && o.focus < tokens;
      setAttribute(cursor, 'visibility', hasCursor ? undefined : 'hidden');
      if (o.focus !== undefined) {
        place(cursor, { x1: xOf(o.focus + 0.5), x2: xOf(o.focus + 0.5), y1: 0, y2: HEIGHT });
      }
      const from = xOf(range.first);
      const to = Math.max(from + 2, xOf(range.end));
      place(before, { x: left, y: 0, width: from - left, height: HEIGHT });
      place(after, { x: to, y: 0, width: Math.max(0, right - to), height: HEIGHT });
      place(frame, { x: from, y: 0.5, width: to - from, height: HEIGHT - 1 });
      placeHandle(parts.first, from);
      placeHandle(parts.end, to);
      describe(parts, range, o.analysis);
    },
  };
}

function makePart(name: Part, ...children: readonly SVGElement[]): SVGGElement {
  return svg(
    'g',
    {
      class: `overview-part overview-${name}`,
      test: `overview-${name}`,
      attributes: { role: 'slider', tabindex: '0', 'aria-label': strings.overviewParts[name] },
    },
    ...children,
  );
}

function placeHandle(part: SVGGElement, x: number): void {
  const [hit, grip] = part.children;
  place(hit, { x: x - HANDLE / 2, y: 0, width: HANDLE, height: HEIGHT });
  setAttribute(grip, 'd', `M${pixels(x - 3)} 11h6v18h-6z`);
}

function describe(parts: Record<Part, SVGGElement>, range: Range, { tokens, series }: Analysis): void {
  const lineOf = (token: number) => count(series.lines[Math.min(token, tokens - 1)] + 1);
  const text = tokens > 0 ? strings.shown(lineOf(range.first), lineOf(range.end - 1)) : '';
  const values: Record<Part, readonly [value: number, max: number]> = {
    window: [range.first, Math.max(0, tokens - (range.end - range.first))],
    first: [range.first, range.end],
    end: [range.end, tokens],
  };
  for (const name of Object.keys(parts) as Part[]) {
    const [value, max] = values[name];
    place(parts[name], {
      'aria-valuemin': '0',
      'aria-valuemax': String(max),
      'aria-valuenow': String(value),
    });
    setAttribute(parts[name], 'aria-valuetext', text);
  }
}

/** The range after a key; undefined when the key means nothing here. */
function rangeOfKey(event: KeyboardEvent, part: Part, range: Range, tokens: number): Range | undefined {
  if (event.ctrlKey || event.altKey || event.metaKey) {
    return undefined;
  }
  const length = range.end - range.first;
  const step = Math.max(1, Math.round(length * (event.shiftKey ? 1 : KEY_STEP)));
  const by = { ArrowRight: step, ArrowUp: step, ArrowLeft: -step, ArrowDown: -step }[event.key];
  if (by !== undefined) {
    return part === 'window'
      ? moveRange(range, by, tokens)
      : resize(range, part, (part === 'first' ? range.first : range.end) + by, tokens);
  }
  switch (event.key) {
    case '+':
    case '=':
      return zoomRange(range, 1 / ZOOM_STEP, 0.5, tokens);
    case '-':
    case '_':
      return zoomRange(range, ZOOM_STEP, 0.5, tokens);
    case 'PageUp':
      return moveRange(range, -length, tokens);
    case 'PageDown':
      return moveRange(range, length, tokens);
    case 'Home':
      return moveRange(range, -tokens, tokens);
    case 'End':
      return moveRange(range, tokens, tokens);
    case 'Escape':
      return wholeRange(tokens);
    default:
      return undefined;
  }
}

/** One end of the range put elsewhere, the other one kept. */
function resize({ first, end }: Range, part: 'first' | 'end', to: number, tokens: number): Range {
  return part === 'first'
    ? clampRange({ first: Math.min(Math.max(0, to), end - 1), end }, tokens)
    : clampRange({ first, end: Math.max(Math.min(tokens, to), first + 1) }, tokens);
}

/** The largest surprisal of each column as a thin bar; it stands for the whole document and is drawn once. */
function peaksPath({ series, tokens, maximum }: Analysis, left: number, right: number): string {
  const columns = Math.min(tokens, Math.max(0, Math.floor((right - left) / COLUMN)));
  const { maxima } = columnsOf(series.nats, 0, tokens, columns);
  const pieces: string[] = [];
  for (let c = 0; c < columns; c++) {
    if (maxima[c] > 0) {
      const x = left + ((c + 0.5) * (right - left)) / columns;
      pieces.push(`M${pixels(x)} ${HEIGHT}v${pixels((-maxima[c] / maximum) * (HEIGHT - 3))}`);
    }
  }
  return pieces.join('');
}

/** What a drag does; x is in the picture's pixels. */
export interface Drag<From> {
  begin(target: Node, x: number): From;
  move(from: From, x: number): void;
  end(isShift: boolean, from: From, isClick: boolean): void;
}

/** Below this a drag is a click. */
const CLICK = 4;

/** Follows drags with the primary button over a picture whose pixels are those of the page. */
export function followDrags<From>(element: SVGElement, drag: Drag<From>): void {
  let from: { value: From; x: number; hasMoved: boolean } | undefined;
  const xOf = (event: PointerEvent) => event.clientX - element.getBoundingClientRect().left;
  element.addEventListener('pointerdown', (event) => {
    if (event.button === 0 && event.target instanceof Node) {
      const x = xOf(event);
      from = { value: drag.begin(event.target, x), x, hasMoved: false };
      element.setPointerCapture(event.pointerId);
    }
  });
  element.addEventListener('pointermove', (event) => {
    const x = xOf(event);
    if (from && (from.hasMoved || Math.abs(x - from.x) >= CLICK)) {
      from.hasMoved = true;
      drag.move(from.value, x);
    }
  });
  element.addEventListener('pointerup', (event) => {
    if (from) {
      const { value, hasMoved } = from;
      from = undefined;
      drag.end(event.shiftKey && hasMoved, value, !hasMoved);
    }
  });
  element.addEventListener('pointercancel', () => {
    from = undefined;
  });
}
