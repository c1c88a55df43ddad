import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { type MessageStream, Messages } from '../../src/cli/messages';
import { Output, OutputError } from '../../src/cli/output';

describe('command line output', () => {
  it('writes pieces in order, and makes the next ones when those before are taken', async () => {
    let made = 0;
    let taken = '';
    let mostAhead = 0;
    const slow = new Writable({
      decodeStrings: false,
      write(text: string, _encoding, done) {
        mostAhead = Math.max(mostAhead, made - taken.length);
        taken += text;
        setImmediate(done);
      },
    });
    function* pieces(): Generator<string> {
      for (let i = 0; i < 1000; i++) {
        made += 1000;
        yield String(i % 10).repeat(1000);
      }
    }
    await new Output(slow).write(pieces());
    assert.equal(taken, [...pieces()].join(''));
    assert.ok(mostAhead < 100_000, `${mostAhead} characters were made before they could be written`);
  });

  it('fails with the name of standard output, and knows a reader who had enough', async () => {
    for (const code of ['ENOSPC', 'EPIPE']) {
      const failing = new Writable({
        write: (_text, _encoding, done) => done(Object.assign(new Error(`${code}: write`), { code })),
      });
      await assert.rejects(new Output(failing).write(['a']), (error: unknown) => {
        assert.ok(error instanceof OutputError);
        assert.match(error.message, /^standard output: .*write/);
        assert.equal(error.isClosed, code === 'EPIPE');
        return true;
      });
    }
  });
});

describe('command line messages', () => {
  function streamOf(properties: { isTTY: boolean; columns?: number }): {
    stream: MessageStream;
    shown(): string;
  } {
    let text = '';
    const stream = new Writable({
      write(chunk, _encoding, done) {
        text += chunk;
        done();
      },
    });
    return { stream: Object.assign(stream, properties), shown: () => text };
  }

  it('complains in one line that no terminal obeys', () => {
    const { stream, shown } = streamOf({ isTTY: false });
    new Messages(stream).complain('a\x1b[31m b·c:\n  wrong\r\n');
    assert.equal(shown(), 'surprisal: a␛[31m b·c: wrong \n');
  });

  it('shows progress on terminals only, on a line of their width, cleared before a complaint', () => {
    const file = streamOf({ isTTY: false });
    new Messages(file.stream).progress('a.txt', 1, 2, '1 of 2 tokens');
    assert.equal(file.shown(), '');

    const { stream, shown } = streamOf({ isTTY: true, columns: 30 });
    const messages = new Messages(stream);
    messages.progress('folder/of/many/things.txt', 5, 10, '5 of 10 tokens');
    messages.complain('wrong');
    messages.progress('a.txt', 10, 10, '10 of 10 tokens');
    messages.progress('a/b', 1, 2, '1 of 2 MB');
    messages.clearProgress();
    assert.equal(
      shown(),
      '\r\x1b[K…y/things.txt: 5 of 10 tokens\r\x1b[Ksurprisal: wrong\n\r\x1b[Ka/b: 1 of 2 MB\r\x1b[K',
    );
  });

  it('goes on when nobody reads the messages', async () => {
    const failing = new Writable({ write: (_text, _encoding, done) => done(new Error('closed')) });
    new Messages(failing).complain('wrong');
    await new Promise((resolve) => setImmediate(resolve));
  });
});
