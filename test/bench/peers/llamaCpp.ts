/** llama.cpp's own perplexity tool on the bundled model's weights, in its fastest settings on this machine. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as runtime from 'onnxruntime-node';
import type * as Support from '../../../scripts/support.mjs';
import { messageOf } from '../../../src/model/errors';
import { openModelFolder } from '../../../src/model/folder';
import { Network } from '../../../src/model/network';
import { ByteTokenizer } from '../../../src/model/tokenizer';
import { MODEL } from '../../support/paths';
import { type Precision, writeGguf } from './gguf';
import type { BenchDocument, Measurement, Peer, PeerSource } from './peer';

/** Tokens that the tool runs at once, each such chunk without what was before it; it scores the second half. */
const CHUNK = 512;

/** The exact weights are written here, the others made from them by llama.cpp. */
const EXPORTED: Readonly<Record<string, Precision>> = { F32: 'float32', Q4_1: 'blocks' };
const QUANTIZED = ['F16', 'BF16', 'Q8_0'];
/** Goes up with every change to what is written. */
const WEIGHTS_VERSION = 1;

/** Settings that change the speed and not the numbers: chunks side by side or one by one, two kinds of attention. */
const BATCHES = [CHUNK, 4 * CHUNK];
const FLASH_ATTENTION = ['on', 'off'];

/**
 * How far weights may be from the exact ones and count as nearly lossless: difference of the mean surprisals in nats
 * per token. With three bytes a token, as in code, that is the 0.005 bits per byte that ours may be off.
 */
const NEARLY_LOSSLESS = 0.01;

/** How often each of the settings is tried. */
const TRIALS = 2;

/** How far the float32 weights' mean surprisal may be from ours: more is a mistake in what was written for llama.cpp. */
const TOLERANCE = 0.001;

interface Settings {
  /** llama.cpp's name for a kind of weights. */
  readonly weights: string;
  readonly arguments: readonly string[];
}

/** The tool, and the files that it reads. */
class Tool {
  constructor(
    private readonly run: typeof Support.run,
    private readonly program: string,
    private readonly weights: string,
    private readonly scratch: string,
  ) {}

  /** @throws Error that says what the tool said */
  async measure(document: BenchDocument, settings: Settings, threads: number): Promise<Measurement> {
    const text = join(this.scratch, 'document.txt');
    await writeFile(text, document.text);
    const { code, output } = await this.run(
      this.program,
      [
        ...['--model', join(this.weights, `${settings.weights}.gguf`), '--binary-file', text],
        ...['--threads', String(threads), '--ctx-size', String(CHUNK), ...settings.arguments],
        // At this level the tool prints its clock.
        ...['--verbosity', '4'],
      ],
      { cwd: this.scratch, quiet: true },
    );
    const number = (pattern: RegExp) => {
      const found = pattern.exec(output)?.[1];
      if (code !== 0 || found === undefined) {
        const lines = output.trim().split('\n');
        throw new Error(
          `llama-perplexity failed: ${lines.find((line) => /error/i.test(line)) ?? lines.at(-1)}`,
        );
      }
      return Number(found);
    };
    const chunks = number(/perplexity over (\d+) chunks/);
    // This clock starts after loading and warming up, and stops after the last chunk's loss. (The one of the network
    // alone stops too early, before its work is done.) The loss takes all processors, whatever the threads.
    return {
      seconds: number(/total time =\s*([\d.]+) ms/) / 1000,
      tokensRun: chunks * CHUNK,
      tokensScored: chunks * (CHUNK / 2 - 1),
      meanNats: Math.log(number(/PPL = ([\d.]+)/)),
    };
  }
}

/** Makes the weights that are tried, once. @returns their folder */
async function ensureWeights(
  { cacheFolder, makeOnce, run }: typeof Support,
  quantize: string,
  version: string,
): Promise<string> {
  const model = await openModelFolder(MODEL);
  const folder = join(cacheFolder, 'llama.cpp-weights');
  const stamp = JSON.stringify([WEIGHTS_VERSION, version, QUANTIZED, model.manifest.files]);
  await makeOnce(folder, stamp, async (staging) => {
    console.log('Writing the model for llama.cpp …');
    for (const [name, precision] of Object.entries(EXPORTED)) {
      await writeGguf(model, precision, join(staging, `${name}.gguf`));
    }
    for (const name of QUANTIZED) {
      const { code, output } = await run(
        quantize,
        [join(staging, 'F32.gguf'), join(staging, `${name}.gguf`), name],
        { quiet: true },
      );
      if (code !== 0) {
        throw new Error(`llama-quantize failed: ${output.trim().split('\n').at(-1)}`);
      }
    }
  });
  return folder;
}

/**
 * Our mean surprisal of what the tool scores: in each chunk, read without what was before it, the tokens of the second
 * half.
 * @returns nats
 */
async function lossInChunks(text: string, threads: number): Promise<number> {
  const folder = await openModelFolder(MODEL);
  const { ids } = (await ByteTokenizer.load(folder)).encode(text);
  const network = await Network.load(runtime, folder, { provider: 'cpu', threads, weights: 'float32' });
  const width = folder.manifest.hidden;
  const half = CHUNK / 2;
  let sum = 0;
  let tokens = 0;
  for (let start = 0; start + CHUNK <= ids.length; start += CHUNK) {
    const chunk = ids.subarray(start, start + CHUNK);
    const values = await network.run(chunk);
    const { nats } = await network.score(
      values.subarray(half * width, (CHUNK - 1) * width),
      chunk.subarray(half + 1),
    );
    sum += nats.reduce((total, value) => total + value, 0);
    tokens += nats.length;
  }
  await network.release();
  return sum / tokens;
}

