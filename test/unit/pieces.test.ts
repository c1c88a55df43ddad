import assert from 'node:assert/strict';
import { pieceEndOf, pieceEnds } from '../../src/model/pieces';
import { type PreTokenizer, wordsOf } from '../../src/model/preTokenizer';
import { GPT2, LLAMA3, QWEN } from '../support/wordPatterns';

/** Takes what comes after line breaks together with them. */
const WITH_STARS = LLAMA3.replace('[\\r\\n]*', '[\\r\\n*]*');

const split = (Regex: string) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
const bytes = (use_regex: boolean) => ({ type: 'ByteLevel', add_prefix_space: false, use_regex });
const endOf = (...pretokenizers: PreTokenizer[]) =>
  pieceEndOf(wordsOf({ type: 'Sequence', pretokenizers })?.steps ?? assert.fail());

describe('pieces of a text', () => {
  it('are for tokenizers whose words end where a line does', () => {
    for (const steps of [
      [bytes(true)],
      [{ ...bytes(true), add_prefix_space: true }],
      [split(GPT2), bytes(false)],
      [split('\\p{N}'), split(GPT2), bytes(false)],
      [{ type: 'Digits', individual_digits: true }, bytes(true)],
      [{ type: 'Digits', individual_digits: false }, bytes(true)],
    ]) {
      assert.equal(endOf(...steps), 'before line break', JSON.stringify(steps));
    }
    for (const steps of [
      [split(LLAMA3), bytes(false)],
      [{ ...split(LLAMA3), behavior: 'Removed', invert: true }, bytes(false)],
      [split(QWEN), bytes(false)],
    ]) {
      assert.equal(endOf(...steps), 'after line break', JSON.stringify(steps));
    }
    for (const steps of [
      [bytes(false)],
      [split('\\p{N}'), bytes(false)],
      [split(WITH_STARS), bytes(false)],
      [split(LLAMA3), bytes(true)],
      [{ ...split(GPT2), behavior: 'Contiguous' }, bytes(false)],
      [split(GPT2), { type: 'Punctuation' }, bytes(false)],
    ]) {
      assert.equal(endOf(...steps), undefined, JSON.stringify(steps));
    }
  });

  it('end between a printable ASCII character and the line break after it, and with the text', () => {
    const lines = Array.from({ length: 400 }, (_, i) => `line ${i}${[';', ' ', 'é', '\u0004'][i % 4]}`);
    for (const lineBreak of ['\n', '\r\n']) {
      const text = lines.join(lineBreak);
      const ends = pieceEnds(text, 'before line break');
      assert.ok(ends.length > 2, `${ends.length} pieces`);
      assert.equal(ends.pop(), text.length);
      for (const end of ends) {
        assert.equal(text[end - 1], ';');
        assert.ok(text.startsWith(lineBreak, end));
      }
    }
    for (const kind of ['before line break', 'after line break'] as const) {
      assert.deepEqual(pieceEnds('', kind), []);
      assert.deepEqual(pieceEnds('\n', kind), [1]);
      assert.deepEqual(pieceEnds('one line', kind), [8]);
    }
  });

  it('or between a line break and a printable ASCII character after it, or after its indentation', () => {
    const lines = Array.from(
      { length: 800 },
      (_, i) => `${['', ' \t', '\u00a0', '\f', '/'][i % 5]}line ${i}`,
    );
    for (const lineBreak of ['\n', '\r\n', '\n\n', '\n  \n']) {
      const text = lines.join(lineBreak);
      const ends = pieceEnds(text, 'after line break');
      assert.ok(ends.length > 2, `${ends.length} pieces`);
      assert.equal(ends.pop(), text.length);
      for (const end of ends) {
        assert.equal(text[end - 1], '\n');
        assert.match(text.slice(end), /^( \t)?line/);
      }
    }
  });

  it('stay where they are when another place changes', () => {
    const text = Array.from({ length: 400 }, (_, i) => `value${i} = ${i * i};`).join('\n');
    for (const kind of ['before line break', 'after line break'] as const) {
      const [first, second, ...rest] = pieceEnds(text, kind);
      const middle = (first + second) >> 1;
      const edited = pieceEnds(`${text.slice(0, middle)}  ${text.slice(middle)}`, kind);
      assert.equal(edited[0], first);
      assert.deepEqual(
        edited.slice(-rest.length),
        rest.map((end) => end + 2),
      );
    }
  });
});
