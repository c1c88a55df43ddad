/** Matrix products and nothing else, by ONNX Runtime: what no model on the same runtime can be faster than. */
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** A chain of products with constant square matrices on the right, as many as a few layers have. */
export interface MatrixProducts {
  /** Multiplies [rows × side] by one matrix after the other. */
  run(rows: number): Promise<unknown>;
  /** Floating-point operations of a run, two for each multiply-add. */
  operations(rows: number): number;
  release(): Promise<void>;
}

/**
 * Makes float32 products on the CPU. Many in one run: starting one, and handing its result over, counts for little.
 * @param side rows and columns of the constant matrices
 */
export async function matrixProducts(side: number, threads: number): Promise<MatrixProducts> {
  const scale = Math.sqrt(2 / side);
  const data = Array.from({ length: PRODUCTS }, (_, k) => {
    const weights = Float32Array.from({ length: side * side }, (_, i) => scale * Math.sin((k + 1) * i));
    return { path: `weights.${k}`, data: new Uint8Array(weights.buffer) };
  });
  const session = await InferenceSession.create(graph(side), {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    externalData: data,
    // The sessions that it is measured in turn with need the cores.
    extra: { session: { force_spinning_stop: '1' } },
  });
  const left = new Map<number, Tensor>();
  return {
    run(rows) {
      let tensor = left.get(rows);
      if (!tensor) {
        const values = Float32Array.from({ length: rows * side }, (_, i) => Math.cos(i));
        tensor = new Tensor('float32', values, [rows, side]);
        left.set(rows, tensor);
      }
      return session.run({ a0: tensor });
    },
    operations: (rows) => 2 * PRODUCTS * rows * side * side,
    release: () => session.release(),
  };
}

const PRODUCTS = 8;

/** a1 = a0 b0, a2 = a1 b1 … as an ONNX file; the numbers are the fields of onnx.proto. */
function graph(side: number): Uint8Array {
  const name = (field: number, text: string) => bytes(field, Buffer.from(text));
  const shaped = (title: string) => [
    ...name(1, title),
    ...bytes(
      2,
      bytes(1, [...whole(1, 1), ...bytes(2, [...bytes(1, name(2, 'rows')), ...bytes(1, whole(1, side))])]),
    ),
  ];
  const entry = (key: string, value: string) => bytes(13, [...name(1, key), ...name(2, value)]);
  const body = Array.from({ length: PRODUCTS }, (_, k) => {
    const node = [...name(1, `a${k}`), ...name(1, `b${k}`), ...name(2, `a${k + 1}`), ...name(4, 'MatMul')];
    const matrix = [
      ...whole(1, side),
      ...whole(1, side),
      ...whole(2, 1),
      ...name(8, `b${k}`),
      ...entry('location', `weights.${k}`),
      ...entry('offset', '0'),
      ...entry('length', String(4 * side * side)),
      ...whole(14, 1),
    ];
    return [...bytes(1, node), ...bytes(5, matrix)];
  }).flat();
  body.push(...name(2, 'products'), ...bytes(11, shaped('a0')), ...bytes(12, shaped(`a${PRODUCTS}`)));
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
