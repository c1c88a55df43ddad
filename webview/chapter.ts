/** The frame of a chapter: a heading, at most three sentences, and what it shows. */
import { html } from './dom';

/** A chapter's elements. */
export interface Chapter {
  readonly element: HTMLElement;
  /** The sentences; views may write them anew. */
  readonly text: HTMLElement;
}

/**
 * Makes the frame of a chapter.
 * @param name identifies it, for tests and later for links to it
 */
export function chapter(name: string, title: string, ...content: readonly Node[]): Chapter {
  const heading = html('h2', { id: `chapter-${name}`, text: title });
  const text = html('p', { class: 'prose' });
  const element = html(
    'section',
    {
      class: `chapter chapter-${name}`,
      test: `chapter-${name}`,
      attributes: { 'aria-labelledby': heading.id },
    },
    heading,
    text,
    ...content,
  );
  return { element, text };
}
