/** The settings that decide which model runs where, as the engine takes them. */
import { homedir } from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineSettings } from '../engine/api';
import { resolveModel } from '../model/found';
import { setting } from './configuration';

/** The bundled model's folder in the extension. */
const BUNDLED_MODEL = 'models/smollm2-135m-instruct';

/**
 * Reads the settings.
 * @param model in place of `surprisal.model`
 */
export function engineSettings(extensionPath: string, model = setting('model').trim()): EngineSettings {
  return {
    folder: model === '' ? path.join(extensionPath, BUNDLED_MODEL) : namedModel(model),
    device: setting('device'),
    threads: setting('threads'),
    weights: setting('weights'),
    cacheSize: setting('cache.size'),
  };
}

/** A model as people name it, as `resolveModel` has it; a relative path begins at the workspace's first folder. */
export function namedModel(choice: string): string {
  const base = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file')?.uri.fsPath;
  return resolveModel(choice, base ?? homedir(), homedir());
}
