/** Loads a model on the fastest device that computes it right, and says why on this one. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  availableMemory,
  chooseWeights,
  DEVICE_TOLERANCE,
  formsFor,
  hasGraphicsDevice,
  INT8_TOLERANCE,
  keepsContext,
  PROVIDER_NAMES,
  type Provider,
  pageRate,
  physicalCores,
  processorName,
  providersOf,
  scorePage,
  type Tolerance,
  verify,
  type WeightsChoice,
} from '../model/devices';
import { ModelError, messageOf } from '../model/errors';
import type { ModelFolder, ModelManifest } from '../model/folder';
import { byteProducts } from '../model/hub';
import { Network } from '../model/network';
import { addsBytesExactly, canMultiplyInt8, type NetworkOptions, type Runtime } from '../model/sessions';
import type { DeviceInfo, LoadRequest, Trial } from './protocol';

/** Cores up to which all are used: on so few, leaving one idle would cost half of the speed. */
const FEW_CORES = 2;

/** Tokens a second from which on a device is taken without a look at the CPU, which is hardly ever as fast. */
const FAST = 4000;

/** What is asked for. */
export type Wanted = Pick<LoadRequest, 'device' | 'excluded' | 'threads' | 'weights'>;

/** Who hears about the loading. */
export interface LoadingListener {
  log(line: string): void;
  /** Something is about to be tried that may cost the process its life, or (undefined) has been. */
  trying(trial: Trial | undefined): void;
}

/** A model on a device. */
export interface Loaded {
  readonly network: Network;
  readonly device: DeviceInfo;
  /** Why it is not what was asked for. */
  readonly degraded: string | undefined;
}

/**
 * Loads the model on the device that was asked for, or on the fastest one. Every device but the CPU must first compute
 * the manifest's verification page correctly; one that does not is left for the next, and at last the CPU.
 * @throws ModelError when there is no ONNX Runtime for this platform, or the CPU cannot load the model
 */
export async function loadOnDevice(
  runtime: Runtime,
  folder: ModelFolder,
  wanted: Wanted,
  listener: LoadingListener,
): Promise<Loaded> {
  const available = providersOf(process.platform, process.arch);
  if (!available) {
    throw new ModelError(
      'platform',
      `There is no ONNX Runtime for ${process.platform} ${process.arch}.`,
      'Use Windows, Linux or a Mac with Apple silicon.',
    );
  }
  return new Loading(runtime, folder, wanted, listener).onOneOf(available);
}

/** A model on the CPU. */
interface OnCpu {
  readonly network: Network;
  /** Why its weights are not those that were asked for. */
  readonly missed: string | undefined;
  readonly int8: DeviceInfo['int8'];
}

/** What became of a network on the verification page. */
interface Attempt {
  /** The network, if it may be trusted. */
  readonly network?: Network;
  /** How far off it is: `mean difference 0.0021 nats, largest 0.013`. */
  readonly difference: string;
  /** Tokens a second, where it was timed. */
  readonly rate: number | undefined;
}

class Loading {
  readonly #threads: number;
  /** With the known surprisals of the verification page, once they are needed. */
  #manifest: ModelManifest;
  /** Why a device was taken, and the others were not. */
  readonly #reasons: string[] = [];

  constructor(
    private readonly runtime: Runtime,
    private readonly folder: ModelFolder,
    private readonly wanted: Wanted,
    private readonly listener: LoadingListener,
  ) {
    this.#manifest = folder.manifest;
    const cores = physicalCores();
    this.#threads = wanted.threads > 0 ? wanted.threads : cores > FEW_CORES ? cores - 1 : cores;
  }

