import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isInsideWord, wordWithin } from '../../src/text/words';

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
