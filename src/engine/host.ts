/** The engine's child process: owns ONNX Runtime and one loaded model. */
import { existsSync } from 'node:fs';
import { setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import type * as OnnxRuntime from 'onnxruntime-node';
import {
  availableMemory,
  chooseWeights,
  DEVICE_TOLERANCE,
  INT8_TOLERANCE,
  PROVIDER_NAMES,
  type Provider,
  physicalCores,
  processorName,
  providersOf,
  type Tolerance,
  verify,
} from '../model/devices';
import { ModelError } from '../model/errors';
import { type ModelFolder, openModelFolder } from '../model/folder';
import { Network } from '../model/network';
import { addsBytesExactly, type NetworkOptions, type Runtime } from '../model/sessions';
import { ByteTokenizer } from '../model/tokenizer';
import type { DeviceInfo, EngineProblem, FromHost, LoadRequest, ToHost } from './protocol';
import { Scorer } from './scorer';
import { TrainingError } from './training';

/** Cores up to which all are used: on so few, leaving one idle would cost half of the speed. */
const FEW_CORES = 2;

function send(message: FromHost): void {
  process.send?.(message);
}

function report(request: number, error: unknown): void {
  send({ type: 'problem', request, problem: problemOf(error) });
}

function problemOf(error: unknown): EngineProblem {
  if (error instanceof ModelError) {
    return { code: error.code, message: error.message, advice: error.advice };
  }
  if (error instanceof TrainingError) {
    return error.problem;
  }
  const message = error instanceof Error ? error.message : String(error);
  send({ type: 'log', line: error instanceof Error ? (error.stack ?? message) : message });
  return {
    code: 'internal',
    message: `The engine failed: ${message.split('\n')[0]}`,
    advice: 'Restart the engine; if it happens again, report it with the log.',
  };
}

/** Loads the native library, which some platforms lack. @throws ModelError */
function loadRuntime(): Runtime & typeof OnnxRuntime {
  try {
    // Required here and not imported above: a missing binary has to become a message, not a crash.
    return require('onnxruntime-node');
  } catch (error) {
    throw new ModelError(
      'platform',
      `ONNX Runtime cannot be loaded on ${process.platform} ${process.arch}: ${(error as Error).message.split('\n')[0]}`,
      process.platform === 'darwin' && process.arch === 'x64'
        ? 'onnxruntime-node has no binary for Macs with an Intel processor: use Apple silicon, Windows or Linux.'
        : 'Install the dependencies again (npm ci).',
    );
  }
}

/** A model on a device, and why on this one. */
interface Loaded {
  readonly network: Network;
  readonly device: DeviceInfo;
  readonly degraded: string | undefined;
}

function threadsFor(asked: number): number {
  const cores = physicalCores();
  return asked > 0 ? asked : cores > FEW_CORES ? cores - 1 : cores;
}

/**
 * Loads the model on the device that was asked for. Every device but the CPU must first compute the
 * manifest's verification page correctly; one that does not is left for the next, and at last the CPU.
 */
async function loadOnDevice(runtime: Runtime, folder: ModelFolder, request: LoadRequest): Promise<Loaded> {
  const available = providersOf(process.platform, process.arch);
  if (!available) {
    throw new ModelError(
      'platform',
      `There is no ONNX Runtime for ${process.platform} ${process.arch}.`,
      'Use Windows, Linux or a Mac with Apple silicon.',
    );
  }
  const threads = threadsFor(request.threads);
  const asked: Provider | undefined = request.device === 'auto' ? undefined : request.device;
  const reasons: string[] = [];
  const candidates = asked && asked !== 'cpu' ? [asked, 'cpu' as const] : asked ? [asked] : available;
  for (const provider of candidates) {
    const name = PROVIDER_NAMES[provider];
    if (!available.includes(provider)) {
      reasons.push(`${name}: not in ONNX Runtime's build for ${process.platform} ${process.arch}.`);
      continue;
    }
    const excluded = request.excluded[provider];
    if (excluded !== undefined) {
      reasons.push(`${name}: ${excluded}`);
      continue;
    }
    if (provider === 'cpu') {
      reasons.push(`CPU: ${threads} ${threads === 1 ? 'thread' : 'threads'} on ${physicalCores()} cores.`);
      const { network, missed } = await loadOnCpu(runtime, folder, request, threads, reasons);
      const device: DeviceInfo = { provider, name: processorName(), threads, reasons };
      return { network, device, degraded: asked && asked !== 'cpu' ? reasons[0] : missed };
    }
    if (provider === 'cuda' && !isCudaInstalled()) {
      reasons.push(`${name}: its files are not installed.`);
      continue;
    }
    send({ type: 'trying', request: request.request, provider });
    const network = await tryDevice(runtime, folder, provider, threads, reasons);
    if (network) {
      return { network, device: { provider, name, threads, reasons }, degraded: undefined };
    }
  }
  throw new ModelError('device', 'No device can run the model.', 'Choose the CPU in the settings.');
}

/**
 * Loads the model on the CPU, with the weights that were asked for if they can be had.
 * @param reasons the reason for the choice is added to them
 * @returns the network, and why its weights are not those that were asked for
 */
async function loadOnCpu(
  runtime: Runtime,
  folder: ModelFolder,
  request: LoadRequest,
  threads: number,
  reasons: string[],
): Promise<{ readonly network: Network; readonly missed: string | undefined }> {
  let choice = request.weights;
  let missed: string | undefined;
  if (choice === 'int8') {
    const tried = await tryInt8(runtime, folder, threads);
    reasons.push(tried.reason);
    if (tried.network) {
      return { network: tried.network, missed };
    }
    missed = tried.reason;
    choice = 'auto';
  }
  const { weights, reason } = chooseWeights(choice, folder.manifest, availableMemory());
  reasons.push(reason);
  return { network: await Network.load(runtime, folder, { provider: 'cpu', threads, weights }), missed };
}

/** Loads the model with 8-bit weights, if the processor multiplies them right. */
async function tryInt8(
  runtime: Runtime,
  folder: ModelFolder,
  threads: number,
): Promise<{ readonly network?: Network; readonly reason: string }> {
  const { int8, name } = folder.manifest;
  if (!int8) {
    return { reason: `8-bit weights: ${name} has none.` };
  }
  if (!(await addsBytesExactly(runtime, folder.file(int8.products)))) {
    return { reason: '8-bit weights: this processor has no instruction for 8-bit products (VNNI).' };
  }
  const options: NetworkOptions = { provider: 'cpu', threads, weights: 'int8' };
  const { network, difference } = await loadVerified(runtime, folder, options, INT8_TOLERANCE);
  return network
    ? { network, reason: `Weights: 8-bit, as set (${difference} on the verification page).` }
    : { reason: `8-bit weights: they give other numbers here (${difference} on the verification page).` };
}

/**
 * Loads the model and has it compute the verification page.
 * @returns the network if it may be trusted, and how far off it is: `mean difference 0.0021 nats, largest 0.013`
 */
async function loadVerified(
  runtime: Runtime,
  folder: ModelFolder,
  options: NetworkOptions,
  tolerance: Tolerance,
): Promise<{ readonly network?: Network; readonly difference: string }> {
  const network = await Network.load(runtime, folder, options);
  let isTrusted = false;
  try {
    const { passed, mean, largest } = await verify(network, folder.manifest, tolerance);
    isTrusted = passed;
    const difference = `mean difference ${mean.toPrecision(2)} nats, largest ${largest.toPrecision(2)}`;
    return passed ? { network, difference } : { difference };
  } finally {
    if (!isTrusted) {
      await network.release();
    }
  }
}

/** What a library said, as short as a menu wants it; the whole goes to the log. */
function reasonIn(error: unknown): string {
  const cause = error instanceof ModelError ? error.cause : error;
  const message = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0];
  send({ type: 'log', line: message });
  if (/adapter|vulkan|WebGpuContext/i.test(message)) {
    return 'no graphics device was found';
  }
  if (/shared library|dlopen|LoadLibrary|cannot open shared object/i.test(message)) {
    return 'its libraries cannot be loaded';
  }
  return message.replace(/^.*:\s+/, '').slice(0, 120);
}

