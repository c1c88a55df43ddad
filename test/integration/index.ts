// Runs in the real extension host: scripts/run-integration.mjs calls run().
import { runSuites } from '../support/integration';

export const run = (): Promise<void> =>
  runSuites(async () => {
    await import('./editor.test');
    await import('./large.test');
  });
