// Measures how fast things are. Figures are medians of many repeats, side by side in one run, with what they are to
// be compared with; they are printed and written to out/bench/NAME.json.
//
//   npm run bench             every benchmark
//   npm run bench -- panel    one of them: the part of its file's name before `.bench.ts` in test/bench
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from './build-tests.mjs';
import { Failure, npm, root, run, runMain } from './support.mjs';

const suffix = '.bench.ts';
const output = join(root, 'out', 'bench', 'scripts');

/** @returns {Promise<string[]>} the names of all benchmarks */
async function benchmarks() {
  const files = await readdir(join(root, 'test', 'bench'));
  return files
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .sort();
}

await runMain(async () => {
  const all = await benchmarks();
  const asked = process.argv.slice(2);
  const unknown = asked.find((name) => !all.includes(name));
  if (unknown !== undefined) {
    throw new Failure(`There is no benchmark ${unknown}, but ${all.join(', ')}.`);
  }
  const names = asked.length > 0 ? asked : all;
  // What users get, not what developers debug.
  if ((await npm(['run', '--silent', 'build', '--', '--production'])).code !== 0) {
    throw new Failure('The build failed.');
  }
  await bundle(
    names.map((name) => `test/bench/${name}${suffix}`),
    'test/bench',
    output,
  );
  // One after the other: they would measure each other.
  for (const name of names) {
    const { code } = await run(process.execPath, [
      '--enable-source-maps',
      join(output, `${name}${suffix.replace(/ts$/, 'cjs')}`),
    ]);
    if (code !== 0) {
      throw new Failure(`The benchmark ${name} failed.`);
    }
  }
});
