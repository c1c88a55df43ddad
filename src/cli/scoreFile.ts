/** One file's report, from the engine. */
import type { EngineApi } from '../engine/api';
import type { Distribution } from '../engine/protocol';
import { bitsPerByte, perplexity } from '../loss/formulas';
import { LossMap } from '../loss/lossMap';
import { lineStarts, positionAt } from '../text/lines';
import type { Report, ReportToken } from './report';

/**
 * Scores a text and gathers everything into a report.
 * @param file as the user named it
 * @param top number of alternatives at every token; 0 for none
 * @param onProgress receives the number of tokens scored, of all
 * @throws EngineError
 */
export async function scoreFile(
  engine: EngineApi,
  file: string,
  text: string,
  top: number,
  onProgress: (done: number, total: number) => void,
): Promise<Report> {
  const { model, device } = await engine.ensureReady();
  let map: LossMap | undefined;
  let score = 0;
  const questions: Promise<readonly Distribution[]>[] = [];
  const { seconds } = await engine.score(file, text, [], {
    layout: (layout, id) => {
      map = new LossMap(layout);
      score = id;
      questions.length = 0;
    },
    scores: (from, scores, done) => {
      map?.write(from, scores);
      if (top > 0) {
        // Asked for at once, while the hidden states of these tokens are kept.
        const tokens = Array.from(scores.nats, (_, i) => from + i);
        const question = engine.distributions(file, score, tokens, top);
        question.catch(() => {});
        questions.push(question);
      }
      onProgress(done, map?.length ?? 0);
    },
  });
  const losses = map as LossMap | undefined;
  if (!losses?.complete) {
    throw new Error(`${file}: only ${losses?.scored ?? 0} tokens came back from the engine`);
  }
  const alternatives = new Map<number, Distribution>();
  for (const distributions of await Promise.all(questions)) {
    for (const distribution of distributions) {
      alternatives.set(distribution.token, distribution);
    }
  }
  engine.forget(file);
  const totals = losses.totals();
  const meanNats = totals.tokens === 0 ? 0 : totals.nats / totals.tokens;
  const bytes = Buffer.byteLength(text, 'utf8');
  return {
    schema: 1,
    file,
    model: { id: model.id, vocabularySize: model.vocabularySize, contextWindow: model.contextWindow },
    device: { provider: device.provider, name: device.name },
    summary: {
      tokens: totals.tokens,
      characters: text.length,
      bytes,
      meanNats,
      perplexity: perplexity(meanNats),
      bitsPerByte: bytes === 0 ? 0 : bitsPerByte(totals.nats, bytes),
      seconds,
      tokensPerSecond: seconds === 0 ? 0 : totals.tokens / seconds,
    },
    tokens: reportTokens(losses, text, alternatives),
  };
}

function reportTokens(
  losses: LossMap,
  text: string,
  alternatives: ReadonlyMap<number, Distribution>,
): ReportToken[] {
  const lines = lineStarts(text);
  const tokens: ReportToken[] = [];
  for (let i = 0; i < losses.length; i++) {
    const start = losses.layout.starts[i];
    const end = losses.layout.ends[i];
    const { line, column } = positionAt(lines, start);
    const top = alternatives.get(i)?.top.map(({ id, text: entry, nats }) => ({ id, text: entry, nats }));
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
