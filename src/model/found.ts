/** Finds the models of Hugging Face's hub that are on this computer. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

/** The file that says of a folder what kind of model is in it. */
export const CONFIG = 'config.json';

/** What a model is not without, beside its ONNX file. */
export const NEEDED_FILES = [CONFIG, 'tokenizer.json'];

/** A decoder in a model folder: one of the forms of its model. */
export interface FoundModel {
  /** The model's name. */
  readonly name: string;
  /** The repository on the hub, where that can be seen; else the folder. */
  readonly source: string;
  /** The ONNX file. */
  readonly path: string;
  /** What names it: `owner/name/onnx/model.onnx` in the cache of Hugging Face's tools, whose paths change; else its path. */
  readonly choice: string;
  /** Its size, with the files that its weights lie in. */
  readonly bytes: number;
}

/** Names of models that write texts, as transformers has them. */
const WRITERS = /CausalLM|LMHead|ConditionalGeneration/;

/** Forms that are named first, in this order: with all precision, then the usual others. */
const ORDER = ['model.onnx', 'model_q4.onnx', 'model_fp16.onnx'];

/**
 * Whether a path, with slashes, is one that a file can have below a folder on any system: it leads nowhere else, and no name in it has
 * a meaning for Windows, a terminal or a message.
 */
export function isPlainPath(path: string): boolean {
  return path
    .split('/')
    .every((name) => /^[^\x00-\x1f\x7f\\:*?"<>|]*[^\x00-\x1f\x7f\\:*?"<>|. ]$/.test(name));
}

/** Whether a file's path in a model folder, with slashes, is where decoders lie. */
export function isDecoderFile(file: string): boolean {
  return isPlainPath(file) && /^(onnx\/)?model[^/]*\.onnx$/.test(file);
}

/** Sorts files of decoders, the one to take where none is named to the front. */
export function byPreference(a: string, b: string): number {
  const rank = (file: string) => {
    const index = ORDER.indexOf(basename(file));
    return index < 0 ? ORDER.length : index;
  };
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}

/**
 * The ONNX files of decoders in a model folder, the one to take where none is named at the front.
 * @returns their paths; none where there is no such folder
 */
export async function decodersIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const place of ['onnx', '']) {
    const names = await readdir(join(folder, place)).catch(() => []);
    found.push(...names.filter(isDecoderFile).map((name) => join(folder, place, name)));
  }
  return found.sort(byPreference);
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
    (await decodersIn(folder)).map(async (path) => ({
      name,
      source,
      path,
      choice: path,
      bytes: await bytesOf(path),
    })),
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
 * The folder of Hugging Face's tools.
 * https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
 */
export function huggingFaceHome({ HF_HOME, XDG_CACHE_HOME }: NodeJS.ProcessEnv, home: string): string {
  return atHome(HF_HOME || join(XDG_CACHE_HOME || join(home, '.cache'), 'huggingface'), home);
}

/** The folder in which they keep what they have fetched. */
export function huggingFaceCache(environment: NodeJS.ProcessEnv, home: string): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE } = environment;
  const cache = HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE;
  return cache ? atHome(cache, home) : join(huggingFaceHome(environment, home), 'hub');
}

/** A path that may begin with `~`, or be relative to where the program was started. */
export function atHome(path: string, home: string, base = process.cwd()): string {
  return resolve(
    base,
    path.replace(/^~(?=$|[\\/])/, () => home),
  );
}

/** The folder of a repository in the cache of Hugging Face's tools. */
export function repositoryFolder(cache: string, repository: string): string {
  return join(cache, `models--${repository.replace('/', '--')}`);
}

/** A model on the hub. */
export interface HubName {
  /** `owner/name` */
  readonly repository: string;
  /** The ONNX file in it, with slashes; undefined for the one that is taken where none is named. */
  readonly file: string | undefined;
}

/** Understands `owner/name` and `owner/name/onnx/model_q4.onnx`. @returns undefined for anything else */
export function hubName(choice: string): HubName | undefined {
  const [, repository, file] = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:\/(.+))?$/.exec(choice) ?? [];
  return repository === undefined || (file !== undefined && !isDecoderFile(file))
    ? undefined
    : { repository, file };
}

/**
 * Understands how people name a model.
 * @param choice a path, which may begin with `~` or be a relative one; or a model of the hub, as `hubName` has it
 * @param base what a relative path begins in
 * @returns an absolute path; or the model of the hub as it was named, where there is no such path
 */
export function resolveModel(choice: string, base: string, home: string): string {
  const path = atHome(choice, home, base);
  return hubName(choice) && !existsSync(path) ? choice : path;
}

/**
 * Where a model is.
 * @param model as `resolveModel` gives it: a model of the hub is looked up where Hugging Face's tools keep theirs
 * @returns an absolute path; undefined for a model of the hub that is not on this computer
 */
export function locateModel(model: string, environment: NodeJS.ProcessEnv, home: string): string | undefined {
  const name = isAbsolute(model) ? undefined : hubName(model);
  if (!name) {
    return model;
  }
  const { repository, file } = name;
  const states = statesOf(repositoryFolder(huggingFaceCache(environment, home), repository));
  const state = states.find((folder) =>
    file === undefined ? hasDecoder(folder) : existsSync(join(folder, file)),
  );
  return state === undefined ? undefined : join(state, file ?? '');
}

/** Whether a folder has what a model needs. */
function hasDecoder(folder: string): boolean {
  const names = (place: string) => (existsSync(place) ? readdirSync(place) : []);
  return (
    existsSync(join(folder, CONFIG)) && [...names(join(folder, 'onnx')), ...names(folder)].some(isDecoderFile)
  );
}

/** The branch whose state a repository's is. */
export const MAIN = 'main';

/** The states of a repository that Hugging Face's tools keep: first that of its main branch, then from new to old. */
function statesOf(repository: string): string[] {
  const snapshots = join(repository, 'snapshots');
  try {
    const main = existsSync(join(repository, 'refs', MAIN))
      ? readFileSync(join(repository, 'refs', MAIN), 'utf8').trim()
      : '';
    return readdirSync(snapshots)
      .map((name) => ({ name, folder: join(snapshots, name) }))
      .map(({ name, folder }) => {
        const time = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
        return { folder, time: name === main ? Number.POSITIVE_INFINITY : time };
      })
      .sort((a, b) => b.time - a.time)
      .map(({ folder }) => folder);
  } catch {
    return [];
  }
}

/** The models that Hugging Face's tools have fetched, in the order of their names: of each form the state that is the newest. */
export async function modelsInCache(cache: string): Promise<FoundModel[]> {
  const repositories = (await readdir(cache).catch(() => [])).filter((name) => name.startsWith('models--'));
  const found = await Promise.all(
    repositories.map(async (repository) => {
      const forms = new Map<string, FoundModel>();
      for (const state of statesOf(join(cache, repository)).reverse()) {
        for (const model of await modelsIn(state).catch(() => [])) {
          const file = relative(state, model.path).replaceAll(sep, '/');
          const choice = hubName(`${model.source}/${file}`) ? `${model.source}/${file}` : model.path;
          forms.set(file, { ...model, choice });
        }
      }
      return [...forms.values()].sort((a, b) => byPreference(a.path, b.path));
    }),
  );
  return found.flat().sort((a, b) => a.name.localeCompare(b.name));
}
