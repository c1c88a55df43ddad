/** How tokens are written in the page. */
import type { PanelPart, PanelText } from '../src/panel/messages';
import { count } from './format';
import { strings } from './strings';

/** A token's name in sentences and for assistive technology: its visible text, and which piece of it it is. */
export function tokenName({ visible }: PanelText, part?: PanelPart): string {
  const name = `“${visible}”`;
  return part ? strings.part(name, count(part.number), count(part.of)) : name;
}
