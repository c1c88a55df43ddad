/** The parent's side of the engine's process: starts it on demand, keeps it alive, and matches answers to requests. */
import { type ChildProcess, fork } from 'node:child_process';
import type { TrainingOptions } from '../loss/training';
import { PROVIDER_NAMES } from '../model/devices';
import { messageOf } from '../model/errors';
import type { SectionText } from '../text/sections';
import {
  CancelledError,
  type EngineApi,
  EngineError,
  type EngineSettings,
  type ScoredDocument,
  type ScoreListener,
  type ScoreOptions,
  type Subscription,
  type TrainingListener,
  type TrainingSignals,
} from './api';
import {
  DEFAULT_CACHE_SIZE,
  type Distribution,
  type DistributionRequest,
  type EngineProblem,
  type EngineState,
  type ExecutionProvider,
  type FromHost,
  type Replacement,
  type ReplacementPlace,
  type ReplacementRequest,
  type ScoreRequest,
  type ScoreStatistics,
  type ToHost,
  type TrainingResult,
  type Trial,
} from './protocol';

export interface EngineOptions {
  /** The engine's bundled script. */
  readonly hostPath: string;
  readonly settings: EngineSettings;
  /** Receives lines for the log. */
  readonly log?: (line: string) => void;
  /** How long a device may take to load the model and to compute the verification page, in milliseconds. */
  readonly trialLimit?: number;
}

type Ready = Extract<EngineState, { kind: 'ready' }>;

/** Crashes within {@link CRASH_WINDOW} after which the engine stays down, whatever was answered in between. */
const MOST_CRASHES = 3;
/** In milliseconds. Without it every document that is scored before the one that kills the process would begin anew. */
const CRASH_WINDOW = 600_000;
/** Pause before the first restart, in milliseconds; doubles with each crash. */
const FIRST_PAUSE = 250;
/** How long a process may take to obey `shutdown` before it is killed, in milliseconds. A run takes less. */
const SHUTDOWN_GRACE = 1500;
/** The default of `trialLimit`. It is long because drivers compile at first. */
const TRIAL_LIMIT = 60_000;

/** Problems of a request that come from a device that got lost, or computes wrongly all of a sudden. */
const OF_THE_DEVICE: ReadonlySet<EngineProblem['code']> = new Set(['device', 'non-finite']);

/**
 * For glibc: the size in bytes from which on a block goes back to the system when it is freed. By itself glibc raises it
 * with the first large block that is freed, and what weights are computed from would stay in the process. No run
 * allocates as much outside of ONNX Runtime's arena, so that none is slower.
 */
const ALLOCATION = { MALLOC_MMAP_THRESHOLD_: '655360' };

interface PendingScore {
  readonly kind: 'score';
  readonly message: ScoreRequest;
  readonly listener: ScoreListener;
  visible: readonly number[];
  resolve(statistics: ScoreStatistics): void;
  reject(error: Error): void;
}

/** What answers a question about a scoring. */
type Answer = Extract<FromHost, { type: 'distributions' | 'replacements' }>;

interface PendingQuestion {
  readonly kind: 'question';
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

interface PendingTraining {
  readonly kind: 'training';
  readonly listener: TrainingListener;
  begun: boolean;
  resolve(result: TrainingResult): void;
  reject(error: Error): void;
}

type Pending = PendingScore | PendingQuestion | PendingTraining;

interface Waiter {
  resolve(state: Ready): void;
  reject(error: Error): void;
}

/** See {@link EngineApi}. */
export class Engine implements EngineApi {
  readonly #hostPath: string;
  readonly #log: (line: string) => void;
  readonly #listeners = new Set<(state: EngineState) => void>();
  readonly #pending = new Map<number, Pending>();
  #settings: EngineSettings;
  #state: EngineState = { kind: 'off' };
  #child: ChildProcess | undefined;
  #nextRequest = 1;
  #loadRequest = 0;
  #waiters: Waiter[] = [];
  /** When the process crashed lately, as `performance.now()` had it. */
  #crashes: number[] = [];
  #excluded: Partial<Record<Trial, string>> = {};
  /** Why a device that was in use is not any more. */
  #lost: string | undefined;
  #trying: Trial | undefined;
  #trialTimer: NodeJS.Timeout | undefined;
  readonly #trialLimit: number;
  #restartTimer: NodeJS.Timeout | undefined;
  /** Resolves when all former processes are gone. */
  #ending: Promise<void> = Promise.resolve();
  #isStarting = false;
  #isDisposed = false;

