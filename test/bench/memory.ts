/** The most memory that a child process ever held in RAM. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Linux keeps the peak of a program apart from its parent's, which `resourceUsage()` mixes up there (getrusage(2)). */
const HAS_PROC = process.platform === 'linux';

/** Where a child leaves its peak when it ends. */
const FOLDER_VARIABLE = 'SURPRISAL_BENCH_PEAKS';

/** Runs in the child. */
const REPORTER = `
  import { writeFileSync } from 'node:fs';
  process.on('exit', () => writeFileSync(
    process.env.${FOLDER_VARIABLE} + '/' + process.pid,
    String(process.resourceUsage().maxRSS),
  ));
`;

/**
 * Runs something with child processes whose peaks can be told.
 * @param work starts a process, lets it work, and hands it to its parameter, which gives the peak in bytes and ends
 *   the process
 */
export async function withPeaks<T>(
  work: (peakOf: (pid: number, stop: () => Promise<void>) => Promise<number>) => Promise<T>,
): Promise<T> {
  if (HAS_PROC) {
    return work(async (pid, stop) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      await stop();
      return kilobytes(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]);
    });
  }
  const folder = await mkdtemp(join(tmpdir(), 'surprisal-bench-'));
  const { NODE_OPTIONS } = process.env;
  process.env[FOLDER_VARIABLE] = folder;
  process.env.NODE_OPTIONS = `${NODE_OPTIONS ?? ''} --import data:text/javascript,${encodeURIComponent(REPORTER)}`;
  try {
    return await work(async (pid, stop) => {
      await stop();
      return kilobytes(await readFile(join(folder, String(pid)), 'utf8').catch(() => undefined));
    });
  } finally {
    delete process.env.NODE_OPTIONS;
    if (NODE_OPTIONS !== undefined) {
      process.env.NODE_OPTIONS = NODE_OPTIONS;
    }
    delete process.env[FOLDER_VARIABLE];
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws Error when there is no number */
function kilobytes(text: string | undefined): number {
  const value = Number(text);
  if (!(value > 0)) {
    throw new Error('The peak of a process cannot be told here.');
  }
  return value * 1024;
}
