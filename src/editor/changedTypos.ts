/** Looks for likely typos on the lines that have changed since a commit, in all files of the window's work trees. */
import { realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import * as vscode from 'vscode';
import { CancelledError, reasonOf } from '../engine/api';
import { linesChangedSince, wordPartsOf } from '../git/changes';
import { type ChangedFile, WorkTree } from '../git/workTree';
import { formatCount } from '../loss/units';
import { messageOf } from '../model/errors';
import { isGenerated } from '../text/generated';
import { SECTION_LIMITS } from '../text/sections';
import type { WordParts } from '../text/words';
import type { CurrentEditor } from './current';
import type { Log } from './log';
import { showError, showInformation } from './notices';
import type { DocumentScores } from './scores';
import { EXPECTED, suggestionsFor } from './suggestions';
import type { MarkedTypo, TypoMarks } from './typoMarks';
import { typosIn } from './typos';

const t = vscode.l10n.t;

/** Typos that are shown of a file at most, the most surprising ones. */
const MOST_OF_A_FILE = 100;

/** A work tree, and where the window has it: its folder may be a link. */
interface Place {
  readonly tree: WorkTree;
  readonly folder: string;
}

/** The files of a work tree that have changed since a commit. */
interface Changes extends Place {
  readonly commit: string;
  readonly files: readonly ChangedFile[];
}

/** What somebody may want to look at. */
interface Since {
  /** Says since when, behind "Nothing has changed". */
  readonly label: string;
  readonly changes: readonly Changes[];
  readonly count: number;
}

/** A file to look for typos in. */
interface FileSearch {
  readonly tree: WorkTree;
  readonly commit: string;
  readonly file: ChangedFile;
  /** Where the window has it. */
  readonly path: string;
  readonly project: WordParts;
}

/** What came of a search. */
interface Found {
  /** With lines that have changed. */
  files: number;
  lines: number;
  typos: number;
  /** Files that no person writes, that are no text, or that are too large. */
  leftOut: number;
}

/** The command that looks for them; one search at a time. */
export class ChangedTypos implements vscode.Disposable {
  readonly #scores: DocumentScores;
  readonly #current: CurrentEditor;
  readonly #marks: TypoMarks;
  readonly #log: Log;
  #running: AbortController | undefined;

  constructor(scores: DocumentScores, current: CurrentEditor, marks: TypoMarks, log: Log) {
    this.#scores = scores;
    this.#current = current;
    this.#marks = marks;
    this.#log = log;
  }

  /** Looks for them, and shows them in the Problems view; asks since when, if there is a choice. */
  async find(): Promise<void> {
    this.#running?.abort();
    const controller = new AbortController();
    this.#running = controller;
    try {
      await this.#find(controller);
    } catch (error) {
      if (!(error instanceof CancelledError)) {
        const reason = reasonOf(error);
        this.#log.error(reason);
        void showError(reason);
      }
    } finally {
      if (this.#running === controller) {
        this.#running = undefined;
      }
    }
  }

  dispose(): void {
    this.#running?.abort();
  }

  /** @throws GitError | EngineError | CancelledError */
  async #find(controller: AbortController): Promise<void> {
    if (!vscode.workspace.isTrusted) {
      void showInformation(t('What has changed is asked of git, which a workspace has to be trusted for.'));
      return;
    }
    const places = await this.#places();
    if (places.length === 0) {
      void showInformation(
        t('There is no git repository here: neither in the folders of this window, nor around the file.'),
      );
      return;
    }
    const since = await chosen(await choicesOf(places));
    if (!since) {
      return;
    }
    const found = await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: t('Surprisal: looking for typos in changes'),
        cancellable: true,
      },
      (progress, cancellation) => {
        cancellation.onCancellationRequested(() => controller.abort());
        return this.#search(since, progress, controller.signal);
      },
    );
    await this.#tell(found, since);
  }

  /** The work trees of the window's folders, and of the current file. */
  async #places(): Promise<Place[]> {
    const document = this.#current.editor?.document.uri;
    const folders = [
      ...(vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri),
      ...(document ? [vscode.Uri.joinPath(document, '..')] : []),
    ];
    const git = gitProgram();
    const places = new Map<string, Place>();
    for (const { scheme, fsPath } of folders) {
      const tree = scheme === 'file' ? await WorkTree.containing(fsPath, git) : undefined;
      if (tree && !places.has(tree.root)) {
        const folder = join(fsPath, relative(await realpath(fsPath), tree.root));
        places.set(tree.root, { tree, folder });
      }
    }
    return [...places.values()];
  }

  async #search(
    { changes, count }: Since,
    progress: vscode.Progress<{ message?: string; increment?: number }>,
    signal: AbortSignal,
  ): Promise<Found> {
    const found: Found = { files: 0, lines: 0, typos: 0, leftOut: 0 };
    let looked = 0;
    this.#marks.clear();
    for (const { tree, folder, commit, files } of changes) {
      const project = await wordPartsOf(tree);
      for (const file of files) {
        if (signal.aborted) {
          throw new CancelledError();
        }
        progress.report({
          message: t('{0} ({1} of {2})', relative(tree.root, file.path), ++looked, count),
          increment: 100 / count,
        });
        const path = join(folder, relative(tree.root, file.path));
        if (!(await this.#searchFile({ tree, commit, file, path, project }, signal, found))) {
          found.leftOut++;
        }
      }
    }
    return found;
  }

  /** @returns false where the file is left out */
  async #searchFile(search: FileSearch, signal: AbortSignal, found: Found): Promise<boolean> {
    for (;;) {
      const document = await documentOf(search.path);
      if (!document) {
        return false;
      }
      try {
        const typos = await this.#typosOf(document, search, signal, found);
        this.#marks.set(document, typos);
        found.typos += typos.length;
        return true;
      } catch (error) {
        // VS Code closes what nobody looks at after some minutes; what is scored by then is known.
        if (signal.aborted || !(error instanceof CancelledError) || !document.isClosed) {
          throw error;
        }
      }
    }
  }

  /** @throws GitError | EngineError | CancelledError */
  async #typosOf(
    document: vscode.TextDocument,
    { tree, commit, file, project }: FileSearch,
    signal: AbortSignal,
    found: Found,
  ): Promise<MarkedTypo[]> {
    // Again, if it is edited meanwhile.
    for (;;) {
      const { version } = document;
      const text = document.getText();
      const lines = await linesChangedSince(tree, commit, file, text);
      if (!lines.includes(true)) {
        return [];
      }
      const { losses, score } = await this.#scores.score(document, signal);
      if (document.version !== version || !losses || score === undefined) {
        continue;
      }
      const isChanged = (offset: number) => lines[document.positionAt(offset).line];
      // In their order: of a page that is no longer known the model has to read what comes before them only once then.
      const typos = typosIn(text, losses, MOST_OF_A_FILE, isChanged, project)
        .filter(({ word }) => !this.#marks.isRight(word))
        .sort((a, b) => a.start - b.start);
      const marked: MarkedTypo[] = [];
      for (const typo of typos) {
        const expected = await this.#expectedBefore(document, score, typo.token, signal);
        const candidates = { expected, known: project.all() };
        marked.push({ ...typo, suggestions: suggestionsFor(typo.word, typo.part, candidates) });
      }
      if (document.version === version) {
        found.files++;
        found.lines += lines.filter(Boolean).length;
        return marked;
      }
    }
  }

  /** What the model expected in a token's place, the most probable first; nothing where that cannot be had. */
  async #expectedBefore(
    document: vscode.TextDocument,
    score: number,
    token: number,
    signal: AbortSignal,
  ): Promise<string[]> {
    if (signal.aborted) {
      throw new CancelledError();
    }
    try {
      const [distribution] = await this.#scores.distributions(document, score, [token], EXPECTED);
      return distribution.top.map(({ text }) => text);
    } catch (error) {
      this.#log.debug(`suggestions: ${messageOf(error)}`);
      return [];
    }
  }

  async #tell({ files, lines, typos, leftOut }: Found, { label }: Since): Promise<void> {
    const read = counted(lines, t('line'), t('lines'));
    const of = counted(files, t('file'), t('files'));
    const rest =
      leftOut === 0
        ? ''
        : ` ${t('{0} left out, as no text, too large, or written by a program.', counted(leftOut, t('file was'), t('files were')))}`;
    if (typos === 0) {
      void showInformation(
        t('No likely typos on {0} of {1} that have changed {2}.{3}', read, of, label, rest),
      );
      return;
    }
    await vscode.commands.executeCommand('workbench.panel.markers.view.focus');
    const clear = t('Clear');
    const pressed = await showInformation(
      t(
        '{0} on {1} of {2} that have changed {3}.{4}',
        counted(typos, t('likely typo'), t('likely typos')),
        read,
        of,
        label,
        rest,
      ),
      clear,
    );
    if (pressed === clear) {
      this.#marks.clear();
    }
  }
}

