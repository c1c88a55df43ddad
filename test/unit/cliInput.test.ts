import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { InputError, nameOf, readInput } from '../../src/cli/input';

describe('command line input', function () {
  this.timeout(60_000);
  const nothing = Readable.from([]);
  let folder = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'surprisal-input-'));
  });

  after(() => rm(folder, { recursive: true, force: true }));

  async function fileOf(bytes: string | Uint8Array): Promise<string> {
    const file = join(folder, 'input.txt');
    await writeFile(file, bytes);
    return file;
  }

  async function refuses(file: string, reason: RegExp): Promise<void> {
    await assert.rejects(readInput(file, nothing), (error: unknown) => {
      assert.ok(error instanceof InputError);
      assert.match(error.message, reason);
      return true;
    });
  }

  it('leaves out one byte-order mark at the beginning, as VS Code does', async () => {
    assert.equal(await readInput(await fileOf('\uFEFFa\uFEFF\n'), nothing), 'a\uFEFF\n');
    assert.equal(await readInput(await fileOf('\uFEFF\uFEFF'), nothing), '\uFEFF');
    assert.equal(await readInput('-', Readable.from([Buffer.from('\uFEFFGrüße')])), 'Grüße');
  });

  it('says what is wrong with bytes that are no text', async () => {
    await refuses(await fileOf(Uint8Array.of(0x61, 0xff)), /input\.txt: is not UTF-8 text$/);
  });

  it('tells a text that is too large from one that is not UTF-8', async () => {
    // Zeros that take no room on the disk.
    const file = await fileOf('');
    await truncate(file, 2 ** 29);
    await refuses(file, /input\.txt: too large to be one text \(536870912 bytes\)$/);
    await truncate(file, 2 ** 31);
    await refuses(file, /input\.txt: too large to be one text$/);
  });

  it('names inputs so that they stay on one line and no terminal obeys them', () => {
    assert.equal(nameOf('-'), 'standard input');
    assert.equal(nameOf('./-'), './-');
    assert.equal(nameOf('notes of·today.txt'), 'notes of·today.txt');
    assert.equal(nameOf('\x1b[2Ja\n.txt'), '␛[2Ja⏎.txt');
  });
});
