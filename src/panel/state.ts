/**
 * What the explainer panel shows, made from plain inputs: no editor and no engine is needed to test it.
 */
import type { Alternative, Distribution, EngineState } from '../engine/protocol';
import type { LossMap } from '../loss/lossMap';
import { lineAt, lineStarts } from '../text/lines';
import { utf8Length } from '../text/utf8';
import { makeVisible } from '../text/visible';
import type {
  PanelAlternative,
  PanelLine,
  PanelLineToken,
  PanelPart,
  PanelSelection,
  PanelSequence,
  PanelState,
  PanelStatus,
  PanelToken,
  PanelUnit,
} from './messages';

/** Number of entries of the distribution that the panel asks for. */
export const TOP = 50;

/** A line with more tokens than this is shown around the cursor only. */
export const LINE_TOKENS = 80;

/** A longer text of a selection is cut, in UTF-16 code units. */
export const SELECTION_TEXT = 400;

/** A document's text, without a copy of all of it for every move of the cursor. Offsets are UTF-16. */
export interface DocumentText {
  /** The text in [start, end). */
  slice(start: number, end: number): string;
  /** The line that holds the offset: its 0-based number and its range, the line break included. */
  lineOf(offset: number): { readonly number: number; readonly start: number; readonly end: number };
}

/** A text in one string; its lines are found once. */
export class PlainText implements DocumentText {
  readonly #text: string;
  #lineStarts: Uint32Array | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  slice(start: number, end: number): string {
    return this.#text.slice(start, end);
  }

  lineOf(offset: number): { number: number; start: number; end: number } {
    this.#lineStarts ??= lineStarts(this.#text);
    const starts = this.#lineStarts;
    const number = lineAt(starts, offset);
    const end = number + 1 < starts.length ? starts[number + 1] : this.#text.length;
    return { number, start: starts[number], end };
  }
}

/** Why a document has no scores and will not get any as things are. */
export interface DocumentProblem {
  /** `unsupported`: this document cannot be scored. `failed`: it should have worked; trying again may help. */
  readonly kind: 'unsupported' | 'failed';
  /** One sentence: what is wrong. */
  readonly message: string;
  /** One sentence: what to do about it. */
  readonly advice: string;
  /** What the page offers to do about it. */
  readonly remedy?: 'unpin';
}

/** The document that the panel explains. */
export interface PanelDocument {
  readonly name: string;
  readonly uri: string;
  readonly text: DocumentText;
  /** Where the cursor is; the start of the selection where there is one. */
  readonly cursor: number;
  /** The losses of exactly this text; undefined while there are none. */
  readonly losses?: LossMap | undefined;
  /** Names the scoring that the losses come from. */
  readonly score?: number | undefined;
  readonly problem?: DocumentProblem | undefined;
  /** The token that was chosen in the panel: it decides among tokens that share the cursor's character. */
  readonly chosen?: number | undefined;
  /** What the losses are about, where that is a part of a large document. */
  readonly part?: PanelState['part'];
  /** Totals, where they are known already; else they are counted. */
  readonly sequence?: PanelSequence | undefined;
  /** What {@link selectionOf} says about the selected text, when there is any. */
  readonly selection?: PanelSelection | undefined;
  /** UTF-16 offset of the token that the panel is pinned to; undefined while it follows the cursor. */
  readonly pinned?: number | undefined;
}

/** Everything that the panel's state depends on, but for the explanation. */
export interface PanelInput {
  readonly engine: EngineState;
  readonly unit: PanelUnit;
  readonly document?: PanelDocument | undefined;
  /** Other open documents. */
  readonly others?: PanelState['others'] | undefined;
}

/** A token's explanation, and what it is about. */
export interface Explanation {
  readonly uri: string;
  /** The scoring that the token belongs to. */
  readonly losses: LossMap;
  /** Without its logits. */
  readonly token: PanelToken;
  /** [V] raw logits of the token's answer; travel apart from the token. */
  readonly logits?: Float32Array | undefined;
}

/** The token that the cursor means. */
export interface Focus {
  readonly index: number;
  /** The cursor is on no token; this is the nearest one. */
  readonly nearest: boolean;
}

/**
 * Finds the token that the cursor means: the one to the right of the cursor, else the nearest.
 * @param chosen the token chosen in the panel; it wins when it shares its character with the cursor's token
 * @returns undefined when there is no token at all
 */