/** The program that VS Code's own git support runs. */
function gitProgram(): string | undefined {
  const git = vscode.extensions.getExtension('vscode.git');
  const exported = git?.isActive ? git.exports : undefined;
  const path: unknown = exported?.enabled ? exported.getAPI(1)?.git?.path : undefined;
  return typeof path === 'string' ? path : undefined;
}

/** The text of a file that a person may have written; undefined of others. */
async function documentOf(path: string): Promise<vscode.TextDocument | undefined> {
  if (isGenerated(path)) {
    return undefined;
  }
  try {
    const document = await vscode.workspace.openTextDocument(vscode.Uri.file(path));
    return document.getText().length <= SECTION_LIMITS.large ? document : undefined;
  } catch {
    // It is no text, or gone meanwhile.
    return undefined;
  }
}

/** Since when one may look: the last commit, and since the main branch was left where that is another one. */
async function choicesOf(places: readonly Place[]): Promise<Since[]> {
  const sinceCommit: Changes[] = [];
  const sinceBranch: Changes[] = [];
  const branches = new Set<string>();
  for (const place of places) {
    const { tree } = place;
    const head = await tree.baseOf('HEAD');
    const atCommit = await changesOf(place, head);
    sinceCommit.push(atCommit);
    const branch = await tree.mainBranch();
    const base = branch === undefined ? head : await tree.baseOf(branch).catch(() => head);
    if (branch !== undefined && base !== head) {
      branches.add(branch);
      sinceBranch.push(await changesOf(place, base));
    } else {
      sinceBranch.push(atCommit);
    }
  }
  return [
    { label: t('since the last commit'), ...counts(sinceCommit) },
    ...(branches.size > 0
      ? [{ label: t('since {0} was left', [...branches].join(', ')), ...counts(sinceBranch) }]
      : []),
  ];
}

