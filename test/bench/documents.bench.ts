/**
 * How fast whole documents are scored: Surprisal beside llama.cpp's perplexity tool and other peers, on the same weights,
 * the same texts and as many CPU threads, measured in turn.
 *
 * Two units, because the peers do not do the same: the tokens that go through the model per second, and the tokens per
 * second that get a score with at least 256 tokens of context. llama.cpp's tool scores the second half of each chunk of
 * 512 tokens; Surprisal scores every token, and reads some twice where one page's context overlaps the page before.
 * llama.cpp comes with its float32 weights and with the fastest others that are as good: the faster of both is the one to
 * beat.
 *
 *   npm run bench -- documents                          1,024 and 4,096 tokens: some eight minutes on two cores
 *   SURPRISAL_BENCH=full npm run bench -- documents     and 16,384 tokens, all of it with one thread too: over an hour
 *   SURPRISAL_BENCH_TOKENS=16384                        documents of that many tokens only, with all threads
 *   SURPRISAL_BENCH_REPEATS=5                           that many repeats of everything
 */
import { createHash } from 'node:crypto';
import { physicalCores } from '../../src/model/devices';
import { openModelFolder } from '../../src/model/folder';
import { ByteTokenizer } from '../../src/model/tokenizer';
import { MODEL } from '../support/paths';
import { benchDocument, DOCUMENT_KINDS } from './documents';
import { llamaCpp } from './peers/llamaCpp';
import type { BenchDocument, Measurement, Peer, PeerSource } from './peers/peer';
import { surprisal } from './peers/surprisal';
import { transformers } from './peers/transformers';
import { machine, type Row, report } from './report';

/** What is measured. Surprisal comes first: the others are what it is compared with. */
const SOURCES: readonly PeerSource[] = [surprisal, llamaCpp, transformers];

/** Length of the document that peers try their settings on. */
const TRIAL_TOKENS = 1024;

/** Sizes of documents with the threads that they are scored with, and how often. */
interface Plan {
  readonly tokens: number;
  readonly threads: 'all' | 'one';
  readonly repeats: number;
}
const QUICK: readonly Plan[] = [
  { tokens: 1024, threads: 'all', repeats: 3 },
  { tokens: 1024, threads: 'one', repeats: 3 },
  { tokens: 4096, threads: 'all', repeats: 3 },
];
const FULL: readonly Plan[] = [1024, 4096, 16384].flatMap((tokens) => [
  { tokens, threads: 'all', repeats: 5 },
  { tokens, threads: 'one', repeats: 3 },
]);

/** The two rates, in tokens per second. */
const RATES = {
  run: ({ tokensRun, seconds }: Measurement) => tokensRun / seconds,
  scored: ({ tokensScored, seconds }: Measurement) => tokensScored / seconds,
} as const;
type Rate = keyof typeof RATES;

/** All measurements of one document with one number of threads; [peer][repeat]. */
interface Case {
  readonly name: string;
  /** Of the document. */
  readonly tokens: number;
  readonly measurements: readonly (readonly Measurement[])[];
}

/** Gets the peers ready; one that cannot be had here is said so and left out. */
async function openPeers(trial: BenchDocument, threads: readonly number[]): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const source of SOURCES) {
    try {
      peers.push(...(await source.open(trial, threads)));
    } catch (error) {
      console.log(`${source.name} is left out: ${(error as Error).message}`);
    }
  }
  return peers;
}

/** One repeat after the other, all peers in turn in each. */
async function measureCase(
  name: string,
  peers: readonly Peer[],
  document: BenchDocument,
  threads: number,
  repeats: number,
): Promise<Case> {
  const measurements: Measurement[][] = peers.map(() => []);
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [index, peer] of peers.entries()) {
      measurements[index].push(await peer.measure(document, threads));
    }
  }
  const speeds = peers.map((peer, i) => `${peer.name} ${RATES.run(measurements[i][0]).toFixed(0)}`);
  console.log(`${name}: ${speeds.join(', ')} tokens run per second`);
  return { name, tokens: document.tokens, measurements };
}

