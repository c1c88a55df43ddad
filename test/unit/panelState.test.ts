import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Distribution, EngineState } from '../../src/engine/protocol';
import { LossMap } from '../../src/loss/lossMap';
import { SERIES_TOKENS } from '../../src/loss/statistics';
import type { PanelSeries } from '../../src/panel/messages';
import { moveOffset, pinFrom, renamedTo } from '../../src/panel/pin';
import { alone, SeriesSender } from '../../src/panel/series';
import {
  explain,
  focusAt,
  LINE_TOKENS,
  lineOf,
  type PanelDocument,
  PlainText,
  panelState,
  SELECTION_TEXT,
  selectionOf,
  sequenceOf,
} from '../../src/panel/state';
import { makeVisible } from '../../src/text/visible';

const READY: EngineState = {
  kind: 'ready',
  model: {
    id: 'm',
    name: 'Model',
    folder: '/m',
    parameters: 1,
    vocabularySize: 100,
    contextWindow: 64,
    hiddenSize: 8,
  },
  device: { provider: 'cpu', name: 'CPU', threads: 1, reasons: [] },
};

/** A map over pieces of a text; a piece may be repeated as [start, end] to stand for part of a character. */
function mapOf(ranges: readonly (readonly [number, number])[], scored = ranges.length): LossMap {
  const losses = new LossMap({
    starts: Uint32Array.from(ranges, ([start]) => start),
    ends: Uint32Array.from(ranges, ([, end]) => end),
    ids: Uint32Array.from(ranges, (_, index) => index),
    pageStarts: Uint32Array.of(0),
    pageContexts: Int32Array.of(0),
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

describe('panel: the selection', () => {
  const text = new PlainText(TEXT);

  it('has the tokens that it touches, and the totals of the scored ones', () => {
    // From inside " é" to inside the crab: all that share the crab count.
    const selection = selectionOf(mapOf(RANGES), text, 2, 4);
    assert.deepEqual(
      [
        selection?.first,
        selection?.end,
        selection?.nats,
        selection?.scored,
        selection?.bytes,
        selection?.text,
      ],
      [1, 5, 2 + 3 + 4 + 5, 4, 7, ' é🦀'],
    );
    assert.deepEqual(
      selection?.tokens.map(({ index }) => index),
      [1, 2, 3, 4],
    );
    const unfinished = selectionOf(mapOf(RANGES, 2), text, 0, TEXT.length);
    assert.deepEqual(
      [unfinished?.end, unfinished?.nats, unfinished?.scored, unfinished?.bytes],
      [7, 3, 2, 4],
    );
  });

  it('is none when it touches one token or nothing', () => {
    assert.equal(selectionOf(mapOf(RANGES), text, 0, 1), undefined);
    assert.equal(selectionOf(mapOf(RANGES), text, 1, 3), undefined);
    assert.equal(selectionOf(mapOf([]), text, 0, 7), undefined);
  });

  it('is cut where it is long, and not inside a character', () => {
    const count = 1000;
    const losses = mapOf(Array.from({ length: count }, (_, index) => [2 * index, 2 * index + 2] as const));
    const crabs = new PlainText('🦀'.repeat(count));
    const selection = selectionOf(losses, crabs, 0, 2 * count);
    assert.equal(selection?.end, count);
    assert.equal(selection?.tokens.length, LINE_TOKENS);
    assert.equal(selection?.text.length, SELECTION_TEXT);
    const shifted = selectionOf(
      mapOf([[0, 1], ...Array.from({ length: count }, (_, i) => [2 * i + 1, 2 * i + 3] as const)]),
      new PlainText(`x${'🦀'.repeat(count)}`),
      0,
      2 * count,
    );
    assert.equal(shifted?.text.length, SELECTION_TEXT - 1);
  });
});

describe('panel: a pinned token', () => {
  it('moves with the text before it, and to the start of what replaces it', () => {
    const change = (rangeOffset: number, rangeLength: number, replacement: string) => ({
      rangeOffset,
      rangeLength,
      text: replacement,
    });
    assert.equal(moveOffset(5, [change(2, 0, 'abc')]), 8);
    assert.equal(moveOffset(5, [change(5, 0, 'abc')]), 8, 'typed right before it');
    assert.equal(moveOffset(5, [change(6, 2, '')]), 5);
    assert.equal(moveOffset(5, [change(0, 5, 'x')]), 1);
    assert.equal(moveOffset(5, [change(3, 4, 'new text')]), 3);
    assert.equal(moveOffset(5, [change(5, 1, 'y')]), 5);
    assert.equal(moveOffset(5, [change(8, 0, 'z'), change(0, 0, 'zz')]), 7);
  });

  it('goes with its document when that, or a folder that it is in, is renamed', () => {
    const rename = (oldUri: string, newUri: string) => renamedTo('file:///a/b/c.txt', [{ oldUri, newUri }]);
    assert.equal(rename('file:///a/b/c.txt', 'file:///d.txt'), 'file:///d.txt');
    assert.equal(rename('file:///a', 'file:///z/y'), 'file:///z/y/b/c.txt');
    assert.equal(rename('file:///a/b/c', 'file:///z'), undefined, 'only the beginning of a name');
    assert.equal(rename('file:///a/b/c.txt/d', 'file:///z'), undefined);
    assert.equal(renamedTo('file:///a', []), undefined);
  });

  it('is read from what a page has kept, or not at all', () => {
    const kept = { state: { pinned: true, pinnedOffset: 7, document: { uri: 'file:///a' } } };
    assert.deepEqual(pinFrom(kept), { uri: 'file:///a', offset: 7 });
    assert.equal(pinFrom({ state: { ...kept.state, pinned: false } }), undefined);
    assert.equal(pinFrom({ state: { ...kept.state, pinnedOffset: -1 } }), undefined);
    assert.equal(pinFrom({ state: { pinned: true, pinnedOffset: 7 } }), undefined);
    for (const nothing of [undefined, null, 'x', {}, { state: null }]) {
      assert.equal(pinFrom(nothing), undefined);
    }
  });
});

/** Of a single token. */
const ONE_SCORE = {
  nats: Float32Array.of(1),
  entropy: Float32Array.of(1),
  varentropy: Float32Array.of(1),
  rank: Uint32Array.of(1),
};

const SCORING = { uri: 'a', score: 5 };

describe('panel: the losses of the whole document', () => {
  const input = (losses: LossMap, adapted?: LossMap) => ({
    scoring: SCORING,
    text: () => TEXT,
    losses,
    adapted,
  });

  it('are sent when they are wanted and have changed', () => {
    const sent: PanelSeries[] = [];
    const sender = new SeriesSender(
      (series) => sent.push(series),
      () => {},
    );
    const losses = mapOf(RANGES);
    assert.equal(sender.update(input(losses)), undefined);
    sender.want(true);
    assert.equal(sender.update(input(losses)), 1);
    assert.equal(sender.update(input(losses)), 1);
    assert.equal(sent.length, 1);
    assert.deepEqual([...sent[0].lines], [0, 0, 0, 0, 0, 0, 1]);
    assert.deepEqual([sent[0].scoring, sent[0].adapted], [SCORING, undefined]);
    const adapted = mapOf(RANGES);
    assert.equal(sender.update(input(losses, adapted)), 2);
    assert.equal(sent[1].adapted, adapted.nats);
    sender.want(false);
    assert.equal(sender.update(input(losses)), undefined);
    sender.want(true);
    assert.equal(sender.update(input(losses)), 3, 'a new page has none');
    sender.want(false);
  });

  it('are sent now and then while scoring goes on, and at once in the end', async () => {
    let sent = 0;
    let calls = 0;
    const sender = new SeriesSender(
      () => sent++,
      () => calls++,
    );
    sender.want(true);
    const losses = mapOf(RANGES, 1);
    sender.update(input(losses));
    for (let token = 1; token < 4; token++) {
      losses.write(token, ONE_SCORE);
      sender.update(input(losses));
    }
    assert.equal(sent, 1);
    await sleep(300);
    assert.equal(calls, 1, 'the caller is asked to come again, once');
    sender.update(input(losses));
    assert.equal(sent, 2);
    for (let token = 4; token < 7; token++) {
      losses.write(token, ONE_SCORE);
      sender.update(input(losses));
    }
    assert.equal(sent, 3, 'the last of them is not delayed');
    sender.want(false);
  });

  it('are not sent where they are too many', () => {
    const sender = new SeriesSender(
      () => assert.fail(),
      () => {},
    );
    sender.want(true);
    const many = new Uint32Array(SERIES_TOKENS + 1);
    const losses = new LossMap({
      starts: many,
      ends: many,
      ids: many,
      pageStarts: Uint32Array.of(0),
      pageContexts: Int32Array.of(0),
    });
    losses.write(0, ONE_SCORE);
    assert.equal(sender.update(input(losses)), undefined);
  });

  it('are sent with the first score, and not before', () => {
    let sent = 0;
    const sender = new SeriesSender(
      () => sent++,
      () => {},
    );
    sender.want(true);
    const losses = mapOf(RANGES, 0);
    assert.equal(sender.update(input(losses)), undefined);
    assert.equal(sent, 0);
    losses.write(3, ONE_SCORE);
    assert.equal(sender.update(input(losses)), 1);
    assert.equal(sent, 1);
  });

  it('have the texts of the sections one after the other, where a part of a large document is laid out', () => {
    const document = 'first\nsecond\nthird\nfourth\nfifth';
    const sections = [
      { start: 6, end: 19, line: 1 },
      { start: 26, end: 31, line: 4 },
    ];
    const losses = new LossMap({
      starts: Uint32Array.of(6, 13, 16, 26, 28),
      ends: Uint32Array.of(13, 16, 19, 28, 31),
      ids: new Uint32Array(5),
      pageStarts: Uint32Array.of(0, 3),
      pageContexts: Int32Array.of(0, 1),
    });
    losses.write(0, ONE_SCORE);
    let sent: PanelSeries | undefined;
    const sender = new SeriesSender(
      (series) => {
        sent = series;
      },
      () => {},
    );
    sender.want(true);
    const text = () => sections.map(({ start, end }) => document.slice(start, end)).join('');
    sender.update({ scoring: SCORING, text, sections, losses, adapted: undefined });
    const { starts, ends, lines } = sent ?? assert.fail('no series');
    assert.deepEqual(
      Array.from(starts, (start, i) => text().slice(start, ends[i])),
      ['second\n', 'thi', 'rd\n', 'fi', 'fth'],
    );
    assert.deepEqual([...lines], [1, 2, 2, 4, 4]);
  });

  it('say how what is invisible in the text is shown: as everywhere in the extension', () => {
    const text = ' \tx\n\u200D\u00AD\u0007\u00A0\uD800é🦀';
    let sent: PanelSeries | undefined;
    const sender = new SeriesSender(
      (series) => {
        sent = series;
      },
      () => {},
    );
    sender.want(true);
    sender.update({
      scoring: SCORING,
      text: () => text,
      losses: mapOf([[0, text.length]]),
      adapted: undefined,
    });
    const { visible } = sent ?? assert.fail('no series');
    const shown = Array.from(text, (character) => visible[character] ?? character).join('');
    assert.equal(shown, makeVisible(text));
    assert.ok(!('x' in visible) && !('🦀' in visible), 'what can be seen is not in it');
  });

  it('travel without what lies beside them in memory', () => {
    const whole = Float32Array.of(1, 2, 3);
    assert.equal(alone(whole), whole);
    const part = alone(whole.subarray(1));
    assert.deepEqual([...part], [2, 3]);
    assert.equal(part.buffer.byteLength, 8);
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

  it('says that it is pinned, where, and what else is open', () => {
    const others = [{ name: 'b.txt', uri: 'file:///b.txt' }];
    const pinned = panelState({
      engine: READY,
      unit: 'hartleys',
      document: documentOf(mapOf(RANGES), 3, { pinned: 3 }),
      others,
    });
    assert.deepEqual([pinned.pinned, pinned.pinnedOffset, pinned.unit], [true, 3, 'hartleys']);
    assert.equal(pinned.others, others);
    assert.deepEqual(state(READY).pinned, false);
    assert.ok(!('pinnedOffset' in state(READY, documentOf(undefined))));
  });

  it('names the model and the device, and why it is not the one asked for', () => {
    assert.deepEqual(state({ ...READY, degraded: 'no GPU' }, documentOf(undefined)).model, {
      name: 'Model',
      device: 'CPU',
      hiddenSize: 8,
      degraded: 'no GPU',
    });
  });

  it('names the scoring that its tokens belong to', () => {
    const scored = documentOf(mapOf(RANGES), 0, { score: 7 });
    assert.deepEqual(state(READY, scored).scoring, { uri: 'file:///a.txt', score: 7 });
    assert.equal(state(READY, documentOf(undefined)).scoring, undefined);
  });

  it('takes over an explanation of the focused token', () => {
    const losses = mapOf(RANGES);
    const document = documentOf(losses, 3);
    const explanation = explain({ ...document, losses }, { index: 2, nearest: false }, answerFor(2), 100, 5);
    const shown = panelState({ engine: READY, unit: 'nats', document }, explanation);
    assert.equal(shown.pending, false);
    assert.equal(shown.focus, 2);
    assert.deepEqual(shown.token, {
      answer: 5,
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
    const explanation = explain({ ...document, losses }, { index: 0, nearest: false }, answerFor(0), 100, 6);
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
