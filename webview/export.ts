/** A chart as a file that stands alone: SVG with its styles in it, or PNG. */
import { svg } from './dom';

/** A self-contained SVG, and its size in CSS pixels. */
export interface Picture {
  readonly text: string;
  readonly width: number;
  readonly height: number;
}

/** Kept free around an exported picture, in CSS pixels. */
const MARGIN = 12;

/** What style sheets decide about a mark or a text, and what has to be written into the picture therefore. */
const PROPERTIES = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-opacity',
  'stroke-width',
  'stroke-dasharray',
  'stroke-linecap',
  'stroke-linejoin',
  'opacity',
  'paint-order',
  'visibility',
] as const;
const TEXT_PROPERTIES = [
  'font-family',
  'font-size',
  'font-style',
  'font-weight',
  'text-anchor',
  'dominant-baseline',
] as const;
/** Properties whose colour may carry an opacity, which SVG keeps apart. */
const OPACITY_OF = { fill: 'fill-opacity', stroke: 'stroke-opacity' } as const;
const INITIAL: Readonly<Record<string, string>> = {
  'fill-opacity': '1',
  'stroke-opacity': '1',
  'stroke-dasharray': 'none',
  'stroke-linecap': 'butt',
  'stroke-linejoin': 'miter',
  opacity: '1',
  'paint-order': 'normal',
  visibility: 'visible',
  'font-style': 'normal',
  'text-anchor': 'start',
  'dominant-baseline': 'auto',
};

/**
 * Makes an SVG that looks the same outside the page: styles are written into it, what it refers to comes along, and
 * it stands on the editor's background.
 */
export function pictureOf(
  picture: SVGSVGElement,
  { title, description }: { readonly title: string; readonly description: string },
): Picture {
  const { width: viewWidth, height: viewHeight } = picture.viewBox.baseVal;
  const width = Math.round(viewWidth) + 2 * MARGIN;
  const height = Math.round(viewHeight) + 2 * MARGIN;
  const references = new Set<string>();
  const copy = styledCopy(picture, references) as SVGSVGElement;
  const definitions = [...references]
    .filter((id) => !picture.querySelector(`#${CSS.escape(id)}`))
    .map((id) => document.getElementById(id))
    .filter((element) => element !== null)
    .map((element) => styledCopy(element, references));
  for (const [name, value] of [
    ['xmlns', 'http://www.w3.org/2000/svg'],
    ['width', String(width)],
    ['height', String(height)],
    ['viewBox', `${-MARGIN} ${-MARGIN} ${width} ${height}`],
  ]) {
    copy.setAttribute(name, value);
  }
  const background = svg('rect', {
    attributes: {
      x: String(-MARGIN),
      y: String(-MARGIN),
      width: String(width),
      height: String(height),
      ...paint('fill', getComputedStyle(document.body).backgroundColor),
    },
  });
  copy.prepend(
    svg('title', { text: title }),
    svg('desc', { text: description }),
    svg('defs', {}, ...definitions),
    background,
  );
  return { text: new XMLSerializer().serializeToString(copy), width, height };
}

/** A deep copy with the computed styles as attributes, without classes and what only the page needs. */
function styledCopy(element: Element, references: Set<string>): Element {
  const copy = element.cloneNode(false) as Element;
  for (const { name } of [...copy.attributes]) {
    if (/^(class|style|role|tabindex|data-.*|aria-.*)$/.test(name)) {
      copy.removeAttribute(name);
    }
  }
  const style = getComputedStyle(element);
  const isText = element instanceof SVGTextContentElement;
  for (const property of isText ? [...PROPERTIES, ...TEXT_PROPERTIES] : PROPERTIES) {
    const value = style.getPropertyValue(property);
    const attributes = property in OPACITY_OF ? paint(property as 'fill' | 'stroke', value) : undefined;
    if (attributes) {
      for (const [name, text] of Object.entries(attributes)) {
        copy.setAttribute(name, text);
      }
    } else if (value && value !== INITIAL[property]) {
      // An opacity of the property's own multiplies with that of its colour.
      const present = property.endsWith('-opacity') ? Number(copy.getAttribute(property) ?? 1) : undefined;
      copy.setAttribute(property, present === undefined ? value : String(present * Number(value)));
    }
  }
  for (const { value } of [...copy.attributes]) {
    const reference = /url\("?#([^")]+)"?\)/.exec(value)?.[1];
    if (reference !== undefined) {
      references.add(reference);
    }
  }
  for (const child of element.childNodes) {
    if (child instanceof Element) {
      if (getComputedStyle(child).display !== 'none' || child.closest('defs, pattern')) {
        copy.append(styledCopy(child, references));
      }
    } else if (child.nodeType === Node.TEXT_NODE) {
      copy.append(child.cloneNode());
    }
  }
  return copy;
}

/** A computed colour as SVG 1.1 writes it: without alpha and without colour functions, which few programs know. */
function paint(property: 'fill' | 'stroke', value: string): Record<string, string> {
  const reference = /^url\("?(#[^")]+)"?\)/.exec(value);
  if (reference) {
    return { [property]: `url(${reference[1]})` };
  }
  const isShare = value.startsWith('color(srgb');
  const numbers = value.match(/-?[\d.]+(?:e-?\d+)?/g)?.map(Number);
  if (!numbers || numbers.length < 3 || !/^(rgba?\(|color\(srgb )/.test(value)) {
    return { [property]: value };
  }
  const [red, green, blue] = numbers.slice(0, 3).map((part) => Math.round(part * (isShare ? 255 : 1)));
  const alpha = numbers[3] ?? 1;
  return {
    [property]: `rgb(${red},${green},${blue})`,
    ...(alpha < 1 && { [OPACITY_OF[property]]: String(Number(alpha.toFixed(3))) }),
  };
}

/**
 * Draws an SVG as PNG.
 * @param resolution pixels for each CSS pixel
 * @throws Error when the browser cannot draw it
 */
export async function rasterise({ text, width, height }: Picture, resolution: number): Promise<Blob> {
  const address = URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
  try {
    const image = new Image(width, height);
    image.src = address;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = width * resolution;
    canvas.height = height * resolution;
    const context = canvas.getContext('2d');
    context?.drawImage(image, 0, 0, canvas.width, canvas.height);
    const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
    if (!context || !png) {
      throw new Error('The picture could not be drawn.');
    }
    return png;
  } finally {
    URL.revokeObjectURL(address);
  }
}
