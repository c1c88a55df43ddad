// The real VS Code, served to a browser, from the npm registry alone.
//
// code-server's npm package carries VS Code's own server build in lib/vscode. This module takes that folder out of
// the package, adds the packages that it loads (scripts/vscode-server/package.json, with a lock file) and starts it.
// Nothing is compiled: what is a C++ module upstream is a prebuilt package or a small stand-in here, so that neither
// a compiler nor Python is needed.
//
//   node scripts/vscode-server.mjs [--soft]    install it into the cache; --soft: a failure is only a warning
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, realpath, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { createGunzip } from 'node:zlib';
import {
  cacheFolder,
  downloadPackage,
  Failure,
  folderSize,
  isMain,
  killTree,
  makeOnce,
  makeTemporary,
  megabytes,
  messageOf,
  npm,
  npmReason,
  removeTemporary,
  root,
  run,
  runMain,
} from './support.mjs';

/** The newest code-server whose VS Code runs on Node 20, and its archive's checksum in the npm registry. */
export const version = '4.100.3';
const integrity =
  'sha512-q/Fh2DOxCRNhC/WiG/6sAhSKnj7ZACTVBaeeZ+rWjol//0FCbl/qg1ln5ecZ99jYcfqMxZZAyWcN+YBIo0DgpA==';

/** Goes up with every change to the steps below, so that an older cache is made anew. */
const recipeVersion = 3;

const recipe = join(root, 'scripts', 'vscode-server');

/** Built-in extensions that need packages of their own, run language servers, or reach out to the network. */
const leftOut = new Set([
  'css-language-features',
  'debug-auto-launch',
  'debug-server-ready',
  'emmet',
  'extension-editing',
  'git',
  'git-base',
  'github',
  'github-authentication',
  'grunt',
  'gulp',
  'html-language-features',
  'ipynb',
  'jake',
  'json-language-features',
  'merge-conflict',
  'microsoft-authentication',
  'ms-vscode.js-debug',
  'ms-vscode.js-debug-companion',
  'ms-vscode.vscode-js-profile-table',
  'notebook-renderers',
  'npm',
  'php-language-features',
  'simple-browser',
  'terminal-suggest',
  'tunnel-forwarding',
  'typescript-language-features',
]);

/**
 * Settings under which the workbench is quiet and the same every time: no question of trust, no start page, no
 * network, no pop-ups.
 * @type {Record<string, unknown>}
 */
export const quietSettings = {
  'breadcrumbs.enabled': false,
  'chat.commandCenter.enabled': false,
  'editor.accessibilitySupport': 'off',
  'editor.minimap.enabled': false,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  // Served to a browser, VS Code would save every edit by itself: tests must not change the files they edit.
  'files.autoSave': 'off',
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'update.showReleaseNotes': false,
  'window.commandCenter': false,
  'workbench.editor.empty.hint': 'hidden',
  'workbench.enableExperiments': false,
  'workbench.settings.enableNaturalLanguageSearch': false,
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
};

/**
 * Why the server cannot be had on this machine, or undefined.
 * @returns {string | undefined}
 */
function unsupported() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) {
    return `VS Code's server needs Node 20 or newer; this is ${process.version}.`;
  }
  if (!['linux', 'darwin', 'win32'].includes(process.platform) || !['x64', 'arm64'].includes(process.arch)) {
    return `VS Code's server does not run on ${process.platform} ${process.arch}.`;
  }
  return undefined;
}

/**
 * Makes sure that the server is in the cache.
 * @param {{ quiet?: boolean }} [options]
 * @returns {Promise<{ root: string, version: string }>} its folder (the one with out/server-main.js) and version
 */
