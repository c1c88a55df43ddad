/**
 * What git knows of a work tree: which files are others than in a commit, what was in them, and all text that there is. The git
 * program is asked, without a shell, and nothing is changed, but that git may note in its index that a file is as it was.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat } from 'node:fs/promises';
import { dirname, join, normalize, resolve } from 'node:path';
import { makeVisible } from '../text/visible';

/** git cannot do what was asked; one line for the user that says what, where, and what to do. */
export class GitError extends Error {
  constructor(message: string) {
    // git, a path and a revision may say anything; spaces stay.
    super(message.split(' ').map(makeVisible).join(' '));
    this.name = 'GitError';
  }
}

/** A file that is another than in a commit. */
export interface ChangedFile {
  /** Absolute path of the file in the work tree. */
  readonly path: string;
  /** Its path in the commit, relative to the work tree's root, with slashes; undefined where it is new. */
  readonly before: string | undefined;
}

/** What a run of git came to. */
interface Outcome {
  /** The exit status. */
  readonly status: number;
  readonly output: string;
  /** What it wrote to standard error. */
  readonly complaint: string;
}

/** Beside these stays what a hook has set (GIT_DIR, GIT_INDEX_FILE): it says which commit is being made. */
const ENVIRONMENT = {
  // Messages are read here, and quoted.
  LC_ALL: 'C',
  // Another git may be at work, and want the lock.
  GIT_OPTIONAL_LOCKS: '0',
  // Nobody is there to answer.
  GIT_TERMINAL_PROMPT: '0',
};

/** What the user's configuration may not change; `changedSince` and `eachText` have options against the rest of it. */
const SETTINGS = ['-c', 'core.fsmonitor=false', '-c', 'diff.autoRefreshIndex=true'];

/** What a main branch is called. */
const USUAL_NAMES = ['main', 'master'];

/** How many new files are compared with how many deleted ones to find renamed files: git's default. */
const RENAME_LIMIT = 1000;

/** A folder of files that git keeps the history of. */
export class WorkTree {
  readonly #git: string;

  /** @param root absolute, without links, with the system's separators */
  private constructor(
    readonly root: string,
    git: string,
  ) {
    this.#git = git;
  }

  /**
   * The work tree that a folder is in; undefined where it is in none, or is no folder.
   * @param git the program: a name to look up in PATH, or an absolute path
   * @throws GitError when there is no such program, or git refuses
   */
  static async containing(folder: string, git = 'git'): Promise<WorkTree | undefined> {
    const outcome = await run(git, resolve(folder), ['rev-parse', '--show-toplevel']);
    if (outcome.status === 0) {
      return new WorkTree(normalize(withoutLineEnd(outcome.output)), git);
    }
    if (/not a git repository \(or any|must be run in a work tree|cannot change to/.test(outcome.complaint)) {
      return undefined;
    }
    throw refusal(folder, outcome);
  }

  /**
   * The commit where what is checked out left a revision; for HEAD in a branch that has no commit yet, the empty tree.
   * @throws GitError when there is no such revision, or no common commit
   */
  async baseOf(revision: string): Promise<string> {
    const [commit, head] = await Promise.all([this.#commitOf(revision), this.#commitOf('HEAD')]);
    if (commit === undefined) {
      if (
        revision === 'HEAD' &&
        (await this.#run(['rev-parse', '--verify', '--quiet', 'HEAD'])).status !== 0
      ) {
        return withoutLineEnd(await this.#output(['hash-object', '-t', 'tree', '--stdin']));
      }
      const advice = await this.#adviceOr(
        'name a commit, a branch or a tag; git fetch gets those of a server',
      );
      throw new GitError(`${revision}: no such revision in ${this.root} (${advice})`);
    }
    const outcome = head === undefined ? undefined : await this.#run(['merge-base', commit, head]);
    if (outcome?.status === 0) {
      return withoutLineEnd(outcome.output);
    }
    if (outcome && outcome.status !== 1) {
      throw refusal(this.root, outcome);
    }
    const advice = await this.#adviceOr('name the commit that the work began at');
    throw new GitError(
      `${revision}: no commit in common with what is checked out in ${this.root} (${advice})`,
    );
  }

  /**
   * The branch that others are taken from and go back to: what the server called origin has for its own, else one with a usual name
   * that is here; undefined where there is none.
   */
  async mainBranch(): Promise<string | undefined> {
    const outcome = await this.#run(['symbolic-ref', '--quiet', '--short', 'refs/remotes/origin/HEAD']);
    const names = [...(outcome.status === 0 ? [withoutLineEnd(outcome.output)] : []), ...USUAL_NAMES];
    for (const name of names) {
      if ((await this.#commitOf(name)) !== undefined) {
        return name;
      }
    }
    return undefined;
  }

  /**
   * The files that are others now than in a commit, sorted by path: those of which git says so, and those that it does not track
   * and does not ignore. Left out is what is no regular file now, and what has a name that is not UTF-8. A renamed file is known
   * as such when git tracks its new name.
   * @param commit as `baseOf` gives it
   */
  async changedSince(commit: string): Promise<ChangedFile[]> {
    const [differences, untracked] = await Promise.all([
      this.#output([
        ...['diff', '--name-status', '-z', '-M', `-l${RENAME_LIMIT}`, '-O/dev/null'],
        ...['--ignore-submodules=dirty', '--no-ext-diff', '--no-textconv', '--no-color'],
        ...['--end-of-options', commit, '--'],
      ]),
      this.#output(['ls-files', '--others', '--exclude-standard', '-z']),
    ]);
    // Paths in the commit by those of now, both relative.
    const befores = new Map<string, string | undefined>();
    const fields = differences.split('\0');
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const [status, before] = [fields[i], fields[i + 1]];
      if (status.startsWith('R')) {
        befores.set(fields[i + 2], before);
        i++;
      } else {
        // Changed in type: it was a link or a submodule.
        const isNew = status === 'A' || status === 'T';
        befores.set(before, isNew ? undefined : before);
      }
    }
    for (const name of untracked.split('\0').slice(0, -1)) {
      // git has been told to forget some, which the commit has.
      befores.set(name, befores.get(name));
    }
    const files = await Promise.all(
      [...befores].map(async ([name, before]) => {
        const path = join(this.root, name);
        const status = await lstat(path).catch(() => undefined);
        return status?.isFile() ? [{ path, before }] : [];
      }),
    );
    return files.flat().sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /**
   * A file's text in a commit, as UTF-8, without a byte-order mark. Line ends are those of the commit: a work tree may have
   * others (core.autocrlf).
   * @param before the file's path, as `changedSince` gives it
   * @throws GitError when there is no such file
   */
  async textAt(commit: string, before: string): Promise<string> {
    const text = await this.#output(['cat-file', 'blob', '--end-of-options', `${commit}:${before}`]);
    return text.startsWith('\uFEFF') ? text.slice(1) : text;
  }

  /**
   * Hears of the text of all text files of the work tree that git tracks or does not ignore, in pieces of whole lines, each of one
   * file or of several. What a text file is, git decides.
   * @param onText what it throws ends the reading
   */
  async eachText(onText: (lines: string) => void): Promise<void> {
    let rest = '';
    // Every line has the empty text.
    const outcome = await this.#run(
      [
        ...['grep', '--untracked', '--exclude-standard', '--no-recurse-submodules', '-I', '-h', '-F'],
        ...['--no-textconv', '--no-color', '--no-line-number', '--no-column', '-e', ''],
      ],
      (chunk) => {
        const end = chunk.lastIndexOf('\n') + 1;
        if (end > 0) {
          onText(rest + chunk.slice(0, end));
          rest = '';
        }
        rest += chunk.slice(end);
      },
    );
    // 1: there is no line.
    if (outcome.status > 1) {
      throw refusal(this.root, outcome);
    }
  }

  /** The commit that a revision names; undefined where it names none. */
  async #commitOf(revision: string): Promise<string | undefined> {
    // No revision begins like an option; before git 2.30 rev-parse does not know --end-of-options.
    if (/^[-^]|\0/.test(revision)) {
      return undefined;
    }
    const outcome = await this.#run(['rev-parse', '--verify', '--quiet', `${revision}^{commit}`]);
    return outcome.status === 0 ? withoutLineEnd(outcome.output) : undefined;
  }

  /** What to do where a commit is missing: where the history is not all here, get it. */
  async #adviceOr(otherwise: string): Promise<string> {
    const answer = await this.#output(['rev-parse', '--is-shallow-repository']);
    return answer.startsWith('true')
      ? 'this is a shallow clone: git fetch --unshallow gets the rest of its history'
      : otherwise;
  }