  async onOneOf(available: readonly Provider[]): Promise<Loaded> {
    const { device } = this.wanted;
    const asked = device === 'auto' || device === 'cpu' ? undefined : device;
    const candidates = asked ? [asked] : device === 'cpu' ? [] : available.filter((one) => one !== 'cpu');
    for (const provider of candidates) {
      const why = this.#whyNotTried(provider, available);
      if (why !== undefined) {
        this.#reasons.push(`${PROVIDER_NAMES[provider]}: ${why}`);
        continue;
      }
      await this.#knowPage();
      const trial = await this.#announced(provider, () => this.#tryDevice(provider, asked === undefined));
      if (trial?.network) {
        const onDevice = { network: trial.network, device: this.#about(provider), degraded: undefined };
        return trial.rate === undefined ? onDevice : this.#fasterOf(onDevice, trial.rate);
      }
    }
    const { network, missed, int8 } = await this.#loadOnCpu(true);
    return { network, device: this.#about('cpu', int8), degraded: asked ? this.#reasons[0] : missed };
  }

  /** Has the CPU compute the surprisals of a model's page that come with none: others are compared with it then. */
  async #knowPage(): Promise<void> {
    const { ids, nats } = this.#manifest.verification;
    if (nats.length > 0) {
      return;
    }
    const network = await this.#load({ provider: 'cpu', threads: this.#threads, weights: 'quantized' });
    try {
      const known = [...(await scorePage(network, ids))];
      this.#manifest = { ...this.#manifest, verification: { ids, nats: known } };
    } finally {
      await network.release();
    }
  }

  #about(provider: Provider, int8?: DeviceInfo['int8']): DeviceInfo {
    const name = provider === 'cpu' ? processorName() : PROVIDER_NAMES[provider];
    return { provider, name, threads: this.#threads, reasons: this.#reasons, int8 };
  }

  #whyNotTried(provider: Provider, available: readonly Provider[]): string | undefined {
    if (!available.includes(provider)) {
      return `not in ONNX Runtime's build for ${process.platform} ${process.arch}.`;
    }
    if (provider === 'cuda' && !isCudaInstalled()) {
      return 'its files are not installed.';
    }
    if (this.wanted.device === 'auto' && !hasGraphicsDevice()) {
      return 'not usable here (no graphics device was found).';
    }
    return this.wanted.excluded[provider];
  }

