/** The engine's child process: owns ONNX Runtime and one loaded model. */
import { constants, setPriority } from 'node:os';
import type * as OnnxRuntime from 'onnxruntime-node';
import { ModelError, messageOf } from '../model/errors';
import { openModelFolder } from '../model/folder';
import { withPage } from '../model/hub';
import type { Runtime } from '../model/sessions';
import { ByteTokenizer } from '../model/tokenizer';
import { loadOnDevice } from './loading';
import type { EngineProblem, FromHost, LoadRequest, ToHost } from './protocol';
import { Scorer } from './scorer';
import { TrainingError } from './training';

function send(message: FromHost): void {
  process.send?.(message);
}

function report(request: number, error: unknown): void {
  send({ type: 'problem', request, problem: problemOf(error) });
}

function problemOf(error: unknown): EngineProblem {
  if (error instanceof ModelError) {
    if (error.cause !== undefined) {
      send({ type: 'log', line: messageOf(error.cause) });
    }
    return { code: error.code, message: error.message, advice: error.advice };
  }
  if (error instanceof TrainingError) {
    return error.problem;
  }
  const message = messageOf(error);
  send({ type: 'log', line: error instanceof Error ? (error.stack ?? message) : message });
  return {
    code: 'internal',
    message: `The engine failed: ${message.split('\n')[0]}`,
    advice: 'Restart the engine; if it happens again, report it with the log.',
  };
}

/**
 * With this in the environment ONNX Runtime's builds for Linux and macOS send nothing, and keep no identifier of the
 * device: from version 1.29 on they tell Microsoft about sessions and models otherwise. It is read when the library is
 * loaded. (Its builds for Windows write events for Windows' tracing instead, whatever is set.)
 */
const NO_TELEMETRY = 'ORT_DISABLE_TELEMETRY';

/** Loads the native library, which some platforms lack. @throws ModelError */
function loadRuntime(): Runtime & typeof OnnxRuntime {
  process.env[NO_TELEMETRY] = '1';
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

/** Takes the parent's messages in turn. */
class Host {
  #scorer: Scorer | undefined;

  receive(message: ToHost): void {
    switch (message.type) {
      case 'load':
        void this.#load(message);
        break;
      case 'score':
        this.#whenLoaded(message.request, (scorer) => scorer.score(message));
        break;
      case 'distribution':
      case 'replacement':
        this.#whenLoaded(message.request, (scorer) => scorer.ask(message));
        break;
      case 'train':
        this.#whenLoaded(message.request, (scorer) => scorer.train(message));
        break;
      case 'stopTraining':
        this.#scorer?.stopTraining(message.request);
        break;
      case 'visible':
        this.#scorer?.setVisible(message);
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

  /** Comes once: another model is loaded by another process. */
  async #load(request: LoadRequest): Promise<void> {
    try {
      send({ type: 'loading', request: request.request, model: request.folder });
      const runtime = loadRuntime();
      const opened = await openModelFolder(request.folder);
      send({ type: 'loading', request: request.request, model: opened.manifest.name });
      const tokenizer = await ByteTokenizer.load(opened);
      const folder = opened.split ? withPage(opened, tokenizer) : opened;
      const { network, device, degraded } = await loadOnDevice(runtime, folder, request, {
        log: (line) => send({ type: 'log', line }),
        trying: (trial) => send({ type: 'trying', trial }),
      });
      const { manifest } = network;
      tokenizer.limitTo(manifest.vocabularySize);
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
  // The editor comes first. Not every system lets a process do this.
  setPriority(process.pid, constants.priority.PRIORITY_BELOW_NORMAL);
} catch {}

const host = new Host();
process.on('message', (message: ToHost) => host.receive(message));
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', (error) => {
  send({ type: 'log', line: `uncaught: ${error.stack ?? error.message}` });
  process.exit(70);
});
