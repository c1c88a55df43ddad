import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { csvFormat } from '../../src/cli/format/csv';
import { linesOf, unitsOf } from '../../src/cli/format/document';
import { shortestFloat32 } from '../../src/cli/format/float32';
import { escapeHtml, type HtmlOptions, htmlFormat } from '../../src/cli/format/html';
import { jsonFormat } from '../../src/cli/format/json';
import { type ListFilter, type ListOptions, listFormat } from '../../src/cli/format/list';
import type { ReportFormat } from '../../src/cli/format/reportFormat';
import { type TerminalColours, terminalColours } from '../../src/cli/format/terminal';
import { type TextOptions, textFormat } from '../../src/cli/format/text';
import type { Report, ReportToken } from '../../src/cli/report';
import { lineStarts, positionAt } from '../../src/text/lines';
import { tokenRanges, utf8Length } from '../../src/text/utf8';

const BIT = Math.LN2;
const PLAIN: TerminalColours = { depth: 'none', background: 'dark' };
const TRUE_COLOUR: TerminalColours = { depth: 'truecolor', background: 'dark' };

function* piecesOf(format: ReportFormat, reports: readonly Report[]): Generator<string> {
  for (const [index, report] of reports.entries()) {
    yield* format.report(report, index);
  }
  yield* format.end(reports.length);
}

function jsonOf(reports: readonly Report[], files = reports.length): string {
  return [...piecesOf(jsonFormat(files), reports)].join('');
}

function csvOf(reports: readonly Report[], alternatives = 0): string {
  return [...piecesOf(csvFormat(alternatives), reports)].join('');
}

function htmlOf(reports: readonly Report[], options: HtmlOptions): string {
  return [...piecesOf(htmlFormat(reports.length, options), reports)].join('');
}

function textOf(reports: readonly Report[], options: TextOptions): string {
  return [...piecesOf(textFormat(options), reports)].join('');
}

/** A report on a text whose tokens have these bytes and surprisals (in bits). */
function reportOn(
  text: string,
  tokens: readonly (readonly [bytes: number, bits: number])[],
  change: Partial<ReportToken> = {},
): Report {
  const { starts, ends } = tokenRanges(
    text,
    tokens.map(([bytes]) => bytes),
  );
  const lines = lineStarts(text);
  const bits = tokens.reduce((sum, token) => sum + token[1], 0);
  const mean = tokens.length === 0 ? 0 : (bits * BIT) / tokens.length;
  return {
    schema: 1,
    file: 'demo.txt',
    model: { id: 'tiny', vocabularySize: 49_152, contextWindow: 8192 },
    device: { provider: 'cpu', name: 'Test CPU' },
    summary: {
      tokens: tokens.length,
      characters: text.length,
      bytes: utf8Length(text),
      meanNats: mean,
      perplexity: Math.exp(mean),
      bitsPerByte: text === '' ? 0 : bits / utf8Length(text),
      seconds: 0.5,
      tokensPerSecond: 2 * tokens.length,
    },
    tokens: tokens.map(([, tokenBits], i) => {
      const { line, column } = positionAt(lines, starts[i]);
      return {
        start: starts[i],
        end: ends[i],
        line: line + 1,
        column: column + 1,
        text: text.slice(starts[i], ends[i]),
        id: 100 + i,
        nats: Math.fround(tokenBits * BIT),
        entropy: Math.fround(2 * BIT),
        varentropy: Math.fround(0.1),
        rank: i + 1,
        page: 0,
        ...change,
      };
    }),
  };
}

/** "let x = 1;\n  <b>" with a surprising last token. */
const example = reportOn('let x = 1;\n  <b>', [
  [3, 0.5],
  [2, 3],
  [2, 1.5],
  [3, 5],
  [3, 0.25],
  [3, 16],
]);

const withTop: Report = {
  ...example,
  tokens: example.tokens.map((token, i) =>
    i === 5
      ? {
          ...token,
          top: [
            { id: 7, text: 'let', nats: BIT },
            { id: 8, text: '=cmd', nats: 2 * BIT },
          ],
        }
      : token,
  ),
};

