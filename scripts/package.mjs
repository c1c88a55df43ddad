// Makes the package that VS Code installs (a .vsix file) of each platform: the production build, the bundled model, and
// ONNX Runtime with that platform's library alone.
//
//   npm run package                              for this machine
//   npm run package -- --target win32-x64        for another platform; more than once for several
//   npm run package -- --target all              for all of them
//     --out FOLDER                               where the packages go; without it, out/packages
//
// What is not named here is not in the package: no source, no test, no tool.
import { constants } from 'node:fs';
import { copyFile, cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  Failure,
  isMain,
  makeTemporary,
  messageOf,
  removeTemporary,
  root,
  run,
  runMain,
} from './support.mjs';

const require = createRequire(import.meta.url);

/** ONNX Runtime's libraries by VS Code's name of the platform. It has none for macOS on Intel, nor for musl. */
const libraries = {
  'darwin-arm64': ['libonnxruntime.1.dylib'],
  'linux-arm64': ['libonnxruntime.so.1'],
  'linux-x64': ['libonnxruntime.so.1'],
  'win32-arm64': ['DirectML.dll', 'dxcompiler.dll', 'dxil.dll', 'onnxruntime.dll'],
  'win32-x64': ['DirectML.dll', 'dxcompiler.dll', 'dxil.dll', 'onnxruntime.dll'],
};
/** @typedef {keyof typeof libraries} Target */

/** Every platform that a package can be made for. */
const targets = /** @type {Target[]} */ (Object.keys(libraries));

/** What is taken as it is, besides the model's folder. */
const files = [
  'CHANGELOG.md',
  'LICENSE',
  'THIRD-PARTY-NOTICES.md',
  'licences',
  'demo/statistics.py',
  'media',
];

/** README's pictures: they are in its text. */
const inReadme = join(root, 'media', 'screenshots');

/** What only people who build the extension need of package.json. */
const forBuilding = ['private', 'bin', 'scripts', 'dependencies', 'devDependencies', 'allowScripts'];

const imageTypes = { '.png': 'image/png', '.jpg': 'image/jpeg', '.gif': 'image/gif' };

/**
 * Makes a Markdown text independent of the files around it: pictures become part of it, and links to files their text.
 * @param {string} markdown
 * @param {string} folder that the text's relative addresses begin in
 * @returns {Promise<string>}
 * @throws Failure if a picture is not there or of no known type
 */
export async function selfContained(markdown, folder) {
  const link = /(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)]+)\)/g;
  /** @type {Map<string, string>} */
  const pictures = new Map();
  for (const [, isPicture, , address] of markdown.matchAll(link)) {
    if (isPicture) {
      const type = imageTypes[/** @type {keyof typeof imageTypes} */ (extname(address))];
      if (!type) {
        throw new Failure(`${address} is no picture that a package can show.`);
      }
      const bytes = await readFile(join(folder, address)).catch((error) => {
        throw new Failure(`The picture ${address} cannot be read: ${messageOf(error)}`);
      });
      pictures.set(address, `data:${type};base64,${bytes.toString('base64')}`);
    }
  }
  return markdown.replace(link, (_, isPicture, text, address) =>
    isPicture ? `![${text}](${pictures.get(address)})` : text,
  );
}

/**
 * Puts everything that a package has into a folder.
 * @param {Target} target
 * @param {string} folder
 */
