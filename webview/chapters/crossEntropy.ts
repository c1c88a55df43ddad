/** The numbers of the chapter on the loss, from the logits of the whole vocabulary. */
import {
  crossEntropyFromLog,
  entropy,
  entropyOf,
  excessSurprisal,
  logSoftmax,
  scaleByTemperature,
  smoothedTarget,
  varentropy,
} from '../../src/loss/formulas';
import { restConcentration } from '../../src/loss/lossCurves';
import type { Encounter } from '../../src/loss/verdict';
import type { PanelAlternative, PanelToken } from '../../src/panel/messages';

/** What does not depend on the label smoothing; nats. */
export interface TokenLoss {
  readonly token: PanelToken;
  readonly temperature: number;
  /** [V] log q */
  readonly logQ: Float64Array;
  readonly encounter: Encounter;
  /** s − H(q) */
  readonly excess: number;
  /** √varentropy */
  readonly deviation: number;
  /** Mean of −log q over the vocabulary. */
  readonly meanNats: number;
  /** See {@link restConcentration}. */
  readonly concentration: number;
}

/** One term of −Σ p log q, or several that are added up. */
export interface Term {
  /** Absent: all tokens that have no term of their own. */
  readonly alternative?: PanelAlternative;
  readonly tokens: number;
  /** p of these tokens together. */
  readonly p: number;
  /** −log q; the mean where there are several; nats. */
  readonly nats: number;
  /** Their part of H(p, q), nats. */
  readonly value: number;
}

/** Cross-entropy with a smoothed p; nats. */
export interface Smoothing {
  readonly epsilon: number;
  /** The token's term, those of its strongest rivals, and the rest in one. */
  readonly terms: readonly Term[];
  /** H(p, q) = H(p) + KL(p‖q) */
  readonly crossEntropy: number;
  readonly targetEntropy: number;
  readonly divergence: number;
}

/** Terms of other tokens that are written out. */
const RIVALS = 2;

const latest = new WeakMap<Float32Array, TokenLoss>();

/**
 * The token's numbers at a temperature; kept for the latest temperature of each token's logits.
 * @returns undefined without logits
 * @throws RangeError when a logit is not finite or the temperature is not a positive number
 */
export function tokenLoss(token: PanelToken, temperature: number): TokenLoss | undefined {
  const { logits, target, rank, top } = token;
  if (!logits) {
    return undefined;
  }
  const known = latest.get(logits);
  if (known?.temperature === temperature && known.token.target.id === target.id) {
    return known;
  }
  const scaled = temperature === 1 ? logits : scaleByTemperature(logits, temperature);
  const logQ = logSoftmax(scaled);
  const encounter = {
    nats: 0 - logQ[target.id],
    entropy: entropy(scaled),
    varentropy: varentropy(scaled),
    rank,
    bestNats: 0 - logQ[top[0]?.id ?? target.id],
  };
  const loss = {
    token,
    temperature,
    logQ,
    encounter,
    excess: excessSurprisal(encounter.nats, encounter.entropy),
    deviation: Math.sqrt(encounter.varentropy),
    meanNats: crossEntropyFromLog(smoothedTarget(logQ.length, target.id, 1), logQ),
    concentration: restConcentration(scaled, target.id),
  };
  latest.set(logits, loss);
  return loss;
}

/**
 * H(p, q) of the token with label smoothing, term by term.
 * @throws RangeError when ε is not between 0 and 1
 */
export function smooth({ token, logQ, meanNats }: TokenLoss, epsilon: number): Smoothing {
  const { target, top } = token;
  const p = smoothedTarget(logQ.length, target.id, epsilon);
  const crossEntropy = crossEntropyFromLog(p, logQ);
  const targetEntropy = entropyOf(p);
  const rivals = top.filter(({ id }) => id !== target.id).slice(0, RIVALS);
  const named = [target, ...rivals].map((alternative): Term => {
    const nats = 0 - logQ[alternative.id];
    const share = p[alternative.id];
    return { alternative, tokens: 1, p: share, nats, value: share > 0 ? share * nats : 0 };
  });
  const sumOf = (pick: (term: Term) => number) => named.reduce((sum, term) => sum + pick(term), 0);
  const tokens = logQ.length - named.length;
  const others: Term = {
    tokens,
    p: (tokens * epsilon) / logQ.length,
    nats: tokens > 0 ? (logQ.length * meanNats - sumOf(({ nats }) => nats)) / tokens : 0,
    value: epsilon > 0 ? crossEntropy - sumOf(({ value }) => value) : 0,
  };
  return {
    epsilon,
    terms: [...named, others],
    crossEntropy,
    targetEntropy,
    // By its definition; a rounding error below 0 is none.
    divergence: Math.max(0, crossEntropy - targetEntropy),
  };
}
