import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../../src/cli/report';
import { CLI, DEMO, ROOT, TINY_MODEL } from '../support/paths';

interface Outcome {
  readonly status: number | null;
  readonly out: string;
  readonly error: string;
}

/** Runs the built command. */
function surprisal(
  words: readonly string[],
  input = '',
  environment: NodeJS.ProcessEnv = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...words], {
      cwd: ROOT,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...environment },
    });
    let out = '';
    let error = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      error += text;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, out, error }));
    child.stdin.end(input);
  });
}

const QUICK = ['--model', TINY_MODEL, '--device', 'cpu'];

describe('surprisal score', function () {
  this.timeout(60_000);

  function oneLine(text: string): void {
    assert.equal(text.trimEnd().split('\n').length, 1, `one line: ${text}`);
  }

  it('writes one JSON object for one file, with exact positions', async () => {
    const file = join(DEMO, 'inventory.ts');
    const text = await readFile(file, 'utf8');
    const { status, out, error } = await surprisal(['score', file, '--format', 'json', ...QUICK]);
    assert.equal(status, 0, error);
    const report: Report = JSON.parse(out);
    assert.equal(report.schema, 1);
    assert.equal(report.file, file);
    assert.equal(report.model.id, 'tiny-test');
    assert.equal(report.device.provider, 'cpu');
    assert.equal(report.summary.characters, text.length);
    assert.equal(report.summary.bytes, Buffer.byteLength(text));
    assert.equal(report.summary.tokens, report.tokens.length);
    assert.equal(report.tokens.map((token) => token.text).join(''), text);
    const sum = report.tokens.reduce((total, token) => total + token.nats, 0);
    assert.ok(Math.abs(sum / report.tokens.length - report.summary.meanNats) < 1e-6);
    assert.ok(Math.abs(Math.exp(report.summary.meanNats) - report.summary.perplexity) < 1e-6);
    assert.ok(Math.abs(sum / Math.LN2 / report.summary.bytes - report.summary.bitsPerByte) < 1e-6);
    const lines = text.split('\n');
    for (const token of report.tokens) {
      assert.ok(lines[token.line - 1].length + 1 >= token.column);
      assert.equal(Math.fround(token.nats), Math.fround(Number(token.nats)));
      assert.equal(token.top, undefined);
    }
  });

  it('reads standard input, and writes an array for several inputs', async () => {
    const { status, out } = await surprisal(
      ['score', '-', join(DEMO, 'README.md'), '--format', 'json', ...QUICK],
      'Grüße 👋🏽\r\n',
    );
    assert.equal(status, 0);
    const reports: Report[] = JSON.parse(out);
    assert.deepEqual(
      reports.map((report) => report.file),
      ['-', join(DEMO, 'README.md')],
    );
    assert.equal(reports[0].summary.characters, 12);
    assert.equal(reports[0].summary.bytes, 18);
    assert.equal(reports[0].tokens.at(-1)?.end, 12);
  });

  it('gives the alternatives that were asked for, and they agree with the scores', async () => {
    const { out } = await surprisal(
      ['score', '-', '--format', 'json', '--top', '7', ...QUICK],
      'import os\n'.repeat(3),
    );
    const report: Report = JSON.parse(out);
    for (const token of report.tokens) {
      assert.equal(token.top?.length, 7);
      const place = token.top?.findIndex((entry) => entry.id === token.id) ?? -1;
      assert.equal(place < 0 ? token.rank > 7 : place + 1 === token.rank, true, 'rank and place agree');
      if (place >= 0) {
        assert.ok(Math.abs((token.top?.[place].nats ?? 0) - token.nats) < 1e-4);
      }
    }
  });

  it('scores an empty input', async () => {
    const { status, out } = await surprisal(['score', '-', '--format', 'json', ...QUICK], '');
    assert.equal(status, 0);
    const report: Report = JSON.parse(out);
    assert.deepEqual([report.summary.tokens, report.summary.meanNats, report.tokens.length], [0, 0, 0]);
  });

  it('writes CSV with one row a token', async () => {
    const { out } = await surprisal(
      ['score', '-', '--format', 'csv', '--device', 'cpu', '--model', TINY_MODEL],
      'a b\n',
    );
    const rows = out.trimEnd().split(/\r?\n/);
    assert.match(rows[0], /^file,start,end,line,column,text,id,nats,entropy,varentropy,rank,page/);
    assert.ok(rows.length >= 3);
  });

  it('writes one self-contained HTML page', async () => {
    const { out } = await surprisal(
      ['score', '-', '--format', 'html', ...QUICK],
      '<script>alert(1)</script>\n',
    );
    assert.match(out, /^<!doctype html>/i);
    assert.ok(!out.includes('<script>alert'), 'token text is text');
    assert.ok(!/(?:src|href)="https?:/.test(out), 'nothing from elsewhere');
  });

  it('writes text with and without colour', async () => {
    const plain = await surprisal(['score', '-', ...QUICK], 'x = 1\n');
    assert.ok(!plain.out.includes('\u001b'));
    assert.match(plain.out, /bits per token/);
    const nats = await surprisal(['score', '-', '--unit', 'nats', ...QUICK], 'x = 1\n');
    assert.match(nats.out, /nats per token/);
    const coloured = await surprisal(['score', '-', ...QUICK], 'x = 1\n', {
      NO_COLOR: undefined,
      FORCE_COLOR: '3',
    });
    assert.ok(coloured.out.includes('\u001b[48;2;') || coloured.out.includes(';48;2;'));
  });

  it('names an input that cannot be read, goes on with the others, and ends with 1', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'surprisal-cli-'));
    try {
      const binary = join(folder, 'binary.dat');
      await writeFile(binary, Buffer.from([0xff, 0xfe, 0x00, 0x80]));
      for (const [file, reason] of [
        [join(folder, 'none.txt'), /none\.txt: no such file/],
        [folder, /is a folder/],
        [binary, /binary\.dat: is not UTF-8 text/],
      ] as const) {
        const { status, out, error } = await surprisal(
          ['score', file, '-', '--format', 'json', ...QUICK],
          'ok',
        );
        assert.equal(status, 1);
        assert.match(error, reason);
        oneLine(error);
        assert.equal(JSON.parse(out).file, '-', 'the other input was scored');
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('names a model that is missing or wrong, and ends with 1', async () => {
    for (const [model, reason] of [
      ['no-such-model', /no-such-model.*smollm2-135m-instruct/],
      [DEMO, /surprisal\.json/],
    ] as const) {
      const { status, out, error } = await surprisal(['score', '-', '--model', model], 'x');
      assert.equal(status, 1);
      assert.equal(out, '');
      assert.match(error, reason);
      oneLine(error);
    }
  });

  it('ends with 2 on wrong usage', async () => {
    const { status, error } = await surprisal(['score', '--format', 'xml', 'x']);
    assert.equal(status, 2);
    oneLine(error);
  });

  it('says so when the device that was asked for is not there, and scores on the CPU', async () => {
    const device = process.platform === 'linux' ? 'dml' : 'cuda';
    const { status, out, error } = await surprisal(
      ['score', '-', '--format', 'json', '--model', TINY_MODEL, '--device', device],
      'x = 1\n',
    );
    assert.equal(status, 0);
    assert.equal(JSON.parse(out).device.provider, 'cpu');
    assert.match(error, /DirectML|CUDA/);
    oneLine(error);
  });
});
