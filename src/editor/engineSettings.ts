/** The settings that decide which model runs where, as the engine takes them. */
import { homedir } from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { EngineSettings } from '../engine/api';
import { locateModel } from '../model/found';
import { setting } from './configuration';

/** The bundled model's folder in the extension. */
const BUNDLED_MODEL = 'models/smollm2-135m-instruct';

/**
 * Reads the settings.
 * @param model in place of `surprisal.model`
 */
export function engineSettings(extensionPath: string, model = setting('model').trim()): EngineSettings {
  return {
    folder: model === '' ? path.join(extensionPath, BUNDLED_MODEL) : modelPath(model),
    device: setting('device'),
    threads: setting('threads'),
    weights: setting('weights'),
    cacheSize: setting('cache.size'),
  };
}

/** The absolute path of a model's folder, or of a file in it, as people name it; a relative one begins at the workspace's first folder. */
export function modelPath(choice: string): string {
  const base = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === 'file')?.uri.fsPath;
  return locateModel(choice, base ?? homedir(), process.env, homedir());
}
