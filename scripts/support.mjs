// What the scripts share: the repository's folders, the cache, locks, child processes and messages.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, realpathSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where downloaded tools are kept: `.cache`, or the folder that SURPRISAL_CACHE names. */
export const cacheFolder = resolve(root, process.env.SURPRISAL_CACHE || '.cache');

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
  // The settings of an `npm ci` around us (say --omit or --ignore-scripts) are not meant for other folders.
  for (const name of Object.keys(env)) {
    if (
      /^npm_(config_(?!cache$|registry$|.*(proxy|ca|cafile)$|userconfig$|globalconfig$)|package_|lifecycle_)/i.test(
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
    spawn('taskkill', ['/pid', String(pid), '/T', '/F'], { stdio: 'ignore' });
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
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
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
  const staging = `${folder}.partial`;
  await takeLock(lock);
  const beat = setInterval(() => utimes(lock, new Date(), new Date()).catch(() => {}), 2000);
  try {
    if (await isComplete()) {
      return false;
    }
    await rm(staging, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
    await mkdir(staging, { recursive: true });
    await make(staging);
    await writeFile(join(staging, '.complete'), stamp);
    await rename(staging, folder);
    return true;
  } finally {
    clearInterval(beat);
    await rm(staging, { recursive: true, force: true });
    await rm(lock, { force: true });
  }
}

/** @param {string} lock */
async function takeLock(lock) {
  for (;;) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') {
        throw error;
      }
    }
    try {
      const [owner, { mtimeMs }] = await Promise.all([readFile(lock, 'utf8'), stat(lock)]);
      const age = Date.now() - mtimeMs;
      // An owner that died leaves its lock behind; one in another container is known by its heartbeat alone.
      if (age > 60_000 || (age > 8000 && Number(owner) > 0 && !isAlive(Number(owner)))) {
        await rm(lock, { force: true });
        continue;
      }
    } catch {
      continue;
    }
    await sleep(300);
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