export async function ensureServer({ quiet = false } = {}) {
  const reason = unsupported();
  if (reason) {
    throw new Failure(reason);
  }
  const say = quiet ? () => {} : (/** @type {string} */ text) => console.log(text);
  const folder = join(cacheFolder, 'vscode-server', version);
  const hash = createHash('sha256').update(`${recipeVersion} ${[...leftOut].join(' ')}`);
  for (const file of (await readdir(recipe, { recursive: true })).sort()) {
    if (/\.(json|cjs)$/.test(file)) {
      hash.update(file).update(await readFile(join(recipe, file)));
    }
  }
  const stamp = `${process.platform} ${process.arch} ${hash.digest('hex')}`;
  const start = performance.now();
  const made = await makeOnce(folder, stamp, async (staging) => {
    say(`Getting VS Code's server (code-server ${version}) from the npm registry …`);
    const archive = await downloadPackage('code-server', version, integrity, staging);
    say('Unpacking …');
    await unpack(archive, staging);
    await rm(archive);
    await adapt(staging);
    say('Adding the packages that it loads …');
    await addPackages(staging);
  });
  if (made) {
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    say(`VS Code's server is in the cache: ${megabytes(await folderSize(folder))}, ${seconds} s.`);
  }
  return { root: folder, version };
}

/**
 * Unpacks lib/vscode, without source maps and without the extensions that are left out.
 * @param {string} archive
 * @param {string} folder
 */
async function unpack(archive, folder) {
  const { extract } = await import('tar-fs');
  const prefix = 'package/lib/vscode/';
  await pipeline(
    createReadStream(archive),
    createGunzip(),
    extract(folder, {
      map: (header) => ({
        ...header,
        name: header.name.startsWith(prefix) ? header.name.slice(prefix.length) : 'other',
      }),
      ignore: (_path, header) => {
        const name = header?.name ?? '';
        const extension = /^extensions\/([^/]+)\//.exec(name)?.[1];
        return name === 'other' || name.endsWith('.map') || leftOut.has(extension ?? '');
      },
    }),
  );
}

/**
 * Adapts what was unpacked: the extensions that are left out disappear from the list in the browser's bundle, the
 * settings file gets the address under which its changes are reported, packages are taken from node_modules, and the
 * product loses its extension gallery, so that nothing is fetched from it.
 * @param {string} folder
 */
async function adapt(folder) {
  const bundle = join(folder, 'out', 'vs', 'code', 'browser', 'workbench', 'workbench.js');
  let source = await readFile(bundle, 'utf8');
  const change = (/** @type {RegExp} */ place, /** @type {(found: string) => string} */ text) => {
    if (source.match(place)?.length !== 1) {
      throw new Failure(`VS Code's bundle does not have ${place} in it once, as was expected.`);
    }
    source = source.replace(place, text);
  };
  const list = JSON.stringify([...leftOut]);
  change(
    /\.map\(async (\w+)=>\{const \w+=\w+\(\1\.packageJSON\.publisher,\1\.packageJSON\.name\)/g,
    (found) => `.filter(({extensionPath})=>!${list}.includes(extensionPath))${found}`,
  );
  change(/file\(this\.userDataPath\)\.with\(\{scheme:\w+\.vscodeRemote(?=\})/g, (found) => {
    return `${found},authority:this.options.remoteAuthority`;
  });
  await writeFile(bundle, source);
  await takePackagesFromFolder(join(folder, 'out'));
  const product = JSON.parse(await readFile(join(folder, 'product.json'), 'utf8'));
  delete product.extensionsGallery;
  await writeFile(join(folder, 'product.json'), JSON.stringify(product, null, 2));
}

/**
 * The desktop build has its packages in an archive, node_modules.asar, and so some of the code asks for them there. A
 * link of that name would do, were links not absolute on Windows.
 * @param {string} folder that of the bundles
 */
async function takePackagesFromFolder(folder) {
  let places = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    if (name.endsWith('.js')) {
      const file = join(folder, name);
      const parts = (await readFile(file, 'utf8')).split('"vs/../../node_modules.asar"');
      if (parts.length > 1) {
        places += parts.length - 1;
        await writeFile(file, parts.join('"vs/../../node_modules"'));
      }
    }
  }
  if (places === 0) {
    throw new Failure("VS Code's bundles do not name node_modules.asar, as was expected.");
  }
}

/** @param {string} folder */
async function addPackages(folder) {
  // VS Code's own lists name packages that must be compiled; ours takes their place.
  await rm(join(folder, 'npm-shrinkwrap.json'), { force: true });
  await rm(join(folder, 'package.json'), { force: true });
  await cp(recipe, folder, { recursive: true });
  const { code, output } = await npm(
    [
      'ci',
      '--omit=dev',
      '--ignore-scripts',
      '--no-bin-links',
      '--no-audit',
      '--no-fund',
      '--loglevel',
      'error',
    ],
    { cwd: folder, quiet: true },
  );
  if (code !== 0) {
    throw new Failure(`npm could not install the packages of VS Code's server: ${npmReason(output)}`);
  }
  const modules = join(folder, 'node_modules');
  await replaceLinks(modules);
  for (const entry of await readdir(modules, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && entry.name.endsWith('.map')) {
      await rm(join(entry.parentPath ?? entry.path, entry.name));
    }
  }
}

/**
 * Puts copies in the place of links: npm only links to the stand-ins, and on Windows its links are absolute, so that
 * they lead nowhere once the folder gets its final name.
 * @param {string} folder
 */
export async function replaceLinks(folder) {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) {
      const link = join(entry.parentPath ?? entry.path, entry.name);
      const target = await realpath(link);
      await unlink(link);
      await cp(target, link, { recursive: true });
    }
  }
}

