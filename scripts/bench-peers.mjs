// What the benchmarks compare Surprisal with, from the npm registry alone: transformers.js, and llama.cpp, whose
// source lies in node-llama-cpp's package as a git bundle and is built here. Both stay in the cache; neither is a
// dependency of the project.
//
//   node scripts/bench-peers.mjs    get both; what cannot be had here is said in one line
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import {
  cacheFolder,
  downloadPackage,
  Failure,
  isMain,
  makeOnce,
  messageOf,
  npm,
  npmReason,
  root,
  run,
  runMain,
} from './support.mjs';

/** The newest node-llama-cpp, and its archive's checksum in the npm registry. */
const llamaPackage = {
  version: '3.22.1',
  integrity:
    'sha512-bltIipuWmc123H7tMIgDGKSsSrhmhlQYeVUC48XTjVW7XGJJiJJyCdlTMzQ/LiWoPkGDpcL4FviDpgw7qfTiDw==',
};

/** Goes up with every change to how llama.cpp is built, so that an older build is made anew. */
const recipeVersion = 2;

/** llama.cpp's programs that are used: the first measures, the second makes its 8-bit weights. */
const programs = ['llama-perplexity', 'llama-quantize'];

/** Native code for this processor, nothing that is not needed, and nothing fetched. */
const settings = [
  'CMAKE_BUILD_TYPE=Release',
  'BUILD_SHARED_LIBS=OFF',
  'GGML_NATIVE=ON',
  'GGML_METAL=OFF',
  'LLAMA_CURL=OFF',
  'LLAMA_OPENSSL=OFF',
  'LLAMA_BUILD_COMMON=ON',
  'LLAMA_BUILD_TOOLS=ON',
  'LLAMA_BUILD_TESTS=OFF',
  'LLAMA_BUILD_EXAMPLES=OFF',
  'LLAMA_BUILD_SERVER=OFF',
  'LLAMA_BUILD_APP=OFF',
  'LLAMA_USE_PREBUILT_UI=OFF',
];

/**
 * Makes sure that the npm packages of the peers are in the cache.
 * @returns {Promise<string>} the folder with their node_modules
 */
export async function ensurePackages() {
  const recipe = join(root, 'scripts', 'bench-peers');
  const folder = join(cacheFolder, 'bench-peers');
  const lock = await readFile(join(recipe, 'package-lock.json'));
  const stamp = `${process.platform} ${process.arch} ${createHash('sha256').update(lock).digest('hex')}`;
  await makeOnce(folder, stamp, async (staging) => {
    console.log('Getting transformers.js from the npm registry …');
    await cp(recipe, staging, { recursive: true });
    const { code, output } = await npm(
      ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'],
      { cwd: staging, quiet: true },
    );
    if (code !== 0) {
      throw new Failure(`npm could not install transformers.js: ${npmReason(output)}`);
    }
  });
  return folder;
}

/**
 * To GCC 12 the instruction that loads the configuration of Intel's matrix tiles reads its first bytes only: what is
 * stored behind them is left out, and whatever uses the tiles crashes, which is llama.cpp with 4-bit and 8-bit weights.
 * An empty statement that may read all of it keeps the stores.
 * @param {string} source llama.cpp's folder
 */
async function keepTileConfiguration(source) {
  const file = join(source, 'ggml', 'src', 'ggml-cpu', 'amx', 'mmq.cpp');
  const code = await readFile(file, 'utf8');
  const load = '_tile_loadconfig(&tc);';
  await writeFile(file, code.replaceAll(load, `__asm__ volatile("" : : "r"(&tc) : "memory"); ${load}`));
}

/**
 * @typedef {object} LlamaCpp
 * @property {string} version llama.cpp's release, as in `v0.5.0`
 * @property {string} perplexity the program llama-perplexity
 * @property {string} quantize the program llama-quantize
 */

/**
 * Makes sure that llama.cpp's programs are in the cache, built for this processor: ten minutes on two cores, once.
 * @returns {Promise<LlamaCpp>}
 */