export function focusAt(losses: LossMap, cursor: number, chosen?: number): Focus | undefined {
  if (losses.length === 0) {
    return undefined;
  }
  const at = losses.tokenAt(cursor);
  if (at >= 0) {
    const unit = losses.unitOf(at);
    const isSharing = chosen !== undefined && chosen >= unit.first && chosen <= unit.last;
    return { index: isSharing ? chosen : at, nearest: false };
  }
  const after = losses.firstTokenAfter(cursor);
  if (after >= losses.length) {
    const last = losses.length - 1;
    // Several tokens may end with the text's last character.
    return {
      index: chosen !== undefined && losses.unitOf(last).first <= chosen ? chosen : last,
      nearest: true,
    };
  }
  const before = after - 1;
  const { starts, ends } = losses.layout;
  const isBeforeNearer = before >= 0 && cursor - ends[before] < starts[after] - cursor;
  return { index: isBeforeNearer ? before : after, nearest: true };
}

/**
 * Makes the state that the page shows.
 * @param explanation the latest explanation; one of another document is left out, one of another token is
 *   marked as pending
 */
export function panelState(input: PanelInput, explanation?: Explanation): PanelState {
  const { document, engine, unit, others } = input;
  const status = statusOf(input);
  const state = {
    status,
    unit,
    pinned: document?.pinned !== undefined,
    ...(document?.pinned !== undefined && { pinnedOffset: document.pinned }),
    ...(others && { others }),
    ...(document && { document: { name: document.name, uri: document.uri } }),
    ...(engine.kind === 'ready' && {
      model: {
        name: engine.model.name,
        device: engine.device.name,
        hiddenSize: engine.model.hiddenSize,
        ...(engine.degraded !== undefined && { degraded: engine.degraded }),
      },
    }),
  };
  if (!document || !canShowTokens(status)) {
    return { ...state, pending: false };
  }
  const token = explanation?.uri === document.uri ? explanation.token : undefined;
  const { losses } = document;
  const focus = losses && focusAt(losses, document.cursor, document.chosen);
  if (!losses || !focus) {
    return { ...state, pending: true, ...(token && { token }) };
  }
  const isCurrent = explanation?.losses === losses && token?.index === focus.index;
  return {
    ...state,
    sequence: document.sequence ?? sequenceOf(losses, document.text),
    ...(document.part && { part: document.part }),
    ...(document.score !== undefined && { scoring: { uri: document.uri, score: document.score } }),
    focus: focus.index,
    line: lineOf(losses, document.text, focus.index),
    ...(document.selection && { selection: document.selection }),
    pending: !isCurrent,
    ...(token && { token: isCurrent ? { ...token, nearest: focus.nearest } : token }),
  };
}

/**
 * Makes a token's explanation from the model's answer.
 * @param document its `losses` are those that the answer belongs to
 * @param number names the answer, see {@link PanelToken.answer}
 */
export function explain(
  document: PanelDocument & { readonly losses: LossMap },
  focus: Focus,
  answer: Distribution,
  vocabularySize: number,
  number: number,
): Explanation {
  const { losses, text } = document;
  const index = focus.index;
  const start = losses.layout.starts[index];
  const line = text.lineOf(start);
  const part = partOf(losses, index);
  // The document knows the token's text better than the vocabulary: a piece of a character is shown whole.
  const own = text.slice(start, losses.layout.ends[index]);
  return {
    uri: document.uri,
    losses,
    logits: answer.logits,
    token: {
      answer: number,
      index,
      target: { ...alternative(answer.target), text: own, visible: makeVisible(own) },
      ...(part && { part }),
      rank: answer.rank,
      vocabularySize,
      logSumExp: answer.logSumExp,
      entropy: answer.entropy,
      varentropy: losses.varentropy[index],
      top: answer.top.map(alternative),
      // Pages have no number where those before are not laid out.
      ...(document.part === undefined && { page: losses.pageOf(index) + 1 }),
      contextLength: losses.contextLength(index),
      line: line.number + 1,
      column: start - line.start + 1,
      nearest: focus.nearest,
    },
  };
}

/** The totals over the scored tokens of a document, its bytes counted in UTF-8. */
export function sequenceOf(losses: LossMap, text: DocumentText): PanelSequence {
  const totals = losses.totals();
  return {
    tokens: losses.length,
    scored: totals.tokens,
    nats: totals.nats,
    bytes: scoredBytes(losses, text),
  };
}

/** The tokens that begin on the focused token's line, at most {@link LINE_TOKENS} of them. */
export function lineOf(losses: LossMap, text: DocumentText, focus: number): PanelLine {
  const { starts } = losses.layout;
  const line = text.lineOf(starts[focus]);
  const isOnLine = (token: number) =>
    token >= 0 && token < losses.length && starts[token] >= line.start && starts[token] < line.end;
  let first = focus;
  let end = focus + 1;
  // Grow on both sides in turn, so that a cut line is cut evenly around the focus.
  while (end - first < LINE_TOKENS) {
    const canGrowBefore = isOnLine(first - 1);
    const canGrowAfter = isOnLine(end);
    if (!canGrowBefore && !canGrowAfter) {
      break;
    }
    if (canGrowBefore && (!canGrowAfter || focus - first <= end - 1 - focus)) {
      first--;
    } else {
      end++;
    }
  }
  const tokens = lineTokens(losses, text, first, end);
  return { number: line.number + 1, tokens, cutBefore: isOnLine(first - 1), cutAfter: isOnLine(end) };
}