  constructor(options: EngineOptions) {
    this.#hostPath = options.hostPath;
    this.#settings = options.settings;
    this.#log = options.log ?? (() => {});
    this.#trialLimit = options.trialLimit ?? TRIAL_LIMIT;
  }

  get state(): EngineState {
    return this.#state;
  }

  /** Process id of the engine's process while there is one; for tests and diagnostics. */
  get processId(): number | undefined {
    return this.#child?.pid;
  }

  onDidChangeState(listener: (state: EngineState) => void): Subscription {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  }

  ensureReady(): Promise<Ready> {
    if (this.#state.kind === 'ready') {
      return Promise.resolve(this.#state);
    }
    if (this.#state.kind === 'failed') {
      return Promise.reject(new EngineError(this.#state.problem));
    }
    if (this.#isDisposed) {
      return Promise.reject(new CancelledError());
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#startIfOff();
    });
  }

  async score(
    document: string,
    text: string | readonly SectionText[],
    visible: readonly number[],
    listener: ScoreListener,
    { signal, only }: ScoreOptions = {},
  ): Promise<ScoreStatistics> {
    this.#cancelScores(document);
    const request = this.#nextRequest++;
    return new Promise<ScoreStatistics>((resolve, reject) => {
      if (signal?.aborted || this.#isDisposed) {
        reject(new CancelledError());
        return;
      }
      const abort = () => this.#cancel(request);
      signal?.addEventListener('abort', abort, { once: true });
      const settle = <T>(finish: (value: T) => void) => {
        return (value: T) => {
          signal?.removeEventListener('abort', abort);
          finish(value);
        };
      };
      const message: ScoreRequest = { type: 'score', request, document, text, visible, only };
      this.#pending.set(request, {
        kind: 'score',
        message,
        listener,
        visible,
        resolve: settle(resolve),
        reject: settle(reject),
      });
      if (this.#state.kind === 'ready') {
        this.#sendScore(request);
      } else if (this.#state.kind === 'failed') {
        this.#settle(request)?.reject(new EngineError(this.#state.problem));
      } else {
        // Sent as soon as the model is loaded.
        this.#startIfOff();
      }
    });
  }

  setVisible(document: string, visible: readonly number[], cursor?: number): void {
    for (const pending of this.#pending.values()) {
      if (pending.kind === 'score' && pending.message.document === document) {
        pending.visible = visible;
      }
    }
    this.#post({ type: 'visible', document, visible, ...(cursor === undefined ? {} : { cursor }) });
  }

