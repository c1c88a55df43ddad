import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { availableMemory, chooseWeights } from '../../src/model/devices';
import { BLOCK, expand, expandBytes } from '../../src/model/expand';
import { MANIFEST, type ModelManifest } from '../../src/model/folder';
import { MODEL } from '../support/paths';

/** float16 bits of a few numbers (IEEE 754 binary16, table of examples in Wikipedia's article on it). */
const HALF = { one: 0x3c00, third: 0x3555, minusTwo: 0xc000, largest: 0x7bff, smallest: 0x0001, zero: 0 };

const block = (scale: number, minimum: number, values: Uint8Array) =>
  expand({
    rows: 1,
    columns: BLOCK,
    values,
    scales: Uint16Array.of(scale),
    minimums: Uint16Array.of(minimum),
  });

describe('4-bit weights as float32', () => {
  it('reads two to a byte, the low half first', () => {
    const values = new Uint8Array(16);
    values.set([0x10, 0x32, 0xfe]);
    const weights = block(HALF.one, HALF.minusTwo, values);
    assert.deepEqual([...weights.subarray(0, 7)], [-2, -1, 0, 1, 12, 13, -2]);
  });

  it('knows the numbers that float16 has', () => {
    const ones = new Uint8Array(16).fill(0x11);
    assert.equal(block(HALF.third, HALF.zero, ones)[0], 0.333251953125);
    assert.equal(block(HALF.largest, HALF.zero, ones)[0], 65504);
    assert.equal(block(HALF.smallest, HALF.zero, ones)[0], 2 ** -24);
  });

  it('gives each block its own scale and minimum, row by row', () => {
    const finite = fc.integer({ min: 0, max: 0xffff }).filter((bits) => (bits & 0x7c00) !== 0x7c00);
    const blocks = fc.array(
      fc.record({ scale: finite, minimum: finite, values: fc.uint8Array({ minLength: 16, maxLength: 16 }) }),
      { minLength: 6, maxLength: 6 },
    );
    fc.assert(
      fc.property(blocks, (parts) => {
        const all = expand({
          rows: 3,
          columns: 2 * BLOCK,
          values: Uint8Array.from(parts.flatMap(({ values }) => [...values])),
          scales: Uint16Array.from(parts, ({ scale }) => scale),
          minimums: Uint16Array.from(parts, ({ minimum }) => minimum),
        });
        for (const [index, { scale, minimum, values }] of parts.entries()) {
          assert.deepEqual(all.subarray(index * BLOCK, (index + 1) * BLOCK), block(scale, minimum, values));
        }
      }),
    );
  });

  it('refuses parts that do not fit each other', () => {
    assert.throws(() => block(HALF.one, HALF.one, new Uint8Array(15)), /1 × 32/);
    const wrong = { rows: 1, columns: 33, values: new Uint8Array(16) };
    assert.throws(
      () => expand({ ...wrong, scales: new Uint16Array(1), minimums: new Uint16Array(1) }),
      RangeError,
    );
  });
});

describe('8-bit weights as float32', () => {
  it('are a block’s scale times what a byte is above 128', () => {
    const values = new Uint8Array(2 * BLOCK).fill(128);
    values.set([0, 127, 129, 255]);
    values[BLOCK] = 130;
    const weights = expandBytes({
      columns: BLOCK,
      values,
      scales: Uint16Array.of(HALF.third, HALF.minusTwo),
    });
    assert.deepEqual(
      [...weights.subarray(0, 5)],
      [-128, -1, 1, 127, 0].map((q) => 0.333251953125 * q),
    );
    assert.deepEqual([...weights.subarray(BLOCK, BLOCK + 2)], [-4, -0]);
  });

  it('are refused where the parts do not fit each other', () => {
    const values = new Uint8Array(2 * BLOCK);
    assert.throws(() => expandBytes({ columns: BLOCK, values, scales: new Uint16Array(1) }), RangeError);
    assert.throws(() => expandBytes({ columns: 33, values, scales: new Uint16Array(2) }), RangeError);
  });
});

describe('the choice of how weights are kept', () => {
  const manifest: ModelManifest = JSON.parse(readFileSync(join(MODEL, MANIFEST), 'utf8'));
  const weightsWith = (available: number) => chooseWeights('auto', manifest, available).weights;

  it('takes float32 where the memory is free, else 4-bit', () => {
    assert.equal(weightsWith(8e9), 'float32');
    assert.equal(weightsWith(2e9), 'quantized');
    assert.match(chooseWeights('auto', manifest, 8e9).reason, /float32 \(425 MB\).* 8\.0 GB/);
    assert.match(chooseWeights('auto', manifest, 1e9).reason, /4-bit.* 1\.0 GB/);
  });

  it('does as it is told', () => {
    assert.equal(chooseWeights('float32', manifest, 0).weights, 'float32');
    assert.equal(chooseWeights('quantized', manifest, 1e12).weights, 'quantized');
  });

  it('has no choice with a folder that has one form only', () => {
    assert.equal(chooseWeights('float32', {}, 1e12).weights, 'quantized');
  });

  it('knows how much memory is there', () => {
    assert.ok(availableMemory() > 1e7 && availableMemory() < 1e14);
  });
});
