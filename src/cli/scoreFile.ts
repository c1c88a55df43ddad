/** One file's report, from the engine. */
import { CancelledError, type EngineApi } from '../engine/api';
import { type GatherListener, gatherScores } from '../engine/gather';
import { type Mistake, mistakesIn, type Search } from '../find/mistakes';
import { questionsTo } from '../find/questions';
import { bitsPerByte, perplexity } from '../loss/formulas';
import type { LossMap } from '../loss/lossMap';
import { lineStarts, positionAt } from '../text/lines';
import type { Report, ReportAlternative, ReportMistake, ReportToken } from './report';

/** A text's scores and what else the engine told about them. */
interface Scored {
  readonly losses: LossMap;
  /** By token; empty unless they were asked for. */
  readonly alternatives: ReadonlyMap<number, readonly ReportAlternative[]>;
  readonly seconds: number;
  readonly mistakes: readonly Mistake[] | undefined;
}

/** What of a text is asked for. */
export interface FileRequest {
  /** Number of alternatives at every token; 0 for none. */
  readonly top: number;
  /** As in `ScoreOptions`. */
  readonly only?: readonly number[] | undefined;
  /** Where likely mistakes are looked for; nowhere, unless it is given. */
  readonly search?: Search | undefined;
  /** Receives the number of tokens scored, of all that are to be; then of words looked at, if there is a search. */
  onProgress(done: number, total: number, what: 'tokens' | 'words'): void;
}

/**
 * Scores a text, or places of it, and gathers everything into a report.
 * @param file as the user named it
 * @throws EngineError
 */
export async function scoreFile(
  engine: EngineApi,
  file: string,
  text: string,
  request: FileRequest,
): Promise<Report> {
  const { losses, alternatives, seconds, mistakes } = await scored(engine, file, text, request);
  // Asked now and not before: a device that is lost on the way is replaced by another one.
  const { model, device } = await engine.ensureReady();
  const totals = losses.totals();
  const meanNats = totals.tokens === 0 ? 0 : totals.nats / totals.tokens;
  const read = request.only ? scoredText(losses, text) : text;
  const bytes = Buffer.byteLength(read, 'utf8');
  return {
    schema: 1,
    file,
    model: { id: model.id, vocabularySize: model.vocabularySize, contextWindow: model.contextWindow },
    device: { provider: device.provider, name: device.name },
    summary: {
      tokens: totals.tokens,
      characters: read.length,
      bytes,
      meanNats,
      perplexity: perplexity(meanNats),
      bitsPerByte: bytes === 0 ? 0 : bitsPerByte(totals.nats, bytes),
      seconds,
      tokensPerSecond: seconds === 0 ? 0 : totals.tokens / seconds,
    },
    tokens: reportTokens(losses, text, alternatives),
    ...(mistakes ? { mistakes: reportMistakes(mistakes, text) } : {}),
  };
}

/**
 * Scores a text, again from the start when the engine's process ended after the scores and before the alternatives. It
 * is not done for ever: the engine leaves out the devices that it loses, and gives up after some crashes.
 */
async function scored(...request: Parameters<typeof scoredOnce>): Promise<Scored> {
  const [engine, file] = request;
  for (;;) {
    try {
      return await scoredOnce(...request);
    } catch (error) {
      if (!(error instanceof CancelledError)) {
        throw error;
      }
    } finally {
      engine.forget(file);
    }
  }
}

async function scoredOnce(
  engine: EngineApi,
  file: string,
  text: string,
  { top, only, search, onProgress }: FileRequest,
): Promise<Scored> {
  let score = 0;
  const alternatives = new Map<number, readonly ReportAlternative[]>();
  const questions: Promise<void>[] = [];
  const listener: GatherListener = {
    begin: (id) => {
      score = id;
      questions.length = 0;
    },
    scored: (from, count) => {
      if (top > 0) {
        // Asked for at once, while the hidden states of these tokens are kept.
        const tokens = Array.from({ length: count }, (_, i) => from + i);
        const question = engine.distributions(file, score, tokens, top).then((distributions) => {
          for (const { token, top: entries } of distributions) {
            alternatives.set(
              token,
              entries.map(({ id, text: entry, nats }) => ({ id, text: entry, nats })),
            );
          }
        });
        question.catch(() => {});
        questions.push(question);
      }
    },
    progress: (done, total) => onProgress(done, total, 'tokens'),
  };
  const { losses, statistics } = await gatherScores(engine, file, text, listener, { only });
  await Promise.all(questions);
  const looked = (done: number, total: number) => onProgress(done, total, 'words');
  const mistakes =
    search &&
    (await mistakesIn(text, losses, { ...search, onProgress: looked }, questionsTo(engine, file, score)));
  return { losses, alternatives, seconds: statistics.seconds, mistakes };
}

function reportMistakes(mistakes: readonly Mistake[], text: string): ReportMistake[] {
  const lines = lineStarts(text);
  return [...mistakes]
    .sort((one, other) => one.start - other.start)
    .map((mistake) => {
      const { line, column } = positionAt(lines, mistake.start);
      return { ...mistake, line: line + 1, column: column + 1 };
    });
}

/** What tokens with scores stand for. */
function scoredText(losses: LossMap, text: string): string {
  let read = '';
  for (const { nats, start, end } of losses.units()) {
    read += Number.isNaN(nats) ? '' : text.slice(start, end);
  }
  return read;
}

function reportTokens(losses: LossMap, text: string, alternatives: Scored['alternatives']): ReportToken[] {
  const lines = lineStarts(text);
  const tokens: ReportToken[] = [];
  for (let i = 0; i < losses.length; i++) {
    if (!losses.isScored(i)) {
      continue;
    }
    const start = losses.layout.starts[i];
    const end = losses.layout.ends[i];
    const { line, column } = positionAt(lines, start);
    const top = alternatives.get(i);
    tokens.push({
      start,
      end,
      line: line + 1,
      column: column + 1,
      text: text.slice(start, end),
      id: losses.layout.ids[i],
      nats: losses.nats[i],
      entropy: losses.entropy[i],
      varentropy: losses.varentropy[i],
      rank: losses.rank[i],
      page: losses.pageOf(i),
      ...(top ? { top } : {}),
    });
  }
  return tokens;
}