async function stage(target, folder) {
  const copy = async (/** @type {string} */ from, to = from) => {
    const place = join(folder, to);
    await mkdir(dirname(place), { recursive: true });
    await copyFile(join(root, from), place, constants.COPYFILE_FICLONE).catch((error) => {
      throw new Failure(`${from} cannot be copied: ${messageOf(error)}`);
    });
  };

  const { code } = await run(process.execPath, [
    join(root, 'esbuild.mjs'),
    '--production',
    '--outdir',
    join(folder, 'dist'),
  ]);
  if (code !== 0) {
    throw new Failure('The build failed.');
  }

  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  for (const name of forBuilding) {
    delete manifest[name];
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest, null, 2));
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  // With a repository's address vsce makes the links lead there.
  await writeFile(
    join(folder, 'README.md'),
    manifest.repository ? readme : await selfContained(readme, root),
  );
  for (const name of files) {
    if ((await stat(join(root, name))).isDirectory()) {
      await cp(join(root, name), join(folder, name), {
        recursive: true,
        filter: (from) => from !== inReadme,
      });
    } else {
      await copy(name);
    }
  }

  const model = 'models/smollm2-135m-instruct';
  const { files: records } = JSON.parse(await readFile(join(root, model, 'surprisal.json'), 'utf8'));
  for (const name of ['surprisal.json', 'README.md', 'LICENSE', ...Object.keys(records)]) {
    await copy(`${model}/${name}`);
  }

  // Beside the bundles, where they look first: vsce takes packages from the root's node_modules whole or not at all.
  const runtime = 'node_modules/onnxruntime-node';
  const binaries = `bin/napi-v6/${target.replace('-', '/')}`;
  const parts = ['binding.js', 'backend.js', 'index.js', 'version.js'].map((name) => `dist/${name}`);
  const native = [...libraries[target], 'onnxruntime_binding.node'].map((name) => `${binaries}/${name}`);
  for (const name of ['package.json', ...parts, ...native]) {
    await copy(`${runtime}/${name}`, `dist/${runtime}/${name}`);
  }
  const common = 'node_modules/onnxruntime-common';
  await copy(`${common}/package.json`, `dist/${common}/package.json`);
  await cp(join(root, common, 'dist', 'cjs'), join(folder, 'dist', common, 'dist', 'cjs'), {
    recursive: true,
    filter: (from) => !/\.(map|d\.ts)$/.test(from),
  });
}

/**
 * Makes the package of a platform.
 * @param {string} platform
 * @param {string} out the folder that it goes to
 * @returns {Promise<string>} the package's path
 * @throws Failure that says what is missing, or what vsce found wrong
 */
export async function makePackage(platform, out) {
  const target = targets.find((candidate) => candidate === platform);
  if (!target) {
    throw new Failure(`There is no package for ${platform}: choose from ${targets.join(', ')}, or “all”.`);
  }
  const { name, version, repository } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const file = join(out, `${name}-${target}-${version}.vsix`);
  await mkdir(out, { recursive: true });
  const folder = await makeTemporary('package');
  try {
    await stage(target, folder);
    const { code, output } = await run(
      process.execPath,
      [
        require.resolve('@vscode/vsce/vsce'),
        'package',
        '--target',
        target,
        '--out',
        file,
        '--no-dependencies',
        ...(repository ? [] : ['--allow-missing-repository', '--no-rewrite-relative-links']),
      ],
      { cwd: folder, quiet: true },
    );
    if (code !== 0) {
      await rm(file, { force: true });
      throw new Failure(`vsce could not make the package:\n${output.trim()}`);
    }
  } finally {
    await removeTemporary(folder);
  }
  return file;
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    const { values } = parseArgs({
      options: { target: { type: 'string', multiple: true }, out: { type: 'string' } },
    });
    const asked = values.target ?? [`${process.platform}-${process.arch}`];
    const wanted = new Set(asked.flatMap((name) => (name === 'all' ? targets : [name])));
    // npm runs scripts in the repository's root; INIT_CWD is where the user typed the command.
    const out = values.out
      ? resolve(process.env.INIT_CWD ?? process.cwd(), values.out)
      : join(root, 'out', 'packages');
    for (const target of wanted) {
      const file = await makePackage(target, out);
      const { size } = await stat(file);
      console.log(`${basename(file)}  ${(size / 1e6).toFixed(0)} MB  ${file}`);
    }
  });
}
