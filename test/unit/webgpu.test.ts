import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Engine } from '../../src/engine/client';
import { ENGINE_HOST, FIXTURES, ROOT, TINY_MODEL } from '../support/paths';
import { scoreText } from '../support/scoring';

describe('WebGPU on software Vulkan', function () {
  this.timeout(240_000);
  let environment: NodeJS.ProcessEnv;

  before(async () => {
    const { vulkanEnvironment } = await import('../../scripts/browser.mjs');
    const found = await vulkanEnvironment();
    assert.ok(found.env, `software Vulkan is needed: ${found.reason}`);
    environment = found.env;
  });

  it("gives the CPU's numbers for a graph of the model's operators", async () => {
    const graph = join(FIXTURES, 'graphs', 'operators.onnx');
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(ROOT, 'test', 'support', 'compare-providers.mjs'), graph],
      { env: environment, maxBuffer: 1 << 26 },
    );
    const { outputs, nodes } = JSON.parse(stdout.slice(stdout.indexOf('{"outputs"')));
    assert.ok(Object.keys(outputs).length >= 4);
    for (const [name, { largest, count }] of Object.entries(outputs) as [
      string,
      { largest: number; count: number },
    ][]) {
      assert.ok(count > 0 && largest <= 1e-3, `${name}: largest difference ${largest} of ${count}`);
    }
    assert.ok(nodes.webgpu > 0, `nodes by provider: ${JSON.stringify(nodes)}`);
  });

  it('is noticed to compute attention wrongly, and is left for the CPU', async () => {
    const before = { ...process.env };
    Object.assign(process.env, environment);
    const engine = new Engine({
      hostPath: ENGINE_HOST,
      settings: { folder: TINY_MODEL, device: 'auto', threads: 2 },
    });
    try {
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
  });
});
