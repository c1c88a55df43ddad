/** Keeps as many children as there are data, so that a picture changes its marks and does not make them anew. */

/**
 * Brings a group to so many children and returns them.
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

/** A coordinate in a picture: a hundredth of a pixel is enough. */
export const place = (value: number): string => value.toFixed(2);

/** A token's text for a place with room for so many characters. */
export function shorten(text: string, characters: number): string {
  const all = [...text];
  return all.length <= characters ? text : `${all.slice(0, Math.max(1, characters - 1)).join('')}…`;
}

/** A number for a table and for CSV, with the digits that float32 has. */
export const numeral = (value: number): string => String(Number(value.toPrecision(7)));
