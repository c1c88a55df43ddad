import assert from 'node:assert/strict';
import fc from 'fast-check';
import { comparison, hoverText } from '../../src/editor/hoverText';
import { legendText } from '../../src/editor/legendText';
import { lineExcerpt } from '../../src/editor/lineExcerpt';
import { english } from '../../src/editor/localize';
import { codeBlock, codeSpan, commandLink, escapeMarkdown, withoutLinks } from '../../src/editor/markdown';
import { type DocumentStanding, type StatusInput, statusText } from '../../src/editor/statusText';
import { approximateTotals, exactTotals } from '../../src/editor/totals';
import type { EngineState } from '../../src/engine/protocol';
import { isLikelyTypo, mostSurprisingUnits, nextSurprise, wordOf, wordsIn } from '../../src/find/surprises';
import { HEAT_BIN_COUNT } from '../../src/loss/heat';
import { LossMap } from '../../src/loss/lossMap';
import { mapOf } from '../support/lossMaps';

const ready: EngineState = {
  kind: 'ready',
  model: {
    id: 'm',
    name: 'SmolLM2-135M-Instruct',
    folder: '/m',
    parameters: 135e6,
    vocabularySize: 49152,
    contextWindow: 2048,
    hiddenSize: 576,
  },
  device: { provider: 'cpu', name: 'x86', threads: 2, reasons: [] },
};

describe('status bar', () => {
  const totals = { tokens: 100, nats: 100 * 3.42 * Math.LN2, bytes: 400 };
  const input = (standing: DocumentStanding, engine: EngineState = ready): StatusInput => ({
    engine,
    heatmapOn: true,
    unit: 'bits',
    document: { name: 'a.py', standing, totals, selection: undefined },
  });
  const scored: DocumentStanding = { kind: 'scored', statistics: undefined };

  it('shows a scored document in numbers', () => {
    const status = statusText(input(scored), english);
    assert.equal(status.text, '$(flame) 3.42 bits/token');
    assert.equal(status.label, 'Surprisal: 3.42 bits per token. a.py is scored.');
    assert.equal(status.severity, 'normal');
    const rows = Object.fromEntries(status.rows.map(({ name, values }) => [name, values]));
    assert.deepEqual(rows.Perplexity, ['10.7']);
    assert.deepEqual(rows['Bits per byte'], ['0.855']);
    assert.deepEqual(rows.Tokens, ['100']);
    assert.deepEqual(
      status.facts.map(({ values }) => values[0]),
      ['SmolLM2-135M-Instruct', 'CPU, 2 threads (x86)'],
    );
  });

  it('shows nats when asked to', () => {
    assert.equal(statusText({ ...input(scored), unit: 'nats' }, english).text, '$(flame) 2.37 nats/token');
  });

  it('says that the numbers are those after training', () => {
    const status = statusText(
      { ...input(scored), document: { ...input(scored).document!, trained: true } },
      english,
    );
    assert.equal(status.text, '$(flame) 3.42 bits/token · after training');
    assert.equal(status.label, 'Surprisal: after training, 3.42 bits per token. a.py is scored.');
    assert.match(status.details.join(), /An edit switches back/);
  });

  it('shows the selection where there is one', () => {
    const document = { ...input(scored).document!, selection: { tokens: 2, nats: 2 * Math.LN2, bytes: 4 } };
    const status = statusText({ ...input(scored), document }, english);
    assert.equal(status.text, '$(flame) 1.00 bits/token $(selection)');
    assert.deepEqual(status.rows[0].values, ['3.42 bits', '1.00 bits']);
  });

  it('tells a selection without scores from an empty document', () => {
    const none = { tokens: 0, nats: 0, bytes: 0 };
    const part = { kind: 'part', characters: 96_000, of: 20_000_000, statistics: undefined } as const;
    const of = (standing: DocumentStanding, selection?: typeof none) =>
      statusText(
        { ...input(standing), document: { ...input(standing).document!, totals: none, selection } },
        english,
      );
    assert.equal(of(part, none).text, '$(flame) selection not scored · visible part $(selection)');
    assert.match(of(part, none).label, /no scores in the selection/);
    assert.equal(of(scored).text, '$(flame) empty');
  });

  it('shows progress, and that numbers are approximate until the end', () => {
    assert.equal(
      statusText(input({ kind: 'scoring', done: 42, total: 100 }), english).text,
      '$(loading~spin) ~3.42 bits/token · 42%',
    );
    const fresh = { ...input({ kind: 'scoring', done: 0, total: 0 }) };
    const document = { ...fresh.document!, totals: { tokens: 0, nats: 0, bytes: undefined } };
    assert.equal(statusText({ ...fresh, document }, english).text, '$(loading~spin) scoring');
    assert.equal(statusText(input({ kind: 'waiting' }), english).text, '$(loading~spin) ~3.42 bits/token');
  });

  it('shows every state of the engine', () => {
    const of = (engine: EngineState) => statusText(input(scored, engine), english);
    assert.equal(of({ kind: 'starting' }).text, '$(loading~spin) starting');
    assert.equal(of({ kind: 'loading', model: 'M' }).text, '$(loading~spin) loading model');
    assert.equal(of({ ...ready, degraded: 'The GPU failed.' }).text, '$(warning) 3.42 bits/token');
    assert.deepEqual(of({ ...ready, degraded: 'The GPU failed.' }).details, ['The GPU failed.']);
    const failed = of({
      kind: 'failed',
      problem: { code: 'crashed', message: 'It crashed.', advice: 'Try again.' },
    });
    assert.equal(failed.severity, 'error');
    assert.equal(failed.text, '$(error) Surprisal');
    assert.equal(failed.headline, 'It crashed.');
    assert.deepEqual(failed.details, ['Try again.']);
    const off = statusText({ engine: { kind: 'off' }, heatmapOn: false, unit: 'bits' }, english);
    assert.equal(off.text, '$(flame) Surprisal');
    assert.match(off.label, /heatmap is off/);
  });

  it('says that only the visible part of a large document is scored, and how much that is', () => {
    const part = { kind: 'part', characters: 96_000, of: 20_000_000, statistics: undefined } as const;
    const status = statusText(input(part), english);
    assert.equal(status.text, '$(flame) 3.42 bits/token · visible part');
    assert.equal(status.label, 'Surprisal: 3.42 bits per token. The visible part of a.py is scored.');
    assert.match(status.details.join(), /96,000 of its 20,000,000 characters .*"Score This Document"/);
  });

  it('says why a document has no numbers', () => {
    assert.match(statusText(input({ kind: 'unsupported' }), english).details[0], /not scored/);
    assert.match(statusText(input({ kind: 'idle' }), english).details[0], /a\.py is not scored/);
    const failed = statusText(input({ kind: 'failed', message: 'NaN.', advice: 'Report it.' }), english);
    assert.equal(failed.severity, 'error');
    assert.match(failed.label, /NaN\. Report it\./);
  });
});

