import assert from 'node:assert/strict';
import { parseCommand, UsageError } from '../../src/cli/arguments';

describe('command line arguments', () => {
  function refuses(words: string[], part: string): void {
    assert.throws(
      () => parseCommand(words),
      (error: unknown) => {
        assert.ok(error instanceof UsageError);
        assert.ok(error.message.includes(part), `"${error.message}" has "${part}"`);
        assert.ok(!error.message.includes('\n'), 'one line');
        return true;
      },
    );
  }

  it('has the defaults of the usage text', () => {
    assert.deepEqual(parseCommand(['score', 'a.py']), {
      kind: 'score',
      files: ['a.py'],
      format: 'text',
      model: undefined,
      device: 'auto',
      threads: 0,
      weights: 'auto',
      unit: 'bits',
      top: 0,
      by: 'word',
      from: 17,
      typos: false,
      mistakes: false,
      since: undefined,
    });
  });

  it('takes options before, between and after the files, and files after --', () => {
    assert.deepEqual(
      parseCommand(
        'score --format json a --top=5 - --unit nats --device cpu --threads 2 --model m -- --b'.split(' '),
      ),
      {
        kind: 'score',
        files: ['a', '-', '--b'],
        format: 'json',
        model: 'm',
        device: 'cpu',
        threads: 2,
        weights: 'auto',
        unit: 'nats',
        top: 5,
        by: 'word',
        from: 17,
        typos: false,
        mistakes: false,
        since: undefined,
      },
    );
  });

  it('compares several models, or one with the default', () => {
    const common = { device: 'auto', threads: 0, weights: 'auto', unit: 'bits', files: ['a'] };
    assert.deepEqual(parseCommand('compare a --model x --model y --format json'.split(' ')), {
      kind: 'compare',
      format: 'json',
      models: ['x', 'y'],
      ...common,
    });
    assert.deepEqual(parseCommand('compare a --model x'.split(' ')), {
      kind: 'compare',
      format: 'text',
      models: [undefined, 'x'],
      ...common,
    });
    refuses(['compare', 'a'], 'compare needs a --model');
    refuses(['compare', '--model', 'x'], 'no file');
    refuses('compare a --model x --top 3'.split(' '), '--top');
    refuses('compare a --model x --format html'.split(' '), 'text, json');
    refuses('score a --model x --model y'.split(' '), '"compare" takes several');
  });

  it('takes what is listed, words or tokens, and the surprisal from which on', () => {
    const listed = (words: string) => {
      const { by, from } = parseCommand(`score a --format list ${words}`.trim().split(' ')) as {
        by: string;
        from: number;
      };
      return [by, from];
    };
    assert.deepEqual(listed('--from 12.5'), ['word', 12.5]);
    assert.deepEqual(listed(''), ['word', 17]);
    assert.deepEqual(listed('--by token'), ['token', 8]);
    assert.deepEqual(listed('--by token --from 0'), ['token', 0]);
    refuses('score a --format list --by line'.split(' '), 'word, token');
    refuses('score a --by word'.split(' '), '--by goes with --format list');
    refuses('compare a --model x --by word'.split(' '), '--by');
    refuses('score a --from 12'.split(' '), '--from goes with --format list');
    refuses('score a --format list --from many'.split(' '), 'many');
    refuses('score a --format list --from -1'.split(' '), '--from');
    refuses('compare a --model x --from 3'.split(' '), '--from');
  });

  it('lists likely typos alone', () => {
    const { typos, from } = parseCommand('score a --format list --typos --from 14'.split(' ')) as {
      typos: boolean;
      from: number;
    };
    assert.deepEqual([typos, from], [true, 14]);
    refuses('score a --typos'.split(' '), '--typos goes with --format list');
    refuses('score a --format list --typos --by token'.split(' '), '--typos lists words');
    refuses('compare a --model x --typos'.split(' '), '--typos');
  });

  it('lists likely mistakes alone', () => {
    const { mistakes } = parseCommand('score a --format list --mistakes'.split(' ')) as { mistakes: boolean };
    assert.equal(mistakes, true);
    refuses('score a --mistakes'.split(' '), '--mistakes goes with --format list');
    for (const other of ['--by word', '--from 3', '--top 3', '--typos']) {
      const [option] = other.split(' ');
      refuses(`score --since main --mistakes ${other}`.split(' '), `--mistakes does not go with ${option}`);
    }
    refuses('compare a --model x --mistakes'.split(' '), '--mistakes');
  });

  it('lists what has changed since a revision', () => {
    const changed = (words: string) => {
      const { files, format, typos, since } = parseCommand(words.split(' ')) as {
        files: readonly string[];
        format: string;
        typos: boolean;
        since: string;
      };
      return [files, format, typos, since];
    };
    assert.deepEqual(changed('score --since main'), [[], 'list', false, 'main']);
    assert.deepEqual(changed('score a --since=HEAD~2 b --typos'), [['a', 'b'], 'list', true, 'HEAD~2']);
    assert.deepEqual(changed('score --since main --format list --by token --from 3'), [
      ...[[], 'list', false, 'main'],
    ]);
    for (const format of ['text', 'json', 'csv', 'html']) {
      refuses(['score', '--since', 'main', '--format', format], '--since goes with --format list');
    }
    refuses('score --since main --format xml'.split(' '), 'xml');
    refuses('score a - --since main'.split(' '), 'standard input has no history; --since takes files');
    refuses('score --since main --typos --by token'.split(' '), '--typos lists words');
    refuses(['score', '--since', ''], '--since takes a revision');
    refuses(['score', '--since'], '--since');
    refuses('compare a --model x --since main'.split(' '), 'compare takes no --since');
    refuses('compare --model x --since main'.split(' '), 'compare takes no --since');
    refuses('download a/b --since main'.split(' '), 'download takes no --since');
  });

  it('understands a download', () => {
    assert.deepEqual(parseCommand(['download', 'a/b/onnx/model_q4.onnx']), {
      kind: 'download',
      model: { repository: 'a/b', file: 'onnx/model_q4.onnx' },
    });
    refuses(['download'], 'one model');
    refuses(['download', 'a/b', 'c/d'], 'one model');
    refuses(['download', './b/c.onnx'], '"./b/c.onnx" is no model of Hugging Face');
    refuses('download a/b --format json'.split(' '), 'no --format');
    assert.equal(parseCommand(['download', '--help']).kind, 'help');
  });

  it('knows help and version', () => {
    assert.equal(parseCommand(['--help']).kind, 'help');
    assert.equal(parseCommand(['score', '-h']).kind, 'help');
    assert.equal(parseCommand(['-v']).kind, 'version');
  });

  it('says what is wrong with the rest', () => {
    refuses([], 'no command');
    refuses(['train', 'a'], 'train');
    refuses(['score'], 'no file');
    refuses(['score', '-', '-'], 'standard input');
    refuses(['score', 'a', '--format', 'xml'], 'xml');
    refuses(['score', 'a', '--device', 'tpu'], 'tpu');
    refuses(['score', 'a', '--unit', 'shannons'], 'shannons');
    refuses(['score', 'a', '--top', '-1'], '--top');
    refuses(['score', 'a', '--top', '1.5'], '1.5');
    refuses(['score', 'a', '--top', '100000'], '100000');
    refuses(['score', 'a', '--colour'], '--colour');
  });
});
