/** What has changed in the window's work trees, and since when: asked of git, and of the user. */
import { realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import * as vscode from 'vscode';
import { type ChangedFile, WorkTree } from '../git/workTree';
import { formatCount } from '../loss/units';
import type { CurrentEditor } from './current';
import { showInformation } from './notices';

const t = vscode.l10n.t;

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
export interface Since {
  /** Says since when, behind "Nothing has changed". */
  readonly label: string;
  readonly changes: readonly Changes[];
  /** Number of files. */
  readonly count: number;
}

/**
 * Asks git what has changed, and the user since when, if there is a choice.
 * @param current its file may be in a work tree that the window has no folder of
 * @param title of that question
 * @returns undefined where there is nothing, which is told, or where the user wants nothing
 * @throws GitError
 */
export async function chooseChanges(current: CurrentEditor, title: string): Promise<Since | undefined> {
  if (!vscode.workspace.isTrusted) {
    void showInformation(t('What has changed is asked of git, which a workspace has to be trusted for.'));
    return undefined;
  }
  const places = await placesAround(current.editor?.document.uri);
  if (places.length === 0) {
    void showInformation(
      t('There is no git repository here: neither in the folders of this window, nor around the file.'),
    );
    return undefined;
  }
  return chosen(title, await choicesOf(places));
}

/** The work trees of the window's folders, and of a document. */
async function placesAround(document: vscode.Uri | undefined): Promise<Place[]> {
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

/** The program that VS Code's own git support runs. */
function gitProgram(): string | undefined {
  const git = vscode.extensions.getExtension('vscode.git');
  const exported = git?.isActive ? git.exports : undefined;
  const path: unknown = exported?.enabled ? exported.getAPI(1)?.git?.path : undefined;
  return typeof path === 'string' ? path : undefined;
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
async function chosen(title: string, choices: readonly Since[]): Promise<Since | undefined> {
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
    title,
    placeHolder: t('Since when'),
  });
  return item?.since;
}

/** A number of things. */
export function counted(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
