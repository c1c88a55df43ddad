import assert from 'node:assert/strict';
import * as onnxRuntime from 'onnxruntime-node';
import { ModelError } from '../../src/model/errors';
import { openModelFolder } from '../../src/model/folder';
import { Network } from '../../src/model/network';
import type { Runtime } from '../../src/model/sessions';
import { TINY_MODEL } from '../support/paths';

const OPTIONS = { provider: 'cpu', threads: 1, weights: 'quantized' } as const;

describe('network', () => {
  it('notices that the head has another vocabulary than the manifest says', async () => {
    const folder = await openModelFolder(TINY_MODEL);
    const { hidden, vocabularySize } = folder.manifest;
    const manifest = { ...folder.manifest, vocabularySize: vocabularySize + 1 };
    const network = await Network.load(onnxRuntime, { ...folder, manifest }, OPTIONS);
    try {
      await assert.rejects(network.logits(new Float32Array(2 * hidden)), (error: unknown) => {
        assert.ok(error instanceof ModelError);
        assert.equal(error.code, 'model-invalid');
        assert.match(error.message, new RegExp(`gave ${2 * vocabularySize} logits for 2 rows`));
        return true;
      });
    } finally {
      await network.release();
    }
  });

  it('says what a device says that fails, and what to do where memory has run out', async () => {
    const { InferenceSession, Tensor } = onnxRuntime;
    let message = '';
    // There is no way to lose the CPU.
    const create: Runtime['InferenceSession']['create'] = async (path, options) => {
      const session = await InferenceSession.create(path, options);
      return Object.create(session, {
        inputMetadata: { get: () => session.inputMetadata },
        release: { value: () => session.release() },
        run: { value: () => Promise.reject(new Error(message)) },
      });
    };
    const network = await Network.load(
      { InferenceSession: { create }, Tensor },
      await openModelFolder(TINY_MODEL),
      OPTIONS,
    );
    try {
      for (const [text, advice] of [
        ['the device is lost\nand more', /Restart the engine, or choose another device/],
        ['std::bad_alloc', /not enough memory.*4 bits/],
      ] as const) {
        message = text;
        await assert.rejects(network.run(Uint32Array.of(1)), (error: unknown) => {
          assert.ok(error instanceof ModelError);
          assert.equal(error.code, 'device');
          assert.ok(error.message.endsWith(`: ${text.split('\n')[0]}`), error.message);
          assert.match(error.advice, advice);
          return true;
        });
      }
    } finally {
      await network.release();
    }
  });
});
