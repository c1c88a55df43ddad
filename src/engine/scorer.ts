/** Scores documents page by page and chunk by chunk, and answers questions about their tokens. */
import { type TokenLayout, type TokenScores, upperBound } from '../loss/lossMap';
import { ModelError, messageOf } from '../model/errors';
import type { KeyValueCache } from '../model/keyValueCache';
import type { DistributionRows, Network } from '../model/network';
import { NetworkLostError } from '../model/sessions';
import type { ByteTokenizer } from '../model/tokenizer';
import { type PageLimits, pageLimitsFor } from '../text/pages';
import { type SectionText, sectionsOfText } from '../text/sections';
import {
  CHUNK,
  type Chunk,
  inputsOf,
  joinSections,
  type LaidOutSection,
  layOutSection,
  type Page,
  pagesOf,
  wantedChunks,
} from './layout';
import type {
  Alternative,
  Distribution,
  DistributionRequest,
  FromHost,
  Replacement,
  ReplacementRequest,
  ScoreRequest,
  TrainRequest,
  VisibleMessage,
} from './protocol';
import { cacheLimits, commonPrefix, ResultCache } from './resultCache';
import { Training, type TrainingDocument } from './training';

/**
 * Tokens from a change on, or from a text's beginning, that are scored before the rest of their chunk: what is being typed,
 * and what is behind it in its line. So few take a fraction of a chunk's time.
 */
export const AT_CHANGE = 32;

/**
 * Tokens that wait, none of them on screen, from which on a faster form of the network is loaded before they are scored.
 * Loading takes as long as some 1,500 tokens, and saves an eighth of each.
 */
const WORTH_IMPROVING = 8192;

/** Milliseconds without a message or work after which a faster form of the network is loaded in any case. */
const QUIET = 1000;

/** Rows of the vocabulary-wide distribution that are computed at once when many tokens are asked for. */
const DISTRIBUTION_ROWS = 32;

/** One document's latest score request. */
interface Job {
  readonly request: number;
  readonly document: string;
  readonly layout: TokenLayout;
  readonly pages: readonly Page[];
  /** Says of each page's chunks whether they are to be scored. */
  readonly wanted: readonly boolean[][];
  /** All of them are. */
  readonly isWhole: boolean;
  /** Indices of the pages that still lack scores. */
  readonly pending: Set<number>;
  /** Scores as far as they are there. */
  readonly scores: TokenScores;
  readonly startedAt: number;
  visible: readonly number[];
  done: number;
  tokensRun: number;
  pagesCached: number;
  finished: boolean;
}

/** The page whose chunks are being run, between two runs. */
interface Progress {
  readonly job: Job;
  readonly page: Page;
  next: number;
  past: KeyValueCache | undefined;
}

/** What a page's first chunks are found by when their keys and values are kept. */
interface KeptPage {
  readonly key: string;
  /** Of the context up to the end of each whole chunk. */
  readonly digests: readonly string[];
  /** The context's ids; there may be keys and values beyond the last whole chunk. */
  readonly ids: Uint32Array;
}

/** What is read in a place of a page: what is there, or a text in its stead, and what comes behind it. */
interface Reading {
  /** Index of the place in its question. */
  readonly place: number;
  readonly text: string | undefined;
  /** The page's row where it begins. */
  readonly row: number;
  /** The text's tokens. */
  readonly ids: Uint32Array;
  /** These, and those behind them that count. */
  readonly targets: Uint32Array;
}

/** A score request while its text is cut into tokens, section by section. */
interface Preparation {
  readonly request: ScoreRequest;
  readonly sections: readonly SectionText[];
  readonly done: LaidOutSection[];
  readonly startedAt: number;
  visible: readonly number[];
}

/** Owns the work queue of one loaded model. Everything is asynchronous between runs; a run blocks. */
export class Scorer {
  readonly #cache: ResultCache;
  readonly #limits: PageLimits;
  /** Most recent last. */
  readonly #jobs = new Map<string, Job>();
  /** Requests whose text is being cut into tokens. */
  readonly #preparations = new Map<string, Preparation>();
  /** The job that was given up last: the next one of its document takes over what it had. */
  #givenUp: Job | undefined;
  readonly #questions: (DistributionRequest | ReplacementRequest)[] = [];
  /** Where something is likely to be typed next, until its page is read up to there. */
  #cursor: { readonly document: string; readonly offset: number } | undefined;
  #progress: Progress | undefined;
  /**
   * Room for the keys and values of a page: it is large, and made once. While no page is under way it still holds those
   * of the last one, which the next keystroke goes on from.
   */
  #room:
    | { readonly values: KeyValueCache; readonly holds: KeptPage | undefined; readonly isOnScreen: boolean }
    | undefined;
  #training: { readonly request: number; readonly work: Training } | undefined;
  #pumping = false;
  /** Something has come in since it was last looked for work, or there was some. */
  #hasMore = false;
  #closed = false;
  /** Goes off when nothing was to be done for a while; then it is quiet. */
  #timer: NodeJS.Timeout | undefined;
  #isQuiet = false;

