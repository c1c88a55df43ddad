/** Helpers for pictures: marks that are kept from one drawing to the next, and where they stand. */
import { setAttribute, setText } from './dom';

/** A length or a place for an attribute or a path: a hundredth of a pixel is enough. */
export const pixels = (value: number): string => String(Math.round(value * 100) / 100);

/**
 * Brings a group to so many children and returns them: a picture changes its marks and does not make them anew.
 * @param make makes one more
 */
export function keep<Child extends Element>(group: Element, count: number, make: () => Child): Child[] {
  while (group.children.length > count) {
    group.lastElementChild?.remove();
  }
  while (group.children.length < count) {
    group.append(make());
  }
  return [...group.children] as Child[];
}

/** Writes several attributes; numbers are lengths in pixels. */
export function place(element: Element, attributes: Readonly<Record<string, number | string>>): void {
  for (const [name, value] of Object.entries(attributes)) {
    setAttribute(element, name, typeof value === 'number' ? pixels(value) : value);
  }
}

/** Writes a text and where it stands. */
export function placeText(
  element: Element,
  text: string,
  x: number,
  y: number,
  anchor: 'start' | 'middle' | 'end' = 'start',
): void {
  setText(element, text);
  place(element, { x, y, 'text-anchor': anchor });
}

/** Shows or hides a mark. An attribute, so that a copied picture hides it too. */
export function showMark(mark: SVGElement, shown: boolean): void {
  setAttribute(mark, 'visibility', shown ? undefined : 'hidden');
}

/** A token's text for a place with room for so many characters. */
export function shorten(text: string, characters: number): string {
  const all = [...text];
  return all.length <= characters ? text : `${all.slice(0, Math.max(1, characters - 1)).join('')}…`;
}