/** Settings, and what they came to on the trial. */
interface Choice {
  readonly settings: Settings;
  readonly run: Measurement;
}

const described = ({ weights, arguments: given }: Settings) =>
  `${weights}, --ctx-size ${CHUNK} ${given.join(' ')}`;
const inWords = (threads: number) => `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
const perplexityOf = (meanNats: number) => Math.exp(meanNats).toFixed(4);

/**
 * The fastest of some settings on a short document: each is tried some times in turn, and its fastest run counts. One
 * that the tool fails with is left out.
 * @returns undefined when none is left
 */
async function fastest(
  tool: Tool,
  trial: BenchDocument,
  threads: number,
  candidates: readonly Settings[],
  accepts: (run: Measurement) => boolean = () => true,
): Promise<Choice | undefined> {
  const runs: Measurement[][] = candidates.map(() => []);
  for (let round = 0; round < TRIALS; round++) {
    for (const [index, settings] of candidates.entries()) {
      // What fails once would only fail again.
      if (runs[index].length < round) {
        continue;
      }
      try {
        runs[index].push(await tool.measure(trial, settings, threads));
      } catch (error) {
        console.log(`  ${described(settings)} is left out: ${messageOf(error)}`);
      }
    }
  }
  const choices = candidates.flatMap((settings, index): Choice[] => {
    const [run] = runs[index].toSorted((one, other) => one.seconds - other.seconds);
    return run ? [{ settings, run }] : [];
  });
  for (const { settings, run } of choices) {
    const speed = (run.tokensRun / run.seconds).toFixed(0);
    const verdict = accepts(run) ? '' : ', too far off';
    console.log(
      `  ${described(settings)}: ${speed} tokens run per second, perplexity ${perplexityOf(run.meanNats)}${verdict}`,
    );
  }
  const [best] = choices
    .filter(({ run }) => accepts(run))
    .sort((one, other) => one.run.seconds - other.run.seconds);
  return best;
}

/** What is fastest with a number of threads. */
interface Choices {
  readonly threads: number;
  readonly exact: Choice;
  readonly close: Choice | undefined;
  /** What the trial's perplexity is, by both. */
  readonly check: string;
}

/**
 * The fastest settings with the float32 weights, and the fastest other weights that are as good as exact.
 * @throws Error when the float32 weights do not give what ours give
 */
async function choose(tool: Tool, trial: BenchDocument, threads: number): Promise<Choices> {
  console.log(`Trying llama.cpp’s settings with ${inWords(threads)} …`);
  const variants = BATCHES.flatMap((batch) =>
    FLASH_ATTENTION.map((flash) => ['--batch-size', String(batch), '--flash-attn', flash]),
  );
  const candidates = variants.map((variant): Settings => ({ weights: 'F32', arguments: variant }));
  // The first run finds the files outside of the disk's cache.
  await tool.measure(trial, candidates[0], threads);
  const exact = await fastest(tool, trial, threads, candidates);
  if (!exact) {
    throw new Error('it runs with none of its settings.');
  }
  const { meanNats } = exact.run;
  const ours = await lossInChunks(trial.text, threads);
  const check = `perplexity of the trial in float32 ${perplexityOf(meanNats)}, by Surprisal ${perplexityOf(ours)}`;
  if (!(Math.abs(meanNats - ours) <= TOLERANCE)) {
    throw new Error(`llama.cpp computes something else: ${check}.`);
  }
  const close = await fastest(
    tool,
    trial,
    threads,
    [...QUANTIZED, 'Q4_1'].map((weights) => ({ weights, arguments: exact.settings.arguments })),
    (run) => Math.abs(run.meanNats - meanNats) <= NEARLY_LOSSLESS,
  );
  return { threads, exact, close, check };
}

/** Both ways to run llama.cpp: with float32 weights, and with the fastest others that are as good as exact. */
export const llamaCpp: PeerSource = {
  name: 'llama.cpp',
  async open(trial, threads) {
    const { ensureLlamaCpp } = await import('../../../scripts/bench-peers.mjs');
    const support = await import('../../../scripts/support.mjs');
    const { perplexity, quantize, version } = await ensureLlamaCpp();
    const weights = await ensureWeights(support, quantize, version);
    const scratch = await mkdtemp(join(tmpdir(), 'surprisal-llama-'));
    const close = () => rm(scratch, { recursive: true, force: true });
    try {
      const tool = new Tool(support.run, perplexity, weights, scratch);
      // What is fastest with all threads need not be with one.
      const choices: Choices[] = [];
      for (const count of threads) {
        choices.push(await choose(tool, trial, count));
      }
      const peerOf = (name: string, of: (choices: Choices) => { choice: Choice; check: string }): Peer => ({
        name,
        about: `llama.cpp ${version}; ${choices
          .map(
            (one) => `with ${inWords(one.threads)}: ${described(of(one).choice.settings)}; ${of(one).check}`,
          )
          .join('; ')}`,
        measure: (document, count) => {
          const one = choices.find((candidate) => candidate.threads === count);
          if (!one) {
            throw new RangeError(`llama.cpp's settings were not tried with ${inWords(count)}`);
          }
          return tool.measure(document, of(one).choice.settings, count);
        },
        close,
      });
      const peers = [peerOf('llama.cpp, float32', ({ exact, check }) => ({ choice: exact, check }))];
      if (choices.every(({ close: found }) => found)) {
        peers.unshift(
          peerOf('llama.cpp, nearly lossless', ({ exact, close: found = exact }) => ({
            choice: found,
            check: `perplexity of the trial ${perplexityOf(found.run.meanNats)}`,
          })),
        );
      }
      return peers;
    } catch (error) {
      await close();
      throw error;
    }
  },
};