/**
 * The tokens that a selection touches, and their totals.
 * @param start UTF-16 range [start, end) of the selection
 * @returns undefined when it touches fewer than two tokens
 */
export function selectionOf(
  losses: LossMap,
  text: DocumentText,
  start: number,
  end: number,
): PanelSelection | undefined {
  const { starts, ends } = losses.layout;
  const first = losses.firstTokenAfter(start);
  let after = first;
  let scored = 0;
  let nats = 0;
  for (; after < losses.length && starts[after] < end; after++) {
    if (losses.isScored(after)) {
      scored++;
      nats += losses.nats[after];
    }
  }
  if (after - first < 2) {
    return undefined;
  }
  const from = starts[first];
  const to = ends[after - 1];
  return {
    first,
    end: after,
    nats,
    scored,
    bytes: scoredBytes(losses, text, from, to),
    text: cutText(text.slice(from, Math.min(to, from + SELECTION_TEXT + 1))),
    tokens: lineTokens(losses, text, first, Math.min(after, first + LINE_TOKENS)),
  };
}

/** Cuts a text after {@link SELECTION_TEXT}, never inside a character. */
function cutText(text: string): string {
  if (text.length <= SELECTION_TEXT) {
    return text;
  }
  const isHigh = (text.charCodeAt(SELECTION_TEXT - 1) & 0xfc00) === 0xd800;
  return text.slice(0, isHigh ? SELECTION_TEXT - 1 : SELECTION_TEXT);
}

/** Tokens [first, end) as the page shows them. */
function lineTokens(losses: LossMap, text: DocumentText, first: number, end: number): PanelLineToken[] {
  const { starts, ends } = losses.layout;
  const tokens: PanelLineToken[] = [];
  for (let index = first; index < end; index++) {
    const part = partOf(losses, index);
    const own = text.slice(starts[index], ends[index]);
    tokens.push({
      index,
      text: own,
      visible: makeVisible(own),
      ...(losses.isScored(index) && { nats: losses.nats[index] }),
      ...(part && { part }),
    });
  }
  return tokens;
}

function statusOf({ document, engine }: PanelInput): PanelStatus {
  if (engine.kind === 'failed') {
    return { kind: 'failed', message: engine.problem.message, advice: engine.problem.advice };
  }
  if (!document) {
    return { kind: 'no-document' };
  }
  if (document.problem) {
    return document.problem;
  }
  switch (engine.kind) {
    case 'off':
      return { kind: 'off' };
    case 'starting':
      return { kind: 'starting', phase: 'starting' };
    case 'loading':
      return { kind: 'starting', phase: 'loading', model: engine.model };
    case 'ready':
      break;
  }
  const { losses } = document;
  if (!losses) {
    return { kind: 'scoring', done: 0, total: 0 };
  }
  if (losses.length === 0) {
    return { kind: 'empty' };
  }
  return losses.complete ? { kind: 'ready' } : { kind: 'scoring', done: losses.scored, total: losses.length };
}

/** Numbers are shown only where they are right, or about to be. */
function canShowTokens({ kind }: PanelStatus): boolean {
  return kind === 'ready' || kind === 'scoring' || kind === 'starting';
}

function alternative({ id, text, logit, nats }: Alternative): PanelAlternative {
  return { id, text, visible: makeVisible(text), logit, nats };
}

function partOf(losses: LossMap, token: number): PanelPart | undefined {
  const { first, last } = losses.unitOf(token);
  return first === last ? undefined : { number: token - first + 1, of: last - first + 1 };
}

/**
 * Bytes of the text of the scored tokens that touch [start, finish); a character counts once all of its tokens are
 * scored.
 */
function scoredBytes(
  losses: LossMap,
  text: DocumentText,
  start = 0,
  finish = Number.POSITIVE_INFINITY,
): number {
  let bytes = 0;
  let from = -1;
  let end = -1;
  // Runs of scored units are cut out of the text in one piece.
  const finishRun = () => {
    if (from >= 0) {
      bytes += utf8Length(text.slice(from, end));
    }
    from = -1;
  };
  for (const unit of losses.units(start, finish)) {
    if (Number.isNaN(unit.nats)) {
      finishRun();
      continue;
    }
    if (unit.start > end) {
      // Text between two sections of a large document belongs to no run.
      finishRun();
    }
    if (from < 0) {
      from = unit.start;
    }
    end = unit.end;
  }
  finishRun();
  return bytes;
}
