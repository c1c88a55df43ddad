/** What has changed in a git work tree: the files that are scored then, and what is listed of them. */
import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import type { Search } from '../find/mistakes';
import { linesChangedSince, wordPartsOf } from '../git/changes';
import { type ChangedFile, WorkTree } from '../git/workTree';
import { isGenerated } from '../text/generated';
import { onLines, rangesOfLines } from '../text/lines';
import { SECTION_LIMITS } from '../text/sections';
import { WordParts } from '../text/words';
import type { ListFilter } from './format/list';
import { InputError, NotTextError, nameOf, readInput } from './input';
import type { Surroundings } from './scoring';

/** UTF-8 bytes that one UTF-16 code unit takes at most. */
const MOST_BYTES = 3;

/** Which changes are asked for. */
export interface ChangesRequest {
  /** As the user named them; none stands for all that have changed. */
  readonly files: readonly string[];
  /** Only likely typos are listed: words with a part that is once in their file, and once in the work tree. */
  readonly typos: boolean;
  /** The same with wrong words. */
  readonly mistakes: boolean;
}

/** What looking for changes needs from around it. */
export interface ChangesSurroundings extends Pick<Surroundings, 'messages' | 'fail'> {
  /** The current folder, absolute: it says which work tree is meant. */
  readonly folder: string;
}

/** A file that may be scored. */
interface Candidate {
  /** As it is called in the output. */
  readonly name: string;
  readonly text: string;
  readonly changed: ChangedFile;
}

/** A file of which something is scored. */
interface Scored {
  readonly text: string;
  /** Says of each line whether it has changed. */
  readonly isChanged: readonly boolean[];
  /** Those of the file; undefined where not only likely typos are listed. */
  readonly parts: WordParts | undefined;
}

/** What has changed in a work tree since what is checked out left a revision. */
export class Changes {
  /** By their names in the output. */
  readonly #scored = new Map<string, Scored>();
  /** Those of the whole work tree; undefined until a file needs them. */
  #parts: WordParts | undefined;
  /** Whether a file was told to be left out, or to be wrong. */
  #hasTold = false;

  /**
   * @param commit where the work left the revision
   * @param changed the changed files
   */
  private constructor(
    private readonly revision: string,
    private readonly request: ChangesRequest,
    private readonly around: ChangesSurroundings,
    private readonly tree: WorkTree,
    private readonly commit: string,
    private readonly changed: readonly ChangedFile[],
  ) {}

  /**
   * Asks git what has changed.
   * @param revision as `WorkTree.baseOf` takes it
   * @throws InputError when the current folder is in no work tree, or GitError
   */
  static async since(
    revision: string,
    request: ChangesRequest,
    around: ChangesSurroundings,
  ): Promise<Changes> {
    const tree = await WorkTree.containing(around.folder);
    if (!tree) {
      throw new InputError(`${around.folder}: is in no git repository; --since needs one`);
    }
    const commit = await tree.baseOf(revision);
    return new Changes(revision, request, around, tree, commit, await tree.changedSince(commit));
  }

  /**
   * The names of the files that have a line to list something of, each looked at when it is asked for. What is left out is told,
   * unless it is as it was or was written by a program; that there is nothing, too.
   * @throws GitError
   */
  async *files(): AsyncGenerator<string> {
    const { files, typos, mistakes } = this.request;
    for await (const { name, text, changed } of files.length > 0 ? this.#named(files) : this.#found()) {
      const isChanged = await linesChangedSince(this.tree, this.commit, changed, text);
      // A file may have lost lines alone.
      if (isChanged.includes(true)) {
        this.#parts ??= typos || mistakes ? await wordPartsOf(this.tree) : undefined;
        this.#scored.set(name, { text, isChanged, parts: typos ? new WordParts(text) : undefined });
        yield name;
      }
    }
    if (this.#scored.size === 0 && !this.#hasTold) {
      const what = this.changed.length === 0 ? 'nothing' : 'nothing to score';
      this.around.messages.complain(`${what} has changed since ${this.revision}`);
    }
  }

  /** The text of one of the files, as it was when its lines were compared. */
  readonly read = async (name: string): Promise<string> => this.#scored.get(name)!.text;

  /** The ranges of one of the files that have changed. */
  readonly only = (name: string): readonly number[] => {
    const { text, isChanged } = this.#scored.get(name)!;
    return rangesOfLines(text, isChanged);
  };

  /** Looks for mistakes on the lines of one of the files that have changed. */
  readonly search = (name: string): Search => {
    const { text, isChanged } = this.#scored.get(name)!;
    return { isMeant: onLines(text, isChanged), project: this.#parts! };
  };

  /** Whether a line of one of the files has changed, and a word of it may be a typo where only these are listed. */
  readonly isListed: ListFilter = (name, line, text) => {
    const { isChanged, parts } = this.#scored.get(name)!;
    return isChanged[line - 1] && (!parts || (parts.hasUnique(text) && this.#parts!.hasUnique(text)));
  };

  /** Those of the named files that have changed; what is wrong with the others is told, and makes the run fail. */
  async *#named(files: readonly string[]): AsyncGenerator<Candidate> {
    const byPath = new Map(this.changed.map((file) => [file.path, file]));
    for (const name of files) {
      try {
        const text = await readInput(name, process.stdin);
        // git's paths are without links, too; a pipe has none.
        const path = await realpath(name).catch(() => undefined);
        if (path === undefined || !isInside(this.tree.root, path)) {
          throw new InputError(`${nameOf(name)}: is outside of ${this.tree.root}, the git work tree here`);
        }
        const changed = byPath.get(path);
        if (changed) {
          yield { name, text, changed };
        }
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  /** All files that have changed, but those that programs write, and those that are told to be left out. */
  async *#found(): AsyncGenerator<Candidate> {
    // As git has it: without links.
    const folder = await realpath(this.around.folder);
    for (const changed of this.changed.filter(({ path }) => !isGenerated(path))) {
      const name = relative(folder, changed.path);
      const text = await this.#textOf(changed.path, name);
      if (text !== undefined) {
        yield { name, text, changed };
      }
    }
  }

  /** The text of a file that nobody named; undefined where it is left out, which is told. */
  async #textOf(path: string, name: string): Promise<string | undefined> {
    const { large } = SECTION_LIMITS;
    try {
      // Before gigabytes are read for nothing; what is wrong with the file, reading it says.
      const size = await stat(path).then(
        (status) => status.size,
        () => 0,
      );
      const text = size > large * MOST_BYTES ? undefined : await readInput(path, process.stdin, nameOf(name));
      if (text !== undefined && text.length <= large) {
        return text;
      }
      this.#tell(`${nameOf(name)}: is too large; left out unless it is named`);
    } catch (error) {
      if (error instanceof NotTextError) {
        this.#tell(`${error.message}; left out`);
      } else {
        this.#fail(error);
      }
    }
    return undefined;
  }

  #tell(message: string): void {
    this.#hasTold = true;
    this.around.messages.complain(message);
  }

  /** @throws what was thrown, where that says nothing of a file */
  #fail(error: unknown): void {
    if (!(error instanceof InputError)) {
      throw error;
    }
    this.#hasTold = true;
    this.around.fail(error.message);
  }
}

/** @param folder absolute and without links, like the path */
function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return !isAbsolute(way) && way.split(sep)[0] !== '..';
}
