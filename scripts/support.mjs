// What the scripts share: the repository's folders, the cache, locks, child processes and messages.
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, existsSync, realpathSync, rmSync } from 'node:fs';
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where downloaded tools are kept: `.cache`, or the folder that SURPRISAL_CACHE names. */
export const cacheFolder = resolve(root, process.env.SURPRISAL_CACHE || '.cache');

// Tests and benchmarks load ONNX Runtime themselves; its telemetry is off there, as it is in the product.
process.env.ORT_DISABLE_TELEMETRY = '1';

/** A failure whose message says everything: it is shown in one line, without a stack trace. */
export class Failure extends Error {}

/**
 * Runs a script's main function; a Failure becomes one line on standard error and exit status 1.
 * @param {() => Promise<number | void>} main
 */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    console.error(error instanceof Failure ? error.message : error);
    process.exitCode = 1;
  }
}

/**
 * True when this module was started from the command line and not imported.
 * @param {string} url the module's import.meta.url
 */
export function isMain(url) {
  try {
    // Node names a module by where it really is, and the command line by what was typed, maybe through a link.
    return realpathSync(process.argv[1] ?? '') === realpathSync(fileURLToPath(url));
  } catch {
    return false;
  }
}

/**
 * @param {unknown} error
 * @returns {string}
 */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** @typedef {{ code: number, output: string }} Finished */

/**
 * Runs a command to its end. Its output goes to this process's, unless `quiet`; then it is only returned.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean, shell?: boolean }} [options]
 * @returns {Promise<Finished>}
 */
export function run(command, args, { cwd = root, env = process.env, quiet = false, shell = false } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd, env, shell, stdio: quiet ? 'pipe' : 'inherit' });
    /** @type {Buffer[]} */
    const chunks = [];
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));
    child.on('error', fail);
    child.on('close', (code, signal) => {
      const output = Buffer.concat(chunks).toString('utf8');
      done({ code: code ?? 1, output: signal ? `${output}\nended by ${signal}` : output });
    });
  });
}

/**
 * Quotes an argument of a command that goes through Windows' shell. To the program behind it, a backslash before a
 * quote takes away the quote's meaning: those at the end (`C:\\`) are doubled.
 * @param {string} argument without quotes in it
 */
export function quoteForWindows(argument) {
  return `"${argument.replace(/\\+$/, '$&$&')}"`;
}

/**
 * Runs a command that is a batch file on Windows, which only the shell can start.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean }} [options]
 */
export function runCommand(command, args, options = {}) {
  return process.platform === 'win32'
    ? run(quoteForWindows(command), args.map(quoteForWindows), { ...options, shell: true })
    : run(command, args, options);
}

/**
 * Runs npm, the one that runs this script where there is one.
 * @param {string[]} args
 * @param {{ cwd?: string, quiet?: boolean }} [options]
 */
export function npm(args, options = {}) {
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env };
  // The settings of an `npm ci` around us (say --omit or --ignore-scripts) are not meant for other folders, other than
  // those that say how to reach the registry.
  for (const name of Object.keys(env)) {
    if (
      /^npm_(config_(?!(cache|registry|(prefer_)?offline|strict_ssl|(user|global)config)$|.*(proxy|ca|cafile)$)|package_|lifecycle_)/i.test(
        name,
      )
    ) {
      delete env[name];
    }
  }
  const script = process.env.npm_execpath;
  return script && /npm-cli\.[cm]?js$/.test(script)
    ? run(process.execPath, [script, ...args], { ...options, env })
    : runCommand(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, { ...options, env });
}

/**
 * @param {string} output npm's
 * @returns {string} the line that says what went wrong
 */
export function npmReason(output) {
  const lines = output.split('\n').map((line) => line.replace(/^npm (error|ERR!) ?/, '').trim());
  const code = lines.find((line) => line.startsWith('code '));
  const text = lines.find((line) => line && !/^(code|errno|syscall|network|A complete log) ?/.test(line));
  return [text, code && `(${code.slice(5)})`].filter(Boolean).join(' ') || 'no reason given';
}

/**
 * Downloads a package's archive from the npm registry, without what it depends on.
 * @param {string} name without a scope
 * @param {string} version
 * @param {string} integrity the archive's checksum in the registry
 * @param {string} folder where to put the archive
 * @returns {Promise<string>} the archive
 */
export async function downloadPackage(name, version, integrity, folder) {
  const { code, output } = await npm(
    ['pack', `${name}@${version}`, '--pack-destination', folder, '--ignore-scripts', '--loglevel', 'error'],
    { cwd: folder, quiet: true },
  );
  const archive = join(folder, `${name}-${version}.tgz`);
  if (code !== 0 || !existsSync(archive)) {
    throw new Failure(`npm could not download ${name}@${version}: ${npmReason(output)}`);
  }
  const hash = createHash('sha512');
  await pipeline(createReadStream(archive), hash);
  if (`sha512-${hash.digest('base64')}` !== integrity) {
    throw new Failure(`The downloaded ${name}@${version} is not the expected one: its checksum differs.`);
  }
  return archive;
}

/**
 * Ends a process that was started with `detached: true`, and all of its descendants.
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 */
export function killTree(pid, signal) {
  if (process.platform === 'win32') {
    spawn('taskkill', ['/pid', String(pid), '/T', '/F'], { stdio: 'ignore' }).on('error', () => {});
    return;
  }
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has gone already.
  }
}

/**
 * @param {number} pid
 * @returns {boolean}
 */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** @type {Set<string>} */
const temporaryFolders = new Set();

/**
 * Makes a temporary folder that is removed by the end of this process at the latest, Ctrl+C included.
 * @param {string} name
 * @returns {Promise<string>}
 */
