import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Outcome, QUICK, surprisal } from '../support/command';
import { gitEnvironment, hasGit } from '../support/git';
import { DEMO, ROOT } from '../support/paths';

describe('surprisal score --since', function () {
  this.timeout(60_000);
  let folder = '';
  let root = '';
  let environment: NodeJS.ProcessEnv = {};

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'surprisal-since-')));
    root = join(folder, 'work');
    await mkdir(root);
    const { added, leftOut } = gitEnvironment(folder);
    environment = { ...Object.fromEntries(leftOut.map((name) => [name, undefined])), ...added };
  });

  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

  /** Scores what has changed, by words of any surprisal. */
  function since(revision: string, words: readonly string[] = [], cwd = root): Promise<Outcome> {
    const all = ['score', '--since', revision, '--from', '0', ...words, ...QUICK];
    return surprisal(all, '', { environment, cwd });
  }

  it('says what to do where there is no git', async () => {
    environment.PATH = folder;
    assert.deepEqual(await since('main'), {
      status: 1,
      out: '',
      error: 'surprisal: git was not found (install git, or have the folder that it is in in PATH)\n',
    });
  });

  if (!hasGit) {
    return;
  }

  const git = (...command: string[]) =>
    execFileSync('git', ['-C', root, ...command], {
      env: { ...process.env, ...environment },
      stdio: 'pipe',
    });

  async function write(name: string, text: string | Uint8Array): Promise<void> {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }

  function commit(): void {
    git('add', '--all');
    git('commit', '--quiet', '--allow-empty', '--message', 'a commit');
  }

  /** A new repository with one commit in its branch main. */
  async function start(files: Record<string, string | Uint8Array>): Promise<void> {
    git('-c', 'init.defaultBranch=main', 'init', '--quiet');
    for (const [name, text] of Object.entries(files)) {
      await write(name, text);
    }
    commit();
  }

  /** The listed words: `file:line word`. */
  function wordsOf(out: string): string[] {
    return out.split('\n').flatMap((row) => {
      const [, place, word] = /^(.*:\d+):\d+: .*?“(\w+)”$/.exec(row) ?? [];
      return place === undefined ? [] : [`${place} ${word}`];
    });
  }

  /** Scores what has changed, which goes well. @returns the listed words */
  async function listed(...request: Parameters<typeof since>): Promise<string[]> {
    const { status, out, error } = await since(...request);
    assert.deepEqual([status, error], [0, '']);
    return wordsOf(out);
  }

  it('lists words on changed lines alone, in edited, renamed and new files, committed or not', async () => {
    const lines = Array.from({ length: 30 }, (_, i) => `line ${i}\n`).join('');
    await start({ edited: 'one\ntwo\nthree\n', old: lines, same: 'same\n', less: 'more\nless\n' });
    await write('edited', 'one\nzwei\nthree\n');
    git('mv', 'old', 'renamed');
    await write('renamed', `first\n${lines}`);
    commit();
    await write('edited', 'one\nzwei\n  three\n\nfour');
    await write('less', 'more\n');
    await write('new', 'all new\n');
    assert.deepEqual(await listed('HEAD~1'), [
      'edited:2 zwei',
      'edited:5 four',
      'new:1 all',
      'new:1 new',
      'renamed:1 first',
    ]);
    assert.deepEqual(await listed('HEAD'), ['edited:5 four', 'new:1 all', 'new:1 new']);
    const { out } = await since('HEAD', ['--by', 'token', '--top', '2']);
    assert.match(out, /^edited:5:1: [\d.]+ bits, .*: “\S+”, expected “/);
    assert.match(out, /^new:1:/m);
  });

  it('lists of a long file what all of its list has on these lines, with the same numbers', async () => {
    const lines = (await readFile(join(ROOT, 'src/engine/client.ts'), 'utf8')).split('\n');
    await start({ long: lines.join('\n') });
    const changed = [0, 1, 250, 400, lines.length - 2];
    for (const line of changed) {
      lines[line] = `  ${line} lines; other = words + "of \\n all";`;
    }
    await write('long', lines.join('\n'));
    for (const words of [
      ['--top', '1'],
      ['--by', 'token'],
    ]) {
      const { out } = await surprisal(
        ['score', 'long', '--format', 'list', '--from', '0', ...words, ...QUICK],
        '',
        {
          environment,
          cwd: root,
        },
      );
      const isChanged = (row: string) => changed.includes(Number(/^long:(\d+):/.exec(row)?.[1]) - 1);
      const expected = out.split('\n').filter(isChanged);
      assert.ok(expected.length >= changed.length, out);
      assert.deepEqual((await since('HEAD', words)).out.trimEnd().split('\n'), expected);
    }
  });

  it('lists likely mistakes, with what was perhaps meant: of a file, or of what has changed in it', async () => {
    const text = await readFile(join(DEMO, 'statistics.py'), 'utf8');
    await start({ 'statistics.py': text.replace('value - median', 'value - average') });
    await write('statistics.py', text);
    const wrong = 'statistics.py:29:25: 16.8 bits fewer with “average”, likely wrong word: “median”\n';
    const typo = 'statistics.py:25:63: 63.8 bits, likely typo: “proprosed”, perhaps “proposed”\n';
    const list = (...words: string[]) =>
      surprisal(['score', ...words, '--mistakes', '--device', 'cpu'], '', { environment, cwd: root });
    assert.deepEqual(await list('statistics.py', '--format', 'list'), {
      status: 0,
      out: typo + wrong,
      error: '',
    });
    assert.deepEqual(await list('--since', 'HEAD'), { status: 0, out: wrong, error: '' });
  });

  it('names files relative to the current folder, and looks at the whole work tree from there', async () => {
    await start({ 'deep/er/a': '' });
    for (const name of ['deep/er/a', 'deep/b', 'c']) {
      await write(name, 'word');
    }
    const names = [join('..', '..', 'c'), join('..', 'b'), 'a'];
    const expected = names.map((name) => `${name}:1 word`);
    const place = join(root, 'deep', 'er');
    assert.deepEqual(await listed('HEAD', [], place), expected);
    await symlink(place, join(folder, 'link'), 'junction');
    assert.deepEqual(await listed('HEAD', [], join(folder, 'link')), expected);
  });

  it('lists what a branch has changed since it left another one, not what that has since', async () => {
    await start({ a: 'one\ntwo\n', b: 'one\n' });
    git('checkout', '--quiet', '-b', 'side');
    await write('a', 'one\ntwo\nside\n');
    commit();
    git('checkout', '--quiet', 'main');
    await write('a', 'main\ntwo\n');
    await write('b', 'main\n');
    commit();
    git('checkout', '--quiet', 'side');
    assert.deepEqual(await listed('main'), ['a:3 side']);
  });

  it('scores named files alone, in their order, of these only what has changed', async () => {
    await start({ a: 'a\n', b: 'b\n', same: 'same\n', 'deep/go.sum': '' });
    for (const name of ['a', 'b', 'deep/go.sum']) {
      await write(name, `in ${name.slice(-1)}\n`);
    }
    const deep = join(root, 'deep');
    const names = ['go.sum', join('..', 'same'), join(root, 'a')];
    assert.deepEqual(await listed('HEAD', names, deep), [
      'go.sum:1 in',
      'go.sum:1 m',
      `${names[2]}:1 in`,
      `${names[2]}:1 a`,
    ]);
  });

  it('tells which named files are wrong, goes on with the others, and ends with 1', async () => {
    await start({ a: '', binary: '' });
    await write('a', 'word');
    await write('binary', Uint8Array.of(0xff, 0xfe));
    await writeFile(join(folder, 'outside'), 'word');
    const outside = join('..', 'outside');
    const { status, out, error } = await since('HEAD', ['none', 'binary', outside, '.', 'a']);
    assert.equal(status, 1);
    assert.deepEqual(wordsOf(out), ['a:1 word']);
    assert.deepEqual(error.split('\n'), [
      'surprisal: none: no such file',
      'surprisal: binary: is not UTF-8 text',
      `surprisal: ${outside}: is outside of ${root}, the git work tree here`,
      'surprisal: .: is a folder; give the files in it',
      '',
    ]);
    const only = await since('HEAD', ['none']);
    assert.deepEqual([only.status, only.out, only.error], [1, '', 'surprisal: none: no such file\n']);
  });

  it('leaves out what is no text, too large, or written by programs, and ends with 0', async () => {
    await start({ a: '' });
    await write('a', 'word');
    await write('image', Uint8Array.of(0x89, 0x50, 0xff));
    await write('large', 'a\n'.repeat(250_001));
    await write('larger', new Uint8Array(1_500_001));
    await write('deep/package-lock.json', '{}');
    const { status, out, error } = await since('HEAD');
    assert.equal(status, 0);
    assert.deepEqual(wordsOf(out), ['a:1 word']);
    assert.deepEqual(error.split('\n'), [
      'surprisal: image: is not UTF-8 text; left out',
      'surprisal: large: is too large; left out unless it is named',
      'surprisal: larger: is too large; left out unless it is named',
      '',
    ]);
  });

  it('says when there is nothing', async () => {
    const quiet = (error: string): Outcome => ({ status: 0, out: '', error: `surprisal: ${error}\n` });
    await start({ a: 'one\ntwo\n', b: '' });
    assert.deepEqual(await since('main'), quiet('nothing has changed since main'));
    assert.deepEqual(await since('main', ['a']), quiet('nothing has changed since main'));
    await write('package-lock.json', '{}');
    await write('a', 'two\n');
    for (const files of [[], ['a', 'b']]) {
      assert.deepEqual(await since('main', files), quiet('nothing to score has changed since main'));
    }
  });

  it('ends with 1 and a line where there is no repository, or no such revision', async () => {
    assert.deepEqual(await since('HEAD'), {
      status: 1,
      out: '',
      error: `surprisal: ${root}: is in no git repository; --since needs one\n`,
    });
    await start({ a: '' });
    const { status, out, error } = await since('no-such');
    assert.deepEqual([status, out], [1, '']);
    assert.match(error, /^surprisal: no-such: no such revision in .*\n$/);
    assert.equal(error.split('\n').length, 2);
  });

  it('lists as likely typos what is once in the file and once in the work tree', async () => {
    await start({ a: 'one\n', 'deep/known': 'The projekt is recorded.\n' });
    await write('a', 'one\nprojekt recieve recieved\n');
    await write('deep/b', 'recieved twise twise\n');
    const typos = ['a:2 recieve'];
    assert.deepEqual(await listed('HEAD', ['--typos']), typos);
    assert.deepEqual(await listed('HEAD', ['--typos', 'a']), typos);
    // git takes it for no text, and has none of its words.
    await write('odd', 'odd odd\0 single\n');
    assert.deepEqual(await listed('HEAD', ['--typos', 'odd']), ['odd:1 single']);
  });
});
