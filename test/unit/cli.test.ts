import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Comparison } from '../../src/cli/compare';
import type { Report } from '../../src/cli/report';
import { outcomeOf, QUICK, start, surprisal } from '../support/command';
import { HubServer } from '../support/hubServer';
import { CLI, DEMO, ENGINE_HOST, HUB_MODEL, TINY_MODEL } from '../support/paths';

const ON_CPU = ['--device', 'cpu'];

function oneLine(text: string): void {
  assert.equal(text.trimEnd().split('\n').length, 1, `one line: ${text}`);
}

describe('surprisal score', function () {
  this.timeout(60_000);

  it('leaves nothing behind but its output: ONNX Runtime\u2019s telemetry is off', async () => {
    const home = await mkdtemp(join(tmpdir(), 'surprisal-home-'));
    try {
      // As a user has it: what tests and continuous integration set turns the telemetry off, too.
      const kept = ['PATH', 'SYSTEMROOT'];
      const environment = Object.fromEntries(
        Object.keys(process.env).map((name) => [
          name,
          kept.includes(name.toUpperCase()) ? process.env[name] : undefined,
        ]),
      );
      const places = { HOME: home, USERPROFILE: home, TMPDIR: home, TEMP: home, TMP: home };
      const { status, error } = await surprisal(['score', join(DEMO, 'statistics.py'), ...QUICK], '', {
        environment: { ...environment, ...places },
      });
      assert.equal(status, 0, error);
      assert.deepEqual(await readdir(home, { recursive: true }), []);
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });

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
    const environment = { NO_COLOR: undefined, FORCE_COLOR: '3' };
    const coloured = await surprisal(['score', '-', ...QUICK], 'x = 1\n', { environment });
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
        assert.deepEqual(
          JSON.parse(out).map((report: Report) => report.file),
          ['-'],
          'the other input was scored',
        );
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

describe('surprisal score, when something fails', function () {
  this.timeout(60_000);
  let folder = '';
  let good = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'surprisal-cli-'));
    good = await fileOf('good.txt', 'x = 1\n');
  });

  after(() => rm(folder, { recursive: true, force: true }));

  async function fileOf(name: string, text: string): Promise<string> {
    const file = join(folder, name);
    await writeFile(file, text);
    return file;
  }

  const filesOf = (out: string) => JSON.parse(out).map((report: Report) => report.file);
  const JSON_FORMAT = ['--format', 'json', ...QUICK];

  it('writes each report before the next input is read', async () => {
    const child = start(['score', good, '-', ...QUICK]);
    const ended = outcomeOf(child);
    let early = '';
    child.stdout?.on('data', (text) => {
      early += text;
    });
    while (!early.includes('Most surprising of')) {
      await once(child.stdout!, 'data');
    }
    assert.ok(!early.includes('standard input'));
    child.stdin.end('y = 2\n');
    const { status, out } = await ended;
    assert.equal(status, 0);
    assert.match(out, /\n\nstandard input\n/);
  });

  it('writes JSON of the shape that the number of files asks for', async () => {
    const none = join(folder, 'none.txt');
    const single = await surprisal(['score', none, ...JSON_FORMAT]);
    assert.deepEqual([single.status, single.out], [1, '']);
    const several = await surprisal(['score', none, folder, ...JSON_FORMAT]);
    assert.deepEqual([several.status, several.out], [1, '[]\n']);
    const noModel = await surprisal(['score', good, good, '--format', 'json', '--model', 'no-such-model']);
    assert.deepEqual([noModel.status, noModel.out], [1, '[]\n']);
  });

  it('names a file that cannot be scored without obeying its name', async () => {
    const { error } = await surprisal(['score', join(folder, 'no\x1b[31mne.txt'), ...QUICK]);
    assert.match(error, /no␛\[31mne\.txt: no such file\n$/);
  });

  it('goes on after a text that the tokenizer does not keep', async () => {
    const model = join(folder, 'lower-case');
    await cp(TINY_MODEL, model, { recursive: true });
    await changeTokenizer(model, { normalizer: { type: 'Lowercase' } });
    const capital = await fileOf('capital.txt', 'X = 1\n');
    const { status, out, error } = await surprisal([
      'score',
      capital,
      good,
      '--format',
      'json',
      '--model',
      model,
      '--device',
      'cpu',
    ]);
    assert.equal(status, 1);
    assert.match(error, /^surprisal: \S*capital\.txt: The tokenizer .* changes the text.*\n$/);
    assert.deepEqual(filesOf(out), [good]);
  });

  it('keeps what is done when the engine cannot be had any more, and stops', async () => {
    const cli = await commandWhoseEngine(`({ type, document }) => {
      if (type === 'score' && document.includes('fatal')) process.exit(9);
    }`);
    const fatal = await fileOf('fatal.txt', 'y = 2\n');
    const { status, out, error } = await surprisal(['score', good, fatal, good, ...JSON_FORMAT], '', { cli });
    assert.equal(status, 1);
    assert.match(error, /^surprisal: \S*fatal\.txt: The engine's process ended with code 9.*\n$/);
    assert.deepEqual(filesOf(out), [good]);
  });

  /** Another model folder's tokenizer, with its checksum. */
  async function changeTokenizer(model: string, change: object): Promise<void> {
    const tokenizer = join(model, 'tokenizer.json');
    const text = JSON.stringify({ ...JSON.parse(await readFile(tokenizer, 'utf8')), ...change });
    await writeFile(tokenizer, text);
    const manifest = JSON.parse(await readFile(join(model, 'surprisal.json'), 'utf8'));
    manifest.files['tokenizer.json'] = {
      bytes: Buffer.byteLength(text),
      sha256: createHash('sha256').update(text).digest('hex'),
    };
    await writeFile(join(model, 'surprisal.json'), JSON.stringify(manifest));
  }

  /** The command with an engine that takes each message to a function first. */
  async function commandWhoseEngine(receive: string): Promise<string> {
    const dist = join(folder, 'dist');
    await mkdir(dist);
    await cp(CLI, join(dist, 'cli.cjs'));
    const engine = `process.on('message', ${receive}); require(${JSON.stringify(ENGINE_HOST)});`;
    await writeFile(join(dist, 'engine.cjs'), engine);
    return join(dist, 'cli.cjs');
  }

  it('ends with 1 and a line when standard output cannot be written to', async function () {
    if (process.platform !== 'linux') {
      this.skip();
    }
    const full = await open('/dev/full', 'w');
    try {
      for (const words of [['score', good, ...JSON_FORMAT], ['--help']]) {
        const { status, error } = await surprisal(words, '', { out: full.fd });
        assert.equal(status, 1);
        assert.match(error, /^surprisal: standard output: .*ENOSPC.*\n$/);
      }
    } finally {
      await full.close();
    }
  });

  it('ends quietly when nobody reads on, with the status that it has earned', async () => {
    const none = join(folder, 'none.txt');
    for (const [files, expected, complaint] of [
      [[good, good], 0, /^$/],
      [[none, good, good], 1, /^surprisal: .*none\.txt: no such file\n$/],
    ] as const) {
      const child = start(['score', ...files, ...QUICK]);
      child.stdout?.destroy();
      const { status, error } = await outcomeOf(child);
      assert.equal(status, expected);
      assert.match(error, complaint);
    }
  });

  it('goes on when its messages cannot be written', async function () {
    if (process.platform !== 'linux') {
      this.skip();
    }
    const full = await open('/dev/full', 'w');
    try {
      const words = ['score', join(folder, 'none.txt'), good, ...JSON_FORMAT];
      const { status, out } = await surprisal(words, '', { error: full.fd });
      assert.equal(status, 1);
      assert.deepEqual(filesOf(out), [good]);
    } finally {
      await full.close();
    }
  });
});

describe('surprisal compare', function () {
  this.timeout(60_000);

  const same = join(HUB_MODEL, 'onnx', 'model.onnx');
  const rough = join(HUB_MODEL, 'onnx', 'model_q4.onnx');
  const files = [join(DEMO, 'statistics.py'), join(DEMO, 'origin.md')];

  it('says by how many bits per byte models differ, how sure that is, and on which lines', async () => {
    const models = [TINY_MODEL, same, rough];
    const words = models.flatMap((model) => ['--model', model]);
    const { status, out, error } = await surprisal([
      ...['compare', ...files, '--format', 'json'],
      ...[...words, ...ON_CPU],
    ]);
    assert.equal(status, 0, error);
    const comparison: Comparison = JSON.parse(out);
    assert.deepEqual(
      comparison.models.map(({ model }) => model),
      models,
    );
    assert.deepEqual(
      comparison.files.map(({ file }) => file),
      files,
    );
    const [first, equal, other] = comparison.models;
    assert.deepEqual(first.difference, { bitsPerByte: 0, standardError: 0 });
    assert.ok(Math.abs(equal.difference.bitsPerByte) < 1e-5, `${equal.difference.bitsPerByte}`);
    const own = other.summary.bitsPerByte - first.summary.bitsPerByte;
    assert.ok(Math.abs(other.difference.bitsPerByte - own) < 1e-9);
    // √(n s²) of the lines' differences, in bits per byte.
    const differences = comparison.files.flatMap(({ lines }) => lines.map(({ nats }) => nats[2] - nats[0]));
    const mean = differences.reduce((a, b) => a + b) / differences.length;
    const variance =
      differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (differences.length - 1);
    const expected = Math.sqrt(differences.length * variance) / Math.LN2 / first.summary.bytes;
    assert.ok(Math.abs(other.difference.standardError! - expected) < 1e-9);
    for (const [index, { summaries, lines, file }] of comparison.files.entries()) {
      const text = await readFile(file, 'utf8');
      assert.equal(lines.length, text.split('\n').length, file);
      for (const [model, summary] of summaries.entries()) {
        const sum = lines.reduce((total, { nats }) => total + nats[model], 0);
        assert.ok(Math.abs(sum - summary.meanNats * summary.tokens) < 1e-6, `${index} ${model}`);
      }
    }
  });

  it('shows tables, and the lines as they are in the text', async () => {
    const { status, out, error } = await surprisal([
      ...['compare', files[0], '--model', same, '--model', rough],
      ...ON_CPU,
    ]);
    assert.equal(status, 0, error);
    assert.match(out, /^.*statistics\.py: 1,860 bytes\n/);
    assert.match(out, /model_q4\.onnx +2\.\d{4} +[+−]0\.\d{4} ± 0\.\d{4} /);
    assert.match(out, /Where hub \(model_q4\.onnx\) differs most from hub\n/);
    const lines = (await readFile(files[0], 'utf8')).split('\n');
    const rows = out.slice(out.indexOf('Where ')).matchAll(/^(\d+) .* [+−][\d.]+ {2}(.*)$/gm);
    let count = 0;
    for (const [, line, text] of rows) {
      assert.ok(lines[Number(line) - 1].trim().startsWith(text.replace(/…$/, '')), `${line}: ${text}`);
      count++;
    }
    assert.equal(count, 10);
  });

  it('compares with the bundled model where one is named, and reads standard input once', async () => {
    const { status, out, error } = await surprisal(
      ['compare', '-', '--model', TINY_MODEL, '--format', 'json', ...ON_CPU],
      'One line only.',
    );
    assert.equal(status, 0, error);
    const { models, files: compared }: Comparison = JSON.parse(out);
    assert.deepEqual(
      models.map(({ id }) => id),
      ['smollm2-135m-instruct', 'tiny-test'],
    );
    assert.equal(compared[0].file, '-');
    assert.equal(models[1].difference.standardError, null, 'a single line does not tell');
  });

  it('has all models read the same text, of a file that can be read once only', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'surprisal-pipe-'));
    try {
      const pipe = join(folder, 'pipe');
      const text = 'One line.\nAnother.\n';
      if (process.platform === 'win32') {
        await writeFile(pipe, text);
      } else {
        await promisify(execFile)('mkfifo', [pipe]);
        void writeFile(pipe, text);
      }
      const { status, out, error } = await surprisal([
        ...['compare', pipe, '--model', same, '--model', rough, '--format', 'json'],
        ...ON_CPU,
      ]);
      assert.equal(status, 0, error);
      const { models, files: compared }: Comparison = JSON.parse(out);
      assert.deepEqual(
        models.map(({ summary }) => summary.bytes),
        [19, 19],
      );
      assert.equal(compared[0].lines.length, 3);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('leaves out a file that a model cannot score, and says so where nothing is left', async () => {
    const missing = join(DEMO, 'none.txt');
    const some = await surprisal([
      'compare',
      missing,
      files[0],
      '--model',
      same,
      '--model',
      rough,
      ...ON_CPU,
    ]);
    assert.equal(some.status, 1);
    assert.match(some.error, /none\.txt: no such file/);
    assert.match(some.out, /statistics\.py: 1,860 bytes/);
    const none = await surprisal(['compare', files[0], '--model', same, '--model', DEMO, ...ON_CPU]);
    assert.equal(none.status, 1);
    assert.equal(none.out, '');
    assert.match(none.error, /demo has no readable surprisal\.json/);
    const unknown = await surprisal(['compare', files[0], '--model', same, '--model', 'nowhere', ...ON_CPU]);
    assert.equal(unknown.status, 1);
    oneLine(unknown.error);
    assert.match(unknown.error, /--model nowhere: no such folder/);
  });
});

describe('surprisal download', function () {
  this.timeout(60_000);
  let hub: HubServer;
  let home: string;

  before(async () => {
    hub = await HubServer.start();
    await hub.add('someone/small-llama', HUB_MODEL);
    await hub.add('someone/one-form', HUB_MODEL, {
      without: ['model.onnx', 'model_fp16.onnx', 'model_quantized.onnx'].map((name) => `onnx/${name}`),
    });
    home = await mkdtemp(join(tmpdir(), 'surprisal-hub-'));
  });
  after(async () => {
    await hub.close();
    await rm(home, { recursive: true, force: true });
  });

  const here = () => ({ environment: { HF_ENDPOINT: hub.address, HF_HOME: home } });

  it('fetches a form of a model, which can be named then', async () => {
    const name = 'someone/small-llama/onnx/model_q4.onnx';
    const missing = await surprisal(['score', '-', '--model', name], 'text', here());
    assert.equal(missing.status, 1);
    oneLine(missing.error);
    assert.match(missing.error, new RegExp(`not? .*on this computer \\(surprisal download ${name}\\)`));

    const fetched = await surprisal(['download', name], '', here());
    assert.deepEqual(fetched, { status: 0, out: `${name}\n`, error: '' });
    const [byName, byPath] = await Promise.all(
      [name, join(HUB_MODEL, 'onnx', 'model_q4.onnx')].map((model) =>
        surprisal(['score', '-', '--model', model, '--format', 'json', ...ON_CPU], 'Some text.', here()),
      ),
    );
    assert.equal(byName.status, 0, byName.error);
    const [named, known]: Report[] = [byName, byPath].map(({ out }) => JSON.parse(out));
    assert.equal(named.model.id, 'small-llama (model_q4.onnx)');
    assert.deepEqual(named.tokens, known.tokens);
  });

  it('takes the only form, and asks which one of several', async () => {
    const one = await surprisal(['download', 'someone/one-form'], '', here());
    assert.deepEqual(one, { status: 0, out: 'someone/one-form/onnx/model_q4.onnx\n', error: '' });
    const several = await surprisal(['download', 'someone/small-llama'], '', here());
    assert.equal(several.status, 1);
    oneLine(several.error);
    assert.match(
      several.error,
      /several forms; name one of them: someone\/small-llama\/onnx\/model\.onnx \(0\.7 MB\), .*model_q4\.onnx \(0\.4 MB\)/,
    );
    const other = await surprisal(['download', 'someone/small-llama/onnx/model_q8.onnx'], '', here());
    assert.equal(other.status, 1);
    assert.match(other.error, /has no onnx\/model_q8\.onnx, but someone\/small-llama\/onnx\/model\.onnx/);
  });

  it('says what there is not', async () => {
    const { status, out, error } = await surprisal(['download', 'someone/none'], '', here());
    assert.equal(status, 1);
    assert.equal(out, '');
    oneLine(error);
    assert.match(error, /has no model someone\/none that anybody may read\. Check its name\./);
  });
});
