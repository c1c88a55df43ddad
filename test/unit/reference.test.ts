import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Engine } from '../../src/engine/client';
import type { LossMap } from '../../src/loss/lossMap';
import { ENGINE_HOST, FIXTURES, HUB_MODEL, MODEL, TINY_MODEL } from '../support/paths';
import { scoreText } from '../support/scoring';

/** What PyTorch computed for a document, recorded by models/make/reference.py. */
interface Reference {
  readonly document: string;
  readonly ids: readonly number[];
  readonly nats: readonly number[];
  readonly entropy: readonly number[];
  readonly varentropy: readonly number[];
  readonly rank: readonly number[];
  /** The contexts in which the tokens were scored, when the document has several pages. */
  readonly pages?: readonly { readonly contextStart: number; readonly start: number; readonly end: number }[];
}

/**
 * Largest difference allowed, in nats. The bundled model's 4-bit weights are kept value for value, as float32 too, so its own
 * bound is that of float32 sums in another order, over 30 layers.
 */
const MODELS = [
  { name: 'smollm2', folder: MODEL, weights: 'quantized', largest: 2e-3, mean: 1e-4 },
  { name: 'smollm2', folder: MODEL, weights: 'float32', largest: 2e-3, mean: 1e-4 },
  { name: 'tiny', folder: TINY_MODEL, weights: 'auto', largest: 1e-4, mean: 1e-5 },
  // The same weights, cut out of a graph that optimum has written.
  { name: 'tiny', folder: HUB_MODEL, weights: 'auto', largest: 1e-4, mean: 1e-5 },
] as const;

function differences(a: ArrayLike<number>, b: readonly number[]): { mean: number; largest: number } {
  assert.equal(a.length, b.length);
  const all = b.map((value, i) => Math.abs(value - a[i]));
  return { mean: all.reduce((sum, value) => sum + value, 0) / all.length, largest: Math.max(...all) };
}

function agree(map: LossMap, reference: Reference, bounds: { largest: number; mean: number }): void {
  assert.deepEqual([...map.layout.ids], reference.ids, 'the same tokens');
  for (const part of ['nats', 'entropy', 'varentropy'] as const) {
    // The varentropy is a square: its error is that of the surprisals times their size.
    const scale = part === 'varentropy' ? 10 : 1;
    const { mean, largest } = differences(map[part], reference[part]);
    assert.ok(largest <= bounds.largest * scale, `${part}: largest difference ${largest}`);
    assert.ok(mean <= bounds.mean * scale, `${part}: mean difference ${mean}`);
  }
  // Logits that are equal but for rounding may change places.
  const moved = reference.rank.filter((rank, i) => Math.abs(rank - map.rank[i]) > 1 + rank / 500).length;
  assert.ok(moved === 0, `${moved} ranks differ`);
}

for (const model of MODELS) {
  describe(`${model.name} (${basename(model.folder)}, weights: ${model.weights}) agrees with PyTorch`, function () {
    this.timeout(300_000);
    const folder = join(FIXTURES, 'reference', model.name);
    const engine = new Engine({
      hostPath: ENGINE_HOST,
      settings: { folder: model.folder, device: 'cpu', threads: 0, weights: model.weights },
    });

    after(() => engine.stop());

    for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
      it(file.replace(/\.json$/, ''), async () => {
        const reference: Reference = JSON.parse(readFileSync(join(folder, file), 'utf8'));
        const bytes = readFileSync(join(FIXTURES, 'documents', reference.document));
        const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
        const { map } = await scoreText(engine, file, text);
        if (reference.pages) {
          assert.deepEqual(
            [...map.layout.pageStarts],
            reference.pages.map((page) => page.start),
          );
          assert.deepEqual(
            [...map.layout.pageContexts],
            reference.pages.map((page) => page.contextStart),
          );
          assert.ok(reference.pages.length > 1);
        }
        agree(map, reference, model);
        // The test would notice scores that belong to the neighbouring token.
        if (map.length > 1) {
          const shifted = differences(map.nats.subarray(1), reference.nats.slice(0, -1));
          assert.ok(shifted.mean > 100 * model.largest, 'a shift by one token is seen');
        }
      });
    }
  });
}
