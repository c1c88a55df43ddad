import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { decodersIn, folderOf, huggingFaceCache, modelsIn, modelsInCache } from '../../src/model/found';
import { HUB_MODEL, TINY_MODEL } from '../support/paths';

describe('models on this computer', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'surprisal-found-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('are listed with the form of all precision first, and with the size of all their files', async () => {
    const found = await modelsIn(HUB_MODEL);
    assert.deepEqual(
      found.map(({ name, path }) => [name, basename(path)]),
      [
        ['hub', 'model.onnx'],
        ['hub', 'model_q4.onnx'],
        ['hub', 'model_fp16.onnx'],
        ['hub', 'model_quantized.onnx'],
      ],
    );
    // model_q4.onnx has its weights in a file of 317,952 bytes beside it.
    assert.ok(found[1].bytes > 317_952 + 50_000, `${found[1].bytes} bytes`);
  });

  it('are none where there is no decoder, or no folder', async () => {
    assert.deepEqual(await modelsIn(TINY_MODEL), []);
    assert.deepEqual(await modelsIn(join(folder, 'none')), []);
    assert.deepEqual(await modelsInCache(join(folder, 'none')), []);
    await mkdir(join(folder, 'models--broken', 'snapshots'), { recursive: true });
    await writeFile(join(folder, 'models--file'), '');
    assert.deepEqual(await modelsInCache(folder), []);
  });

  it('are found in the cache of Hugging Face’s tools, in their latest state', async () => {
    const blobs = join(folder, 'models--someone--b-model', 'blobs');
    await mkdir(blobs, { recursive: true });
    await cp(join(HUB_MODEL, 'onnx', 'model.onnx'), join(blobs, '1'));
    await cp(join(HUB_MODEL, 'config.json'), join(blobs, '2'));
    for (const [age, state] of ['old', 'new'].entries()) {
      const snapshot = join(folder, 'models--someone--b-model', 'snapshots', state);
      await mkdir(join(snapshot, 'onnx'), { recursive: true });
      await symlink(join(blobs, '1'), join(snapshot, 'onnx', 'model.onnx'));
      await symlink(join(blobs, '2'), join(snapshot, 'config.json'));
      await utimes(snapshot, 1000 + age, 1000 + age);
    }
    const other = join(folder, 'models--a-model', 'snapshots', 'abc');
    await mkdir(other, { recursive: true });
    await cp(HUB_MODEL, other, { recursive: true });
    const found = await modelsInCache(folder);
    assert.deepEqual([...new Set(found.map(({ name }) => name))], ['a-model', 'b-model']);
    const ofB = found.filter(({ name }) => name === 'b-model');
    assert.deepEqual(
      ofB.map(({ path }) => path),
      [join(folder, 'models--someone--b-model', 'snapshots', 'new', 'onnx', 'model.onnx')],
    );
    assert.deepEqual([...new Set(found.map(({ source }) => source))], ['a-model', 'someone/b-model']);
    assert.ok(ofB[0].bytes > 700_000, 'the size is that of the file, not of the link');
  });

  it('are those that write texts, and those of which that is not said; and what cannot be read hides no other', async () => {
    for (const [name, config] of [
      ['bert', '{"architectures":["BertModel"]}'],
      ['writer', '{"architectures":["Qwen2ForCausalLM"]}'],
      ['silent', '{}'],
      ['torn', '{'],
    ]) {
      const snapshot = join(folder, `models--${name}`, 'snapshots', 'abc');
      await mkdir(join(snapshot, 'onnx'), { recursive: true });
      await writeFile(join(snapshot, 'config.json'), config);
      await writeFile(join(snapshot, 'onnx', 'model.onnx'), '');
    }
    await symlink(join(folder, 'nowhere'), join(folder, 'models--writer', 'snapshots', 'gone'));
    const found = await modelsInCache(folder);
    assert.deepEqual(
      found.map(({ name }) => name),
      ['silent', 'writer'],
    );
  });

  it('are in the state that is the main one, where that is known', async () => {
    for (const [index, state] of ['old', 'new'].entries()) {
      const snapshot = join(folder, 'models--m', 'snapshots', state);
      await cp(HUB_MODEL, snapshot, { recursive: true });
      await utimes(snapshot, 1000 + index, 1000 + index);
    }
    await mkdir(join(folder, 'models--m', 'refs'));
    await writeFile(join(folder, 'models--m', 'refs', 'main'), 'old');
    const found = await modelsInCache(folder);
    assert.ok(found.length > 0 && found.every(({ path }) => path.includes('old')));
  });

  it('belong to the folder that their configuration is in', async () => {
    assert.equal(folderOf(join(HUB_MODEL, 'onnx', 'model.onnx')), HUB_MODEL);
    await writeFile(join(folder, 'config.json'), '{}');
    assert.equal(folderOf(join(folder, 'model.onnx')), folder);
    await writeFile(join(folder, 'model_q4.onnx'), '');
    assert.deepEqual(await decodersIn(folder), [join(folder, 'model_q4.onnx')]);
  });

  it('are looked for where the tools’ environment says', () => {
    assert.equal(huggingFaceCache({}, '/home/a'), join('/home/a', '.cache', 'huggingface', 'hub'));
    assert.equal(huggingFaceCache({ XDG_CACHE_HOME: '/c' }, '/home/a'), join('/c', 'huggingface', 'hub'));
    assert.equal(huggingFaceCache({ HF_HOME: '/h', XDG_CACHE_HOME: '/c' }, '/home/a'), join('/h', 'hub'));
    assert.equal(huggingFaceCache({ HF_HUB_CACHE: '/k', HF_HOME: '/h' }, '/home/a'), '/k');
    assert.equal(huggingFaceCache({ HUGGINGFACE_HUB_CACHE: '/old' }, '/home/a'), '/old');
    assert.equal(huggingFaceCache({ HF_HOME: '~/h' }, '/home/a'), join('/home/a', 'h', 'hub'));
    assert.equal(huggingFaceCache({ HF_HOME: 'h' }, '/home/a'), join(process.cwd(), 'h', 'hub'));
  });
});
