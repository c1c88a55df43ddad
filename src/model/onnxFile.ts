/**
 * Reads and writes ONNX files, as far as it takes to cut a graph in two, or to put other nodes in the place of some. They are Protocol Buffers; the numbers of the fields
 * are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Weights stay where they are: an initializer of some
 * size is a reference to its place in its file, so that a model of gigabytes is read in kilobytes.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Element types of tensors that are asked for here (TensorProto.DataType). */
export const ELEMENT = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10 } as const;

/** What is wrong with an ONNX file, without the file's name: `is cut off after 12 bytes`. */
export class OnnxError extends Error {}

/** Where a tensor's numbers lie. */
export interface DataPlace {
  /** The file, as the ONNX file names it: relative to its folder. Undefined: the ONNX file itself. */
  readonly file: string | undefined;
  readonly offset: number;
  /** Undefined: to the end of the file. */
  readonly length: number | undefined;
}

/** A constant of a graph. */
export interface OnnxTensor {
  readonly name: string;
  /** One of {@link ELEMENT}, or another number. */
  readonly type: number;
  readonly dims: readonly number[];
  /** Where its numbers are, or the whole tensor as it stands in the file. */
  readonly data: DataPlace | Uint8Array;
}

/** An operation of a graph. */
export interface OnnxNode {
  readonly operator: string;
  readonly domain: string;
  /** Names of what it reads; an empty one is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Names that graphs in its attributes (the branches of an If) read from around it. */
  readonly outer: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
  /** Its other fields as they stand in the file. */
  readonly rest: Uint8Array;
}

/** What an operation is told beside its inputs. */
export interface OnnxAttribute {
  readonly name: string;
  /** Its value, where that is a whole number; 0 otherwise. */
  readonly integer: number;
  /** All of it as it stands in the file. */
  readonly bytes: Uint8Array;
}

/** An input or an output of a graph. */
export interface OnnxValue {
  readonly name: string;
  readonly type: number;
  /** A number where the file fixes one. */
  readonly dims: readonly (number | undefined)[];
}

/** A graph and what it takes to run it. */
export interface OnnxModel {
  readonly irVersion: number;
  /** Version of the operators by their domain; '' is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Functions that the model brings along, as they stand in the file. */
  readonly functions: readonly Uint8Array[];
  /** In an order in which they can be run. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/** Bytes from which a tensor's numbers are left in the file. Shapes and the like are smaller, and are read while loading. */
const LEFT_IN_FILE = 1024;

/** Graphs that may lie in one another, as the branches of conditions do. */
const DEEPEST = 32;

/**
 * Reads an ONNX file.
 * @throws OnnxError when it is none
 * @throws Error of the file system
 */
export function readOnnx(path: string): OnnxModel {
  const file = openSync(path, 'r');
  try {
    return modelIn(Source.ofFile(file));
  } finally {
    closeSync(file);
  }
}

/** A file's bytes, of which a part at a time is in memory; or all of them. */
class Source {
  #window: Uint8Array;
  #start = 0;

  private constructor(
    private readonly file: number,
    readonly size: number,
    window: Uint8Array,
  ) {
    this.#window = window;
  }

  /** @param file that is open for reading as long as this is used */
  static ofFile(file: number): Source {
    return new Source(file, fstatSync(file).size, new Uint8Array());
  }

  static ofBytes(bytes: Uint8Array): Source {
    // All that there is to read is in the window.
    return new Source(-1, bytes.length, bytes);
  }

  byte(offset: number): number {
    const at = offset - this.#start;
    return at >= 0 && at < this.#window.length ? this.#window[at] : this.bytes(offset, offset + 1)[0];
  }

  /** @throws OnnxError where the file ends before */
  bytes(from: number, to: number): Uint8Array {
    if (to > this.size) {
      throw new OnnxError(`is cut off after ${this.size} bytes`);
    }
    if (from < this.#start || to > this.#start + this.#window.length) {
      const window = new Uint8Array(Math.min(Math.max(to - from, 1 << 16), this.size - from));
      for (let done = 0; done < window.length; ) {
        const read = readSync(this.file, window, done, window.length - done, from + done);
        if (read === 0) {
          throw new OnnxError(`is cut off after ${from + done} bytes`);
        }
        done += read;
      }
      this.#window = window;
      this.#start = from;
    }
    return this.#window.slice(from - this.#start, to - this.#start);
  }

