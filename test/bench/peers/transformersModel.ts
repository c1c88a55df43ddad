/** The bundled model as transformers.js wants it: one graph from token ids to logits. */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import type { ModelFolder } from '../../../src/model/folder';
import { computeBackbone, inOne, type WeightsInMemory } from '../../../src/model/sessions';

/** Goes up with every change to what is made here, so that an older folder is made anew. */
const RECIPE_VERSION = 2;

/** What is written of ONNX's file format, with its field numbers (onnx.proto3). */
const SCHEMA = `
  syntax = "proto3";
  message Model { Graph graph = 7; }
  message Graph { repeated Node node = 1; repeated Tensor initializer = 5; repeated Value output = 12; }
  message Node {
    repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4;
    repeated Attribute attribute = 5;
  }
  message Attribute { string name = 1; int64 i = 3; int32 type = 20; }
  message Tensor { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
  message Value { string name = 1; Type type = 2; }
  message Type { TensorType tensor_type = 1; }
  message TensorType { int32 elem_type = 1; Shape shape = 2; }
  message Shape { repeated Dimension dim = 1; }
  message Dimension { int64 dim_value = 1; string dim_param = 2; }
`;
const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_INT = 2;

/** The part of protobufjs that is used; it comes with transformers.js. */
interface Protobuf {
  parse(
    schema: string,
    options: { keepCase: boolean },
  ): {
    root: { lookupType(name: string): { encode(message: object): { finish(): Uint8Array } } };
  };
}

/**
 * Makes the bundled model readable for transformers.js, unless that was done already.
 * @param packages folder whose node_modules has protobufjs
 * @param weights the form of the backbone; as float32 it takes 430 MB of disk
 * @returns the folder of models, and the model's folder in it
 */
export async function transformersModel(
  folder: ModelFolder,
  packages: string,
  weights: WeightsInMemory,
): Promise<{ readonly models: string; readonly id: string }> {
  const { makeOnce } = await import('../../../scripts/support.mjs');
  const { manifest } = folder;
  const models = join(packages, 'models');
  const id = `${manifest.id}-${weights}`;
  const stamp = JSON.stringify([RECIPE_VERSION, manifest]);
  await makeOnce(join(models, id), stamp, async (staging) => {
    const target = join(staging, 'onnx');
    await mkdir(target);
    for (const file of Object.keys(manifest.files).filter((name) => /^[^/]*\.json$/.test(name))) {
      await copyFile(folder.file(file), join(staging, file));
    }
    const backbone = folder.file(await copyWeights(folder, weights, target));
    const protobuf = createRequire(join(packages, 'package.json'))('protobufjs') as Protobuf;
    // Two messages one after the other are one message with the fields of both (Protocol Buffers, "Encoding").
    const graph = Buffer.concat([await readFile(backbone), logitsGraph(protobuf, folder)]);
    await writeFile(join(target, 'model.onnx'), graph);
  });
  return { models, id };
}

/**
 * Copies the weights that a backbone reads: ONNX Runtime reads none through a link that leads out of the graph's folder.
 * @returns the backbone's graph, relative to the model folder
 */
async function copyWeights(folder: ModelFolder, weights: WeightsInMemory, target: string): Promise<string> {
  const { graphs, files } = folder.manifest;
  const computed = weights === 'quantized' ? undefined : await inOne(computeBackbone(folder, weights));
  if (!computed) {
    for (const name of Object.keys(files).filter((candidate) => candidate.endsWith('.bin'))) {
      await copyFile(folder.file(name), join(target, basename(name)));
    }
    return graphs.backbone;
  }
  for (const { path, data } of computed.external) {
    await writeFile(join(target, path), data);
  }
  return computed.graph;
}

/**
 * What the backbone's graph lacks: hidden states times the float32 product of the embedding's bytes and scales, which
 * the backbone has as initializers for looking its inputs up (models/make/graphs.py). ONNX Runtime makes the product
 * once, when it loads the graph.
 */
function logitsGraph(protobuf: Protobuf, { manifest }: ModelFolder): Uint8Array {
  const node = (
    op_type: string,
    input: string[],
    output: string,
    attributes: Record<string, number> = {},
  ) => ({
    op_type,
    name: output,
    input,
    output: [output],
    attribute: Object.entries(attributes).map(([name, i]) => ({ name, i, type: ATTRIBUTE_INT })),
  });
  const integers = (name: string, values: readonly number[]) => ({
    name,
    dims: [values.length],
    data_type: INT64,
    raw_data: Buffer.from(BigInt64Array.from(values, BigInt).buffer),
  });
  const { hidden, vocabularySize } = manifest;
  const graph = {
    node: [
      node('Cast', ['embedding.q'], 'logits.q', { to: FLOAT }),
      node('Sub', ['logits.q', 'logits.middle'], 'logits.centred'),
      node('Cast', ['embedding.scale'], 'logits.scale', { to: FLOAT }),
      node('Unsqueeze', ['logits.scale', 'logits.last'], 'logits.scales'),
      node('Mul', ['logits.centred', 'logits.scales'], 'logits.blocks'),
      node('Reshape', ['logits.blocks', 'logits.matrix_shape'], 'logits.matrix'),
      node('Reshape', ['hidden_states', 'logits.rows_shape'], 'logits.rows'),
      node('Gemm', ['logits.rows', 'logits.matrix'], 'logits.products', { transB: 1 }),
      node('Unsqueeze', ['logits.products', 'logits.first'], 'logits'),
    ],
    initializer: [
      {
        name: 'logits.middle',
        dims: [],
        data_type: FLOAT,
        raw_data: Buffer.from(Float32Array.of(128).buffer),
      },
      integers('logits.first', [0]),
      integers('logits.last', [-1]),
      integers('logits.matrix_shape', [vocabularySize, hidden]),
      integers('logits.rows_shape', [-1, hidden]),
    ],
    output: [
      {
        name: 'logits',
        type: {
          tensor_type: {
            elem_type: FLOAT,
            shape: { dim: [{ dim_value: 1 }, { dim_param: 'T' }, { dim_value: vocabularySize }] },
          },
        },
      },
    ],
  };
  return protobuf.parse(SCHEMA, { keepCase: true }).root.lookupType('Model').encode({ graph }).finish();
}
