/** Which devices a platform has, and whether one computes the right numbers. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { ModelError } from './errors';
import type { ModelManifest } from './folder';
import type { Network } from './network';
import type { NetworkForm, WeightsInMemory } from './sessions';

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

/**
 * Whether there may be a GPU. On Linux one has a device node; without, Vulkan has at most a device in software (Mesa
 * brings one along), which takes a minute for what the CPU does in a second.
 */
export function hasGraphicsDevice(): boolean {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
  // Who names a driver wants it to be tried.
  if (process.platform !== 'linux' || VK_DRIVER_FILES || VK_ICD_FILENAMES) {
    return true;
  }
  return (
    namesIn('/dev/dri').some((name) => name.startsWith('renderD')) ||
    existsSync('/dev/nvidiactl') ||
    // Windows' GPU in its Subsystem for Linux.
    existsSync('/dev/dxg')
  );
}

/** The names in a folder; none where it is not there or must not be read. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** How the weights are to be kept: `auto` decides by the memory that is there, between those with the same values. */
export const WEIGHTS_CHOICES = ['auto', 'float32', 'int8', 'quantized'] as const;
export type WeightsChoice = (typeof WEIGHTS_CHOICES)[number];

/** Memory that is left to everything else when `auto` takes float32 weights, in bytes. */
const SPARE_MEMORY = 2e9;

/**
 * Decides how the weights are kept on a CPU, with values as in the file.
 * @param available bytes of memory that a process may still take
 * @param excluded why `auto` is not to take float32, if it is not
 * @returns the decision, the form to begin with where one loads sooner, and one sentence that says why
 */
export function chooseWeights(
  choice: Exclude<WeightsChoice, 'int8'>,
  { float32 }: Pick<ModelManifest, 'float32'>,
  available: number,
  excluded?: string,
): { readonly weights: WeightsInMemory; readonly first?: WeightsInMemory; readonly reason: string } {
  if (!float32) {
    return { weights: 'quantized', reason: 'Weights: as the model folder has them.' };
  }
  const bytes = float32.matrices.reduce((sum, { rows, columns }) => sum + 4 * rows * columns, 0);
  const size = `${Math.round(bytes / 1e6)} MB`;
  if (choice !== 'auto') {
    const name = choice === 'float32' ? `float32 (${size})` : '4-bit';
    return { weights: choice, reason: `Weights: ${name}, as set.` };
  }
  if (excluded !== undefined) {
    return { weights: 'quantized', reason: `Weights: 4-bit, for ${excluded}` };
  }
  // While they are loaded they are there twice, beside the 4-bit ones and what was scored with those.
  const wanted = 3 * bytes + SPARE_MEMORY;
  const there = `${(available / 1e9).toFixed(1)} GB of memory are free`;
  return available >= wanted
    ? {
        weights: 'float32',
        first: 'quantized',
        reason: `Weights: float32 (${size}), the fastest exact ones; ${there}.`,
      }
    : { weights: 'quantized', reason: `Weights: 4-bit, for float32 would want ${size} more; ${there}.` };
}

/**
 * The forms of the model to try on a GPU, the fastest first. Half precision is tried only where the choice is left open:
 * who asks for float32 or 4-bit weights wants the numbers that the CPU has. CoreML has no operator for the attention,
 * which the CPU would have to do in half precision, slowly.
 */
export function formsFor(
  provider: Provider,
  choice: WeightsChoice,
  { float16 }: Pick<ModelManifest, 'float16'>,
): readonly NetworkForm[] {
  return float16 && choice === 'auto' && provider !== 'coreml' ? ['float16', 'quantized'] : ['quantized'];
}