/** A peer's rates in one case; Surprisal's beside the others'. */
function rowsOf(peers: readonly Peer[], { name, measurements }: Case): Row[] {
  const rates = (peer: number, rate: Rate) => measurements[peer].map(RATES[rate]);
  return peers.flatMap((peer, index) =>
    (Object.keys(RATES) as Rate[]).map(
      (rate): Row => ({
        name: `${name}: ${peer.name}, ${rate}`,
        unit: 'tokens/s',
        samples: rates(index, rate),
        ...(index === 0
          ? { paired: peers.slice(1).map((other, i) => ({ name: other.name, samples: rates(i + 1, rate) })) }
          : {}),
      }),
    ),
  );
}

/**
 * The rates of each form of Surprisal as multiples of each other peer's, over all repeats of some cases.
 * @param of names the cases
 */
function ratioRows(of: string, peers: readonly Peer[], cases: readonly Case[]): Row[] {
  const isOurs = ({ name }: Peer) => name.startsWith(surprisal.name);
  const ratesOf = (peer: Peer, rate: Rate) =>
    cases.flatMap(({ measurements }) => measurements[peers.indexOf(peer)].map(RATES[rate]));
  const rows: Row[] = [];
  for (const our of peers.filter(isOurs)) {
    for (const other of peers.filter((peer) => !isOurs(peer))) {
      for (const rate of Object.keys(RATES) as Rate[]) {
        const theirs = ratesOf(other, rate);
        rows.push({
          name: `${of}: ${our.name} : ${other.name}, ${rate}`,
          unit: '×',
          samples: ratesOf(our, rate).map((value, index) => value / theirs[index]),
        });
      }
    }
  }
  return rows;
}

async function main(): Promise<void> {
  const before = machine();
  const folder = await openModelFolder(MODEL);
  const tokenizer = await ByteTokenizer.load(folder);
  const all = physicalCores();
  const tokens = Number(process.env.SURPRISAL_BENCH_TOKENS) || undefined;
  const plans = process.env.SURPRISAL_BENCH === 'full' ? FULL : QUICK;
  const repeats = Number(process.env.SURPRISAL_BENCH_REPEATS) || undefined;

  const asked = tokens ? [{ tokens, threads: 'all', repeats: 3 } as const] : plans;
  // With one core all threads are one.
  const measured = asked
    .filter((plan) => plan.threads === 'all' || all > 1)
    .map((plan) => ({ ...plan, threads: plan.threads === 'all' ? all : 1 }));
  const trial = await benchDocument(tokenizer, 'code', TRIAL_TOKENS, 'trial');
  const peers = await openPeers(trial, [...new Set(measured.map((plan) => plan.threads))]);
  try {
    const cases: Case[] = [];
    const texts = createHash('sha256');
    for (const { threads, ...plan } of measured) {
      for (const kind of DOCUMENT_KINDS) {
        const name = `${kind}, ${plan.tokens} tokens, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
        const document = await benchDocument(tokenizer, kind, plan.tokens, name);
        texts.update(document.text);
        cases.push(await measureCase(name, peers, document, threads, repeats ?? plan.repeats));
      }
    }
    const about = {
      ...before,
      model: folder.manifest.name,
      textsSha256: texts.digest('hex'),
      ...Object.fromEntries(peers.map((peer) => [peer.name, peer.about])),
    };
    await report('documents', about, [
      ...cases.flatMap((one) => rowsOf(peers, one)),
      ...[...new Set(cases.map((one) => one.tokens))].flatMap((length) =>
        ratioRows(
          `${length} tokens`,
          peers,
          cases.filter((one) => one.tokens === length),
        ),
      ),
      ...ratioRows('all', peers, cases),
    ]);
  } finally {
    for (const peer of peers) {
      await peer.close();
    }
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