describe('totals', () => {
  it('counts the tokens that ranges touch, each once, and the bytes of their text', () => {
    const text = 'a\u00e9 bcd';
    const map = mapOf(['a', '\u00e9 ', 'bc', 'd'], [1, 2, 4, 8]);
    const textOf = (start: number, end: number) => text.slice(start, end);
    const totals = (...ranges: [start: number, end: number][]) =>
      exactTotals(
        map,
        ranges.map(([start, end]) => ({ start, end })),
        textOf,
      );
    assert.deepEqual(totals([0, 6]), { tokens: 4, nats: 15, bytes: 7 });
    // A part of a token, and one more.
    assert.deepEqual(totals([2, 5]), { tokens: 2, nats: 6, bytes: 5 });
    assert.deepEqual(totals([4, 5]), { tokens: 1, nats: 4, bytes: 2 });
    assert.deepEqual(totals([0, 1], [5, 6]), { tokens: 2, nats: 9, bytes: 2 });
    // Two ranges in one token, not in their order.
    assert.deepEqual(totals([4, 6], [3, 4]), { tokens: 2, nats: 12, bytes: 3 });
    // Of a text between them nothing is known.
    const { starts, ends } = map.layout;
    const layout = {
      ...map.layout,
      starts: starts.map((at) => at + 9 * +(at > 1)),
      ends: ends.map((at) => at + 9 * +(at > 3)),
    };
    const parts = new LossMap(layout);
    parts.write(0, map);
    assert.deepEqual(exactTotals(parts, [{ start: 0, end: 20 }], textOf), {
      tokens: 4,
      nats: 15,
      bytes: undefined,
    });
    assert.deepEqual(exactTotals(parts, [{ start: 5, end: 9 }], textOf), { tokens: 0, nats: 0, bytes: 0 });
  });

  it('counts a character that two tokens share once', () => {
    const map = new LossMap(
      {
        starts: Uint32Array.of(0, 1),
        ends: Uint32Array.of(2, 3),
        ids: new Uint32Array(2),
        pageStarts: Uint32Array.of(0),
        pageContexts: Int32Array.of(0),
      },
      mapOf(['x', 'x'], [1, 2]),
    );
    const ranges = [
      { start: 0, end: 1 },
      { start: 2, end: 3 },
    ];
    const textOf = (start: number, end: number) => 'a\u00e9b'.slice(start, end);
    assert.deepEqual(exactTotals(map, ranges, textOf), { tokens: 2, nats: 3, bytes: 4 });
  });

  it('does not call an unfinished range complete', () => {
    const map = mapOf(['a', 'b'], [1, Number.NaN]);
    assert.equal(exactTotals(map, [{ start: 0, end: 2 }], () => 'ab').bytes, undefined);
  });

  it('fills gaps with older scores while a document is scored again', () => {
    const older = { losses: mapOf(['a', 'b'], [1, 2]), staleFrom: 0, textLength: 2 };
    assert.equal(approximateTotals(mapOf(['a', 'b'], [5, Number.NaN]), older).nats, 7);
    assert.equal(approximateTotals(undefined, older).nats, 3);
    assert.equal(approximateTotals(undefined, undefined).tokens, 0);
  });
});

