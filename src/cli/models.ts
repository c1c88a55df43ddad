/** Which model folder `--model` means. */
import { existsSync, readdirSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { InputError } from './input';

/** The bundled default. */
export const DEFAULT_MODEL = 'smollm2-135m-instruct';

/**
 * @param choice an id, which is a folder's name in `models`, or the path of a folder; undefined for the default
 * @param models the folder that holds the bundled models
 * @throws InputError when it is neither
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
  if (existsSync(choice)) {
    return resolve(choice);
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
