/** The keys and values of a context, where the backbone's attention finds them again. */

/** float32 numbers, or the bits of float16 ones. */
export type KeyValues = Float32Array | Uint16Array;

/** Sizes of one layer's keys, and of its values. */
export interface KeyValueShape {
  /** What the backbone computes with. */
  readonly type: 'float32' | 'float16';
  /** Number of tensors: two for each layer. */
  readonly tensors: number;
  /** Key-value heads of a layer. */
  readonly heads: number;
  /** Numbers of one head for one position. */
  readonly width: number;
}

/** The keys and values of the first positions of a context. They lie in room that is made once. */
export class KeyValueCache {
  #length = 0;
  /** Positions from where one head begins to where the next one does. */
  #spacing = 0;
  /** Per tensor: heads × spacing × width numbers, and what room is left. */
  readonly #rooms: readonly KeyValues[];

  /** @param capacity number of positions that there is room for */
  constructor(
    readonly shape: KeyValueShape,
    readonly capacity: number,
  ) {
    const size = shape.heads * capacity * shape.width;
    // The system gives memory only for what is written.
    const Numbers = shape.type === 'float16' ? Uint16Array : Float32Array;
    this.#rooms = Array.from({ length: shape.tensors }, () => new Numbers(size));
  }

  /** Number of positions whose keys and values are here. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that are taken when the room is full. */
  get bytes(): number {
    return this.#rooms.reduce((sum, room) => sum + room.byteLength, 0);
  }

  /** Each tensor's keys or values, [heads × length × width], of the shape's type: views that hold until the next change. */
  views(): KeyValues[] {
    const { heads, width } = this.shape;
    this.#space(this.#length);
    return this.#rooms.map((room) => room.subarray(0, heads * this.#length * width));
  }

  /**
   * Drops all positions but the first ones.
   * @throws RangeError when there are not as many
   */
  truncate(length: number): void {
    if (length > this.#length) {
      throw new RangeError(`${length} of ${this.#length} positions`);
    }
    this.#length = length;
  }

  /**
   * Holds the first positions of another cache in place of its own.
   * @throws RangeError when the other one has not as many, or there is no room for them
   */
  takeFrom(other: KeyValueCache, length: number): void {
    if (length > other.#length) {
      throw new RangeError(`${length} of ${other.#length} positions`);
    }
    this.#length = 0;
    this.#write(other.#rooms, other.#spacing, length);
  }

  /**
   * Takes in the keys and values of the positions that come next.
   * @param added of each tensor, [heads × count × width], of the shape's type
   * @throws RangeError when there is no room for them
   */
  append(added: readonly KeyValues[], count: number): void {
    this.#write(added, count, count);
  }

  /** Writes the first `count` positions of each head of `source`, whose heads have `spacing` positions, after its own. */
  #write(source: readonly KeyValues[], spacing: number, count: number): void {
    const { heads, width } = this.shape;
    const length = this.#length + count;
    if (length > this.capacity) {
      throw new RangeError(`${length} positions in a cache of ${this.capacity}`);
    }
    this.#space(length);
    for (const [index, room] of this.#rooms.entries()) {
      for (let head = 0; head < heads; head++) {
        const start = head * spacing * width;
        const values = source[index].subarray(start, start + count * width);
        room.set(values, (head * length + this.#length) * width);
      }
    }
    this.#length = length;
  }

  /** Moves the heads apart, or together, to where each has so many positions. */
  #space(spacing: number): void {
    if (spacing === this.#spacing) {
      return;
    }
    const { heads, width } = this.shape;
    const kept = this.#length * width;
    for (const room of this.#rooms) {
      for (let moved = 1; moved < heads; moved++) {
        // Apart from the last one on, together from the first one on: none is written over before it has moved.
        const head = spacing > this.#spacing ? heads - moved : moved;
        const start = head * this.#spacing * width;
        room.copyWithin(head * spacing * width, start, start + kept);
      }
    }
    this.#spacing = spacing;
  }
}
