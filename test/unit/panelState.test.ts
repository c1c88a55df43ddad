import assert from 'node:assert/strict';
import type { Distribution, EngineState } from '../../src/engine/protocol';
import { LossMap } from '../../src/loss/lossMap';
import {
  explain,
  focusAt,
  LINE_TOKENS,
  lineOf,
  type PanelDocument,
  PlainText,
  panelState,
  sequenceOf,
} from '../../src/panel/state';

const READY: EngineState = {
  kind: 'ready',
  model: { id: 'm', name: 'Model', folder: '/m', parameters: 1, vocabularySize: 100, contextWindow: 64 },
  device: { provider: 'cpu', name: 'CPU', threads: 1, reasons: [] },
};

/** A map over pieces of a text; a piece may be repeated as [start, end] to stand for part of a character. */
function mapOf(ranges: readonly (readonly [number, number])[], scored = ranges.length): LossMap {
  const losses = new LossMap({
    starts: Uint32Array.from(ranges, ([start]) => start),
    ends: Uint32Array.from(ranges, ([, end]) => end),
    ids: Uint32Array.from(ranges, (_, index) => index),
    pageStarts: Uint32Array.of(0),
    pageContexts: Uint32Array.of(0),
  });
  const numbers = Float32Array.from({ length: scored }, (_, index) => index + 1);
  losses.write(0, { nats: numbers, entropy: numbers, varentropy: numbers, rank: new Uint32Array(scored) });
  return losses;
}

/** "a é🦀\nb": the crab is three tokens. */
const TEXT = 'a é🦀\nb';
const RANGES = [
  [0, 1],
  [1, 3],
  [3, 5],
  [3, 5],
  [3, 5],
  [5, 6],
  [6, 7],
] as const;

function documentOf(
  losses: LossMap | undefined,
  cursor = 0,
  more: Partial<PanelDocument> = {},
): PanelDocument {
  return { name: 'a.txt', uri: 'file:///a.txt', text: new PlainText(TEXT), cursor, losses, ...more };
}

function answerFor(token: number): Distribution {
  const target = { id: 7, text: '\uFFFD', logit: 2, nats: token + 1 };
  return {
    token,
    target,
    rank: 3,
    logSumExp: token + 3,
    entropy: 1.5,
    top: [{ id: 1, text: ' x', logit: 4, nats: 0.2 }],
  };
}

describe('panel: the token that the cursor means', () => {
  const losses = mapOf(RANGES);

  it('is the one to the right of the cursor', () => {
    assert.deepEqual(focusAt(losses, 0), { index: 0, nearest: false });
    assert.deepEqual(focusAt(losses, 1), { index: 1, nearest: false });
    assert.deepEqual(focusAt(losses, 2), { index: 1, nearest: false });
    assert.deepEqual(focusAt(losses, 5), { index: 5, nearest: false });
  });

  it('is the last one, as the nearest, at the end of the text', () => {
    assert.deepEqual(focusAt(losses, 7), { index: 6, nearest: true });
  });

  it('is the first of those that share a character, or the chosen one of them', () => {
    assert.equal(focusAt(losses, 3)?.index, 2);
    assert.equal(focusAt(losses, 3, 4)?.index, 4);
    assert.equal(focusAt(losses, 3, 5)?.index, 2, 'a token elsewhere does not count');
  });

  it('is the nearer neighbour in a gap', () => {
    const gap = mapOf([
      [0, 1],
      [5, 6],
    ]);
    assert.deepEqual(focusAt(gap, 2), { index: 0, nearest: true });
    assert.deepEqual(focusAt(gap, 4), { index: 1, nearest: true });
  });

  it('does not exist without tokens', () => {
    assert.equal(focusAt(mapOf([]), 0), undefined);
  });
});

describe('panel: the line', () => {
  it('has the tokens that begin on it, a piece of a character with its number', () => {
    const line = lineOf(mapOf(RANGES), new PlainText(TEXT), 3);
    assert.equal(line.number, 1);
    assert.deepEqual(
      line.tokens.map(({ index, visible, part }) => [index, visible, part?.number, part?.of]),
      [
        [0, 'a', undefined, undefined],
        [1, '·é', undefined, undefined],
        [2, '🦀', 1, 3],
        [3, '🦀', 2, 3],
        [4, '🦀', 3, 3],
        [5, '⏎', undefined, undefined],
      ],
    );
    assert.equal(lineOf(mapOf(RANGES), new PlainText(TEXT), 6).number, 2);
  });

  it('says nothing about tokens that are not scored; its numbers survive JSON', () => {
    const { tokens } = lineOf(mapOf(RANGES, 2), new PlainText(TEXT), 0);
    assert.deepEqual(
      tokens.map(({ nats }) => nats),
      [1, 2, undefined, undefined, undefined, undefined],
    );
    assert.deepEqual(JSON.parse(JSON.stringify(tokens)), tokens);
  });

  it('is cut evenly around the token when it is long', () => {
    const count = 1000;
    const losses = mapOf(Array.from({ length: count }, (_, index) => [index, index + 1] as const));
    const text = new PlainText('x'.repeat(count));
    const middle = lineOf(losses, text, 500);
    assert.equal(middle.tokens.length, LINE_TOKENS);
    assert.equal(middle.tokens[LINE_TOKENS / 2].index, 500);
    assert.ok(middle.cutBefore && middle.cutAfter);
    const first = lineOf(losses, text, 0);
    assert.equal(first.tokens.length, LINE_TOKENS);
    assert.deepEqual([first.cutBefore, first.cutAfter], [false, true]);
  });

  it('is found in text with carriage returns', () => {
    const text = new PlainText('ab\r\ncd\r\n');
    assert.deepEqual(text.lineOf(3), { number: 0, start: 0, end: 4 });
    assert.deepEqual(text.lineOf(4), { number: 1, start: 4, end: 8 });
    assert.deepEqual(text.lineOf(8), { number: 2, start: 8, end: 8 });
  });
});

