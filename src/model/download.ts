/** Fetches a model from Hugging Face's hub, into the cache that Hugging Face's tools have for that. */
import { createHash } from 'node:crypto';
import { constants, existsSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat, statfs, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, posix, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lock } from 'proper-lockfile';
import { formatBytes } from '../loss/units';
import { ModelError, messageOf } from './errors';
import { addFile } from './folder';
import { isPlainPath, MAIN, repositoryFolder } from './found';
import type { HubFile, HubForm, HubSite } from './hubSite';

/** Times that a connection is tried again that brought nothing. */
const MOST_RETRIES = 3;

/** Milliseconds after which it is, for the first time; later ones double it. */
const RETRY_AFTER = 1000;

/** Milliseconds without a byte after which a connection is given up. */
const STALLED_AFTER = 30_000;

/** Milliseconds after which a lock that nobody has renewed is taken over: its program has ended, or its computer slept. */
const LOCK_STALE_AFTER = 20_000;

/** Looks at files before more of them are fetched for nothing. All reject with what their signal is aborted with. */
export interface ModelChecks {
  /** Rejects with a ModelError where a model cannot be used because of the configuration or the tokenizer in a folder. */
  texts(folder: string, signal: AbortSignal): Promise<void>;
  /**
   * The names, relative to its folder, of the files that an ONNX file's weights are in; rejects with a ModelError where it cannot be run.
   * @param name what it is called in messages
   */
  dataFiles(onnx: string, name: string, signal: AbortSignal): Promise<string[]>;
}

/** How to download, and who hears about it. */
export interface DownloadOptions {
  /** The folder in which Hugging Face's tools keep what they have fetched. */
  readonly cache: string;
  readonly checks: ModelChecks;
  /** Gives it up; what has been fetched stays, and need not be fetched again. */
  readonly signal: AbortSignal;
  /** Hears how many bytes are there, of how many. */
  progress?(done: number, total: number): void;
}

/**
 * Fetches a form of a model with all files that belong to it, each of which has its hash, or is not kept. What is there already, or a part of
 * it, is not fetched again.
 * @returns the path of the ONNX file
 * @throws ModelError that says what was wrong, and where; what `signal` was aborted with
 */
export async function downloadModel(site: HubSite, form: HubForm, options: DownloadOptions): Promise<string> {
  return new Download(site, form, options).run();
}

/** Whether a form is in the cache already, in the state that the hub has. */
export function isFetched(form: HubForm, cache: string): boolean {
  return existsSync(join(snapshotOf(form, cache), form.file));
}

/** The folder of a repository's state. */
function snapshotOf({ repository, commit }: HubForm, cache: string): string {
  return join(repositoryFolder(cache, repository), 'snapshots', commit);
}

class Download {
  readonly #site: HubSite;
  readonly #form: HubForm;
  readonly #options: DownloadOptions;
  /** The repository's. */
  readonly #folder: string;
  readonly #blobs: string;
  readonly #snapshot: string;
  /** Of the user, and of the lock. */
  #signal: AbortSignal;
  /** Bytes of the files that are there. */
  #done = 0;
  #total: number;

  constructor(site: HubSite, form: HubForm, options: DownloadOptions) {
    this.#site = site;
    this.#form = form;
    this.#options = options;
    this.#signal = options.signal;
    this.#folder = repositoryFolder(options.cache, form.repository);
    this.#blobs = join(this.#folder, 'blobs');
    this.#snapshot = snapshotOf(form, options.cache);
    this.#total = form.bytes;
  }

