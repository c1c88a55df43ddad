// Runs a graph on the CPU alone and with the WebGPU provider, and prints how far the results lie apart:
//
//   node compare-providers.mjs GRAPH.onnx [INPUTS.json]
//
// The inputs are in GRAPH.json beside it unless told otherwise, { "inputs": { name: { type, dims, data } } }. Printed is one line,
//   {"outputs": {name: {"largest": maxAbsDiff, "count": n}}, "nodes": {"webgpu": n, "cpu": n}}
// where nodes counts what the WebGPU session really ran on each provider, as ONNX Runtime's profile tells it. A
// process of its own, because the Vulkan device is chosen by environment variables and a driver may crash.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** @typedef {{ type: 'float32' | 'int32' | 'int64' | 'bool', dims: number[], data: number[] }} Entry */

/** @param {Entry} entry */
function tensorOf({ type, dims, data }) {
  switch (type) {
    case 'int64':
      return new Tensor(type, BigInt64Array.from(data, BigInt), dims);
    case 'int32':
      return new Tensor(type, Int32Array.from(data), dims);
    case 'bool':
      return new Tensor(type, Uint8Array.from(data), dims);
    case 'float32':
      return new Tensor(type, Float32Array.from(data), dims);
    default:
      throw new Error(`an input of type ${type}`);
  }
}

/**
 * @param {string} graph
 * @param {string[]} executionProviders
 * @param {Record<string, Tensor>} feeds
 * @param {InferenceSession.SessionOptions} [options]
 */
async function run(graph, executionProviders, feeds, options) {
  const session = await InferenceSession.create(graph, {
    executionProviders,
    logSeverityLevel: 3,
    ...options,
  });
  const results = await session.run(feeds);
  if (options?.enableProfiling) {
    session.endProfiling();
  }
  await session.release();
  return results;
}

/**
 * @param {string} folder where the profile was written
 * @returns {Promise<{ webgpu: number, cpu: number }>}
 */
async function countNodes(folder) {
  const [profile] = await readdir(folder);
  /** @type {{ args?: { provider?: string } }[]} */
  const events = JSON.parse(await readFile(join(folder, profile), 'utf8'));
  const nodes = { webgpu: 0, cpu: 0 };
  for (const { args } of events) {
    if (args?.provider === 'WebGpuExecutionProvider') {
      nodes.webgpu++;
    } else if (args?.provider === 'CPUExecutionProvider') {
      nodes.cpu++;
    }
  }
  return nodes;
}

/**
 * @param {ArrayLike<number>} a
 * @param {ArrayLike<number>} b
 */
function compare(a, b) {
  if (a.length !== b.length) {
    throw new Error(`${a.length} numbers against ${b.length}`);
  }
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (Number.isNaN(difference)) {
      throw new Error(`number ${i}: ${a[i]} against ${b[i]}`);
    }
    largest = Math.max(largest, difference);
  }
  return { largest, count: a.length };
}

const [, , graph, file = graph.replace(/\.onnx$/, '.json')] = process.argv;
/** @type {{ inputs: Record<string, Entry> }} */
const { inputs } = JSON.parse(await readFile(file, 'utf8'));
const feeds = Object.fromEntries(Object.entries(inputs).map(([name, entry]) => [name, tensorOf(entry)]));
const folder = await mkdtemp(join(tmpdir(), 'surprisal-profile-'));
try {
  const expected = await run(graph, ['cpu'], feeds);
  const profile = { enableProfiling: true, profileFilePrefix: join(folder, 'webgpu') };
  const found = await run(graph, ['webgpu', 'cpu'], feeds, profile);
  /** @type {Record<string, { largest: number, count: number }>} */
  const outputs = {};
  for (const [name, { data }] of Object.entries(expected)) {
    outputs[name] = compare(
      /** @type {Float32Array | Int32Array} */ (data),
      /** @type {Float32Array | Int32Array} */ (found[name].data),
    );
  }
  console.log(JSON.stringify({ outputs, nodes: await countNodes(folder) }));
} finally {
  await rm(folder, { recursive: true, force: true });
}
