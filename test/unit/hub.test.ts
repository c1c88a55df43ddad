/** Models as they are on Hugging Face's hub: decoders that are cut into backbone and head. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import * as onnxRuntime from 'onnxruntime-node';
import { type Loaded, loadOnDevice } from '../../src/engine/loading';
import type { Provider } from '../../src/model/devices';
import { ModelError, type ModelErrorCode } from '../../src/model/errors';
import { type ModelFolder, openModelFolder } from '../../src/model/folder';
import { byteProducts, withPage } from '../../src/model/hub';
import { Network } from '../../src/model/network';
import { newNode, OnnxError, type OnnxModel, readOnnx, writeOnnx } from '../../src/model/onnxFile';
import { addsBytesExactly, canMultiplyInt8, type Runtime } from '../../src/model/sessions';
import { splitDecoder } from '../../src/model/split';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { HUB_GEMMA, HUB_GPT2, HUB_MODEL, MODEL, ROOT } from '../support/paths';

const DECODER = join(HUB_MODEL, 'onnx', 'model.onnx');
const OPTIONS = { provider: 'cpu', threads: 1, weights: 'quantized' } as const;

/** What `models/make/make_hub.py` computed from the logits of the whole graph. */
interface Expected {
  readonly ids: readonly number[];
  /** By the file's name. */
  readonly nats: Readonly<Record<string, readonly number[]>>;
}

async function expectedOf(folder: string): Promise<Expected> {
  return JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8'));
}

/** Scores ids in as many runs as there are borders. */
async function score(
  network: Network,
  ids: readonly number[],
  borders: readonly number[],
): Promise<number[]> {
  const page = Uint32Array.from(ids);
  const past = network.newCache(page.length);
  const nats: number[] = [];
  let from = 0;
  for (const to of [...borders, page.length - 1]) {
    const hidden = await network.run(page.subarray(from, to), past);
    nats.push(...(await network.score(hidden, page.subarray(from + 1, to + 1))).nats);
    from = to;
  }
  return nats;
}

/** Loads a model as the engine's process does. */
function load(folder: ModelFolder, device: Provider, runtime: Runtime = onnxRuntime): Promise<Loaded> {
  const wanted = { device, excluded: {}, threads: 1, weights: 'auto' } as const;
  return loadOnDevice(runtime, folder, wanted, { log: () => {}, trying: () => {} });
}

function furthest(a: readonly number[], b: readonly number[]): number {
  assert.equal(a.length, b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - b[i])));
}

