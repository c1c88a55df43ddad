/** Small helpers around the page's elements. Elements are made once; afterwards only what differs is written. */

/** What an element is made with. */
export interface Properties {
  readonly class?: string;
  readonly id?: string;
  /** The name by which tests find the element. */
  readonly test?: string;
  readonly text?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

const SVG = 'http://www.w3.org/2000/svg';
const MATHML = 'http://www.w3.org/1998/Math/MathML';

/** Makes an HTML element. */
export function html<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Properties = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  return fill(document.createElement(name), properties, children);
}

/** Makes an SVG element. */
export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  properties: Properties = {},
  ...children: readonly (Node | string)[]
): SVGElementTagNameMap[Name] {
  return fill(document.createElementNS(SVG, name), properties, children);
}

/** Makes a MathML element. */
export function mathml(
  name: string,
  properties: Properties = {},
  ...children: readonly (Node | string)[]
): MathMLElement {
  return fill(document.createElementNS(MATHML, name) as MathMLElement, properties, children);
}

function fill<Made extends Element>(
  element: Made,
  properties: Properties,
  children: readonly (Node | string)[],
): Made {
  if (properties.class) {
    element.setAttribute('class', properties.class);
  }
  if (properties.id) {
    element.id = properties.id;
  }
  if (properties.test) {
    element.setAttribute('data-testid', properties.test);
  }
  for (const [name, value] of Object.entries(properties.attributes ?? {})) {
    element.setAttribute(name, value);
  }
  if (properties.text !== undefined) {
    element.textContent = properties.text;
  }
  element.append(...children);
  return element;
}

/** Writes an element's text, always as text. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Writes an attribute, or removes it. */
export function setAttribute(element: Element, name: string, value: string | undefined): void {
  if (value === undefined) {
    element.removeAttribute(name);
  } else if (element.getAttribute(name) !== value) {
    element.setAttribute(name, value);
  }
}

/** Shows or hides an element. */
export function setShown(element: HTMLElement, shown: boolean): void {
  if (element.hidden === shown) {
    element.hidden = !shown;
  }
}

/** Sets a CSS custom property, which the style sheet turns into a width, a place or a colour. */
export function setProperty(
  element: HTMLElement | SVGElement,
  name: `--${string}`,
  value: string | number,
): void {
  const text = String(value);
  if (element.style.getPropertyValue(name) !== text) {
    element.style.setProperty(name, text);
  }
}
