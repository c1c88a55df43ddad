/**
 * What the loss costs: the head's share of the time beside its share of the multiply-adds, and the most memory that
 * scoring a document takes, beside transformers.js, which hands every logit to JavaScript.
 *
 *   npm run bench -- head         some eight minutes on two cores
 *   SURPRISAL_BENCH_REPEATS=5     that many documents of each size for memory, four times as many pages for time
 */
import { readFile } from 'node:fs/promises';
import * as runtime from 'onnxruntime-node';
import { Engine } from '../../src/engine/client';
import { CHUNK } from '../../src/engine/layout';
import { physicalCores } from '../../src/model/devices';
import { type ModelFolder, openModelFolder } from '../../src/model/folder';
import { Network } from '../../src/model/network';
import type { WeightsInMemory } from '../../src/model/sessions';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { ENGINE_HOST, MODEL } from '../support/paths';
import { scoreText } from '../support/scoring';
import { benchDocument } from './documents';
import { hasInt8 } from './forms';
import { withPeaks } from './memory';
import type { BenchDocument } from './peers/peer';
import {
  installTransformers,
  type TransformersInstallation,
  TransformersProcess,
} from './peers/transformers';
import { machine, type Row, report } from './report';

const REPEATS = Number(process.env.SURPRISAL_BENCH_REPEATS) || 2;
const PAGES = 4 * REPEATS;

/** Tokens whose time is measured: a page of the shortest kind. */
const PAGE = 1024;

/**
 * Sizes of the documents whose memory is measured, in tokens; 0 for a process that has only loaded the model. With float32
 * weights the same comes on top at every size.
 */
const SIZES = {
  quantized: [0, 1024, 4096, 16384],
  int8: [0, 1024, 4096, 16384],
  float32: [0, 4096],
} as const;

const NAMES = { quantized: '4-bit weights', int8: '8-bit weights', float32: 'float32 weights' } as const;
const FORMS = Object.keys(NAMES) as WeightsInMemory[];

/** Points by which the head's share of the time may exceed its share of the multiply-adds. */
const POINTS = 5;
/** What scoring may take beyond the model's own files, in MB. */
const MEMORY_LIMIT = 500;

const MB = 1e6;

/** Multiply-adds of one token. */
interface MultiplyAdds {
  /** Of the backbone's matrices. */
  readonly backbone: number;
  /** Of attention, which depends on how much context there is: per token of it. */
  readonly attention: number;
  readonly head: number;
}

/**
 * Counts the multiply-adds of a Llama network from its sizes.
 * @throws Error when they are not the sizes of the manifest's network
 */
async function multiplyAddsOf({ manifest, file }: ModelFolder): Promise<MultiplyAdds> {
  const config = JSON.parse(await readFile(file('config.json'), 'utf8')) as Record<string, number>;
  const { hidden, layers, keyValueHeads, headDim, vocabularySize, parameters } = manifest;
  const queries = config.num_attention_heads * headDim;
  const attention = hidden * (2 * queries + 2 * keyValueHeads * headDim);
  const feedForward = 3 * hidden * config.intermediate_size;
  const backbone = layers * (attention + feedForward);
  const head = hidden * vocabularySize;
  const norms = (2 * layers + 1) * hidden;
  if (backbone + head + norms !== parameters) {
    throw new Error(`A network of ${backbone + head + norms} parameters, and ${parameters} in its manifest.`);
  }
  return { backbone, attention: 2 * layers * queries, head };
}

/** The backbone's and the head's time for one page, in milliseconds, chunk by chunk as the engine runs it. */
async function timePage(
  network: Network,
  inputs: Uint32Array,
  targets: Uint32Array,
): Promise<{ backbone: number; head: number }> {
  const times = { backbone: 0, head: 0 };
  const past = network.newCache(inputs.length);
  for (let from = 0; from < inputs.length; from += CHUNK) {
    const start = performance.now();
    const values = await network.run(inputs.subarray(from, from + CHUNK), past);
    const ran = performance.now();
    await network.score(values, targets.subarray(from, from + CHUNK));
    times.backbone += ran - start;
    times.head += performance.now() - ran;
  }
  return times;
}