/**
 * @typedef {object} ServerOptions
 * @property {string} [workspace] the folder that is opened
 * @property {string} [extensionPath] an extension under development that is loaded
 * @property {string} [extensionTestsPath] a module whose run() is called in the extension host (needs a browser page)
 * @property {string} [openFile] a file that is opened
 * @property {string} [extensionsDir] the folder of installed extensions
 * @property {string} [dataDir] the folder of settings and logs; without one, a temporary one that stop() removes
 * @property {Record<string, unknown>} [settings] on top of quietSettings
 * @property {string} [host]
 * @property {number} [port] 0: a free one
 * @property {NodeJS.ProcessEnv} [env] added to the environment of the server and its extension host
 */

/**
 * @typedef {object} Server
 * @property {string} url what to open in a browser
 * @property {string} origin
 * @property {number} port
 * @property {string} dataDir
 * @property {(changes: Record<string, unknown>) => Promise<void>} changeSettings undefined removes a setting
 * @property {() => string} log what the server has printed so far
 * @property {() => Promise<string>} logs the server's log files
 * @property {Promise<number>} exited resolves when the server has ended
 * @property {() => Promise<void>} stop ends the server and every process that it started
 */

/**
 * Installs an extension's package, as a user does from a file.
 * @param {string} file the package
 * @param {{ dataDir: string, extensionsDir: string }} folders that the server is started with afterwards
 * @throws Failure with what VS Code said, if it did not take the package
 */
export async function installExtension(file, { dataDir, extensionsDir }) {
  const { root: serverRoot } = await ensureServer();
  const { code, output } = await run(
    process.execPath,
    [
      join(serverRoot, 'out', 'server-main.js'),
      ...serverArguments(dataDir, extensionsDir),
      '--install-extension',
      file,
    ],
    { env: serverEnvironment(), quiet: true },
  );
  if (code !== 0 || !/was successfully installed/.test(output)) {
    throw new Failure(`VS Code could not install ${file}:\n${output.trim()}`);
  }
}

/**
 * The arguments that a server has in whatever it is started for.
 * @param {string} dataDir
 * @param {string} extensionsDir
 */
