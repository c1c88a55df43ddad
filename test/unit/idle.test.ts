import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { IdleStop } from '../../src/editor/idle';
import { Engine } from '../../src/engine/client';
import { ENGINE_HOST, TINY_MODEL } from '../support/paths';
import { scoreText } from '../support/scoring';

describe('an engine that nobody wants', function () {
  this.timeout(60_000);

  it('is stopped after a while, not before, and starts again for the next text', async () => {
    const engine = new Engine({
      hostPath: ENGINE_HOST,
      settings: { folder: TINY_MODEL, device: 'cpu', threads: 1 },
    });
    let isWanted = true;
    const idle = new IdleStop(engine, () => isWanted, 200);
    try {
      await engine.ensureReady();
      await pause(500);
      assert.equal(engine.state.kind, 'ready', 'stopped while it was wanted');
      isWanted = false;
      const stopped = new Promise<void>((resolve) => {
        engine.onDidChangeState(({ kind }) => kind === 'off' && resolve());
      });
      await stopped;
      assert.ok((await scoreText(engine, 'a', 'x = 1')).map.complete);
    } finally {
      idle.dispose();
      await engine.stop();
    }
  });
});