/** The rows on time, with one number of threads. */
async function timeRows(
  folder: ModelFolder,
  ids: Uint32Array,
  { backbone, attention, head }: MultiplyAdds,
  threads: number,
  weights: WeightsInMemory,
): Promise<Row[]> {
  const network = await Network.load(runtime, folder, { provider: 'cpu', threads, weights });
  const inputs = Uint32Array.of(folder.manifest.separatorTokenId, ...ids.subarray(0, PAGE - 1));
  const pages: Awaited<ReturnType<typeof timePage>>[] = [];
  try {
    await timePage(network, inputs, ids);
    for (let page = 0; page < PAGES; page++) {
      pages.push(await timePage(network, inputs, ids));
    }
  } finally {
    await network.release();
  }
  const share = (100 * head) / (backbone + head);
  const withAttention = (100 * head) / (backbone + (attention * (PAGE + 1)) / 2 + head);
  const label = `${NAMES[weights]}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  const perToken = (part: 'backbone' | 'head') => pages.map((times) => (1000 * times[part]) / PAGE);
  return [
    { name: `backbone, ${label}`, unit: 'µs a token', samples: perToken('backbone') },
    {
      name: `head, ${label}`,
      unit: 'µs a token',
      samples: perToken('head'),
      paired: [{ name: 'the backbone', samples: perToken('backbone') }],
    },
    {
      name: `the head’s share of the time, ${label}`,
      unit: '%',
      samples: pages.map((times) => (100 * times.head) / (times.backbone + times.head)),
      against: [
        { name: `the limit of ${(share + POINTS).toFixed(1)} %`, value: share + POINTS },
        { name: `its ${share.toFixed(1)} % of the matrices’ multiply-adds`, value: share },
        { name: `its ${withAttention.toFixed(1)} % of all with attention`, value: withAttention },
      ],
    },
  ];
}

/** The peak of a process that scores a document with the engine, in bytes. */
function enginePeak(document: BenchDocument, threads: number, weights: WeightsInMemory): Promise<number> {
  return withPeaks(async (peakOf) => {
    const engine = new Engine({
      hostPath: ENGINE_HOST,
      settings: { folder: MODEL, device: 'cpu', threads, weights },
    });
    try {
      await engine.ensureReady();
      if (document.tokens > 0) {
        await scoreText(engine, document.name, document.text);
      }
      return await peakOf(engine.processId ?? 0, () => engine.stop());
    } finally {
      await engine.stop();
    }
  });
}

/** The peak of a process that scores a document with transformers.js, in bytes. */
function transformersPeak(
  installation: TransformersInstallation,
  document: BenchDocument,
  threads: number,
): Promise<number> {
  return withPeaks(async (peakOf) => {
    const scoring = await TransformersProcess.start(installation, threads);
    try {
      if (document.tokens > 0) {
        await scoring.score(document.text);
      }
      return await peakOf(scoring.child.pid ?? 0, () => scoring.stop());
    } finally {
      await scoring.stop();
    }
  });
}

/** transformers.js, unless it cannot be had here, which is said. */
async function findTransformers(weights: WeightsInMemory): Promise<TransformersInstallation | undefined> {
  try {
    return await installTransformers(weights);
  } catch (error) {
    console.warn(`transformers.js is left out: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/** The rows on memory. */
async function memoryRows(
  folder: ModelFolder,
  tokenizer: ByteTokenizer,
  threads: number,
  weights: WeightsInMemory,
): Promise<Row[]> {
  const installation = await findTransformers(weights);
  const model = Object.values(folder.manifest.files).reduce((sum, { bytes }) => sum + bytes, 0) / MB;
  const rows: Row[] = [];
  for (const tokens of SIZES[weights]) {
    const document =
      tokens === 0
        ? { name: 'the model loaded', text: '', tokens }
        : await benchDocument(tokenizer, 'code', tokens, `${tokens} tokens`);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      ours.push((await enginePeak(document, threads, weights)) / MB);
      if (installation) {
        theirs.push((await transformersPeak(installation, document, threads)) / MB);
      }
    }
    rows.push(
      {
        name: `peak memory, ${NAMES[weights]}, ${document.name}`,
        unit: 'MB',
        samples: ours,
        paired: installation ? [{ name: 'transformers.js', samples: theirs }] : [],
      },
      ...(installation ? [{ name: '  transformers.js', unit: 'MB', samples: theirs }] : []),
      {
        name: `  without the model’s ${model.toFixed(0)} MB of files`,
        unit: 'MB',
        samples: ours.map((peak) => peak - model),
        against: [{ name: `the limit of ${MEMORY_LIMIT} MB`, value: MEMORY_LIMIT }],
      },
    );
  }
  return rows;
}

async function main(): Promise<void> {
  const before = machine();
  const folder = await openModelFolder(MODEL);
  const tokenizer = await ByteTokenizer.load(folder);
  const all = physicalCores();
  const { text } = await benchDocument(tokenizer, 'code', PAGE, 'page');
  const { ids } = tokenizer.encode(text);
  const multiplyAdds = await multiplyAddsOf(folder);
  const forms = (await hasInt8(folder)) ? FORMS : FORMS.filter((weights) => weights !== 'int8');
  const rows: Row[] = [];
  for (const weights of forms) {
    for (const threads of new Set([1, all])) {
      rows.push(...(await timeRows(folder, ids, multiplyAdds, threads, weights)));
    }
  }
  for (const weights of forms) {
    rows.push(...(await memoryRows(folder, tokenizer, all, weights)));
  }
  const about = {
    ...before,
    model: folder.manifest.name,
    page: `${PAGE} tokens of code in runs of ${CHUNK}`,
    threads: `${all} for memory`,
  };
  await report('head', about, rows);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
