/** Asks Hugging Face's hub which models it has. The one part of the program that reaches the network; only when somebody asks for it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HubApiError, listFiles, listModels, modelInfo } from '@huggingface/hub';
import { ModelError, messageOf } from './errors';
import {
  atHome,
  byPreference,
  hubName,
  huggingFaceHome,
  isDecoderFile,
  isPlainPath,
  NEEDED_FILES,
} from './found';

/** Where the hub is. */
const HUB = 'https://huggingface.co';

/** Models that a search lists at most. */
const MOST_FOUND = 50;

/** Milliseconds that an answer may take, but for a file's. */
const ANSWER_WITHIN = 30_000;

/** Files of a model that are fetched with its ONNX file, where it has them. */
const TEXT_FILES = [
  ...NEEDED_FILES,
  'tokenizer_config.json',
  'generation_config.json',
  'special_tokens_map.json',
];

/** A model that a search has found. */
export interface HubModel {
  /** `owner/name` */
  readonly repository: string;
  /** In the last month. */
  readonly downloads: number;
  /** As the model's card names it: `apache-2.0`; undefined where it does not. */
  readonly licence: string | undefined;
}

/** A file of a repository. */
export interface HubFile {
  /** With slashes. */
  readonly path: string;
  readonly bytes: number;
  /** What it must be: the SHA-256 of a large file; else git's SHA-1 of it as a blob. */
  readonly hash: { readonly kind: 'sha256' | 'git'; readonly hex: string };
}

/** One of the forms that a model is there in. */
export interface HubForm {
  /** `owner/name` */
  readonly repository: string;
  /** The state of the repository. */
  readonly commit: string;
  /** The ONNX file. */
  readonly file: string;
  /** With all files that belong to it, as far as that can be told before it is read. */
  readonly bytes: number;
  /** The configuration's and the tokenizer's files. */
  readonly texts: readonly HubFile[];
  /** The ONNX file, and those that its weights are in, as far as that can be told before it is read. */
  readonly parts: readonly HubFile[];
  /** All of the repository's files, by their paths. */
  readonly files: ReadonlyMap<string, HubFile>;
}

/** The hub, or one that stands in for it (`HF_ENDPOINT`), as Hugging Face's own tools find it. */
export class HubSite {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #home: string;
  /** What may be read only with the user's token: what is public is fetched without. */
  readonly #restricted = new Set<string>();

  /** @param home the user's home folder */
  constructor(environment: NodeJS.ProcessEnv, home: string) {
    this.#environment = environment;
    this.#home = home;
  }