export async function ensureLlamaCpp() {
  const folder = join(cacheFolder, 'llama.cpp');
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const processor = cpus()[0]?.model ?? '';
  const stamp = [recipeVersion, llamaPackage.version, process.platform, process.arch, processor].join(' ');
  await makeOnce(folder, stamp, async (staging) => {
    for (const tool of ['git', 'cmake']) {
      await need(tool);
    }
    console.log(
      `Getting llama.cpp's source (node-llama-cpp ${llamaPackage.version}) from the npm registry …`,
    );
    const source = await unpackSource(staging);
    await keepTileConfiguration(source);
    console.log('Building it: some ten minutes on two cores, this once …');
    const build = join(staging, 'build');
    await step(staging, 'cmake', ['-S', source, '-B', build, ...settings.map((setting) => `-D${setting}`)]);
    await step(staging, 'cmake', [
      ...['--build', build, '--config', 'Release', '--parallel', String(Math.max(1, cpus().length))],
      ...programs.flatMap((program) => ['--target', program]),
    ]);
    for (const program of programs) {
      const file = program + suffix;
      await copyFile(join(build, 'bin', file), join(staging, file)).catch(() =>
        // Visual Studio's generator has a folder for every configuration.
        copyFile(join(build, 'bin', 'Release', file), join(staging, file)),
      );
    }
    await rm(build, { recursive: true, force: true });
    await rm(source, { recursive: true, force: true });
  });
  const [perplexity, quantize] = programs.map((program) => join(folder, program + suffix));
  const { release } = JSON.parse(await readFile(join(folder, 'release.json'), 'utf8'));
  return { version: release, perplexity, quantize };
}

/** @param {string} tool */
async function need(tool) {
  const found = await run(tool, ['--version'], { quiet: true }).catch(() => ({ code: 1 }));
  if (found.code !== 0) {
    throw new Failure(`llama.cpp cannot be built here: there is no ${tool}.`);
  }
}

/**
 * @param {string} folder
 * @returns {Promise<string>} the folder of the source; release.json beside it names the release
 */
async function unpackSource(folder) {
  const archive = await downloadPackage(
    'node-llama-cpp',
    llamaPackage.version,
    llamaPackage.integrity,
    folder,
  );
  const { extract } = await import('tar-fs');
  const names = ['gitRelease.bundle', 'binariesGithubRelease.json'];
  const unpacked = join(folder, 'package');
  await mkdir(unpacked);
  await pipeline(
    createReadStream(archive),
    createGunzip(),
    extract(unpacked, {
      map: (header) => ({ ...header, name: header.name.replace('package/llama/', '') }),
      ignore: (_path, header) => !names.includes(header?.name ?? ''),
    }),
  );
  const source = join(folder, 'source');
  await step(folder, 'git', ['clone', '--quiet', join(unpacked, names[0]), source]);
  await copyFile(join(unpacked, names[1]), join(folder, 'release.json'));
  await rm(unpacked, { recursive: true });
  await rm(archive);
  return source;
}

/**
 * @param {string} cwd
 * @param {string} command
 * @param {string[]} args
 */
async function step(cwd, command, args) {
  const { code, output } = await run(command, args, { cwd, quiet: true });
  if (code !== 0) {
    const lines = output.split('\n').filter((line) => line.trim());
    const first = lines.findIndex((line) => /error/i.test(line));
    // CMake names a place in a line of its own, and the reason in the next one.
    const reason =
      lines.at(/^CMake Error at/.test(lines[first] ?? '') ? first + 1 : first) ?? `exit status ${code}`;
    throw new Failure(`llama.cpp cannot be built here: ${command}: ${reason.trim()}`);
  }
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    for (const ensure of [ensurePackages, ensureLlamaCpp]) {
      try {
        await ensure();
      } catch (error) {
        console.warn(messageOf(error));
      }
    }
    console.log('What the benchmarks are compared with is in the cache, as far as it can be had here.');
  });
}
