/**
 * Writes a model folder's weights as GGUF files, so that llama.cpp runs on the same weights.
 *
 * The folder holds the blocks of llama.cpp's own Q4_1 and Q8_0 in the layout of ONNX Runtime's MatMulNBits
 * (models/make/README.md); this undoes what models/make/gguf_weights.py and graphs.py did.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import type { ModelFolder } from '../../../src/model/folder';
import { type Initializer, initializersOf } from './onnx';

/** How the matrices are written: as the numbers that the blocks stand for, or as the blocks themselves. */
export type Precision = 'float32' | 'blocks';

/** Weights of a block that share a scale, in Q4_1, Q8_0 and the folder alike. */
const BLOCK = 32;
/** Bytes of a block: a half-precision scale (and minimum), then the weights. */
const Q4_1_BYTES = 2 + 2 + BLOCK / 2;
const Q8_0_BYTES = 2 + BLOCK;
/** What a byte of the folder's embedding has more than the weight's number. */
const Q8_MIDDLE = 128;

/** GGUF's numbers for types of tensors, and the types of files that hold them. */
const TENSOR_TYPES = { F32: 0, Q4_1: 3, Q8_0: 8 } as const;
const FILE_TYPES: Readonly<Record<Precision, number>> = { float32: 0, blocks: 3 };
/** Tensors begin at multiples of this. */
const ALIGNMENT = 32;
const VERSION = 3;

/** GGUF's types of tokens. */
const NORMAL_TOKEN = 1;
const CONTROL_TOKEN = 3;

interface TensorToWrite {
  readonly name: string;
  /** The fastest first, as GGUF has it. */
  readonly shape: readonly number[];
  readonly type: keyof typeof TENSOR_TYPES;
  readonly length: number;
  bytes(): Promise<Uint8Array>;
}

/** A matrix of the network: rows of a stored one, which may hold several below each other. */
interface Part {
  /** As GGUF names it. */
  readonly name: string;
  /** As the folder's graph names it. */
  readonly stored: string;
  readonly rows: number;
  readonly columns: number;
  /** First of its rows in the stored matrix. */
  readonly first: number;
  /** Attention heads whose rows llama.cpp wants in another order, for its rotary positions; 0: none. */
  readonly heads: number;
}

/** The sizes that config.json alone has, and the vocabulary of tokenizer.json. */
interface Configuration {
  readonly intermediate_size: number;
  readonly num_attention_heads: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly eos_token_id: number;
}
interface Vocabulary {
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly string[])[];
  };
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[];
}

/**
 * Writes one GGUF file.
 * @param path of the new file
 */
export async function writeGguf(folder: ModelFolder, precision: Precision, path: string): Promise<void> {
  const { manifest } = folder;
  const read = async (name: string) => JSON.parse(await readFile(folder.file(name), 'utf8'));
  const configuration: Configuration = await read('config.json');
  const vocabulary: Vocabulary = await read('tokenizer.json');
  const graph = await initializersOf(folder.file(manifest.graphs.backbone));
  const constant = (name: string): Initializer => {
    const found = graph.get(name);
    if (!found) {
      throw new Error(`${manifest.graphs.backbone} has no weights ${name}`);
    }
    return found;
  };

  const tensors: TensorToWrite[] = [embedding(constant, precision)];
  for (let layer = 0; layer < manifest.layers; layer++) {
    for (const name of ['attn_norm', 'ffn_norm']) {
      tensors.push(norm(`blk.${layer}.${name}.weight`, constant(`${layer}.${name}.weight`)));
    }
    for (const part of partsOf(layer, folder, configuration)) {
      tensors.push(matrix(part, constant, precision));
    }
  }
  tensors.push(norm('output_norm.weight', constant('norm.weight')));

  const header = new Header(tensors);
  describe(header, folder, configuration, vocabulary, precision);
  const file = await open(path, 'w');
  try {
    await writeAligned(file, header.finish());
    for (const tensor of tensors) {
      await writeAligned(file, await tensor.bytes());
    }
  } finally {
    await file.close();
  }
}

/** The seven matrices of a layer; the folder has those of queries, keys and values below each other. */
function partsOf(layer: number, { manifest }: ModelFolder, configuration: Configuration): Part[] {
  const { hidden, headDim, keyValueHeads } = manifest;
  const { num_attention_heads: heads, intermediate_size: wide } = configuration;
  const queries = heads * headDim;
  const keys = keyValueHeads * headDim;
  const parts: [name: string, stored: string, rows: number, columns: number, first: number, heads: number][] =
    [
      ['attn_q', 'attn_qkv', queries, hidden, 0, heads],
      ['attn_k', 'attn_qkv', keys, hidden, queries, keyValueHeads],
      ['attn_v', 'attn_qkv', keys, hidden, queries + keys, 0],
      ['attn_output', 'attn_output', hidden, queries, 0, 0],
      ['ffn_gate', 'ffn_gate', wide, hidden, 0, 0],
      ['ffn_up', 'ffn_up', wide, hidden, 0, 0],
      ['ffn_down', 'ffn_down', hidden, wide, 0, 0],
    ];
  return parts.map(([name, stored, rows, columns, first, rotated]) => ({
    name: `blk.${layer}.${name}.weight`,
    stored: `${layer}.${stored}`,
    rows,
    columns,
    first,
    heads: rotated,
  }));
}

