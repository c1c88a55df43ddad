import { makeVisible } from '../text/visible';

/**
 * A text as part of one line that people read: spaces stay, whatever else hides or controls is made visible, so that no
 * terminal obeys it.
 */
export function visibleLine(text: string): string {
  return text.split(' ').map(makeVisible).join(' ');
}
