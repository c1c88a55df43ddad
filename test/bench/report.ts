/**
 * What benchmarks share: medians with their spread, ratios of what was measured in turn, the machine they were measured on, a
 * table and a JSON file.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { physicalCores, processorName } from '../../src/model/devices';
import { ROOT } from '../support/paths';

/** What a figure is compared with. */
export interface Yardstick {
  /** As in `the limit`. */
  readonly name: string;
  /** In the unit of the row. */
  readonly value: number;
}

/** What was measured in turn with a row, repeat by repeat. */
export interface Pair {
  readonly name: string;
  /** In the row's unit, one for each of the row's repeats. */
  readonly samples: readonly number[];
}

/** One line of a benchmark's table. */
export interface Row {
  readonly name: string;
  /** What the samples are measured in; `ms` without it. */
  readonly unit?: string;
  /** One for each repeat. */
  readonly samples: readonly number[];
  readonly against?: readonly Yardstick[];
  readonly paired?: readonly Pair[];
}

/** The middle of some samples and their spread, in the samples' unit. */
export interface Spread {
  readonly repeats: number;
  readonly lower: number;
  readonly median: number;
  readonly upper: number;
  readonly largest: number;
}

/**
 * A quantile of numbers, interpolated linearly between the two nearest ones (Hyndman and Fan 1996, type 7).
 * @param share 0 … 1
 */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.ceil(at);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/** Median, quartiles and the largest of some samples. */
export function spreadOf(samples: readonly number[]): Spread {
  return {
    repeats: samples.length,
    lower: quantile(samples, 0.25),
    median: quantile(samples, 0.5),
    upper: quantile(samples, 0.75),
    largest: Math.max(...samples),
  };
}

/** Two digits behind the point, or two that count. */
function ratioText(ratio: number): string {
  return ratio < 0.1 ? ratio.toPrecision(2) : ratio.toFixed(2);
}

/** The machine, and how busy it is with other work at the moment. */
export function machine(): Readonly<Record<string, string | number>> {
  return {
    processor: processorName(),
    cores: physicalCores(),
    logicalProcessors: cpus().length,
    memoryGB: Math.round(totalmem() / 1e9),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    commit: commit(),
    loadAverageBefore: loadavg()[0],
  };
}

/** The commit that is checked out, and whether it was changed; some benchmarks score the repository's own files. */
function commit(): string {
  const git = (...parameters: string[]) => spawnSync('git', parameters, { cwd: ROOT, encoding: 'utf8' });
  const { status, stdout } = git('rev-parse', 'HEAD');
  if (status !== 0) {
    return 'unknown';
  }
  return `${stdout.trim()}${git('status', '--porcelain').stdout.trim() === '' ? '' : ', with changes'}`;
}

/**
 * Prints a benchmark's table and writes out/bench/NAME.json.
 * @param about what the figures depend on
 */
export async function report(
  name: string,
  about: Readonly<Record<string, string | number>>,
  rows: readonly Row[],
): Promise<void> {
  const lines = rows.map(({ name: label, unit = 'ms', samples, against = [], paired = [] }) => {
    const spread = spreadOf(samples);
    const pairs = paired.map((pair) => ({
      ...pair,
      ratio: spreadOf(samples.map((sample, repeat) => sample / pair.samples[repeat])),
    }));
    const ratios = [
      ...against.map((one) => `${ratioText(spread.median / one.value)} × ${one.name}`),
      ...pairs.map(
        ({ name: other, ratio: { lower, median, upper } }) =>
          `${median.toFixed(2)} (${lower.toFixed(2)} … ${upper.toFixed(2)}) × ${other}`,
      ),
    ];
    return { label, unit, samples, spread, against, paired: pairs, ratios };
  });
  const heading = ['', 'unit', 'repeats', 'median', 'quartiles', 'largest', 'median, compared'];
  const cells = lines.map(({ label, unit, spread, ratios }) => {
    const shown = (value: number) => value.toFixed(unit === '×' ? 2 : 1);
    return [
      label,
      unit,
      String(spread.repeats),
      shown(spread.median),
      `${shown(spread.lower)} … ${shown(spread.upper)}`,
      shown(spread.largest),
      ratios.join(', '),
    ];
  });
  const widths = heading.map((_, column) =>
    Math.max(...[heading, ...cells].map((row) => row[column].length)),
  );
  const aligned = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === 0 || column === row.length - 1
          ? cell.padEnd(widths[column])
          : cell.padStart(widths[column]),
      )
      .join('  ')
      .trimEnd();
  const load = loadavg()[0];
  const facts = { ...about, loadAverageAfter: load };
  console.log(`\nBenchmark: ${name}`);
  console.log(
    Object.entries(facts)
      .map(([fact, value]) => `  ${fact}: ${typeof value === 'number' ? Number(value.toFixed(2)) : value}`)
      .join('\n'),
  );
  console.log(`\n${[heading, ...cells].map(aligned).join('\n')}\n`);
  const folder = join(ROOT, 'out', 'bench');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${name}.json`);
  const written = { benchmark: name, date: new Date().toISOString(), about: facts, rows: lines };
  await writeFile(file, `${JSON.stringify(written, undefined, 2)}\n`);
  console.log(`Every sample is in ${file}`);
}
