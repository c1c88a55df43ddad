import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import * as onnxRuntime from 'onnxruntime-node';
import { physicalCores, quotaOf, verify } from '../../src/model/devices';
import { type ModelFolder, openModelFolder } from '../../src/model/folder';
import { Network } from '../../src/model/network';
import { TINY_MODEL } from '../support/paths';

describe('the processor', () => {
  it('has no more cores than this process may use', () => {
    const cores = physicalCores();
    assert.ok(cores >= 1 && cores <= availableParallelism(), `${cores} cores`);
  });

  it('has as much time as Linux grants', () => {
    assert.equal(quotaOf('200000 100000\n'), 2);
    assert.equal(quotaOf('150000 100000\n'), 2);
    assert.equal(quotaOf('20000 100000\n'), 1);
    assert.equal(quotaOf('max 100000\n'), Number.POSITIVE_INFINITY);
    assert.equal(quotaOf(''), Number.POSITIVE_INFINITY);
  });
});

describe('verification of a device', function () {
  this.timeout(60_000);
  let folder: ModelFolder;
  let network: Network;

  before(async () => {
    folder = await openModelFolder(TINY_MODEL);
    network = await Network.load(onnxRuntime, folder, { provider: 'cpu', threads: 1, weights: 'quantized' });
  });

  after(() => network.release());

  /** The network on a device that does one run of the backbone in another way. */
  const onDevice = (run: Network['run']): Network => Object.create(network, { run: { value: run } });

  it('trusts the CPU', async () => {
    const { passed, mean, largest } = await verify(network, folder.manifest);
    assert.ok(passed && mean < 1e-5 && largest < 1e-4, `mean ${mean}, largest ${largest}`);
  });

  it('does not trust one that attends wrongly to what an earlier run left', async () => {
    const device = onDevice(async (ids, past) => {
      const cache = past && network.newCache(past.capacity);
      const hidden = await network.run(ids, cache);
      if (past && cache) {
        past.append(cache.views(), ids.length);
      }
      return hidden;
    });
    const { passed, mean } = await verify(device, folder.manifest);
    assert.equal(passed, false);
    assert.ok(mean > 0.05, `mean ${mean}`);
  });

  it('does not trust one that gives what is no number', async () => {
    const device = onDevice(async (ids, past) => (await network.run(ids, past)).fill(Number.NaN, 0, 1));
    const { passed, mean } = await verify(device, folder.manifest);
    assert.equal(passed, false);
    assert.ok(Number.isNaN(mean));
  });
});
