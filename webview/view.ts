/** What the parts of the page have in common. */
import type { FromPage, PanelSeries, PanelState, PanelTraining } from '../src/panel/messages';
import type { PageSettings } from './settings';

/** What a view may do beyond its own element. */
export interface Host {
  /** Sends a message to the extension. */
  post(message: FromPage): void;
  /** Changes settings of the page; all views are brought up to date at once, and the settings are kept. */
  set(settings: Partial<PageSettings>): void;
}

/** Everything that the page shows. */
export interface PageState extends PanelState {
  readonly settings: PageSettings;
  /** The losses of the whole document, once they are here. */
  readonly losses?: PanelSeries;
  readonly training?: PanelTraining;
  /** Whether what the state says of the whole document is from before an edit, whose losses are on their way. */
  readonly stale: boolean;
}

/**
 * A part of the page that stands alone: made once, then brought up to date with every state. It keeps its elements
 * and changes only their texts and measures, so that nothing flickers.
 */
export interface View {
  readonly element: HTMLElement;
  update(state: PageState): void;
}

/** Makes a view. The page is a list of these. */
export type MakeView = (host: Host) => View;
