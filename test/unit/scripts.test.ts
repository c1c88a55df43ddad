import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { ROOT } from '../support/paths';

describe('scripts', () => {
  const support = () => import('../../scripts/support.mjs');
  const browser = () => import('../../scripts/browser.mjs');
  const server = () => import('../../scripts/vscode-server.mjs');
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(await realpath(tmpdir()), 'surprisal-scripts-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('start through a link to their folder', async () => {
    const { href } = pathToFileURL(join(ROOT, 'scripts', 'support.mjs'));
    await mkdir(join(folder, 'real'));
    await writeFile(
      join(folder, 'real', 'script.mjs'),
      `import { isMain } from '${href}'; console.log(isMain(import.meta.url));`,
    );
    await writeFile(join(folder, 'real', 'importer.mjs'), "await import('./script.mjs');");
    await symlink(join(folder, 'real'), join(folder, 'link'), 'junction');
    const answer = async (...file: string[]) =>
      (await promisify(execFile)(process.execPath, [join(folder, ...file)])).stdout.trim();
    assert.equal(await answer('link', 'script.mjs'), 'true');
    assert.equal(await answer('real', 'script.mjs'), 'true');
    assert.equal(await answer('link', 'importer.mjs'), 'false');
  });

  it('make a text independent of the files around it', async () => {
    const { selfContained } = await import('../../scripts/package.mjs');
    await mkdir(join(folder, 'media'));
    await writeFile(join(folder, 'media', 'a.png'), Buffer.from([1, 2, 3]));
    const text = [
      '![A picture](media/a.png) and ![it again](media/a.png)',
      'in [a file](docs/a.md), [in *it*](src/b.ts), [here](#below), [there](https://example.org/a_(b)) and',
      '`[no link]` (a remark), [mail](mailto:a@example.org).',
    ].join('\n');
    assert.equal(
      await selfContained(text, folder),
      [
        '![A picture](data:image/png;base64,AQID) and ![it again](data:image/png;base64,AQID)',
        'in a file, in *it*, [here](#below), [there](https://example.org/a_(b)) and',
        '`[no link]` (a remark), [mail](mailto:a@example.org).',
      ].join('\n'),
    );
    await assert.rejects(
      selfContained('![x](media/none.png)', folder),
      /The picture media\/none\.png cannot/,
    );
    await assert.rejects(selfContained('![x](media/a.svg)', folder), /media\/a\.svg is no picture/);
  });

  it('make packages only for platforms that ONNX Runtime has a library for', async () => {
    const { makePackage } = await import('../../scripts/package.mjs');
    await assert.rejects(
      makePackage('darwin-x64', folder),
      /no package for darwin-x64: choose from darwin-arm64, linux-arm64, linux-x64, win32-arm64, win32-x64/,
    );
    assert.deepEqual(await readdir(folder), []);
  });

  it("quote for Windows' shell what ends in a backslash", async () => {
    const { quoteForWindows } = await support();
    assert.equal(quoteForWindows('C:\\'), '"C:\\\\"');
    assert.equal(quoteForWindows('C:\\my docs\\a.md'), '"C:\\my docs\\a.md"');
    assert.equal(quoteForWindows('\\\\server\\share\\\\'), '"\\\\server\\share\\\\\\\\"');
  });

  describe('make a folder of the cache', () => {
    /** A lock whose owner has gone. */
    async function leaveStaleLock(lock: string): Promise<void> {
      await writeFile(lock, '0');
      const longAgo = new Date(Date.now() - 3_600_000);
      await utimes(lock, longAgo, longAgo);
    }

    it('once, whoever finds that a lock was left behind', async () => {
      const { makeOnce } = await support();
      const target = join(folder, 'target');
      await leaveStaleLock(`${target}.lock`);
      let count = 0;
      const made = await Promise.all(
        Array.from({ length: 4 }, () =>
          makeOnce(target, 'stamp', async (staging) => {
            count++;
            await sleep(20);
            await writeFile(join(staging, 'file'), 'text');
          }),
        ),
      );
      assert.equal(count, 1);
      assert.equal(made.filter(Boolean).length, 1);
      assert.deepEqual((await readdir(target)).sort(), ['.complete', 'file']);
      assert.deepEqual(await readdir(folder), ['target'], 'nothing is left beside it');
    });

    it('and leave a lock to the one who has taken it over', async () => {
      const { removeStale } = await support();
      const lock = join(folder, 'lock');
      await writeFile(lock, `${process.pid} somebody`);
      await removeStale(lock);
      assert.equal(await readFile(lock, 'utf8'), `${process.pid} somebody`);
      await leaveStaleLock(lock);
      await removeStale(lock);
      assert.deepEqual(await readdir(folder), []);
      await removeStale(lock);
    });

    it('and keep the former one until the new one is there', async () => {
      const { makeOnce } = await support();
      const target = join(folder, 'target');
      const make = (text: string) => (staging: string) => writeFile(join(staging, 'file'), text);
      await mkdir(`${target}.partial-cut-off`);
      assert.ok(await makeOnce(target, 'one', make('first')));
      await assert.rejects(
        makeOnce(target, 'two', async () => {
          throw new Error('no network');
        }),
        /no network/,
      );
      assert.equal(await readFile(join(target, 'file'), 'utf8'), 'first');
      assert.equal(await makeOnce(target, 'one', make('again')), false);
      assert.ok(await makeOnce(target, 'two', make('second')));
      assert.equal(await readFile(join(target, 'file'), 'utf8'), 'second');
      assert.deepEqual(await readdir(folder), ['target']);
    });
  });

  it('leave no temporary folder behind when they are interrupted', async function () {
    if (process.platform === 'win32') {
      this.skip();
    }
    const { href } = pathToFileURL(join(ROOT, 'scripts', 'support.mjs'));
    const script = join(folder, 'script.mjs');
    await writeFile(
      script,
      `import { makeTemporary } from '${href}'; console.log(await makeTemporary('test')); setInterval(() => {}, 1000);`,
    );
    const child = spawn(process.execPath, [script], { env: { ...process.env, TMPDIR: folder } });
    const made = String((await once(child.stdout, 'data'))[0]).trim();
    await writeFile(join(made, 'file'), 'text');
    child.kill('SIGINT');
    assert.equal((await once(child, 'exit'))[0], 130);
    assert.deepEqual(await readdir(folder), ['script.mjs']);
  });

  it('have VS Code open a folder with any name', async () => {
    const { workbenchUrl } = await server();
    const workspace = resolve(folder, 'my docs ü 50% #1');
    const openFile = join(workspace, 'a&b ü.md');
    const url = new URL(workbenchUrl('http://127.0.0.1:80', 'token', { workspace, openFile }));
    const path = url.searchParams.get('folder') ?? '';
    assert.equal(resolve(process.platform === 'win32' ? path.slice(1) : path), workspace);
    const payload = new Map<string, string>(JSON.parse(url.searchParams.get('payload') ?? ''));
    const file = new URL(payload.get('openFile') ?? '');
    assert.equal(fileURLToPath(`file://${file.pathname}`), openFile);
  });

  it('put copies in the place of links to packages', async () => {
    const { replaceLinks } = await server();
    const modules = join(folder, 'partial', 'node_modules');
    await mkdir(join(folder, 'partial', 'stand-ins', 'one'), { recursive: true });
    await mkdir(join(modules, '@scope'), { recursive: true });
    await writeFile(join(folder, 'partial', 'stand-ins', 'one', 'index.cjs'), 'text');
    await writeFile(join(modules, 'file'), 'text');
    // Absolute, as all links to folders are on Windows.
    await symlink(join(folder, 'partial', 'stand-ins', 'one'), join(modules, '@scope', 'one'), 'junction');
    await replaceLinks(modules);
    await rename(join(folder, 'partial'), join(folder, 'final'));
    const copy = join(folder, 'final', 'node_modules', '@scope', 'one');
    assert.ok((await lstat(copy)).isDirectory());
    assert.equal(await readFile(join(copy, 'index.cjs'), 'utf8'), 'text');
    assert.ok(existsSync(join(folder, 'final', 'node_modules', 'file')));
  });

  it('write the configuration of the fonts for a cache in any folder', async () => {
    const { fontsConfiguration } = await browser();
    const text = fontsConfiguration(join(folder, 'R&D <1>', 'chromium', '1'));
    assert.ok(text.includes(`<dir>${join(folder, 'R&amp;D &lt;1&gt;', 'chromium', '1', 'fonts')}</dir>`));
    assert.ok(
      text.includes(`<cachedir>${join(folder, 'R&amp;D &lt;1&gt;', 'chromium', 'fontconfig')}</cachedir>`),
    );
  });

  it("find a distribution's browsers on PATH", async function () {
    if (process.platform === 'win32') {
      this.skip();
    }
    const { installedBrowsers } = await browser();
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    for (const file of [join(one, 'google-chrome'), join(two, 'chromium'), join(two, 'google-chrome')]) {
      await mkdir(join(file, '..'), { recursive: true });
      await writeFile(file, '#!/bin/sh\n', { mode: 0o755 });
    }
    await writeFile(join(one, 'chromium'), 'no program');
    await chmod(join(one, 'chromium'), 0o644);
    assert.deepEqual(await installedBrowsers(['', one, join(folder, 'none'), two].join(delimiter)), [
      join(two, 'chromium'),
      join(one, 'google-chrome'),
      join(two, 'google-chrome'),
    ]);
    assert.deepEqual(await installedBrowsers(''), []);
  });
});
