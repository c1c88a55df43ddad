/** Which devices a platform has, and whether one computes the right numbers. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { ModelManifest } from './folder';
import type { Network } from './network';

/** An ONNX Runtime execution provider, by its onnxruntime-node name. */
export type Provider = 'cpu' | 'webgpu' | 'cuda' | 'dml' | 'coreml';

/** Names for the user. */
export const PROVIDER_NAMES: Readonly<Record<Provider, string>> = {
  cpu: 'CPU',
  webgpu: 'WebGPU',
  cuda: 'CUDA',
  dml: 'DirectML',
  coreml: 'CoreML',
};

/** Providers of onnxruntime-node 1.30's binaries by platform and processor, the one to be tried first at the front. */
const PROVIDERS: Readonly<Record<string, readonly Provider[]>> = {
  'win32-x64': ['webgpu', 'dml', 'cpu'],
  'win32-arm64': ['webgpu', 'dml', 'cpu'],
  'darwin-arm64': ['webgpu', 'coreml', 'cpu'],
  'linux-x64': ['cuda', 'webgpu', 'cpu'],
  'linux-arm64': ['cpu'],
};

/**
 * The providers that can be tried here, in order.
 * @returns undefined where onnxruntime-node has no binary at all (macOS on Intel, for one)
 */
export function providersOf(platform: string, architecture: string): readonly Provider[] | undefined {
  return PROVIDERS[`${platform}-${architecture}`];
}

/** How far a device's surprisals may be from the known ones before it is not trusted, in nats. */
export interface Tolerance {
  /** Mean absolute difference. */
  readonly mean: number;
  /** Largest absolute difference. */
  readonly largest: number;
}

/**
 * Half precision on a GPU stays within this (mean below 0.01 nats is far less than any quantisation costs);
 * a broken kernel is off by whole nats.
 */
export const DEVICE_TOLERANCE: Tolerance = { mean: 0.02, largest: 0.5 };

/** How a network did on the manifest's verification page. */
export interface Verification {
  readonly passed: boolean;
  /** Mean and largest absolute difference to the known surprisals, in nats; NaN when one was not finite. */
  readonly mean: number;
  readonly largest: number;
}

/**
 * Runs the manifest's built-in page and compares every token's surprisal with the known one. The page is
 * long on purpose: a device can be right for eight tokens and wrong for thirty-two (DESIGN §9).
 */
export async function verify(
  network: Network,
  manifest: ModelManifest,
  tolerance: Tolerance = DEVICE_TOLERANCE,
): Promise<Verification> {
  const ids = Uint32Array.from(manifest.verification.ids);
  const { values } = await network.run(ids.subarray(0, ids.length - 1), undefined, false);
  const { nats } = await network.score(values, ids.subarray(1));
  let sum = 0;
  let largest = 0;
  for (let i = 0; i < nats.length; i++) {
    const difference = Math.abs(nats[i] - manifest.verification.nats[i]);
    sum += difference;
    largest = Math.max(largest, difference);
  }
  const mean = sum / nats.length;
  return { passed: mean <= tolerance.mean && largest <= tolerance.largest, mean, largest };
}

/**
 * Number of physical cores: two threads of one core share its multiply units, and a matrix product gains
 * nothing from the second.
 */
export function physicalCores(): number {
  const logical = Math.max(1, cpus().length);
  if (process.platform === 'linux') {
    const siblings = new Set<string>();
    for (let cpu = 0; cpu < logical; cpu++) {
      try {
        siblings.add(readFileSync(`/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`, 'utf8'));
      } catch {
        return logical;
      }
    }
    return siblings.size;
  }
  return process.platform === 'win32' && logical > 2 ? Math.ceil(logical / 2) : logical;
}

/** The name of the processor as the operating system gives it. */
export function processorName(): string {
  return cpus()[0]?.model.trim() || 'CPU';
}