function serverArguments(dataDir, extensionsDir) {
  return [
    '--accept-server-license-terms',
    '--telemetry-level',
    'off',
    '--server-data-dir',
    dataDir,
    '--extensions-dir',
    extensionsDir,
  ];
}

/** This process's environment, as far as it is meant for a server. */
function serverEnvironment() {
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    // Left by a VS Code terminal around us, or by npm.
    if (/^(VSCODE_|ELECTRON_|npm_)/.test(name)) {
      delete env[name];
    }
  }
  // code-server would put an extension gallery of its own in.
  env.EXTENSIONS_GALLERY = '{}';
  return env;
}

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
let watching = false;

/** The guard ends the servers of a process that has gone; this ends them a little earlier and in order. */
function stopWithParent() {
  if (watching) {
    return;
  }
  watching = true;
  // First of all: what the servers still write to is removed at the exit, too.
  process.prependListener('exit', () => {
    for (const child of running) {
      killTree(/** @type {number} */ (child.pid), 'SIGKILL');
    }
  });
}

/**
 * Starts the server and waits until it answers.
 * @param {ServerOptions} options
 * @returns {Promise<Server>}
 */
export async function startServer(options) {
  const { host = '127.0.0.1', port = 0, settings = {} } = options;
  const { root: serverRoot } = await ensureServer();
  const dataDir = options.dataDir ?? (await makeTemporary('vscode'));
  const extensionsDir = options.extensionsDir ?? join(dataDir, 'extensions');
  const changeSettings = await settingsWriter(dataDir, options.extensionPath ?? root);
  await mkdir(extensionsDir, { recursive: true });
  await changeSettings({ ...quietSettings, ...settings });

  // VS Code takes every theme below the folder of an extension under development for that extension's own and turns
  // it on. The cache, with VS Code's themes, lies in our repository; seen through a link it does not.
  const shown = { ...options };
  if (options.extensionPath) {
    shown.extensionPath = join(dataDir, 'development');
    await rm(shown.extensionPath, { force: true });
    await symlink(options.extensionPath, shown.extensionPath, 'junction');
  }

  const token = randomBytes(16).toString('hex');
  const env = { ...serverEnvironment(), ...options.env };
  const child = spawn(
    process.execPath,
    [
      join(recipe, 'guard.cjs'),
      join(serverRoot, 'out', 'server-main.js'),
      '--host',
      host,
      '--port',
      String(port),
      '--connection-token',
      token,
      ...serverArguments(dataDir, extensionsDir),
    ],
    { cwd: serverRoot, env, stdio: 'pipe', detached: process.platform !== 'win32' },
  );
  running.add(child);
  stopWithParent();
  let output = '';
  const collect = (/** @type {Buffer} */ chunk) => {
    output += chunk.toString('utf8');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  /** @type {Promise<number>} */
  const exited = new Promise((done) => {
    child.on('error', (error) => {
      output += `${error.message}\n`;
      done(1);
    });
    child.on('exit', (code) => done(code ?? 1));
  });
  let ended = false;
  exited.then(() => {
    ended = true;
  });

  const stop = async () => {
    if (child.pid !== undefined) {
      killTree(child.pid, 'SIGTERM');
      await Promise.race([exited, sleep(2000, undefined, { ref: false })]);
      // The leader's end does not mean that its children have gone.
      killTree(child.pid, 'SIGKILL');
      await Promise.race([exited, sleep(5000, undefined, { ref: false })]);
    }
    running.delete(child);
    if (options.dataDir === undefined) {
      await removeTemporary(dataDir);
    }
  };

  const deadline = Date.now() + 60_000;
  for (;;) {
    const actual = Number(/Extension host agent listening on (\d+)/.exec(output)?.[1] ?? 0);
    if (actual > 0) {
      const origin = `http://${host}:${actual}`;
      const answer = await fetch(`${origin}/version`).catch(() => undefined);
      if (answer?.ok) {
        return {
          url: workbenchUrl(origin, token, shown),
          origin,
          port: actual,
          dataDir,
          changeSettings,
          log: () => output,
          logs: () => readLogs(join(dataDir, 'data', 'logs')),
          exited,
          stop,
        };
      }
    }
    if (ended || Date.now() > deadline) {
      await stop();
      if (/EADDRINUSE/.test(output)) {
        throw new Failure(`Port ${port} is taken by another program.`);
      }
      throw new Failure(`VS Code's server did not start:\n${output.trim()}`);
    }
    await sleep(50);
  }
}

/**
 * VS Code reads the settings that an extension declares for the machine from the machine's own file, and ignores them
 * in the user's; all others belong into the user's file, where the extension's own changes go.
 * @param {string} dataDir
 * @param {string} extensionPath
 */
async function settingsWriter(dataDir, extensionPath) {
  /** @type {{ contributes?: { configuration?: unknown } }} */
  const manifest = JSON.parse(await readFile(join(extensionPath, 'package.json'), 'utf8'));
  const sections = /** @type {{ properties?: Record<string, { scope?: string }> }[]} */ (
    [manifest.contributes?.configuration ?? []].flat()
  );
  const properties = Object.assign({}, ...sections.map((section) => section.properties));
  const isMachine = (/** @type {string} */ name) => /^machine/.test(properties[name]?.scope ?? '');

  return async (/** @type {Record<string, unknown>} */ changes) => {
    for (const folder of ['User', 'Machine']) {
      const file = join(dataDir, 'data', folder, 'settings.json');
      const ours = Object.entries(changes).filter(([name]) => isMachine(name) === (folder === 'Machine'));
      if (ours.length > 0) {
        await mkdir(dirname(file), { recursive: true });
        const before = existsSync(file) ? JSON.parse(await readFile(file, 'utf8')) : {};
        await writeFile(file, JSON.stringify({ ...before, ...Object.fromEntries(ours) }, null, 2));
      }
    }
  };
}

/**
 * The address of the workbench: what it opens and which extension it loads is part of it.
 * @param {string} origin
 * @param {string} token
 * @param {Pick<ServerOptions, 'workspace' | 'extensionPath' | 'extensionTestsPath' | 'openFile'>} options
 */
export function workbenchUrl(origin, token, { workspace, extensionPath, extensionTestsPath, openFile }) {
  const authority = new URL(origin).host;
  const remote = (/** @type {string} */ path) =>
    `vscode-remote://${authority}${pathToFileURL(path).pathname}`;
  /** @type {[string, string][]} */
  const payload = [['skipWelcome', 'true']];
  if (extensionPath) {
    payload.push(['extensionDevelopmentPath', remote(extensionPath)], ['enableProposedApi', '']);
  }
  if (extensionTestsPath) {
    payload.push(['extensionTestsPath', remote(extensionTestsPath)]);
  }
  if (openFile) {
    payload.push(['openFile', remote(openFile)]);
  }
  const url = new URL(origin);
  url.searchParams.set('tkn', token);
  if (workspace) {
    // VS Code takes this one as a path and decodes nothing in it; the others are URIs.
    url.searchParams.set('folder', decodeURIComponent(pathToFileURL(workspace).pathname));
  }
  url.searchParams.set('payload', JSON.stringify(payload));
  return url.href;
}

/** @param {string} folder */
async function readLogs(folder) {
  let text = '';
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isFile()) {
      const file = join(entry.parentPath ?? entry.path, entry.name);
      text += `--- ${entry.name}\n${await readFile(file, 'utf8').catch((error) => messageOf(error))}\n`;
    }
  }
  return text;
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    try {
      const server = await ensureServer();
      console.log(`VS Code's server ${server.version} is ready.`);
    } catch (error) {
      if (!process.argv.includes('--soft')) {
        throw error;
      }
      console.warn(`VS Code's server is not there yet (it is fetched when needed): ${messageOf(error)}`);
    }
  });
}
