import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Engine, type EngineOptions } from '../../src/engine/client';
import { openModelFolder } from '../../src/model/folder';
import { ENGINE_HOST, FIXTURES, ROOT, TINY_MODEL } from '../support/paths';
import { scoreText } from '../support/scoring';

describe('WebGPU on software Vulkan', function () {
  this.timeout(240_000);
  let environment: NodeJS.ProcessEnv;

  before(async function () {
    const { isLinuxX64, vulkanEnvironment } = await import('../../scripts/browser.mjs');
    if (!isLinuxX64) {
      // Software Vulkan comes with the tests' browser.
      this.skip();
    }
    const found = await vulkanEnvironment();
    assert.ok(found.env, `software Vulkan is needed: ${found.reason}`);
    environment = found.env;
  });

  /** Does something with an engine that may take any device, and software Vulkan among them. */
  async function withEngine(
    options: Pick<EngineOptions, 'trialLimit'>,
    use: (engine: Engine) => Promise<void>,
  ): Promise<void> {
    const before = { ...process.env };
    Object.assign(process.env, environment);
    const settings = { folder: TINY_MODEL, device: 'auto', threads: 2 } as const;
    const engine = new Engine({ hostPath: ENGINE_HOST, settings, ...options });
    try {
      await use(engine);
    } finally {
      for (const key of Object.keys(environment)) {
        if (before[key] === undefined) {
          delete process.env[key];
        } else {
          process.env[key] = before[key];
        }
      }
      await engine.stop();
    }
  }

  /** What compare-providers.mjs prints for a graph and its inputs. */
  async function compare(...files: readonly string[]): Promise<{
    outputs: Record<string, { largest: number; count: number }>;
    nodes: { webgpu: number; cpu: number };
  }> {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(ROOT, 'test', 'support', 'compare-providers.mjs'), ...files],
      { env: environment, maxBuffer: 1 << 26 },
    );
    return JSON.parse(stdout.slice(stdout.indexOf('{"outputs"')));
  }

  it("gives the CPU's numbers for a graph of the model's operators", async () => {
    const { outputs, nodes } = await compare(join(FIXTURES, 'graphs', 'operators.onnx'));
    assert.ok(Object.keys(outputs).length >= 4);
    for (const [name, { largest, count }] of Object.entries(outputs)) {
      assert.ok(count > 0 && largest <= 1e-3, `${name}: largest difference ${largest} of ${count}`);
    }
    assert.ok(nodes.webgpu > 0, `nodes by provider: ${JSON.stringify(nodes)}`);
  });

  it("gives the CPU's numbers for either branch of a head", async () => {
    const { manifest, file } = await openModelFolder(TINY_MODEL);
    const { hidden, vocabularySize } = manifest;
    const rows = 5;
    const folder = await mkdtemp(join(tmpdir(), 'surprisal-head-'));
    try {
      for (const wantsLogits of [false, true]) {
        const targets = wantsLogits ? [] : Array.from({ length: rows }, (_, i) => 200 * i);
        const inputs = {
          hidden_states: {
            type: 'float32',
            dims: [rows, hidden],
            data: Array.from({ length: rows * hidden }, (_, i) => 3 * Math.sin(i * i)),
          },
          targets: { type: 'int64', dims: [targets.length], data: targets },
          wants_logits: { type: 'bool', dims: [], data: [Number(wantsLogits)] },
        };
        const path = join(folder, 'inputs.json');
        await writeFile(path, JSON.stringify({ inputs }));
        const { outputs, nodes } = await compare(file(manifest.graphs.head), path);
        for (const [name, { largest, count }] of Object.entries(outputs)) {
          const expected = name === 'logits' ? rows * vocabularySize : rows;
          assert.equal(count, (name === 'logits') === wantsLogits ? expected : 0, name);
          assert.ok(largest <= 1e-3, `${name}: largest difference ${largest} of ${count}`);
        }
        assert.equal(Object.keys(outputs).length, 5);
        assert.ok(nodes.webgpu > 0, `nodes by provider: ${JSON.stringify(nodes)}`);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is noticed to compute attention wrongly, and is left for the CPU', async () => {
    await withEngine({}, async (engine) => {
      const { device, degraded } = await engine.ensureReady();
      assert.equal(device.provider, 'cpu');
      assert.equal(degraded, undefined, 'the user asked for no device in particular');
      assert.match(device.reasons.join('\n'), /WebGPU: computes wrong numbers/);
      engine.configure({ folder: TINY_MODEL, device: 'webgpu', threads: 2 });
      const { map } = await scoreText(engine, 'a', 'x = 1\n');
      assert.ok(map.complete);
      const { state } = engine;
      assert.ok(state.kind === 'ready');
      assert.equal(state.device.provider, 'cpu');
      assert.match(state.degraded ?? '', /WebGPU: computes wrong numbers/);
    });
  });

  it('is left for the CPU when it takes too long', async () => {
    await withEngine({ trialLimit: 20 }, async (engine) => {
      const { device, degraded } = await engine.ensureReady();
      assert.equal(device.provider, 'cpu');
      assert.equal(degraded, undefined);
      assert.match(
        device.reasons.join('\n'),
        /WebGPU: did not compute the verification page within 0\.02 s\.\nCPU: /,
      );
      const { map } = await scoreText(engine, 'a', 'x = 1\n');
      assert.ok(map.complete);
    });
  });
});
