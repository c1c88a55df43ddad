import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import * as onnxRuntime from 'onnxruntime-node';
import { type Loaded, loadOnDevice, type Wanted } from '../../src/engine/loading';
import type { Trial } from '../../src/engine/protocol';
import { hasGraphicsDevice, type Provider, providersOf, verify } from '../../src/model/devices';
import { openModelFolder } from '../../src/model/folder';
import type { Runtime } from '../../src/model/sessions';
import { MODEL, TINY_MODEL } from '../support/paths';

/** What a run on a device does beside what the CPU does. */
type Behaviour = (graph: string) => void | Promise<void>;

/**
 * ONNX Runtime on a machine with a GPU that cannot be had here: the CPU computes in its place.
 * @param before done before every run of a graph on a provider
 */
function withDevice(before: Partial<Record<Provider, Behaviour>>): { runtime: Runtime; loaded: string[] } {
  const { InferenceSession, Tensor } = onnxRuntime;
  const loaded: string[] = [];
  const create: Runtime['InferenceSession']['create'] = async (path, options) => {
    const provider = options.executionProviders?.[0] as Provider;
    const graph = options.logId ?? assert.fail('no name');
    loaded.push(`${provider} ${graph}`);
    const session = await InferenceSession.create(path, { ...options, executionProviders: ['cpu'] });
    return Object.create(session, {
      inputMetadata: { get: () => session.inputMetadata },
      release: { value: () => session.release() },
      run: {
        value: async (...parameters: Parameters<typeof session.run>) => {
          await before[provider]?.(graph);
          return session.run(...parameters);
        },
      },
    });
  };
  return { runtime: { InferenceSession: { create }, Tensor }, loaded };
}