  async distributions(
    document: string,
    score: number,
    tokens: readonly number[],
    top: number,
    logits = false,
  ): Promise<readonly Distribution[]> {
    const answer = await this.#ask((request) => {
      return { type: 'distribution', request, score, document, tokens, top, logits };
    });
    return (answer as Extract<Answer, { type: 'distributions' }>).distributions;
  }

  async replacements(
    document: string,
    score: number,
    places: readonly ReplacementPlace[],
    behind: number,
  ): Promise<readonly (readonly Replacement[])[]> {
    const answer = await this.#ask((request) => {
      return { type: 'replacement', request, score, document, places, behind };
    });
    return (answer as Extract<Answer, { type: 'replacements' }>).replacements;
  }

  train(
    document: string,
    score: number,
    options: TrainingOptions,
    evaluation: ScoredDocument | undefined,
    listener: TrainingListener,
    { stop, cancel }: TrainingSignals = {},
  ): Promise<TrainingResult> {
    if (this.#state.kind !== 'ready' || stop?.aborted || cancel?.aborted) {
      return Promise.reject(new CancelledError());
    }
    const request = this.#nextRequest++;
    return new Promise<TrainingResult>((resolve, reject) => {
      // Settled by the answer: what was learnt up to there comes with it.
      const onStop = () => this.#post({ type: 'stopTraining', request });
      const onCancel = () => this.#cancel(request);
      stop?.addEventListener('abort', onStop, { once: true });
      cancel?.addEventListener('abort', onCancel, { once: true });
      const settled = () => {
        stop?.removeEventListener('abort', onStop);
        cancel?.removeEventListener('abort', onCancel);
      };
      this.#pending.set(request, {
        kind: 'training',
        listener,
        begun: false,
        resolve: (result) => {
          settled();
          resolve(result);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      this.#post({ type: 'train', request, document, score, options, ...(evaluation ? { evaluation } : {}) });
    });
  }

  forget(document: string): void {
    this.#cancelScores(document);
    this.#post({ type: 'forget', document });
  }

  configure(settings: EngineSettings): boolean {
    const old = this.#settings;
    this.#settings = settings;
    if (
      old.folder === settings.folder &&
      old.device === settings.device &&
      old.threads === settings.threads &&
      old.weights === settings.weights
    ) {
      if (cacheSizeOf(old) !== cacheSizeOf(settings)) {
        this.#post({ type: 'cacheSize', megabytes: cacheSizeOf(settings) });
      }
      return false;
    }
    if (this.#state.kind !== 'off') {
      this.restart().catch((error) => this.#log(`restart after a change of settings: ${error.message}`));
    }
    return true;
  }

  async restart(): Promise<void> {
    this.#crashes = [];
    this.#excluded = {};
    this.#lost = undefined;
    this.#setState({ kind: 'starting' });
    this.#interrupt(new CancelledError());
    await this.#end();
    if (this.#state.kind === 'off') {
      // It was stopped meanwhile.
      throw new CancelledError();
    }
    await this.ensureReady();
  }

  async stop(): Promise<void> {
    this.#setState({ kind: 'off' });
    this.#failAll(new CancelledError());
    await this.#end();
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#failAll(new CancelledError());
    void this.#end();
    this.#state = { kind: 'off' };
    this.#listeners.clear();
  }

  #setState(state: EngineState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) {
      listener(state);
    }
  }

  /** Starts a process unless there is one, or one to come; not before the former ones are gone. */
  #startIfOff(): void {
    const isWanted = () => !this.#child && !this.#restartTimer && !this.#isDisposed;
    if (!isWanted()) {
      return;
    }
    if (this.#state.kind !== 'starting') {
      this.#setState({ kind: 'starting' });
    }
    if (!this.#isStarting) {
      this.#isStarting = true;
      void this.#ending.then(() => {
        this.#isStarting = false;
        if (isWanted() && this.#state.kind === 'starting') {
          this.#start();
        }
      });
    }
  }

  #start(): void {
    this.#setState({ kind: 'starting' });
    let child: ChildProcess;
    try {
      child = fork(this.#hostPath, [], {
        serialization: 'advanced',
        // A debugger of the parent must not be inherited, and Electron has to behave as Node. A collection gives the
        // memory of the weights back that were computed for ONNX Runtime.
        execArgv: ['--expose-gc'],
        env: { ...ALLOCATION, ...process.env, ELECTRON_RUN_AS_NODE: '1' },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      });
    } catch (error) {
      this.#crashed(`could not be started (${messageOf(error)})`);
      return;
    }
    this.#child = child;
    this.#try(undefined);
    this.#loadRequest = this.#nextRequest++;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#log(text.trimEnd()));
    }
    child.on('message', (message: FromHost) => {
      if (this.#child === child) {
        this.#receive(message);
      }
    });
    child.on('error', (error) => {
      this.#log(`engine process: ${error.message}`);
      // One that never ran does not end either.
      if (this.#child === child && child.pid === undefined) {
        this.#child = undefined;
        this.#crashed(`could not be started (${error.message})`);
      }
    });
    child.on('exit', (code, signal) => {
      if (this.#child === child) {
        this.#child = undefined;
        this.#crashed(signal ? `was ended by ${signal}` : `ended with code ${code}`);
      }
    });
    const load: ToHost = {
      type: 'load',
      request: this.#loadRequest,
      folder: this.#settings.folder,
      device: this.#settings.device,
      excluded: this.#excluded,
      threads: this.#settings.threads,
      weights: this.#settings.weights ?? 'auto',
    };
    // Should it not arrive, the process is not there, which is told by its events.
    child.send(load, () => {});
  }

  /** Ends the process, if there is one, without counting it as a crash. Resolves when it, and any before it, is gone. */
  #end(): Promise<void> {
    clearTimeout(this.#restartTimer);
    this.#restartTimer = undefined;
    this.#try(undefined);
    const child = this.#child;
    this.#child = undefined;
    this.#ending = Promise.all([this.#ending, ended(child)]).then(() => {});
    return this.#ending;
  }

  #crashed(how: string): void {
    const now = performance.now();
    this.#crashes = this.#crashes.filter((time) => now - time < CRASH_WINDOW);
    const device = this.#deviceInUse();
    if (this.#trying) {
      // It is left out from now on, and the next attempt is free.
      const when = this.#trying === 'faster' ? 'float32 ones were loaded' : 'it was tried';
      this.#excluded[this.#trying] ??= `the process ${how} while ${when}.`;
      this.#try(undefined);
    } else if (device) {
      this.#leave(device, `the process ${how} while it was in use.`);
    } else {
      this.#crashes.push(now);
    }
    const { length } = this.#crashes;
    const minutes = CRASH_WINDOW / 60_000;
    this.#log(`The engine's process ${how} (${length} within ${minutes} minutes).`);
    this.#interrupt(trainingLost(`The engine's process ${how} during the training.`));
    if (length >= MOST_CRASHES) {
      this.#fail({
        code: 'crashed',
        message: `The engine's process ${how}. It has failed ${length} times within ${minutes} minutes.`,
        advice: 'Try again, choose another device in the settings, or look into the log.',
      });
      return;
    }
    this.#setState({ kind: 'starting' });
    this.#restartTimer = setTimeout(
      () => {
        this.#restartTimer = undefined;
        this.#start();
      },
      FIRST_PAUSE * 2 ** (length - 1),
    );
  }

  /** The device that computes, unless it is the CPU: there is another one then. */
  #deviceInUse(): ExecutionProvider | undefined {
    const provider = this.#state.kind === 'ready' ? this.#state.device.provider : 'cpu';
    return provider === 'cpu' ? undefined : provider;
  }

  /** Leaves a device that was in use out from now on. */
  #leave(device: ExecutionProvider, reason: string): void {
    this.#excluded[device] = reason;
    this.#lost = `${PROVIDER_NAMES[device]}: ${reason}`;
  }

  /** Goes on without the device that computes, in a new process. What is being scored is scored there. */
  async #goOnWithout(device: ExecutionProvider, reason: string): Promise<void> {
    this.#leave(device, reason);
    this.#setState({ kind: 'starting' });
    this.#interrupt(trainingLost(`The training was lost with its device. ${this.#lost}`));
    await this.#end();
    // Not when it was stopped meanwhile.
    if (this.#state.kind === 'starting') {
      this.#startIfOff();
    }
  }

  #fail(problem: EngineProblem): void {
    this.#setState({ kind: 'failed', problem });
    this.#failAll(new EngineError(problem));
  }

  /**
   * Gives up what a new process cannot go on with: it has seen no text. What is being scored it scores from the start.
   * @param lost what a training ends with
   */
  #interrupt(lost: Error): void {
    for (const [request, pending] of [...this.#pending]) {
      if (pending.kind !== 'score') {
        this.#pending.delete(request);
        pending.reject(pending.kind === 'training' ? lost : new CancelledError());
      }
    }
  }

  #failAll(error: Error): void {
    const waiters = this.#waiters.splice(0);
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const waiter of waiters) {
      waiter.reject(error);
    }
    for (const entry of pending) {
      entry.reject(error);
    }
  }

  #post(message: ToHost): void {
    if (this.#child?.connected && this.#state.kind === 'ready') {
      this.#child.send(message, (error) => error && this.#log(`message ${message.type}: ${error.message}`));
    }
  }

  /** Asks something that is answered at once, or not at all. @throws CancelledError when no model is loaded */
  #ask(question: (request: number) => DistributionRequest | ReplacementRequest): Promise<Answer> {
    if (this.#state.kind !== 'ready') {
      return Promise.reject(new CancelledError());
    }
    const request = this.#nextRequest++;
    return new Promise((resolve, reject) => {
      this.#pending.set(request, { kind: 'question', resolve, reject });
      this.#post(question(request));
    });
  }

  #sendScore(request: number): void {
    const pending = this.#pending.get(request);
    if (pending?.kind === 'score') {
      this.#post({ ...pending.message, visible: pending.visible });
    }
  }

  #settle(request: number): Pending | undefined {
    const pending = this.#pending.get(request);
    this.#pending.delete(request);
    return pending;
  }

  #cancel(request: number): void {
    const pending = this.#settle(request);
    if (pending) {
      this.#post({ type: 'cancel', request });
      pending.reject(new CancelledError());
    }
  }

  #cancelScores(document: string): void {
    for (const [request, pending] of [...this.#pending]) {
      if (pending.kind === 'score' && pending.message.document === document) {
        this.#cancel(request);
      }
    }
  }

  #receive(message: FromHost): void {
    switch (message.type) {
      case 'log':
        this.#log(message.line);
        break;
      case 'loading':
        this.#setState({ kind: 'loading', model: message.model });
        break;
      case 'trying':
        this.#try(message.trial);
        break;
      case 'loaded':
        this.#loaded(message);
        break;
      case 'layout': {
        const pending = this.#pending.get(message.request);
        if (pending?.kind === 'score') {
          pending.listener.layout(message.layout, message.request, message.wanted);
        }
        break;
      }
      case 'scores': {
        const pending = this.#pending.get(message.request);
        if (pending?.kind === 'score') {
          pending.listener.scores(message.from, message.scores, message.done);
        }
        break;
      }
      case 'scored': {
        const pending = this.#settle(message.request);
        if (pending?.kind === 'score') {
          pending.resolve(message.statistics);
        }
        break;
      }
      case 'distributions':
      case 'replacements': {
        const pending = this.#settle(message.request);
        if (pending?.kind === 'question') {
          pending.resolve(message);
        }
        break;
      }
      case 'training': {
        const pending = this.#pending.get(message.request);
        if (pending?.kind === 'training') {
          if (!pending.begun) {
            pending.begun = true;
            pending.listener.begin(message.tokens);
          }
          pending.listener.point(message.point);
        }
        break;
      }
      case 'trainingScored': {
        const pending = this.#pending.get(message.request);
        if (pending?.kind === 'training') {
          pending.listener.scored?.(message.done, message.total);
        }
        break;
      }
      case 'trained': {
        const pending = this.#settle(message.request);
        if (pending?.kind === 'training') {
          pending.resolve(message.result);
        }
        break;
      }
      case 'cancelled':
        this.#settle(message.request)?.reject(new CancelledError());
        break;
      case 'problem':
        this.#problem(message.request, message.problem);
        break;
    }
  }

  /** Something is being tried, or nothing any more. A device that takes too long is left out from the next process on. */
  #try(trial: Trial | undefined): void {
    clearTimeout(this.#trialTimer);
    this.#trying = trial;
    const child = this.#child;
    if (trial !== undefined && trial !== 'faster' && child) {
      this.#trialTimer = setTimeout(() => {
        this.#excluded[trial] = `did not compute the verification page within ${this.#trialLimit / 1000} s.`;
        child.kill('SIGKILL');
      }, this.#trialLimit);
    }
  }

  #loaded(message: Extract<FromHost, { type: 'loaded' }>): void {
    this.#try(undefined);
    const { model, device, degraded = this.#lost } = message;
    const state: Ready = { kind: 'ready', model, device, ...(degraded === undefined ? {} : { degraded }) };
    this.#log(`${model.name} on ${device.provider} (${device.name}). ${device.reasons.join(' ')}`);
    // What waited for the model, or was under way when the last process died. Before the state is announced:
    // listeners may ask for more.
    const waiting = [...this.#pending.keys()];
    this.#state = state;
    this.#post({ type: 'cacheSize', megabytes: cacheSizeOf(this.#settings) });
    for (const request of waiting) {
      this.#sendScore(request);
    }
    this.#setState(state);
    for (const waiter of this.#waiters.splice(0)) {
      waiter.resolve(state);
    }
  }

  #problem(request: number, problem: EngineProblem): void {
    this.#log(`${problem.message} ${problem.advice}`);
    if (request === this.#loadRequest) {
      this.#try(undefined);
      void this.#end();
      this.#fail(problem);
      return;
    }
    const device = this.#deviceInUse();
    if (device && OF_THE_DEVICE.has(problem.code)) {
      void this.#goOnWithout(device, `failed while it was in use. ${problem.message}`);
      return;
    }
    this.#settle(request)?.reject(new EngineError(problem));
  }
}

function cacheSizeOf({ cacheSize = DEFAULT_CACHE_SIZE }: EngineSettings): number {
  return cacheSize;
}

function trainingLost(message: string): EngineError {
  return new EngineError({
    code: 'crashed',
    message,
    advice: 'The model and your document are as they were: train again once the engine is back.',
  });
}

/** Asks a process to end, and ends it should it not obey. Resolves when it is gone. */
async function ended(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), SHUTDOWN_GRACE);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    if (child.connected) {
      child.send({ type: 'shutdown' } satisfies ToHost, () => {});
    } else {
      child.kill('SIGKILL');
    }
  });
}
