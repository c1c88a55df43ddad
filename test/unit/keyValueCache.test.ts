import assert from 'node:assert/strict';
import fc from 'fast-check';
import { KeyValueCache, type KeyValueShape, type KeyValues } from '../../src/model/keyValueCache';

const SHAPE = { type: 'float32', tensors: 2, heads: 3, width: 2 } as const;
const CAPACITY = 12;

/** A number that says which tensor, head, position and component it is of. */
const mark = (tensor: number, head: number, position: number, component: number) =>
  tensor + 10 * head + 100 * component + 1000 * position;

/** What a run of the backbone gives for positions that are marked so: [heads × count × width] per tensor. */
function run(positions: readonly number[], type: KeyValueShape['type'] = 'float32'): KeyValues[] {
  const { tensors, heads, width } = SHAPE;
  return Array.from({ length: tensors }, (_, tensor) => {
    const values: number[] = [];
    for (let head = 0; head < heads; head++) {
      for (const position of positions) {
        for (let component = 0; component < width; component++) {
          values.push(mark(tensor, head, position, component));
        }
      }
    }
    return type === 'float32' ? Float32Array.from(values) : Uint16Array.from(values);
  });
}

describe('key-value cache', () => {
  it('has the positions that were appended and not dropped, head by head, whatever was done', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('truncate' as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ kind: fc.constant('take' as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ kind: fc.constant('read' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        let cache = new KeyValueCache(SHAPE, CAPACITY);
        let held: number[] = [];
        let next = 1;
        for (const action of steps) {
          if (action.kind === 'append') {
            const positions = Array.from({ length: action.count }, () => next++);
            if (held.length + action.count > CAPACITY) {
              assert.throws(() => cache.append(run(positions), action.count), RangeError);
            } else {
              cache.append(run(positions), action.count);
              held.push(...positions);
            }
          } else if (action.kind === 'truncate') {
            held = held.slice(0, Math.floor(action.part * held.length));
            cache.truncate(held.length);
          } else if (action.kind === 'take') {
            // Into room that had others.
            const other = new KeyValueCache(SHAPE, CAPACITY);
            other.append(run([-1, -2, -3]), 3);
            held = held.slice(0, Math.floor(action.part * held.length));
            other.takeFrom(cache, held.length);
            cache = other;
          } else {
            assert.deepEqual(cache.views(), run(held));
          }
          assert.equal(cache.length, held.length);
        }
        assert.deepEqual(cache.views(), run(held));
      }),
    );
  });

  it('keeps the bits of float16 numbers', () => {
    const shape = { ...SHAPE, type: 'float16' } as const;
    const cache = new KeyValueCache(shape, CAPACITY);
    cache.append(run([1, 2, 3], 'float16'), 3);
    cache.truncate(2);
    cache.append(run([4], 'float16'), 1);
    assert.deepEqual(cache.views(), run([1, 2, 4], 'float16'));
    const other = new KeyValueCache(shape, CAPACITY);
    other.takeFrom(cache, 1);
    assert.deepEqual(other.views(), run([1], 'float16'));
  });

  it('says how much it takes', () => {
    assert.equal(new KeyValueCache(SHAPE, CAPACITY).bytes, 4 * 2 * 3 * 2 * CAPACITY);
    const half = new KeyValueCache({ ...SHAPE, type: 'float16' }, CAPACITY);
    assert.equal(half.bytes, 2 * 2 * 3 * 2 * CAPACITY);
  });

  it('drops and takes no more positions than there are', () => {
    const cache = new KeyValueCache(SHAPE, CAPACITY);
    cache.append(run([1, 2]), 2);
    assert.throws(() => cache.truncate(3), /3 of 2 positions/);
    assert.throws(() => new KeyValueCache(SHAPE, CAPACITY).takeFrom(cache, 3), /3 of 2 positions/);
    assert.throws(() => new KeyValueCache(SHAPE, 1).takeFrom(cache, 2), /2 positions in a cache of 1/);
  });
});
