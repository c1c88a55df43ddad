/** One matrix product of ONNX Runtime's: what no model on the same runtime can be faster than. */
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** A product with a constant matrix on the right. */
export interface MatrixProduct {
  /** Multiplies [rows × inputs] by the matrix. */
  run(rows: number): Promise<unknown>;
  release(): Promise<void>;
}

/**
 * Makes a float32 product on the CPU.
 * @param inputs rows K of the constant matrix
 * @param outputs its columns N
 */
export async function matrixProduct(
  inputs: number,
  outputs: number,
  threads: number,
): Promise<MatrixProduct> {
  const weights = Float32Array.from({ length: inputs * outputs }, (_, i) => Math.sin(i));
  const session = await InferenceSession.create(graph(inputs, outputs), {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    externalData: [{ path: WEIGHTS, data: new Uint8Array(weights.buffer) }],
  });
  const left = new Map<number, Tensor>();
  return {
    run(rows) {
      let tensor = left.get(rows);
      if (!tensor) {
        const values = Float32Array.from({ length: rows * inputs }, (_, i) => Math.cos(i));
        tensor = new Tensor('float32', values, [rows, inputs]);
        left.set(rows, tensor);
      }
      return session.run({ a: tensor });
    },
    release: () => session.release(),
  };
}

const WEIGHTS = 'weights';

/** c = a b as an ONNX file; the numbers are the fields of onnx.proto. */
function graph(inputs: number, outputs: number): Uint8Array {
  const name = (field: number, text: string) => bytes(field, Buffer.from(text));
  const shaped = (title: string, columns: number) => [
    ...name(1, title),
    ...bytes(
      2,
      bytes(1, [...whole(1, 1), ...bytes(2, [...bytes(1, name(2, 'rows')), ...bytes(1, whole(1, columns))])]),
    ),
  ];
  const entry = (key: string, value: string) => bytes(13, [...name(1, key), ...name(2, value)]);
  const matrix = [
    ...whole(1, inputs),
    ...whole(1, outputs),
    ...whole(2, 1),
    ...name(8, 'b'),
    ...entry('location', WEIGHTS),
    ...entry('offset', '0'),
    ...entry('length', String(4 * inputs * outputs)),
    ...whole(14, 1),
  ];
  const node = [...name(1, 'a'), ...name(1, 'b'), ...name(2, 'c'), ...name(4, 'MatMul')];
  const body = [
    ...bytes(1, node),
    ...name(2, 'product'),
    ...bytes(5, matrix),
    ...bytes(11, shaped('a', inputs)),
    ...bytes(12, shaped('c', outputs)),
  ];
  return Uint8Array.from([
    ...whole(1, 10),
    ...bytes(7, body),
    ...bytes(8, [...name(1, ''), ...whole(2, 21)]),
  ]);
}

/** A field that holds a whole number, as Protocol Buffers writes it. */
function whole(field: number, value: number): number[] {
  return [...varint(field << 3), ...varint(value)];
}

/** A field that holds bytes. */
function bytes(field: number, value: ArrayLike<number>): number[] {
  return [...varint((field << 3) | 2), ...varint(value.length), ...Array.from(value)];
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
