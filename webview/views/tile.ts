/** A number with its name above and a note below. */
import { html, setText } from '../dom';

export interface Tile {
  /** To be put into a `dl`. */
  readonly element: HTMLElement;
  update(value: string, unit: string, note: string): void;
}

/** Makes a tile; its note is found by `<test>-note`. */
export function makeTile(label: string, test: string): Tile {
  const value = html('span', { class: 'tile-value', test });
  const unit = html('span', { class: 'tile-unit' });
  const note = html('span', { class: 'tile-note quiet small', test: `${test}-note` });
  const figure = html('span', { class: 'tile-figure' }, value, unit);
  return {
    element: html(
      'div',
      { class: 'tile' },
      html('dt', { class: 'quiet small', text: label }),
      html('dd', {}, figure, note),
    ),
    update(valueText, unitText, noteText) {
      setText(value, valueText);
      setText(unit, unitText && `\u00a0${unitText}`);
      setText(note, noteText);
    },
  };
}
