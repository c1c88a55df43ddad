/** The documents that whole-document benchmarks score: real code and real prose, no text twice. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteTokenizer } from '../../src/model/tokenizer';
import { tokenRanges } from '../../src/text/utf8';
import { ROOT } from '../support/paths';
import type { BenchDocument } from './peers/peer';

/** Files by the kind of their text, named from the repository's root; the packages are ones that it depends on. */
const FILES = {
  code: [
    'test/fixtures/documents/long.py.txt',
    'test/fixtures/documents/retry.ts',
    'test/fixtures/documents/inventory.py',
    'demo/statistics.py',
    'models/make/graphs.py',
    'models/make/torch_model.py',
    'models/make/make_tiny.py',
    'models/make/reference.py',
    'models/make/gguf_weights.py',
    'models/make/training_reference.py',
    'models/make/make_model.py',
    'models/make/manifest.py',
  ],
  prose: [
    'test/fixtures/documents/lighthouse.txt',
    'demo/origin.md',
    'test/fixtures/documents/typo.md',
    'README.md',
    'models/smollm2-135m-instruct/README.md',
    'models/make/APACHE-2.0.txt',
    'models/make/README.md',
    'node_modules/lru-cache/README.md',
    'node_modules/@sparticuz/chromium/README.md',
  ],
} as const;

export type DocumentKind = keyof typeof FILES;
export const DOCUMENT_KINDS = Object.keys(FILES) as DocumentKind[];

/**
 * The beginning of the kind's files, one after the other, with exactly so many tokens.
 * @param name of the document
 * @throws Error when the files have fewer
 */
export async function benchDocument(
  tokenizer: ByteTokenizer,
  kind: DocumentKind,
  tokens: number,
  name: string,
): Promise<BenchDocument> {
  const parts = await Promise.all(FILES[kind].map((file) => readFile(join(ROOT, file), 'utf8')));
  let rest = parts.map((part) => part.replaceAll('\r\n', '\n')).join('\n');
  for (;;) {
    const { ids, byteLengths } = tokenizer.encode(rest);
    if (ids.length < tokens) {
      throw new Error(`the ${kind} is shorter than ${tokens} tokens`);
    }
    const text = rest.slice(0, tokenRanges(rest, byteLengths).ends[tokens - 1]);
    if (tokenizer.encode(text).ids.length === tokens) {
      return { name, text, tokens };
    }
    // The last two tokens are one when nothing comes after them (two line breaks, say): a line later they are others.
    rest = rest.slice(rest.indexOf('\n') + 1);
  }
}
