// Bundles the tests with esbuild: every test file, and the module that runs in the extension host, becomes one
// CommonJS file under out/test. Source maps are inside, so that stack traces name the TypeScript.
//
//   node scripts/build-tests.mjs
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { isMain, root, runMain } from './support.mjs';

/**
 * The scripts know their own place in the repository, so they are loaded from there and not bundled.
 * @type {import('esbuild').Plugin}
 */
const scriptsStayOutside = {
  name: 'scripts-stay-outside',
  setup({ onResolve }) {
    onResolve({ filter: /scripts\/[\w-]+\.mjs$/ }, ({ path, resolveDir }) => ({
      path: pathToFileURL(resolve(resolveDir, path)).href,
      external: true,
    }));
  },
};

/**
 * @param {string} folder
 * @returns {Promise<string[]>} the test files in it
 */
async function testFiles(folder) {
  const files = await readdir(join(root, folder), { recursive: true }).catch(() => []);
  return files
    .filter((file) => file.endsWith('.test.ts'))
    .sort()
    .map((file) => join(folder, file));
}

/**
 * Bundles modules that run in Node, one CommonJS file each.
 * @param {readonly string[]} entryPoints files, named from the repository's root
 * @param {string} outbase the folder whose structure is kept in the output
 * @param {string} outdir
 */
export async function bundle(entryPoints, outbase, outdir) {
  await build({
    absWorkingDir: root,
    entryPoints: [...entryPoints],
    outbase,
    outdir,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'warning',
    external: ['vscode', 'onnxruntime-node', 'playwright-core', '@sparticuz/chromium', 'mocha', 'esbuild'],
    plugins: [scriptsStayOutside],
  });
}

export async function buildTests() {
  const output = join(root, 'out', 'test');
  await rm(output, { recursive: true, force: true });
  const entryPoints = [...(await testFiles('test/unit')), ...(await testFiles('test/e2e'))];
  if (existsSync(join(root, 'test/integration/index.ts'))) {
    entryPoints.push('test/integration/index.ts');
  }
  await bundle(entryPoints, 'test', output);
}

if (isMain(import.meta.url)) {
  await runMain(buildTests);
}