describe('text in Markdown', () => {
  it('has no links in notifications', () => {
    // As VS Code finds them: src/vs/base/common/linkedText.ts.
    const link = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/i;
    const text = 'weights in [Repair](command:evil?%7B%7D) and [a][b](https://c "d")';
    assert.match(text, link);
    assert.doesNotMatch(withoutLinks(text), link);
    assert.equal(withoutLinks('f(a[0]) (b)'), 'f(a[0]) (b)');
  });

  it('keeps text from being Markdown', () => {
    assert.equal(escapeMarkdown('a*b_[c](d)|<e>&`'), 'a\\*b\\_\\[c\\]\\(d\\)\\|&lt;e&gt;&amp;\\`');
    assert.equal(escapeMarkdown('a\r\nb'), 'a b');
  });

  it('fences code spans and blocks with more backticks than there are inside', () => {
    assert.equal(codeSpan('abc'), '`abc`');
    assert.equal(codeSpan('`'), '`` ` ``');
    assert.equal(codeSpan('a``b'), '```a``b```');
    assert.equal(codeBlock(['a', '```', '````']), '`````text\na\n```\n````\n`````');
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('`', 'a', ' ', '[') }), (text) => {
        const span = codeSpan(text);
        const fence = /^`+/.exec(span)![0];
        const inside = span.slice(fence.length, -fence.length);
        assert.ok(!(inside.match(/`+/g) ?? []).some((run) => run === fence));
        assert.ok(!inside.startsWith('`') && !inside.endsWith('`'));
      }),
    );
  });

  it('encodes a command\u2019s parameters', () => {
    const link = commandLink('Go (now)', 'a.b', 'file:///x (1).ts', 5);
    const [, address] = /^\[.*?\]\((.*)\)$/.exec(link)!;
    assert.ok(!/[()\s]/.test(address));
    assert.deepEqual(JSON.parse(decodeURIComponent(address.split('?')[1])), ['file:///x (1).ts', 5]);
  });
});

