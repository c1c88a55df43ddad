/** Reading what the command line was given, with messages that name it. */
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';

/** An input cannot be scored; one line for the user, naming it. */
export class InputError extends Error {}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EISDIR: 'is a folder; give the files in it',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
};

/**
 * Reads a file, or standard input for "-", as UTF-8. A byte-order mark is kept: it is part of the text.
 * @throws InputError
 */
export async function readInput(file: string, stdin: NodeJS.ReadableStream): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = file === '-' ? await buffer(stdin) : await readFile(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new InputError(`${nameOf(file)}: ${REASONS[code ?? ''] ?? message}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof RangeError) {
      throw new InputError(`${nameOf(file)}: too large to be one text (${bytes.length} bytes)`);
    }
    throw new InputError(`${nameOf(file)}: is not UTF-8 text`);
  }
}

/** How an input is called in messages and reports. */
export function nameOf(file: string): string {
  return file === '-' ? 'standard input' : file;
}