  async run(): Promise<string> {
    const lost = new AbortController();
    try {
      await mkdir(this.#blobs, { recursive: true });
      const release = await lock(this.#folder, {
        lockfilePath: join(this.#folder, 'surprisal.lock'),
        stale: LOCK_STALE_AFTER,
        onCompromised: (error) => lost.abort(error),
      });
      this.#signal = AbortSignal.any([this.#options.signal, lost.signal]);
      try {
        return await this.#fetchAll();
      } finally {
        // Where it was lost, it is another's.
        await release().catch(() => {});
      }
    } catch (error) {
      if (this.#options.signal.aborted) {
        throw this.#options.signal.reason;
      }
      throw lost.signal.aborted || (error as NodeJS.ErrnoException).code === 'ELOCKED'
        ? new ModelError(
            'download',
            `${this.#form.repository} is being downloaded by another window or program.`,
            'Try again when that is done; what it has fetched is not fetched again.',
            error,
          )
        : problemOf(error, this.#folder);
    }
  }

  async #fetchAll(): Promise<string> {
    const { checks } = this.#options;
    const { texts, parts, file, files, repository } = this.#form;
    await this.#needRoom([...texts, ...parts]);
    for (const text of texts) {
      await this.#fetch(text);
      await this.#link(text);
    }
    await checked(repository, checks.texts(this.#snapshot, this.#signal));

    const onnx = files.get(file)!;
    const isNew = await this.#fetch(onnx);
    const data = await this.#dataOf(onnx, isNew);
    this.#total = [...texts, onnx, ...data].reduce((sum, { bytes }) => sum + bytes, 0);
    await this.#needRoom(data);
    for (const part of data) {
      await this.#fetch(part);
    }
    this.#signal.throwIfAborted();
    // Only now, so that a model that is listed is whole.
    for (const part of [...data, onnx]) {
      await this.#link(part);
    }
    await mkdir(join(this.#folder, 'refs'), { recursive: true });
    await writeFile(join(this.#folder, 'refs', MAIN), this.#form.commit);
    return join(this.#snapshot, file);
  }

  /**
   * The files that an ONNX file's weights are in.
   * @param isNew whether it was not there before: what other programs have fetched is theirs
   * @throws ModelError where it cannot be run; a new one is removed then
   */
  async #dataOf(onnx: HubFile, isNew: boolean): Promise<HubFile[]> {
    const { files, repository } = this.#form;
    const name = `${repository}/${onnx.path}`;
    try {
      const check = this.#options.checks.dataFiles(this.#place(onnx), name, this.#signal);
      return (await checked(repository, check)).map((part) => {
        const found = files.get(posix.join(posix.dirname(onnx.path), part));
        if (!found) {
          throw new ModelError(
            'download',
            // What is in a graph may be anything.
            isPlainPath(part)
              ? `${repository} lacks ${part}, in which ${onnx.path} has its weights.`
              : `${name} has its weights in a file whose name no repository can have.`,
            'Choose another form of the model.',
          );
        }
        return found;
      });
    } catch (error) {
      if (isNew && error instanceof ModelError) {
        // Nothing leads to it.
        await rm(join(this.#blobs, onnx.hash.hex), { force: true });
      }
      throw error;
    }
  }

  /** @throws ModelError when the disk has no room for what is missing of files */
  async #needRoom(wanted: readonly HubFile[]): Promise<void> {
    let missing = 0;
    for (const file of wanted) {
      const there = (await sizeOf(this.#place(file))) ?? (await sizeOf(this.#partOf(file))) ?? 0;
      missing += Math.max(0, file.bytes - there);
    }
    const { bavail, blocks, bsize } = await statfs(this.#blobs);
    // Some drives of a network do not say.
    if (blocks > 0 && missing > bavail * bsize) {
      const [needed, free] = [missing, bavail * bsize].map(formatBytes);
      throw new ModelError(
        'download',
        `${this.#form.repository} (${this.#form.file}) takes ${needed} more, and ${free} are free in ${this.#folder}.`,
        'Make room, choose a smaller form of the model, or another folder (HF_HOME).',
      );
    }
  }

  /** Where a file is, or will be. */
  #place({ path, bytes, hash }: HubFile): string {
    // Without links, as on Windows, a file lies where a link would.
    const linked = join(this.#snapshot, path);
    const isThere = statSync(linked, { throwIfNoEntry: false })?.size === bytes;
    return isThere ? linked : join(this.#blobs, hash.hex);
  }

  /** What there is of a file that is not whole. Not as Hugging Face's tools name it: they lock theirs. */
  #partOf({ hash }: HubFile): string {
    return join(this.#blobs, `${hash.hex}.surprisal-incomplete`);
  }

  /** @returns whether it was not there */
  async #fetch(file: HubFile): Promise<boolean> {
    const isNew = (await sizeOf(this.#place(file))) !== file.bytes;
    if (isNew) {
      const part = this.#partOf(file);
      await this.#fetchInto(part, file);
      if ((await hashOf(part, file, this.#signal)) !== file.hash.hex) {
        await rm(part, { force: true });
        throw new ModelError(
          'download',
          `${file.path} of ${this.#form.repository} arrived damaged: its checksum is another.`,
          'Try again.',
        );
      }
      await rename(part, join(this.#blobs, file.hash.hex));
    }
    this.#done += file.bytes;
    this.#report(0);
    return isNew;
  }

  async #fetchInto(part: string, file: HubFile): Promise<void> {
    // Not emptied: what is there is the beginning.
    const handle = await open(part, constants.O_RDWR | constants.O_CREAT);
    try {
      for (let retries = 0; ; ) {
        const { size } = await handle.stat();
        if (size > file.bytes) {
          await handle.truncate(0);
        } else if (size === file.bytes) {
          // What is renamed next must not be without its bytes after a loss of power.
          await handle.sync();
          return;
        }
        const from = size > file.bytes ? 0 : size;
        try {
          await this.#read(handle, file, from);
        } catch (error) {
          this.#signal.throwIfAborted();
          retries = (await handle.stat()).size > from ? 0 : retries + 1;
          if (!isPassing(error) || retries > MOST_RETRIES) {
            throw error;
          }
          await delay(RETRY_AFTER * 2 ** retries, undefined, { signal: this.#signal });
        }
      }
    } finally {
      await handle.close();
    }
  }

  /** Reads the rest of a file, or all of it where the server has no parts. */
  async #read(handle: FileHandle, file: HubFile, from: number): Promise<void> {
    const stall = new AbortController();
    const timer = setTimeout(
      () => stall.abort(new Interrupted('nothing came for half a minute')),
      STALLED_AFTER,
    );
    try {
      const signal = AbortSignal.any([this.#signal, stall.signal]);
      const response = await this.#site.open(this.#form, file.path, from, signal);
      let position = response.status === 206 ? from : 0;
      for await (const bytes of response.body ?? []) {
        timer.refresh();
        if (position + bytes.length > file.bytes) {
          throw new Interrupted(`more than ${file.bytes} bytes came`);
        }
        await handle.write(bytes, 0, bytes.length, position);
        position += bytes.length;
        this.#report(position);
      }
      if (position < file.bytes) {
        throw new Interrupted('the connection ended early');
      }
    } catch (error) {
      stall.signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Puts a file to where the repository has it: a link, where the system has such. */
  async #link(file: HubFile): Promise<void> {
    const place = join(this.#snapshot, file.path);
    const blob = join(this.#blobs, file.hash.hex);
    if ((await sizeOf(place)) === file.bytes) {
      return;
    }
    await mkdir(dirname(place), { recursive: true });
    await rm(place, { force: true });
    try {
      await symlink(relative(dirname(place), blob), place);
    } catch {
      await rename(blob, place);
    }
  }

  /** @param bytes that are there of the file that is being fetched */
  #report(bytes: number): void {
    const done = this.#done + bytes;
    this.#total = Math.max(this.#total, done);
    this.#options.progress?.(done, this.#total);
  }
}

/** What came of a check; that it could not be done is told as such, not as what a connection did. */
async function checked<Result>(repository: string, check: Promise<Result>): Promise<Result> {
  try {
    return await check;
  } catch (error) {
    if (error instanceof ModelError || (error as Error | undefined)?.name === 'AbortError') {
      throw error;
    }
    throw new ModelError(
      'model-invalid',
      `${repository} cannot be checked: ${messageOf(error)}.`,
      'Choose another model.',
      error,
    );
  }
}

/** A connection that did not bring what it should have. */
class Interrupted extends Error {}

/** Whether it may be otherwise the next time. */
function isPassing(error: unknown): boolean {
  if (error instanceof ModelError) {
    // The hub's own words: it has no such file, or it is busy.
    const { statusCode } = (error.cause ?? {}) as { readonly statusCode?: number };
    return error.cause !== undefined && (statusCode === undefined || statusCode === 429 || statusCode >= 500);
  }
  return error instanceof Interrupted || (error as NodeJS.ErrnoException).syscall === undefined;
}

/** What was thrown, for users. */
function problemOf(error: unknown, folder: string): unknown {
  if (error instanceof ModelError) {
    return error;
  }
  if (error instanceof Interrupted) {
    return new ModelError(
      'download',
      `The download was interrupted: ${error.message}.`,
      'Try again: it goes on where it ended.',
      error,
    );
  }
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined || code === undefined) {
    return new ModelError(
      'download',
      `The download was interrupted (${messageOf((error as Error).cause ?? error)}).`,
      'Try again: it goes on where it ended.',
      error,
    );
  }
  return code === 'ENOSPC'
    ? new ModelError('download', `The disk of ${folder} is full.`, 'Make room, and try again.', error)
    : new ModelError(
        'download',
        `${folder} cannot be written (${messageOf(error)}).`,
        'Check its permissions, or choose another folder (HF_HOME).',
        error,
      );
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}

/** The hash of what there is, of the kind that is known of the file. */
async function hashOf(path: string, { bytes, hash }: HubFile, signal: AbortSignal): Promise<string> {
  const sum = createHash(hash.kind === 'git' ? 'sha1' : 'sha256');
  if (hash.kind === 'git') {
    // https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    sum.update(`blob ${bytes}\0`);
  }
  await addFile(sum, path, signal);
  return sum.digest('hex');
}
