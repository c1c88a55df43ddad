// Writes THIRD-PARTY-NOTICES.md: every package whose code is in a bundle or is loaded at run time, with its licence.
//
//   node scripts/notices.mjs
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as esbuild from 'esbuild';
import { root, runMain } from './support.mjs';

/** Not in a bundle, but loaded by one at run time. */
const loaded = ['onnxruntime-node', 'onnxruntime-common'];

/** @returns {Promise<string[]>} names of the packages that the bundles take code from */
async function bundledPackages() {
  const { metafile } = await esbuild.build({
    absWorkingDir: root,
    entryPoints: [
      'src/extension.ts',
      'src/engine/host.ts',
      'src/model/checksWorker.ts',
      'src/cli/main.ts',
      'webview/main.ts',
    ],
    bundle: true,
    platform: 'node',
    mainFields: ['browser', 'module', 'main'],
    external: ['vscode', 'onnxruntime-node'],
    outdir: 'out/notices',
    write: false,
    metafile: true,
  });
  const names = new Set(loaded);
  for (const input of Object.keys(metafile.inputs)) {
    const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
    if (name) {
      names.add(name);
    }
  }
  return [...names].sort();
}

/** ONNX Runtime's packages have no licence in them; this is its text. */
const runtimeLicence = join(root, 'licences', 'onnxruntime', 'LICENSE');

/** @param {string} name */
async function notice(name) {
  const folder = join(root, 'node_modules', name);
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const own = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  const file = own ? join(folder, own) : loaded.includes(name) ? runtimeLicence : undefined;
  const text = file
    ? (await readFile(file, 'utf8')).replaceAll('\r\n', '\n').trim()
    : `Licence: ${manifest.license}.`;
  return `## ${name} ${manifest.version}\n\nLicence: ${manifest.license}\n\n\`\`\`text\n${text}\n\`\`\`\n`;
}

await runMain(async () => {
  const notices = await Promise.all((await bundledPackages()).map(notice));
  const head = `# Third-party notices

Surprisal contains or loads the following works. The bundled model, SmolLM2-135M-Instruct by Hugging Face, is under
the Apache License 2.0: see [its card](models/smollm2-135m-instruct/README.md) and
[its licence](models/smollm2-135m-instruct/LICENSE). The first paragraphs of Charles Darwin's *On the Origin of
Species* in the demo folder are in the public domain.

What is linked into ONNX Runtime's library has its notices in
[licences/onnxruntime/ThirdPartyNotices.txt](licences/onnxruntime/ThirdPartyNotices.txt). On Windows its npm package brings two more of
Microsoft's libraries along, unchanged: DirectML (\`DirectML.dll\`, under the terms of the NuGet package Microsoft.AI.DirectML) and the
DirectX Shader Compiler (\`dxcompiler.dll\`, \`dxil.dll\`, under the University of Illinois/NCSA licence of LLVM and Microsoft's terms:
https://github.com/microsoft/DirectXShaderCompiler/blob/main/LICENSE.TXT).

This file is written by \`node scripts/notices.mjs\`.
`;
  await writeFile(join(root, 'THIRD-PARTY-NOTICES.md'), `${head}\n${notices.join('\n')}`);
});