  text({ from, to }: Field): string {
    return new TextDecoder().decode(this.bytes(from, to));
  }
}

/** A field of a message. */
interface Field {
  readonly id: number;
  /** Its value, of numbers that are written as one (0 of others). */
  readonly value: number;
  /** Where its bytes begin, without their length, and end. */
  readonly from: number;
  readonly to: number;
  /** Where it begins, with its id. */
  readonly start: number;
}

/** The fields of a message that lies in [from, to). */
function* fieldsIn(source: Source, from: number, to: number): Generator<Field> {
  let at = from;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = source.byte(at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        return value;
      }
    }
    throw new OnnxError(`has no number at byte ${at}, where one belongs`);
  };
  while (at < to) {
    const start = at;
    const tag = number();
    const [id, kind] = [Math.floor(tag / 8), tag % 8];
    if (kind === 0) {
      const begin = at;
      const value = number();
      yield { id, value, from: begin, to: at, start };
    } else {
      const length = kind === 2 ? number() : kind === 1 ? 8 : kind === 5 ? 4 : Number.NaN;
      const begin = at;
      at += length;
      if (!(at <= to)) {
        throw new OnnxError(`is no ONNX file: its byte ${start} begins no field that fits`);
      }
      yield { id, value: 0, from: begin, to: at, start };
    }
  }
}

/** The tensor under another name. */
export function renamedTensor(tensor: OnnxTensor, name: string): OnnxTensor {
  // Of a field that is there twice the last one counts.
  const data = tensor.data instanceof Uint8Array ? joined([tensor.data, message([[8, name]])]) : tensor.data;
  return { ...tensor, name, data };
}

/** The whole numbers of a field in which they are packed together. */
function numbersIn(source: Source, { from, to }: Field): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const byte of source.bytes(from, to)) {
    value += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if (byte < 0x80) {
      numbers.push(value);
      [value, shift] = [0, 0];
    }
  }
  return numbers;
}

function modelIn(source: Source): OnnxModel {
  let irVersion = 0;
  let graph: Field | undefined;
  const opsets = new Map<string, number>();
  const functions: Uint8Array[] = [];
  for (const field of fieldsIn(source, 0, source.size)) {
    if (field.id === 1) {
      irVersion = field.value;
    } else if (field.id === 7) {
      graph = field;
    } else if (field.id === 8) {
      let domain = '';
      let version = 0;
      for (const part of fieldsIn(source, field.from, field.to)) {
        domain = part.id === 1 ? source.text(part) : domain;
        version = part.id === 2 ? part.value : version;
      }
      // ai.onnx is the long name of ONNX's own operators.
      opsets.set(domain === 'ai.onnx' ? '' : domain, version);
    } else if (field.id === 25) {
      functions.push(source.bytes(field.from, field.to));
    }
  }
  if (!graph || irVersion === 0) {
    throw new OnnxError('is no ONNX file: it has no graph');
  }
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  for (const field of fieldsIn(source, graph.from, graph.to)) {
    if (field.id === 1) {
      nodes.push(nodeIn(source, field, 0));
    } else if (field.id === 5) {
      initializers.push(tensorIn(source, field));
    } else if (field.id === 11) {
      inputs.push(valueIn(source, field));
    } else if (field.id === 12) {
      outputs.push(valueIn(source, field));
    } else if (field.id === 15) {
      throw new OnnxError('has sparse tensors, which are not supported');
    }
  }
  // Old files list constants among the inputs, too.
  const constants = new Set(initializers.map(({ name }) => name));
  return {
    irVersion,
    opsets,
    functions,
    nodes,
    initializers,
    inputs: inputs.filter(({ name }) => !constants.has(name)),
    outputs,
  };
}

