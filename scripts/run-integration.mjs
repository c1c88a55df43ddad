// Runs a test module inside the real extension host of VS Code's server.
//
//   node scripts/run-integration.mjs [--tests FILE] [--workspace FOLDER] [--extension FOLDER] [--timeout SECONDS]
//
// The module (CommonJS) exports `run(): Promise<void>`. It runs where the extension runs: in the server's Node
// extension host, with the extension under development installed and the workspace open.
import { cp } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { format, parseArgs } from 'node:util';
import { launchBrowser } from './browser.mjs';
import { Failure, isMain, makeTemporary, messageOf, removeTemporary, root, runMain } from './support.mjs';
import { startServer } from './vscode-server.mjs';

/**
 * @typedef {object} IntegrationOptions
 * @property {string} [tests] the module
 * @property {string} [workspace] the folder of which a copy is open
 * @property {string} [extension] the folder of the extension
 * @property {Record<string, unknown>} [settings]
 * @property {NodeJS.ProcessEnv} [env] added to the environment of the extension host
 * @property {number} [timeout] seconds
 */

/**
 * @param {IntegrationOptions} options
 * @returns {Promise<number>} 0 when run() resolved
 */
export async function runIntegration(options) {
  const {
    tests = 'out/test/integration/index.cjs',
    workspace = 'demo',
    extension = '.',
    settings = {},
    env = {},
    timeout = 300,
  } = options;
  const temporary = await makeTemporary('workspace');
  const copy = join(temporary, basename(resolve(root, workspace)));
  await cp(resolve(root, workspace), copy, { recursive: true });
  const server = await startServer({
    workspace: copy,
    extensionPath: resolve(root, extension),
    extensionTestsPath: resolve(root, tests),
    settings,
    env: { NODE_OPTIONS: '--enable-source-maps', ...env },
  }).catch(async (error) => {
    await removeTemporary(temporary);
    throw error;
  });
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  let browser;
  try {
    browser = await launchBrowser();
    const page = await browser.newPage();
    /** @type {Promise<number>} */
    const exit = new Promise((done, fail) => {
      timer = setTimeout(
        () => fail(new Failure(`The integration tests did not end within ${timeout} seconds.`)),
        timeout * 1000,
      );
      page.on('crash', () => fail(new Failure('The browser page crashed under the integration tests.')));
      server.exited.then(() => fail(new Failure("VS Code's server ended under the integration tests.")));
      page.exposeFunction('codeAutomationExit', (/** @type {number} */ code) => done(code)).catch(fail);
    });
    // A failure while the page still loads is dealt with below, where it is awaited.
    exit.catch(() => {});
    await page.exposeFunction(
      'codeAutomationLog',
      (/** @type {string} */ type, /** @type {unknown[]} */ args) => {
        const text = format(...args);
        if (!chatter.test(text)) {
          const stream = type === 'error' || type === 'warn' ? process.stderr : process.stdout;
          stream.write(`${text}\n`);
        }
      },
    );
    await page.goto(server.url);
    const code = await exit;
    if (code !== 0) {
      console.error(await errorsIn(server));
    }
    return code;
  } catch (error) {
    console.error(`${messageOf(error)}\n${server.log()}\n${await server.logs()}`);
    return 1;
  } finally {
    clearTimeout(timer);
    await browser?.close().catch(() => {});
    await server.stop();
    await removeTemporary(temporary);
  }
}

/** What the workbench itself says on every start. */
const chatter =
  /^(Resolv(ing|ed) connection token|Creating a socket|Ignoring fetching additional|Updating additional|ChatSessionStore|\[Service Worker\] registration)/;

/**
 * The errors in the server's logs, each once.
 * @param {import('./vscode-server.mjs').Server} server
 */
async function errorsIn(server) {
  const lines = (await server.logs()).split('\n').filter((line) => line.includes('[error]'));
  return [...new Map(lines.map((line) => [line.replace(/^.*?\[error\]/, ''), line])).values()].join('\n');
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    const { values } = parseArgs({
      options: {
        tests: { type: 'string' },
        workspace: { type: 'string' },
        extension: { type: 'string' },
        timeout: { type: 'string' },
      },
    });
    const { timeout, ...options } = values;
    return runIntegration({ ...options, ...(timeout ? { timeout: Number(timeout) } : {}) });
  });
}
