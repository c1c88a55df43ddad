/** Notes inside the browser's pages when keys are pressed, messages arrive and the explainer panel is drawn. */
import type { Frame, Page } from 'playwright-core';

/** What the panel showed from a frame of the screen on; times are milliseconds since 1970, to the microsecond. */
export interface Shown {
  readonly at: number;
  /** As in `Line 3, column 5`. */
  readonly position: string;
  readonly token: string;
  /** The model's answer is still to come. */
  readonly busy: boolean;
}

/** What a page has recorded. */
export interface Recording {
  /** When the page's window was made. */
  readonly began: number;
  /** When the page asked for its first file, and when it had the last of them; once they are there. */
  readonly files: { readonly asked: number; readonly loaded: number } | undefined;
  /** When the panel's elements were there first. */
  built: number | undefined;
  /** When VS Code's own Markdown preview had its text first. */
  previewed: number | undefined;
  readonly shown: Shown[];
  readonly keys: { readonly at: number; readonly key: string }[];
  readonly messages: { readonly at: number; readonly type: string }[];
}

/** The little of a browser's page that is used here: the tests are checked without a browser's types. */
interface Element {
  readonly textContent: string;
  closest(selector: string): Element | null;
  getAttribute(name: string): string | null;
}
interface Event {
  readonly timeStamp: number;
  readonly key: string;
  readonly data?: { readonly type?: string };
}
declare const window: {
  recording?: Recording;
  addEventListener(type: string, listener: (event: Event) => void, capture: boolean): void;
  requestAnimationFrame(callback: () => void): void;
};
declare const document: { querySelector(selector: string): Element | null };

/** Runs in the page, so it refers to nothing outside itself. */
function record(): void {
  const now = () => performance.timeOrigin + performance.now();
  const recording: Recording = {
    began: now(),
    files: undefined,
    built: undefined,
    previewed: undefined,
    shown: [],
    keys: [],
    messages: [],
  };
  window.recording = recording;
  window.addEventListener(
    'keydown',
    ({ key, timeStamp }) => recording.keys.push({ at: performance.timeOrigin + timeStamp, key }),
    true,
  );
  const textOf = (test: string) => document.querySelector(`[data-testid="${test}"]`)?.textContent ?? '';
  let last = '';
  // The last thing before a frame is drawn: what is seen here is what is about to be on screen.
  const look = (explained: Element) => {
    const position = textOf('position').replace(/\s+/g, ' ').trim();
    const token = textOf('token');
    const busy = explained.getAttribute('aria-busy') !== 'false';
    const current = JSON.stringify([position, token, busy]);
    if (current !== last && token !== '' && !explained.closest('[hidden]')) {
      last = current;
      recording.shown.push({ at: now(), position, token, busy });
    }
    window.requestAnimationFrame(() => look(explained));
  };
  // A webview's page is written anew into its window, which ends what waits for frames and takes listeners away.
  const timer = setInterval(() => {
    if (document.querySelector('.markdown-body h1')) {
      clearInterval(timer);
      window.requestAnimationFrame(() => {
        recording.previewed = now();
      });
    }
    const explained = document.querySelector('[data-testid="explained"]');
    if (explained) {
      clearInterval(timer);
      recording.built = now();
      window.addEventListener(
        'message',
        ({ data }) => recording.messages.push({ at: now(), type: data?.type ?? '' }),
        true,
      );
      look(explained);
    }
  }, 2);
}

/** Records in a page from now on, and in every frame that is added to it. */
export async function recordIn(page: Page): Promise<void> {
  await page.addInitScript(record);
  await page.evaluate(record);
}

/** What was recorded in a page since it was last asked for. */
export function takeRecording(frame: Frame | Page): Promise<Recording> {
  return frame.evaluate((): Recording => {
    const { recording } = window;
    if (!recording) {
      throw new Error('nothing is recorded in this page');
    }
    const { began, built, previewed } = recording;
    // The page's script and style sheet; the frame's own document and VS Code's files in it have other names.
    const files = performance
      .getEntriesByType('resource')
      .filter(({ name }) => /\/dist\/webview\.(js|css)/.test(name))
      .map(({ startTime, duration }) => [startTime, startTime + duration]);
    return {
      began,
      files:
        files.length > 0
          ? {
              asked: performance.timeOrigin + Math.min(...files.map(([asked]) => asked)),
              loaded: performance.timeOrigin + Math.max(...files.map(([, loaded]) => loaded)),
            }
          : undefined,
      built,
      previewed,
      shown: recording.shown.splice(0),
      keys: recording.keys.splice(0),
      messages: recording.messages.splice(0),
    };
  });
}
