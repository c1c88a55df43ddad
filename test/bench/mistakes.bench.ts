/**
 * How well mistakes are found: in real code and prose words are misspelt, or replaced with others of the text; which share of them
 * is among the most surprising words, and among the most surprising tokens.
 *
 *   npm run bench -- mistakes      some two minutes on two cores
 */
import { mostSurprisingUnits, wordsIn } from '../../src/editor/surprises';
import { Engine } from '../../src/engine/client';
import { SURPRISING_WORD_BITS } from '../../src/loss/heat';
import type { Unit } from '../../src/loss/lossMap';
import { toBits } from '../../src/loss/units';
import { physicalCores } from '../../src/model/devices';
import { openModelFolder } from '../../src/model/folder';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { ENGINE_HOST, MODEL } from '../support/paths';
import { scoreText } from '../support/scoring';
import { benchDocument, DOCUMENT_KINDS } from './documents';
import { MISTAKES, type Mistake, withMistakes } from './mistakes';
import { machine, type Row, report } from './report';

const TOKENS = 24_000;

/** Places that somebody looks at, for each mistake that there is. */
const LOOKS = 2;

/** The share of the mistakes of each kind that some units touch, in per cent. */
function foundRows(name: string, units: readonly Unit[], mistakes: readonly Mistake[]): Row[] {
  return MISTAKES.map((kind) => {
    const all = mistakes.filter((mistake) => mistake.kind === kind);
    const found = all.filter(({ start, end }) => units.some((unit) => unit.start < end && unit.end > start));
    return { name: `  ${name}: ${kind}`, unit: '%', samples: [(100 * found.length) / all.length] };
  });
}

async function main(): Promise<void> {
  const before = machine();
  const folder = await openModelFolder(MODEL);
  const tokenizer = await ByteTokenizer.load(folder);
  const rows: Row[] = [];
  const engine = new Engine({
    hostPath: ENGINE_HOST,
    settings: { folder: MODEL, device: 'cpu', threads: physicalCores(), weights: 'auto' },
  });
  try {
    for (const kind of DOCUMENT_KINDS) {
      const whole = await benchDocument(tokenizer, kind, TOKENS, kind);
      const { text, mistakes } = withMistakes(whole.text);
      const { map } = await scoreText(engine, kind, text);
      const lists = {
        words: mostSurprisingUnits(map, map.length, wordsIn(text)),
        tokens: mostSurprisingUnits(map, map.length),
      };
      rows.push({ name: `${kind}: mistakes`, unit: '', samples: [mistakes.length] });
      for (const [name, units] of Object.entries(lists)) {
        rows.push(...foundRows(`among the first ${name}`, units.slice(0, LOOKS * mistakes.length), mistakes));
      }
      const listed = lists.words.filter(({ nats }) => toBits(nats) >= SURPRISING_WORD_BITS);
      rows.push(
        {
          name: `  words from ${SURPRISING_WORD_BITS} bits on, of 1,000 tokens`,
          unit: '',
          samples: [(1000 * listed.length) / map.length],
        },
        ...foundRows('among these', listed, mistakes),
      );
    }
  } finally {
    await engine.stop();
  }
  await report('mistakes', { ...before, model: folder.manifest.name }, rows);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
