// Runs mocha suites inside the extension host: scripts/run-integration.mjs calls the module that uses this.
import { findSourceMap } from 'node:module';
import Mocha from 'mocha';
import Reporter from '../../scripts/mocha-reporter.cjs';

/**
 * Runs the suites that `load` imports. It must import them when it is called and not before, because they use
 * mocha's `describe` and `it` as soon as they are loaded.
 *
 *     export const run = () => runSuites(() => Promise.all([import('./scoring.test'), import('./editing.test')]));
 */
export async function runSuites(load: () => Promise<unknown>, timeout = 60_000): Promise<void> {
  const mocha = new Mocha({ ui: 'bdd', timeout, color: false, reporter: Reporter });
  const grep = process.env.SURPRISAL_GREP;
  if (grep) {
    mocha.grep(new RegExp(grep));
  }
  mocha.suite.emit('pre-require', globalThis, 'integration', mocha);
  await load();
  await new Promise<void>((done, fail) => {
    mocha
      .run((failures) => (failures === 0 ? done() : fail(new Error(`${failures} failed`))))
      .on('fail', (_test, error) => {
        if (error.stack) {
          error.stack = error.stack.replace(/\(?(\/[^\s()]+\.cjs):(\d+):(\d+)\)?/g, original);
        }
      });
  });
}

/** A place in the TypeScript for one in a bundle. VS Code's own handling of stack traces keeps Node from doing it. */
function original(place: string, file: string, line: string, column: string): string {
  const entry = findSourceMap(file)?.findEntry(Number(line) - 1, Number(column) - 1);
  return entry && 'originalSource' in entry
    ? `(${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1})`
    : place;
}
