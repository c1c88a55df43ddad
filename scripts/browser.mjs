// A real headless browser and a software Vulkan device, from the npm registry alone.
//
// @sparticuz/chromium carries Chromium's headless shell for Linux x64, the few libraries that a bare machine may
// lack, and SwiftShader, a Vulkan device in software. They are unpacked into the cache once; playwright-core drives
// the browser. Elsewhere, and where that one does not run, it is an installed one: on Linux the first of Chromium, Chrome
// and Edge on PATH that starts, on other platforms Chrome or Edge. SURPRISAL_BROWSER names another one.
//
//   node scripts/browser.mjs [--soft]    unpack it and show its version; --soft: a failure is only a warning
import { constants, createReadStream, createWriteStream } from 'node:fs';
import { access, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { cacheFolder, Failure, isMain, makeOnce, messageOf, run, runMain } from './support.mjs';

/** @typedef {{ folder: string, executable: string, env: NodeJS.ProcessEnv }} Chromium */

/** Where the packaged browser runs, and its software Vulkan. */
export const isLinuxX64 = process.platform === 'linux' && process.arch === 'x64';

/**
 * Makes sure that Chromium is unpacked in the cache and can run here.
 * @returns {Promise<Chromium>}
 */
export async function ensureChromium() {
  const folder = await unpackChromium();
  const executable = join(folder, 'chromium');
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, FONTCONFIG_FILE: join(folder, 'fonts.conf') };
  const first = await run(executable, ['--version'], { env, quiet: true });
  if (first.code === 0) {
    return { folder, executable, env };
  }
  // A bare machine has no NSS: take the libraries that came with Chromium.
  env.LD_LIBRARY_PATH = joinPaths(join(folder, 'libraries', 'lib'), process.env.LD_LIBRARY_PATH);
  const second = await run(executable, ['--version'], { env, quiet: true });
  if (second.code !== 0) {
    throw new Failure(`Chromium does not run on this machine: ${(second.output || first.output).trim()}`);
  }
  return { folder, executable, env };
}

/** @param {(string | undefined)[]} paths */
const joinPaths = (...paths) => paths.filter(Boolean).join(delimiter);

/** @returns {Promise<string>} the folder */
async function unpackChromium() {
  if (!isLinuxX64) {
    throw new Failure(
      `The packaged Chromium runs on Linux x64 only; this is ${process.platform} ${process.arch}.`,
    );
  }
  const require = createRequire(import.meta.url);
  /** @type {string} */
  let bin;
  try {
    bin = join(dirname(require.resolve('@sparticuz/chromium')), '..', '..', 'bin');
  } catch {
    throw new Failure('The package @sparticuz/chromium is not installed: run npm ci.');
  }
  const { extract } = await import('tar-fs');
  const manifest = JSON.parse(await readFile(join(bin, '..', 'package.json'), 'utf8'));
  const folder = join(cacheFolder, 'chromium', manifest.version);
  await makeOnce(folder, `${manifest.version} ${folder} 2`, async (staging) => {
    /**
     * @param {string} archive
     * @param {NodeJS.WritableStream} target
     */
    const unpack = (archive, target) =>
      pipeline(createReadStream(join(bin, archive)), createBrotliDecompress(), target);
    await mkdir(join(staging, 'fonts'), { recursive: true });
    await unpack('al2023.tar.br', extract(join(staging, 'libraries')));
    await unpack('swiftshader.tar.br', extract(staging));
    await unpack('fonts.tar.br', extract(staging));
    await unpack('chromium.br', createWriteStream(join(staging, 'chromium'), { mode: 0o755 }));
    const dejavu = join(dirname(require.resolve('dejavu-fonts-ttf/package.json')), 'ttf');
    for (const name of ['DejaVuSansMono', 'DejaVuSansMono-Bold', 'DejaVuSans', 'DejaVuSans-Bold']) {
      await cp(join(dejavu, `${name}.ttf`), join(staging, 'fonts', `${name}.ttf`));
    }
    await writeFile(join(staging, 'fonts.conf'), fontsConfiguration(folder));
  });
  return folder;
}

