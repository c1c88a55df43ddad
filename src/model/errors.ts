/** What can be wrong with a model or its device. */
export type ModelErrorCode =
  | 'model-missing'
  | 'model-invalid'
  | 'checksum'
  | 'download'
  | 'device'
  | 'cache'
  | 'non-finite'
  | 'platform';

/** What was thrown, as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What to do after a library's error: where memory ran out, something about that. */
export function adviceFor(error: unknown, otherwise: string): string {
  return /bad_alloc|bad allocation|allocation failed|out of memory|failed to allocate/i.test(messageOf(error))
    ? 'There is not enough memory: close something, or have the weights kept in 4 bits (surprisal.weights, --weights quantized).'
    : otherwise;
}

/** Something is wrong with a model's files, its numbers or its device; made to be read by users. */
export class ModelError extends Error {
  /**
   * @param message what was wrong and where, in one sentence; names the file if there is one
   * @param advice what to do about it, in one sentence
   * @param cause what a library said
   */
  constructor(
    readonly code: ModelErrorCode,
    message: string,
    readonly advice: string,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = 'ModelError';
  }
}