describe('choice of a device', function () {
  this.timeout(120_000);
  const named = process.env.VK_DRIVER_FILES;
  let taken: Loaded | undefined;

  before(function () {
    if (!providersOf(process.platform, process.arch)?.includes('webgpu')) {
      this.skip();
    }
    // Who names a driver wants it to be tried: here there may be no GPU.
    process.env.VK_DRIVER_FILES = 'none.json';
  });

  after(() => {
    if (named === undefined) {
      delete process.env.VK_DRIVER_FILES;
    } else {
      process.env.VK_DRIVER_FILES = named;
    }
  });

  afterEach(async () => {
    await taken?.network.release();
    taken = undefined;
  });

  async function load(folder: string, wanted: Partial<Wanted>, behaviours: Parameters<typeof withDevice>[0]) {
    const { runtime, loaded } = withDevice(behaviours);
    const tried: (Trial | undefined)[] = [];
    // The platform's other GPU providers are not what this is about.
    const excluded = { cuda: 'left out.', dml: 'left out.', coreml: 'left out.' };
    taken = await loadOnDevice(
      runtime,
      await openModelFolder(folder),
      { device: 'auto', threads: 2, weights: 'auto', excluded, ...wanted },
      { log: () => {}, trying: (provider) => tried.push(provider) },
    );
    const { network, device, degraded } = taken;
    return { network, device, degraded, reasons: device.reasons.join('\n'), loaded, tried };
  }

  it('has a GPU compute in half precision where it does so right', async () => {
    const { network, device, degraded, reasons, loaded, tried } = await load(MODEL, { device: 'webgpu' }, {});
    assert.equal(device.provider, 'webgpu');
    assert.equal(degraded, undefined);
    assert.deepEqual(loaded, ['webgpu backbone-float16.onnx', 'webgpu head.onnx']);
    assert.deepEqual(tried, ['webgpu', undefined]);
    assert.match(
      reasons,
      /^WebGPU: computes the verification page correctly in half precision \(mean difference 0\.00\d+ nats, /,
    );
    // Half precision it is, and neither float32 nor far from it.
    const { mean, largest } = await verify(network, network.manifest);
    assert.ok(mean > 1e-4 && mean < 0.01 && largest < 0.1, `mean ${mean}, largest ${largest}`);
    // What comes through the cache is what one run gives.
    const ids = Uint32Array.from(network.manifest.verification.ids.slice(0, 61));
    const past = network.newCache(60);
    await network.run(ids.subarray(0, 40), past);
    const rest = await network.run(ids.subarray(40, 60), past);
    const { nats } = await network.score(rest, ids.subarray(41));
    const whole = await network.run(ids.subarray(0, 60));
    const { nats: expected } = await network.score(whole, ids.subarray(1));
    for (const [i, surprisal] of nats.entries()) {
      assert.ok(Math.abs(surprisal - expected[40 + i]) < 0.02, `${surprisal} and ${expected[40 + i]}`);
    }
  });

  it('has one that cannot compute in half precision compute in float32', async () => {
    const { device, reasons, loaded } = await load(
      MODEL,
      { device: 'webgpu' },
      {
        webgpu: (graph) => {
          if (graph === 'backbone-float16.onnx') {
            throw new Error(
              'running Cast node: Program Cast requires f16 but the device does not support it.',
            );
          }
        },
      },
    );
    assert.equal(device.provider, 'webgpu');
    assert.match(reasons, /^WebGPU: computes .* correctly in float32 \(.*\); has no half precision\.$/);
    assert.deepEqual(loaded.slice(2), ['webgpu backbone.onnx', 'webgpu head.onnx']);
  });

  it('does not try half precision where the weights were chosen', async () => {
    const { loaded } = await load(MODEL, { device: 'webgpu', weights: 'quantized' }, {});
    assert.deepEqual(loaded, ['webgpu backbone.onnx', 'webgpu head.onnx']);
  });

  it('takes a fast GPU without loading the model on the CPU', async () => {
    const { device, reasons, loaded } = await load(TINY_MODEL, {}, {});
    assert.equal(device.provider, 'webgpu');
    assert.match(reasons, /WebGPU: \d+ tokens a second\.$/);
    assert.deepEqual(loaded, ['webgpu backbone.onnx', 'webgpu head.onnx']);
  });

  it('takes the CPU where the GPU is slower', async () => {
    const { device, degraded, reasons } = await load(TINY_MODEL, {}, { webgpu: () => sleep(150) });
    assert.equal(device.provider, 'cpu');
    assert.equal(degraded, undefined, 'the user asked for no device in particular');
    assert.match(
      reasons,
      /WebGPU: slower here \(\d+ tokens a second, against \d+ tokens a second on the CPU\)\.$/,
    );
  });

  it('takes a slow GPU where the CPU is slower still', async () => {
    const { device, reasons } = await load(
      TINY_MODEL,
      {},
      { webgpu: () => sleep(60), cpu: () => sleep(400) },
    );
    assert.equal(device.provider, 'webgpu');
    assert.match(reasons, /\nWebGPU: \d+ tokens a second, against \d+ tokens a second on the CPU\.$/);
  });

  it('takes a slow GPU where the CPU cannot be compared with it', async () => {
    const cpu = () => {
      throw new Error('std::bad_alloc');
    };
    const { network, device, reasons } = await load(TINY_MODEL, {}, { webgpu: () => sleep(60), cpu });
    assert.equal(device.provider, 'webgpu');
    assert.match(reasons, /\nWebGPU: \d+ tokens a second; the CPU is not usable here \(std::bad_alloc\)\.$/);
    assert.ok((await verify(network, network.manifest)).passed, 'it still computes');
  });

  it('does not compare a GPU that was asked for', async () => {
    const { device, loaded } = await load(TINY_MODEL, { device: 'webgpu' }, { webgpu: () => sleep(60) });
    assert.equal(device.provider, 'webgpu');
    assert.ok(!loaded.some((graph) => graph.startsWith('cpu')));
  });

  it('takes the CPU where the GPU is lost while it is timed', async () => {
    let runs = 0;
    const { device, reasons, tried } = await load(
      TINY_MODEL,
      {},
      {
        webgpu: () => {
          runs++;
          if (runs > 5) {
            throw new Error('running MatMul node: the device is lost');
          }
        },
      },
    );
    assert.equal(device.provider, 'cpu');
    assert.match(reasons, /WebGPU: not usable here \(the device is lost\)\.\nCPU: /);
    assert.deepEqual(tried, ['webgpu', undefined]);
  });

  it('tries no GPU unasked where the system shows none, but one that is asked for', async () => {
    delete process.env.VK_DRIVER_FILES;
    try {
      const isShown = hasGraphicsDevice();
      const unasked = await load(TINY_MODEL, {}, {});
      assert.equal(unasked.device.provider, isShown ? 'webgpu' : 'cpu');
      assert.equal(/no graphics device was found/.test(unasked.reasons), !isShown);
      assert.deepEqual(unasked.tried, isShown ? ['webgpu', undefined] : []);
      await unasked.network.release();
      const asked = await load(TINY_MODEL, { device: 'webgpu' }, {});
      assert.equal(asked.device.provider, 'webgpu');
    } finally {
      process.env.VK_DRIVER_FILES = 'none.json';
    }
  });

  it('says first why it is not the device that was asked for', async () => {
    const { device, degraded } = await load(
      TINY_MODEL,
      { device: 'webgpu', excluded: { webgpu: 'crashed.' } },
      {},
    );
    assert.equal(device.provider, 'cpu');
    assert.equal(degraded, 'WebGPU: crashed.');
  });
});
