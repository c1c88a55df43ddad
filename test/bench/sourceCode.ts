/** Real texts for benchmarks, put together from the repository's own files: no piece of them is repeated. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteTokenizer } from '../../src/model/tokenizer';
import { FIXTURES, ROOT } from '../support/paths';

/** Where the code is taken from, in this order: Python and TypeScript of the tests' documents first, then the sources. */
const FIXTURE_FILES = ['inventory.py', 'retry.ts'];
const SOURCE_FOLDERS = ['src', 'webview', 'test'];

/** All lines of code that there are. */
async function code(): Promise<string[]> {
  const files = FIXTURE_FILES.map((name) => join(FIXTURES, 'documents', name));
  for (const folder of SOURCE_FOLDERS) {
    const names = await readdir(join(ROOT, folder), { recursive: true });
    files.push(
      ...names
        .filter((name) => name.endsWith('.ts'))
        .sort()
        .map((name) => join(ROOT, folder, name)),
    );
  }
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  return texts.flatMap((text) => text.split('\n'));
}

/**
 * Code of so many lines.
 * @throws RangeError when there are not as many
 */
export async function codeOfLines(count: number): Promise<string> {
  const lines = await code();
  if (lines.length < count) {
    throw new RangeError(`There are ${lines.length} lines of code, not ${count}.`);
  }
  return lines.slice(0, count).join('\n');
}

/**
 * Code of so many tokens or a few more, cut at a line’s end.
 * @param skip lines of code to leave out first
 * @throws RangeError when there are not as many
 */
export async function codeOfTokens(count: number, tokenizer: ByteTokenizer, skip = 0): Promise<string> {
  const text = (await code()).slice(skip).join('\n');
  const { ids, byteLengths } = tokenizer.encode(text);
  if (ids.length < count) {
    throw new RangeError(`There are ${ids.length} tokens of code, not ${count}.`);
  }
  const bytes = Buffer.from(text);
  const end = byteLengths.subarray(0, count).reduce((sum, length) => sum + length, 0);
  const lineEnd = bytes.indexOf(0x0a, end);
  return bytes.subarray(0, lineEnd < 0 ? bytes.length : lineEnd).toString('utf8');
}