const nasty = fc
  .array(
    fc.constantFrom(
      '\0',
      '\r',
      '\n',
      '\r\n',
      '\uFEFF',
      '\uD83D',
      '😀',
      '👩‍💻',
      'é',
      '漢',
      '\u202E',
      '\t',
      ' ',
      'a',
      '"',
      ',',
      '<',
      '&',
      '\x1b[31m',
      '=1+1',
      '</script>',
      "'",
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''));
/** Reports on nasty texts cut into tokens of 1 … 5 bytes. */
const reports = fc
  .tuple(
    nasty,
    fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
    fc.infiniteStream(fc.double({ min: 0, max: 20, noNaN: true })),
  )
  .map(([text, sizes, bits]) => {
    const tokens: [number, number][] = [];
    for (let left = utf8Length(text); left > 0; ) {
      const size = Math.min(left, sizes.next().value as number);
      tokens.push([size, bits.next().value as number]);
      left -= size;
    }
    return { text, report: reportOn(text, tokens) };
  });

describe('format: float32', () => {
  it('is the shortest decimal that gives the same float32', () => {
    assert.equal(shortestFloat32(Math.fround(0.1)), 0.1);
    assert.equal(shortestFloat32(Math.fround(16 * BIT)), 11.090355);
    assert.equal(shortestFloat32(16_777_216), 16_777_216);
    assert.equal(shortestFloat32(0), 0);
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const shortest = shortestFloat32(value);
        assert.ok(Math.fround(shortest) === value);
        assert.ok(
          String(shortest)
            .replace(/e.*|[-.]/g, '')
            .replace(/^0+|0+$/g, '').length <= 9,
        );
      }),
      { numRuns: 1000 },
    );
  });
});

describe('format: document', () => {
  it('units give the text back, whatever the tokens', () => {
    fc.assert(
      fc.property(reports, ({ text, report }) => {
        const units = unitsOf(report);
        assert.equal(units.map((unit) => unit.text).join(''), text);
        const total = units.reduce((sum, unit) => sum + unit.nats, 0);
        assert.ok(Math.abs(total - report.tokens.reduce((sum, token) => sum + token.nats, 0)) < 1e-9);
      }),
    );
  });

  it('lines are those of VS Code', () => {
    fc.assert(
      fc.property(reports, ({ text, report }) => {
        const lines = linesOf(unitsOf(report)).map((pieces) => pieces.map((piece) => piece.text).join(''));
        assert.deepEqual(lines, text.split(/\r\n|\r|\n/));
      }),
    );
  });
});

describe('format: json', () => {
  it('one object for one file, with the numbers as float32', () => {
    const parsed = JSON.parse(jsonOf([withTop]));
    assert.deepEqual(Object.keys(parsed), ['schema', 'file', 'model', 'device', 'summary', 'tokens']);
    assert.deepEqual(parsed.summary, example.summary);
    assert.deepEqual(parsed.tokens[5], {
      start: 13,
      end: 16,
      line: 2,
      column: 3,
      text: '<b>',
      id: 105,
      nats: 11.090355,
      entropy: 1.3862944,
      varentropy: 0.1,
      rank: 6,
      page: 0,
      top: [
        { id: 7, text: 'let', nats: Number(BIT.toPrecision(7)) },
        { id: 8, text: '=cmd', nats: 1.3862944 },
      ],
    });
    assert.ok(!('top' in parsed.tokens[0]));
  });

  it('an array for several, also empty documents; one token on a line', () => {
    const empty = reportOn('', []);
    const text = jsonOf([example, empty]);
    const parsed = JSON.parse(text);
    assert.equal(parsed.length, 2);
    assert.deepEqual(parsed[1], empty);
    assert.equal(text.split('\n').filter((line) => line.startsWith('    {"start"')).length, 6);
    assert.deepEqual(JSON.parse(jsonOf([empty])), empty);
  });

  it('its shape is that of the files that were asked for', () => {
    assert.equal(jsonOf([], 1), '', 'nothing for one file that could not be scored');
    assert.equal(jsonOf([], 2), '[]\n');
    assert.deepEqual(JSON.parse(jsonOf([example], 3)), [JSON.parse(jsonOf([example], 1))]);
  });

  it('every document survives the way through UTF-8', () => {
    fc.assert(
      fc.property(reports, ({ text, report }) => {
        const read = JSON.parse(Buffer.from(jsonOf([report]), 'utf8').toString('utf8')) as Report;
        assert.equal(
          unitsOf(read)
            .map((unit) => unit.text)
            .join(''),
          text,
        );
        read.tokens.forEach((token, i) => {
          assert.equal(Math.fround(token.nats), report.tokens[i].nats);
        });
      }),
    );
  });
});

