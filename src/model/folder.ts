/** A model folder: its manifest and the proof that its files are what the manifest says. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, normalize, posix, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ModelError } from './errors';
import { locateModel } from './found';
import { isHubModel, openHubModel } from './hub';

/** Name of the manifest inside a model folder. */
export const MANIFEST = 'surprisal.json';

/** Size and SHA-256 of one file. */
export interface FileRecord {
  readonly bytes: number;
  readonly sha256: string;
}

/** The manifest of a model whose network is split into a backbone and a head. */
export interface ModelManifest {
  readonly schema: 2;
  readonly id: string;
  readonly name: string;
  readonly licence: string;
  /** Number of parameters of the network. */
  readonly parameters: number;
  /** The token that separated documents in training: the context of a text's first token. */
  readonly separatorTokenId: number;
  /** The ONNX files, relative to the folder. */
  readonly graphs: { readonly backbone: string; readonly head: string };
  /** For a CPU, the head whose matrix stays in memory as it is on disk, where the folder has one. */
  readonly quantized?: {
    /** The ONNX file, relative to the folder. */
    readonly head: string;
  };
  /** The backbone that computes in half precision, where the folder has one. */
  readonly float16?: {
    /** The ONNX file, relative to the folder. */
    readonly backbone: string;
  };
  /** The backbone with float32 weights, where the folder has one. */
  readonly float32?: Float32Backbone;
  /** The network with 8-bit weights, where the folder has one; it has `float32` too then. */
  readonly int8?: Int8Network;
  /** Width d of the hidden states. */
  readonly hidden: number;
  readonly layers: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly vocabularySize: number;
  /** Largest number of positions, the document separator included. */
  readonly contextWindow: number;
  /** Rows that the head takes at once, where it has the logits of a whole row at once. */
  readonly headRows?: number;
  /** A page with known surprisals (nats, of ids[1…]), by which a device is verified before it is trusted. */
  readonly verification: { readonly ids: readonly number[]; readonly nats: readonly number[] };
  /** Every file of the folder by its relative path. */
  readonly files: Readonly<Record<string, FileRecord>>;
}

/** Where the blocks of one matrix lie, and the name that graphs know it by. */
export interface MatrixRecipe {
  readonly name: string;
  /** The file, relative to the graph's folder. */
  readonly file: string;
  readonly rows: number;
  readonly columns: number;
  /** Byte offsets in the file, see `QuantizedMatrix`. */
  readonly values: number;
  readonly scales: number;
  readonly minimums: number;
}

/** A backbone whose matrices are float32: computed from the 4-bit ones when the model is loaded, and in no file. */
export interface Float32Backbone {
  /** The ONNX file, relative to the folder. */
  readonly backbone: string;
  /** The data files that the graph names, relative to its folder. */
  readonly data: readonly string[];
  readonly matrices: readonly MatrixRecipe[];
}

/** A network whose matrices are in 8 bits: computed from the folder's when the model is loaded, and in no file. */
export interface Int8Network {
  /** The backbone's ONNX file, relative to the folder. */
  readonly backbone: string;
  /** The data files that it names, relative to its folder. */
  readonly data: readonly string[];
  readonly head: Int8Head;
  /** An ONNX file that multiplies bytes, by which the processor is tried. */
  readonly products: string;
  /** By the matrices' names, the head's being `head`: the inputs whose weights are not rounded, ascending. */
  readonly outliers: Readonly<Record<string, readonly number[]>>;
}

/** A head whose matrix is in 8 bits. */
export interface Int8Head {
  /** The ONNX file, relative to the folder. */
  readonly graph: string;
  /** The data files that it names, relative to its folder. */
  readonly data: readonly string[];
  readonly matrix: {
    /** The file of the matrix's blocks, relative to the graph's folder. */
    readonly file: string;
    readonly rows: number;
    readonly columns: number;
    /** Byte offsets in the file, see `ByteMatrix`. */
    readonly values: number;
    readonly scales: number;
    /** Rows that the graph is handed together; the last part may have fewer. */
    readonly part: number;
  };
}

/** A model folder whose manifest was read and whose files were checked. */
export interface ModelFolder {
  readonly path: string;
  readonly manifest: ModelManifest;
  /** Absolute path of one of the folder's files. */
  file(relative: string): string;
  /** The graphs of a folder that has none of its own, but a decoder in one piece. */
  readonly split?: SplitGraphs;
}

/** A backbone and a head that a decoder was cut into, as ONNX files whose weights lie elsewhere. */
export interface SplitGraphs {
  /** The ONNX file that they are from. */
  readonly source: string;
  readonly backbone: Uint8Array;
  readonly head: Uint8Array;
  /** The folder in which their data files' names begin. */
  readonly weights: string;
  /** Whether what is multiplied is rounded to 8 bits while it is run, by the largest number of the run. */
  readonly isRoundedByRun: boolean;
}

