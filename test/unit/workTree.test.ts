import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { GitError, WorkTree } from '../../src/git/workTree';
import { gitEnvironment, hasGit } from '../support/git';

const isWindows = process.platform === 'win32';

async function refuses(promise: Promise<unknown>, ...reasons: RegExp[]): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof GitError, String(error));
    assert.doesNotMatch(error.message, /\n/);
    for (const reason of reasons) {
      assert.match(error.message, reason);
    }
    return true;
  });
}

describe('work tree', function () {
  this.timeout(60_000);
  const environment = { ...process.env };
  let folder = '';
  let root = '';
  let commits = 0;

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'surprisal-git-')));
    root = join(folder, 'work');
    const { added, leftOut } = gitEnvironment(folder);
    for (const name of leftOut) {
      delete process.env[name];
    }
    Object.assign(process.env, added);
  });

  afterEach(async () => {
    for (const name of Object.keys(process.env)) {
      if (!(name in environment)) {
        delete process.env[name];
      }
    }
    Object.assign(process.env, environment);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const git = (...command: string[]) =>
    execFileSync('git', ['-C', root, ...command], { encoding: 'utf8', stdio: 'pipe' }).trim();

  async function write(name: string, text: string | Uint8Array): Promise<void> {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }

  /** Commits everything. @returns the commit */
  function commit(): string {
    git('add', '--all');
    git('commit', '--quiet', '--allow-empty', '--message', `commit ${++commits}`);
    return git('rev-parse', 'HEAD');
  }

  /** A new repository, its work tree at `root`. */
  async function start(files: Record<string, string | Uint8Array> = {}): Promise<WorkTree> {
    execFileSync('git', ['-c', 'init.defaultBranch=main', 'init', '--quiet', root]);
    for (const [name, text] of Object.entries(files)) {
      await write(name, text);
    }
    const tree = await WorkTree.containing(root);
    assert.ok(tree);
    return tree;
  }

  /** The changed files, with slashes: `name`, or `name < before`. */
  async function changes(tree: WorkTree, since = 'HEAD'): Promise<string[]> {
    return (await tree.changedSince(git('rev-parse', since))).map(({ path, before }) => {
      const name = relative(root, path).replaceAll(sep, '/');
      return before === undefined ? name : `${name} < ${before}`;
    });
  }

  /** All lines of all texts. */
  async function lines(tree: WorkTree): Promise<string[]> {
    const found: string[] = [];
    await tree.eachText((text) => {
      assert.ok(text.endsWith('\n'));
      found.push(...text.split('\n').slice(0, -1));
    });
    return found.sort();
  }

  it('says what to do where there is no git', async () => {
    await refuses(
      WorkTree.containing(folder, '/no/such/git'),
      /^\/no\/such\/git was not found \(install git,/,
    );
  });

  if (!hasGit) {
    it('is not found without a git', async () => {
      await refuses(WorkTree.containing(folder), /^git was not found \(install git,/);
    });
    return;
  }

  it('is found from a folder in it, by links as well, and nowhere else', async () => {
    await start({ 'a/b/c.txt': '' });
    for (const place of [root, join(root, 'a', 'b'), join(root, 'a', '..'), relative(process.cwd(), root)]) {
      assert.equal((await WorkTree.containing(place))?.root, root);
    }
    await symlink(join(root, 'a'), join(folder, 'link'), 'junction');
    assert.equal((await WorkTree.containing(join(folder, 'link')))?.root, root);

    for (const place of [folder, join(folder, 'none'), join(root, 'a/b/c.txt'), join(root, '.git')]) {
      assert.equal(await WorkTree.containing(place), undefined);
    }
    git('init', '--quiet', '--bare', join(folder, 'bare'));
    assert.equal(await WorkTree.containing(join(folder, 'bare')), undefined);
  });

  it('may be in a folder of any name', async () => {
    root = join(folder, isWindows ? ' -ñ ' : ' -"ñ"\n');
    await mkdir(root);
    const tree = await start({ a: 'word' });
    assert.equal(tree.root, root);
    assert.deepEqual(await changes(tree, commit()), []);
    assert.deepEqual(await lines(tree), ['word']);
  });

  it('is not found where git refuses, which says why and what to do', async () => {
    await start();
    process.env.GIT_TEST_ASSUME_DIFFERENT_OWNER = '1';
    await refuses(
      WorkTree.containing(root),
      /dubious ownership/,
      /\(git config --global --add safe\.directory /,
    );
    delete process.env.GIT_TEST_ASSUME_DIFFERENT_OWNER;
    await writeFile(join(root, '.git', 'config'), 'no configuration');
    await refuses(WorkTree.containing(root), /git says: bad config line 1/);
  });

  it('says of a git that cannot be run, or that is ended', async () => {
    const program = join(folder, 'git.sh');
    await writeFile(program, '#!/bin/sh\nkill -9 $$\n');
    await refuses(WorkTree.containing(folder, program), /git\.sh cannot be run: /);
    if (!isWindows) {
      await chmod(program, 0o755);
      await refuses(WorkTree.containing(folder, program), /git was ended by SIGKILL/);
    }
  });

  it('left a branch at the last commit that they have in common', async () => {
    const tree = await start();
    const first = commit();
    git('checkout', '--quiet', '-b', 'side');
    const side = commit();
    git('tag', '--annotate', '--message', 'x', 'tagged');
    git('checkout', '--quiet', 'main');
    const second = commit();
    for (const revision of ['side', 'tagged', side, 'side~1', 'HEAD~1']) {
      assert.equal(await tree.baseOf(revision), first);
    }
    for (const revision of ['HEAD', 'main', '@', second.slice(0, 12)]) {
      assert.equal(await tree.baseOf(revision), second);
    }
  });

  it('has no base for what is no revision, whatever it looks like', async () => {
    const tree = await start({ a: 'a' });
    commit();
    const trap = join(folder, 'trap');
    for (const revision of [
      ...['nosuch', '', '-', '--all', '-q', `--output=${trap}`, '^HEAD', 'HEAD:a', 'HEAD^{tree}'],
      ...['HEAD..main', '0'.repeat(40), 'a\0b', 'a\nb', 'HEAD HEAD'],
    ]) {
      await refuses(
        tree.baseOf(revision),
        /: no such revision in .*work \(name a commit, a branch or a tag;/,
      );
    }
    await refuses(tree.changedSince(`--output=${trap}`), /git says: /);
    await refuses(tree.textAt(`--output=${trap}`, 'a'), /git says: /);
    await assert.rejects(readFile(trap), { code: 'ENOENT' });
  });

  it('has the empty tree as its base as long as there is no commit', async () => {
    const tree = await start({ tracked: 'a', untracked: 'a' });
    git('add', 'tracked');
    const empty = await tree.baseOf('HEAD');
    assert.equal(empty, '4b825dc642cb6eb9a060e54bf8d69288fbee4904');
    assert.deepEqual(await changes(tree, empty), ['tracked', 'untracked']);
    assert.deepEqual(await lines(tree), ['a', 'a']);
    await refuses(tree.baseOf('main'), /^main: no such revision/);
  });

  it('has no base where histories have nothing in common', async () => {
    const tree = await start({ a: 'a' });
    commit();
    git('checkout', '--quiet', '--orphan', 'other');
    assert.deepEqual(await changes(tree, await tree.baseOf('HEAD')), ['a']);
    const reason = /^main: no commit in common with what is checked out in .*work \(name the commit/;
    await refuses(tree.baseOf('main'), reason);
    commit();
    await refuses(tree.baseOf('main'), reason);
  });

  it('knows the main branch: the server’s, or one with a usual name', async () => {
    const tree = await start();
    assert.equal(await tree.mainBranch(), undefined);
    commit();
    assert.equal(await tree.mainBranch(), 'main');
    git('branch', '-m', 'master');
    assert.equal(await tree.mainBranch(), 'master');
    git('branch', '-m', 'trunk');
    assert.equal(await tree.mainBranch(), undefined);
    const origin = root;
    root = join(folder, 'clone');
    execFileSync('git', ['clone', '--quiet', origin, root], { stdio: 'pipe' });
    const clone = await WorkTree.containing(root);
    git('branch', 'main');
    assert.equal(await clone?.mainBranch(), 'origin/trunk');
    // What it names is gone.
    git('update-ref', '-d', 'refs/remotes/origin/trunk');
    assert.equal(await clone?.mainBranch(), 'main');
  });

  it('says of a shallow clone that it is one', async () => {
    await start();
    commit();
    git('checkout', '--quiet', '-b', 'side');
    commit();
    git('checkout', '--quiet', 'main');
    commit();
    const origin = pathToFileURL(root).href;
    root = join(folder, 'shallow');
    execFileSync('git', ['clone', '--quiet', '--depth=1', '--no-single-branch', origin, root]);
    const tree = await WorkTree.containing(root);
    assert.ok(tree);
    await refuses(tree.baseOf('origin/side'), /no commit in common .* \(this is a shallow clone: git fetch/);
    await refuses(tree.baseOf('HEAD~1'), /no such revision .* \(this is a shallow clone: git fetch/);
    git('fetch', '--quiet', '--unshallow');
    assert.equal(await tree.baseOf('origin/side'), git('rev-parse', 'HEAD~1'));
  });

  it('has changed files: edited, new, renamed and untracked ones, not deleted nor ignored ones', async () => {
    const long = Array.from({ length: 50 }, (_, i) => `line ${i}\n`).join('');
    const tree = await start({
      '.gitignore': 'ignored\n',
      same: 'same',
      edited: 'edited',
      staged: 'staged',
      deleted: 'deleted',
      removed: 'removed',
      forgotten: 'forgotten',
      'deep/renamed': long,
      copied: `copy ${long}`,
    });
    commit();
    await write('ignored', '');
    await write('edited', 'other');
    await write('staged', 'other');
    git('add', 'staged');
    await rm(join(root, 'deleted'));
    git('rm', '--quiet', 'removed');
    git('rm', '--quiet', '--cached', 'forgotten');
    git('mv', 'deep/renamed', 'a');
    await write('a', `${long}more\n`);
    await write('copy', `copy ${long}`);
    await write('copied', `copy ${long}more\n`);
    git('add', 'copy');
    await write('intended', 'new');
    git('add', '--intent-to-add', 'intended');
    await write('deep/untracked', 'new');
    assert.deepEqual(await changes(tree), [
      'a < deep/renamed',
      'copied < copied',
      'copy',
      'deep/untracked',
      'edited < edited',
      'forgotten < forgotten',
      'intended',
      'staged < staged',
    ]);
  });

  it('has changed what was committed since its base, and nothing of what the branch has since', async () => {
    const tree = await start({ a: 'a', b: 'b' });
    commit();
    git('checkout', '--quiet', '-b', 'side');
    await write('a', 'other');
    commit();
    git('checkout', '--quiet', 'main');
    await write('b', 'other');
    commit();
    assert.deepEqual(await changes(tree), []);
    assert.deepEqual(await changes(tree, await tree.baseOf('side')), ['b < b']);
  });

  it('has no changes in files that were only written again', async () => {
    const tree = await start({ a: 'a' });
    git('config', 'diff.autoRefreshIndex', 'false');
    commit();
    await utimes(join(root, 'a'), 0, 0);
    assert.deepEqual(await changes(tree), []);
  });

  it('has a file in conflict once', async () => {
    const tree = await start({ a: '1\n', gone: '1\n' });
    const base = commit();
    git('checkout', '--quiet', '-b', 'side');
    for (const name of ['a', 'gone', 'both']) {
      await write(name, 'side\n');
    }
    commit();
    git('checkout', '--quiet', 'main');
    await write('a', 'main\n');
    await write('both', 'main\n');
    await rm(join(root, 'gone'));
    commit();
    assert.throws(() => git('merge', 'side'));
    assert.deepEqual(await changes(tree, base), ['a < a', 'both', 'gone < gone']);
    assert.deepEqual(await changes(tree), ['a < a', 'both < both', 'gone']);
  });

  it('has no changed links, submodules and repositories in it', async () => {
    const tree = await start({ plain: 'a\n'.repeat(9), file: 'word' });
    git('init', '--quiet', join(root, 'module'));
    git('-C', 'module', 'commit', '--quiet', '--allow-empty', '--message', 'x');
    git('init', '--quiet', join(root, 'becomes'));
    git('-C', 'becomes', 'commit', '--quiet', '--allow-empty', '--message', 'x');
    commit();
    git('-C', 'module', 'commit', '--quiet', '--allow-empty', '--message', 'x');
    await write('module/word', 'word');
    git('init', '--quiet', join(root, 'nested'));
    await write('nested/word', 'word');
    await rm(join(root, 'becomes'), { recursive: true });
    await write('becomes', 'text');
    assert.deepEqual(await changes(tree), ['becomes']);
    assert.deepEqual((await lines(tree)).slice(-2), ['text', 'word']);
    assert.equal((await lines(tree)).length, 9 + 2);
  });

  // Windows lets only some users make links.
  if (!isWindows) {
    it('has links neither among what is changed nor among what is read', async () => {
      const tree = await start({ plain: 'a', file: 'word' });
      await symlink('file', join(root, 'old'));
      await symlink('file', join(root, 'becomes'));
      commit();
      await rm(join(root, 'old'));
      await symlink('plain', join(root, 'old'));
      await symlink('file', join(root, 'new'));
      await rm(join(root, 'plain'));
      await symlink('file', join(root, 'plain'));
      await rm(join(root, 'becomes'));
      await write('becomes', 'text');
      assert.deepEqual(await changes(tree), ['becomes']);
      assert.deepEqual(await lines(tree), ['text', 'word']);
    });
  }

  it('takes files of any name', async () => {
    const names = ['-dash', ':(top)a', ' two  spaces ', 'ünï/日本 🔥', "quo'te", '$HOME', '[a]'];
    const special = isWindows ? [] : ['line\nbreak', 'quo"te', 'back\\slash', '*', 'tab\t'];
    const all = [...names.filter((name) => !isWindows || !name.includes(':')), ...special];
    const tree = await start(Object.fromEntries(all.map((name) => [name, `in ${name}`])));
    commit();
    for (const name of all) {
      await write(name, `now ${name}`);
      await write(`${name}.new`, 'new');
    }
    const changed = await tree.changedSince(await tree.baseOf('HEAD'));
    const expected = all.flatMap((name) => [
      { path: join(root, name), before: name },
      { path: join(root, `${name}.new`), before: undefined },
    ]);
    assert.deepEqual(
      changed,
      expected.sort((a, b) => (a.path < b.path ? -1 : 1)),
    );
    for (const name of all) {
      assert.equal(await tree.textAt('HEAD', name), `in ${name}`);
    }
  });

  it('has the texts of a commit as they are there, but for a byte-order mark', async () => {
    const large = 'Grüße 🔥\n'.repeat(200_000);
    const texts = { lf: 'a\nb\n', crlf: 'a\r\nb', none: '', mark: '\uFEFFa\uFEFF', large };
    const tree = await start({ ...texts, 'deep/bytes': Uint8Array.of(0x61, 0xff, 0x0a) });
    git('config', 'core.autocrlf', 'false');
    commit();
    git('config', 'core.autocrlf', 'true');
    for (const [name, text] of Object.entries(texts)) {
      await write(name, 'other');
      assert.equal(await tree.textAt('HEAD', name), text.replace(/^\uFEFF/, ''));
    }
    assert.equal(await tree.textAt('HEAD', 'deep/bytes'), 'a\uFFFD\n');
    await refuses(tree.textAt('HEAD', 'deep/none'), /^.*work: git says: path 'deep\/none' does not exist/);
    await refuses(tree.textAt('HEAD', 'deep'), /git says: /);
  });

  it('has the lines of all text files but those that git ignores', async () => {
    const tree = await start({
      '.gitignore': 'ignored\n',
      a: 'one cat\r\n\nlast cat',
      'deep/b': 'naïve ёлка 東京 𝒳𝒴\n',
      'cat.bin': 'cat\0\n',
      empty: '',
    });
    commit();
    await write('deep/untracked', 'new cat\n');
    await write('intended', 'cat, intended\n');
    git('add', '--intent-to-add', 'intended');
    await write('ignored', 'ignored cat\n');
    await write('gone', 'gone cat\n');
    git('add', 'gone');
    await rm(join(root, 'gone'));
    const found = ['', 'cat, intended', 'ignored', 'last cat', 'naïve ёлка 東京 𝒳𝒴', 'new cat', 'one cat\r'];
    assert.deepEqual(await lines(tree), found);
    assert.deepEqual(await lines((await WorkTree.containing(join(root, 'deep')))!), found);
  });

  it('has no lines where there are no files, and says so where it is gone', async () => {
    const tree = await start();
    assert.deepEqual(await lines(tree), []);
    await rename(root, join(folder, 'elsewhere'));
    await refuses(lines(tree), /work: git says: cannot change to /);
  });

  it('has whole lines and characters wherever the output is cut', async () => {
    const all = Array.from({ length: 20_000 }, (_, i) => `é🔥 wört${i} é`);
    const long = 'ё'.repeat(300_000);
    const tree = await start({ a: all.join('\n'), b: `${long}\nb` });
    assert.deepEqual(await lines(tree), [...all, long, 'b'].sort());
  });

  it('ends a reading with what its listener throws', async () => {
    const tree = await start({ a: 'word\n'.repeat(500_000) });
    let count = 0;
    const reading = tree.eachText(() => {
      count++;
      throw new RangeError('enough');
    });
    await assert.rejects(reading, new RangeError('enough'));
    assert.equal(count, 1);
  });

  it('follows a hook to the index of the commit that is being made', async () => {
    const tree = await start({ a: 'a' });
    commit();
    process.env.GIT_INDEX_FILE = join('.git', 'other');
    git('read-tree', 'HEAD');
    git('mv', 'a', 'b');
    assert.deepEqual(await changes(tree), ['b < a']);
    delete process.env.GIT_INDEX_FILE;
    assert.deepEqual(await changes(tree), ['b']);
  });

  it('can be looked at while another git has the lock', async () => {
    const tree = await start({ a: 'word', b: 'b' });
    commit();
    await utimes(join(root, 'a'), 0, 0);
    await write('b', 'other');
    const index = join(root, '.git', 'index');
    const before = await readFile(index);
    await writeFile(`${index}.lock`, '');
    assert.deepEqual(await changes(tree), ['b < b']);
    assert.deepEqual(await lines(tree), ['other', 'word']);
    assert.deepEqual(await readFile(index), before);
  });

  it('is the same whatever the user has configured', async () => {
    const long = Array.from({ length: 50 }, (_, i) => `line ${i}\n`).join('');
    const tree = await start({
      '.gitattributes': '* diff=text\n',
      'ü a': `a ${long}`,
      'ü b': `b ${long}`,
      c: 'c',
    });
    commit();
    git('mv', 'ü a', 'new a');
    git('mv', 'ü b', 'new b');
    await write('new a', `a ${long}more\n`);
    await write('new b', `b ${long}more\n`);
    await write('c', 'other');
    await write('untracked', 'more\n');
    const trap = join(folder, 'trap');
    await writeFile(
      join(folder, '.gitconfig'),
      `[color] ui = always
[color "grep"] selected = red
[core] quotePath = true
  pager = false
  fsmonitor = "touch '${trap.replaceAll('\\', '/')}'; false"
[diff] noprefix = true
  mnemonicPrefix = true
  renames = false
  renameLimit = 1
  relative = true
  external = false
  orderFile = /no/such/file
  autoRefreshIndex = false
[grep] lineNumber = true
  column = true
  fullName = true
  patternType = perl
  extendedRegexp = true
[status] renames = false
  showUntrackedFiles = no
  relativePaths = true
  short = true
[submodule] recurse = true
[diff "text"] textconv = false
  command = false
`,
    );
    assert.deepEqual(await changes(tree, await tree.baseOf('main')), [
      'c < c',
      'new a < ü a',
      'new b < ü b',
      'untracked',
    ]);
    assert.equal(await tree.textAt('HEAD', 'c'), 'c');
    assert.deepEqual((await lines(tree)).slice(-4), ['more', 'more', 'more', 'other']);
    await assert.rejects(readFile(trap), { code: 'ENOENT' });
  });
});
