/** Which model folder `--model` means. */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { locateModel, resolveModel } from '../model/found';
import { InputError } from './input';

/** The bundled default. */
export const DEFAULT_MODEL = 'smollm2-135m-instruct';

/**
 * @param choice an id, which is a folder's name in `models`, a path, or the name of a model of Hugging Face's hub; undefined for the default
 * @param models the folder that holds the bundled models
 * @throws InputError when there is no such model
 */
export function modelFolder(choice: string | undefined, models: string): string {
  const bundled = join(models, choice ?? DEFAULT_MODEL);
  if (choice === undefined) {
    return bundled;
  }
  const isPlainName = !isAbsolute(choice) && !/[\\/]/.test(choice) && choice !== '.' && choice !== '..';
  if (isPlainName && existsSync(join(bundled, 'surprisal.json'))) {
    return bundled;
  }
  const model = resolveModel(choice, process.cwd(), homedir());
  const path = locateModel(model, process.env, homedir());
  if (path !== undefined && existsSync(path)) {
    return path;
  }
  if (path === undefined) {
    throw new InputError(
      `--model ${choice}: no such folder, and no such model of Hugging Face's hub on this computer (surprisal download ${choice})`,
    );
  }
  const known = bundledModels(models).join(', ');
  throw new InputError(`--model ${choice}: no such folder, and no bundled model of that name (${known})`);
}

function bundledModels(models: string): string[] {
  try {
    return readdirSync(models).filter((name) => existsSync(join(models, name, 'surprisal.json')));
  } catch {
    return [];
  }
}