/**
 * Reads a model folder's manifest and checks every file's presence, size and SHA-256; or opens one without a manifest, as
 * they are on Hugging Face's hub, or an ONNX file of it.
 * @param model as `resolveModel` gives it
 * @throws ModelError that names the file
 */
export async function openModelFolder(model: string): Promise<ModelFolder> {
  const path = locateModel(model, process.env, homedir());
  if (path === undefined) {
    throw new ModelError(
      'model-missing',
      `The model ${model} is not on this computer.`,
      'Download it (Surprisal: Download Model, or surprisal download), or choose another one.',
    );
  }
  if (!existsSync(join(path, MANIFEST)) && isHubModel(path)) {
    return openHubModel(path);
  }
  const manifest = await readManifest(path);
  const folder: ModelFolder = { path, manifest, file: (relative) => join(path, relative) };
  // Presence and sizes first: they are cheap, and say more than a wrong checksum would.
  for (const [relative, record] of Object.entries(manifest.files)) {
    await checkSize(folder.file(relative), record);
  }
  await Promise.all(
    Object.entries(manifest.files).map(([relative, record]) => checkSum(folder.file(relative), record)),
  );
  return folder;
}

async function readManifest(path: string): Promise<ModelManifest> {
  const file = join(path, MANIFEST);
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) {
    throw new ModelError(
      'model-missing',
      found ? `${path} is not a folder.` : `There is no model folder at ${path}.`,
      'Choose a model folder (surprisal.model, --model), or none for the bundled model.',
    );
  }
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw new ModelError(
      'model-missing',
      `The model folder ${path} has no readable ${MANIFEST}, and no config.json either.`,
      'Choose a folder that was made for Surprisal, or one with the ONNX files of a model from Hugging Face’s hub (surprisal.model, --model), or none.',
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(file, `is not JSON (${(error as Error).message})`);
  }
  return validate(file, value);
}

function invalid(file: string, why: string): ModelError {
  return new ModelError('model-invalid', `${file} ${why}.`, 'Get the model folder again.');
}

function validate(file: string, value: unknown): ModelManifest {
  if (typeof value !== 'object' || value === null) {
    throw invalid(file, 'does not hold an object');
  }
  const record = value as Record<string, unknown>;
  if (record.schema !== 2) {
    throw invalid(file, `has schema ${JSON.stringify(record.schema)}, and only schema 2 is known`);
  }
  for (const key of ['id', 'name', 'licence']) {
    if (typeof record[key] !== 'string' || record[key] === '') {
      throw invalid(file, `lacks a text for "${key}"`);
    }
  }
  for (const key of [
    'parameters',
    'hidden',
    'layers',
    'keyValueHeads',
    'headDim',
    'vocabularySize',
    'contextWindow',
  ]) {
    if (!Number.isInteger(record[key]) || (record[key] as number) <= 0) {
      throw invalid(file, `lacks a positive whole number for "${key}"`);
    }
  }
  const vocabulary = record.vocabularySize as number;
  if (!isBelow(record.separatorTokenId, vocabulary)) {
    throw invalid(file, 'lacks a vocabulary id for "separatorTokenId"');
  }
  const files = record.files as Record<string, unknown> | undefined;
  if (typeof files !== 'object' || files === null) {
    throw invalid(file, 'lacks "files"');
  }
  for (const [relative, entry] of Object.entries(files)) {
    const { bytes, sha256 } = (entry ?? {}) as Partial<FileRecord>;
    if (!isInside(relative)) {
      throw invalid(file, `names a file outside of its folder (${relative})`);
    }
    if (!Number.isInteger(bytes) || typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) {
      throw invalid(file, `lacks the size and SHA-256 of ${relative}`);
    }
  }
  const graphs = (record.graphs ?? {}) as Record<string, unknown>;
  for (const key of ['backbone', 'head']) {
    if (typeof graphs[key] !== 'string' || !(graphs[key] in files)) {
      throw invalid(file, `lacks "graphs.${key}", or does not list it among its files`);
    }
  }
  for (const [key, graph] of [
    ['quantized', 'head'],
    ['float16', 'backbone'],
  ]) {
    if (record[key] !== undefined && !namesGraph(record[key], graph, files)) {
      throw invalid(file, `has a "${key}" that names no ${graph} among its files`);
    }
  }
  if (record.float32 !== undefined && !isFloat32Backbone(record.float32, files)) {
    throw invalid(file, 'has a "float32" that does not say where its matrices come from');
  }
  if (record.int8 !== undefined && !isInt8Network(record.int8, record.float32, files)) {
    throw invalid(file, 'has an "int8" that does not fit its "float32" or its files');
  }
  for (const key of ['tokenizer.json', 'tokenizer_config.json']) {
    if (!(key in files)) {
      throw invalid(file, `does not list ${key}`);
    }
  }
  const { ids, nats } = (record.verification ?? {}) as Partial<ModelManifest['verification']>;
  if (
    !Array.isArray(ids) ||
    !Array.isArray(nats) ||
    ids.length < 65 ||
    nats.length !== ids.length - 1 ||
    !ids.every((id) => isBelow(id, vocabulary)) ||
    !nats.every((value) => Number.isFinite(value))
  ) {
    throw invalid(file, 'lacks a verification page of at least 64 scored tokens');
  }
  return value as ModelManifest;
}

