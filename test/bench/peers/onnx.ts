/** Reads the weights of an ONNX graph: as much of Protocol Buffers and of onnx.proto as that takes. */
import { open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A constant tensor of a graph. */
export interface Initializer {
  readonly dims: readonly number[];
  /** The elements, little-endian. */
  bytes(): Promise<Uint8Array>;
}

/** Fields of a message by their numbers: varints as numbers, everything else as bytes. */
type Message = ReadonlyMap<number, readonly (number | Uint8Array)[]>;

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/** Field numbers of onnx.proto. */
const MODEL = { graph: 7 };
const GRAPH = { initializer: 5 };
const TENSOR = { dims: 1, name: 8, rawData: 9, externalData: 13 };
const ENTRY = { key: 1, value: 2 };

/** @returns the varint's value, which must be below 2^53, and the position after it */
function varint(bytes: Uint8Array, start: number): [value: number, end: number] {
  let value = 0;
  let scale = 1;
  for (let at = start; ; at++, scale *= 0x80) {
    value += (bytes[at] & 0x7f) * scale;
    if (bytes[at] < 0x80) {
      return [value, at + 1];
    }
  }
}

/** @throws Error for a wire type that onnx.proto does not use */
function parse(bytes: Uint8Array): Message {
  const fields = new Map<number, (number | Uint8Array)[]>();
  for (let at = 0; at < bytes.length; ) {
    let tag: number;
    [tag, at] = varint(bytes, at);
    const wire = tag & 7;
    let value: number | Uint8Array;
    if (wire === VARINT) {
      [value, at] = varint(bytes, at);
    } else {
      let length: number;
      if (wire === DELIMITED) {
        [length, at] = varint(bytes, at);
      } else if (wire === FIXED64 || wire === FIXED32) {
        length = wire === FIXED64 ? 8 : 4;
      } else {
        throw new Error(`wire type ${wire} in an ONNX file`);
      }
      value = bytes.subarray(at, at + length);
      at += length;
    }
    const values = fields.get(tag >>> 3);
    if (values) {
      values.push(value);
    } else {
      fields.set(tag >>> 3, [value]);
    }
  }
  return fields;
}

const messages = (message: Message, field: number) =>
  (message.get(field) ?? []).map((value) => parse(value as Uint8Array));
const textOf = (message: Message, field: number) =>
  Buffer.from((message.get(field)?.[0] ?? new Uint8Array()) as Uint8Array).toString('utf8');

/** Repeated integers, packed or not. */
function integers(message: Message, field: number): number[] {
  return (message.get(field) ?? []).flatMap((value) => {
    if (typeof value === 'number') {
      return [value];
    }
    const found: number[] = [];
    for (let at = 0, one = 0; at < value.length; found.push(one)) {
      [one, at] = varint(value, at);
    }
    return found;
  });
}

/**
 * The constants of a graph that are kept as raw bytes, in its file or in one beside it, by name. Those inside the
 * bodies of an `If` are left out.
 * @param path of the ONNX file
 */
export async function initializersOf(path: string): Promise<ReadonlyMap<string, Initializer>> {
  const [graph] = messages(parse(await readFile(path)), MODEL.graph);
  const found = new Map<string, Initializer>();
  for (const tensor of messages(graph, GRAPH.initializer)) {
    const external = new Map(
      messages(tensor, TENSOR.externalData).map((entry) => [
        textOf(entry, ENTRY.key),
        textOf(entry, ENTRY.value),
      ]),
    );
    const location = external.get('location');
    const raw = tensor.get(TENSOR.rawData)?.[0] as Uint8Array | undefined;
    const dims = integers(tensor, TENSOR.dims);
    const bytes = async (): Promise<Uint8Array> => {
      if (location === undefined) {
        return raw ?? new Uint8Array();
      }
      return slice(
        join(dirname(path), location),
        Number(external.get('offset') ?? 0),
        Number(external.get('length')),
      );
    };
    found.set(textOf(tensor, TENSOR.name), { dims, bytes });
  }
  return found;
}

/** @throws Error when the file is shorter */
async function slice(path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const buffer = new Uint8Array(length);
    const { bytesRead } = await file.read(buffer, 0, length, offset);
    if (bytesRead !== length) {
      throw new Error(`${path} ends before byte ${offset + length}`);
    }
    return buffer;
  } finally {
    await file.close();
  }
}
