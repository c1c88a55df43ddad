import assert from 'node:assert/strict';
import distance from 'damerau-levenshtein';
import fc from 'fast-check';
import type { TextChange } from '../../src/editor/carry';
import { movedMistakes } from '../../src/editor/movedMistakes';
import { misspeltAmong } from '../../src/find/misspelt';
import type { Mistake } from '../../src/find/mistakes';
import type { Questions } from '../../src/find/questions';
import { suggestionsFor } from '../../src/find/suggestions';
import { typosIn } from '../../src/find/typos';
import { WordParts } from '../../src/text/words';
import { mapOf } from '../support/lossMaps';

describe('likely typos', () => {
  function partsOf(...texts: readonly string[]): WordParts {
    const parts = new WordParts();
    for (const text of texts) {
      parts.add(text);
    }
    return parts;
  }

  it('are words, without what their tokens have around them, that neither the text nor the project has elsewhere', () => {
    const tokens = [
      ['A', 1],
      [' text', 20],
      [' (', 1],
      ['format', 4],
      ['Su', 4.5],
      ['prisal', 7.6],
      ['),', 1],
      [' onec', 15.9],
      [';', 1],
      [' dozens', 21],
      ['\n', 1],
      ['of', 2],
      [' recieve', 30],
    ] as const;
    const text = tokens.map(([token]) => token).join('');
    const losses = mapOf(
      tokens.map(([token]) => token),
      tokens.map(([, bits]) => bits * Math.LN2),
    );
    const project = partsOf(text, 'a TEXT that is formatted: format');
    const typos = (isMeant: (offset: number) => boolean, known: WordParts) =>
      typosIn(text, losses, isMeant, known).map(({ word, start, end, part, nats, token, last }) => {
        assert.equal(text.slice(start, end), word);
        return [word, word.slice(part.start, part.end), Math.round(nats / Math.LN2), token, last];
      });
    const [format, dozens, recieve] = [
      ['formatSuprisal', 'Suprisal', 16, 3, 5],
      ['dozens', 'dozens', 21, 9, 9],
      ['recieve', 'recieve', 30, 12, 12],
    ];
    assert.deepEqual(
      typos(() => true, project),
      [format, dozens, recieve],
    );
    assert.deepEqual(
      typos(() => true, partsOf(text, 'a TEXT that is formatted: format', 'dozens')),
      [format, recieve],
    );
    assert.deepEqual(
      typos((offset) => offset > text.indexOf('\n'), project),
      [recieve],
    );
    // What is not saved yet is nowhere in the project.
    assert.deepEqual(
      typos((offset) => offset > text.indexOf('\n'), partsOf('')),
      [recieve],
    );
  });

  it('are misspelt where a word that is like them saves 5 bits, with what is behind it', async () => {
    const tokens = [' Please', ' rec', 'ieve', ' the', ' Gamel', ' format', 'Suprisal', '.'];
    const text = tokens.join('');
    const losses = mapOf(
      tokens,
      tokens.map(() => 20 * Math.LN2),
    );
    const project = partsOf(text, 'format receive relieve game surprisal suprise, format');
    const typos = typosIn(text, losses, () => true, project);
    const asked: unknown[] = [];
    const saved: Record<string, number> = { receive: 4.9, relieve: 30, Game: 4.9, formatSurprisal: 5.1 };
    const questions: Questions = {
      top: async (of) => of.map(() => []),
      replacements: async (places, behind) => {
        asked.push(behind, ...places);
        return places.map(({ texts }) =>
          [undefined, ...texts].map((other) => {
            const bits = 60 - (saved[other?.trim().replace('.', '') ?? ''] ?? 0);
            // All tokens of the word count.
            const nats = Float32Array.of(10, bits - 40).map((one) => one * Math.LN2);
            return { text: other, nats, behind: Float32Array.of(30 * Math.LN2) };
          }),
        );
      },
    };
    const found = await misspeltAmong(typos, text, losses, project, questions);
    const place = (first: number, last: number, ...texts: string[]) => ({ first, last, texts });
    assert.deepEqual(asked, [
      16,
      place(1, 2, ' receive', ' relieve'),
      place(4, 4, ' Game'),
      place(5, 6, ' formatSurprisal', ' formatSuprise'),
    ]);
    assert.deepEqual(
      found.map(({ word, start, end, suggestions }) => [word, text.slice(start, end), suggestions]),
      [
        ['recieve', 'recieve', ['receive', 'relieve']],
        ['formatSuprisal', 'formatSuprisal', ['formatSurprisal', 'formatSuprise']],
      ],
    );
    const silent: Questions = { top: async () => [], replacements: async () => [] };
    assert.deepEqual(await misspeltAmong(typos, text, losses, project, silent), []);
    assert.deepEqual(await misspeltAmong([], text, losses, project, silent), []);
  });

  it('move with the text around them, and are gone where an edit has touched them', () => {
    const word = fc.constantFrom('teh', 'foo_bar', 'é\u0301x', '𝒳y');
    const gap = fc.constantFrom(' ', '\n', '(', ') ', '', '東');
    const texts = fc.array(fc.tuple(word, gap), { minLength: 1, maxLength: 6 });
    const edits = fc.array(
      fc.record({
        at: fc.nat(60),
        length: fc.nat(5),
        text: fc.constantFrom('', 'a', ' ', 'teh', '\n', '𝒳'),
      }),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(texts, edits, (made, wanted) => {
        let text = '';
        const typos: Mistake[] = [];
        for (const [name, space] of made) {
          const start = text.length;
          typos.push({
            kind: 'misspelt',
            start,
            end: start + name.length,
            word: name,
            nats: 1,
            suggestions: [],
          });
          text += name + (space || ' ');
        }
        // Edits of one event: in the offsets of the text before all of them, the last one first, as VS Code has them.
        const changes: TextChange[] = [];
        let limit = text.length + 1;
        for (const { at, length, text: added } of wanted.sort((a, b) => b.at - a.at)) {
          if (at + length < limit) {
            changes.push({ rangeOffset: at, rangeLength: length, text: added });
            limit = at;
          }
        }
        let after = text;
        for (const { rangeOffset, rangeLength, text: added } of changes) {
          after = after.slice(0, rangeOffset) + added + after.slice(rangeOffset + rangeLength);
        }
        const moved = movedMistakes(typos, changes, after);
        for (const { start, end, word: name } of moved) {
          assert.equal(after.slice(start, end), name);
          assert.doesNotMatch(after.slice(0, start), /(?:[a-z_é𝒳]|\u0301)$/u);
          assert.doesNotMatch(after.slice(end), /^(?:[a-z_é𝒳]|\u0301)/u);
        }
        const isFar = ({ start, end }: Mistake) =>
          changes.every(
            ({ rangeOffset, rangeLength }) => rangeOffset > end || rangeOffset + rangeLength < start,
          );
        assert.ok(moved.length >= typos.filter(isFar).length, 'one that no edit has touched is gone');
        assert.deepEqual(movedMistakes(typos, [], text), typos);
      }),
    );
    const typo = { start: 4, end: 7, word: 'teh' };
    const insert = (rangeOffset: number, text: string) => [{ rangeOffset, rangeLength: 0, text }];
    assert.equal(movedMistakes([typo], insert(7, ','), 'in a teh, b').length, 0);
    assert.deepEqual(movedMistakes([typo], insert(7, ','), 'ina teh, b'), [typo]);
    assert.deepEqual(movedMistakes([typo], insert(7, 'n'), 'ina tehn b'), []);
    assert.deepEqual(movedMistakes([typo], insert(4, 'a '), 'ina a teh b'), [{ ...typo, start: 6, end: 9 }]);
  });

  it('are replaced with what is nearest, of that with what the model expected first', () => {
    const suggest = (word: string, expected: readonly string[], known: readonly string[], part = word) => {
      const start = word.indexOf(part);
      return suggestionsFor(word, { start, end: start + part.length }, { expected, known });
    };
    assert.deepEqual(suggest('recieve', [' relieve', ' receive', ' give', 'receive'], ['relieved']), [
      'relieve',
      'receive',
      'relieved',
    ]);
    assert.deepEqual(suggest('proprosed', [' suggested', ' proposed'], ['propose', 'processed']), [
      'proposed',
      'propose',
    ]);
    // Of equally near ones four are too many.
    assert.deepEqual(suggest('cart', [' cars', ' carts', ' card'], ['care', 'chart']), [
      'cars',
      'carts',
      'card',
    ]);
    // A short word is near to many.
    assert.deepEqual(suggest('adn', [' and', ' add'], ['abc', 'ads']), ['and', 'add', 'ads']);
    assert.deepEqual(suggest('formatSuprisal', [' format'], ['surprisal', 'suprisal'], 'Suprisal'), [
      'formatSurprisal',
    ]);
    assert.deepEqual(suggest('MAX_LENGHT', [' max'], ['length'], 'LENGHT'), ['MAX_LENGTH']);
    assert.deepEqual(suggest('Teh', [' the'], []), ['The']);
    assert.deepEqual(suggest('élan', [' Élans', ' 12', ' ('], ['']), ['élans']);
    assert.deepEqual(suggest('xylophone', [' piano'], ['telephone']), []);
  });

  it('are replaced with every word that is near, whatever its letters', () => {
    const word = fc.string({
      unit: fc.constantFrom('a', 'b', 'é', 'ё', 'z', '\u0301'),
      minLength: 2,
      maxLength: 7,
    });
    fc.assert(
      fc.property(word, word, (one, other) => {
        const [wrong, candidate] = [`a${one}`, `a${other}`];
        const { steps } = distance(wrong.toLowerCase(), candidate);
        const isNear = steps > 0 && steps <= (wrong.length <= 4 ? 1 : 2);
        const found = suggestionsFor(
          wrong,
          { start: 0, end: wrong.length },
          { expected: [], known: [candidate] },
        );
        assert.deepEqual(found, isNear ? [candidate] : []);
      }),
    );
  });
});
