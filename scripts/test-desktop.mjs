// Runs the integration tests in a desktop VS Code that @vscode/test-electron downloads:
//
//   npm run test:desktop [-- --version 1.95.0]
//
// Where that download cannot be reached, npm test runs the same suite in the real VS Code from the npm registry.
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildTests } from './build-tests.mjs';
import {
  cacheFolder,
  Failure,
  makeTemporary,
  messageOf,
  npm,
  removeTemporary,
  root,
  runMain,
} from './support.mjs';
import { quietSettings } from './vscode-server.mjs';

await runMain(async () => {
  const { values } = parseArgs({ options: { version: { type: 'string', default: 'stable' } } });
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) {
    throw new Failure('Desktop VS Code needs a display: try xvfb-run -a npm run test:desktop.');
  }
  const { downloadAndUnzipVSCode, runTests, SilentReporter } = await import('@vscode/test-electron');
  const { version } = values;
  const vscodeExecutablePath = await downloadAndUnzipVSCode({
    version,
    cachePath: join(cacheFolder, 'vscode-desktop'),
    reporter: new SilentReporter(),
  }).catch((error) => {
    throw new Failure(`Desktop VS Code (${version}) cannot be downloaded here: ${messageOf(error)}`);
  });
  if ((await npm(['run', '--silent', 'build'])).code !== 0) {
    throw new Failure('The build failed.');
  }
  await buildTests();
  const profile = await makeTemporary('desktop');
  try {
    // The tests edit files: they get a copy.
    const workspace = join(profile, 'demo');
    await cp(join(root, 'demo'), workspace, { recursive: true });
    await mkdir(join(profile, 'User'), { recursive: true });
    await writeFile(join(profile, 'User', 'settings.json'), JSON.stringify(quietSettings, null, 2));
    return await runTests({
      vscodeExecutablePath,
      extensionDevelopmentPath: root,
      extensionTestsPath: join(root, 'out', 'test', 'integration', 'index.cjs'),
      launchArgs: [workspace, '--disable-extensions', `--user-data-dir=${profile}`],
    });
  } catch (error) {
    throw new Failure(`The integration tests failed in desktop VS Code: ${messageOf(error)}`);
  } finally {
    await removeTemporary(profile);
  }
});
