import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import * as onnxRuntime from 'onnxruntime-node';
import { Engine } from '../../src/engine/client';
import { loadOnDevice } from '../../src/engine/loading';
import type { WeightsChoice } from '../../src/model/devices';
import { openModelFolder } from '../../src/model/folder';
import { toInt8 } from '../../src/model/int8';
import { addsBytesExactly, canMultiplyInt8, type Runtime } from '../../src/model/sessions';
import { ENGINE_HOST, FIXTURES, MODEL, TINY_MODEL } from '../support/paths';
import { largestDifference, scoreText } from '../support/scoring';

describe('weights in 8 bits', () => {
  it('are rounded to steps of an output’s largest weight, input by input', () => {
    const { values, scales, outliers } = toInt8(Float32Array.of(1, -0.5, 2.54, 0, 0, 0), 3, []);
    assert.deepEqual([...scales], [Math.fround(Math.fround(2.54) / 127), 1]);
    assert.deepEqual([...values], [50, 0, -25, 0, 127, 0]);
    assert.equal(outliers.length, 0);
  });

  it('are within half a step, but those set aside, which are as they were', () => {
    const matrix = fc.integer({ min: 1, max: 150 }).chain((rows) =>
      fc.integer({ min: 1, max: 40 }).chain((columns) =>
        fc.record({
          rows: fc.constant(rows),
          columns: fc.constant(columns),
          weights: fc.array(fc.float({ noNaN: true, min: -4, max: 4 }), {
            minLength: rows * columns,
            maxLength: rows * columns,
          }),
          outliers: fc.subarray([...Array(columns).keys()]),
        }),
      ),
    );
    fc.assert(
      fc.property(matrix, ({ rows, columns, weights, outliers }) => {
        const given = Float32Array.from(weights);
        const int8 = toInt8(given, columns, outliers);
        for (let row = 0; row < rows; row++) {
          for (let column = 0; column < columns; column++) {
            const weight = given[row * columns + column];
            const value = int8.values[column * rows + row];
            const aside = outliers.indexOf(column);
            if (aside >= 0) {
              assert.equal(value, 0);
              assert.equal(int8.outliers[aside * rows + row], weight);
            } else {
              const step = int8.scales[row];
              assert.ok(Math.abs(value) <= 127);
              assert.ok(
                Math.abs(value * step - weight) <= step * (0.5 + 1e-4),
                `${weight} as ${value} × ${step}`,
              );
            }
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('are refused where they do not fit', () => {
    assert.throws(() => toInt8(new Float32Array(5), 3, []), RangeError);
    assert.throws(() => toInt8(new Float32Array(6), 3, [3]), RangeError);
  });
});

/** Whether the processor has VNNI, where the system says so. */
async function hasVnni(): Promise<boolean | undefined> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const flags = process.arch === 'x64' ? /^flags\s*:(.*)$/m.exec(text)?.[1] : undefined;
  return flags === undefined ? undefined : /\b(avx512_vnni|avx_vnni)\b/.test(flags);
}

/** ONNX Runtime on a processor without an instruction for 8-bit products, which cannot be had here: pairs are added in 16 bits. */
function overflowing(): Runtime {
  const { InferenceSession, Tensor } = onnxRuntime;
  const saturated = (sum: number) => Math.max(-32768, Math.min(32767, sum));
  const run = async ({ x, w }: Record<string, onnxRuntime.Tensor>) => {
    const [rows, inner] = x.dims;
    const columns = w.dims[1];
    const sums = new Int32Array(rows * columns);
    for (let at = 0; at < sums.length; at++) {
      const product = (k: number) =>
        Number(x.data[Math.floor(at / columns) * inner + k]) * Number(w.data[k * columns + (at % columns)]);
      for (let k = 0; k < inner; k += 2) {
        sums[at] += saturated(product(k) + product(k + 1));
      }
    }
    return { products: new Tensor('int32', sums, [rows, columns]) };
  };
  const create: Runtime['InferenceSession']['create'] = async (path, options) => {
    const session = await InferenceSession.create(path, options);
    return session.outputNames[0] === 'products'
      ? Object.create(session, { release: { value: () => session.release() }, run: { value: run } })
      : session;
  };
  return { InferenceSession: { create }, Tensor };
}

describe('8-bit products of the processor', () => {
  let products: string;

  before(async () => {
    const { manifest, file } = await openModelFolder(MODEL);
    assert.ok(manifest.int8);
    products = file(manifest.int8.products);
  });

  it('are found whole where there is an instruction for them', async () => {
    const exact = await addsBytesExactly(onnxRuntime, products);
    const vnni = await hasVnni();
    assert.ok(vnni === undefined || exact === vnni, `exact: ${exact}, VNNI: ${vnni}`);
  });

  it('are found to overflow where pairs of them are added in 16 bits', async () => {
    assert.equal(await addsBytesExactly(overflowing(), products), false);
  });
});

describe('choice of 8-bit weights', function () {
  this.timeout(120_000);

  async function load(runtime: Runtime, weights: WeightsChoice) {
    const wanted = { device: 'cpu', threads: 2, weights, excluded: {} } as const;
    const listener = { log: () => {}, trying: () => {} };
    const { network, device, degraded } = await loadOnDevice(
      runtime,
      await openModelFolder(MODEL),
      wanted,
      listener,
    );
    await network.release();
    return { int8: device.int8, reasons: device.reasons.join('\n'), degraded };
  }

  it('falls back to exact weights when they cannot be loaded, and says so', async () => {
    const { InferenceSession, Tensor } = onnxRuntime;
    const create: Runtime['InferenceSession']['create'] = (path, options) =>
      options.logId?.includes('int8')
        ? Promise.reject(new Error('std::bad_alloc'))
        : InferenceSession.create(path, options);
    const { int8, degraded, reasons } = await load({ InferenceSession: { create }, Tensor }, 'int8');
    assert.equal(int8, undefined);
    assert.match(
      degraded ?? '',
      /^8-bit weights: (not usable here \(std::bad_alloc\)|this processor has no)/,
    );
    assert.match(reasons, /^Weights: (float32|4-bit)/m);
  });

  it('is offered where the processor has an instruction for them, and left to the user', async () => {
    const has = await canMultiplyInt8(onnxRuntime, await openModelFolder(MODEL));
    for (const [runtime, can] of [
      [onnxRuntime, has],
      [overflowing(), false],
    ] as const) {
      const { int8, reasons } = await load(runtime, 'auto');
      assert.equal(int8, can ? 'possible' : undefined);
      assert.match(reasons, /^Weights: (float32|4-bit)/m);
      assert.equal(/^8-bit weights may be faster .* not exact/m.test(reasons), can);
      const set = await load(runtime, 'int8');
      assert.equal(set.int8, can ? 'taken' : undefined);
      assert.equal(set.degraded === undefined, can, set.degraded);
    }
    const exact = await load(onnxRuntime, 'quantized');
    assert.equal(exact.int8, undefined);
    assert.doesNotMatch(exact.reasons, /8-bit/);
  });
});

describe('engine with 8-bit weights', function () {
  this.timeout(180_000);
  const engines: Engine[] = [];

  const engineWith = (folder: string, weights: 'int8' | 'quantized') => {
    const engine = new Engine({
      hostPath: ENGINE_HOST,
      settings: { folder, device: 'cpu', threads: 2, weights },
    });
    engines.push(engine);
    return engine;
  };

  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.stop()));
  });

  it('stays within 0.005 bits per byte of the exact weights, or says why it does not take them', async () => {
    const engine = engineWith(MODEL, 'int8');
    const { device, degraded } = await engine.ensureReady();
    if (degraded !== undefined) {
      assert.notEqual(await hasVnni(), true, degraded);
      assert.match(degraded, /^8-bit weights: .*VNNI/);
      return;
    }
    assert.ok(
      device.reasons.some((reason) => /^Weights: 8-bit, as set \(mean difference 0\.0\d+ nats/.test(reason)),
    );
    const exact = engineWith(MODEL, 'quantized');
    for (const name of ['long.py.txt', 'lighthouse.txt']) {
      const text = (await readFile(join(FIXTURES, 'documents', name), 'utf8')).slice(0, 6000);
      const ours = (await scoreText(engine, name, text)).map;
      const theirs = (await scoreText(exact, name, text)).map;
      const bits = (ours.totals().nats - theirs.totals().nats) / Math.LN2;
      assert.ok(Math.abs(bits / Buffer.byteLength(text)) < 0.005, `${name}: ${bits} bits`);
      const differences = ours.nats.map((nats, token) => Math.abs(nats - theirs.nats[token]));
      const mean = differences.reduce((sum, difference) => sum + difference, 0) / ours.length;
      assert.ok(mean > 1e-4 && mean < 0.06, `${name}: mean difference ${mean} nats`);
    }
  });

  it('gives what scoring from scratch gives after an edit', async () => {
    const engine = engineWith(MODEL, 'int8');
    const text = (await readFile(join(FIXTURES, 'documents', 'inventory.py'), 'utf8')).slice(0, 3000);
    const withLine = (line: string) => `${text.slice(0, 1500)}${line}${text.slice(1500)}`;
    await scoreText(engine, 'edited', text, [1400, 1800]);
    await scoreText(engine, 'edited', withLine('total = '), [1400, 1800]);
    const after = await scoreText(engine, 'edited', withLine('total = 0\n'), [1400, 1800]);
    const fresh = await scoreText(engine, 'fresh', withLine('total = 0\n'));
    assert.ok(after.statistics.tokensRun < fresh.map.length, `${after.statistics.tokensRun} tokens run`);
    assert.ok(largestDifference(after.map.nats, fresh.map.nats) < 1e-3);
  });

  it('says that a model has none, and takes those that there are', async () => {
    const engine = engineWith(TINY_MODEL, 'int8');
    const { degraded } = await engine.ensureReady();
    assert.match(degraded ?? '', /^8-bit weights: .* has none\.$/);
    const { map } = await scoreText(engine, 'a', 'def f(x):\n    return x\n');
    assert.ok(map.complete);
  });
});
