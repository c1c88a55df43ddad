/** Notes inside the workbench's page when keys are pressed and when the heatmap's colours on screen change. */
import type { Page } from 'playwright-core';

/** What the page has recorded; times are milliseconds since 1970, to the microsecond. */
export interface ColourRecording {
  readonly keys: { readonly at: number; readonly key: string }[];
  /** The frames in which the colours on screen were others than in the one before. */
  readonly changes: { readonly at: number; readonly spans: number }[];
}

/** The little of a browser's page that is used here: the tests are checked without a browser's types. */
interface Element {
  readonly className: string;
  readonly style: { readonly cssText: string };
  readonly parentElement: Element | null;
}
declare const window: {
  colours?: ColourRecording;
  addEventListener(
    type: string,
    listener: (event: { readonly timeStamp: number; readonly key: string }) => void,
    capture: boolean,
  ): void;
  requestAnimationFrame(callback: () => void): void;
};
declare const document: { querySelectorAll(selector: string): Iterable<Element> };

/** Records from now on. Runs in the page, so it refers to nothing outside itself. */
export function recordColours(): void {
  if (window.colours) {
    return;
  }
  const recording: ColourRecording = { keys: [], changes: [] };
  window.colours = recording;
  window.addEventListener(
    'keydown',
    ({ key, timeStamp }) => recording.keys.push({ at: performance.timeOrigin + timeStamp, key }),
    true,
  );
  let last = '';
  // The last thing before a frame is drawn: what is seen here is what is about to be on screen.
  const look = () => {
    let spans = 0;
    let current = '';
    for (const element of document.querySelectorAll('.view-overlays .cdr[class*="ced-"]')) {
      spans++;
      current += `${element.className} ${element.style.cssText} ${element.parentElement?.style.cssText}\n`;
    }
    if (current !== last) {
      last = current;
      recording.changes.push({ at: performance.timeOrigin + performance.now(), spans });
    }
    window.requestAnimationFrame(look);
  };
  look();
}

/** What was recorded since it was last asked for. */
export function takeColours(page: Page): Promise<ColourRecording> {
  return page.evaluate(() => {
    const { colours } = window;
    if (!colours) {
      throw new Error('nothing is recorded in this page');
    }
    return { keys: colours.keys.splice(0), changes: colours.changes.splice(0) };
  });
}
