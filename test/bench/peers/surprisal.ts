/** Surprisal as the editor runs it: the engine's process behind its client. */
import type { EngineSettings } from '../../../src/engine/api';
import { Engine } from '../../../src/engine/client';
import type { Provider, WeightsChoice } from '../../../src/model/devices';
import { ENGINE_HOST, MODEL } from '../../support/paths';
import { scoreText } from '../../support/scoring';
import { type BenchDocument, ENOUGH_CONTEXT, type Measurement, type Peer, type PeerSource } from './peer';

/** Scored before the clock starts: long enough for every kind of run, and like no document. */
export const WARM_UP = 'Pack my box with five dozen liquor jugs.\n'.repeat(60);

/**
 * Scores a document with the bundled model, in a process of its own: nothing of an earlier one is in its caches.
 * @param device the execution provider that has to do it
 * @throws Error that says why the engine took another device, or other weights
 */
export async function measure(
  { name, text }: BenchDocument,
  device: Provider,
  settings: Pick<EngineSettings, 'threads' | 'weights'>,
): Promise<Measurement> {
  const engine = new Engine({ hostPath: ENGINE_HOST, settings: { folder: MODEL, device, ...settings } });
  try {
    const { device: taken, degraded } = await engine.ensureReady();
    if (taken.provider !== device || degraded !== undefined) {
      throw new Error(degraded ?? taken.reasons[0]);
    }
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
    return { seconds, tokensRun: statistics.tokensRun, tokensScored: scored, meanNats: nats / tokens };
  } finally {
    await engine.stop();
  }
}

/** With float32 weights, and, where the processor multiplies them fast, with those in 8 bits. */
export const surprisal: PeerSource = {
  name: 'Surprisal',
  async open(trial) {
    const peerOf = (name: string, weights: WeightsChoice): Peer => ({
      name,
      about: `the bundled model in the engine’s process, every token scored; weights: ${weights}`,
      measure: (document, threads) => measure(document, 'cpu', { threads, weights }),
      close: async () => {},
    });
    const peers = [peerOf('Surprisal', 'float32')];
    const int8 = peerOf('Surprisal, 8-bit', 'int8');
    try {
      await int8.measure(trial, 0);
      peers.push(int8);
    } catch (error) {
      console.log(`Surprisal, 8-bit is left out: ${(error as Error).message}`);
    }
    return peers;
  },
};