/** Files on disk, and those with text that is not saved. */
async function changesOf(place: Place, commit: string): Promise<Changes> {
  const { tree, folder } = place;
  const files = await tree.changedSince(commit);
  const known = new Set(files.map(({ path }) => path));
  for (const { isDirty, uri } of vscode.workspace.textDocuments) {
    const inTree = relative(folder, uri.fsPath);
    const file = { path: join(tree.root, inTree), before: inTree.split(sep).join('/') };
    if (
      isDirty &&
      uri.scheme === 'file' &&
      !known.has(file.path) &&
      (await isIn(tree, commit, file.before))
    ) {
      files.push(file);
    }
  }
  return { ...place, commit, files };
}

/** Whether a commit has a file. */
async function isIn(tree: WorkTree, commit: string, name: string): Promise<boolean> {
  try {
    await tree.textAt(commit, name);
    return true;
  } catch {
    return false;
  }
}

function counts(changes: readonly Changes[]): Pick<Since, 'changes' | 'count'> {
  return { changes, count: changes.reduce((sum, { files }) => sum + files.length, 0) };
}

/** The one with files; the one that the user chooses where there are several; undefined where there is none. */
async function chosen(choices: readonly Since[]): Promise<Since | undefined> {
  const some = choices.filter(({ count }) => count > 0);
  if (some.length === 0) {
    void showInformation(t('Nothing has changed {0}.', choices.at(-1)!.label));
  }
  if (some.length < 2) {
    return some[0];
  }
  const items = some.map((since) => ({
    label: since.label[0].toUpperCase() + since.label.slice(1),
    description: counted(since.count, t('file'), t('files')),
    since,
  }));
  const item = await vscode.window.showQuickPick(items, {
    title: t('Likely Typos in Changes'),
    placeHolder: t('Since when'),
  });
  return item?.since;
}

function counted(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
