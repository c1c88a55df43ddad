import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelError, type ModelErrorCode } from '../../src/model/errors';
import { MANIFEST, openModelFolder } from '../../src/model/folder';
import { MODEL, TINY_MODEL } from '../support/paths';

describe('model folder', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'surprisal-model-'));
    await cp(TINY_MODEL, folder, { recursive: true });
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function change(edit: (manifest: Record<string, unknown>) => void): Promise<void> {
    const file = join(folder, MANIFEST);
    const manifest = JSON.parse(await readFile(file, 'utf8'));
    edit(manifest);
    await writeFile(file, JSON.stringify(manifest));
  }

  async function fails(code: ModelErrorCode, ...parts: string[]): Promise<void> {
    await assert.rejects(openModelFolder(folder), (error: unknown) => {
      assert.ok(error instanceof ModelError, String(error));
      assert.equal(error.code, code);
      for (const part of parts) {
        assert.ok(error.message.includes(part), `"${error.message}" names ${part}`);
      }
      assert.ok(error.advice.length > 10);
      return true;
    });
  }

  it('opens a folder whose files are what the manifest says', async () => {
    const { manifest, file } = await openModelFolder(folder);
    assert.equal(manifest.schema, 2);
    assert.equal(file('config.json'), join(folder, 'config.json'));
  });

  it('says that there is no folder', async () => {
    folder = join(folder, 'nothing-here');
    await fails('model-missing', 'nothing-here');
  });

  it('says that a file is not a folder', async () => {
    const parent = folder;
    folder = join(folder, 'config.json');
    await fails('model-missing', 'config.json is not a folder');
    folder = parent;
  });

  it('says that the manifest is missing', async () => {
    await rm(join(folder, MANIFEST));
    await fails('model-missing', MANIFEST);
  });

  it('says that the manifest is not JSON', async () => {
    await writeFile(join(folder, MANIFEST), '{ "schema": ');
    await fails('model-invalid', MANIFEST, 'not JSON');
  });

  it('names a field that the manifest lacks', async () => {
    await change((manifest) => {
      delete manifest.hidden;
    });
    await fails('model-invalid', '"hidden"');
  });

  it('refuses a schema that it does not know', async () => {
    await change((manifest) => {
      manifest.schema = 1;
    });
    await fails('model-invalid', 'schema 1');
  });

  it('refuses a file outside of the folder', async () => {
    await change((manifest) => {
      (manifest.files as Record<string, unknown>)['../evil.bin'] = { bytes: 1, sha256: '0'.repeat(64) };
    });
    await fails('model-invalid', '../evil.bin');
  });

  it('refuses a verification page that is too short to prove anything', async () => {
    await change((manifest) => {
      manifest.verification = { ids: [0, 1, 2], nats: [1, 2] };
    });
    await fails('model-invalid', 'verification');
  });

  for (const [form, graph] of [
    ['quantized', 'head'],
    ['float16', 'backbone'],
  ]) {
    it(`refuses "${form}" without a ${graph} for it`, async () => {
      for (const wrong of [null, {}, { [graph]: 'onnx/no.onnx' }]) {
        await change((manifest) => {
          manifest[form] = wrong;
        });
        await fails('model-invalid', `"${form}"`);
      }
      await change((manifest) => {
        manifest[form] = { [graph]: `onnx/${graph}.onnx` };
      });
      assert.ok(form in (await openModelFolder(folder)).manifest);
    });
  }

  it('refuses weights to be computed of which it is not said how', async () => {
    const { float32, int8 } = JSON.parse(await readFile(join(MODEL, MANIFEST), 'utf8'));
    for (const matrix of [{ name: '0.attn_qkv' }, null]) {
      await change((manifest) => {
        manifest.float32 = { ...float32, backbone: 'onnx/backbone.onnx', data: [], matrices: [matrix] };
      });
      await fails('model-invalid', '"float32"');
    }
    await change((manifest) => {
      delete manifest.float32;
      manifest.int8 = { ...int8, backbone: 'onnx/backbone.onnx', data: [], products: 'onnx/head.onnx' };
    });
    await fails('model-invalid', '"int8"');
    await change((manifest) => {
      manifest.float32 = { backbone: 'onnx/backbone.onnx', data: [], matrices: [] };
      manifest.int8 = { backbone: 'onnx/backbone.onnx', data: [], products: 'onnx/no.onnx', outliers: {} };
    });
    await fails('model-invalid', '"int8"');
  });

  it('takes weights in 8 bits only if all of it is said', async () => {
    const backbone = 'onnx/backbone.onnx';
    const head = 'onnx/head.onnx';
    const matrix = { file: 'head.onnx', rows: 64, columns: 32, values: 0, scales: 2048, part: 48 };
    const float32 = {
      backbone,
      data: [],
      matrices: [
        { name: 'a', file: 'backbone.onnx', rows: 8, columns: 32, values: 0, scales: 128, minimums: 144 },
      ],
    };
    const int8 = {
      backbone,
      data: ['backbone.onnx'],
      head: { graph: head, data: [], matrix },
      products: head,
      outliers: { a: [], head: [3, 31] },
    };
    const give = (changed: object) =>
      change((manifest) => Object.assign(manifest, { float32, int8: { ...int8, ...changed } }));
    await give({});
    assert.ok((await openModelFolder(folder)).manifest.int8);
    await change((manifest) => {
      delete manifest.float32;
    });
    await fails('model-invalid', '"int8"');
    for (const wrong of [
      { backbone: 'onnx/no.onnx' },
      { data: ['no.bin'] },
      { products: 'onnx/no.onnx' },
      { head: undefined },
      { head: { graph: head, data: ['no.bin'], matrix } },
      { head: { graph: head, data: [], matrix: { ...matrix, file: 'no.bin' } } },
      { head: { graph: head, data: [], matrix: { ...matrix, part: 0 } } },
      { outliers: undefined },
      { outliers: { head: [] } },
      { outliers: { a: [] } },
      { outliers: { a: [32], head: [] } },
      { outliers: { a: [2, 1], head: [] } },
      { outliers: { a: [1, 1], head: [] } },
    ]) {
      await give(wrong);
      await fails('model-invalid', '"int8"');
    }
  });

  it('names a missing file', async () => {
    await rm(join(folder, 'onnx', 'head.onnx'));
    await fails('model-missing', join('onnx', 'head.onnx'));
  });

  it('names a file of the wrong size', async () => {
    await truncate(join(folder, 'onnx', 'head.onnx'), 100);
    await fails('checksum', join('onnx', 'head.onnx'), '100 bytes');
  });

  it('names a file with the wrong checksum', async () => {
    const file = join(folder, 'tokenizer.json');
    const bytes = await readFile(file);
    bytes[bytes.length >> 1] ^= 1;
    await writeFile(file, bytes);
    await fails('checksum', 'tokenizer.json', 'SHA-256');
  });
});
