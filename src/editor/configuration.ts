/** Reads and writes the extension's settings by their typed names. */
import * as vscode from 'vscode';
import { DEFAULTS, SECTION, type Settings, usable } from './keys';

/** The value of a setting. */
export function setting<Name extends keyof Settings>(name: Name): Settings[Name] {
  return usable(name, vscode.workspace.getConfiguration(SECTION).get<unknown>(name));
}

/** One sentence about each setting whose value cannot be used. */
export function unusableSettings(): string[] {
  const configuration = vscode.workspace.getConfiguration(SECTION);
  return (Object.keys(DEFAULTS) as (keyof Settings)[]).flatMap((name) => {
    const value = configuration.get<unknown>(name);
    const used = usable(name, value);
    return used === value
      ? []
      : [`${SECTION}.${name} cannot be ${JSON.stringify(value)}; ${JSON.stringify(used)} is used.`];
  });
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
