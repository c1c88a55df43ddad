/** What the page keeps over a reload, and what it gives to the clipboard. */
import assert from 'node:assert/strict';
import { TRAINING_LIMITS } from '../../src/loss/training';
import { cellText, toCsv } from '../../webview/csv';
import { DEFAULT_SETTINGS, readSettings } from '../../webview/settings';

describe('panel: settings that are kept', () => {
  it('come back as they were', () => {
    const kept = { ...DEFAULT_SETTINGS, chapter: 'learning', top: 50, temperature: 0.25, epsilon: 0 };
    assert.deepEqual(readSettings(JSON.parse(JSON.stringify(kept))), kept);
  });

  it('are replaced by their defaults where they are missing or impossible', () => {
    const { training } = DEFAULT_SETTINGS;
    for (const kept of [undefined, null, 7, 'x', [], {}, { training: null }]) {
      assert.deepEqual(readSettings(kept), DEFAULT_SETTINGS);
    }
    const broken = {
      chapter: 'surprise',
      top: 51,
      temperature: 0,
      epsilon: 1.1,
      stepSize: '1',
      training: {
        ...training,
        adapter: 'full',
        rank: 1.5,
        batch: TRAINING_LIMITS.batch + 1,
        seed: -1,
        epochs: 3,
      },
    };
    assert.deepEqual(readSettings(broken), { ...DEFAULT_SETTINGS, training: { ...training, epochs: 3 } });
  });
});

describe('panel: numbers as CSV', () => {
  it('can be read by programs: whole ones in full, no commas, no powers written out, nothing for none', () => {
    const numbers = [0, -0, 1234, 123_456_789, -0.25, 1 / 3, 6.139421e-6, 6.1e-9, 98_765.4321];
    assert.deepEqual(numbers.map(cellText), [
      '0',
      '0',
      '1234',
      '123456789',
      '-0.25',
      '0.3333333',
      '0.000006139421',
      '6.1e-9',
      '98765.43',
    ]);
    assert.deepEqual([Number.NaN, '1,234', ''].map(cellText), ['', '1,234', '']);
    assert.equal(toCsv(['token', 'loss (bits)'], [[' a', 1234.5]]), 'token,loss (bits)\r\n a,1234.5\r\n');
  });

  it('are written as RFC 4180 has it', () => {
    const rows = [
      ['a', 'b, c'],
      ['"', 'd\ne'],
    ];
    assert.equal(toCsv(['one', 'two'], rows), 'one,two\r\na,"b, c"\r\n"""","d\ne"\r\n');
  });
});
