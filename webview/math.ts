/**
 * Formulas as MathML, built once from small functions; the numbers in them are slots that are written later.
 *
 * Variables are set in the text's own italics and not in Unicode's mathematical alphabet, which many systems have
 * no font for.
 */
import { html, mathml, setText } from './dom';
import { linked } from './link';

type Part = Node | string;

const nodes = (parts: readonly Part[]): Node[] =>
  parts.map((part) => (typeof part === 'string' ? operator(part) : part));

/** A variable, in italics. */
export const variable = (name: string): MathMLElement =>
  mathml('mi', { class: 'variable', text: name, attributes: { mathvariant: 'normal' } });

/** The name of a function, upright. */
export const named = (name: string): MathMLElement =>
  mathml('mi', { text: name, attributes: { mathvariant: 'normal' } });

/** An operator or a bracket. */
export const operator = (sign: string): MathMLElement => mathml('mo', { text: sign });

/** A function's name followed by a thin space. */
export const apply = (name: string): MathMLElement =>
  row(named(name), mathml('mspace', { attributes: { width: '0.17em' } }));

/** A number that never changes. */
export const constant = (text: string): MathMLElement => mathml('mn', { text });

/** Parts side by side; a string is an operator. */
export const row = (...parts: readonly Part[]): MathMLElement => mathml('mrow', {}, ...nodes(parts));

export const sub = (base: Part, index: Part): MathMLElement => mathml('msub', {}, ...nodes([base, index]));

export const sup = (base: Part, exponent: Part): MathMLElement =>
  mathml('msup', {}, ...nodes([base, exponent]));

export const fraction = (above: Part, below: Part): MathMLElement =>
  mathml('mfrac', {}, ...nodes([above, below]));

/** A sum over an index. */
export const sum = (index: Part): MathMLElement =>
  mathml(
    'munder',
    {},
    mathml('mo', { text: '∑', attributes: { movablelimits: 'false' } }),
    ...nodes([index]),
  );

/** Words inside a formula: a unit, mostly. */
export const words = (text: string): MathMLElement =>
  mathml('mtext', { class: 'words', text: `\u00a0${text}` });

/** A number that is written later. */
export interface Slot {
  readonly element: MathMLElement;
  write(text: string): void;
}

/** Makes a slot for a number (or, with `words`, for a unit). */
export function slot(test?: string): Slot {
  const element = mathml('mn', { class: 'slot', ...(test && { test }) });
  return { element, write: (text) => setText(element, text) };
}

/** A slot for a word, such as the unit. */
export function wordSlot(test?: string): Slot {
  const element = mathml('mtext', { class: 'words', ...(test && { test }) });
  return { element, write: (text) => setText(element, `\u00a0${text}`) };
}

/** A formula on lines of its own, aligned at the sign between left and right. */
export function aligned(
  ...lines: readonly (readonly [left: Part, sign: string, right: Part])[]
): MathMLElement {
  const table = mathml('mtable', { class: 'aligned' });
  for (const [left, sign, right] of lines) {
    table.append(
      mathml(
        'mtr',
        {},
        mathml('mtd', { class: 'left' }, ...nodes([left])),
        mathml('mtd', { class: 'sign' }, operator(sign)),
        mathml('mtd', { class: 'right' }, ...nodes([right])),
      ),
    );
  }
  return mathml('math', { class: 'formula', attributes: { display: 'block' } }, table);
}

/** Nothing, where an aligned line repeats the left side of the one above. */
export const same = (): MathMLElement => mathml('mrow');

/** A slot that is tied to something in the picture, see {@link linked}. */
export function linkedSlot(name: string, test?: string): Slot {
  const made = slot(test);
  linked(name, made.element);
  return made;
}

/**
 * The frame of formulas, which can be scrolled and read with the keyboard.
 * @param label the formula's name for assistive technology
 */
export function formulaFrame(label: string, ...formulas: readonly Node[]): HTMLElement {
  return html(
    'div',
    { class: 'formula-frame', attributes: { tabindex: '0', role: 'group', 'aria-label': label } },
    ...formulas,
  );
}