  constructor(
    private readonly network: Network,
    private readonly tokenizer: ByteTokenizer,
    private readonly send: (message: FromHost) => void,
    private readonly problem: (request: number, error: unknown) => void,
    cache: ResultCache = new ResultCache(),
  ) {
    this.#cache = cache;
    this.#limits = pageLimitsFor(network.manifest.contextWindow);
  }

  /** Begins to score a document; a request for the same document that is under way is cancelled. */
  score(request: ScoreRequest): void {
    const { document, text, visible } = request;
    this.#dropPreparation(document);
    if (!this.#jobs.get(document)?.finished) {
      this.#drop(document);
    }
    const sections = typeof text === 'string' ? sectionsOfText(text) : text;
    const startedAt = performance.now();
    this.#preparations.set(document, { request, sections, done: [], startedAt, visible });
    if (sections.length <= 1) {
      this.#prepare();
    }
    void this.#pump();
  }

  /** Bounds the cache of results anew. */
  setCacheSize(megabytes: number): void {
    this.#cache.resize(cacheLimits(megabytes));
  }

  /** Asks for distributions, or about replacements; answered before any further scoring. */
  ask(request: DistributionRequest | ReplacementRequest): void {
    this.#questions.push(request);
    void this.#pump();
  }

  /** Begins a training, in place of the one under way; it goes on while there is nothing else to do. */
  train(request: TrainRequest): void {
    this.#dropTraining();
    const { document, score, evaluation } = request;
    const trained = this.#trainingDocument(document, score);
    const evaluated = evaluation && this.#trainingDocument(evaluation.document, evaluation.score);
    if (!trained || (evaluation && !evaluated)) {
      this.send({ type: 'cancelled', request: request.request });
      return;
    }
    try {
      const { request: id, options } = request;
      const work = new Training(this.network, options, trained, evaluated, {
        point: (tokens, point) => this.send({ type: 'training', request: id, tokens, point }),
        scored: (done, total) => this.send({ type: 'trainingScored', request: id, done, total }),
      });
      this.#training = { request: id, work };
    } catch (error) {
      this.problem(request.request, error);
    }
    void this.#pump();
  }

  /** Ends a training early; it is answered with what was learnt, or as cancelled if that is nothing. */
  stopTraining(request: number): void {
    if (this.#training?.request === request) {
      this.#training.work.stop();
    }
  }

