/** Finds the models of Hugging Face's hub that are on this computer. */
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** The file that says of a folder what kind of model is in it. */
export const CONFIG = 'config.json';

/** A decoder in a model folder: one of the forms of its model. */
export interface FoundModel {
  /** The model's name. */
  readonly name: string;
  /** The repository on the hub, where that can be seen; else the folder. */
  readonly source: string;
  /** The ONNX file. */
  readonly path: string;
  /** Its size, with the files that its weights lie in. */
  readonly bytes: number;
}

/** Names of models that write texts, as transformers has them. */
const WRITERS = /CausalLM|LMHead|ConditionalGeneration/;

/** Forms that are named first, in this order: with all precision, then the usual others. */
const ORDER = ['model.onnx', 'model_q4.onnx', 'model_fp16.onnx'];

/**
 * The ONNX files of decoders in a model folder, the one to take where none is named at the front.
 * @returns their paths; none where there is no such folder
 */
export async function decodersIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const place of [join(folder, 'onnx'), folder]) {
    const names = await readdir(place).catch(() => []);
    found.push(...names.filter((name) => /^model.*\.onnx$/.test(name)).map((name) => join(place, name)));
  }
  const rank = (file: string) => {
    const index = ORDER.indexOf(basename(file));
    return index < 0 ? ORDER.length : index;
  };
  return found.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** The model folder that an ONNX file belongs to: such files lie in it, or in its folder `onnx`. */
export function folderOf(onnx: string): string {
  const place = dirname(onnx);
  const isAbove = basename(place) === 'onnx' && !existsSync(join(place, CONFIG));
  return isAbove ? dirname(place) : place;
}

/** The repository whose state a folder is that Hugging Face's tools keep: `owner/name`, or `name`. */
function repositoryOf(folder: string): string | undefined {
  return /models--([^\\/]+)[\\/]snapshots[\\/][^\\/]+$/.exec(folder)?.[1].replace('--', '/');
}

/** The folder's name; the model's, in the folders that Hugging Face's tools keep. */
export function modelNameOf(folder: string): string {
  return basename(repositoryOf(folder) ?? folder);
}

/** The models for texts in a folder. */
export async function modelsIn(folder: string): Promise<FoundModel[]> {
  if (!(await isDecoder(join(folder, CONFIG)))) {
    return [];
  }
  const name = modelNameOf(folder);
  const source = repositoryOf(folder) ?? folder;
  return Promise.all(
    (await decodersIn(folder)).map(async (path) => ({ name, source, path, bytes: await bytesOf(path) })),
  );
}

/** Whether a configuration is that of a model that writes texts; one that does not say it is taken for one. */
async function isDecoder(config: string): Promise<boolean> {
  try {
    const { architectures } = JSON.parse(await readFile(config, 'utf8')) as { architectures?: unknown };
    return !Array.isArray(architectures) || architectures.some((name) => WRITERS.test(String(name)));
  } catch {
    return false;
  }
}

/** An ONNX file's size, with that of the files beside it that begin with its name, where its weights lie. */
async function bytesOf(path: string): Promise<number> {
  const place = dirname(path);
  const parts = (await readdir(place)).filter((name) => name.startsWith(basename(path)));
  const sizes = parts.map(async (name) => (await stat(join(place, name)).catch(() => undefined))?.size ?? 0);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/**
 * The folder in which Hugging Face's tools keep what they have fetched.
 * https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
 */
export function huggingFaceCache(environment: NodeJS.ProcessEnv, home: string): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = environment;
  const cache =
    HF_HUB_CACHE ||
    HUGGINGFACE_HUB_CACHE ||
    join(HF_HOME || join(XDG_CACHE_HOME || join(home, '.cache'), 'huggingface'), 'hub');
  return cache.replace(/^~(?=$|[\\/])/, () => home);
}

/** The models that Hugging Face's tools have fetched, in the order of their names: of each the state that was fetched last. */
export async function modelsInCache(cache: string): Promise<FoundModel[]> {
  const repositories = (await readdir(cache).catch(() => [])).filter((name) => name.startsWith('models--'));
  const found = await Promise.all(
    repositories.map(async (repository) => {
      const snapshots = join(cache, repository, 'snapshots');
      const main = await readFile(join(cache, repository, 'refs', 'main'), 'utf8').catch(() => '');
      const states = await Promise.all(
        (await readdir(snapshots).catch(() => [])).map(async (name) => {
          const folder = join(snapshots, name);
          const time = (await stat(folder).catch(() => undefined))?.mtimeMs ?? 0;
          const models = await modelsIn(folder).catch(() => []);
          return { models, time: name === main.trim() ? Number.POSITIVE_INFINITY : time };
        }),
      );
      const [latest] = states.filter(({ models }) => models.length > 0).sort((a, b) => b.time - a.time);
      return latest?.models ?? [];
    }),
  );
  return found.flat().sort((a, b) => a.name.localeCompare(b.name));
}
