/**
 * What a token costs in short and in long documents: time, and the most memory that the engine takes.
 *
 *   npm run bench -- length             some eight minutes on two cores
 *   SURPRISAL_BENCH_REPEATS=3           that many times as many repeats
 *   SURPRISAL_BENCH_WEIGHTS=quantized   these weights instead of float32 ones
 */
import { Engine } from '../../src/engine/client';
import { physicalCores, WEIGHTS_CHOICES, type WeightsChoice } from '../../src/model/devices';
import { openModelFolder } from '../../src/model/folder';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { ENGINE_HOST, MODEL } from '../support/paths';
import { scoreText } from '../support/scoring';
import { withPeaks } from './memory';
import { WARM_UP } from './peers/surprisal';
import { machine, type Row, report } from './report';
import { codeOfTokens } from './sourceCode';

const REPEATS = Number(process.env.SURPRISAL_BENCH_REPEATS) || 1;
const WEIGHTS = (process.env.SURPRISAL_BENCH_WEIGHTS ?? 'float32') as WeightsChoice;

/** Tokens of the document that each other one is measured between two runs of. */
const SHORT = 1024;

/** The others, and how often each is measured: what takes ten seconds varies more than what takes four minutes. */
const DOCUMENTS = [
  { length: 4096, repeats: 4 * REPEATS },
  { length: 16_384, repeats: 2 * REPEATS },
  { length: 102_400, repeats: REPEATS },
];

/** What scoring a document once came to. */
interface Cost {
  readonly seconds: number;
  readonly tokens: number;
  readonly tokensRun: number;
  /** Bytes. */
  readonly peak: number;
}

/** Scores a text with a process that has scored nothing but the warm-up. */
function costOf(text: string, threads: number): Promise<Cost> {
  return withPeaks(async (peakOf) => {
    const settings = { folder: MODEL, device: 'cpu', threads, weights: WEIGHTS } as const;
    const engine = new Engine({ hostPath: ENGINE_HOST, settings });
    try {
      await scoreText(engine, 'warm-up', WARM_UP);
      engine.forget('warm-up');
      const before = performance.now();
      const { map, statistics } = await scoreText(engine, 'document', text);
      const seconds = (performance.now() - before) / 1000;
      const peak = await peakOf(engine.processId ?? 0, () => engine.stop());
      return { seconds, tokens: map.length, tokensRun: statistics.tokensRun, peak };
    } finally {
      await engine.stop();
    }
  });
}

const microseconds = ({ seconds }: Cost, tokens: number) => (1e6 * seconds) / tokens;

async function main(): Promise<void> {
  if (!WEIGHTS_CHOICES.includes(WEIGHTS)) {
    throw new Error(`SURPRISAL_BENCH_WEIGHTS is none of ${WEIGHTS_CHOICES.join(', ')}`);
  }
  const before = machine();
  const folder = await openModelFolder(MODEL);
  const tokenizer = await ByteTokenizer.load(folder);
  const threads = physicalCores();
  const short = await codeOfTokens(SHORT, tokenizer);
  const rows: Row[] = [];
  const shortPeaks: number[] = [];
  for (const { length, repeats } of DOCUMENTS) {
    const text = await codeOfTokens(length, tokenizer);
    const long: Cost[] = [];
    /** Of the short document, before and after the long one. */
    const run: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      const around = [await costOf(short, threads)];
      long.push(await costOf(text, threads));
      around.push(await costOf(short, threads));
      run.push(around.reduce((sum, cost) => sum + microseconds(cost, cost.tokensRun), 0) / around.length);
      shortPeaks.push(...around.map(({ peak }) => peak));
    }
    const name = `${length.toLocaleString('en')} tokens`;
    rows.push(
      {
        name: `${name}: for each token that is run`,
        unit: 'µs',
        samples: long.map((cost) => microseconds(cost, cost.tokensRun)),
        paired: [{ name: `${SHORT.toLocaleString('en')} tokens in turn`, samples: run }],
      },
      {
        name: '  for each token of the document',
        unit: 'µs',
        samples: long.map((cost) => microseconds(cost, cost.tokens)),
      },
      { name: '  peak memory', unit: 'MB', samples: long.map(({ peak }) => peak / 1e6) },
    );
  }
  rows.push({
    name: `${SHORT.toLocaleString('en')} tokens: peak memory`,
    unit: 'MB',
    samples: shortPeaks.map((peak) => peak / 1e6),
  });
  const about = { ...before, model: folder.manifest.name, threads: String(threads), weights: WEIGHTS };
  await report('length', about, rows);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
