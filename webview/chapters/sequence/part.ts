/** What the chapter is put together from. */
import type { PageState } from '../../view';
import type { Analysis } from './analysis';

/** A part of the chapter that shows the losses of a document. */
export interface SequencePart {
  readonly element: HTMLElement;
  update(analysis: Analysis, state: PageState): void;
}