export async function makeTemporary(name) {
  removeAtExit();
  const folder = await mkdtemp(join(await realpath(tmpdir()), `surprisal-${name}-`));
  temporaryFolders.add(folder);
  return folder;
}

/** @param {string} folder */
export async function removeTemporary(folder) {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }).catch(() => {});
  temporaryFolders.delete(folder);
}

let removesAtExit = false;

function removeAtExit() {
  if (removesAtExit) {
    return;
  }
  removesAtExit = true;
  process.on('exit', () => {
    for (const folder of temporaryFolders) {
      try {
        rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
      } catch {
        // On Windows a program that is still being ended may use it.
      }
    }
  });
  // By itself a signal ends the process without that event.
  for (const [name, number] of /** @type {const} */ ([
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ])) {
    process.once(name, () => process.exit(128 + number));
  }
}

/**
 * Makes a folder once, whoever asks first, and never leaves half of it behind: `make` fills a folder beside the
 * final one, which gets its name when everything is there. A second process waits for the first.
 * @param {string} folder the final folder
 * @param {string} stamp what the folder must have been made from; another stamp makes it anew
 * @param {(staging: string) => Promise<void>} make
 * @returns {Promise<boolean>} true when it was made now
 */
export async function makeOnce(folder, stamp, make) {
  const stampFile = join(folder, '.complete');
  const isComplete = async () => existsSync(stampFile) && (await readFile(stampFile, 'utf8')) === stamp;
  if (await isComplete()) {
    return false;
  }
  await mkdir(dirname(folder), { recursive: true });
  const lock = `${folder}.lock`;
  const owner = await takeLock(lock);
  // A name of its own: whoever has taken the lock over from a process that seemed dead must not share its folder.
  const staging = `${folder}.partial-${randomUUID().slice(0, 8)}`;
  const beat = setInterval(() => utimes(lock, new Date(), new Date()).catch(() => {}), 2000);
  try {
    if (await isComplete()) {
      return false;
    }
    await removeLeftovers(folder);
    await mkdir(staging);
    await make(staging);
    await writeFile(join(staging, '.complete'), stamp);
    // Not earlier: what cannot be made, say without a network, leaves the former one where it is.
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    await renameFolder(staging, folder);
    return true;
  } finally {
    clearInterval(beat);
    await rm(staging, { recursive: true, force: true });
    await releaseLock(lock, owner);
  }
}

/**
 * Removes what runs that were cut off have left beside a folder.
 * @param {string} folder
 */
async function removeLeftovers(folder) {
  const parent = dirname(folder);
  for (const name of await readdir(parent)) {
    if (name.startsWith(`${basename(folder)}.partial`)) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
}

/**
 * On Windows a folder cannot be renamed while a virus scanner reads the files just written in it.
 * @param {string} from
 * @param {string} to
 */
async function renameFolder(from, to) {
  for (let attempt = 1; ; attempt++) {
    try {
      await rename(from, to);
      return;
    } catch (error) {
      const isBusy = /EPERM|EACCES|EBUSY/.test(codeOf(error) ?? '');
      if (process.platform !== 'win32' || !isBusy || attempt === 50) {
        throw error;
      }
    }
    await sleep(200);
  }
}

/** @param {unknown} error */
const codeOf = (error) => /** @type {NodeJS.ErrnoException} */ (error).code;

/**
 * Waits until nobody has the lock and takes it.
 * @param {string} lock
 * @returns {Promise<string>} what is written in it: who has it
 */
async function takeLock(lock) {
  const owner = `${process.pid} ${randomUUID()}`;
  for (;;) {
    try {
      await writeFile(lock, owner, { flag: 'wx' });
      return owner;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') {
        throw error;
      }
    }
    if (await isStale(lock)) {
      await removeStale(lock);
    } else {
      await sleep(300);
    }
  }
}

/**
 * Whether a lock was left behind by an owner that has died; one in another container is known by its heartbeat alone.
 * @param {string} lock
 */
async function isStale(lock) {
  try {
    // In this order: an owner that has gone must not be seen with the age of the next one's lock, which is young.
    const owner = await readFile(lock, 'utf8');
    const { mtimeMs } = await stat(lock);
    const age = Date.now() - mtimeMs;
    const pid = Number.parseInt(owner, 10);
    return age > 60_000 || (age > 8000 && pid > 0 && !isAlive(pid));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

/**
 * Removes a lock that was found to be stale. Another process may have found the same, removed it and taken its own by now:
 * so only one at a time may remove it, and looks again first. Nobody can take the lock while the stale one is there.
 * @param {string} lock
 */
export async function removeStale(lock) {
  const turn = `${lock}.removal`;
  try {
    await writeFile(turn, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') {
      throw error;
    }
    if (await isStale(turn)) {
      // Its owner was ended within these few lines.
      await rm(turn, { force: true });
    } else {
      await sleep(50);
    }
    return;
  }
  try {
    if (await isStale(lock)) {
      await rm(lock, { force: true });
    }
  } finally {
    await rm(turn, { force: true });
  }
}

/**
 * Gives a lock back, unless somebody has taken it over.
 * @param {string} lock
 * @param {string} owner
 */
async function releaseLock(lock, owner) {
  if ((await readFile(lock, 'utf8').catch(() => '')) === owner) {
    await rm(lock, { force: true });
  }
}

/**
 * The size of a folder in bytes.
 * @param {string} folder
 * @returns {Promise<number>}
 */
export async function folderSize(folder) {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) {
      bytes += (await lstat(join(entry.parentPath ?? entry.path, entry.name))).size;
    }
  }
  return bytes;
}

/**
 * @param {number} bytes
 * @returns {string}
 */
export const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;