/**
 * The same fonts on every machine; those of the system come last, for scripts that these do not have.
 * @param {string} folder
 */
export function fontsConfiguration(folder) {
  const prefer = (/** @type {string} */ family, /** @type {string} */ font) =>
    `  <alias binding="same"><family>${family}</family><prefer><family>${font}</family></prefer></alias>\n`;
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${xml(join(folder, 'fonts'))}</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>${xml(join(folder, '..', 'fontconfig'))}</cachedir>
${prefer('monospace', 'DejaVu Sans Mono')}${prefer('sans-serif', 'Open Sans')}${prefer('system-ui', 'Open Sans')}</fontconfig>
`;
}

/** @param {string} text */
const xml = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** What distributions call Chromium, Chrome and Edge. */
const browserNames = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'microsoft-edge',
  'microsoft-edge-stable',
];

/**
 * The browsers of a Linux distribution.
 * @param {string} [path] where to look: folders as in PATH
 * @returns {Promise<string[]>} in the order in which they are to be tried
 */
export async function installedBrowsers(path = process.env.PATH ?? '') {
  const folders = path.split(delimiter).filter(Boolean);
  const found = [];
  for (const file of browserNames.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    const canRun = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (canRun) {
      found.push(file);
    }
  }
  return found;
}

/**
 * Starts a headless browser.
 * @returns {Promise<import('playwright-core').Browser>}
 */
export async function launchBrowser() {
  const { chromium } = await import('playwright-core');
  const args = [
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--font-render-hinting=none',
    '--hide-scrollbars',
  ];
  if (process.env.SURPRISAL_BROWSER) {
    return chromium.launch({ executablePath: process.env.SURPRISAL_BROWSER, args });
  }
  const packaged = isLinuxX64 ? await ensureChromium().catch(messageOf) : undefined;
  if (typeof packaged === 'object') {
    return chromium.launch({
      executablePath: packaged.executable,
      env: /** @type {Record<string, string>} */ (packaged.env),
      chromiumSandbox: false,
      args: [...args, '--no-zygote'],
    });
  }
  // Playwright's channels are fixed places; its `chromium` is not an installed one but its own download.
  const choices =
    process.platform === 'linux'
      ? (await installedBrowsers()).map((executablePath) => ({ executablePath }))
      : ['chrome', 'msedge'].map((channel) => ({ channel }));
  const wanted = process.platform === 'linux' ? 'Chromium, Chrome or Edge' : 'Chrome or Edge';
  const reasons = [
    packaged ?? `No browser that starts was found: install ${wanted}, or name one in SURPRISAL_BROWSER.`,
  ];
  for (const choice of choices) {
    try {
      return await chromium.launch({ ...choice, args, timeout: 60_000 });
    } catch (error) {
      // A channel that is not installed, or a distribution's stand-in that only says how to install it.
      reasons.push(`${Object.values(choice)[0]}: ${messageOf(error).split('\n')[0]}`);
    }
  }
  throw new Failure(reasons.join('\n'));
}

/**
 * The environment in which a child process finds SwiftShader as its Vulkan device, so that ONNX Runtime's WebGPU
 * provider runs on a machine without a GPU (slowly).
 * @returns {Promise<{ env: NodeJS.ProcessEnv, reason?: undefined } | { env?: undefined, reason: string }>}
 */
export async function vulkanEnvironment() {
  try {
    const folder = await unpackChromium();
    const driver = join(folder, 'vk_swiftshader_icd.json');
    const env = {
      ...process.env,
      VK_DRIVER_FILES: driver,
      VK_ICD_FILENAMES: driver,
      LD_LIBRARY_PATH: joinPaths(folder, process.env.LD_LIBRARY_PATH),
    };
    return { env };
  } catch (error) {
    return { reason: messageOf(error) };
  }
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    try {
      const browser = await launchBrowser();
      console.log(`The browser is ready: Chromium ${browser.version()}.`);
      await browser.close();
    } catch (error) {
      if (!process.argv.includes('--soft')) {
        throw error;
      }
      console.warn(`The browser is not there yet (the tests need it): ${messageOf(error)}`);
    }
  });
}
