/** Native form controls with a visible label; they have the keyboard and the accessible name of the platform. */
import { html, setAttribute, setProperty, setText } from './dom';

export interface Slider {
  readonly element: HTMLElement;
  /** Shows a value; tells nobody. */
  set(value: number): void;
}

export interface NumberField {
  readonly element: HTMLElement;
  /** Shows a value; tells nobody. */
  set(value: number): void;
}

export interface Select {
  readonly element: HTMLElement;
  /** Shows a value, and with `options` what there is to choose from; tells nobody. */
  set(value: string, options?: readonly Option[]): void;
}

/** One choice of a {@link Select}. */
export interface Option {
  readonly value: string;
  readonly label: string;
}

/** The thumb of a logarithmic slider moves in this many steps, so that a key changes the value by the same factor. */
const LOG_STEPS = 200;

let made = 0;
const nextId = () => `control-${++made}`;

/**
 * Makes a slider: a native range input with its label and its value as text.
 * @param o.scale `log` maps the thumb logarithmically; `min` must be positive then
 * @param o.format the value as it is shown and read out
 */
export function slider(o: {
  readonly test: string;
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly scale?: 'linear' | 'log';
  format(value: number): string;
  onInput(value: number): void;
}): Slider {
  const id = nextId();
  const isLog = o.scale === 'log';
  const ratio = Math.log(o.max / o.min);
  const input = html('input', {
    id,
    class: 'slider-input',
    test: o.test,
    attributes: {
      type: 'range',
      min: isLog ? '0' : String(o.min),
      max: isLog ? String(LOG_STEPS) : String(o.max),
      step: isLog ? '1' : String(o.step),
    },
  });
  const output = html('output', { class: 'control-value', test: `${o.test}-value`, attributes: { for: id } });
  const element = html(
    'div',
    { class: 'control slider' },
    html('label', { class: 'control-label', text: o.label, attributes: { for: id } }),
    output,
    input,
  );
  const valueAt = (position: number) =>
    isLog ? snap(o.min * Math.exp((ratio * position) / LOG_STEPS), o) : snap(position, o);
  const positionOf = (value: number) =>
    isLog ? Math.round((LOG_STEPS * Math.log(value / o.min)) / ratio) : value;
  const show = (value: number) => {
    const text = o.format(value);
    setText(output, text);
    setAttribute(input, 'aria-valuetext', text);
    const share = isLog ? positionOf(value) / LOG_STEPS : (value - o.min) / (o.max - o.min);
    setProperty(input, '--share', Math.min(1, Math.max(0, share)));
  };
  input.addEventListener('input', () => {
    const value = valueAt(input.valueAsNumber);
    show(value);
    o.onInput(value);
  });
  return {
    element,
    set(value) {
      const position = positionOf(value);
      // A thumb under the pointer stays where it is while its value is a rounded one.
      if (valueAt(input.valueAsNumber) !== value && input.valueAsNumber !== position) {
        input.value = String(position);
      }
      show(value);
    },
  };
}

/** The value on the grid of steps, inside the limits, without the noise of binary fractions. */
function snap(value: number, { min, max, step }: { min: number; max: number; step: number }): number {
  const onGrid = Math.round((value - min) / step) * step + min;
  return Math.min(max, Math.max(min, Number(onGrid.toPrecision(12))));
}

/** Makes a field for a number; a value outside the limits is brought inside them, an empty one goes back. */
export function numberField(o: {
  readonly test: string;
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  onChange(value: number): void;
}): NumberField {
  const id = nextId();
  const input = html('input', {
    id,
    class: 'field',
    test: o.test,
    // Any number is taken: `step` is what the arrow keys add, not a grid.
    attributes: { type: 'number', min: String(o.min), max: String(o.max), step: String(o.step) },
  });
  const element = html(
    'div',
    { class: 'control' },
    html('label', { class: 'control-label', text: o.label, attributes: { for: id } }),
    input,
  );
  let shown = o.min;
  const write = (value: number) => {
    shown = value;
    if (input.valueAsNumber !== value) {
      input.value = String(value);
    }
  };
  input.addEventListener('change', () => {
    const entered = input.valueAsNumber;
    const isWhole = Number.isInteger(o.step) && Number.isInteger(o.min);
    const value = Number.isNaN(entered)
      ? shown
      : Math.min(o.max, Math.max(o.min, isWhole ? Math.round(entered) : entered));
    const isNew = value !== shown;
    write(value);
    if (isNew) {
      o.onChange(value);
    }
  });
  return {
    element,
    set(value) {
      // Not while somebody is typing.
      if (document.activeElement !== input || value !== shown) {
        write(value);
      }
    },
  };
}

/** Makes a list to choose one of several values from. */
export function select(o: {
  readonly test: string;
  readonly label: string;
  readonly options: readonly Option[];
  onChange(value: string): void;
}): Select {
  const id = nextId();
  const list = html('select', { id, class: 'field', test: o.test });
  const element = html(
    'div',
    { class: 'control' },
    html('label', { class: 'control-label', text: o.label, attributes: { for: id } }),
    list,
  );
  let present = '';
  const offer = (options: readonly Option[]) => {
    const key = JSON.stringify(options);
    if (key !== present) {
      present = key;
      list.replaceChildren(
        ...options.map(({ value, label }) => html('option', { text: label, attributes: { value } })),
      );
    }
  };
  offer(o.options);
  list.addEventListener('change', () => o.onChange(list.value));
  return {
    element,
    set(value, options) {
      if (options) {
        offer(options);
      }
      if (list.value !== value) {
        list.value = value;
      }
    },
  };
}

/** Makes a button with a text; the class `secondary` makes it a quieter one. */
export function textButton(o: {
  readonly test: string;
  readonly label: string;
  onClick(): void;
}): HTMLButtonElement {
  const element = html('button', {
    class: 'button',
    test: o.test,
    text: o.label,
    attributes: { type: 'button' },
  });
  element.addEventListener('click', o.onClick);
  return element;
}
