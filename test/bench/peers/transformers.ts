/**
 * transformers.js on the bundled model: the same ONNX Runtime, the same weights and the same backbone, but the logits
 * of every window come to JavaScript, and their log-softmax is computed there.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { Engine } from '../../../src/engine/client';
import { openModelFolder } from '../../../src/model/folder';
import { type WeightsInMemory, WITHOUT_TILES } from '../../../src/model/sessions';
import { ENGINE_HOST, MODEL, ROOT } from '../../support/paths';
import { scoreText } from '../../support/scoring';
import { type BenchDocument, ENOUGH_CONTEXT, type Measurement, type Peer, type PeerSource } from './peer';
import { transformersModel } from './transformersModel';

/** Positions that the model reads at once: their logits take 400 MB. */
const WINDOW = 2048;

/** How far the summed losses of a first window may lie apart, as a part of the sum. */
const TOLERANCE = 1e-3;

/** What scoring a text with transformers.js came to. */
export interface TransformersScores {
  /** From the text to the last token's surprisal. */
  readonly seconds: number;
  readonly tokensRun: number;
  /** [tokens] surprisal in nats. */
  readonly nats: Float32Array;
}

type Answer = TransformersScores | { readonly ready: true; readonly version: string };

/** Where transformers.js and its model lie. */
export interface TransformersInstallation {
  /** The folder with node_modules. */
  readonly packages: string;
  /** The folder of models. */
  readonly models: string;
  /** The model's folder among them, and the token that stands before a text. */
  readonly id: string;
  readonly separator: number;
}

/**
 * Gets transformers.js and makes its model.
 * @param weights the form of the backbone's weights
 * @throws Error whose message is one line
 */
export async function installTransformers(weights: WeightsInMemory): Promise<TransformersInstallation> {
  const { ensurePackages } = await import('../../../scripts/bench-peers.mjs');
  const packages = await ensurePackages();
  const folder = await openModelFolder(MODEL);
  const model = await transformersModel(folder, packages, weights);
  return { packages, ...model, separator: folder.manifest.separatorTokenId };
}

/** A process that has loaded the model. One text at a time. */
export class TransformersProcess {
  private constructor(
    readonly child: ChildProcess,
    /** Of transformers.js. */
    readonly version: string,
    private readonly separator: number,
  ) {}

  /** @param threads CPU threads @throws Error when the model cannot be loaded */
  static async start(
    { packages, models, id, separator }: TransformersInstallation,
    threads: number,
  ): Promise<TransformersProcess> {
    const child = fork(
      join(ROOT, 'test', 'bench', 'peers', 'transformersHost.mjs'),
      [packages, models, id, String(threads)],
      // What Surprisal tells ONNX Runtime is not what a program with transformers.js does.
      { serialization: 'advanced', execArgv: [], env: { ...process.env, [WITHOUT_TILES]: undefined } },
    );
    const answer = await nextAnswer(child);
    if (!('ready' in answer)) {
      throw new Error('transformers.js answered before it was asked.');
    }
    return new TransformersProcess(child, answer.version, separator);
  }

  /** Scores a text, in windows that overlap so that each token has at least {@link ENOUGH_CONTEXT} ones or all before it. */
  async score(text: string): Promise<TransformersScores> {
    const answered = nextAnswer(this.child);
    this.child.send({ text, separator: this.separator, window: WINDOW, overlap: ENOUGH_CONTEXT });
    const answer = await answered;
    if ('ready' in answer) {
      throw new Error('transformers.js loaded its model twice.');
    }
    return answer;
  }

  /** Ends the process; resolves when it is gone. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = new Promise((resolve) => this.child.once('exit', resolve));
      if (this.child.connected) {
        this.child.disconnect();
      }
      await gone;
    }
  }
}

/** @throws Error when the process ends instead */
function nextAnswer(child: ChildProcess): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null, signal: string | null) =>
      reject(new Error(`The process of transformers.js ended (${signal ?? `status ${code}`}).`));
    child.once('exit', ended);
    child.once('message', (answer: Answer) => {
      child.off('exit', ended);
      resolve(answer);
    });
  });
}

/** Compares the summed loss of a text's first window with the engine's. @returns both, in words @throws Error when they differ */
async function compareWithEngine(text: string, nats: Float32Array, threads: number): Promise<string> {
  const engine = new Engine({
    hostPath: ENGINE_HOST,
    settings: { folder: MODEL, device: 'cpu', threads },
  });
  try {
    const { map } = await scoreText(engine, 'trial', text);
    if (map.length !== nats.length) {
      throw new Error(
        `transformers.js cuts a text into ${nats.length} tokens, and Surprisal into ${map.length}.`,
      );
    }
    // As far as both have read the same.
    const length = Math.min(WINDOW, map.layout.pageStarts[1] ?? map.length);
    const sumOf = (values: Float32Array) =>
      values.subarray(0, length).reduce((total, value) => total + value, 0);
    const [theirs, ours] = [sumOf(nats), sumOf(map.nats)];
    const sums = `${theirs.toFixed(3)} nats over the first ${length} tokens, ours ${ours.toFixed(3)}`;
    if (!(Math.abs(theirs - ours) <= TOLERANCE * ours)) {
      throw new Error(`transformers.js computes something else: ${sums}.`);
    }
    return sums;
  } finally {
    await engine.stop();
  }
}

class Transformers implements Peer {
  readonly name = 'transformers.js';
  /** By their number of threads. */
  readonly #processes = new Map<number, TransformersProcess>();
  #about = '';

  constructor(
    private readonly installation: TransformersInstallation,
    private readonly trial: BenchDocument,
  ) {}

  get about(): string {
    return this.#about;
  }

  /** @throws Error when the losses are not those of the engine */
  async check(threads: number): Promise<void> {
    const process = await this.#process(threads);
    const { nats } = await process.score(this.trial.text);
    const sums = await compareWithEngine(this.trial.text, nats, threads);
    this.#about = `${process.version}, float32, windows of ${WINDOW}; summed loss ${sums}`;
  }

  async measure(document: BenchDocument, threads: number): Promise<Measurement> {
    const { seconds, tokensRun, nats } = await (await this.#process(threads)).score(document.text);
    const total = nats.reduce((sum, value) => sum + value, 0);
    return { seconds, tokensRun, tokensScored: nats.length, meanNats: total / nats.length };
  }

  async close(): Promise<void> {
    const processes = [...this.#processes.values()];
    this.#processes.clear();
    await Promise.all(processes.map((process) => process.stop()));
  }

  async #process(threads: number): Promise<TransformersProcess> {
    let process = this.#processes.get(threads);
    if (!process) {
      process = await TransformersProcess.start(this.installation, threads);
      this.#processes.set(threads, process);
      // The first run allocates what later ones use again.
      await process.score(this.trial.text);
    }
    return process;
  }
}

/** transformers.js from the npm registry, with the form of the weights that is faster on a CPU. */
export const transformers: PeerSource = {
  name: 'transformers.js',
  async open(trial, [threads]) {
    const peer = new Transformers(await installTransformers('float32'), trial);
    try {
      await peer.check(threads);
    } catch (error) {
      await peer.close();
      throw error;
    }
    return [peer];
  },
};
