/** Writing results to standard output. */
import type { Writable } from 'node:stream';

/** Results cannot be written: the disk is full, or nobody reads on. */
export class OutputError extends Error {
  /** Whether the reader had enough, as `head` does: nothing is wrong then. */
  readonly isClosed: boolean;

  /** @param cause what the system said */
  constructor(cause: NodeJS.ErrnoException) {
    super(`standard output: cannot be written to (${cause.message})`, { cause });
    this.isClosed = cause.code === 'EPIPE';
  }
}

/** UTF-16 code units that are gathered for one write: many enough to be quick, few enough to be no burden. */
const GATHERED = 1 << 16;

/** Writes pieces in order, each when the one before it has been taken. */
export class Output {
  constructor(private readonly stream: Writable) {
    // Told by the write that failed.
    stream.on('error', () => {});
  }

  /**
   * Writes a text in pieces, which may be more together than one string can hold. Resolves when all is written.
   * @throws OutputError
   */
  async write(pieces: Iterable<string>): Promise<void> {
    let gathered = '';
    for (const piece of pieces) {
      if (gathered.length + piece.length > GATHERED) {
        await this.#send(gathered);
        gathered = '';
      }
      gathered += piece;
    }
    await this.#send(gathered);
  }

  #send(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (text === '') {
        resolve();
        return;
      }
      this.stream.write(text, (error) => (error ? reject(new OutputError(error)) : resolve()));
    });
  }
}