/** Whether a graph and the data files that it names are among the files. */
function isGraph(graph: unknown, data: unknown, files: Record<string, unknown>): graph is string {
  return (
    typeof graph === 'string' &&
    graph in files &&
    Array.isArray(data) &&
    data.every((name) => isBeside(graph, name, files))
  );
}

/** Whether a name, seen from a graph's folder, is one of the files. */
function isBeside(graph: string, name: unknown, files: Record<string, unknown>): boolean {
  return typeof name === 'string' && posix.join(posix.dirname(graph), name) in files;
}

/** Whether a value is a record with the name of one of the files under a key. */
function namesGraph(value: unknown, key: string, files: Record<string, unknown>): boolean {
  const graph = ((value ?? {}) as Record<string, unknown>)[key];
  return typeof graph === 'string' && graph in files;
}

function isFloat32Backbone(value: unknown, files: Record<string, unknown>): value is Float32Backbone {
  const { backbone, data, matrices } = (value ?? {}) as Partial<Float32Backbone>;
  return (
    isGraph(backbone, data, files) &&
    Array.isArray(matrices) &&
    matrices.every((matrix: unknown) => {
      const { name, file, rows, columns, values, scales, minimums } = (matrix ?? {}) as Partial<MatrixRecipe>;
      return (
        typeof name === 'string' &&
        isBeside(backbone, file, files) &&
        areWhole(rows, columns, values, scales, minimums)
      );
    })
  );
}

function isInt8Network(value: unknown, float32: unknown, files: Record<string, unknown>): boolean {
  const { backbone, data, head, products, outliers } = (value ?? {}) as Partial<Int8Network>;
  const { graph, data: headData, matrix } = (head ?? {}) as Partial<Int8Head>;
  if (
    !isGraph(backbone, data, files) ||
    !isGraph(graph, headData, files) ||
    !isFloat32Backbone(float32, files) ||
    typeof products !== 'string' ||
    !(products in files)
  ) {
    return false;
  }
  const { file, rows, columns, values, scales, part } = (matrix ?? {}) as Partial<Int8Head['matrix']>;
  const matrices = [...float32.matrices, { name: 'head', columns }];
  return (
    isBeside(graph, file, files) &&
    areWhole(rows, columns, values, scales, part) &&
    part !== 0 &&
    matrices.every(({ name, columns: inputs }) => {
      const aside = outliers?.[name];
      return (
        Array.isArray(aside) &&
        aside.every((column, i) => isBelow(column, inputs ?? 0) && !(column <= aside[i - 1]))
      );
    })
  );
}

/** Whether all are whole numbers, none below 0. */
function areWhole(...values: readonly unknown[]): boolean {
  return values.every((value) => isBelow(value, Number.MAX_SAFE_INTEGER));
}

/** Whether a value is one of the whole numbers from 0 to a limit, without it. */
function isBelow(value: unknown, limit: number): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < limit;
}

function isInside(relative: string): boolean {
  const path = normalize(relative);
  return path !== '..' && !path.startsWith(`..${sep}`) && !path.startsWith(sep) && !/^[A-Za-z]:/.test(path);
}

async function checkSize(file: string, record: FileRecord): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) {
    throw new ModelError(
      'model-missing',
      `The model's file ${file} is missing.`,
      'Get the model folder again.',
    );
  }
  if (found.size !== record.bytes) {
    throw new ModelError(
      'checksum',
      `The model's file ${file} has ${found.size} bytes instead of ${record.bytes}.`,
      'It is damaged or incomplete: get the model folder again.',
    );
  }
}

/** Has a hash read a file, a part at a time. Rejects when it cannot be read, and when the signal is aborted. */
export function addFile(hash: Hash, file: string, signal?: AbortSignal): Promise<void> {
  return pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash, { signal });
}

async function checkSum(file: string, record: FileRecord): Promise<void> {
  const hash = createHash('sha256');
  try {
    await addFile(hash, file);
  } catch (error) {
    throw new ModelError(
      'model-missing',
      `The model's file ${file} cannot be read (${(error as Error).message}).`,
      'Check its permissions, or get the model folder again.',
    );
  }
  if (hash.digest('hex') !== record.sha256) {
    throw new ModelError(
      'checksum',
      `The model's file ${file} has another SHA-256 than its manifest says.`,
      'It is damaged or was changed: get the model folder again.',
    );
  }
}
