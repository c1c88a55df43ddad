// Makes the walkthrough's pictures anew, of which README shows two, from the real VS Code: after a change of what they show.
//
//   npm run pictures
import { join } from 'node:path';
import { bundle } from './build-tests.mjs';
import { Failure, npm, root, run, runMain } from './support.mjs';

await runMain(async () => {
  if ((await npm(['run', '--silent', 'build'])).code !== 0) {
    throw new Failure('The build failed.');
  }
  const output = join(root, 'out', 'pictures');
  await bundle(['test/pictures.ts'], 'test', output);
  return (await run(process.execPath, ['--enable-source-maps', join(output, 'pictures.cjs')])).code;
});
