import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isInsideWord, isInsideWordAt, WordParts, wordWithin } from '../../src/text/words';

describe('text: words', () => {
  /** The text with a stroke wherever a word could be taken apart. */
  const parts = (text: string) =>
    [...text].map((character, i, all) => {
      const [before, after] = [all.slice(0, i).join(''), all.slice(i).join('')];
      return i > 0 && !isInsideWord(before, after) ? `|${character}` : character;
    });

  it('are runs of letters, digits and underscores, whatever their capitals', () => {
    assert.equal(parts('let pageLimits_2=x9;').join(''), 'let| |pageLimits_2|=|x9|;');
    assert.equal(parts('Ärger, naïve: ёлка שלום').join(''), 'Ärger|,| |naïve|:| |ёлка| |שלום');
    // A mark belongs to its letter, and a letter may be two code units.
    assert.equal(parts('cafe\u0301s 𝒳𝒴').join(''), 'cafe\u0301s| |𝒳𝒴');
    assert.equal(parts("don't 3.14 a-b").join(''), "don|'|t| |3|.|14| |a|-|b");
  });

  it('are not made of scripts that are written without spaces', () => {
    assert.equal(parts('x東京').join(''), 'x|東|京');
    assert.equal(parts('ภาษา').join(''), 'ภ|า|ษ|า');
    assert.equal(parts('한국 말').join(''), '한국| |말');
  });

  it('do not begin before a text, nor end behind it', () => {
    assert.equal(isInsideWord('', 'a'), false);
    assert.equal(isInsideWord('a', ''), false);
    assert.equal(isInsideWord('\uDC00', 'a'), false);
  });

  it('are found by the two code units on either side', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', '_', ' ', '9', 'é', '東', '𝒳', '\u{1F525}', '\uD835'),
    });
    fc.assert(
      fc.property(text, text, (before, after) =>
        assert.equal(isInsideWord(before.slice(-2), after.slice(0, 2)), isInsideWord(before, after)),
      ),
    );
  });

  it('are found by an offset, as by what is on either side of it', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'Z', '_', '7', ' ', '.', 'é', '\u0301', '語', '😀', '\uD835\uDC00'),
    });
    fc.assert(
      fc.property(text, (all) => {
        for (let at = -1; at <= all.length + 1; at++) {
          const isInside = at > 0 && isInsideWord(all.slice(0, at), all.slice(at));
          assert.equal(isInsideWordAt(all, at), isInside);
        }
      }),
    );
  });

  it('have no white space around them, unless that is all there is', () => {
    for (const [text, word] of [
      [' word', 'word'],
      ['\r\n\t a b\u00A0\n', 'a b'],
      ['word', 'word'],
      [' \n', ' \n'],
      ['', ''],
    ]) {
      const { start, end } = wordWithin(text);
      assert.equal(text.slice(start, end), word);
    }
  });
});

describe('text: parts of words', () => {
  /** The words of a text, at its blanks, with a part that it has nowhere else. */
  const unique = (text: string) => {
    const parts = new WordParts();
    parts.add(text);
    return text.split(/\s+/).filter((word) => parts.hasUnique(word));
  };

  it('are unique where no other word has them, whatever the capitals and what joins them', () => {
    assert.deepEqual(unique('count the words, recieve the count: Words'), ['recieve']);
    assert.deepEqual(unique('formatCount FORMAT_COUNT format-count formatCuont'), ['formatCuont']);
    assert.deepEqual(unique('HTMLElement html element XMLElements'), ['XMLElements']);
    assert.deepEqual(unique('utf8Text text'), []);
    assert.deepEqual(unique('Été été ÉTÉ e\u0301te\u0301 E\u0301TE\u0301 éte'), ['éte']);
    assert.deepEqual(unique('שלום мир МИР שלום мiр'), ['мiр']);
  });

  it('are of three letters and more, of scripts that have spaces', () => {
    assert.deepEqual(unique('it is 1234 of __ ++ a'), []);
    assert.deepEqual(unique('the the teh'), ['teh']);
    assert.deepEqual(unique('これは東京 ภาษาไทย'), []);
    assert.deepEqual(unique('東京tokyo tokyo東京'), []);
  });

  it('are not those of words with digits, but count elsewhere', () => {
    assert.deepEqual(unique('model_q4f16 9f86dcafe SmolLM2 sha٣hash x²yards'), []);
    assert.deepEqual(unique('models2 models'), []);
  });

  it('are not made up for by the word itself', () => {
    assert.deepEqual(unique('hushHush'), ['hushHush']);
    assert.deepEqual(unique('hushHush hush'), []);
  });

  it('are those of all texts', () => {
    const parts = new WordParts();
    parts.add('recieve');
    assert.equal(parts.hasUnique('·recieve,'), true);
    parts.add('to recieve');
    assert.equal(parts.hasUnique('·recieve,'), false);
    assert.equal(parts.hasUnique('unknown'), true);
  });

  it('are never unique in a text that says everything twice, and always in one that does not', () => {
    const word = fc
      .array(fc.constantFrom('get', 'Ärger', 'HTML', '_', 'ёлка', '東', 'x'), {
        minLength: 1,
        maxLength: 5,
      })
      .map((made) => made.join(''));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        const text = words.join(' ');
        assert.deepEqual(unique(`${text} ${text}`), []);
        assert.deepEqual(unique(`${text} unheard`), [...unique(text), 'unheard']);
      }),
    );
  });
});