/** @param depth number of graphs around it */
function nodeIn(source: Source, node: Field, depth: number): OnnxNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const outer: string[] = [];
  const attributes: OnnxAttribute[] = [];
  const rest: Uint8Array[] = [];
  let operator = '';
  let domain = '';
  for (const field of fieldsIn(source, node.from, node.to)) {
    if (field.id === 1) {
      inputs.push(source.text(field));
    } else if (field.id === 2) {
      outputs.push(source.text(field));
    } else if (field.id === 5) {
      let [name, integer] = ['', 0];
      for (const part of fieldsIn(source, field.from, field.to)) {
        name = part.id === 1 ? source.text(part) : name;
        integer = part.id === 3 ? part.value : integer;
        if (part.id === 6 || part.id === 11) {
          outer.push(...outerNames(source, part, depth + 1));
        }
      }
      attributes.push({ name, integer, bytes: source.bytes(field.from, field.to) });
    } else {
      rest.push(source.bytes(field.start, field.to));
      operator = field.id === 4 ? source.text(field) : operator;
      domain = field.id === 7 ? source.text(field) : domain;
    }
  }
  return {
    operator,
    domain: domain === 'ai.onnx' ? '' : domain,
    inputs,
    outputs,
    outer,
    attributes,
    rest: joined(rest),
  };
}

/** The names that a graph in an attribute reads and does not make itself. */
function outerNames(source: Source, graph: Field, depth: number): string[] {
  if (depth > DEEPEST) {
    throw new OnnxError('has graphs in graphs without an end');
  }
  const read: string[] = [];
  const made = new Set<string>();
  for (const field of fieldsIn(source, graph.from, graph.to)) {
    if (field.id === 1) {
      const { inputs, outputs, outer } = nodeIn(source, field, depth);
      read.push(...inputs, ...outer);
      for (const name of outputs) {
        made.add(name);
      }
    } else if (field.id === 5) {
      made.add(tensorIn(source, field).name);
    } else if (field.id === 11) {
      made.add(valueIn(source, field).name);
    } else if (field.id === 12) {
      read.push(valueIn(source, field).name);
    }
  }
  return read.filter((name) => name !== '' && !made.has(name));
}

function tensorIn(source: Source, tensor: Field): OnnxTensor {
  const dims: number[] = [];
  let type = 0;
  let name = '';
  let raw: Field | undefined;
  let isExternal = false;
  const external = new Map<string, string>();
  for (const field of fieldsIn(source, tensor.from, tensor.to)) {
    if (field.id === 1) {
      dims.push(...dimensionsIn(source, field));
    } else if (field.id === 2) {
      type = field.value;
    } else if (field.id === 8) {
      name = source.text(field);
    } else if (field.id === 9) {
      raw = field;
    } else if (field.id === 13) {
      let [key, value] = ['', ''];
      for (const part of fieldsIn(source, field.from, field.to)) {
        key = part.id === 1 ? source.text(part) : key;
        value = part.id === 2 ? source.text(part) : value;
      }
      external.set(key, value);
    } else if (field.id === 14) {
      isExternal = field.value === 1;
    }
  }
  if (isExternal) {
    const length = external.get('length');
    const data = {
      file: external.get('location') ?? '',
      offset: Number(external.get('offset') ?? 0),
      length: length === undefined ? undefined : Number(length),
    };
    return { name, type, dims, data };
  }
  const data =
    raw && raw.to - raw.from >= LEFT_IN_FILE
      ? { file: undefined, offset: raw.from, length: raw.to - raw.from }
      : source.bytes(tensor.from, tensor.to);
  return { name, type, dims, data };
}

/** A tensor's dimensions: written one by one, or packed together. */
function dimensionsIn(source: Source, field: Field): number[] {
  const isPacked = (source.byte(field.start) & 7) === 2;
  return isPacked ? numbersIn(source, field) : [field.value];
}

