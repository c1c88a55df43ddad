/** The hover on a token: its numbers, and what the model expected instead. */
import * as vscode from 'vscode';
import type { EngineApi } from '../engine/api';
import type { Distribution } from '../engine/protocol';
import { wordOf, wordsIn } from '../find/surprises';
import type { LossMap } from '../loss/lossMap';
import { messageOf } from '../model/errors';
import { wordWithin } from '../text/words';
import { setting } from './configuration';
import { ALTERNATIVES, type HoverSubject, hoverText } from './hoverText';
import { COMMANDS } from './keys';
import type { Log } from './log';
import { commandLink } from './markdown';
import { currentTokenAt, type DocumentScores, type DocumentState, type FoundToken } from './scores';
import type { HeatmapSwitch } from './switch';

/** How long the hover waits for the model's distribution, in milliseconds. */
const PATIENCE = 2000;
/** In place of a distribution that did not come in time. */
const LATE = 'late';

/** Answers for every document that has scores, or is being scored. */
export class TokenHover implements vscode.HoverProvider, vscode.Disposable {
  readonly #scores: DocumentScores;
  readonly #engine: EngineApi;
  readonly #heatmap: HeatmapSwitch;
  readonly #log: Log;
  readonly #registration: vscode.Disposable;

  constructor(scores: DocumentScores, engine: EngineApi, heatmap: HeatmapSwitch, log: Log) {
    this.#scores = scores;
    this.#engine = engine;
    this.#heatmap = heatmap;
    this.#log = log;
    this.#registration = vscode.languages.registerHoverProvider({ scheme: '*' }, this);
  }

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
    cancellation: vscode.CancellationToken,
  ): Promise<vscode.Hover | undefined> {
    const state = this.#scores.get(document.uri);
    if (!state) {
      return undefined;
    }
    const offset = document.offsetAt(position);
    const found = currentTokenAt(state, offset);
    if (!found) {
      return this.#unscored(state);
    }
    const { version } = document;
    const { token } = found;
    const trained = found.losses === state.losses ? state.trained : undefined;
    const losses = trained ?? found.losses;
    const { start, end, first } = losses.unitOf(token);
    const range = new vscode.Range(document.positionAt(start), document.positionAt(end));
    const text = document.getText(range);
    const answer = await this.#distribution(state, found, first, cancellation);
    if (cancellation.isCancellationRequested || document.version !== version) {
      return undefined;
    }
    const engine = this.#engine.state;
    const link = commandLink(
      vscode.l10n.t('Explain this token'),
      COMMANDS.openPanel,
      document.uri.toString(),
      losses.layout.starts[token],
    );
    const subject = {
      losses,
      before: trained && found.losses,
      token,
      text,
      word: wordAround(document, losses, token),
      unit: setting('unit'),
      vocabularySize: engine.kind === 'ready' ? engine.model.vocabularySize : undefined,
      distribution: answer === LATE ? undefined : answer,
      isDistributionLate: answer === LATE,
      isPart: state.part !== undefined,
    };
    const markdown = new vscode.MarkdownString(hoverText(subject, link, vscode.l10n.t));
    // The only thing that the hover may do; the token's text cannot become a link in any case.
    markdown.isTrusted = { enabledCommands: [COMMANDS.openPanel] };
    return new vscode.Hover(markdown, range);
  }

  dispose(): void {
    this.#registration.dispose();
  }

  /** What is said where there are no scores for the present text. */
  #unscored(state: DocumentState): vscode.Hover | undefined {
    const isUnderWay = state.progress !== undefined || state.waiting;
    if (!isUnderWay || !(this.#heatmap.on || state.losses || state.carried)) {
      return undefined;
    }
    return new vscode.Hover(
      new vscode.MarkdownString(vscode.l10n.t('Surprisal: this token is being scored …')),
    );
  }

  /** The distribution before a token; undefined when it cannot be had. */
  async #distribution(
    state: DocumentState,
    { score }: FoundToken,
    token: number,
    cancellation: vscode.CancellationToken,
  ): Promise<Distribution | typeof LATE | undefined> {
    if (score === undefined) {
      return undefined;
    }
    const answer = this.#scores.distributions(state.document, score, [token], ALTERNATIVES).then(
      ([distribution]) => distribution,
      (error: unknown) => {
        this.#log.debug(`hover: ${messageOf(error)}`);
        return undefined;
      },
    );
    let giveUp = () => {};
    const limit = new Promise<typeof LATE>((resolve) => {
      giveUp = () => resolve(LATE);
    });
    const timer = setTimeout(giveUp, PATIENCE);
    const subscription = cancellation.onCancellationRequested(giveUp);
    try {
      return await Promise.race([answer, limit]);
    } finally {
      clearTimeout(timer);
      subscription.dispose();
    }
  }
}

/** The word that a token is a part of; undefined where it is all of it, or the word is not scored yet. */
function wordAround(document: vscode.TextDocument, losses: LossMap, token: number): HoverSubject['word'] {
  const { start, end, first, last } = losses.unitOf(token);
  // No word reaches over the end of a line.
  const lines = new vscode.Range(document.positionAt(start).line, 0, document.positionAt(end).line + 1, 0);
  const from = document.offsetAt(lines.start);
  const part = document.getText(lines);
  const of = wordOf(losses, token, wordsIn(part, from));
  if ((of.first === first && of.last === last) || Number.isNaN(of.nats)) {
    return undefined;
  }
  const tokens = part.slice(of.start - from, of.end - from);
  const word = wordWithin(tokens);
  return { text: tokens.slice(word.start, word.end), of };
}