  /** Tries what may cost the process its life, and says so before and after. */
  async #announced<Result>(trial: Trial, attempt: () => Promise<Result>): Promise<Result> {
    this.listener.trying(trial);
    try {
      return await attempt();
    } finally {
      this.listener.trying(undefined);
    }
  }

  /** Loads the model on a device in the fastest form that is right there. */
  async #tryDevice(provider: Provider, isTimed: boolean): Promise<Attempt | undefined> {
    const failures = new Set<string>();
    for (const weights of formsFor(provider, this.wanted.weights, this.folder.manifest)) {
      const precision = weights === 'float16' ? 'half precision' : 'float32';
      try {
        const options: NetworkOptions = { provider, threads: this.#threads, weights };
        const trial = await this.#loadVerified(options, DEVICE_TOLERANCE, isTimed);
        if (trial.network) {
          const right = `computes the verification page correctly in ${precision} (${trial.difference})`;
          this.#reasons.push(`${PROVIDER_NAMES[provider]}: ${[right, ...failures].join('; ')}.`);
          return trial;
        }
        const page = `${trial.difference} on the verification page`;
        failures.add(`computes wrong numbers${weights === 'float16' ? ` in ${precision}` : ''} (${page})`);
      } catch (error) {
        failures.add(this.#failureOf(error));
      }
    }
    this.#reasons.push(`${PROVIDER_NAMES[provider]}: ${[...failures].join('; ')}.`);
    return undefined;
  }

  /** What a library said, as short as a menu wants it; the whole goes to the log. */
  #failureOf(error: unknown): string {
    const cause = error instanceof ModelError ? (error.cause ?? error) : error;
    const message = messageOf(cause).split('\n')[0];
    this.listener.log(message);
    if (/requires f16/i.test(message)) {
      return 'has no half precision';
    }
    if (/adapter|vulkan|WebGpuContext/i.test(message)) {
      return 'not usable here (no graphics device was found)';
    }
    if (/shared library|dlopen|LoadLibrary|cannot open shared object/i.test(message)) {
      return 'not usable here (its libraries cannot be loaded)';
    }
    return `not usable here (${message.replace(/^.*:\s+/, '').slice(0, 120)})`;
  }

  /** What was loaded on a device, where it scores so many tokens a second, or the same on the CPU if that is faster. */
  async #fasterOf(onDevice: Loaded, rate: number): Promise<Loaded> {
    const manifest = this.#manifest;
    const name = onDevice.device.name;
    if (rate >= FAST) {
      this.#reasons.push(`${name}: ${describeRate(rate)}.`);
      return onDevice;
    }
    let onCpu: OnCpu | undefined;
    let cpuRate: number;
    try {
      onCpu = await this.#loadOnCpu(false);
      // The first time warms it up.
      await pageRate(onCpu.network, manifest);
      cpuRate = await pageRate(onCpu.network, manifest);
    } catch (error) {
      await onCpu?.network.release();
      this.#reasons.push(`${name}: ${describeRate(rate)}; the CPU is ${this.#failureOf(error)}.`);
      return onDevice;
    }
    const { network, missed, int8 } = onCpu;
    const rates = `${describeRate(rate)}, against ${describeRate(cpuRate)} on the CPU`;
    if (rate >= cpuRate) {
      await network.release();
      this.#reasons.push(`${name}: ${rates}.`);
      return onDevice;
    }
    await onDevice.network.release();
    this.#reasons.push(`${name}: slower here (${rates}).`);
    return { network, device: this.#about('cpu', int8), degraded: missed };
  }

  /**
   * Loads the model on the CPU, with the weights that were asked for if they can be had.
   * @param isSoon whether to begin with a form that loads sooner, and leave the fastest one for later
   */
  async #loadOnCpu(isSoon: boolean): Promise<OnCpu> {
    const cores = physicalCores();
    const threads = this.#threads;
    this.#reasons.push(`CPU: ${threads} ${threads === 1 ? 'thread' : 'threads'} on ${cores} cores.`);
    let choice: WeightsChoice = this.wanted.weights;
    let missed: string | undefined;
    if (choice === 'int8') {
      const tried = await this.#tryInt8();
      this.#reasons.push(tried.reason);
      if (tried.network) {
        return { network: tried.network, missed: undefined, int8: 'taken' };
      }
      missed = tried.reason;
      choice = 'auto';
    }
    const { manifest } = this.folder;
    const { faster } = this.wanted.excluded;
    const { weights, first, reason } = chooseWeights(choice, manifest, availableMemory(), faster);
    const options: NetworkOptions = { provider: 'cpu', threads, weights };
    this.#reasons.push(reason);
    if (this.folder.split?.isRoundedByRun) {
      this.#reasons.push(
        'They are multiplied by inputs in 8 bits, rounded by the largest of a run: surprisals are off, and depend a little on what is read together.',
      );
    }
    const isInSteps = isSoon && first !== undefined;
    if (isInSteps) {
      this.#reasons.push('Weights until then: 4-bit, which load sooner and have the same values.');
    }
    const int8 = this.wanted.weights === 'auto' ? await this.#offerInt8() : undefined;
    if (isInSteps) {
      return { network: await this.#load({ ...options, weights: first }, options), missed, int8 };
    }
    // What `auto` takes at once may be more than there is after all.
    const load = () => this.#load(options);
    return { network: await (first === undefined ? load() : this.#announced('faster', load)), missed, int8 };
  }

  /** Says so where the model might have 8-bit weights here. */
  async #offerInt8(): Promise<DeviceInfo['int8']> {
    // An offer is not worth a failure.
    if (!(await canMultiplyInt8(this.runtime, this.folder).catch(() => false))) {
      return undefined;
    }
    this.#reasons.push(
      '8-bit weights may be faster on this processor; they are not exact, and are taken only if set.',
    );
    return 'possible';
  }

  /** Loads the model with 8-bit weights, if the processor multiplies them right. */
  async #tryInt8(): Promise<Pick<Attempt, 'network'> & { readonly reason: string }> {
    const { int8, name } = this.folder.manifest;
    if (!int8) {
      return { reason: `8-bit weights: ${name} has none.` };
    }
    try {
      if (!(await canMultiplyInt8(this.runtime, this.folder))) {
        return { reason: '8-bit weights: this processor has no instruction for 8-bit products (VNNI).' };
      }
      const options: NetworkOptions = { provider: 'cpu', threads: this.#threads, weights: 'int8' };
      const { network, difference } = await this.#loadVerified(options, INT8_TOLERANCE, false);
      return network
        ? { network, reason: `Weights: 8-bit, as set (${difference} on the verification page).` }
        : { reason: `8-bit weights: they give other numbers here (${difference} on the verification page).` };
    } catch (error) {
      return { reason: `8-bit weights: ${this.#failureOf(error)}.` };
    }
  }

  async #load(options: NetworkOptions, faster?: NetworkOptions): Promise<Network> {
    const { split } = this.folder;
    if (split?.isRoundedByRun && options.provider === 'cpu') {
      if (!(await addsBytesExactly(this.runtime, byteProducts()))) {
        throw new ModelError(
          'device',
          `${split.source} multiplies in 8 bits, and this processor has no instruction for that (VNNI), so that sums overflow.`,
          'Choose another file of the model (model.onnx, model_q4.onnx).',
        );
      }
    }
    const network = await Network.load(this.runtime, this.folder, options, faster);
    try {
      if (split) {
        const { vocabularySize } = network.manifest;
        const lacking = this.#manifest.verification.ids.find((id) => id >= vocabularySize);
        if (lacking !== undefined) {
          throw new ModelError(
            'model-invalid',
            `The tokenizer ${this.folder.file('tokenizer.json')} has tokens that the model lacks: number ${lacking} of ${vocabularySize}.`,
            'Get the tokenizer that belongs to the model.',
          );
        }
        // The logits' number shows only when there are some.
        await network.logits(new Float32Array(network.manifest.hidden));
      }
      if (split && !(await keepsContext(network, this.#manifest, split.isRoundedByRun))) {
        throw new ModelError(
          'model-invalid',
          `${split.source} gives other numbers for a text in two parts than for the whole of it.`,
          'Its keys and values do not work as a decoder’s do: choose another file or export of the model.',
        );
      }
    } catch (error) {
      await network.release();
      throw error;
    }
    return network;
  }

  /** Loads the model and has it compute the verification page, and once more to time it. */
  async #loadVerified(options: NetworkOptions, tolerance: Tolerance, isTimed: boolean): Promise<Attempt> {
    const manifest = this.#manifest;
    const network = await this.#load(options);
    let isTrusted = false;
    try {
      const { passed, mean, largest } = await verify(network, manifest, tolerance);
      const difference = `mean difference ${mean.toPrecision(2)} nats, largest ${largest.toPrecision(2)}`;
      const rate = passed && isTimed ? await pageRate(network, manifest) : undefined;
      isTrusted = passed;
      return { ...(passed ? { network } : {}), difference, rate };
    } finally {
      if (!isTrusted) {
        await network.release();
      }
    }
  }
}

function describeRate(tokensPerSecond: number): string {
  return `${Math.round(tokensPerSecond)} tokens a second`;
}

/** CUDA's part of ONNX Runtime is an optional download; asking for it without would only fail with noise. */
function isCudaInstalled(): boolean {
  const folder = join(dirname(require.resolve('onnxruntime-node/package.json')), 'bin', 'napi-v6');
  return existsSync(join(folder, process.platform, process.arch, 'libonnxruntime_providers_cuda.so'));
}