describe('hover', () => {
  const subject = {
    losses: mapOf(['if', ' x'], [0.5, 7]),
    token: 1,
    text: ' x',
    unit: 'bits' as const,
    vocabularySize: 49152,
    distribution: undefined,
  };

  it('gives the numbers of a token', () => {
    const text = hoverText(subject, '[link](x)', english);
    assert.match(text, /^`·x`/);
    assert.match(text, /\*\*10\.1 bits\*\* \(7\.00 nats\)/);
    assert.match(text, /probability 0\.091 %/);
    assert.match(text, /rank 3 of 49,152 · entropy 1\.44 bits/);
    assert.match(text, /Page 1 of 1, 1 token of context · \[link\]\(x\)$/);
  });

  it('gives the model\u2019s own numbers beside those after training', () => {
    const before = mapOf(['if', ' x'], [0.5, 9]);
    const text = hoverText({ ...subject, before }, '[link](x)', english);
    assert.match(text, /\*\*10\.1 bits\*\*/);
    assert.match(text, /After training; the model as it is: 13\.0 bits, probability 0\.012 %\./);
  });

  it('shows what the model expected instead, and the token itself', () => {
    const alternative = (id: number, text: string, probability: number) => ({
      id,
      text,
      logit: 0,
      nats: -Math.log(probability),
    });
    const text = hoverText(
      {
        ...subject,
        distribution: {
          token: 1,
          target: alternative(9, ' x', 0.0009),
          rank: 12,
          logSumExp: 0,
          entropy: 1,
          top: [alternative(1, ' (', 0.5), alternative(2, '```\n', 0.25)],
        },
      },
      '[link](x)',
      english,
    );
    assert.match(text, /````text\n {2}██████ +50\.0 % {2}·\(\n/);
    assert.match(text, /25\.0 % {2}```⏎\n/);
    assert.match(text, /▶ ▏ +0\.090? % {2}·x {2}\(#12\)/);
  });

  it('says what could not be waited for', () => {
    assert.doesNotMatch(hoverText(subject, '', english), /still computing/);
    const text = hoverText({ ...subject, isDistributionLate: true }, '', english);
    assert.match(text, /\n\nThe model is still computing what it expected here: .*\n\nPage 1/);
  });

  it('adds up the tokens of a split character', () => {
    const losses = new LossMap({
      starts: Uint32Array.of(0, 0),
      ends: Uint32Array.of(2, 2),
      ids: Uint32Array.of(1, 2),
      pageStarts: Uint32Array.of(0),
      pageContexts: Int32Array.of(0),
    });
    losses.write(0, {
      nats: Float32Array.of(Math.LN2, 2 * Math.LN2),
      entropy: new Float32Array(2),
      varentropy: new Float32Array(2),
      rank: Uint32Array.of(1, 1),
    });
    const text = hoverText({ ...subject, losses, text: '😀' }, '[link](x)', english);
    assert.match(text, /\*\*3\.00 bits\*\*/);
    assert.match(text, /as 2 tokens: 1\.00 bits \+ 2\.00 bits/);
  });

  it('gives the surprisal of the word that the token is a part of', () => {
    const of = { first: 0, last: 2, start: 0, end: 7, nats: 21 * Math.LN2 };
    const text = hoverText({ ...subject, word: { text: 'reci`eve', of } }, '[link](x)', english);
    assert.match(text, /\n\nThe word ``reci`eve``, 3 tokens: \*\*21\.0 bits\*\*\n\n/);
    assert.doesNotMatch(hoverText(subject, '[link](x)', english), /The word/);
  });

  it('names no page where the pages before are not laid out', () => {
    const text = hoverText({ ...subject, isPart: true }, '[link](x)', english);
    assert.match(text, /\n\n\d+ tokens? of context · \[link\]\(x\)$/);
    assert.doesNotMatch(text, /Page/);
  });

  it('compares the surprise with what the model expected', () => {
    assert.match(comparison(8, 0.5, 1, english), /^the model was sure, and wrong \(\+7\.5.σ\)$/);
    assert.match(comparison(5, 4, 4, english), /unsure/);
    assert.match(comparison(0.1, 0.2, 0.5, english), /sure, and right/);
    assert.match(comparison(9, 3, 4, english), /more surprising than/);
    assert.match(comparison(0, 0, 0, english), /sure, and right/);
  });
});

describe('surprising tokens', () => {
  const losses = mapOf(['a', 'b', 'c', 'd'], [10, 1, 7, 2]);
  const startOf = (unit: ReturnType<typeof nextSurprise>) => (typeof unit === 'object' ? unit.start : unit);

  it('goes on after the selection and around the end', () => {
    assert.equal(startOf(nextSurprise(losses, 0, 0, 'next')), 0);
    assert.equal(startOf(nextSurprise(losses, 0, 1, 'next')), 2);
    assert.equal(startOf(nextSurprise(losses, 2, 3, 'next')), 0);
    assert.equal(startOf(nextSurprise(losses, 4, 4, 'next')), 0);
    assert.equal(startOf(nextSurprise(losses, 2, 3, 'previous')), 0);
    assert.equal(startOf(nextSurprise(losses, 0, 1, 'previous')), 2);
    assert.equal(startOf(nextSurprise(losses, 4, 4, 'previous')), 2);
    assert.equal(nextSurprise(mapOf(['a'], [1]), 0, 0, 'next'), undefined);
    assert.equal(nextSurprise(mapOf([], []), 0, 0, 'previous'), undefined);
  });

  it('are listed from the most surprising on, characters as a whole, and what has no score is not', () => {
    const lost = mapOf(['a', 'b', 'c', 'd', 'e'], [2, 7, Number.NaN, 7, 9]);
    // Two tokens that share a character: together they are worth more than either.
    const shared = new LossMap({ ...lost.layout, starts: Uint32Array.of(0, 0, 2, 3, 4) });
    lost.nats.forEach((nats, token) => {
      const one = Float32Array.of(Number.isNaN(nats) ? 0 : nats);
      shared.write(token, { nats: one, entropy: one, varentropy: one, rank: Uint32Array.of(1) });
    });
    assert.deepEqual(
      mostSurprisingUnits(shared, 2).map(({ first, last, nats }) => [first, last, nats]),
      [
        [0, 1, 9],
        [4, 4, 9],
      ],
    );
    const starts = (count: number) => mostSurprisingUnits(lost, count).map(({ start }) => start);
    assert.deepEqual(starts(10), [4, 1, 3, 0]);
    assert.deepEqual(starts(2), [4, 1]);
  });

  it('are listed as sorting all units lists them', () => {
    const tokens = fc.array(
      fc.record({
        nats: fc.constantFrom(Number.NaN, 0.5, 1, 6, 9),
        text: fc.constantFrom('a', 'bc', '\u{1F525}'),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(tokens, fc.integer({ min: 1, max: 12 }), (made, count) => {
        const losses = mapOf(
          made.map(({ text }) => text),
          made.map(({ nats }) => nats),
        );
        const all = [...losses.units()].filter(({ nats }) => !Number.isNaN(nats));
        const expected = all.sort((a, b) => b.nats - a.nats || a.start - b.start).slice(0, count);
        assert.deepEqual(mostSurprisingUnits(losses, count), expected);
      }),
    );
  });

  it('are words with all of their tokens, where words are asked for', () => {
    const texts = ['They', ' rec', 'ie', 've', ' it', '.', '\n', 'snake', '_', 'case'];
    const losses = mapOf(texts, [5, 6, 7, 8, 9, 1, 2, 4, 4, Number.NaN]);
    const isInside = wordsIn(texts.join(''));
    assert.deepEqual(
      mostSurprisingUnits(losses, 10, { isInside }).map(({ start, end, nats }) => [
        texts.join('').slice(start, end),
        nats,
      ]),
      [
        [' recieve', 21],
        [' it', 9],
        ['They', 5],
        ['\n', 2],
        ['.', 1],
      ],
    );
    assert.deepEqual(wordOf(losses, 2, isInside), { first: 1, last: 3, start: 4, end: 12, nats: 21 });
    assert.deepEqual(wordOf(losses, 4, isInside), losses.unitOf(4));
    assert.ok(Number.isNaN(wordOf(losses, 7, isInside).nats));
    // Of a part of the text only what is in it is known.
    assert.deepEqual(wordOf(losses, 2, wordsIn('recie', 5)), {
      first: 1,
      last: 2,
      start: 4,
      end: 10,
      nats: 13,
    });
  });

  it('are likely typos where a part of a surprising word occurs only once', () => {
    const texts = ['a ', 'new', 'Name', ' and', ' newer', ' name', ',', ' rec', 'ieve', ' new', ' odd'];
    const losses = mapOf(
      texts,
      [1, 9, 9, 1, 17.5, 1, 1, 17, 1, 1, 16.9].map((bits) => bits * Math.LN2),
    );
    const text = texts.join('');
    const choice = { isInside: wordsIn(text), isMeant: isLikelyTypo(text) };
    const found = mostSurprisingUnits(losses, 10, choice);
    assert.deepEqual(
      found.map(({ start, end }) => text.slice(start, end)),
      [' recieve', ' newer'],
    );
    assert.deepEqual(mostSurprisingUnits(losses, 1, choice), found.slice(0, 1));
    // In a part of the text "name" is there once.
    const from = texts.slice(0, 2).join('').length;
    const isTypo = isLikelyTypo('Name and', from);
    assert.equal(isTypo({ start: from, end: from + 4, nats: 17 * Math.LN2 }), true);
  });

  it('are the words that cutting the text at its words gives, wherever their tokens begin', () => {
    const tokens = fc.array(
      fc.record({
        nats: fc.constantFrom(0.5, 1, 6, 9),
        text: fc.constantFrom('a', ' b', '_c', 'd ', '(', '東', '9', '\u{1F525}', ' e f', 'é\n'),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(tokens, (made) => {
        const losses = mapOf(
          made.map(({ text }) => text),
          made.map(({ nats }) => nats),
        );
        const text = made.map((token) => token.text).join('');
        const inside = new Set(
          [...text.matchAll(/[a-zé9_]+/g)].flatMap(({ index, 0: word }) =>
            [...word].slice(1).map((_, i) => index + i + 1),
          ),
        );
        const expected: { start: number; end: number; nats: number }[] = [];
        for (const { start, end, nats } of losses.units()) {
          const last = inside.has(start) ? expected.pop() : undefined;
          expected.push({ start: last?.start ?? start, end, nats: (last?.nats ?? 0) + nats });
        }
        const all = mostSurprisingUnits(losses, 100, { isInside: wordsIn(text) });
        assert.deepEqual(
          all.map(({ start, end, nats }) => ({ start, end, nats })),
          expected.sort((a, b) => b.nats - a.nats || a.start - b.start),
        );
        for (const unit of all) {
          for (let token = unit.first; token <= unit.last; token++) {
            assert.deepEqual(wordOf(losses, token, wordsIn(text)), unit);
          }
        }
      }),
    );
  });

  it('does not pass by what has no scores yet', () => {
    const some = mapOf(['a', 'b', 'c', 'd'], [10, Number.NaN, 7, 2]);
    assert.equal(startOf(nextSurprise(some, 0, 0, 'next')), 0);
    assert.equal(startOf(nextSurprise(some, 0, 1, 'next')), 'unknown');
    assert.equal(startOf(nextSurprise(some, 2, 2, 'next')), 2);
    assert.equal(startOf(nextSurprise(some, 2, 2, 'previous')), 'unknown');
    assert.equal(startOf(nextSurprise(some, 1, 1, 'previous')), 0);
  });

  it('finds what a search through all units finds', () => {
    const texts = fc.array(
      fc.record({ nats: fc.constantFrom(0.5, 6, 9), length: fc.integer({ min: 1, max: 3 }) }),
    );
    fc.assert(
      fc.property(texts, fc.nat(20), fc.nat(3), (tokens, from, selected) => {
        const map = mapOf(
          tokens.map(({ length }) => 'x'.repeat(length)),
          tokens.map(({ nats }) => nats),
        );
        const length = map.layout.ends.at(-1) ?? 0;
        const start = Math.min(from, length);
        const end = Math.min(start + selected, length);
        const surprises = [...map.units()].filter(({ nats }) => nats / Math.LN2 >= 8);
        const ahead = surprises.find((unit) => (start === end ? unit.start >= start : unit.start > start));
        const behind = surprises.findLast((unit) => unit.start < start);
        assert.deepEqual(nextSurprise(map, start, end, 'next'), ahead ?? surprises[0]);
        assert.deepEqual(nextSurprise(map, start, end, 'previous'), behind ?? surprises.at(-1));
      }),
    );
  });
});

describe('legend', () => {
  it('has a sample of every colour', () => {
    const { text, samples } = legendText(english);
    const lines = text.split('\n');
    assert.deepEqual(
      [...new Set(samples.map(({ bin }) => bin))],
      Array.from({ length: HEAT_BIN_COUNT }, (_, bin) => bin),
    );
    for (const { line, start, end } of samples) {
      assert.match(lines[line].slice(start, end), /^ \S.* $/);
      assert.match(lines[line].slice(end), /^ \S/);
      assert.ok(lines[line].length <= 52, `too long for half a window: ${lines[line]}`);
    }
  });
});

describe('lines in lists', () => {
  it('are shown without the blanks around them, and without icons', () => {
    assert.equal(lineExcerpt('\t x = $(date) $(sync~spin)  '), 'x = \\$(date) \\$(sync~spin)');
    assert.equal(lineExcerpt('$(date +%s) \\$(CC) $x $()'), '$(date +%s) \\\\$(CC) $x $()');
    assert.equal(lineExcerpt(' \t'), '');
    assert.equal(lineExcerpt(`${' '.repeat(300)}x`, 300), 'x');
  });

  it('are short around the place that they are shown for, and cut no character', () => {
    const line = '\u{1F525}'.repeat(50_000);
    for (const column of [0, 1, 59, 60, 61, 101, 50_001, 99_997, 100_000]) {
      const excerpt = lineExcerpt(line, column);
      assert.match(excerpt, /^…?(?:\u{1F525}){99,100}…?$/u, `${column}`);
      assert.equal(excerpt.startsWith('…'), column > 61, `${column}`);
      assert.equal(excerpt.endsWith('…'), column < 99_900, `${column}`);
    }
    const place = `${'a'.repeat(5000)}HERE${'b'.repeat(5000)}`;
    assert.equal(lineExcerpt(place, 5000), `…${'a'.repeat(60)}HERE${'b'.repeat(136)}…`);
  });
});