  /** Its address. */
  get address(): string {
    return (this.#environment.HF_ENDPOINT || HUB).replace(/\/+$/, '');
  }

  /** What it is called in messages. */
  get host(): string {
    return URL.canParse(this.address) ? new URL(this.address).host : this.address;
  }

  /**
   * Models that write texts and have ONNX files, the most popular first.
   * @param words of their names; '' for all
   * @throws ModelError when the hub cannot be asked
   */
  search(words: string, signal: AbortSignal): Promise<HubModel[]> {
    return this.#ask(undefined, { signal, within: ANSWER_WITHIN }, async (access) => {
      const found: HubModel[] = [];
      const models = listModels({
        ...access,
        search: { task: 'text-generation', tags: ['onnx'], ...(words === '' ? {} : { query: words }) },
        sort: 'downloads',
        limit: MOST_FOUND,
        additionalFields: ['tags'],
      });
      for await (const { name, downloads, tags } of models) {
        const licence = tags?.find((tag) => tag.startsWith('license:'))?.slice('license:'.length);
        if (hubName(name)) {
          found.push({ repository: name, downloads, licence });
        }
      }
      return found;
    });
  }

  /**
   * The forms that a model is there in, the one to take where none is named first.
   * @param repository `owner/name`
   * @throws ModelError when it has none, or the hub cannot be asked
   */
  forms(repository: string, signal: AbortSignal): Promise<HubForm[]> {
    return this.#ask(repository, { signal, within: ANSWER_WITHIN }, async (access) => {
      const { name, sha: commit } = await modelInfo({
        ...access,
        name: repository,
        additionalFields: ['sha'],
      });
      if (!hubName(name) || !/^[0-9a-f]{40}$/.test(commit)) {
        throw new Error('its answer makes no sense');
      }
      const files = new Map<string, HubFile>();
      for await (const entry of listFiles({ ...access, repo: name, revision: commit, recursive: true })) {
        const { type, path, size: bytes, oid, lfs } = entry;
        const hex = lfs?.oid ?? oid;
        // Nothing else is ever written below a folder.
        if (
          type === 'file' &&
          isPlainPath(path) &&
          new RegExp(`^[0-9a-f]{${lfs ? 64 : 40}}$`).test(hex ?? '')
        ) {
          files.set(path, { path, bytes, hash: { kind: lfs ? 'sha256' : 'git', hex: hex! } });
        }
      }
      return this.#formsOf(name, commit, files);
    });
  }

  #formsOf(repository: string, commit: string, files: ReadonlyMap<string, HubFile>): HubForm[] {
    const decoders = [...files.keys()].filter(isDecoderFile).sort(byPreference);
    const lacks = (what: string) =>
      new ModelError(
        'download',
        `${repository} has no ${what}.`,
        'Choose a repository with the ONNX files of a model for texts (those of onnx-community have them).',
      );
    if (decoders.length === 0) {
      throw lacks('ONNX file of a decoder (onnx/model.onnx)');
    }
    const texts = TEXT_FILES.flatMap((path) => files.get(path) ?? []);
    for (const needed of NEEDED_FILES) {
      if (!files.has(needed)) {
        throw lacks(needed);
      }
    }
    return decoders.map((file) => {
      // Weights in a file of their own are in one that begins with the other's name.
      const parts = [...files.values()].filter(({ path }) => path.startsWith(file));
      const bytes = [...texts, ...parts].reduce((sum, one) => sum + one.bytes, 0);
      return { repository, commit, file, bytes, texts, parts, files };
    });
  }

  /**
   * Begins to fetch a file, or the rest of it.
   * @param from number of bytes that are there
   * @returns the answer: 206 for the rest, 200 for the whole
   * @throws ModelError when there is none
   */
  open({ repository, commit }: HubForm, path: string, from: number, signal: AbortSignal): Promise<Response> {
    const way = path.split('/').map(encodeURIComponent).join('/');
    const address = `${this.address}/${repository}/resolve/${commit}/${way}`;
    return this.#ask(repository, { signal }, async ({ fetch, accessToken }) => {
      const response = await fetch(address, {
        headers: {
          // Packed, a part of it would not begin where it should.
          'Accept-Encoding': 'identity',
          ...(from > 0 ? { Range: `bytes=${from}-` } : {}),
          ...(accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` }),
        },
      });
      if (!response.ok) {
        await response.body?.cancel();
        throw new HubApiError(address, response.status, undefined, `HTTP ${response.status}`);
      }
      return response;
    });
  }

  /**
   * Asks without the user's token, and once more with it where that is refused.
   * @param limits `within`: milliseconds that each request may take, with its answer
   */
  async #ask<Result>(
    repository: string | undefined,
    limits: Limits,
    question: (access: Access) => Promise<Result>,
  ): Promise<Result> {
    if (/^(1|on|yes|true)$/i.test(this.#environment.HF_HUB_OFFLINE ?? '')) {
      throw new ModelError(
        'download',
        'Nothing is downloaded while HF_HUB_OFFLINE is set.',
        'Unset that environment variable, or choose a model that is on this computer.',
      );
    }
    if (!URL.canParse(this.address)) {
      throw new ModelError(
        'download',
        `HF_ENDPOINT is no address (${this.address}).`,
        `Unset that environment variable, or give it the form of ${HUB}.`,
      );
    }
    const ask = (accessToken: string | undefined) =>
      question({
        hubUrl: this.address,
        fetch: (input, init) => fetch(input, { ...init, signal: signalOf(limits) }),
        ...(accessToken === undefined ? {} : { accessToken }),
      });
    // Read anew each time: the user may log in meanwhile.
    const token = repository === undefined ? undefined : await this.#storedToken();
    const needsToken = repository !== undefined && this.#restricted.has(repository);
    try {
      return await ask(needsToken ? token : undefined);
    } catch (error) {
      if (!isRefused(error) || token === undefined || repository === undefined || needsToken) {
        throw this.#problem(error, repository, needsToken && token !== undefined);
      }
    }
    try {
      const result = await ask(token);
      this.#restricted.add(repository);
      return result;
    } catch (error) {
      throw this.#problem(error, repository, true);
    }
  }

  /** The user's token, where Hugging Face's tools have it. */
  async #storedToken(): Promise<string | undefined> {
    const { HF_TOKEN, HF_TOKEN_PATH } = this.#environment;
    const file = HF_TOKEN_PATH
      ? atHome(HF_TOKEN_PATH, this.#home)
      : join(huggingFaceHome(this.#environment, this.#home), 'token');
    const token = HF_TOKEN || (await readFile(file, 'utf8').catch(() => ''));
    // The library takes no other one.
    return /^hf_\S+$/.test(token.trim()) ? token.trim() : undefined;
  }

  /** What was thrown, for users. @param isKnown whether the user's token was sent */
  #problem(error: unknown, repository: string | undefined, isKnown: boolean): unknown {
    if (error instanceof ModelError || (error as Error | undefined)?.name === 'AbortError') {
      return error;
    }
    const problem = (message: string, advice: string) => new ModelError('download', message, advice, error);
    if (error instanceof HubApiError) {
      const { statusCode } = error;
      if (repository !== undefined && isRefused(error)) {
        return problem(
          isKnown
            ? `${this.host} does not let you read ${repository}.`
            : `${this.host} has no model ${repository} that anybody may read.`,
          'Check its name. If its page asks you to accept terms, do; then log in with “hf auth login”, or set HF_TOKEN.',
        );
      }
      if (repository !== undefined && statusCode === 404) {
        return problem(`${this.host} has no model ${repository}, or no such file of it.`, 'Check its name.');
      }
      return problem(
        `${this.host} cannot answer now (HTTP status ${statusCode}).`,
        'Try again in some minutes.',
      );
    }
    const cause = (error as Error | undefined)?.cause ?? error;
    const why =
      (error as Error | undefined)?.name === 'TimeoutError' ? 'it does not answer' : messageOf(cause);
    return problem(
      `${this.host} cannot be reached (${why}).`,
      'Check the network and the proxy, and try again.',
    );
  }
}

/** How long to wait for answers. */
interface Limits {
  readonly signal: AbortSignal;
  readonly within?: number;
}

function signalOf({ signal, within }: Limits): AbortSignal {
  return within === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(within)]);
}

/** How the hub is asked. */
interface Access {
  readonly hubUrl: string;
  readonly fetch: typeof fetch;
  readonly accessToken?: string;
}

/** Whether the hub wants to know who asks. It says so of what is not there, too. */
function isRefused(error: unknown): boolean {
  return error instanceof HubApiError && (error.statusCode === 401 || error.statusCode === 403);
}
