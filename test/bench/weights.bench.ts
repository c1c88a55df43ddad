/**
 * What the forms of the weights on a CPU cost in exactness: bits per byte of real code and prose with each of them, and how
 * far single surprisals are from those with the 4-bit weights as they are on disk.
 *
 *   npm run bench -- weights      some two minutes on two cores
 */
import { Engine } from '../../src/engine/client';
import type { LossMap } from '../../src/loss/lossMap';
import { physicalCores, type WeightsChoice } from '../../src/model/devices';
import { openModelFolder } from '../../src/model/folder';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { ENGINE_HOST, MODEL } from '../support/paths';
import { scoreText } from '../support/scoring';
import { benchDocument, DOCUMENT_KINDS } from './documents';
import { machine, type Row, report } from './report';

const TOKENS = 8192;

/** The first is what the others are compared with. */
const FORMS: readonly WeightsChoice[] = ['quantized', 'float32', 'int8'];

/** Scores a text with weights of one form. @throws Error that says why there are none here */
async function scored(text: string, weights: WeightsChoice): Promise<LossMap> {
  const engine = new Engine({
    hostPath: ENGINE_HOST,
    settings: { folder: MODEL, device: 'cpu', threads: physicalCores(), weights },
  });
  try {
    const { degraded } = await engine.ensureReady();
    if (degraded !== undefined) {
      throw new Error(degraded);
    }
    return (await scoreText(engine, 'document', text)).map;
  } finally {
    await engine.stop();
  }
}

async function main(): Promise<void> {
  const before = machine();
  const folder = await openModelFolder(MODEL);
  const tokenizer = await ByteTokenizer.load(folder);
  const rows: Row[] = [];
  for (const kind of DOCUMENT_KINDS) {
    const { name, text } = await benchDocument(tokenizer, kind, TOKENS, `${kind}, ${TOKENS} tokens`);
    const bitsPerByte = (map: LossMap) => map.totals().nats / Math.LN2 / Buffer.byteLength(text);
    const exact = await scored(text, FORMS[0]);
    rows.push({ name: `${name}: ${FORMS[0]}`, unit: 'mbit/byte', samples: [1000 * bitsPerByte(exact)] });
    for (const form of FORMS.slice(1)) {
      try {
        const map = await scored(text, form);
        const farther = 1000 * (bitsPerByte(map) - bitsPerByte(exact));
        const differences = [...map.nats].map((nats, token) => 1000 * Math.abs(nats - exact.nats[token]));
        const mean = differences.reduce((sum, difference) => sum + difference, 0) / differences.length;
        rows.push(
          { name: `  ${form}: more than that`, unit: 'mbit/byte', samples: [farther] },
          { name: '    difference of a surprisal, mean', unit: 'mnat', samples: [mean] },
          { name: '    of all of them', unit: 'mnat', samples: differences },
        );
      } catch (error) {
        console.log(`${form} is left out: ${(error as Error).message}`);
      }
    }
  }
  await report('weights', { ...before, model: folder.manifest.name }, rows);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
