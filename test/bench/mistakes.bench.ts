/**
 * How well mistakes are found: in real code and prose words are misspelt, or replaced with others of the text; which share of them
 * is among the most surprising words and tokens, among likely typos, and among the words that are found to be misspelt or likely
 * wrong, and how much else is listed there.
 *
 *   npm run bench -- mistakes      some ten minutes on two cores
 */

import { Engine } from '../../src/engine/client';
import { type Mistake as FoundMistake, mistakesIn } from '../../src/find/mistakes';
import { questionsTo } from '../../src/find/questions';
import { isLikelyTypo, mostSurprisingUnits, wordsIn } from '../../src/find/surprises';
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

const TOKENS = 16_000;

/** Times that each text is scored, with other mistakes each time. */
const PLANTINGS = 4;

/** In the first so many of them what could be there instead is read, too, which takes longer than the text. */
const SEARCHED = 2;

/** What is looked for by reading what could be there instead, and its kind of mistake. */
const SEARCHES = [
  ['misspelt words', 'misspelt'],
  ['likely wrong words', 'wrong'],
] as const;

/** Places that somebody looks at, for each mistake that there is. */
const LOOKS = 2;

type Range = Pick<Unit, 'start' | 'end'>;

/** What was seen of one kind of text: the samples of each row, one for each planting. */
class Table {
  readonly #rows = new Map<string, { readonly unit: string; readonly samples: number[] }>();

  add(name: string, unit: string, sample: number): void {
    const row = this.#rows.get(name) ?? { unit, samples: [] };
    row.samples.push(sample);
    this.#rows.set(name, row);
  }

  /** Adds the shares of the mistakes of each kind that some units touch. */
  addFound(name: string, units: readonly Range[], mistakes: readonly Mistake[]): void {
    for (const kind of MISTAKES) {
      const all = mistakes.filter((mistake) => mistake.kind === kind);
      const found = all.filter((mistake) => units.some((unit) => touch(unit, mistake)));
      this.add(`  ${name}: ${kind}`, '%', (100 * found.length) / all.length);
    }
  }

  get rows(): Row[] {
    return Array.from(this.#rows, ([name, row]) => ({ name, ...row }));
  }
}

/** Whether two ranges of a text have characters in common. */
function touch(one: Range, other: Range): boolean {
  return one.start < other.end && one.end > other.start;
}

/** Has the model read a text with mistakes, and looks for them. */
async function look(engine: Engine, original: string, planting: number, table: Table): Promise<void> {
  const { text, mistakes } = withMistakes(original, planting);
  const { map, score } = await scoreText(engine, 'document', text);
  const lists = {
    words: mostSurprisingUnits(map, map.length, { isInside: wordsIn(text) }),
    tokens: mostSurprisingUnits(map, map.length),
  };
  table.add('  mistakes', '', mistakes.length);
  for (const [name, units] of Object.entries(lists)) {
    table.addFound(`among the first ${name}`, units.slice(0, LOOKS * mistakes.length), mistakes);
  }
  const isTypo = isLikelyTypo(text);
  const listed = lists.words.filter(({ nats }) => toBits(nats) >= SURPRISING_WORD_BITS);
  const lookAt = (name: string, places: readonly Range[]) => {
    const wrong = places.filter((place) => !mistakes.some((mistake) => touch(place, mistake)));
    table.add(`  ${name}, no mistakes, of 1,000 tokens`, '', (1000 * wrong.length) / map.length);
    table.addFound(`among ${name}`, places, mistakes);
  };
  lookAt(`words from ${SURPRISING_WORD_BITS} bits on`, listed);
  lookAt('likely typos', listed.filter(isTypo));
  if (planting < SEARCHED) {
    const found = await mistakesIn(
      text,
      map,
      { isMeant: () => true },
      questionsTo(engine, 'document', score),
    );
    for (const [name, kind] of SEARCHES) {
      const words = found.filter((word) => word.kind === kind);
      lookAt(name, words);
      const planted = words.filter((word) => mistakes.some((mistake) => touch(word, mistake)));
      const right = planted.filter((word) => mistakes.some((mistake) => isMended(text, word, mistake)));
      table.add(`  of ${name} found, the right one comes first`, '%', (100 * right.length) / planted.length);
    }
  }
}

/** Whether a mistake is mended by the first word that is offered in place of another one. */
function isMended(
  text: string,
  { start, end, suggestions: [first] }: FoundMistake,
  mistake: Mistake,
): boolean {
  const inside = mistake.start >= start && mistake.end <= end;
  return inside && text.slice(start, mistake.start) + mistake.meant + text.slice(mistake.end, end) === first;
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
      const { text } = await benchDocument(tokenizer, kind, TOKENS, kind);
      const table = new Table();
      for (let planting = 0; planting < PLANTINGS; planting++) {
        await look(engine, text, planting, table);
      }
      rows.push({ name: `${kind}, tokens`, unit: '', samples: [TOKENS] }, ...table.rows);
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