  #run(command: readonly string[], hear?: (chunk: string) => void): Promise<Outcome> {
    return run(this.#git, this.root, command, hear);
  }

  /** @throws GitError when git fails */
  async #output(command: readonly string[]): Promise<string> {
    const outcome = await this.#run(command);
    if (outcome.status !== 0) {
      throw refusal(this.root, outcome);
    }
    return outcome.output;
  }
}

/**
 * Runs git to its end, with nothing on its standard input.
 * @param folder absolute
 * @param hear hears of the output as it comes, in pieces that end anywhere; then the outcome has none. What it throws ends git.
 * @throws GitError when git cannot be started, or was ended by others
 */
async function run(
  git: string,
  folder: string,
  command: readonly string[],
  hear?: (chunk: string) => void,
): Promise<Outcome> {
  let output = '';
  let complaint = '';
  const child = spawn(git, ['-C', folder, ...SETTINGS, ...command], {
    // Windows looks for a program where it is started, too: that may not be a folder of others, with a git.exe in it.
    cwd: dirname(process.execPath),
    env: { ...process.env, ...ENVIRONMENT },
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  try {
    const [[status, signal]] = await Promise.all([
      once(child, 'close'),
      forEachChunk(child.stdout, hear ?? ((chunk) => (output += chunk))),
      forEachChunk(child.stderr, (chunk) => (complaint += chunk)),
    ]);
    if (signal) {
      throw new GitError(`${folder}: git was ended by ${signal} (try again)`);
    }
    return { status, output, complaint };
  } catch (error) {
    child.kill();
    const { syscall, code, message } = error as NodeJS.ErrnoException;
    if (!syscall?.startsWith('spawn')) {
      throw error;
    }
    throw new GitError(
      code === 'ENOENT'
        ? `${git} was not found (install git, or have the folder that it is in in PATH)`
        : `${git} cannot be run: ${message}`,
    );
  }
}

async function forEachChunk(stream: NodeJS.ReadableStream, hear: (chunk: string) => void): Promise<void> {
  // A character may be in two chunks of bytes.
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    hear(chunk as string);
  }
}

/** What git says, in one line: its reason, and the command that it advises. */
function refusal(folder: string, { status, complaint }: Outcome): GitError {
  const reason = /^(?:fatal|error): (.*)/m.exec(complaint)?.[1] ?? (complaint.trim() || `status ${status}`);
  const advice = /^\s+(git config --global --add safe\.directory .*)/m.exec(complaint)?.[1];
  return new GitError(`${folder}: git says: ${reason}${advice === undefined ? '' : ` (${advice})`}`);
}

/** Without the one line end that git writes behind a name, in which there may be others. */
function withoutLineEnd(output: string): string {
  return output.replace(/\n$/, '');
}