describe('format: csv', () => {
  it('a header and a row for each token', () => {
    const rows = csvOf([withTop], 2).split('\r\n');
    assert.equal(
      rows[0],
      'file,start,end,line,column,text,id,nats,entropy,varentropy,rank,page,top1_id,top1_text,top1_nats,top2_id,top2_text,top2_nats',
    );
    assert.equal(rows[1], 'demo.txt,0,3,1,1,"""let""",100,0.3465736,1.3862944,0.1,1,0,,,,,,');
    assert.equal(
      rows[6],
      'demo.txt,13,16,2,3,"""<b>""",105,11.090355,1.3862944,0.1,6,0,7,"""let""",0.6931472,8,"""=cmd""",1.3862944',
    );
    assert.equal(rows.length, 8);
    assert.equal(rows[7], '');
  });

  it('files are told apart, and no field is a formula', () => {
    const text = csvOf([
      { ...example, file: '=x,"y".txt' },
      { ...example, file: '-' },
    ]);
    const rows = readCsv(text);
    assert.equal(rows[1][0], './=x,"y".txt');
    assert.equal(rows[7][0], '-');
    assert.equal(rows.length, 13);
  });

  it('has the columns of the alternatives that were asked for, in an empty document too', () => {
    const empty = reportOn('', []);
    const [columns, ...rows] = csvOf([empty, withTop], 3).split('\r\n');
    assert.match(columns, /,page,top1_id,.*,top3_nats$/);
    assert.match(rows[5], /"""=cmd""",1\.3862944,,,$/);
    assert.equal(csvOf([empty], 3), `${columns}\r\n`);
    assert.equal(csvOf([]), '');
  });

  it('token text round-trips, whatever it holds', () => {
    fc.assert(
      fc.property(reports, ({ report }) => {
        const rows = readCsv(Buffer.from(csvOf([report]), 'utf8').toString('utf8')).slice(1);
        assert.equal(rows.length, report.tokens.length);
        rows.forEach((row, i) => {
          assert.equal(row.length, 12);
          assert.equal(JSON.parse(row[5]), report.tokens[i].text);
          assert.ok(row.slice(1).every((field) => !/^[=+@\t\r]/.test(field)));
        });
      }),
    );
  });
});

