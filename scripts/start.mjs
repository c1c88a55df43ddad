// Shows what Surprisal does: scores a document in the terminal, then opens the editor with the heatmap on.
//
//   npm start                 the demo folder
//   npm start -- FILE         your own file, in its folder
//     --no-editor             only the terminal's part
//     --print-url             serve the editor and print its address, but open nothing
//     --port N                the served editor's port; without it, a free one
//
// The editor is the desktop VS Code where one is found, else the real VS Code served to a browser. It runs in a
// profile of its own: your settings stay as they are.
import { spawn } from 'node:child_process';
import { constants, existsSync } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, release, tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheFolder, Failure, npm, root, run, runCommand, runMain } from './support.mjs';
import { ensureServer, quietSettings, startServer } from './vscode-server.mjs';

/** The document that is shown when none is named. */
const demoFile = join(root, 'demo', 'statistics.py');

const heatmapOn = { 'surprisal.heatmap.enabled': true };

/**
 * @param {string | undefined} name what the user typed
 * @returns {Promise<string>} the file's absolute path
 */
async function fileToShow(name) {
  // npm runs scripts in the repository's root; INIT_CWD is where the user typed the command.
  const file = name === undefined ? demoFile : resolve(process.env.INIT_CWD ?? process.cwd(), name);
  const info = await stat(file).catch(() => undefined);
  if (!info) {
    throw new Failure(`There is no file ${name ?? demoFile}.`);
  }
  if (!info.isFile()) {
    throw new Failure(`${name ?? demoFile} is not a file${info.isDirectory() ? ' but a folder' : ''}.`);
  }
  await access(file, constants.R_OK).catch(() => {
    throw new Failure(`${name ?? demoFile} cannot be read.`);
  });
  return realpath(file);
}

/** Whether windows can be shown to the user from here. */
function hasDisplay() {
  if (process.env.CI || process.env.SSH_CONNECTION) {
    return false;
  }
  return process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
}

/**
 * The command of a desktop VS Code that can load the extension.
 * @returns {Promise<string | undefined>}
 */
async function findDesktop() {
  // In a terminal of VS Code's server, and under WSL, `code` belongs to an editor on another machine.
  if (!hasDisplay() || process.env.VSCODE_IPC_HOOK_CLI || /microsoft/i.test(release())) {
    return undefined;
  }
  const { engines } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const oldest = /** @type {string} */ (engines.vscode).replace(/^\D*/, '').split('.').map(Number);
  const extension = process.platform === 'win32' ? '.cmd' : '';
  const names = ['code', 'code-insiders', 'codium'].map((name) => name + extension);
  const candidates = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)));
  if (process.platform === 'darwin') {
    for (const applications of ['/Applications', join(homedir(), 'Applications')]) {
      candidates.push(
        join(applications, 'Visual Studio Code.app/Contents/Resources/app/bin/code'),
        join(applications, 'Visual Studio Code - Insiders.app/Contents/Resources/app/bin/code'),
        join(applications, 'VSCodium.app/Contents/Resources/app/bin/codium'),
      );
    }
  }
  if (process.platform === 'win32') {
    const { LOCALAPPDATA, ProgramFiles } = process.env;
    for (const programs of [LOCALAPPDATA && join(LOCALAPPDATA, 'Programs'), ProgramFiles]) {
      if (programs) {
        candidates.push(
          join(programs, 'Microsoft VS Code', 'bin', 'code.cmd'),
          join(programs, 'Microsoft VS Code Insiders', 'bin', 'code-insiders.cmd'),
          join(programs, 'VSCodium', 'bin', 'codium.cmd'),
        );
      }
    }
  }
  for (const command of candidates) {
    if (!existsSync(command) || /remote-cli/.test(await realpath(command))) {
      continue;
    }
    const { code, output } = await runCommand(command, ['--version'], { quiet: true }).catch(() => ({
      code: 1,
      output: '',
    }));
    const version = /^(\d+)\.(\d+)\.\d+/m.exec(output);
    if (code === 0 && version) {
      const [major, minor] = [Number(version[1]), Number(version[2])];
      if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) {
        return command;
      }
    }
  }
  return undefined;
}