/** CUDA's part of ONNX Runtime is an optional download; asking for it without would only fail with noise. */
function isCudaInstalled(): boolean {
  const folder = join(dirname(require.resolve('onnxruntime-node/package.json')), 'bin', 'napi-v6');
  return existsSync(join(folder, process.platform, process.arch, 'libonnxruntime_providers_cuda.so'));
}

async function tryDevice(
  runtime: Runtime,
  folder: ModelFolder,
  provider: Provider,
  threads: number,
  reasons: string[],
): Promise<Network | undefined> {
  const name = PROVIDER_NAMES[provider];
  const options: NetworkOptions = { provider, threads, weights: 'quantized' };
  try {
    const { network, difference } = await loadVerified(runtime, folder, options, DEVICE_TOLERANCE);
    reasons.push(
      network
        ? `${name}: computes the verification page correctly (${difference}).`
        : `${name}: computes wrong numbers (${difference} on the verification page).`,
    );
    return network;
  } catch (error) {
    reasons.push(`${name}: not usable here (${reasonIn(error)}).`);
    return undefined;
  }
}

/** Takes the parent's messages in turn. */
class Host {
  #scorer: Scorer | undefined;
  /** Loading is serialised: a second `load` waits for the first to end. */
  #loading: Promise<void> = Promise.resolve();

