/** The machine-readable result of scoring one document, or places of it. */

import type { Mistake } from '../find/mistakes';

/** What one file's scoring found; the JSON format prints exactly this. */
export interface Report {
  readonly schema: 1;
  /** As it was named on the command line; "-" for standard input. */
  readonly file: string;
  readonly model: {
    readonly id: string;
    readonly vocabularySize: number;
    /** In tokens. */
    readonly contextWindow: number;
  };
  readonly device: {
    readonly provider: string;
    readonly name: string;
  };
  readonly summary: ReportSummary;
  readonly tokens: readonly ReportToken[];
  /** What is likely wrong, in the order of the text; only with `--mistakes`. */
  readonly mistakes?: readonly ReportMistake[];
}

/** A word that is likely a mistake, and where it begins. */
export interface ReportMistake extends Mistake {
  /** 1-based, as VS Code counts lines. */
  readonly line: number;
  /** 1-based, in UTF-16 code units. */
  readonly column: number;
}

/** Numbers about all that is scored. */
export interface ReportSummary {
  readonly tokens: number;
  /** UTF-16 code units. */
  readonly characters: number;
  /** UTF-8 bytes. */
  readonly bytes: number;
  /** Mean loss in nats per token; 0 for an empty document. */
  readonly meanNats: number;
  readonly perplexity: number;
  /** 0 for an empty document. */
  readonly bitsPerByte: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
}

/** One token that is scored. */
export interface ReportToken {
  /** UTF-16 offset of its first code unit; tokens that share a character have overlapping ranges. */
  readonly start: number;
  /** UTF-16 offset after its last code unit. */
  readonly end: number;
  /** 1-based line of `start`, as VS Code counts lines. */
  readonly line: number;
  /** 1-based column of `start`, in UTF-16 code units. */
  readonly column: number;
  /** The document's text from `start` to `end`. */
  readonly text: string;
  /** Vocabulary id. */
  readonly id: number;
  /** Surprisal in nats. */
  readonly nats: number;
  /** Entropy of the model's distribution, in nats. */
  readonly entropy: number;
  /** Varentropy of the model's distribution, in nats². */
  readonly varentropy: number;
  /** 1 for the token that the model found most probable. */
  readonly rank: number;
  /** 0-based index of the page that the token was scored in. */
  readonly page: number;
  /** What the model found most probable, best first; only with `--top`. */
  readonly top?: readonly ReportAlternative[];
}

/** One entry of a next-token distribution. */
export interface ReportAlternative {
  /** Vocabulary id. */
  readonly id: number;
  /** The entry's text; bytes that are no whole character appear as U+FFFD. */
  readonly text: string;
  /** −log q in nats. */
  readonly nats: number;
}