/** A plain reader of RFC 4180. */
function readCsv(text: string): string[][] {
  return text
    .split('\r\n')
    .filter((row) => row !== '')
    .map((row) => [...row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)])
    .map((fields) => fields.map(([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare));
}

describe('format: list', () => {
  const listOf = (reports: readonly Report[], from: number, options: Partial<ListOptions> = {}) =>
    [...piecesOf(listFormat({ unit: 'bits', by: 'token', from, ...options }), reports)].join('');

  it('has a line for each token from so many bits on, in the order of the text', () => {
    const report = reportOn('let x\n = y', [
      [3, 9],
      [2, 7.9],
      [2, 8],
      [3, 14],
    ]);
    assert.equal(
      listOf([report, { ...report, file: '-' }], 8),
      [
        'demo.txt:1:1: 9.00 bits, 0.20 %: “let”',
        'demo.txt:1:6: 8.00 bits, 0.39 %: “⏎·”',
        'demo.txt:2:2: 14.0 bits, 1 in 16,000: “=·y”',
        'standard input:1:1: 9.00 bits, 0.20 %: “let”',
        'standard input:1:6: 8.00 bits, 0.39 %: “⏎·”',
        'standard input:2:2: 14.0 bits, 1 in 16,000: “=·y”',
        '',
      ].join('\n'),
    );
    assert.equal(listOf([report], 14, { unit: 'nats' }), 'demo.txt:2:2: 9.70 nats, 1 in 16,000: “=·y”\n');
    // As VS Code reads it in a task.
    const { contributes } = JSON.parse(readFileSync('package.json', 'utf8'));
    const { regexp, file, line, column, message } = contributes.problemMatchers[0].pattern;
    const names = ['demo.txt', 'C:\\a b\\c:1.txt'];
    const found = names.map((name) =>
      new RegExp(regexp).exec(listOf([{ ...report, file: name }], 14).trimEnd()),
    );
    assert.deepEqual(
      found.map((parts) => [file, line, column, message].map((group) => parts?.[group])),
      names.map((name) => [name, '2', '2', '14.0 bits, 1 in 16,000: “=·y”']),
    );
    assert.equal(listOf([report], 15), '');
  });

  it('has words with all of their tokens, and where they begin', () => {
    const report = reportOn('I\r\n\n  recieve, it \n', [
      [1, 1],
      [8, 6],
      [2, 7],
      [2, 8.5],
      [1, 3],
      [3, 20],
      [2, 18],
    ]);
    assert.equal(
      listOf([report], 17, { by: 'word' }),
      [
        'demo.txt:3:3: 21.5 bits, 1 in 3 million: “recieve”',
        'demo.txt:3:12: 20.0 bits, 1 in 1 million: “it”',
        'demo.txt:3:14: 18.0 bits, 1 in 260,000: “·⏎”',
        '',
      ].join('\n'),
    );
    const top = [{ id: 1, text: ' receive', nats: BIT }];
    const withTop = reportOn(
      'recieve',
      [
        [3, 9],
        [4, 9],
      ],
      { top },
    );
    assert.match(listOf([withTop], 17, { by: 'word' }), /: “recieve”, expected “·receive” 50\.0 %\n$/);
  });

  it('asks of what surprises whether it is listed, with the file and the line of the word', () => {
    const report = reportOn('its name\n\n recieve it', [
      [3, 18],
      [5, 18],
      [2, 3],
      [8, 18],
      [3, 16],
    ]);
    const asked: unknown[] = [];
    const isListed: ListFilter = (...words) => asked.push(words) === 3;
    assert.equal(
      listOf([report], 17, { by: 'word', isListed }),
      'demo.txt:3:2: 18.0 bits, 1 in 260,000: “recieve”\n',
    );
    assert.deepEqual(asked, [
      ['demo.txt', 1, 'its'],
      ['demo.txt', 1, 'name'],
      ['demo.txt', 3, 'recieve'],
    ]);
    asked.length = 0;
    listOf([report], 18, { isListed });
    assert.deepEqual(asked.at(-1), ['demo.txt', 3, ' recieve']);
  });

  it('says what was expected where that was asked for, and that no terminal obeys', () => {
    const top = [{ id: 1, text: '\x1b[31m', nats: BIT }];
    const report = { ...reportOn('\u{1F525}', [[4, 20]], { top }), file: 'a\x1b[2J.txt' };
    assert.equal(
      listOf([report], 8),
      'a␛[2J.txt:1:1: 20.0 bits, 1 in 1 million: “\u{1F525}”, expected “␛[31m” 50.0 %\n',
    );
  });
});

describe('format: text', () => {
  it('without colour: bars, legend, summary and the most surprising tokens', () => {
    const lines = textOf([withTop], { unit: 'bits', colours: PLAIN }).split('\n');
    assert.deepEqual(lines, [
      'demo.txt',
      '',
      '1 ▃│ let x = 1;',
      '2 █│   <b>',
      '',
      'Most surprising token of the line:  ▁ 1–2 bits  ▂ 2–4 bits  ▃ 4–6 bits  ▄ 6–8 bits  ▅ 8–11 bits  ▆ 11–14 bits  █ 14 bits and more',
      '',
      '6 tokens · 4.38 bits per token · perplexity 20.7 · 1.641 bits per byte',
      'tiny on cpu (Test CPU): 16 characters, 16 bytes in 0.50 s, 12 tokens/s',
      '20 % of the tokens carry 61 % of the surprisal.',
      '',
      'Most surprising of 6 tokens',
      '   2:3  16.0 bits  1 in 66,000  “<b>”  expected “let” 50.0 %, “=cmd” 25.0 %',
      '   1:8  5.00 bits  3.1 %        “·1;”',
      '   1:4  3.00 bits  12.5 %       “·x”',
      '   1:6  1.50 bits  35.4 %       “·=”',
      '   1:1  0.50 bits  70.7 %       “let”',
      '  1:11  0.25 bits  84.1 %       “⏎··”',
      '',
    ]);
  });

  it('with colour: each token on its own background, over any terminal', () => {
    const [, , first, second] = textOf([example], { unit: 'nats', colours: TRUE_COLOUR }).split('\n');
    assert.equal(
      first,
      '\x1b[2m1 │\x1b[0m let\x1b[38;2;204;204;204;48;2;58;48;33m x\x1b[0m' +
        '\x1b[38;2;204;204;204;48;2;45;43;33m =\x1b[0m\x1b[38;2;204;204;204;48;2;75;51;31m 1;\x1b[0m',
    );
    assert.match(second, / {2,3}\x1b\[38;2;204;204;204;48;2;110;63;140m<b>\x1b\[0m$/);
    const table = textOf([example], { unit: 'bits', colours: { depth: 'ansi256', background: 'light' } });
    assert.ok(table.includes('\x1b[38;5;16;48;5;141m<b>\x1b[0m'));
  });

  it('no control character of the document reaches the terminal', () => {
    fc.assert(
      fc.property(reports, ({ report }) => {
        const plain = textOf([report], { unit: 'bits', colours: PLAIN });
        assert.doesNotMatch(plain, /[\p{Cs}\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/u);
        const coloured = textOf([report], { unit: 'bits', colours: TRUE_COLOUR });
        assert.doesNotMatch(
          coloured.replace(/\x1b\[[\d;]*m/g, ''),
          /[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/,
        );
        assert.doesNotMatch(coloured, /\x1b\[31m/);
      }),
    );
  });

  it('shows an empty document', () => {
    const shown = textOf([reportOn('', [])], { unit: 'bits', colours: PLAIN });
    assert.match(shown, /^demo\.txt\n/);
    assert.match(shown, /0 tokens · 0 bits per token · perplexity 1 · 0\.000 bits per byte/);
  });

  it('several files are told apart, by names that no terminal obeys', () => {
    const names = ['a·b c.txt', '-', '\x1b[31mred\n.txt'];
    const shown = textOf(
      names.map((file) => ({ ...example, file })),
      { unit: 'bits', colours: PLAIN },
    );
    const headings = shown.split('\n').filter((line) => /txt$|^standard/.test(line));
    assert.deepEqual(headings, ['a·b c.txt', 'standard input', '␛[31mred⏎.txt']);
  });

  it('what a model calls itself does not reach the terminal as it is either', () => {
    const report = { ...example, model: { ...example.model, id: '\x1b]0;x\x07' } };
    assert.match(textOf([report], { unit: 'bits', colours: PLAIN }), /^␛\]0;x␇ on cpu \(Test CPU\)/m);
  });

  it('names no alternatives to the first byte of a character', () => {
    const top = [{ id: 7, text: 'let', nats: BIT }];
    const shown = textOf(
      [
        reportOn(
          'é',
          [
            [1, 5],
            [1, 5],
          ],
          { top },
        ),
      ],
      { unit: 'bits', colours: PLAIN },
    );
    assert.match(shown, /“é”$/m);
    assert.doesNotMatch(shown, /expected|let/);
  });

  it('takes the depth of colour from the environment', () => {
    const depth = (environment: Record<string, string>, terminal: boolean) =>
      terminalColours(environment, terminal).depth;
    assert.equal(depth({}, true), 'ansi256');
    assert.equal(depth({}, false), 'none');
    assert.equal(depth({ COLORTERM: 'truecolor' }, true), 'truecolor');
    assert.equal(depth({ TERM: 'dumb' }, true), 'none');
    assert.equal(depth({ NO_COLOR: '1', FORCE_COLOR: '3' }, true), 'none');
    assert.equal(depth({ NO_COLOR: '' }, true), 'ansi256');
    assert.equal(depth({ FORCE_COLOR: '1' }, false), 'ansi256');
    assert.equal(depth({ FORCE_COLOR: '3' }, false), 'truecolor');
    assert.equal(depth({ FORCE_COLOR: '0' }, true), 'none');
    assert.equal(terminalColours({ COLORFGBG: '0;15' }, true).background, 'light');
    assert.equal(terminalColours({ COLORFGBG: '15;0' }, true).background, 'dark');
  });
});

describe('format: html', () => {
  const page = htmlOf([withTop], { unit: 'bits' });

  it('escapes', () => {
    assert.equal(escapeHtml(`<a href="x">&'`), '&lt;a href=&quot;x&quot;&gt;&amp;&#39;');
  });

  it('holds the document as a heatmap', () => {
    assert.ok(page.startsWith('<!DOCTYPE html>'));
    assert.ok(
      page.includes(
        '<span class="t h0" tabindex="0" data-unit="0">let</span><span class="t h2" tabindex="-1"',
      ),
    );
    assert.ok(page.includes('data-unit="5">&lt;b&gt;</span>'));
    assert.equal(page.match(/<li><code>/g)?.length, 2);
    assert.equal(page.match(/tabindex="0" data-unit/g)?.length, 1);
    assert.ok(page.includes('<dd>4.38</dd><dt>bits per token</dt>'));
  });

  it('explains each token: surprisal, probability, rank, entropy, alternatives', () => {
    const [last] = explanations(page).slice(-1);
    assert.deepEqual(last, {
      title: '<b>',
      rows: [
        ['Surprisal', '16.0 bits (11.1 nats)'],
        ['Probability', '1 in 66,000'],
        ['Rank', '6 of 49,152'],
        ['Entropy', '2.00 bits'],
        ['Surprisal − entropy', '14.0 bits'],
        ['Heat', '14 bits and more'],
        ['Place', 'line 2, column 3, page 1'],
      ],
      top: [
        ['let', '50.0 %', 0.5, 0],
        ['=cmd', '25.0 %', 0.25, 0],
      ],
    });
  });

  it('loads nothing and runs only its own script', () => {
    assert.doesNotMatch(page, /(src|href)=|url\(|@import|https?:/);
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)![1];
    assert.match(policy, /^default-src 'none'; script-src 'sha256-/);
    for (const [, element, content] of page.matchAll(/<(script|style)>([\s\S]*?)<\/\1>/g)) {
      const hash = createHash('sha256').update(content).digest('base64');
      assert.ok(policy.includes(`${element}-src 'sha256-${hash}'`));
    }
    assert.doesNotMatch(page, / on[a-z]+=| style=/);
  });

  it('document text and file names are never markup', () => {
    fc.assert(
      fc.property(reports, nasty, ({ text, report }, file) => {
        const html = htmlOf([{ ...report, file }], { unit: 'bits' });
        assert.equal(html.match(/<script/g)?.length, 2);
        assert.equal(html.match(/<\/script>/g)?.length, 2);
        assert.equal(explanations(html).length, unitsOf(report).length);
        const shown = /<ol class="document"[^>]*>([\s\S]*?)<\/ol>/.exec(html)![1];
        assert.doesNotMatch(
          shown.replace(/<\/?(li|code|span)( (class|tabindex|data-unit)="[\w -]*")*>/g, ''),
          /[<>]/,
        );
        assert.ok(text === '' || shown.includes('data-unit="0"'));
      }),
    );
  });

  it('names the input in title and heading', () => {
    const names = (file: string) =>
      /<title>(.*?)<\/title>[\s\S]*<h1>(.*?)<\/h1>/
        .exec(htmlOf([{ ...example, file }], { unit: 'bits' }))
        ?.slice(1);
    assert.deepEqual(names('a·b c.txt'), ['a·b c.txt · Surprisal', 'a·b c.txt']);
    assert.deepEqual(names('-'), ['standard input · Surprisal', 'standard input']);
    assert.deepEqual(names('\x1b.txt'), ['␛.txt · Surprisal', '␛.txt']);
  });

  it('names no alternatives to the first byte of a character', () => {
    const top = [{ id: 7, text: 'instead', nats: BIT }];
    const html = htmlOf(
      [
        reportOn(
          'é',
          [
            [1, 5],
            [1, 5],
          ],
          { top },
        ),
      ],
      { unit: 'bits' },
    );
    assert.doesNotMatch(html, /instead \d/);
  });

  it('several files on one page, each with its own data', () => {
    const both = htmlOf([example, { ...example, file: 'b.txt' }], { unit: 'nats' });
    assert.equal(both.match(/<article/g)?.length, 2);
    assert.ok(both.includes('<title>Surprisal</title>'));
    assert.match(both, /<\/article>\n<article data-document="1">/);
    assert.equal(htmlOf([], { unit: 'nats' }), '');
  });
});

describe('format: all', () => {
  const bits = { unit: 'bits' } as const;
  const formats: readonly [name: string, format: ReportFormat][] = [
    ['json', jsonFormat(2)],
    ['csv', csvFormat(2)],
    ['html', htmlFormat(2, bits)],
    ['text', textFormat({ ...bits, colours: TRUE_COLOUR })],
  ];

  for (const [name, format] of formats) {
    it(`${name} comes in pieces, none longer than what it begins with or a line needs`, () => {
      const line = 'let x = 1;\n';
      const report = reportOn(line.repeat(2000), Array(2000).fill([utf8Length(line), 9]));
      const lengths = [...piecesOf(format, [report, report])].map((piece) => piece.length);
      assert.ok(lengths.length > 4000);
      assert.ok(Math.max(...lengths) < 20_000, `${Math.max(...lengths)} characters`);
    });
  }

  it('json may be longer than a string can be', () => {
    const [token] = example.tokens;
    const tokens = Array(550).fill({ ...token, text: 'x'.repeat(1_000_000) });
    let length = 0;
    for (const piece of piecesOf(jsonFormat(1), [{ ...example, tokens }])) {
      length += piece.length;
    }
    assert.ok(length > constants.MAX_STRING_LENGTH);
  });
});

function explanations(html: string): unknown[] {
  return JSON.parse(/<script type="application\/json">([\s\S]*?)<\/script>/.exec(html)![1]);
}