  receive(message: ToHost): void {
    switch (message.type) {
      case 'load':
        this.#loading = this.#loading.then(() => this.#load(message));
        break;
      case 'score':
        this.#whenLoaded(message.request, (scorer) => scorer.score(message));
        break;
      case 'distribution':
        this.#whenLoaded(message.request, (scorer) => scorer.ask(message));
        break;
      case 'train':
        this.#whenLoaded(message.request, (scorer) => scorer.train(message));
        break;
      case 'stopTraining':
        this.#scorer?.stopTraining(message.request);
        break;
      case 'visible':
        this.#scorer?.setVisible(message.document, message.visible);
        break;
      case 'cancel':
        this.#scorer?.cancel(message.request);
        break;
      case 'forget':
        this.#scorer?.forget(message.document);
        break;
      case 'cacheSize':
        this.#scorer?.setCacheSize(message.megabytes);
        break;
      case 'shutdown':
        process.exit(0);
    }
  }

  #whenLoaded(request: number, then: (scorer: Scorer) => void): void {
    if (this.#scorer) {
      then(this.#scorer);
      return;
    }
    report(request, new ModelError('model-missing', 'No model is loaded.', 'Restart the engine.'));
  }

  async #load(request: LoadRequest): Promise<void> {
    try {
      const old = this.#scorer;
      this.#scorer = undefined;
      await old?.close();
      send({ type: 'loading', request: request.request, model: request.folder });
      const runtime = loadRuntime();
      const folder = await openModelFolder(request.folder);
      send({ type: 'loading', request: request.request, model: folder.manifest.name });
      const tokenizer = await ByteTokenizer.load(folder);
      const { network, device, degraded } = await loadOnDevice(runtime, folder, request);
      const { manifest } = folder;
      this.#scorer = new Scorer(network, tokenizer, send, report);
      send({
        type: 'loaded',
        request: request.request,
        model: {
          id: manifest.id,
          name: manifest.name,
          folder: folder.path,
          parameters: manifest.parameters,
          vocabularySize: manifest.vocabularySize,
          contextWindow: manifest.contextWindow,
          hiddenSize: manifest.hidden,
        },
        device,
        ...(degraded === undefined ? {} : { degraded }),
      });
    } catch (error) {
      report(request.request, error);
    }
  }
}

try {
  // Below normal: the editor comes first. Not every system lets a process do this.
  setPriority(process.pid, 5);
} catch {}

const host = new Host();
process.on('message', (message: ToHost) => host.receive(message));
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', (error) => {
  send({ type: 'log', line: `uncaught: ${error.stack ?? error.message}` });
  process.exit(70);
});
send({ type: 'hello' });
