/** What a training of the output layer's adapter is asked for, and what it reports. */

/** How the adapter is trained. */
export interface TrainingOptions {
  /** `bias`: z + b, V parameters. `low-rank`: z + B A h (Hu et al. 2021), r (d + V) parameters. */
  readonly adapter: 'bias' | 'low-rank';
  /** r of the low-rank adapter. */
  readonly rank: number;
  readonly learningRate: number;
  /** Decoupled weight decay (Loshchilov & Hutter 2019). */
  readonly weightDecay: number;
  /** Passes over the training tokens. */
  readonly epochs: number;
  /** Tokens per minibatch. */
  readonly batch: number;
  /** Seeds the order of the minibatches and the adapter's first values. */
  readonly seed: number;
  /**
   * What the evaluation loss is computed on: `split` holds back the last fifth of the document; else the URI of
   * another document. Of long documents the first 4,096 training tokens and 1,024 evaluation tokens are used.
   */
  readonly evaluation: string;
}

/**
 * The losses after a step, every token's under the same parameters: those after the step. Comes at step 0 (the model
 * as it is), at the end of every epoch, and in the middle of it while the training is short.
 */
export interface TrainingPoint {
  /** Optimiser steps so far. */
  readonly step: number;
  /** Passes over the training tokens so far, with a fraction. */
  readonly epoch: number;
  /** Mean loss over all training tokens (not over a minibatch), nats. */
  readonly training: number;
  /** Mean loss over all evaluation tokens, nats. */
  readonly evaluation: number;
}

/** The defaults of the panel. */
export const TRAINING_DEFAULTS: TrainingOptions = {
  adapter: 'low-rank',
  rank: 4,
  learningRate: 0.001,
  weightDecay: 0,
  epochs: 10,
  batch: 32,
  seed: 1,
  evaluation: 'split',
};

/** The largest values that can be chosen; the smallest are 1. */
export const TRAINING_LIMITS = { rank: 64, epochs: 1000, batch: 1024 } as const;
