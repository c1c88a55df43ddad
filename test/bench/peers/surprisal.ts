/** Surprisal as the editor runs it: the engine's process behind its client, on the CPU. */
import { Engine } from '../../../src/engine/client';
import { ENGINE_HOST, MODEL } from '../../support/paths';
import { scoreText } from '../../support/scoring';
import { ENOUGH_CONTEXT, type Peer, type PeerSource } from './peer';

/** Scored before the clock starts: long enough for every kind of run, and like no document. */
export const WARM_UP = 'Pack my box with five dozen liquor jugs.\n'.repeat(60);

/** A process of its own for every measurement: nothing of an earlier one is in its caches. */
export const surprisal: PeerSource = {
  name: 'Surprisal',
  async open() {
    const peer: Peer = {
      name: 'Surprisal',
      about: 'the bundled model in the engine’s process, every token scored',
      async measure({ name, text }, threads) {
        const engine = new Engine({
          hostPath: ENGINE_HOST,
          settings: { folder: MODEL, device: 'cpu', threads },
        });
        try {
          await engine.ensureReady();
          await scoreText(engine, 'warm-up', WARM_UP);
          engine.forget('warm-up');
          const before = performance.now();
          const { map, statistics } = await scoreText(engine, name, text);
          const seconds = (performance.now() - before) / 1000;
          let scored = 0;
          for (let token = 0; token < map.length; token++) {
            const context = map.contextLength(token);
            if (context >= ENOUGH_CONTEXT || context === token) {
              scored++;
            }
          }
          const { tokens, nats } = map.totals();
          return {
            seconds,
            tokensRun: statistics.tokensRun,
            tokensScored: scored,
            meanNats: nats / tokens,
          };
        } finally {
          await engine.stop();
        }
      },
      close: async () => {},
    };
    return [peer];
  },
};