  /** Takes note of what is on screen, and of where something is likely to be typed. */
  setVisible({ document, visible, cursor }: VisibleMessage): void {
    for (const work of [this.#jobs.get(document), this.#preparations.get(document)]) {
      if (work) {
        work.visible = visible;
      }
    }
    if (cursor !== undefined) {
      this.#cursor = { document, offset: cursor };
      void this.#pump();
    }
  }

  /** Cancels a scoring or a training. */
  cancel(request: number): void {
    if (this.#training?.request === request) {
      this.#dropTraining();
    }
    for (const preparation of this.#preparations.values()) {
      if (preparation.request.request === request) {
        this.#dropPreparation(preparation.request.document);
      }
    }
    for (const job of this.#jobs.values()) {
      if (job.request === request && !job.finished) {
        this.#drop(job.document);
      }
    }
  }

  /** Gives a document's layout and scores up; what is cached by content stays for a while. */
  forget(document: string): void {
    this.#dropPreparation(document);
    this.#drop(document);
    if (this.#givenUp?.document === document) {
      this.#givenUp = undefined;
    }
  }

  /** Stops all work and gives the model's memory back once the run under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const document of [...this.#preparations.keys()]) {
      this.#dropPreparation(document);
    }
    for (const document of [...this.#jobs.keys()]) {
      this.#drop(document);
    }
    this.#dropTraining();
    while (this.#pumping) {
      await turn();
    }
    await this.network.release();
  }

  /**
   * Cuts the next section of a text that waits for it into tokens; a text that is laid out becomes a job.
   * @returns false when none waits
   */
  #prepare(): boolean {
    const preparation = [...this.#preparations.values()].at(-1);
    if (!preparation) {
      return false;
    }
    const { request, sections, done } = preparation;
    try {
      if (done.length < sections.length) {
        done.push(layOutSection(sections[done.length], done.at(-1), this.tokenizer, this.#limits));
      }
      if (done.length === sections.length) {
        this.#preparations.delete(request.document);
        this.#begin(preparation);
      }
    } catch (error) {
      this.#preparations.delete(request.document);
      this.problem(request.request, error);
    }
    return true;
  }

  /** Makes the job of a text that is laid out, in place of the document's former one, and sends what is known. */
  #begin({ request, sections, done, startedAt, visible }: Preparation): void {
    const { document, only } = request;
    this.#drop(document);
    const former = this.#givenUp?.document === document ? this.#givenUp : undefined;
    if (former) {
      this.#givenUp = undefined;
    }
    const layout = joinSections(done);
    const tokens = layout.ids.length;
    const pages = pagesOf(done, this.network.manifest.separatorTokenId);
    const wanted = wantedChunks(layout, pages, only);
    const job: Job = {
      request: request.request,
      document,
      layout,
      pages,
      wanted,
      isWhole: only === undefined,
      pending: new Set([...pages.keys()].filter((index) => wanted[index].includes(true))),
      scores: {
        nats: new Float32Array(tokens).fill(Number.NaN),
        entropy: new Float32Array(tokens),
        varentropy: new Float32Array(tokens),
        rank: new Uint32Array(tokens),
      },
      startedAt,
      visible,
      done: 0,
      tokensRun: 0,
      pagesCached: 0,
      finished: false,
    };
    this.#jobs.set(document, job);
    this.send({ type: 'layout', request: job.request, layout, wanted: countWanted(job) });
    if (former?.isWhole && job.isWhole && sections.length > 1) {
      this.#takeOver(job, former);
    }
    this.#sendCached(job);
    this.#finishIfDone(job);
  }

  /** Takes over the scores of pages that the document's former job had, too: a large text may not fit the cache. */
  #takeOver(job: Job, former: Job): void {
    const known = new Map<string, Page>();
    for (const page of former.pages) {
      if (!former.pending.has(page.index)) {
        known.set(nameOf(page), page);
      }
    }
    for (const page of job.pages) {
      const { start, end } = known.get(nameOf(page)) ?? {};
      if (start === undefined) {
        continue;
      }
      const { nats, entropy, varentropy, rank } = former.scores;
      this.#write(job, page.start, {
        nats: nats.slice(start, end),
        entropy: entropy.slice(start, end),
        varentropy: varentropy.slice(start, end),
        rank: rank.slice(start, end),
      });
      this.#sendScores(job, page.start, page.end);
      job.pending.delete(page.index);
      job.pagesCached++;
    }
  }

  #sendCached(job: Job): void {
    for (const page of job.pages) {
      if (job.pending.has(page.index) && this.#deliverKnown(job, page)) {
        job.pending.delete(page.index);
        job.pagesCached++;
      }
    }
  }

  /**
   * Delivers what the cache has of a page's scores; another document with the same text may have put it there.
   * @returns whether that was all of them
   */
  #deliverKnown(job: Job, page: Page): boolean {
    let isComplete = true;
    // What is taken over and not sent yet: neighbouring chunks travel together, for a reader that must not be held up.
    let from = page.start;
    let to = from;
    for (const [index, chunk] of page.chunks.entries()) {
      const isWanted = job.wanted[page.index][index];
      const scores = isWanted ? this.#cache.scores(chunk.key) : undefined;
      const end = page.context + chunk.to;
      if (scores && this.#take(job, page, chunk, scores)) {
        to = end;
      } else if (chunk.firstScored < chunk.to) {
        this.#sendScores(job, from, to);
        from = end;
        to = end;
        isComplete &&= scores !== undefined || !isWanted;
      }
    }
    this.#sendScores(job, from, to);
    return isComplete;
  }

  #deliver(job: Job, page: Page, chunk: Chunk, scores: TokenScores): void {
    if (this.#take(job, page, chunk, scores)) {
      this.#sendScores(job, page.context + chunk.firstScored, page.context + chunk.to);
    }
  }

  /** Takes over a chunk's scores. @returns whether they are new */
  #take(job: Job, page: Page, chunk: Chunk, scores: TokenScores): boolean {
    const from = page.context + chunk.firstScored;
    if (!Number.isNaN(job.scores.nats[from])) {
      return false;
    }
    this.#write(job, from, scores);
    return true;
  }

  #write(job: Job, from: number, scores: TokenScores): void {
    job.scores.nats.set(scores.nats, from);
    job.scores.entropy.set(scores.entropy, from);
    job.scores.varentropy.set(scores.varentropy, from);
    job.scores.rank.set(scores.rank, from);
    job.done += scores.nats.length;
  }

  /** Sends the scores of the tokens [from, to), if there are any. */
  #sendScores(job: Job, from: number, to: number): void {
    if (from < to) {
      const { nats, entropy, varentropy, rank } = job.scores;
      const scores: TokenScores = {
        nats: nats.slice(from, to),
        entropy: entropy.slice(from, to),
        varentropy: varentropy.slice(from, to),
        rank: rank.slice(from, to),
      };
      this.send({ type: 'scores', request: job.request, from, scores, done: job.done });
    }
  }

  #finishIfDone(job: Job): void {
    if (job.pending.size > 0 || job.finished) {
      return;
    }
    job.finished = true;
    this.send({
      type: 'scored',
      request: job.request,
      statistics: {
        seconds: (performance.now() - job.startedAt) / 1000,
        tokensRun: job.tokensRun,
        pagesCached: job.pagesCached,
        pages: job.pages.length,
      },
    });
  }

  #drop(document: string): void {
    const job = this.#jobs.get(document);
    if (!job) {
      return;
    }
    this.#jobs.delete(document);
    this.#givenUp = job;
    if (!job.finished) {
      this.send({ type: 'cancelled', request: job.request });
    }
    if (this.#progress?.job === job) {
      this.#keepProgress();
    }
  }

  #dropPreparation(document: string): void {
    const preparation = this.#preparations.get(document);
    if (preparation) {
      this.#preparations.delete(document);
      this.send({ type: 'cancelled', request: preparation.request.request });
    }
  }

  /** Works until there is nothing to do. @param isQuiet whether nothing has come in for a while */
  async #pump(isQuiet = false): Promise<void> {
    clearTimeout(this.#timer);
    this.#isQuiet = isQuiet;
    this.#hasMore = true;
    if (this.#pumping) {
      return;
    }
    this.#pumping = true;
    try {
      while (this.#hasMore && !this.#closed) {
        this.#hasMore = false;
        if (await this.#work()) {
          this.#hasMore = true;
          // Messages that came in during the run are read here.
          await turn();
        }
      }
    } finally {
      this.#pumping = false;
    }
    if (this.network.canImprove && !this.#closed) {
      this.#timer = setTimeout(() => void this.#pump(true), QUIET);
    }
  }

  /** Does what is most wanted, a run or less. @returns false when there is nothing to do */
  async #work(): Promise<boolean> {
    const question = this.#questions.shift();
    if (question) {
      const answer = question.type === 'replacement' ? this.#replace(question) : this.#answer(question);
      await answer.catch((error) => this.problem(question.request, error));
      return true;
    }
    // A large text is cut into tokens between the runs for what is laid out already.
    const hasPrepared = this.#prepare();
    if (this.network.canImprove && this.#waiting() >= WORTH_IMPROVING) {
      return this.#improve();
    }
    return (
      (await this.#step()) ||
      hasPrepared ||
      (await this.#readAhead()) ||
      (await this.#train()) ||
      (this.#isQuiet && (await this.#improve()))
    );
  }

  /** Tokens of the pages that lack scores, if none of them is on screen; else 0. */
  #waiting(): number {
    let tokens = 0;
    for (const job of this.#jobs.values()) {
      for (const index of job.pending) {
        const page = job.pages[index];
        if (this.#distance(job, page) === 0) {
          return 0;
        }
        tokens += page.end - page.start;
      }
    }
    return tokens;
  }

  /** Takes a step towards a faster form of the network. @returns false when there is none */
  async #improve(): Promise<boolean> {
    if (!this.network.canImprove) {
      return false;
    }
    this.send({ type: 'trying', trial: 'faster' });
    // It has to be out before the thread is blocked.
    await turn();
    try {
      await this.network.improve();
    } catch (error) {
      if (error instanceof NetworkLostError) {
        // Ends the process. The next one does not try it.
        throw error;
      }
      this.send({ type: 'log', line: `The faster form of the model is left out. ${messageOf(error)}` });
    }
    this.send({ type: 'trying', trial: undefined });
    return true;
  }

  /** Runs one chunk of the most wanted page. @returns false when there is nothing to do */
  async #step(): Promise<boolean> {
    const wanted = this.#mostWanted();
    if (!wanted) {
      return false;
    }
    const { job, page } = wanted;
    try {
      // Before anything else is run for it.
      if (job.tokensRun === 0 && (await this.#scoreChange(job, page))) {
        return true;
      }
      await this.#runChunk(job, page);
    } catch (error) {
      if (this.#isPresent(job)) {
        this.#jobs.delete(job.document);
        job.finished = true;
        this.problem(job.request, error);
      }
    }
    return true;
  }

  /** The document's latest scoring, if it is complete, as a training reads it; even when a newer one replaces it. */
  #trainingDocument(document: string, score: number): TrainingDocument | undefined {
    const job = this.#jobs.get(document);
    return job?.request === score && job.finished && job.isWhole
      ? { ids: job.layout.ids, scores: job.scores, hidden: (token) => this.#hiddenBefore(job, token) }
      : undefined;
  }

  #dropTraining(): void {
    if (this.#training) {
      this.send({ type: 'cancelled', request: this.#training.request });
      this.#training = undefined;
    }
  }

  /** Runs a piece of the training. @returns false when there is none */
  async #train(): Promise<boolean> {
    const training = this.#training;
    if (!training) {
      return false;
    }
    const { request, work } = training;
    try {
      if (await work.piece()) {
        return true;
      }
      if (this.#training === training) {
        this.send(
          work.result ? { type: 'trained', request, result: work.result } : { type: 'cancelled', request },
        );
      }
    } catch (error) {
      if (this.#training === training) {
        this.problem(request, error);
      }
    }
    if (this.#training === training) {
      this.#training = undefined;
    }
    return true;
  }

  /** The page under way unless something on screen waits; then what is on screen, then the nearest to it. */
  #mostWanted(): { job: Job; page: Page } | undefined {
    let best: { job: Job; page: Page; distance: number } | undefined;
    const jobs = [...this.#jobs.values()].reverse();
    for (const job of jobs) {
      for (const index of job.pending) {
        const page = job.pages[index];
        const distance = this.#distance(job, page);
        if (!best || distance < best.distance) {
          best = { job, page, distance };
        }
      }
    }
    const current = this.#progress;
    if (best && current?.job.pending.has(current.page.index) && this.#isPresent(current.job)) {
      const isCurrentVisible = this.#distance(current.job, current.page) === 0;
      if (isCurrentVisible || best.distance > 0) {
        return current;
      }
    }
    return best;
  }

  /** Whether a job is its document's latest. */
  #isPresent(job: Job): boolean {
    return this.#jobs.get(job.document) === job;
  }

  /** UTF-16 code units between a page and the nearest visible range; 0 when it is on screen. */
  #distance(job: Job, page: Page): number {
    return this.#distanceOf(job, page.start, page.end);
  }

  /** The same of the tokens [from, to), of which there is at least one. */
  #distanceOf(job: Job, from: number, to: number): number {
    const start = job.layout.starts[from];
    const end = job.layout.ends[to - 1];
    let nearest = Number.POSITIVE_INFINITY;
    for (let i = 0; i + 1 < job.visible.length; i += 2) {
      nearest = Math.min(nearest, Math.max(0, job.visible[i] - end, start - job.visible[i + 1]));
    }
    return job.visible.length === 0 ? start + 1 : nearest;
  }

  /** Leaves the page under way for another one, of which at least the chunk `needed` is to be run. */
  #enter(job: Job, page: Page, needed: number): Progress {
    this.#keepProgress();
    this.#keepVisible();
    const progress = this.#resume(job, page, needed);
    this.#progress = progress;
    this.#deliverKnown(job, page);
    return progress;
  }

  /** Makes the hidden states of what is on screen the last to go: the panel and the hover ask for them. */
  #keepVisible(): void {
    for (const job of this.#jobs.values()) {
      for (const page of job.pages) {
        if (this.#distance(job, page) === 0) {
          for (const { key } of page.chunks) {
            this.#cache.hidden(key);
          }
        }
      }
    }
  }

  /**
   * Scores the first tokens of a page that differ from those whose keys and values are at hand, in a text that is new its
   * first tokens, if they are on screen, and sends what they have. The run of their chunk gives the same numbers but for
   * their last bits, in every case, and takes their place.
   * @returns false when there is no time to be won
   */
  async #scoreChange(job: Job, page: Page): Promise<boolean> {
    this.#keepProgress();
    const { values, holds } = this.#room ?? {};
    const from = commonPrefix(holds?.ids ?? [], page.ids);
    const chunks = Math.floor(from / CHUNK);
    const to = Math.min(from + AT_CHANGE, page.ids.length);
    const chunk = page.chunks[chunks];
    if (
      from < page.start - page.context ||
      from > (values?.length ?? 0) ||
      from === to ||
      this.#distanceOf(job, page.context + from, page.context + to) > 0 ||
      chunk.to - chunk.from <= 2 * AT_CHANGE ||
      this.#cache.scores(chunk.key)
    ) {
      return false;
    }
    const past = from > 0 ? values : undefined;
    if (past) {
      if (chunks === 0) {
        this.#saveRoom();
      }
      past.truncate(from);
      this.#leave(job, page, past);
    }
    const hidden = await this.network.run(this.#inputs(page, from, to), past);
    job.tokensRun += to - from;
    const scores = await this.network.score(hidden, page.ids.subarray(from, to));
    this.#checkFinite(scores, page);
    this.send({ type: 'scores', request: job.request, from: page.context + from, scores, done: job.done });
    return true;
  }

  /**
   * Runs the next chunk of the page at the cursor, unless all keys and values before it are at hand: what is typed there
   * then has its scores without that.
   * @returns false when there is nothing to do
   */
  async #readAhead(): Promise<boolean> {
    const job = this.#cursor && this.#jobs.get(this.#cursor.document);
    const place = this.#cursor && job && placeOf(job, this.#cursor.offset);
    if (!job || !place || this.#distance(job, place.page) > 0) {
      this.#cursor = undefined;
      return false;
    }
    this.#keepProgress();
    const { page, row } = place;
    const { values, holds } = this.#room ?? {};
    if (row === 0 || (values && holds && Math.min(values.length, commonPrefix(holds.ids, page.ids)) >= row)) {
      this.#cursor = undefined;
      return false;
    }
    try {
      this.#enter(job, page, Math.floor((row - 1) / CHUNK));
      await this.#runChunk(job, page);
    } catch (error) {
      this.#cursor = undefined;
      this.send({ type: 'log', line: `What comes before the cursor could not be read. ${messageOf(error)}` });
    }
    return true;
  }

  /** Runs the next chunk of a page, and sends the scores that it lacks. The last one's end may be the job's. */
  async #runChunk(job: Job, page: Page): Promise<void> {
    try {
      await this.#runNext(job, page);
    } catch (error) {
      // The keys and values may be ahead of what has its scores.
      this.#progress = undefined;
      throw error;
    }
  }

  async #runNext(job: Job, page: Page): Promise<void> {
    const current = this.#progress;
    const isUnderWay = current?.job === job && current.page === page;
    const wanted = job.wanted[page.index];
    const last = wanted.lastIndexOf(true);
    const progress = isUnderWay ? current : this.#enter(job, page, last);
    const chunk = page.chunks[progress.next];
    const isLast = progress.next === last;
    const inputs = this.#inputs(page, chunk.from, chunk.to);
    // A page that ends here is gone on from when something is typed in it.
    if (!isLast || inputs.length === CHUNK || this.#distance(job, page) === 0) {
      progress.past ??= this.#takeRoom();
    }
    const values = await this.network.run(inputs, progress.past);
    job.tokensRun += inputs.length;
    if (wanted[progress.next]) {
      await this.#scoreChunk(job, page, chunk, values);
    }
    progress.next++;
    if (isLast) {
      job.pending.delete(page.index);
      this.#keepProgress();
      this.#finishIfDone(job);
    }
  }

  /** Scores the rows of a chunk that count, unless they are known already. */
  async #scoreChunk(job: Job, page: Page, chunk: Chunk, values: Float32Array): Promise<void> {
    const { from, to, firstScored, key } = chunk;
    const width = this.network.manifest.hidden;
    const hidden = this.#cache.hidden(key) ?? values.slice((firstScored - from) * width, (to - from) * width);
    let scores = this.#cache.scores(key);
    if (!scores) {
      scores = await this.network.score(hidden, page.ids.subarray(firstScored, to));
      this.#checkFinite(scores, page);
    }
    this.#cache.store(key, scores, hidden);
    this.#deliver(job, page, chunk, scores);
  }

  #inputs({ ids }: Page, from: number, to: number): Uint32Array {
    return inputsOf(ids, from, to, this.network.manifest.separatorTokenId);
  }

  #checkFinite(scores: TokenScores, page: Page): void {
    for (const [name, values] of [
      ['surprisal', scores.nats],
      ['entropy', scores.entropy],
      ['varentropy', scores.varentropy],
    ] as const) {
      if (!values.every(Number.isFinite)) {
        throw new ModelError(
          'non-finite',
          `The model ${this.network.manifest.id} gave a ${name} that is not a finite number on page ${page.index + 1}.`,
          'The model or the device computes wrongly: try the CPU (surprisal.device) or another model.',
        );
      }
    }
  }

  /** The progress of a page from the longest part of it whose keys and values are kept, up to the chunk `needed`. */
  #resume(job: Job, page: Page, needed: number): Progress {
    // Chunks before the first one without scores need no run of their own, only their keys and values.
    const lacking = page.chunks.findIndex(
      ({ key }, index) => job.wanted[page.index][index] && !this.#cache.scores(key),
    );
    const most = lacking < 0 ? needed : Math.min(lacking, needed);
    const digests = page.chunks.map((chunk) => chunk.digest);
    const found = this.#cache.longestPrefix(digests, most);
    const room = this.#room;
    const here = commonPrefix(room?.holds?.digests ?? [], digests, most);
    if (room && here >= (found?.chunks ?? 1)) {
      this.#room = undefined;
      room.values.truncate(here * CHUNK);
      return { job, page, next: here, past: room.values };
    }
    if (!found) {
      return { job, page, next: 0, past: undefined };
    }
    const past = this.#takeRoom();
    past.takeFrom(found.page.keyValue, found.chunks * CHUNK);
    return { job, page, next: found.chunks, past };
  }

  /** Takes the room for a page's keys and values, empty: those in it are kept elsewhere. */
  #takeRoom(): KeyValueCache {
    this.#saveRoom();
    const { maximum, overlap } = this.#limits;
    const values = this.#room?.values ?? this.network.newCache(maximum + overlap);
    this.#room = undefined;
    values.truncate(0);
    return values;
  }

  /** Keeps a copy of what the room holds in whole chunks, if that is on screen. */
  #saveRoom(): void {
    const { values, holds, isOnScreen } = this.#room ?? {};
    if (values && isOnScreen && holds && holds.digests.length > 0) {
      const length = holds.digests.length * CHUNK;
      const keyValue = this.network.newCache(length);
      keyValue.takeFrom(values, length);
      this.#cache.keepPage(holds.key, { digests: holds.digests, keyValue });
    }
  }

  /** Keeps the keys and values of the page under way for the next edit, or question, and leaves the page. */
  #keepProgress(): void {
    const progress = this.#progress;
    this.#progress = undefined;
    if (!progress?.past) {
      return;
    }
    this.#leave(progress.job, progress.page, progress.past);
  }

  /** Puts the keys and values of a page's first rows into the room: what comes next may go on from them. */
  #leave(job: Job, page: Page, values: KeyValueCache): void {
    const holds = keptPageOf(job, page, Math.floor(values.length / CHUNK));
    this.#room = { values, holds, isOnScreen: this.#distance(job, page) === 0 };
  }

  /** The scoring that a question is about, unless there is a newer one: then it is cancelled. */
  #jobOf({ request, document, score }: DistributionRequest | ReplacementRequest): Job | undefined {
    const job = this.#jobs.get(document);
    if (job?.request === score) {
      return job;
    }
    this.send({ type: 'cancelled', request });
    return undefined;
  }

  async #answer(question: DistributionRequest): Promise<void> {
    const job = this.#jobOf(question);
    if (!job) {
      return;
    }
    const width = this.network.manifest.hidden;
    const distributions: Distribution[] = [];
    for (let from = 0; from < question.tokens.length; from += DISTRIBUTION_ROWS) {
      const tokens = question.tokens.slice(from, from + DISTRIBUTION_ROWS);
      const hidden = new Float32Array(tokens.length * width);
      for (const [row, token] of tokens.entries()) {
        hidden.set(await this.#hiddenBefore(job, token), row * width);
        if (this.#jobOf(question) !== job) {
          return;
        }
      }
      const rows = await this.network.distribution(hidden, question.top);
      for (const [row, token] of tokens.entries()) {
        distributions.push(this.#distributionOf(job, token, row, rows, question.logits));
      }
    }
    this.send({ type: 'distributions', request: question.request, distributions });
  }

  #distributionOf(
    job: Job,
    token: number,
    row: number,
    rows: DistributionRows,
    withLogits: boolean,
  ): Distribution {
    const logSumExp = rows.logSumExp[row];
    const entry = (id: number, logit: number): Alternative => ({
      id,
      text: this.tokenizer.textOf(id),
      logit,
      nats: logSumExp - logit,
    });
    const k = rows.topIds.length / rows.logSumExp.length;
    const top: Alternative[] = [];
    for (let i = row * k; i < (row + 1) * k; i++) {
      top.push(entry(rows.topIds[i], rows.topLogits[i]));
    }
    const id = job.layout.ids[token];
    const nats = job.scores.nats[token];
    const vocabulary = this.network.manifest.vocabularySize;
    const base = {
      token,
      target: { id, text: this.tokenizer.textOf(id), logit: logSumExp - nats, nats },
      rank: job.scores.rank[token],
      logSumExp,
      entropy: job.scores.entropy[token],
      top,
    };
    return withLogits
      ? { ...base, logits: rows.logits.slice(row * vocabulary, (row + 1) * vocabulary) }
      : base;
  }

  /** Answers what texts in place of tokens would cost, page by page. */
  async #replace(question: ReplacementRequest): Promise<void> {
    const { request, places } = question;
    const job = this.#jobOf(question);
    if (!job) {
      return;
    }
    const pages = new Map<Page, number[]>();
    for (const [index, { first }] of places.entries()) {
      const page = pageOf(job, first);
      pages.set(page, [...(pages.get(page) ?? []), index]);
    }
    const replacements: Replacement[][] = places.map(() => []);
    for (const [page, indices] of pages) {
      const readings = indices.flatMap((index) => this.#readingsAt(job, page, question, index));
      const read = await this.#read(job, page, readings);
      if (this.#jobOf(question) !== job) {
        return;
      }
      for (const reading of readings) {
        const { place, text, ids } = reading;
        const nats = read.get(reading)!;
        replacements[place].push({ text, nats: nats.slice(0, ids.length), behind: nats.slice(ids.length) });
      }
    }
    this.send({ type: 'replacements', request, replacements });
  }

  /** What is to be read in one of the places of a question: what is there, and the texts for which the page has room. */
  #readingsAt(job: Job, page: Page, { places, behind }: ReplacementRequest, place: number): Reading[] {
    const { first, last, texts } = places[place];
    const row = first - page.context;
    const end = last + 1 - page.context;
    const capacity = this.#limits.maximum + this.#limits.overlap;
    const written = [
      { text: undefined, ids: page.ids.subarray(row, end) },
      ...texts.map((text) => ({
        text,
        ids: this.tokenizer.encode(text, job.layout.starts[first] === 0).ids,
      })),
    ].filter(({ ids }) => row + ids.length <= capacity);
    const longest = Math.max(...written.map(({ ids }) => ids.length));
    const after = page.ids.subarray(end, end + Math.min(behind, capacity - row - longest));
    return written.map(({ text, ids }) => ({
      place,
      text,
      row,
      ids,
      targets: Uint32Array.of(...ids, ...after),
    }));
  }

  /** The surprisals of what is read in a page; what is there has some already. Fewer where the text is edited meanwhile. */
  async #read(
    job: Job,
    page: Page,
    readings: readonly Reading[],
  ): Promise<ReadonlyMap<Reading, Float32Array>> {
    const read = new Map<Reading, Float32Array>();
    for (const reading of readings) {
      const token = page.context + reading.row;
      const nats = job.scores.nats.slice(token, token + reading.targets.length);
      if (reading.text === undefined && nats.every(Number.isFinite)) {
        read.set(reading, nats);
      }
    }
    // The last place first: a device that reads one after the other cuts the context off behind each.
    const left = readings.filter((reading) => !read.has(reading)).sort((one, other) => other.row - one.row);
    if (left.length === 0) {
      return read;
    }
    const [{ row }] = left;
    const values = await this.#keysBefore(job, page, row);
    try {
      if (values.length < row && this.#isPresent(job)) {
        await this.network.run(this.#inputs(page, values.length, row), values);
      }
      while (left.length > 0 && this.#isPresent(job)) {
        const together = left.splice(0, countInRun(left));
        for (const [index, nats] of (await this.#readAtOnce(page, together, values)).entries()) {
          read.set(together[index], nats);
        }
      }
    } finally {
      this.#leave(job, page, values);
    }
    return read;
  }

  /** @param values of the page's rows before all of them, at least */
  async #readAtOnce(
    page: Page,
    readings: readonly Reading[],
    values: KeyValueCache,
  ): Promise<Float32Array[]> {
    const branches = readings.map(({ row, targets }) => ({
      from: row,
      // What comes before a token gives its surprisal.
      ids: Uint32Array.of(...this.#inputs(page, row, row + 1), ...targets.subarray(0, -1)),
    }));
    const hidden = await this.network.runBranches(branches, values);
    const targets = Uint32Array.from(readings.flatMap((reading) => [...reading.targets]));
    const { nats } = await this.network.score(hidden, targets);
    let end = 0;
    return readings.map((reading) => {
      end += reading.targets.length;
      return nats.slice(end - reading.targets.length, end);
    });
  }

  /**
   * The keys and values of a page's rows before one, or of some more; too few in its last chunk, or where the text is edited meanwhile.
   * For the caller alone: they are in no room then.
   */
  async #keysBefore(job: Job, page: Page, row: number): Promise<KeyValueCache> {
    const { values, holds } = this.#progress ? {} : (this.#room ?? {});
    const known = values && holds ? Math.min(values.length, commonPrefix(holds.ids, page.ids)) : 0;
    let past: KeyValueCache;
    if (values && known > 0 && known >= row) {
      this.#room = undefined;
      values.truncate(known);
      past = values;
    } else {
      // Whole chunks, so that a place behind this one goes on from them.
      const needed = Math.min(Math.ceil(row / CHUNK), page.chunks.length - 1);
      // So that the page is not at its end before it.
      job.wanted[page.index][needed] = true;
      const isUnderWay = this.#progress?.job === job && this.#progress.page === page;
      let progress = (isUnderWay && this.#progress) || this.#enter(job, page, needed);
      while (progress.next < needed && this.#isPresent(job)) {
        await this.#runChunk(job, page);
        progress = this.#progress ?? this.#enter(job, page, needed);
      }
      past = progress.past ?? this.#takeRoom();
    }
    this.#progress = undefined;
    return past;
  }

  /** The hidden state that predicts a token; runs its page when it is not kept. */
  async #hiddenBefore(job: Job, token: number): Promise<Float32Array> {
    const page = pageOf(job, token);
    const row = token - page.context;
    const index = Math.floor(row / CHUNK);
    const chunk = page.chunks[index];
    const width = this.network.manifest.hidden;
    const isLacking = () => !this.#cache.hidden(chunk.key) || Number.isNaN(job.scores.nats[token]);
    // What is asked for was perhaps not wanted before.
    job.wanted[page.index][index] = true;
    let isRun = false;
    while (isLacking() && !isRun) {
      // Tokens are mostly asked for in their order. What comes in between two runs may have led to another page.
      const current = this.#progress;
      const isUnderWay = current?.job === job && current.page === page && current.next <= index;
      const { next } = isUnderWay ? current : this.#enter(job, page, index);
      isRun = next === index;
      await this.#runChunk(job, page);
    }
    const hidden = this.#cache.hidden(chunk.key);
    if (!hidden) {
      throw new ModelError(
        'cache',
        `The hidden states of ${CHUNK} tokens do not fit the cache.`,
        'Raise surprisal.cache.size.',
      );
    }
    const at = (row - chunk.firstScored) * width;
    return hidden.subarray(at, at + width);
  }
}

