/**
 * How fast documents are scored on this machine's GPU: tokens per second with every execution provider that runs the
 * model correctly here, in half precision and in float32, as a multiple of the CPU's and of PyTorch's on the same GPU
 * (bfloat16 forward and cross_entropy). Where there is no GPU, or one that computes wrong numbers, that is said and
 * nothing is measured.
 *
 *   npm run bench -- gpu
 *   SURPRISAL_PYTHON=python3      a Python with PyTorch and transformers; without one, PyTorch is left out
 *   SURPRISAL_BENCH_REPEATS=5     that many repeats instead of 3
 */
import { graphics } from 'systeminformation';
import {
  PROVIDER_NAMES,
  type Provider,
  physicalCores,
  providersOf,
  type WeightsChoice,
} from '../../src/model/devices';
import { openModelFolder } from '../../src/model/folder';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { MODEL } from '../support/paths';
import { benchDocument, DOCUMENT_KINDS } from './documents';
import type { Measurement } from './peers/peer';
import { openPyTorch, type PyTorch } from './peers/pytorch';
import { measure, WARM_UP } from './peers/surprisal';
import { machine, type Row, report } from './report';

const REPEATS = Number(process.env.SURPRISAL_BENCH_REPEATS) || 3;

/** Half of the model's context window: one forward pass for PyTorch, three pages for Surprisal. */
const TOKENS = 4096;

/** The CPU with the weights that it is fastest with and that have the exact values. */
const CPU: Form = { name: PROVIDER_NAMES.cpu, provider: 'cpu', weights: 'float32' };

/** What the engine is asked for. */
interface Form {
  readonly name: string;
  readonly provider: Provider;
  readonly weights: WeightsChoice;
}

/** The providers that run the model on a GPU here, each as it is and in float32; of the others, why not. */
async function usableForms(): Promise<Form[]> {
  const usable: Form[] = [];
  for (const provider of providersOf(process.platform, process.arch) ?? []) {
    if (provider === 'cpu') {
      continue;
    }
    try {
      await measure({ name: 'trial', text: WARM_UP, tokens: 0 }, provider, { threads: 0 });
      const name = PROVIDER_NAMES[provider];
      usable.push({ name, provider, weights: 'auto' });
      usable.push({ name: `${name}, float32`, provider, weights: 'quantized' });
    } catch (error) {
      // It begins with the provider's name.
      console.log((error as Error).message);
    }
  }
  return usable;
}

/** Every graphics device and its driver, as the system names them. */
async function graphicsDevices(): Promise<string> {
  const { controllers } = await graphics();
  const names = controllers.map(({ vendor, model, driverVersion }) =>
    [model || vendor, driverVersion && `driver ${driverVersion}`].filter(Boolean).join(', '),
  );
  return names.join('; ') || 'none that the system names';
}

async function main(): Promise<void> {
  const before = machine();
  const devices = await graphicsDevices();
  const forms = await usableForms();
  if (forms.length === 0) {
    console.log(`There is no GPU here to measure (${devices}).`);
    return;
  }
  const folder = await openModelFolder(MODEL);
  const tokenizer = await ByteTokenizer.load(folder);
  let pytorch: PyTorch | undefined;
  try {
    pytorch = await openPyTorch();
  } catch (error) {
    console.log(`PyTorch is left out: ${(error as Error).message}`);
  }
  try {
    const rows: Row[] = [];
    for (const kind of DOCUMENT_KINDS) {
      const document = await benchDocument(tokenizer, kind, TOKENS, `${kind}, ${TOKENS} tokens`);
      const ids = [folder.manifest.separatorTokenId, ...tokenizer.encode(document.text).ids];
      const rates = new Map<string, number[]>();
      const note = (name: string, { tokensScored, seconds }: Omit<Measurement, 'meanNats'>) =>
        rates.set(name, [...(rates.get(name) ?? []), tokensScored / seconds]);
      for (let repeat = 0; repeat < REPEATS; repeat++) {
        for (const { name, provider, weights } of [...forms, CPU]) {
          note(name, await measure(document, provider, { threads: physicalCores(), weights }));
        }
        if (pytorch) {
          note('PyTorch', await pytorch.measure(document, ids));
        }
      }
      for (const [name, samples] of rates) {
        const others = [CPU.name, 'PyTorch'].filter((other) => other !== name && rates.has(other));
        rows.push({
          name: `${document.name}: ${name}`,
          unit: 'tokens/s',
          samples,
          paired: others.map((other) => ({ name: other, samples: rates.get(other) ?? [] })),
        });
      }
    }
    const about = { ...before, graphics: devices, model: folder.manifest.name };
    await report('gpu', { ...about, PyTorch: pytorch?.about ?? 'left out' }, rows);
  } finally {
    await pytorch?.close();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
