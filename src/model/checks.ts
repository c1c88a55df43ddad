/** Checks of a model whose files are not all there, which take long enough to be in nobody's way: a tokenizer is megabytes of JSON. */
import { Worker } from 'node:worker_threads';
import type { ModelChecks } from './download';
import { ModelError, messageOf } from './errors';
import { checkTexts, dataFilesOf } from './hub';

/** Checks on the thread that asks, which no signal ends. */
export const CHECKS: ModelChecks = {
  texts: checkTexts,
  dataFiles: async (onnx, name) => dataFilesOf(onnx, name),
};

/** What the thread is asked: the parameters of a check, but for the signal. */
export type Question =
  | readonly ['texts', folder: string]
  | readonly ['dataFiles', onnx: string, name: string];

/** What came of it. */
export type Answer =
  | { readonly value: unknown }
  | { readonly error: Pick<ModelError, 'code' | 'message' | 'advice'> | string };

/** Checks on a thread of their own. @param script the thread's, bundled */
export function checksBeside(script: string): ModelChecks {
  const ask = (question: Question, signal: AbortSignal) =>
    new Promise<unknown>((resolve, reject) => {
      signal.throwIfAborted();
      const worker = new Worker(script, { workerData: question });
      const stop = () => {
        reject(signal.reason);
        void worker.terminate();
      };
      signal.addEventListener('abort', stop, { once: true });
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
      worker.once('exit', (status) => {
        signal.removeEventListener('abort', stop);
        reject(new Error(`its thread ended with status ${status}`));
      });
    });
  return {
    texts: async (folder, signal) => void (await ask(['texts', folder], signal)),
    dataFiles: async (onnx, name, signal) => (await ask(['dataFiles', onnx, name], signal)) as string[],
  };
}

/** What the thread answers. */
export async function answerOf([check, ...parameters]: Question): Promise<Answer> {
  try {
    const [path, name] = parameters;
    return {
      value: check === 'texts' ? await checkTexts(path) : dataFilesOf(path, name!),
    };
  } catch (error) {
    return {
      error:
        error instanceof ModelError
          ? { code: error.code, message: error.message, advice: error.advice }
          : messageOf(error),
    };
  }
}
