/** Reads and writes the extension's settings by their typed names. */
import * as vscode from 'vscode';
import { SECTION, SETTING_NAMES, type Settings, usable } from './keys';
import type { Log } from './log';

/** The value of a setting. */
export function setting<Name extends keyof Settings>(name: Name): Settings[Name] {
  return usable(name, vscode.workspace.getConfiguration(SECTION).get<unknown>(name));
}

/** Logs the settings whose values cannot be used, now and whenever one changes. */
export function logUnusableSettings(log: Log): vscode.Disposable {
  const look = () => {
    const configuration = vscode.workspace.getConfiguration(SECTION);
    for (const name of SETTING_NAMES) {
      const value = configuration.get<unknown>(name);
      const used = usable(name, value);
      if (used !== value) {
        log.warn(`${SECTION}.${name} cannot be ${JSON.stringify(value)}; ${JSON.stringify(used)} is used.`);
      }
    }
  };
  look();
  return onDidChangeSetting(SETTING_NAMES, look);
}

/** Writes a setting where it is set already: in the workspace if it is set there, else for the user. */
export async function writeSetting<Name extends keyof Settings>(
  name: Name,
  value: Settings[Name],
): Promise<void> {
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const target =
    configuration.inspect(name)?.workspaceValue === undefined
      ? vscode.ConfigurationTarget.Global
      : vscode.ConfigurationTarget.Workspace;
  await configuration.update(name, value, target);
}

/** Calls the listener when one of the settings changed. */
export function onDidChangeSetting(
  names: readonly (keyof Settings)[],
  listener: () => void,
): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (names.some((name) => event.affectsConfiguration(`${SECTION}.${name}`))) {
      listener();
    }
  });
}
