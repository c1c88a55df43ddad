/** What the reader has chosen in the page; it is kept while the page is hidden and over a reload of the window. */
import { TRAINING_DEFAULTS, TRAINING_LIMITS, type TrainingOptions } from '../src/loss/training';

/** The chapters, in order. */
export const CHAPTER_NAMES = ['distribution', 'logarithm', 'loss', 'sequence', 'learning'] as const;
export type ChapterName = (typeof CHAPTER_NAMES)[number];

export interface PageSettings {
  readonly chapter: ChapterName;
  /** Bars of the distribution, 1 … 50. */
  readonly top: number;
  /** Softmax temperature. */
  readonly temperature: number;
  /** Label smoothing ε, 0 … 1. */
  readonly epsilon: number;
  /** Step size η of the step on the logits. */
  readonly stepSize: number;
  readonly training: TrainingOptions;
}

export const DEFAULT_SETTINGS: PageSettings = {
  chapter: 'distribution',
  top: 10,
  temperature: 1,
  epsilon: 0.1,
  stepSize: 1,
  training: TRAINING_DEFAULTS,
};

/**
 * Reads settings that were kept, perhaps by another version of the page: what is missing or impossible is replaced
 * by its default.
 */
export function readSettings(kept: unknown): PageSettings {
  const from = recordOf(kept);
  const training = recordOf(from.training);
  const defaults = DEFAULT_SETTINGS;
  return {
    chapter: CHAPTER_NAMES.find((name) => name === from.chapter) ?? defaults.chapter,
    top: whole(from.top, 1, 50) ?? defaults.top,
    temperature: positive(from.temperature) ?? defaults.temperature,
    epsilon: between(from.epsilon, 0, 1) ?? defaults.epsilon,
    stepSize: between(from.stepSize, 0, Number.MAX_VALUE) ?? defaults.stepSize,
    training: {
      adapter:
        training.adapter === 'bias' || training.adapter === 'low-rank' ? training.adapter : DEFAULT.adapter,
      rank: whole(training.rank, 1, TRAINING_LIMITS.rank) ?? DEFAULT.rank,
      learningRate: positive(training.learningRate) ?? DEFAULT.learningRate,
      weightDecay: between(training.weightDecay, 0, Number.MAX_VALUE) ?? DEFAULT.weightDecay,
      epochs: whole(training.epochs, 1, TRAINING_LIMITS.epochs) ?? DEFAULT.epochs,
      batch: whole(training.batch, 1, TRAINING_LIMITS.batch) ?? DEFAULT.batch,
      seed: whole(training.seed, 0, Number.MAX_SAFE_INTEGER) ?? DEFAULT.seed,
      evaluation: typeof training.evaluation === 'string' ? training.evaluation : DEFAULT.evaluation,
    },
  };
}

const DEFAULT = DEFAULT_SETTINGS.training;

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function between(value: unknown, min: number, max: number): number | undefined {
  return typeof value === 'number' && value >= min && value <= max ? value : undefined;
}

function positive(value: unknown): number | undefined {
  return between(value, Number.MIN_VALUE, Number.MAX_VALUE);
}

function whole(value: unknown, min: number, max: number): number | undefined {
  return Number.isInteger(value) ? between(value, min, max) : undefined;
}
