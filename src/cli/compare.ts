/** Scores the same files with several models. */

import { join } from 'node:path';
import { lossesByLine, pairedDifference } from '../loss/comparison';
import { bitsPerByte, perplexity } from '../loss/formulas';
import { messageOf } from '../model/errors';
import { lineStarts } from '../text/lines';
import { DEFAULT_MODEL, modelFolder } from './models';
import type { Report, ReportSummary } from './report';
import { reportsOf, type ScoringRequest, type Surroundings } from './scoring';

/** What to compare, and how. */
export interface ComparisonRequest extends Omit<ScoringRequest, 'model' | 'top'> {
  readonly files: readonly string[];
  /** At least two, as they were named; undefined is the default. */
  readonly models: readonly (string | undefined)[];
}

/** What comparing found; the JSON format prints exactly this. */
export interface Comparison {
  readonly schema: 1;
  readonly models: readonly ComparedModel[];
  /** Those that all models have scored. */
  readonly files: readonly ComparedFile[];
}

/** One of the models, on all files. */
export interface ComparedModel {
  /** As it was named on the command line. */
  readonly model: string;
  readonly id: string;
  readonly device: Report['device'];
  readonly summary: ReportSummary;
  /** To the first model; 0 and 0 for itself. */
  readonly difference: {
    readonly bitsPerByte: number;
    /** In bits per byte, over the lines of all files; null for a single line. */
    readonly standardError: number | null;
  };
}

/** One file. */
export interface ComparedFile {
  /** As it was named on the command line; "-" for standard input. */
  readonly file: string;
  /** By the models. */
  readonly summaries: readonly ReportSummary[];
  readonly lines: readonly ComparedLine[];
}

/** One line of a file. */
export interface ComparedLine {
  /** 1-based, as VS Code counts lines. */
  readonly line: number;
  /** By the models: what the tokens that begin in the line cost, in nats. */
  readonly nats: readonly number[];
}

/** One model's scores of a file. */
interface Scored {
  readonly report: Omit<Report, 'tokens'>;
  /** [lines] in nats. */
  readonly lines: Float64Array;
}

/**
 * Scores all files with one model after the other.
 * @returns undefined where there is nothing to compare; why, was told
 */
export async function compare(
  { models, ...request }: ComparisonRequest,
  around: Surroundings,
): Promise<Comparison | undefined> {
  // Before one of them is run for nothing.
  for (const model of models) {
    try {
      modelFolder(model, join(around.root, 'models'));
    } catch (error) {
      around.fail(messageOf(error));
      return undefined;
    }
  }
  const files = [...new Set(request.files)];
  const scored: Map<string, Scored>[] = [];
  for (const model of models) {
    const ofModel = new Map<string, Scored>();
    for await (const { tokens, ...report } of reportsOf({ ...request, files, model, top: 0 }, around)) {
      const starts = tokens.map(({ start }) => start);
      const nats = tokens.map((token) => token.nats);
      const lines = lossesByLine(starts, nats, lineStarts(await around.read(report.file)));
      ofModel.set(report.file, { report, lines });
    }
    if (ofModel.size === 0) {
      return undefined;
    }
    scored.push(ofModel);
  }
  const common = files.filter((file) => scored.every((ofModel) => ofModel.has(file)));
  if (common.length === 0) {
    around.fail('there is no file that all of the models could score');
    return undefined;
  }
  const first = linesOf(scored[0], common);
  return {
    schema: 1,
    models: scored.map((ofModel, index) => {
      const { id } = ofModel.get(common[0])!.report.model;
      const summary = total(common.map((file) => ofModel.get(file)!.report.summary));
      const { sum, standardError } = pairedDifference(first, linesOf(ofModel, common));
      const perByte = (nats: number) => (summary.bytes === 0 ? 0 : bitsPerByte(nats, summary.bytes));
      return {
        model: models[index] ?? DEFAULT_MODEL,
        id,
        device: ofModel.get(common[0])!.report.device,
        summary,
        difference: {
          bitsPerByte: perByte(sum),
          standardError: Number.isNaN(standardError) ? null : perByte(standardError),
        },
      };
    }),
    files: common.map((file) => ({
      file,
      summaries: scored.map((ofModel) => ofModel.get(file)!.report.summary),
      lines: Array.from(scored[0].get(file)!.lines, (_, line) => ({
        line: line + 1,
        nats: scored.map((ofModel) => ofModel.get(file)!.lines[line]),
      })),
    })),
  };
}

/** A model's losses of the lines of files, one file after the other. */
function linesOf(scored: ReadonlyMap<string, Scored>, files: readonly string[]): number[] {
  return files.flatMap((file) => [...scored.get(file)!.lines]);
}

/** The summary of several documents together. */
function total(summaries: readonly ReportSummary[]): ReportSummary {
  const sum = (of: (summary: ReportSummary) => number) =>
    summaries.reduce((result, summary) => result + of(summary), 0);
  const [tokens, bytes, seconds] = [
    sum((one) => one.tokens),
    sum((one) => one.bytes),
    sum((one) => one.seconds),
  ];
  const nats = sum((one) => one.meanNats * one.tokens);
  const meanNats = tokens === 0 ? 0 : nats / tokens;
  return {
    tokens,
    characters: sum((one) => one.characters),
    bytes,
    meanNats,
    perplexity: perplexity(meanNats),
    bitsPerByte: bytes === 0 ? 0 : bitsPerByte(nats, bytes),
    seconds,
    tokensPerSecond: seconds === 0 ? 0 : tokens / seconds,
  };
}
