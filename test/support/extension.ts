/** Steps that the suites in the extension host share. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { SECTION, type Settings } from '../../src/editor/keys';

/** Sets one of the extension's settings for the user. */
export async function configure<Name extends keyof Settings>(
  name: Name,
  value: Settings[Name] | undefined,
): Promise<void> {
  await vscode.workspace.getConfiguration(SECTION).update(name, value, vscode.ConfigurationTarget.Global);
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean, what: string, timeout = 60_000): Promise<void> {
  const deadline = Date.now() + timeout;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
