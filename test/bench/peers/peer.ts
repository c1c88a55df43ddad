/** What scores whole documents in the document benchmark: one interface for Surprisal and for all that it is compared with. */

/** A text that is scored as a whole. */
export interface BenchDocument {
  /** As in `code, 4k`. */
  readonly name: string;
  readonly text: string;
  /** Number of tokens under the bundled model's tokenizer. */
  readonly tokens: number;
}

/** Fewest earlier tokens with which a token counts as scored, unless it has all of the document's earlier text. */
export const ENOUGH_CONTEXT = 256;

/** What scoring a document once came to. */
export interface Measurement {
  /**
   * From the text to the last token's score, tokenizing included. Not counted: loading the model, and a warm-up that
   * leaves nothing of the document in a cache.
   */
  readonly seconds: number;
  /** Tokens that went through the model, those read again as context included. */
  readonly tokensRun: number;
  /** Tokens that got a score with at least {@link ENOUGH_CONTEXT} earlier tokens, or all earlier text, before them. */
  readonly tokensScored: number;
  /** Mean surprisal of the tokens that got a score, in nats: one that is far off shows that something is wrong. */
  readonly meanNats: number;
}

/** One way to score documents, on the bundled model's weights and on the CPU. Idle between two measurements. */
export interface Peer {
  /** Names its lines in the table, as in `llama.cpp float32`. */
  readonly name: string;
  /** Version and settings, for the report. */
  readonly about: string;
  /**
   * Scores a document that it has not seen, or of which it has forgotten everything.
   * @param threads CPU threads
   */
  measure(document: BenchDocument, threads: number): Promise<Measurement>;
  /** Ends its processes and removes its temporary files. */
  close(): Promise<void>;
}

/** Finds peers of one kind on this machine. */
export interface PeerSource {
  /** As in `llama.cpp`. */
  readonly name: string;
  /**
   * Gets everything ready.
   * @param trial a short document on which settings may be tried
   * @param threads the numbers of CPU threads that will be asked for, the largest first
   * @throws Error whose message says in one line why there is none here
   */
  open(trial: BenchDocument, threads: readonly number[]): Promise<readonly Peer[]>;
}