/**
 * The stored row that becomes a row of GGUF's matrix: llama.cpp interleaves the two halves of each head's rows.
 * @param row of the part, in GGUF's order
 */
function storedRow({ rows, first, heads }: Part, row: number): number {
  if (heads === 0) {
    return first + row;
  }
  const size = rows / heads;
  const within = row % size;
  return first + row - within + (within % 2) * (size / 2) + Math.floor(within / 2);
}

function norm(name: string, weights: Initializer): TensorToWrite {
  const [length] = weights.dims;
  return { name, shape: [length], type: 'F32', length: 4 * length, bytes: () => weights.bytes() };
}

function matrix(part: Part, constant: (name: string) => Initializer, precision: Precision): TensorToWrite {
  const { name, stored, rows, columns } = part;
  const perRow = columns / BLOCK;
  const blocks = rows * perRow;
  const bytes = async () => {
    const [packed, scales, minima] = await Promise.all(
      ['q', 'scale', 'minimum'].map((kind) => constant(`${stored}.${kind}`).bytes()),
    );
    const written = precision === 'blocks' ? new Uint8Array(blocks * Q4_1_BYTES) : undefined;
    const weights = new Float32Array(written ? 0 : rows * columns);
    for (let block = 0; block < blocks; block++) {
      const row = Math.floor(block / perRow);
      const source = storedRow(part, row) * perRow + (block % perRow);
      const q = unpacked(packed, source);
      if (written) {
        const at = block * Q4_1_BYTES;
        written.set(scales.subarray(2 * source, 2 * source + 2), at);
        written.set(minima.subarray(2 * source, 2 * source + 2), at + 2);
        // The low halves are the block's first sixteen weights, the high halves the last sixteen.
        for (let i = 0; i < BLOCK / 2; i++) {
          written[at + 4 + i] = q[i] | (q[i + BLOCK / 2] << 4);
        }
      } else {
        const scale = half(scales, source);
        const minimum = half(minima, source);
        for (let i = 0; i < BLOCK; i++) {
          weights[block * BLOCK + i] = q[i] * scale + minimum;
        }
      }
    }
    return written ?? bytesOf(weights);
  };
  return {
    name,
    shape: [columns, rows],
    type: precision === 'blocks' ? 'Q4_1' : 'F32',
    length: precision === 'blocks' ? blocks * Q4_1_BYTES : 4 * rows * columns,
    bytes,
  };
}

/** The 32 numbers of a block; in the folder neighbours share a byte, the first in the low half. */
function unpacked(packed: Uint8Array, block: number): Uint8Array {
  const q = new Uint8Array(BLOCK);
  for (let i = 0; i < BLOCK / 2; i++) {
    const byte = packed[(block * BLOCK) / 2 + i];
    q[2 * i] = byte & 15;
    q[2 * i + 1] = byte >>> 4;
  }
  return q;
}

function embedding(constant: (name: string) => Initializer, precision: Precision): TensorToWrite {
  const [rows, perRow] = constant('embedding.q').dims;
  const blocks = rows * perRow;
  const bytes = async () => {
    const [q, scales] = await Promise.all(
      ['q', 'scale'].map((kind) => constant(`embedding.${kind}`).bytes()),
    );
    const written = precision === 'blocks' ? new Uint8Array(blocks * Q8_0_BYTES) : undefined;
    const weights = new Float32Array(written ? 0 : blocks * BLOCK);
    for (let block = 0; block < blocks; block++) {
      written?.set(scales.subarray(2 * block, 2 * block + 2), block * Q8_0_BYTES);
      const scale = half(scales, block);
      for (let i = 0; i < BLOCK; i++) {
        const weight = q[block * BLOCK + i] - Q8_MIDDLE;
        if (written) {
          written[block * Q8_0_BYTES + 2 + i] = weight;
        } else {
          weights[block * BLOCK + i] = weight * scale;
        }
      }
    }
    return written ?? bytesOf(weights);
  };
  return {
    name: 'token_embd.weight',
    shape: [perRow * BLOCK, rows],
    type: precision === 'blocks' ? 'Q8_0' : 'F32',
    length: precision === 'blocks' ? blocks * Q8_0_BYTES : 4 * blocks * BLOCK,
    bytes,
  };
}

