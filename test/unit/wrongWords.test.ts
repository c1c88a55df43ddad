import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Engine } from '../../src/engine/client';
import { type Questions, questionsTo } from '../../src/find/questions';
import { toBits } from '../../src/loss/units';
import { mapOf } from '../support/lossMaps';
import { DEMO, ENGINE_HOST, MODEL } from '../support/paths';
import { scoreText } from '../support/scoring';
import { wrongWordsIn } from '../support/wrongWords';

describe('likely wrong words', () => {
  it('are what the bundled model finds in the demo, by what two readings of it differ', async function () {
    this.timeout(120_000);
    const engine = new Engine({
      hostPath: ENGINE_HOST,
      settings: { folder: MODEL, device: 'cpu', threads: 0, weights: 'quantized' },
    });
    try {
      const text = await readFile(join(DEMO, 'statistics.py'), 'utf8');
      const { map, score } = await scoreText(engine, 'demo', text);
      const found = await wrongWordsIn(text, map, () => true, questionsTo(engine, 'demo', score));
      const start = text.indexOf('(value - median)') + '(value - '.length;
      const [{ saved, ...wrong }, ...more] = found;
      assert.deepEqual(wrong, { start, end: start + 6, word: 'median', instead: ['average'] });
      assert.deepEqual(more, []);
      const mended = text.replace('(value - median)', '(value - average)');
      const { map: other } = await scoreText(engine, 'mended', mended);
      const [own, instead] = [map, other].map((losses) => {
        const first = losses.tokenAt(start);
        // Both words are one token here.
        return losses.nats.subarray(first, first + 17).reduce((sum, nats) => sum + nats, 0);
      });
      assert.ok(Math.abs(own - instead - saved) < 1e-3, `${own} less ${instead} is not ${saved}`);
    } finally {
      await engine.stop();
      engine.dispose();
    }
  });

  /** Words with a space before them, each one token, and their surprisals in bits. */
  const tokens: readonly (readonly [string, number])[] = [
    ['count', 20],
    [' total', 30],
    [' count', 16],
    [' once', 30],
    [' total', 11],
    [' counter', 20],
    [' counter', 13],
    [' tot', 12],
    ['als', 9],
    [' totals', 20],
  ];
  const text = tokens.map(([token]) => token).join('');
  const losses = mapOf(
    tokens.map(([token]) => token),
    tokens.map(([, bits]) => bits * Math.LN2),
  );

  /** A model that expected tokens of so many bits everywhere, and finds a place cheaper by so many bits with other texts. */
  function answers(expected: Record<string, number>, saved: Record<string, number>) {
    const asked: string[] = [];
    const questions: Questions = {
      top: async (tokens) => {
        asked.push(tokens.join());
        return tokens.map(() =>
          Object.entries(expected).map(([word, bits], id) => ({
            id,
            text: word,
            logit: 0,
            nats: bits * Math.LN2,
          })),
        );
      },
      replacements: async (places) => {
        asked.push(places.map(({ first, last, texts }) => `${first}–${last}:${texts.join()}`).join('; '));
        return places.map(({ texts }) =>
          [undefined, ...texts].map((other) => {
            const bits = 100 - (other === undefined ? 0 : (saved[other.trim()] ?? 0));
            // Of a word of several tokens the first counts.
            return {
              text: other,
              nats: Float32Array.of(40 * Math.LN2, 1000),
              behind: Float32Array.of((bits - 40) * Math.LN2),
            };
          }),
        );
      },
    };
    return { asked, questions };
  }

  it('are looked for where a word that the text has elsewhere begins with a surprise', async () => {
    const { asked, questions } = answers({}, {});
    assert.deepEqual(await wrongWordsIn(text, losses, (offset) => offset > 0, questions), []);
    // Not the first one, which is not meant; what is there once; what takes less than 12 bits.
    assert.deepEqual(asked, ['1,2,5,6,7,9']);
  });

  it('are replaced with words of the text that the model expected, and that save 15 bits', async () => {
    const expected = {
      ' count': 1,
      count: 1,
      ' other': 1,
      ' to': 1.5,
      ' (': 2,
      ' once': 2.5,
      ' counter': 3,
      ' totals': 3.5,
    };
    const isMeant = (offset: number) => offset === text.indexOf('count once');
    const { asked, questions } = answers(expected, { total: 15.5, once: 20, counter: 14.5 });
    const [found, ...more] = await wrongWordsIn(text, losses, isMeant, questions);
    assert.deepEqual(more, []);
    // Of those that begin with “to” the most frequent; three, but not the word itself, and those without the space.
    assert.deepEqual(asked, ['2', '2–2: total, once, counter']);
    assert.deepEqual([found.word, found.instead], ['count', ['once', 'total']]);
    assert.equal(text.slice(found.start, found.end), 'count');
    assert.ok(Math.abs(toBits(found.saved) - 20) < 1e-4);
  });

  it('are not looked for in words that are hardly less probable, or where nothing is answered', async () => {
    const isMeant = (offset: number) => offset === text.indexOf('count once');
    const { asked, questions } = answers({ ' once': 5.1 }, { once: 50 });
    assert.deepEqual(await wrongWordsIn(text, losses, isMeant, questions), []);
    assert.deepEqual(asked, ['2']);
    const nothing: Questions = { top: questions.top, replacements: async () => [] };
    const { questions: cheap } = answers({ ' once': 1 }, {});
    assert.deepEqual(await wrongWordsIn(text, losses, isMeant, { ...nothing, top: cheap.top }), []);
  });
});