/**
 * @param {string} command
 * @param {string} file
 */
async function openDesktop(command, file) {
  const profile = join(cacheFolder, 'desktop');
  const settings = join(profile, 'User', 'settings.json');
  await mkdir(dirname(settings), { recursive: true });
  await writeFile(settings, JSON.stringify({ ...quietSettings, ...heatmapOn }, null, 2));
  const { code } = await runCommand(command, [
    `--extensionDevelopmentPath=${root}`,
    `--user-data-dir=${profile}`,
    '--disable-extensions',
    '--new-window',
    dirname(file),
    file,
  ]);
  if (code !== 0) {
    throw new Failure(`${command} could not be started.`);
  }
  console.log(`\n${file} is open in ${command}, with the heatmap on.`);
}

/**
 * Serves the real VS Code until the user ends it.
 * @param {string} file
 * @param {{ port: number, open: boolean }} options
 */
async function serve(file, { port, open }) {
  // Fetched first: from here on the end is in order, and that would hold up a Ctrl+C while much is fetched.
  await ensureServer();
  /** @type {Promise<'signal'>} */
  const signal = new Promise((done) => {
    for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
      // More than once: npm passes on the one that the terminal has sent to all.
      process.on(name, () => done('signal'));
    }
  });
  // Installed rather than under development, so that it stays when another folder is opened.
  const dataDir = await mkdtemp(join(await realpath(tmpdir()), 'surprisal-start-'));
  const extensionsDir = join(dataDir, 'extensions');
  const { publisher, name, version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  await mkdir(extensionsDir, { recursive: true });
  await symlink(root, join(extensionsDir, `${publisher}.${name}-${version}`), 'junction');
  try {
    const server = await startServer({
      workspace: dirname(file),
      openFile: file,
      extensionsDir,
      dataDir,
      settings: heatmapOn,
      port,
    });
    console.log(`\nVS Code is served with the heatmap on. Open this address in a browser on this machine:\n`);
    console.log(`  ${server.url}\n`);
    console.log('Ctrl+C ends it.');
    if (open && hasDisplay()) {
      openBrowser(server.url);
    }
    const end = await Promise.race([signal, server.exited]);
    await server.stop();
    if (end !== 'signal') {
      throw new Failure(`VS Code's server ended by itself:\n${server.log()}`);
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }).catch(() => {});
  }
}

/** @param {string} url */
function openBrowser(url) {
  const [command, ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler', url]
        : ['xdg-open', url];
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  // Without an opener the printed address is enough.
  child.on('error', () => {});
  child.unref();
}

await runMain(async () => {
  const { values, positionals } = parse();
  if (positionals.length > 1) {
    throw new Failure('npm start shows one file: npm start -- FILE');
  }
  const port = Number(values.port ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Failure(`${values.port} is not a port.`);
  }
  if (port !== 0 && !(await isFree(port))) {
    throw new Failure(`Port ${port} is taken by another program.`);
  }
  const file = await fileToShow(positionals[0]);

  if ((await npm(['run', '--silent', 'build'])).code !== 0) {
    throw new Failure('The build failed.');
  }
  const { code } = await run(process.execPath, [join('dist', 'cli.cjs'), 'score', file, '--format', 'text']);
  if (code !== 0 || values['no-editor']) {
    return code;
  }
  const desktop = values['print-url'] ? undefined : await findDesktop();
  if (desktop) {
    await openDesktop(desktop, file);
  } else {
    await serve(file, { port, open: !values['print-url'] });
  }
  return 0;
});

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function isFree(port) {
  return new Promise((done) => {
    const probe = createServer()
      .once('error', () => done(false))
      .once('listening', () => probe.close(() => done(true)))
      .listen(port, '127.0.0.1');
  });
}

/** The command line; a mistake in it is one line. */
function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        'no-editor': { type: 'boolean' },
        'print-url': { type: 'boolean' },
        port: { type: 'string' },
      },
    });
  } catch (error) {
    throw new Failure(/** @type {Error} */ (error).message.split(/\n|\. /)[0]);
  }
}