/** Bytes of memory that this process may still take, as far as the system says. */
export function availableMemory(): number {
  // macOS counts only pages that nothing was ever in.
  return process.platform === 'darwin' ? totalmem() / 4 : (process.availableMemory?.() ?? freemem());
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

/**
 * Weights and inputs in 8 bits stay within this on a processor that multiplies them well. The bits per byte of a text
 * are far nearer, because the differences go both ways (docs/benchmarks.md).
 */
export const INT8_TOLERANCE: Tolerance = { mean: 0.08, largest: 1.5 };

/** How a network did on the manifest's verification page. */
export interface Verification {
  readonly passed: boolean;
  /** Mean and largest absolute difference to the known surprisals, in nats; NaN when one was not finite. */
  readonly mean: number;
  readonly largest: number;
}

/**
 * Runs the manifest's built-in page and compares every token's surprisal with the known one. The page is
 * long on purpose: a device can be right for eight tokens and wrong for thirty-two. It is run in
 * halves, as documents are run in chunks: attention to keys and values of an earlier run has to be right too.
 */
export async function verify(
  network: Network,
  manifest: ModelManifest,
  tolerance: Tolerance = DEVICE_TOLERANCE,
): Promise<Verification> {
  const nats = await scorePage(network, manifest.verification.ids);
  return compare(nats, manifest.verification.nats, tolerance);
}

function compare(nats: Float32Array, known: ArrayLike<number>, tolerance: Tolerance): Verification {
  let sum = 0;
  let largest = 0;
  for (const [i, surprisal] of nats.entries()) {
    const difference = Math.abs(surprisal - known[i]);
    sum += difference;
    largest = Math.max(largest, difference);
  }
  const mean = sum / nats.length;
  return { passed: mean <= tolerance.mean && largest <= tolerance.largest, mean, largest };
}

/** Tokens of the page on which a graph that was not made for Surprisal is tried. */
const TRIED = 65;

/**
 * A network that rounds by the largest number of a run gives other numbers for a text in two runs, but not as far off as one that
 * does not see what came before.
 */
const ROUNDED_TOLERANCE: Tolerance = { mean: 0.4, largest: 4 };

/**
 * Whether a network gives the same numbers for a text in two runs as in one: only then may it go on from keys and values.
 * @throws ModelError when it gives no numbers, or not as many as there should be
 */
export async function keepsContext(
  network: Network,
  { verification }: ModelManifest,
  isRoundedByRun: boolean,
): Promise<boolean> {
  const ids = verification.ids.slice(0, TRIED);
  const [whole, halves] = [await scorePage(network, ids, 1), await scorePage(network, ids)];
  if (![...whole, ...halves].every(Number.isFinite)) {
    throw new ModelError(
      'non-finite',
      `The model ${network.manifest.id} gives surprisals that are not finite numbers.`,
      'Choose another file or export of it: this one may be too coarse for its numbers.',
    );
  }
  return compare(halves, whole, isRoundedByRun ? ROUNDED_TOLERANCE : DEVICE_TOLERANCE).passed;
}

/**
 * The surprisals of a page, in nats, [ids − 1].
 * @param parts that it is run in
 */
export async function scorePage(network: Network, page: readonly number[], parts = 2): Promise<Float32Array> {
  const ids = Uint32Array.from(page);
  const rows = ids.length - 1;
  const past = network.newCache(rows);
  const nats = new Float32Array(rows);
  for (let part = 0; part < parts; part++) {
    const [from, to] = [part, part + 1].map((count) => Math.ceil((count * rows) / parts));
    const values = await network.run(ids.subarray(from, to), past);
    nats.set((await network.score(values, ids.subarray(from + 1, to + 1))).nats, from);
  }
  return nats;
}

/** How many tokens of the verification page a network scores in a second. What it does first takes longer. */
export async function pageRate(network: Network, manifest: ModelManifest): Promise<number> {
  const before = performance.now();
  const { length } = await scorePage(network, manifest.verification.ids);
  return (1000 * length) / (performance.now() - before);
}

/**
 * Number of physical cores that this process may use: two threads of one core share its multiply units, and a matrix
 * product gains nothing from the second. In a container it may be far fewer than the machine has.
 */
export function physicalCores(): number {
  return Math.min(coresOfMachine(), availableParallelism(), processorQuota());
}

function coresOfMachine(): number {
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

/** Processors' worth of time that Linux's control group grants, rounded up; Infinity without a limit. */
function processorQuota(): number {
  try {
    return quotaOf(readFileSync('/sys/fs/cgroup/cpu.max', 'utf8'));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** @param limit what Linux has in `cpu.max`: `200000 100000`, or `max 100000` without a limit */
export function quotaOf(limit: string): number {
  const [quota, period] = limit.split(' ').map(Number);
  return quota > 0 && period > 0 ? Math.ceil(quota / period) : Number.POSITIVE_INFINITY;
}

/** The name of the processor as the operating system gives it. */
export function processorName(): string {
  return cpus()[0]?.model.trim() || 'CPU';
}
