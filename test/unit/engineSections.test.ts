import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { CancelledError, type EngineSettings } from '../../src/engine/api';
import { Engine } from '../../src/engine/client';
import {
  SECTION_LIMITS,
  type SectionLimits,
  type SectionText,
  StringLines,
  sectionsOfText,
  sectionsTouching,
  sectionTexts,
} from '../../src/text/sections';
import { ENGINE_HOST, ROOT, TINY_MODEL } from '../support/paths';
import { type Scored, scoreText } from '../support/scoring';

const TINY: EngineSettings = { folder: TINY_MODEL, device: 'cpu', threads: 2 };

/** Small limits, so that a text that is scored in a second has many sections. */
const SMALL: SectionLimits = { large: 2000, minimum: 1000, maximum: 2500 };

/** The sections of a text around a place, and one far from it. */
function excerpt(text: string, at: number): SectionText[] {
  const lines = new StringLines(text);
  const near = sectionsTouching(lines, at, at + 500, SMALL);
  const [far] = sectionsTouching(lines, (at + text.length / 2) % text.length, 0, SMALL);
  const sections = [...near, ...(near.some(({ start }) => start === far.start) ? [] : [far])];
  return sectionTexts(
    lines,
    sections.sort((a, b) => a.start - b.start),
    (start, end) => text.slice(start, end),
    SMALL,
  );
}

/** Everything that is known about each token, by its place. */
function tokensOf({ map }: Scored): Map<number, readonly number[]> {
  const { starts, ends, ids } = map.layout;
  const tokens = new Map<number, readonly number[]>();
  for (let i = 0; i < map.length; i++) {
    // Tokens that share a character have the same start, but never the same end and context.
    tokens.set(starts[i] * 2 ** 12 + map.contextLength(i), [
      starts[i],
      ends[i],
      ids[i],
      map.nats[i],
      map.entropy[i],
      map.varentropy[i],
      map.rank[i],
    ]);
  }
  return tokens;
}

describe('engine: sections of a large text', function () {
  this.timeout(120_000);
  const engines: Engine[] = [];

  function engine(): Engine {
    const created = new Engine({ hostPath: ENGINE_HOST, settings: TINY });
    engines.push(created);
    return created;
  }

  afterEach(async () => {
    await Promise.all(engines.splice(0).map((created) => created.stop()));
  });

  it('have the scores of the whole text, bit by bit, after any scrolling and editing', async () => {
    const created = engine();
    const scratch = engine();
    const original = (await readFile(join(ROOT, 'src/engine/client.ts'), 'utf8')).slice(0, 11_000);
    const act = fc.record({
      at: fc.nat({ max: 10_000 }),
      remove: fc.oneof(fc.constant(0), fc.nat({ max: 60 })),
      insert: fc.oneof(
        fc.constant(''),
        fc.string({ unit: 'grapheme', maxLength: 12 }),
        fc.constantFrom('\n', 'const x = 1;\n', '}', '\ud800', ' '.repeat(3000), 'x = 1\n'.repeat(400)),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 4 }), async (acts) => {
        let text = original;
        let part: Scored | undefined;
        for (const { at, remove, insert } of acts) {
          // Nothing taken out and nothing put in: a scroll.
          text = text.slice(0, at) + insert + text.slice(at + remove);
          const place = Math.min(at, text.length - 1);
          part = await scoreText(created, 'a', excerpt(text, place), [place, place + 200]);
        }
        const grown = await scoreText(created, 'a', sectionsOfText(text, SMALL), [0, 200]);
        await scratch.restart();
        const whole = await scoreText(scratch, 'a', sectionsOfText(text, SMALL));
        const expected = tokensOf(whole);
        assert.equal(expected.size, whole.map.length);
        assert.deepEqual(tokensOf(grown), expected);
        assert.deepEqual(grown.map.layout, whole.map.layout);
        for (const [name, token] of tokensOf(part ?? assert.fail('nothing was scored'))) {
          assert.deepEqual(token, expected.get(name));
        }
      }),
      { numRuns: 4 },
    );
  });

  it('begin with enough context, and are found again alone', async () => {
    const created = engine();
    const text = (await readFile(join(ROOT, 'src/engine/client.ts'), 'utf8')).slice(0, 12_000);
    const { map } = await scoreText(created, 'a', sectionsOfText(text, SMALL));
    assert.ok(excerpt(text, 8000).some(({ before }) => before !== undefined));
    const overlap = Math.min(
      ...Array.from(map.layout.pageStarts.subarray(1), (start) => map.contextLength(start)),
    );
    const alone = await scoreText(created, 'b', excerpt(text, 8000));
    assert.ok(overlap > 0);
    for (const start of alone.map.layout.pageStarts) {
      assert.ok(alone.map.contextLength(start) >= overlap || alone.map.layout.starts[start] === 0);
    }
    assert.equal(alone.statistics.tokensRun, 0, 'all of it is known from the whole');
  });

  it('run what the edit of one section touches, and no more', async () => {
    const created = engine();
    const text = (await readFile(join(ROOT, 'src/engine/client.ts'), 'utf8')).slice(0, 16_000);
    await scoreText(created, 'a', sectionsOfText(text, SMALL));
    const at = 9000;
    const edited = `${text.slice(0, at)}x${text.slice(at)}`;
    const { statistics, map } = await scoreText(created, 'a', sectionsOfText(edited, SMALL), [at, at + 200]);
    assert.ok(statistics.tokensRun < map.length / 2, `${statistics.tokensRun} of ${map.length}`);
  });

  it('take over what was there when the text grows beyond the cache', async () => {
    const created = engine();
    // Room for the scores of a few pages only.
    created.configure({ ...TINY, cacheSize: 0.25 });
    const text = (await readFile(join(ROOT, 'src/engine/client.ts'), 'utf8')).slice(0, 16_000);
    const sections = sectionsOfText(text, SMALL);
    const half = await scoreText(created, 'a', sections.slice(0, sections.length / 2));
    const whole = await scoreText(created, 'a', sections);
    assert.ok(half.map.length > 2000);
    assert.equal(whole.statistics.pagesCached, half.statistics.pages);
  });

  it('cut a large text by themselves, so that a whole text and its sections agree', async () => {
    const created = engine();
    const line = 'x\n';
    const text = line.repeat(SECTION_LIMITS.large / 2 + 10);
    const controller = new AbortController();
    let starts: Uint32Array | undefined;
    const scoring = created.score(
      'a',
      text,
      [0, 100],
      {
        layout: (layout) => {
          starts = layout.starts;
        },
        scores: () => controller.abort(),
      },
      { signal: controller.signal },
    );
    await assert.rejects(scoring, CancelledError);
    const sections = sectionsOfText(text);
    assert.ok(sections.length > 1);
    assert.ok(sections.every(({ start }) => starts?.includes(start)));
  });

  it('are laid out one by one: what comes meanwhile is not kept waiting, and a cancelled text is left', async () => {
    const created = engine();
    const line = `${'lorem ipsum '.repeat(8)}\n`;
    const text = line.repeat(40_000);
    let isLaidOut = false;
    const large = created.score('a', text, [], {
      layout: () => {
        isLaidOut = true;
      },
      scores: () => {},
    });
    const outcome = assert.rejects(large, CancelledError);
    assert.ok((await scoreText(created, 'b', 'x = 1\n')).map.complete);
    assert.equal(isLaidOut, false);
    created.forget('a');
    await outcome;
  });
});
