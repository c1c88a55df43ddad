/** Waiting until the workbench has scored a document. */
import { eventually, SCORED_WITHIN } from '../e2e/support';
import type { Workbench } from '../support/workbench';

/**
 * Waits until the status bar shows the mean of all tokens of the document in front.
 * @param timeout in milliseconds
 */
export async function isScored(workbench: Workbench, timeout = SCORED_WITHIN): Promise<void> {
  await eventually(
    'the document should be scored',
    () => workbench.statusBarText(),
    (status) => /\d bits\/token/.test(status) && !status.includes('~'),
    timeout,
  );
}
