/** The place that the page is scrolled to, over a time in which its content is not there yet. */

/** What moves a page: whoever does this goes on from where it is. */
const USER_ACTS = ['wheel', 'pointerdown', 'touchstart', 'keydown'] as const;

/** Charts draw themselves some frames after their data came, in milliseconds. */
const DRAWN = 500;

/** A place, in CSS pixels from the page's top. */
export interface ScrollPlace {
  /** The place to be kept: where the page is, or where it is to be as soon as it is long enough. */
  readonly kept: number;
  /** All content is there. */
  contentIsThere(): void;
}

/**
 * Brings the page back to where it was, and again whenever it grows, until all of its content is there or the user acts.
 * @param content what gives the page its length
 * @param place as {@link ScrollPlace.kept} was
 */
export function restoreScroll(content: HTMLElement, place: number): ScrollPlace {
  let wanted: number | undefined = place > 0 ? place : undefined;
  let isThere = false;
  const goThere = () => {
    if (wanted !== undefined) {
      window.scrollTo(0, wanted);
    }
  };
  const observer = new ResizeObserver(goThere);
  const end = () => {
    wanted = undefined;
    observer.disconnect();
    for (const act of USER_ACTS) {
      window.removeEventListener(act, end, true);
    }
  };
  observer.observe(content);
  for (const act of USER_ACTS) {
    window.addEventListener(act, end, { capture: true, passive: true });
  }
  goThere();
  return {
    get kept() {
      return wanted ?? window.scrollY;
    },
    contentIsThere() {
      if (!isThere) {
        isThere = true;
        setTimeout(end, DRAWN);
      }
    },
  };
}