function valueIn(source: Source, field: Field): OnnxValue {
  let name = '';
  let type = 0;
  const dims: (number | undefined)[] = [];
  for (const part of fieldsIn(source, field.from, field.to)) {
    if (part.id === 1) {
      name = source.text(part);
    } else if (part.id === 2) {
      for (const tensor of fieldsIn(source, part.from, part.to)) {
        if (tensor.id !== 1) {
          continue;
        }
        for (const inner of fieldsIn(source, tensor.from, tensor.to)) {
          if (inner.id === 1) {
            type = inner.value;
          } else if (inner.id === 2) {
            for (const dimension of fieldsIn(source, inner.from, inner.to)) {
              const [first] = [...fieldsIn(source, dimension.from, dimension.to)];
              dims.push(first?.id === 1 ? first.value : undefined);
            }
          }
        }
      }
    }
  }
  return { name, type, dims };
}

/** What goes into a message, field by field. */
type Part = readonly [id: number, value: number | string | Uint8Array];

/** The bytes of a message. Numbers are whole, and not negative. */
export function message(parts: readonly Part[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const [id, value] of parts) {
    if (typeof value === 'number') {
      pieces.push(varint(id * 8), varint(value));
    } else {
      const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
      pieces.push(varint(id * 8 + 2), varint(bytes.length), bytes);
    }
  }
  return joined(pieces);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Uint8Array.of(...bytes, rest);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/**
 * Writes a model.
 * @param fileOf the name that a tensor's file gets; undefined is the file that the model was read from
 */
export function writeOnnx(model: OnnxModel, fileOf: (name: string | undefined) => string): Uint8Array {
  const graph = message([
    ...model.nodes.map((node): Part => [1, nodeBytes(node)]),
    [2, 'graph'],
    ...model.initializers.map((tensor): Part => [5, tensorBytes(tensor, fileOf)]),
    ...model.inputs.map((value): Part => [11, valueBytes(value)]),
    ...model.outputs.map((value): Part => [12, valueBytes(value)]),
  ]);
  return message([
    [1, model.irVersion],
    [2, 'surprisal'],
    [7, graph],
    ...[...model.opsets].map(
      ([domain, version]): Part => [
        8,
        message([
          [1, domain],
          [2, version],
        ]),
      ],
    ),
    ...model.functions.map((bytes): Part => [25, bytes]),
  ]);
}

/**
 * An ONNX file in which the nodes of one operator are others. Everything else stays as it is, byte for byte.
 * @param replace is given these nodes and the graph's inputs, and gives as many nodes and the inputs that are added; or undefined
 * when it leaves them
 * @returns undefined when they are left
 * @throws OnnxError when it is no ONNX file
 */
export function replaceNodes(
  file: Uint8Array,
  operator: string,
  replace: (
    nodes: readonly OnnxNode[],
    inputs: readonly OnnxValue[],
  ) => { readonly nodes: readonly OnnxNode[]; readonly inputs: readonly OnnxValue[] } | undefined,
): Uint8Array | undefined {
  const source = Source.ofBytes(file);
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const graph = [...fieldsIn(source, 0, source.size)].find(({ id }) => id === 7);
  if (!graph) {
    throw new OnnxError('is no ONNX file: it has no graph');
  }
  const places: Field[] = [];
  const nodes: OnnxNode[] = [];
  const inputs: OnnxValue[] = [];
  for (const field of fieldsIn(source, graph.from, graph.to)) {
    if (field.id === 11) {
      inputs.push(valueIn(source, field));
    } else if (field.id === 1 && bytes.subarray(field.from, field.to).includes(operator)) {
      const node = nodeIn(source, field, 0);
      if (node.operator === operator) {
        places.push(field);
        nodes.push(node);
      }
    }
  }
  const replaced = replace(nodes, inputs);
  if (!replaced) {
    return undefined;
  }
  const pieces: Uint8Array[] = [];
  let at = graph.from;
  for (const [index, { start, to }] of places.entries()) {
    pieces.push(file.subarray(at, start), message([[1, nodeBytes(replaced.nodes[index])]]));
    at = to;
  }
  pieces.push(
    file.subarray(at, graph.to),
    message(replaced.inputs.map((value): Part => [11, valueBytes(value)])),
  );
  return joined([file.subarray(0, graph.start), message([[7, joined(pieces)]]), file.subarray(graph.to)]);
}

function nodeBytes({ inputs, outputs, attributes, rest }: OnnxNode): Uint8Array {
  const parts = message([
    ...inputs.map((name): Part => [1, name]),
    ...outputs.map((name): Part => [2, name]),
    ...attributes.map(({ bytes }): Part => [5, bytes]),
  ]);
  return joined([parts, rest]);
}

function tensorBytes(
  { name, type, dims, data }: OnnxTensor,
  fileOf: (name: string | undefined) => string,
): Uint8Array {
  if (data instanceof Uint8Array) {
    return data;
  }
  const entry = (key: string, value: string | number): Part => [
    13,
    message([
      [1, key],
      [2, String(value)],
    ]),
  ];
  return message([
    ...dims.map((size): Part => [1, size]),
    [2, type],
    [8, name],
    entry('location', fileOf(data.file)),
    entry('offset', data.offset),
    ...(data.length === undefined ? [] : [entry('length', data.length)]),
    [14, 1],
  ]);
}

/** @param value without dimensions where nothing is said of its shape */
function valueBytes({
  name,
  type,
  dims,
}: Omit<OnnxValue, 'dims'> & Partial<Pick<OnnxValue, 'dims'>>): Uint8Array {
  const shape = dims?.map((size): Part => [1, size === undefined ? message([]) : message([[1, size]])]);
  const tensor = message([[1, type], ...(shape ? [[2, message(shape)] as const] : [])]);
  return message([
    [1, name],
    [2, message([[1, tensor]])],
  ]);
}

/** The type of an attribute's value (AttributeProto.AttributeType). */
const ATTRIBUTE = { integer: 2, tensor: 4, graph: 5 } as const;

/** A node of ONNX's own operators. Attributes are whole numbers that are not negative, or tensors. */
export function newNode(
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, number | OnnxTensor>> = {},
): OnnxNode {
  return {
    operator,
    domain: '',
    inputs,
    outputs: [output],
    outer: [],
    attributes: Object.entries(attributes).map(([name, value]) => newAttribute(name, value)),
    rest: message([[4, operator]]),
  };
}

function newAttribute(name: string, value: number | OnnxTensor): OnnxAttribute {
  const [integer, content, type] =
    typeof value === 'number'
      ? [value, [3, value] as const, ATTRIBUTE.integer]
      : [0, [5, tensorBytes(value, () => '')] as const, ATTRIBUTE.tensor];
  return { name, integer, bytes: message([[1, name], content, [20, type]]) };
}

/**
 * A node that does what one of two nodes do, by a single truth value. They read what they like of the graph around them, and give the
 * same number of outputs, each under names of its own.
 * @param outputs the names that either's outputs get
 * @param type of all outputs
 */
export function newCondition(
  condition: string,
  [whenTrue, whenFalse]: readonly [OnnxNode, OnnxNode],
  outputs: readonly string[],
  type: number,
): OnnxNode {
  const branch = (name: string, node: OnnxNode): OnnxAttribute => {
    const graph = message([
      [1, nodeBytes(node)],
      [2, name],
      ...node.outputs.map((output): Part => [12, valueBytes({ name: output, type })]),
    ]);
    return {
      name,
      integer: 0,
      bytes: message([
        [1, name],
        [6, graph],
        [20, ATTRIBUTE.graph],
      ]),
    };
  };
  return {
    operator: 'If',
    domain: '',
    inputs: [condition],
    outputs,
    outer: [...new Set([whenTrue, whenFalse].flatMap(({ inputs, outer }) => [...inputs, ...outer]))],
    attributes: [branch('then_branch', whenTrue), branch('else_branch', whenFalse)],
    rest: message([[4, 'If']]),
  };
}

/** A constant of whole numbers: a list, or a single one without dimensions. */
export function newIntegers(name: string, values: readonly number[] | number): OnnxTensor {
  const list = typeof values === 'number' ? [values] : values;
  const dims = typeof values === 'number' ? [] : [values.length];
  const raw = new Uint8Array(BigInt64Array.from(list, BigInt).buffer);
  const data = message([...dims.map((size): Part => [1, size]), [2, ELEMENT.int64], [8, name], [9, raw]]);
  return { name, type: ELEMENT.int64, dims, data };
}
