/** What the command line tells people on standard error. */
import type { Writable } from 'node:stream';
import { visibleLine } from './visibleLine';

/** Standard error, or what stands for it in a test. */
export type MessageStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Width of a terminal that does not tell. */
const COLUMNS = 80;
const CLEAR_LINE = '\r\x1b[K';

/** Complaints, and progress on one line that is cleared before anything else is shown. */
export class Messages {
  #showsProgress = false;

  constructor(private readonly stream: MessageStream) {
    // Nobody reads the messages: that must not end the run.
    stream.on('error', () => {});
  }

  /** Writes a message of whatever length and characters as one line. */
  complain(message: string): void {
    this.clearProgress();
    this.stream.write(`surprisal: ${visibleLine(message.replace(/\s*\n\s*/g, ' '))}\n`);
  }

  /**
   * Shows how far a file or a model is; only on a terminal.
   * @param name the file's, as `nameOf` gives it
   * @param done how much is done, of `total`
   * @param amounts the two as they are shown
   */
  progress(name: string, done: number, total: number, amounts: string): void {
    if (this.stream.isTTY && done < total) {
      const numbers = `: ${amounts}`;
      // A line that is wrapped could not be cleared.
      const room = (this.stream.columns || COLUMNS) - numbers.length - 1;
      this.stream.write(`${CLEAR_LINE}${ending(name, Math.max(1, room))}${numbers}`);
      this.#showsProgress = true;
    }
  }

  /** Clears the line of the progress, if there is one. */
  clearProgress(): void {
    if (this.#showsProgress) {
      this.stream.write(CLEAR_LINE);
      this.#showsProgress = false;
    }
  }
}

/** The end of a text, which tells most of a path, in at most so many code points. */
function ending(text: string, maximum: number): string {
  const characters = [...text];
  return characters.length <= maximum
    ? text
    : `…${characters.slice(characters.length - maximum + 1).join('')}`;
}