const bytesOf = ({ buffer }: Float32Array) => new Uint8Array(buffer as ArrayBuffer);

/** The IEEE half-precision number at an index of an array of them. */
function half(bytes: Uint8Array, index: number): number {
  const bits = bytes[2 * index] | (bytes[2 * index + 1] << 8);
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (fraction + 0x400) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

/** What llama.cpp must know of the model besides its weights. */
function describe(
  header: Header,
  { manifest }: ModelFolder,
  configuration: Configuration,
  { model, added_tokens: added }: Vocabulary,
  precision: Precision,
): void {
  header.text('general.architecture', 'llama');
  header.text('general.name', manifest.name);
  header.text('general.license', manifest.licence.toLowerCase());
  header.integer('general.file_type', FILE_TYPES[precision]);
  header.integer('general.quantization_version', 2);
  header.integer('general.alignment', ALIGNMENT);
  header.integer('llama.block_count', manifest.layers);
  header.integer('llama.context_length', manifest.contextWindow);
  header.integer('llama.embedding_length', manifest.hidden);
  header.integer('llama.feed_forward_length', configuration.intermediate_size);
  header.integer('llama.attention.head_count', configuration.num_attention_heads);
  header.integer('llama.attention.head_count_kv', manifest.keyValueHeads);
  header.integer('llama.rope.dimension_count', manifest.headDim);
  header.integer('llama.vocab_size', manifest.vocabularySize);
  header.real('llama.rope.freq_base', configuration.rope_theta);
  header.real('llama.attention.layer_norm_rms_epsilon', configuration.rms_norm_eps);

  const tokens: string[] = [];
  for (const [token, id] of Object.entries(model.vocab)) {
    tokens[id] = token;
  }
  const types = tokens.map(() => NORMAL_TOKEN);
  for (const { id, content } of added) {
    tokens[id] = content;
    types[id] = CONTROL_TOKEN;
  }
  header.text('tokenizer.ggml.model', 'gpt2');
  // llama.cpp's name for SmolLM2's way to cut a text into words.
  header.text('tokenizer.ggml.pre', 'smollm');
  header.texts('tokenizer.ggml.tokens', tokens);
  header.integers('tokenizer.ggml.token_type', types);
  header.texts(
    'tokenizer.ggml.merges',
    model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' '))),
  );
  header.integer('tokenizer.ggml.bos_token_id', manifest.separatorTokenId);
  header.integer('tokenizer.ggml.eos_token_id', configuration.eos_token_id);
  header.flag('tokenizer.ggml.add_bos_token', false);
  header.flag('tokenizer.ggml.add_space_prefix', false);
}

/** GGUF's types of values. */
const VALUE = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;

/** The beginning of a GGUF file: what it says about the model, and where its tensors are. */
class Header {
  readonly #entries: Buffer[] = [];

  constructor(private readonly tensors: readonly TensorToWrite[]) {}

  text(key: string, value: string): void {
    this.#add(key, VALUE.string, string(value));
  }

  integer(key: string, value: number): void {
    this.#add(key, VALUE.uint32, uint32(value));
  }

  real(key: string, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    this.#add(key, VALUE.float32, bytes);
  }

  flag(key: string, value: boolean): void {
    this.#add(key, VALUE.bool, Buffer.of(value ? 1 : 0));
  }

  texts(key: string, values: readonly string[]): void {
    this.#array(key, VALUE.string, values.map(string));
  }

  integers(key: string, values: readonly number[]): void {
    this.#array(key, VALUE.int32, values.map(uint32));
  }

  finish(): Buffer {
    let offset = 0;
    const places = this.tensors.map(({ name, shape, type, length }) => {
      const place = [
        string(name),
        uint32(shape.length),
        ...shape.map(uint64),
        uint32(TENSOR_TYPES[type]),
        uint64(offset),
      ];
      offset += length + padding(length);
      return Buffer.concat(place);
    });
    return Buffer.concat([
      Buffer.from('GGUF'),
      uint32(VERSION),
      uint64(this.tensors.length),
      uint64(this.#entries.length),
      ...this.#entries,
      ...places,
    ]);
  }

  #array(key: string, type: number, values: readonly Buffer[]): void {
    this.#add(key, VALUE.array, Buffer.concat([uint32(type), uint64(values.length), ...values]));
  }

  #add(key: string, type: number, value: Buffer): void {
    this.#entries.push(Buffer.concat([string(key), uint32(type), value]));
  }
}

const padding = (length: number) => (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT;

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function string(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([uint64(bytes.length), bytes]);
}

async function writeAligned(file: FileHandle, bytes: Uint8Array): Promise<void> {
  await file.writeFile(bytes);
  await file.writeFile(new Uint8Array(padding(bytes.length)));
}
