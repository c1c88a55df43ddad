/** Reading what the command line was given, with messages that name it. */
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { visibleLine } from './visibleLine';

/** An input cannot be scored; one line for the user, naming it. */
export class InputError extends Error {}

/** An input's bytes are no UTF-8: it is in another encoding, or no text. */
export class NotTextError extends InputError {}

const TOO_LARGE = 'too large to be one text';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EISDIR: 'is a folder; give the files in it',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ERR_FS_FILE_TOO_LARGE: TOO_LARGE,
};

/**
 * Reads a file, or standard input for "-", as UTF-8. One byte-order mark at its beginning is left out, as VS Code leaves it
 * out of a document: so offsets, lines and numbers are the editor's.
 * @param name what messages call it
 * @throws InputError, which is a NotTextError where it was read and is no text
 */
export async function readInput(
  file: string,
  stdin: NodeJS.ReadableStream,
  name = nameOf(file),
): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = file === '-' ? await buffer(stdin) : await readFile(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new InputError(`${name}: ${REASONS[code ?? ''] ?? message}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
      ? new NotTextError(`${name}: is not UTF-8 text`)
      : new InputError(`${name}: ${TOO_LARGE} (${bytes.length} bytes)`);
  }
}

/**
 * How an input is called in messages and in reports for people, on one line. The machine-readable formats have the name
 * as it was given, "-" for standard input: scripts look for what they asked for.
 */
export function nameOf(file: string): string {
  return file === '-' ? 'standard input' : visibleLine(file);
}