/** How many of some readings a run has: as many as fit a chunk's tokens, or one that is longer. */
function countInRun(readings: readonly Reading[]): number {
  let count = 0;
  let rows = 0;
  do {
    rows += readings[count++].targets.length;
  } while (count < readings.length && rows + readings[count].targets.length <= CHUNK);
  return count;
}

/** What the keys and values of a page are found by, when its first so many chunks have theirs. */
function keptPageOf({ document }: Job, { ids, chunks }: Page, whole: number): KeptPage {
  return {
    key: `${document} ${chunks[0].digest}`,
    digests: chunks.slice(0, whole).map(({ digest }) => digest),
    ids,
  };
}

/** The page that scores a token. @throws RangeError */
function pageOf({ pages, layout }: Job, token: number): Page {
  const page = pages.find(({ start, end }) => token >= start && token < end);
  if (!page) {
    throw new RangeError(`token ${token} of a document with ${layout.ids.length} tokens`);
  }
  return page;
}

/** The page that scores what is at an offset of the text, and the row there; undefined without tokens. */
function placeOf({ layout, pages }: Job, offset: number): { page: Page; row: number } | undefined {
  const token = upperBound(layout.ends, offset);
  const page = pages.find(({ end }) => token < end) ?? pages.at(-1);
  return page && { page, row: token - page.context };
}

/** How many tokens a job is to score. */
function countWanted({ pages, wanted }: Job): number {
  let tokens = 0;
  for (const { index, chunks } of pages) {
    for (const [at, { firstScored, to }] of chunks.entries()) {
      tokens += wanted[index][at] ? to - firstScored : 0;
    }
  }
  return tokens;
}

/** Names a page by what its scores depend on. */
function nameOf({ start, context, chunks }: Page): string {
  return `${start - context} ${chunks.at(-1)?.key}`;
}

/** Lets the event loop read what has come in. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
