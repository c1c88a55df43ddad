/** A bar that fills while something is under way. */
import { html, setAttribute, setProperty } from './dom';

export interface ProgressBar {
  readonly element: HTMLElement;
  /** Shows a share from 0 to 1; without one, that it is not known how long it takes. */
  set(share: number | undefined): void;
}

/** Makes a progress bar with a name for assistive technology. */
export function progressBar(label: string): ProgressBar {
  const bar = html('div', { class: 'progress-bar' });
  const element = html(
    'div',
    {
      class: 'progress-track',
      attributes: {
        role: 'progressbar',
        'aria-label': label,
        'aria-valuemin': '0',
        'aria-valuemax': '100',
      },
    },
    bar,
  );
  return {
    element,
    set(share) {
      setProperty(bar, '--share', (share ?? 0).toFixed(4));
      bar.classList.toggle('endless', share === undefined);
      setAttribute(
        element,
        'aria-valuenow',
        share === undefined ? undefined : String(Math.round(100 * share)),
      );
    },
  };
}
