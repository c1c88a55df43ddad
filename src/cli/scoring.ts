/** Scores files with a model, one after the other. */
import { join } from 'node:path';
import { type EngineApi, reasonOf } from '../engine/api';
import { Engine } from '../engine/client';
import type { DeviceChoice, WeightsChoice } from '../engine/protocol';
import type { Search } from '../find/mistakes';
import { InputError, nameOf } from './input';
import type { Messages } from './messages';
import { modelFolder } from './models';
import type { Report } from './report';
import { scoreFile } from './scoreFile';

/** What to score, and how. */
export interface ScoringRequest {
  /** Each is asked for when the one before it is done with. */
  readonly files: Iterable<string> | AsyncIterable<string>;
  readonly model: string | undefined;
  readonly device: DeviceChoice;
  readonly threads: number;
  readonly weights: WeightsChoice;
  /** Number of alternatives at every token. */
  readonly top: number;
}

/** What scoring needs from around it. */
export interface Surroundings {
  /** The package's root. */
  readonly root: string;
  /** The text of an input. @throws InputError */
  read(file: string): Promise<string>;
  /** The flattened UTF-16 ranges of an input that are scored; all of it, unless there is such a choice. */
  only?(file: string): readonly number[];
  /** Where likely mistakes are looked for in an input; nowhere, unless there is such a choice. */
  readonly search?: ((file: string) => Search) | undefined;
  readonly messages: Messages;
  /** Hears of what cannot be scored: the reason, naming the file or the model. */
  fail(message: string): void;
}

/**
 * Reports of the files, in order. One that cannot be scored is left out and told; without a usable engine, so are all
 * others.
 */
export async function* reportsOf(request: ScoringRequest, around: Surroundings): AsyncGenerator<Report> {
  const { root, messages, fail } = around;
  let folder: string;
  try {
    folder = modelFolder(request.model, join(root, 'models'));
  } catch (error) {
    fail(reasonOf(error));
    return;
  }
  const { device, threads, weights } = request;
  const settings = { folder, device, threads, weights };
  const engine = new Engine({ hostPath: join(root, 'dist', 'engine.cjs'), settings });
  try {
    for await (const file of request.files) {
      const report = await reportOf(engine, file, request.top, around).catch((error) =>
        fail(reasonOf(error)),
      );
      if (report) {
        yield report;
      } else if (engine.state.kind === 'failed') {
        return;
      }
    }
    if (engine.state.kind === 'ready' && engine.state.degraded) {
      messages.complain(engine.state.degraded);
    }
  } finally {
    await engine.stop();
  }
}

/** @throws InputError, naming the file, or EngineError when the model cannot be loaded */
async function reportOf(
  engine: EngineApi,
  file: string,
  top: number,
  { read, only, search, messages }: Surroundings,
): Promise<Report> {
  const text = await read(file);
  // Before the file is held to be the reason of what fails.
  await engine.ensureReady();
  const name = nameOf(file);
  try {
    return await scoreFile(engine, file, text, {
      top,
      only: only?.(file),
      search: search?.(file),
      onProgress: (done, total, what) => messages.progress(name, done, total, `${done} of ${total} ${what}`),
    });
  } catch (error) {
    throw new InputError(`${name}: ${reasonOf(error)}`);
  } finally {
    messages.clearProgress();
  }
}
