/** What the parts of the page have in common. */
import type { FromPage, PanelState } from '../src/panel/messages';

/** What a view may do beyond its own element. */
export interface Host {
  /** Sends a message to the extension. */
  post(message: FromPage): void;
}

/**
 * A part of the page that stands alone: made once, then brought up to date with every state. It keeps its elements
 * and changes only their texts and measures, so that nothing flickers.
 */
export interface View {
  readonly element: HTMLElement;
  update(state: PanelState): void;
}

/** Makes a view. The page is a list of these. */
export type MakeView = (host: Host) => View;