describe('a model of the hub', function () {
  this.timeout(60_000);
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(await realpath(tmpdir()), 'surprisal-hub-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function withNetwork(path: string, use: (network: Network) => Promise<void>): Promise<void> {
    const network = await Network.load(onnxRuntime, await openModelFolder(path), OPTIONS);
    try {
      await use(network);
    } finally {
      await network.release();
    }
  }

  for (const [path, name, largest] of [
    [HUB_MODEL, 'model.onnx', 2e-5],
    // ONNX Runtime is asked to round what it multiplies there, and does not.
    [HUB_MODEL, 'model_q4.onnx', 2e-5],
    // A processor without half precision computes some of it in float32.
    [HUB_MODEL, 'model_fp16.onnx', 0.05],
    [HUB_GPT2, 'model.onnx', 2e-5],
    [HUB_GEMMA, 'model.onnx', 2e-5],
    // The nodes are in no order there.
    [HUB_GPT2, 'model_fp16-products.onnx', 0.005],
  ] as const) {
    it(`has the surprisals that the logits of its whole graph give: ${path.slice(path.lastIndexOf('hub'))}, ${name}`, async () => {
      const { ids, nats } = await expectedOf(path);
      await withNetwork(join(path, 'onnx', name), async (network) => {
        const difference = furthest(await score(network, ids, []), nats[name]);
        assert.ok(difference <= largest, `${difference} nats`);
      });
    });
  }

  for (const path of [HUB_MODEL, HUB_GPT2]) {
    const name = path.slice(path.lastIndexOf('hub'));

    it(`that rounds as it runs is near its whole graph, and says so, where the processor adds bytes right: ${name}`, async () => {
      const file = join(path, 'onnx', 'model_quantized.onnx');
      const isRight = await addsBytesExactly(onnxRuntime, byteProducts());
      // The bundled model has such a graph in a file.
      assert.equal(isRight, await canMultiplyInt8(onnxRuntime, await openModelFolder(MODEL)));
      const opened = await openModelFolder(file);
      const loading = load(withPage(opened, await ByteTokenizer.load(opened)), 'cpu');
      if (!isRight) {
        await assert.rejects(loading, (error: ModelError) => /multiplies in 8 bits/.test(error.message));
        return;
      }
      const { network, device } = await loading;
      try {
        assert.ok(device.reasons.some((reason) => reason.includes('rounded by the largest of a run')));
        const { ids, nats } = await expectedOf(path);
        const own = await score(network, ids, []);
        const expected = nats['model_quantized.onnx'];
        const mean = own.reduce((sum, value, i) => sum + Math.abs(value - expected[i]), 0) / own.length;
        assert.ok(mean < 0.03, `${mean} nats on average`);
        // The head takes rows one by one, so that the panel's numbers are those of the scores.
        const hidden = await network.run(Uint32Array.from(ids.slice(0, -1)));
        const { nats: together } = await network.score(hidden, Uint32Array.from(ids.slice(1)));
        const width = network.manifest.hidden;
        for (const row of [0, 7, 150]) {
          const alone = await network.score(
            hidden.slice(row * width, (row + 1) * width),
            Uint32Array.of(ids[row + 1]),
          );
          assert.equal(alone.nats[0], together[row]);
        }
      } finally {
        await network.release();
      }
    });
  }

  it('that is exact does not say that it rounds', async () => {
    const opened = await openModelFolder(HUB_MODEL);
    const { network, device } = await load(withPage(opened, await ByteTokenizer.load(opened)), 'cpu');
    await network.release();
    assert.ok(!device.reasons.some((reason) => reason.includes('rounded')), device.reasons.join('\n'));
  });

  it('goes on from its keys and values, and needs no positions from outside', async () => {
    for (const path of [HUB_MODEL, HUB_GPT2, HUB_GEMMA]) {
      const { ids, nats } = await expectedOf(path);
      await withNetwork(path, async (network) => {
        const difference = furthest(await score(network, ids, [1, 40, 41, 150]), nats['model.onnx']);
        assert.ok(difference <= 2e-5, `${path}: ${difference} nats`);
      });
    }
  });

  it('has the same logits for the panel as for the scores', async () => {
    const { ids, nats } = await expectedOf(HUB_MODEL);
    await withNetwork(HUB_MODEL, async (network) => {
      const hidden = await network.run(Uint32Array.from(ids.slice(0, -1)));
      const { logits, logSumExp } = await network.distribution(hidden, 5);
      const size = network.manifest.vocabularySize;
      const own = ids.slice(1).map((id, row) => logSumExp[row] - logits[row * size + id]);
      assert.ok(furthest(own, nats['model.onnx']) <= 2e-5);
    });
  });

  it('takes the head’s rows a few at a time where the vocabulary is large', async () => {
    const { ids, nats } = await expectedOf(HUB_MODEL);
    const opened = await openModelFolder(HUB_MODEL);
    const small = { ...opened, manifest: { ...opened.manifest, headRows: 7 } };
    const network = await Network.load(onnxRuntime, small, OPTIONS);
    try {
      assert.ok(furthest(await score(network, ids, []), nats['model.onnx']) <= 2e-5);
    } finally {
      await network.release();
    }
  });

  it('is described by its configuration and its graph', async () => {
    const { manifest } = await openModelFolder(HUB_MODEL);
    const { id, name, parameters, separatorTokenId, hidden, layers, keyValueHeads, headDim } = manifest;
    assert.deepEqual(
      { id, name, separatorTokenId, hidden, layers, keyValueHeads, headDim },
      {
        id: 'hub',
        name: 'hub',
        separatorTokenId: 0,
        hidden: 64,
        layers: 2,
        keyValueHeads: 2,
        headDim: 16,
      },
    );
    assert.equal(manifest.vocabularySize, 1024);
    assert.equal(manifest.contextWindow, 4096);
    // 1,024 × 64 in the embedding; in each layer 4 × 64 × 64 − 2 × 64 × 32 + 3 × 64 × 176 and norms, and a last norm.
    const exact = 1024 * 64 + 2 * (4 * 64 * 64 - 2 * 64 * 32 + 3 * 64 * 176 + 2 * 64) + 64;
    assert.ok(Math.abs(parameters - exact) < 500, `${parameters} parameters instead of ${exact}`);
    const q4 = await openModelFolder(join(HUB_MODEL, 'onnx', 'model_q4.onnx'));
    assert.equal(q4.manifest.name, 'hub (model_q4.onnx)');
    assert.equal(q4.manifest.id, q4.manifest.name, 'forms are told apart in reports');
    // Blocks of 32 are filled up.
    assert.ok(Math.abs(q4.manifest.parameters - exact) < 3000, `${q4.manifest.parameters} with 4 bits`);
    assert.equal((await openModelFolder(HUB_GPT2)).manifest.contextWindow, 256);
  });

  it('cuts texts as its tokenizer does, and begins them behind what that puts before them', async () => {
    const text = (await readFile(join(ROOT, 'models', 'make', 'verification.txt'), 'utf8')).slice(0, 700);
    for (const path of [HUB_MODEL, HUB_GPT2, HUB_GEMMA]) {
      const opened = await openModelFolder(path);
      const { ids } = await expectedOf(path);
      const own = [opened.manifest.separatorTokenId, ...(await ByteTokenizer.load(opened)).encode(text).ids];
      assert.deepEqual(own.slice(0, ids.length), ids);
    }
  });

  it('needs no tokenizer_config.json, and a tokenizer that belongs to it', async () => {
    await cp(HUB_MODEL, folder, { recursive: true });
    await rm(join(folder, 'tokenizer_config.json'));
    const opened = await openModelFolder(folder);
    const text = await readFile(join(ROOT, 'README.md'), 'utf8');
    const whole = await ByteTokenizer.load(await openModelFolder(HUB_MODEL));
    assert.deepEqual((await ByteTokenizer.load(opened)).encode(text), whole.encode(text));
    await cp(join(MODEL, 'tokenizer.json'), join(folder, 'tokenizer.json'));
    const other = withPage(opened, await ByteTokenizer.load(opened));
    await assert.rejects(
      load(other, 'cpu'),
      (error: ModelError) =>
        error.code === 'model-invalid' && /has tokens that the model lacks/.test(error.message),
    );
  });

  it('may be links to files elsewhere, as Hugging Face’s tools keep them', async () => {
    const blobs = join(folder, 'models--someone--hub-tiny', 'blobs');
    const snapshot = join(folder, 'models--someone--hub-tiny', 'snapshots', 'abc');
    await mkdir(blobs, { recursive: true });
    await mkdir(join(snapshot, 'onnx'), { recursive: true });
    for (const [index, name] of [
      'config.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'onnx/model_q4.onnx',
      'onnx/model_q4.onnx.data',
    ].entries()) {
      await cp(join(HUB_MODEL, name), join(blobs, `${index}`));
      await symlink(join(blobs, `${index}`), join(snapshot, name));
    }
    const { ids, nats } = await expectedOf(HUB_MODEL);
    await withNetwork(snapshot, async (network) => {
      assert.equal(network.manifest.id, 'hub-tiny (model_q4.onnx)');
      assert.ok(furthest(await score(network, ids, []), nats['model_q4.onnx']) <= 2e-5);
    });
  });

  describe('on a device', () => {
    /** There is no GPU here: the CPU in its place, off by so much. */
    async function loadOn(path: string, factor: number): Promise<Loaded> {
      const { InferenceSession, Tensor } = onnxRuntime;
      const create = async (graph: string, options: onnxRuntime.InferenceSession.SessionOptions) => {
        const isDevice = options.executionProviders?.[0] !== 'cpu';
        const session = await InferenceSession.create(graph, { ...options, executionProviders: ['cpu'] });
        return Object.create(session, {
          inputMetadata: { get: () => session.inputMetadata },
          outputMetadata: { get: () => session.outputMetadata },
          release: { value: () => session.release() },
          run: {
            value: async (...parameters: Parameters<typeof session.run>) => {
              const results = await session.run(...parameters);
              const hidden = results.hidden_states?.data as Float32Array | undefined;
              for (let i = 0; isDevice && hidden && i < hidden.length; i++) {
                hidden[i] *= factor;
              }
              return results;
            },
          },
        });
      };
      const opened = await openModelFolder(path);
      const prepared = withPage(opened, await ByteTokenizer.load(opened));
      const loaded = await load(prepared, 'webgpu', { InferenceSession: { create }, Tensor });
      await loaded.network.release();
      return loaded;
    }

    before(function () {
      if (
        !['linux-x64', 'win32-x64', 'win32-arm64', 'darwin-arm64'].includes(
          `${process.platform}-${process.arch}`,
        )
      ) {
        // There is no such provider to stand in for.
        this.skip();
      }
    });

    it('is taken where that computes what the CPU does', async () => {
      const { device, degraded } = await loadOn(HUB_MODEL, 1);
      assert.equal(device.provider, 'webgpu');
      assert.equal(degraded, undefined);
      assert.match(device.reasons[0], /computes the verification page correctly in float32/);
    });

    it('is tried on a page that fits into a small window', async () => {
      const { device } = await loadOn(HUB_GPT2, 1);
      assert.equal(device.provider, 'webgpu');
    });

    it('is left for the CPU where it does not', async () => {
      const { device, degraded } = await loadOn(HUB_MODEL, 1.5);
      assert.equal(device.provider, 'cpu');
      assert.match(degraded ?? '', /WebGPU: computes wrong numbers/);
    });
  });

  describe('that is none', () => {
    async function fails(path: string, code: ModelErrorCode, ...parts: string[]): Promise<void> {
      await assert.rejects(openModelFolder(path), (error: unknown) => {
        assert.ok(error instanceof ModelError, String(error));
        assert.equal(error.code, code);
        for (const part of parts) {
          assert.ok(error.message.includes(part), `“${error.message}” does not say ${part}`);
        }
        assert.ok(error.advice.length > 10);
        return true;
      });
    }

    /** A copy of the model whose graph is another. */
    async function withGraph(change: (model: OnnxModel) => OnnxModel): Promise<string> {
      await cp(HUB_MODEL, folder, { recursive: true });
      const model = change(readOnnx(DECODER));
      await writeFile(
        join(folder, 'onnx', 'model.onnx'),
        writeOnnx(model, (file) => file ?? 'weights'),
      );
      await cp(DECODER, join(folder, 'onnx', 'weights'));
      return folder;
    }

    const without = (pattern: RegExp) => (model: OnnxModel) => ({
      ...model,
      inputs: model.inputs.filter(({ name }) => !pattern.test(name)),
    });

    it('says which file is missing', async () => {
      await fails(folder, 'model-missing', folder, 'surprisal.json', 'config.json');
      await cp(join(HUB_MODEL, 'config.json'), join(folder, 'config.json'));
      await fails(folder, 'model-missing', folder, 'onnx/model.onnx');
      await mkdir(join(folder, 'onnx'));
      const decoder = join(folder, 'onnx', 'model_q4.onnx');
      await cp(join(HUB_MODEL, 'onnx', 'model_q4.onnx'), decoder);
      await fails(folder, 'model-missing', 'tokenizer.json');
      await cp(join(HUB_MODEL, 'tokenizer.json'), join(folder, 'tokenizer.json'));
      await fails(folder, 'model-missing', decoder, 'model_q4.onnx.data');
      await fails(join(folder, 'onnx', 'none.onnx'), 'model-missing', 'none.onnx');
    });

    it('says so where its configuration or its tokenizer is nonsense', async () => {
      await cp(HUB_MODEL, folder, { recursive: true });
      const file = join(folder, 'config.json');
      const config = JSON.parse(await readFile(file, 'utf8'));
      const tokenizer = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8'));
      const configured = (changes: object) => writeFile(file, JSON.stringify({ ...config, ...changes }));
      await configured({ max_position_embeddings: 8 });
      await fails(folder, 'model-invalid', file, 'only 8 tokens');
      await configured({ bos_token_id: -1, eos_token_id: [1024, 'x'] });
      // The token that separated documents is known by its name.
      assert.equal((await openModelFolder(folder)).manifest.separatorTokenId, 0);
      for (const added_tokens of ['none', [null, 7, { content: '<|endoftext|>', id: 5000 }], undefined]) {
        await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ ...tokenizer, added_tokens }));
        await fails(folder, 'model-invalid', file, 'bos_token_id');
      }
      await configured({ bos_token_id: 7 });
      assert.equal((await openModelFolder(folder)).manifest.separatorTokenId, 7);
      // What the tokenizer puts before a text comes first.
      const opens = (id: number) => ({
        type: 'Sequence',
        processors: [
          { type: 'ByteLevel' },
          {
            type: 'TemplateProcessing',
            single: [{ SpecialToken: { id: '<x>' } }, { Sequence: { id: 'A' } }],
            special_tokens: { '<x>': { ids: [id] } },
          },
        ],
      });
      for (const [id, expected] of [
        [3, 3],
        [5000, 0],
      ]) {
        const changed = JSON.stringify({ ...tokenizer, post_processor: opens(id) });
        await writeFile(join(folder, 'tokenizer.json'), changed);
        assert.equal((await openModelFolder(folder)).manifest.separatorTokenId, expected);
      }
    });

    it('that needs a token that it does not have names it', async () => {
      const tokenizer = await ByteTokenizer.load(await openModelFolder(HUB_MODEL));
      const { ids } = tokenizer.encode('text');
      tokenizer.limitTo(Math.max(...ids) + 1);
      assert.deepEqual(tokenizer.encode('text').ids, ids);
      tokenizer.limitTo(Math.max(...ids));
      assert.throws(
        () => tokenizer.encode('more text'),
        (error: ModelError) => /has a token that the model lacks: "/.test(error.message),
      );
    });

    it('says so where what it keeps of a text does not serve for the rest of it', async () => {
      // Positions count from the beginning of each run.
      const path = await withGraph((model) => ({
        ...model,
        nodes: [
          newNode('ReduceMin', ['position_ids'], 'least', { keepdims: 1 }),
          newNode('Sub', ['position_ids', 'least'], 'relative'),
          ...model.nodes.map((node) => ({
            ...node,
            inputs: node.inputs.map((name) => (name === 'position_ids' ? 'relative' : name)),
          })),
        ],
      }));
      const opened = await openModelFolder(path);
      await assert.rejects(
        load(withPage(opened, await ByteTokenizer.load(opened)), 'cpu'),
        (error: ModelError) => /model\.onnx gives other numbers for a text in two parts/.test(error.message),
      );
    });

    it('says so where it gives no numbers', async () => {
      // 0 / 0 in every logit.
      const path = await withGraph((model) => ({
        ...model,
        nodes: [
          ...model.nodes.map((node) => ({
            ...node,
            outputs: node.outputs.map((name) => (name === 'logits' ? 'inner' : name)),
          })),
          newNode('Sub', ['inner', 'inner'], 'nothing'),
          newNode('Div', ['nothing', 'nothing'], 'logits'),
        ],
      }));
      const opened = await openModelFolder(path);
      await assert.rejects(
        load(withPage(opened, await ByteTokenizer.load(opened)), 'cpu'),
        (error: ModelError) => error.code === 'non-finite' && /not finite/.test(error.message),
      );
    });

    it('says what its configuration does not say', async () => {
      await cp(HUB_MODEL, folder, { recursive: true });
      const file = join(folder, 'config.json');
      const { hidden_size: _, ...config } = JSON.parse(await readFile(file, 'utf8'));
      await writeFile(file, JSON.stringify(config));
      await fails(folder, 'model-invalid', file, 'hidden_size');
      await writeFile(file, '[');
      await fails(folder, 'model-invalid', file, 'JSON');
    });

    it('says what a graph is not', async () => {
      await fails(await withGraph(without(/^past_key_values/)), 'model-invalid', 'past_key_values.0.key');
      await fails(
        await withGraph((model) => ({
          ...model,
          outputs: model.outputs.filter(({ name }) => name !== 'logits'),
        })),
        'model-invalid',
        '“logits”',
      );
      await fails(
        await withGraph((model) => ({
          ...model,
          inputs: [...model.inputs, { name: 'use_cache_branch', type: 9, dims: [1] }],
        })),
        'model-invalid',
        'use_cache_branch',
      );
      await fails(
        await withGraph((model) => ({ ...model, opsets: new Map([['', 11]]) })),
        'model-invalid',
        'version 11',
      );
      await fails(
        await withGraph((model) => ({
          ...model,
          nodes: model.nodes.map((node) => ({
            ...node,
            inputs: node.inputs.map((name) => (name === 'position_ids' ? 'token_type_ids' : name)),
          })),
          inputs: [...model.inputs, { name: 'token_type_ids', type: 7, dims: [undefined, undefined] }],
        })),
        'model-invalid',
        'token_type_ids',
      );
    });

    it('says so where no single row of hidden states makes the logits', async () => {
      await fails(
        await withGraph((model) => ({
          ...model,
          nodes: [
            ...model.nodes.map((node) => ({
              ...node,
              outputs: node.outputs.map((name) => (name === 'logits' ? 'inner' : name)),
            })),
            newNode('Identity', ['input_ids'], 'logits'),
          ],
        })),
        'model-invalid',
        'not made by a matrix',
      );
    });

    it('says that a file is cut off, or is no ONNX file', async () => {
      await cp(HUB_MODEL, folder, { recursive: true });
      const file = join(folder, 'onnx', 'model.onnx');
      const bytes = await readFile(DECODER);
      await writeFile(file, bytes.subarray(0, 100_000));
      await fails(folder, 'model-invalid', file);
      await writeFile(file, 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n');
      await fails(folder, 'model-invalid', file, 'is no ONNX file');
      await writeFile(file, '');
      await fails(folder, 'model-invalid', file, 'is no ONNX file');
    });

    it('is read to an end or refused, whatever bytes are changed in it', async () => {
      const bytes = await readFile(join(HUB_GPT2, 'onnx', 'model.onnx'));
      const file = join(folder, 'model.onnx');
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
          fc.nat(bytes.length),
          async (changes, length) => {
            const changed = Buffer.from(bytes);
            for (const [at, byte] of changes) {
              changed[at] = byte;
            }
            await writeFile(file, changed.subarray(0, length));
            try {
              splitDecoder(readOnnx(file));
            } catch (error) {
              assert.ok(error instanceof OnnxError, String(error));
            }
          },
        ),
        { numRuns: 200 },
      );
    });
  });
});

describe('an ONNX file', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'surprisal-onnx-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is the same when it was written and read again, its weights left in place', async () => {
    const model = readOnnx(DECODER);
    const file = join(folder, 'model.onnx');
    const bytes = writeOnnx(model, (name) => name ?? 'model.onnx');
    await writeFile(file, bytes);
    const again = readOnnx(file);
    const placed = (read: OnnxModel) => ({
      ...read,
      initializers: read.initializers.map(({ data, ...tensor }) => ({
        ...tensor,
        data: data instanceof Uint8Array ? data : { ...data, file: 'model.onnx' },
      })),
    });
    assert.deepEqual(placed(again), placed(model));
    const weights = 4 * (1024 * 64 + 2 * 46_208);
    assert.ok(bytes.length < (await readFile(DECODER)).length - weights / 2, `${bytes.length} bytes`);
  });
});
