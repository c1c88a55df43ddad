/**
 * Measures inside VS Code's extension host, without a line in the product: Node loads this file before anything else
 * (`NODE_OPTIONS=--require`), in every process of the server; it does something in the extension host alone. It notes
 * what happens to the extension and its engine, and answers questions over HTTP at the port that it writes into the
 * file that `SURPRISAL_PROBE` names.
 */
import childProcess, { type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Session } from 'node:inspector';
import Module from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Moments in the life of the extension, in their order. */
export const MOMENTS = [
  'required',
  'activate',
  'activated',
  'forked',
  'hello',
  'loading',
  'loaded',
  'layout',
  'scores',
] as const;
export type Moment = (typeof MOMENTS)[number];

/** What the probe has seen: milliseconds since 1970 of the first time of each moment, and the engine's process. */
export interface Seen {
  readonly moments: Readonly<Partial<Record<Moment, number>>>;
  readonly engine: number | undefined;
}

/** Delays of the event loop in milliseconds: time between two turns of a timer of 1 ms. */
export interface Delays {
  readonly count: number;
  readonly mean: number;
  readonly median: number;
  readonly most: number;
  /** The quantiles 0.99 and 0.999. */
  readonly q99: number;
  readonly q999: number;
  /** Turns that came later than a frame of a screen lasts. */
  readonly late: number;
}

/** Bytes, after the garbage was collected. */
export interface Memory {
  readonly heap: number;
  readonly external: number;
}

/** A CPU profile, and when the event loop came round meanwhile. */
export interface ProfiledTurns {
  readonly profile: {
    readonly nodes: readonly {
      readonly id: number;
      readonly callFrame: { readonly url: string; readonly functionName: string };
      readonly children?: readonly number[];
    }[];
    /** Microseconds, of the same clock as `turns`. */
    readonly startTime: number;
    readonly samples: readonly number[];
    readonly timeDeltas: readonly number[];
  };
  readonly turns: readonly number[];
}

const LATE = 16;
/** Microseconds between two samples of a profile. */
const SAMPLING = 250;

const moments: Partial<Record<Moment, number>> = {};
let engine: ChildProcess | undefined;

function note(moment: Moment): void {
  moments[moment] ??= performance.timeOrigin + performance.now();
}

/** Sees the extension being loaded and activated, and its engine being started. */
function watchExtension(): void {
  const loader = Module as unknown as { _load(request: string, ...rest: unknown[]): unknown };
  const load = loader._load;
  loader._load = function (request, ...rest) {
    if (!/[\\/]dist[\\/]extension\.cjs$/.test(request)) {
      return load.call(this, request, ...rest);
    }
    note('required');
    const loaded = load.call(this, request, ...rest) as { activate(context: unknown): unknown };
    return {
      ...loaded,
      activate: (context: unknown) => {
        note('activate');
        const result = loaded.activate(context);
        note('activated');
        return result;
      },
    };
  };
  const { fork } = childProcess;
  childProcess.fork = ((path: string, ...rest: never[]) => {
    const child = fork(path, ...rest);
    if (/engine\.cjs$/.test(path)) {
      note('forked');
      engine = child;
      child.on('message', (message) => {
        const { type } = message as { readonly type: Moment };
        if (MOMENTS.includes(type)) {
          note(type);
        }
      });
    }
    return child;
  }) as typeof fork;
}

const histogram = monitorEventLoopDelay({ resolution: 1 });

function takeDelays(): Delays {
  const milliseconds = (nanoseconds: number) => nanoseconds / 1e6;
  // The share of turns that were in time, by bisection: a histogram is only asked for its quantiles.
  let low = 0;
  let high = 100;
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (middle > 0 && milliseconds(histogram.percentile(middle)) > LATE) {
      high = middle;
    } else {
      low = middle;
    }
  }
  const { count } = histogram as unknown as { readonly count: number };
  const delays = {
    count,
    mean: milliseconds(histogram.mean),
    median: milliseconds(histogram.percentile(50)),
    most: milliseconds(histogram.max),
    q99: milliseconds(histogram.percentile(99)),
    q999: milliseconds(histogram.percentile(99.9)),
    late: milliseconds(histogram.max) > LATE ? Math.round(count * (1 - high / 100)) : 0,
  };
  histogram.reset();
  return delays;
}

function takeMemory(): Memory {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return { heap: heapUsed, external };
}

let session: Session | undefined;
let turns: number[] = [];
let turnTimer: ReturnType<typeof setInterval> | undefined;

const post = (method: string, parameters?: object) =>
  new Promise<object>((resolve, reject) => {
    session?.post(method, parameters, (error, result) => (error ? reject(error) : resolve(result ?? {})));
  });

async function startProfile(): Promise<void> {
  session = new Session();
  session.connect();
  await post('Profiler.enable');
  await post('Profiler.setSamplingInterval', { interval: SAMPLING });
  await post('Profiler.start');
  turns = [];
  turnTimer = setInterval(() => turns.push(Number(process.hrtime.bigint() / 1000n)), 1);
}

async function stopProfile(): Promise<ProfiledTurns> {
  clearInterval(turnTimer);
  const { profile } = (await post('Profiler.stop')) as Pick<ProfiledTurns, 'profile'>;
  session?.disconnect();
  return { profile, turns };
}

const answers: Readonly<Record<string, () => unknown>> = {
  '/seen': (): Seen => ({ moments, engine: engine?.pid }),
  '/delays': takeDelays,
  '/memory': takeMemory,
  '/startProfile': startProfile,
  '/stopProfile': stopProfile,
};

function serve(file: string): void {
  const server = createServer(async (request, response) => {
    try {
      response.end(JSON.stringify((await answers[request.url ?? '']?.()) ?? null));
    } catch (error) {
      response.statusCode = 500;
      response.end(String(error));
    }
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    writeFileSync(file, String(typeof address === 'object' ? address?.port : ''));
  });
  server.unref();
}

const file = process.env.SURPRISAL_PROBE;
if (file && process.argv.some((argument) => argument.includes('--type=extensionHost'))) {
  watchExtension();
  histogram.enable();
  serve(file);
}
