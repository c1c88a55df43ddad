// Everything that must hold: type check, lint, build, unit, integration and end-to-end tests.
//
//   npm test
//   npm test -- --only unit,e2e --grep 'status bar'
//
// The last line is `N passed, N failed, N skipped`; the type check and the lint count as one test each. Nothing is
// left out silently: a suite that cannot run, or that runs no test, is a failure.
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { launchBrowser } from './browser.mjs';
import { buildTests } from './build-tests.mjs';
import { Failure, messageOf, npm, root, runMain } from './support.mjs';
import { ensureServer } from './vscode-server.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

const steps = ['types', 'lint', 'unit', 'integration', 'e2e'];
const results = join(root, 'out', 'results');
/** Seconds that a suite may take at most, and milliseconds that one of its tests may take. */
const limits = {
  unit: { suite: 900, test: 60_000 },
  integration: { suite: 600 },
  e2e: { suite: 900, test: 120_000 },
};

/**
 * Runs a Node script to its end, or until its time is over.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {number} seconds
 * @returns {Promise<boolean>} whether it went well
 */
function node(args, env, seconds) {
  return new Promise((done) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const timer = setTimeout(() => {
      console.error(`Not done after ${seconds} seconds: ended.`);
      child.kill('SIGKILL');
    }, seconds * 1000);
    child.on('error', (error) => console.error(error.message));
    child.on('close', (code) => {
      clearTimeout(timer);
      done(code === 0);
    });
  });
}

/**
 * Runs a suite and reads the counts that it wrote.
 * @param {string} name
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {number} seconds
 * @param {boolean} mayBeEmpty
 * @returns {Promise<Counts>}
 */
async function suite(name, args, env, seconds, mayBeEmpty) {
  const file = join(results, `${name}.json`);
  await rm(file, { force: true });
  const fine = await node(args, { ...env, SURPRISAL_RESULTS: file }, seconds);
  const { complete, ...counts } = await readFile(file, 'utf8').then(
    (text) => /** @type {Counts & { complete: boolean }} */ (JSON.parse(text)),
    () => ({ passed: 0, failed: 0, skipped: 0, complete: false }),
  );
  if (!complete) {
    console.error(`The ${name} tests did not come to their end.`);
    return { ...counts, failed: counts.failed + 1 };
  }
  if (counts.passed + counts.failed === 0 && !mayBeEmpty) {
    console.error(`The ${name} tests ran no test.`);
    return { ...counts, failed: 1 };
  }
  if (!fine && counts.failed === 0) {
    console.error(`The ${name} tests passed, but their process failed.`);
    return { ...counts, failed: 1 };
  }
  return counts;
}

/**
 * @param {'unit' | 'e2e'} name
 * @param {string | undefined} grep
 */
async function mocha(name, grep) {
  const folder = join('out', 'test', name);
  const files = (await readdir(join(root, folder), { recursive: true }).catch(() => []))
    .filter((file) => file.endsWith('.cjs'))
    .map((file) => join(folder, file))
    .sort();
  if (files.length === 0) {
    console.error(`There are no ${name} tests.`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const args = [
    '--enable-source-maps',
    join('node_modules', 'mocha', 'bin', 'mocha.js'),
    '--reporter',
    join('scripts', 'mocha-reporter.cjs'),
    '--timeout',
    String(limits[name].test),
    '--exit',
    ...(grep ? ['--grep', grep] : []),
    ...files,
  ];
  return suite(name, args, {}, limits[name].suite, grep !== undefined);
}

await runMain(async () => {
  const { values } = parseArgs({ options: { only: { type: 'string' }, grep: { type: 'string' } } });
  const chosen = values.only?.split(',').map((name) => name.trim()) ?? steps;
  const unknown = chosen.find((name) => !steps.includes(name));
  if (unknown !== undefined) {
    throw new Failure(`There is no step “${unknown}”: choose from ${steps.join(', ')}.`);
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  /** @type {string[]} */
  const summary = [];
  /**
   * @param {string} name
   * @param {() => Promise<Counts>} work
   */
  const step = async (name, work) => {
    console.log(`\n── ${name}`);
    const start = performance.now();
    const counts = await work().catch((error) => {
      console.error(messageOf(error));
      return { passed: 0, failed: 1, skipped: 0 };
    });
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    summary.push(
      `${name.padEnd(12)} ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${seconds} s)`,
    );
    return counts.failed === 0;
  };
  /**
   * @param {string} script
   * @param {string[]} args
   */
  const npmScript = async (script, ...args) => {
    const fine = (await npm(['run', '--silent', script, '--', ...args])).code === 0;
    return { passed: Number(fine), failed: Number(!fine), skipped: 0 };
  };

  await mkdir(results, { recursive: true });
  await rm(join(root, 'out', 'failures'), { recursive: true, force: true });
  if (chosen.includes('types')) {
    await step('types', () => npmScript('check'));
  }
  if (chosen.includes('lint')) {
    await step('lint', () => npmScript('lint', ...(process.stdout.isTTY ? [] : ['--colors=off'])));
  }
  const checks = total.passed + total.failed;
  const suites = chosen.filter((name) => name !== 'types' && name !== 'lint');
  if (suites.length > 0) {
    const built = await step('build', async () => {
      const { failed } = await npmScript('build');
      if (failed === 0) {
        await buildTests();
      }
      return { passed: 0, failed, skipped: 0 };
    });
    if (suites.includes('integration') || suites.includes('e2e')) {
      await step('tools', async () => {
        const { version } = await ensureServer();
        const browser = await launchBrowser();
        console.log(`VS Code's server (code-server ${version}) and Chromium ${browser.version()} are ready.`);
        await browser.close();
        return { passed: 0, failed: 0, skipped: 0 };
      });
    }
    for (const name of built ? suites : []) {
      await step(name, async () => {
        if (name !== 'integration') {
          return mocha(name === 'unit' ? 'unit' : 'e2e', values.grep);
        }
        const { suite: seconds } = limits.integration;
        return suite(
          name,
          [join('scripts', 'run-integration.mjs'), '--timeout', String(seconds)],
          values.grep ? { SURPRISAL_GREP: values.grep } : {},
          seconds + 60,
          values.grep !== undefined,
        );
      });
    }
    if (!built) {
      summary.push(`${suites.join(', ')}: not run, because the build failed`);
    }
  }
  // One suite may have no test of that name, but a name that none has is a mistake.
  if (suites.length > 0 && values.grep !== undefined && total.passed + total.failed === checks) {
    console.error(`No test has “${values.grep}” in its name.`);
    total.failed++;
  }
  console.log(`\n${summary.join('\n')}`);
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed === 0 ? 0 : 1;
});
