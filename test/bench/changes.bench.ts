/**
 * What it takes to score the lines that have changed in a file of 2,000 lines, and no more than they need, beside scoring the file as
 * a whole: time, and tokens run; and to look for wrong words on these lines, or in all of the file, then.
 *
 * Takes about three minutes per round on two cores. `SURPRISAL_ROUNDS` sets their number; every scoring has an engine that has seen
 * nothing.
 */

import { Engine } from '../../src/engine/client';
import { gatherScores } from '../../src/engine/gather';
import { questionsTo } from '../../src/find/questions';
import { onLines, rangesOfLines } from '../../src/text/lines';
import { ENGINE_HOST, MODEL } from '../support/paths';
import { wrongWordsIn } from '../support/wrongWords';
import { machine, type Row, report, spreadOf } from './report';
import { codeOfLines } from './sourceCode';

const ROUNDS = Number(process.env.SURPRISAL_ROUNDS ?? 3);
const LINES = 2000;
/** How many lines have changed, each somewhere else. */
const CHANGED = [1, 5, 20];
/** Times that so many are chosen in a round. */
const CHOICES = 3;
const FILE = 'code.ts';

/** What was measured of one kind of scoring. */
interface Samples {
  readonly milliseconds: number[];
  /** Tokens with scores, and tokens that went through the backbone. */
  readonly scored: number[];
  readonly run: number[];
  /** Milliseconds that looking for wrong words took, then. */
  readonly searched: number[];
}

const noSamples = (): Samples => ({ milliseconds: [], scored: [], run: [], searched: [] });

/** Numbers from 0 to 1, the same ones each time (Park and Miller's generator). */
function* pseudoRandom(): Generator<number, never> {
  for (let state = 1; ; state = (state * 48_271) % 2_147_483_647) {
    yield state / 2_147_483_647;
  }
}

async function main(): Promise<void> {
  const before = machine();
  const text = await codeOfLines(LINES);
  const random = pseudoRandom();
  const engine = new Engine({
    hostPath: ENGINE_HOST,
    settings: { folder: MODEL, device: 'cpu', threads: 0, weights: 'float32' },
  });
  let device = '';
  const measure = async (samples: Samples, isChanged?: readonly boolean[]) => {
    await engine.restart();
    const ready = await engine.ensureReady();
    device = `${ready.device.name}, ${ready.device.threads} threads`;
    const only = isChanged && rangesOfLines(text, isChanged);
    const began = performance.now();
    const { losses, score, statistics } = await gatherScores(engine, FILE, text, {}, { only });
    samples.milliseconds.push(performance.now() - began);
    samples.scored.push(losses.scored);
    samples.run.push(statistics.tokensRun);
    const scored = performance.now();
    const isMeant = isChanged ? onLines(text, isChanged) : () => true;
    await wrongWordsIn(text, losses, isMeant, questionsTo(engine, FILE, score));
    samples.searched.push(performance.now() - scored);
  };
  const whole = noSamples();
  const changed = new Map(CHANGED.map((count) => [count, noSamples()]));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      await measure(whole);
      for (const [count, samples] of changed) {
        for (let choice = 0; choice < CHOICES; choice++) {
          const isChanged = new Array<boolean>(LINES).fill(false);
          while (isChanged.filter(Boolean).length < count) {
            isChanged[Math.floor(random.next().value * LINES)] = true;
          }
          await measure(samples, isChanged);
        }
      }
    }
  } finally {
    await engine.stop();
    engine.dispose();
  }
  const rowsOf = (name: string, { milliseconds, scored, run, searched }: Samples): Row[] => [
    {
      name,
      samples: milliseconds,
      against: [{ name: 'all of the file', value: spreadOf(whole.milliseconds).median }],
    },
    {
      name: '  tokens run',
      unit: 'tokens',
      samples: run,
      against: [{ name: 'all of the file', value: spreadOf(whole.run).median }],
    },
    { name: '  tokens scored', unit: 'tokens', samples: scored },
    {
      name: '  then, looking for wrong words',
      samples: searched,
      against: [{ name: 'scoring all of the file', value: spreadOf(whole.milliseconds).median }],
    },
  ];
  await report('changes', { ...before, device, document: `${LINES} lines of code` }, [
    ...rowsOf('all of the file', whole),
    ...[...changed].flatMap(([count, samples]) => rowsOf(`lines that have changed: ${count}`, samples)),
  ]);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
