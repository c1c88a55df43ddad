/** The most probable entries of a distribution, from its logits. */
import type { Numbers } from './formulas';

/**
 * The ids of the k largest logits, descending; of equal logits the lower id comes first.
 * A heap of the k best so far, whose root is the worst of them: V log k comparisons at most.
 * @param logits [V]
 * @param k number of ids wanted; more than V gives all V
 * @returns [min(k, V)] indices of `logits`
 * @throws RangeError when k is not a positive whole number or a logit is NaN
 */
export function topK(logits: Numbers, k: number): Uint32Array {
  if (!Number.isInteger(k) || k < 1) {
    throw new RangeError(`the top ${k} entries`);
  }
  const heap = new Uint32Array(Math.min(k, logits.length));
  const isAfter = (a: number, b: number) => logits[a] < logits[b] || (logits[a] === logits[b] && a > b);

  /** Puts an id where `hole` is or below, so that no parent comes before its child. */
  const sink = (hole: number, id: number, size: number): void => {
    let at = hole;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < size && isAfter(heap[child + 1], heap[child])) {
        child++;
      }
      if (child >= size || !isAfter(heap[child], id)) {
        heap[at] = id;
        return;
      }
      heap[at] = heap[child];
      at = child;
    }
  };

  for (let id = 0; id < logits.length; id++) {
    if (Number.isNaN(logits[id])) {
      throw new RangeError(`logit at position ${id} is NaN`);
    }
    if (id < heap.length) {
      heap[id] = id;
      if (id === heap.length - 1) {
        for (let at = (heap.length >> 1) - 1; at >= 0; at--) {
          sink(at, heap[at], heap.length);
        }
      }
    } else if (logits[id] > logits[heap[0]]) {
      sink(0, id, heap.length);
    }
  }
  // The worst goes to the end, and the rest is a heap again.
  for (let size = heap.length - 1; size > 0; size--) {
    const last = heap[size];
    heap[size] = heap[0];
    sink(0, last, size);
  }
  return heap;
}
