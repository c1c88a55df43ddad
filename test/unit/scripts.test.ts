import assert from 'node:assert/strict';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

describe('scripts', () => {
  const server = () => import('../../scripts/vscode-server.mjs');
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(await realpath(tmpdir()), 'surprisal-scripts-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('have VS Code open a folder with any name', async () => {
    const { workbenchUrl } = await server();
    const workspace = resolve(folder, 'my docs ü 50% #1');
    const openFile = join(workspace, 'a&b ü.md');
    const url = new URL(workbenchUrl('http://127.0.0.1:80', 'token', { workspace, openFile }));
    const path = url.searchParams.get('folder') ?? '';
    assert.equal(resolve(process.platform === 'win32' ? path.slice(1) : path), workspace);
    const payload = new Map<string, string>(JSON.parse(url.searchParams.get('payload') ?? ''));
    const file = new URL(payload.get('openFile') ?? '');
    assert.equal(fileURLToPath(`file://${file.pathname}`), openFile);
  });
});
