/** Checks of a model whose files are not all there, which take long enough to be in nobody's way: a tokenizer is megabytes of JSON. */
import { Worker } from 'node:worker_threads';
import type { ModelChecks } from './download';
import { ModelError, messageOf } from './errors';
import { checkTexts, dataFilesOf } from './hub';

/** Checks on the thread that asks. */
export const CHECKS: ModelChecks = {
  texts: checkTexts,
  dataFiles: async (onnx) => dataFilesOf(onnx),
};

/** What it is asked. */
export interface Question {
  readonly check: keyof ModelChecks;
  readonly path: string;
}

/** What came of it. */
export type Answer =
  | { readonly value: unknown }
  | { readonly error: Pick<ModelError, 'code' | 'message' | 'advice'> | string };

/** Checks on a thread of their own. @param script the thread's, bundled */
export function checksBeside(script: string): ModelChecks {
  const ask = (question: Question) =>
    new Promise<unknown>((resolve, reject) => {
      const worker = new Worker(script, { workerData: question });
      worker.once('message', (answer: Answer) => {
        if ('value' in answer) {
          resolve(answer.value);
        } else if (typeof answer.error === 'string') {
          reject(new Error(answer.error));
        } else {
          const { code, message, advice } = answer.error;
          reject(new ModelError(code, message, advice));
        }
      });
      worker.once('error', reject);
      worker.once('exit', (status) => reject(new Error(`The check ended early (status ${status}).`)));
    });
  return {
    texts: async (path) => void (await ask({ check: 'texts', path })),
    dataFiles: async (path) => (await ask({ check: 'dataFiles', path })) as string[],
  };
}

/** What the thread answers. */
export async function answerOf({ check, path }: Question): Promise<Answer> {
  try {
    return { value: await CHECKS[check](path) };
  } catch (error) {
    return {
      error:
        error instanceof ModelError
          ? { code: error.code, message: error.message, advice: error.advice }
          : messageOf(error),
    };
  }
}