describe('panel: the sequence', () => {
  it('has the totals and the UTF-8 bytes of the scored text', () => {
    const bytes = new TextEncoder().encode(TEXT).length;
    assert.deepEqual(sequenceOf(mapOf(RANGES), new PlainText(TEXT)), {
      tokens: 7,
      scored: 7,
      nats: 28,
      bytes,
    });
  });

  it('counts a character once all of its tokens are scored', () => {
    // "a" is one byte, " é" are three; of the crab only one token of three is scored.
    const { scored, bytes } = sequenceOf(mapOf(RANGES, 3), new PlainText(TEXT));
    assert.deepEqual([scored, bytes], [3, 4]);
  });
});

describe('panel: the state', () => {
  const state = (engine: EngineState, document?: PanelDocument) =>
    panelState({ engine, unit: 'bits', document });

  it('says what is missing', () => {
    const problem = { code: 'checksum', message: 'bad file', advice: 'get another' } as const;
    assert.equal(state(READY).status.kind, 'no-document');
    assert.equal(state({ kind: 'off' }, documentOf(undefined)).status.kind, 'off');
    assert.deepEqual(state({ kind: 'loading', model: 'M' }, documentOf(undefined)).status, {
      kind: 'starting',
      phase: 'loading',
      model: 'M',
    });
    assert.deepEqual(
      state({ kind: 'downloading', model: 'M', done: 1, total: 4 }, documentOf(undefined)).status,
      { kind: 'starting', phase: 'downloading', model: 'M', progress: 0.25 },
    );
    assert.deepEqual(state({ kind: 'failed', problem }).status, {
      kind: 'failed',
      message: 'bad file',
      advice: 'get another',
    });
    assert.deepEqual(state(READY, documentOf(undefined)).status, { kind: 'scoring', done: 0, total: 0 });
    assert.equal(state(READY, documentOf(mapOf([]))).status.kind, 'empty');
    assert.deepEqual(state(READY, documentOf(mapOf(RANGES, 2))).status, {
      kind: 'scoring',
      done: 2,
      total: 7,
    });
    assert.equal(state(READY, documentOf(mapOf(RANGES))).status.kind, 'ready');
  });

  it('shows no numbers beside a problem', () => {
    const problem = { kind: 'unsupported', message: 'too large', advice: 'split it' } as const;
    const shown = state(READY, documentOf(mapOf(RANGES), 0, { problem }));
    assert.deepEqual(shown.status, problem);
    assert.equal(shown.sequence, undefined);
    assert.equal(shown.line, undefined);
  });

  it('names the model and the device, and why it is not the one asked for', () => {
    assert.deepEqual(state({ ...READY, degraded: 'no GPU' }, documentOf(undefined)).model, {
      name: 'Model',
      device: 'CPU',
      degraded: 'no GPU',
    });
  });

  it('takes over an explanation of the focused token', () => {
    const losses = mapOf(RANGES);
    const document = documentOf(losses, 3);
    const explanation = explain({ ...document, losses }, { index: 2, nearest: false }, answerFor(2), 100);
    const shown = panelState({ engine: READY, unit: 'nats', document }, explanation);
    assert.equal(shown.pending, false);
    assert.equal(shown.focus, 2);
    assert.deepEqual(shown.token, {
      index: 2,
      target: { id: 7, text: '🦀', visible: '🦀', logit: 2, nats: 3 },
      part: { number: 1, of: 3 },
      rank: 3,
      vocabularySize: 100,
      logSumExp: 5,
      entropy: 1.5,
      varentropy: 3,
      top: [{ id: 1, text: ' x', visible: '·x', logit: 4, nats: 0.2 }],
      page: 1,
      contextLength: 2,
      line: 1,
      column: 4,
      nearest: false,
    });
  });

  it('keeps the former explanation, marked, until the next one is there', () => {
    const losses = mapOf(RANGES);
    const document = documentOf(losses, 0);
    const explanation = explain({ ...document, losses }, { index: 0, nearest: false }, answerFor(0), 100);
    const moved = panelState(
      { engine: READY, unit: 'bits', document: { ...document, cursor: 1 } },
      explanation,
    );
    assert.deepEqual([moved.focus, moved.token?.index, moved.pending], [1, 0, true]);
    const edited = panelState(
      { engine: READY, unit: 'bits', document: { ...document, losses: undefined } },
      explanation,
    );
    assert.deepEqual([edited.focus, edited.token?.index, edited.pending], [undefined, 0, true]);
    const scoredAnew = panelState(
      { engine: READY, unit: 'bits', document: { ...document, losses: mapOf(RANGES) } },
      explanation,
    );
    assert.equal(scoredAnew.pending, true, 'the numbers of another scoring are not current');
    const other = panelState(
      { engine: READY, unit: 'bits', document: { ...document, uri: 'file:///b.txt' } },
      explanation,
    );
    assert.equal(other.token, undefined, 'never of another document');
  });
});
