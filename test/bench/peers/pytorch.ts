/** PyTorch on the same GPU, where a Python that has it is at hand: the project does not need one. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { MODEL, ROOT } from '../../support/paths';
import type { BenchDocument, Measurement } from './peer';

/** The Python that has PyTorch and transformers. */
const PYTHON = process.env.SURPRISAL_PYTHON || (process.platform === 'win32' ? 'python' : 'python3');

/** Runs of a document before the one that counts: the first finds nothing prepared. */
const WARM_UPS = 3;

/** A Python process that has the model, with random weights, on the GPU. */
export interface PyTorch {
  /** Version, device and settings, for the report. */
  readonly about: string;
  /** All of a document in one forward pass, and the cross-entropy of every token. */
  measure(document: BenchDocument, ids: readonly number[]): Promise<Omit<Measurement, 'meanNats'>>;
  close(): Promise<void>;
}

/**
 * Starts PyTorch.
 * @param device PyTorch's name of the device
 * @throws Error whose message says in one line why there is none here
 */
export async function openPyTorch(device = process.platform === 'darwin' ? 'mps' : 'cuda'): Promise<PyTorch> {
  const script = join(ROOT, 'test', 'bench', 'peers', 'pytorch.py');
  const python = spawn(PYTHON, [script, join(MODEL, 'config.json'), device]);
  let complaint = '';
  python.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const ended = new Promise<never>((_, reject) => {
    python.once('error', (error) => reject(new Error(`${PYTHON} cannot be started: ${error.message}`)));
    python.once('close', (code) =>
      reject(new Error(complaint.trim().split('\n').at(-1) || `${PYTHON} ended with ${code}`)),
    );
  });
  // Nobody asks how it ended once it was told to, and what it could not be told any more says how it ended.
  ended.catch(() => {});
  python.stdin.on('error', () => {});
  const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await Promise.race([lines.next(), ended]);
    return done ? ended : JSON.parse(value);
  };
  const { about } = await answer();
  const time = async (ids: readonly number[]): Promise<number> => {
    python.stdin.write(`${JSON.stringify(ids)}\n`);
    return (await answer()).seconds;
  };
  return {
    about,
    async measure({ tokens }, ids) {
      for (let run = 0; run < WARM_UPS; run++) {
        await time(ids);
      }
      return { seconds: await time(ids), tokensRun: tokens, tokensScored: tokens };
    },
    async close() {
      python.stdin.end();
      await ended.catch(() => {});
    },
  };
}
