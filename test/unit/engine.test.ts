import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { CancelledError, EngineError, type EngineSettings } from '../../src/engine/api';
import { Engine } from '../../src/engine/client';
import type { EngineState } from '../../src/engine/protocol';
import { ENGINE_HOST, MODEL, ROOT, TINY_MODEL } from '../support/paths';
import { largestDifference, type Scored, scoreText } from '../support/scoring';

const TINY: EngineSettings = { folder: TINY_MODEL, device: 'cpu', threads: 2 };

/** Some 5,000 tokens of real code for the tiny model. */
async function longText(): Promise<string> {
  return (await readFile(join(ROOT, 'src/engine/client.ts'), 'utf8')).slice(0, 14_000);
}

function sameBits(a: Scored, b: Scored): void {
  for (const part of ['nats', 'entropy', 'varentropy', 'rank'] as const) {
    assert.deepEqual(a.map[part], b.map[part], part);
  }
  for (const part of ['starts', 'ends', 'ids', 'pageStarts', 'pageContexts'] as const) {
    assert.deepEqual(a.map.layout[part], b.map.layout[part], part);
  }
}

describe('engine', function () {
  this.timeout(120_000);
  const engines: Engine[] = [];

  function engine(settings: EngineSettings = TINY): Engine {
    const created = new Engine({ hostPath: ENGINE_HOST, settings });
    engines.push(created);
    return created;
  }

  const folders: string[] = [];

  /** An engine whose process is a script that takes each message to a function: for what cannot be had here. */
  async function engineOf(receive: string): Promise<Engine> {
    const folder = await mkdtemp(join(tmpdir(), 'surprisal-engine-'));
    folders.push(folder);
    const hostPath = join(folder, 'host.cjs');
    await writeFile(
      hostPath,
      `process.on('message', ({ type }) => type === 'shutdown' && process.exit(0));
      process.on('message', ${receive});`,
    );
    const created = new Engine({ hostPath, settings: TINY });
    engines.push(created);
    return created;
  }

  /** What such a process says of its device. */
  const deviceOf = (provider: string) =>
    JSON.stringify({ provider, name: 'none', threads: 1, reasons: [] as string[] });

  afterEach(async () => {
    await Promise.all(engines.splice(0).map((created) => created.stop()));
    await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
  });

  it('goes from off over starting and loading to ready, and back to off', async () => {
    const created = engine();
    const kinds: string[] = [created.state.kind];
    created.onDidChangeState((state) => kinds.push(state.kind));
    const ready = await created.ensureReady();
    assert.equal(ready.device.provider, 'cpu');
    assert.equal(ready.model.id, 'tiny-test');
    await created.stop();
    assert.deepEqual(
      kinds.filter((kind, i) => kind !== kinds[i - 1]),
      ['off', 'starting', 'loading', 'ready', 'off'],
    );
    assert.equal(created.processId, undefined);
  });

  it('scores every token of a text, the first included, and an empty text', async () => {
    const created = engine();
    const { map, statistics } = await scoreText(created, 'a', 'def f(x):\n    return x\n');
    assert.equal(map.layout.starts[0], 0);
    assert.ok(map.nats.every((nats) => nats > 0 && Number.isFinite(nats)));
    assert.equal(statistics.pages, 1);
    const empty = await scoreText(created, 'b', '');
    assert.equal(empty.map.length, 0);
  });

  it('gives the same bits whatever was on screen, and whatever was scored before', async () => {
    const created = engine();
    const text = await longText();
    const first = await scoreText(created, 'a', text);
    assert.ok(first.map.layout.pageStarts.length > 1, 'several pages');
    await created.restart();
    const fromEnd = await scoreText(created, 'a', text, [text.length - 100, text.length]);
    sameBits(first, fromEnd);
    const again = await scoreText(created, 'b', text);
    sameBits(first, again);
    assert.equal(again.statistics.tokensRun, 0, 'all pages come from the cache');
  });

  it('scores what is on screen first', async () => {
    const created = engine();
    const text = await longText();
    let firstScored = -1;
    await created.score('a', text, [text.length - 100, text.length], {
      layout: () => {},
      scores: (from) => {
        firstScored = firstScored < 0 ? from : firstScored;
      },
    });
    const { map } = await scoreText(created, 'b', text);
    assert.equal(map.pageOf(firstScored), map.layout.pageStarts.length - 1);
  });

  it('equals scoring from scratch after any sequence of edits, bit by bit', async () => {
    const created = engine();
    const scratch = engine();
    const original = await longText();
    const edit = fc.record({
      at: fc.nat({ max: 13_000 }),
      remove: fc.nat({ max: 40 }),
      insert: fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 12 }),
        fc.constantFrom('\n', 'const x = 1;\n', '}', '\r\n', '\ud800'),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        let text = original;
        await scoreText(created, 'a', text, [0, 500]);
        for (const { at, remove, insert } of edits) {
          text = text.slice(0, at) + insert + text.slice(at + remove);
          await scoreText(created, 'a', text, [at, at + 500]);
        }
        const edited = await scoreText(created, 'a', text, [0, 500]);
        await scratch.restart();
        sameBits(edited, await scoreText(scratch, 'a', text));
      }),
      { numRuns: 5 },
    );
  });

  it('goes on from any part of the page that was scored last, bit by bit', async () => {
    const created = engine();
    const scratch = engine();
    let text = (await longText()).slice(0, 4000);
    const { map } = await scoreText(created, 'a', text, [0, text.length]);
    assert.equal(map.layout.pageStarts.length, 1, 'one page');
    // Down, up and down again: less is held than before, then more.
    for (const at of [3800, 1500, 3300, 1300, 2600]) {
      text = `${text.slice(0, at)} ${text.slice(at)}`;
      const edited = await scoreText(created, 'a', text, [0, text.length]);
      assert.ok(edited.statistics.tokensRun < map.length, 'something is reused');
      await scratch.restart();
      sameBits(edited, await scoreText(scratch, 'a', text));
    }
  });

  it('runs fewer tokens after an edit than from scratch, and reuses what comes before it', async () => {
    const created = engine();
    const text = await longText();
    const at = text.length - 2000;
    const first = await scoreText(created, 'a', text, [at, at + 1000]);
    const edited = await scoreText(created, 'a', `${text.slice(0, at)}x${text.slice(at)}`, [at, at + 1000]);
    assert.ok(edited.statistics.tokensRun < first.statistics.tokensRun / 2);
    assert.deepEqual(edited.map.nats.slice(0, 1000), first.map.nats.slice(0, 1000));
  });

  it('explains tokens with distributions that agree with their scores', async () => {
    const created = engine();
    const { map, score } = await scoreText(created, 'a', 'import os\nimport sys\n\nprint(os.path)\n');
    const tokens = [0, 3, map.length - 1];
    const distributions = await created.distributions('a', score, tokens, 5, true);
    for (const [i, distribution] of distributions.entries()) {
      const token = tokens[i];
      assert.equal(distribution.token, token);
      assert.equal(distribution.target.id, map.layout.ids[token]);
      assert.equal(distribution.target.nats, map.nats[token]);
      assert.equal(distribution.top.length, 5);
      const logits = distribution.logits ?? assert.fail('logits were asked for');
      const most = Math.max(...logits);
      const logSumExp = most + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - most), 0));
      assert.ok(Math.abs(logSumExp - distribution.logSumExp) < 1e-4);
      assert.ok(Math.abs(logSumExp - logits[distribution.target.id] - map.nats[token]) < 1e-4);
      assert.equal(
        1 + logits.filter((z) => z > logits[distribution.target.id]).length,
        distribution.rank,
        'rank among the logits',
      );
      assert.equal(distribution.top[0].logit, most);
      const sorted = [...distribution.top].sort((a, b) => b.logit - a.logit);
      assert.deepEqual(distribution.top, sorted);
    }
  });

  it('drops questions about a scoring that a newer one has replaced', async () => {
    const created = engine();
    const { score } = await scoreText(created, 'a', 'x = 1\n');
    await scoreText(created, 'a', 'x = 2\n');
    await assert.rejects(created.distributions('a', score, [0], 5), CancelledError);
    created.forget('a');
    await assert.rejects(created.distributions('a', score, [0], 5), CancelledError);
  });

  it('scores two documents with the same text at once', async () => {
    const created = engine();
    const text = await longText();
    const [first, second] = await Promise.all([scoreText(created, 'a', text), scoreText(created, 'b', text)]);
    sameBits(first, second);
  });

  it('cancels the older work when a newer text comes, and on request', async () => {
    const created = engine();
    const text = await longText();
    const older = scoreText(created, 'a', text);
    const newer = scoreText(created, 'a', 'x = 1\n');
    await assert.rejects(older, CancelledError);
    assert.ok((await newer).map.complete);
    const controller = new AbortController();
    const aborted = created.score(
      'b',
      text,
      [],
      { layout: () => {}, scores: () => controller.abort() },
      { signal: controller.signal },
    );
    await assert.rejects(aborted, CancelledError);
    assert.ok((await scoreText(created, 'c', 'y = 2\n')).map.complete);
  });

  it('comes back and finishes after it was killed in the middle of scoring', async () => {
    const created = engine({ ...TINY, folder: MODEL });
    const text = (await longText()).slice(0, 4000);
    let layouts = 0;
    let killed = false;
    let done = 0;
    let total = 0;
    await created.score('a', text, [], {
      layout: (layout) => {
        layouts++;
        total = layout.ids.length;
      },
      scores: (_from, _scores, scored) => {
        done = scored;
        if (!killed) {
          killed = true;
          process.kill(created.processId ?? assert.fail('no process'), 'SIGKILL');
        }
      },
    });
    assert.equal(layouts, 2, 'scored anew by the second process');
    assert.equal(done, total);
    assert.equal(created.state.kind, 'ready');
  });

  it('stops after three crashes in a row and starts again on request', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'surprisal-engine-'));
    const flaky = join(folder, 'flaky.cjs');
    await writeFile(flaky, 'process.on("message", () => process.exit(3));');
    const created = new Engine({ hostPath: flaky, settings: TINY });
    engines.push(created);
    const states: EngineState[] = [];
    created.onDidChangeState((state) => states.push(state));
    await assert.rejects(created.ensureReady(), (error: unknown) => {
      assert.ok(error instanceof EngineError);
      assert.equal(error.problem.code, 'crashed');
      assert.match(error.problem.message, /code 3\. It has failed 3 times/);
      return true;
    });
    assert.equal(states.filter((state) => state.kind === 'failed').length, 1);
    await assert.rejects(scoreText(created, 'a', 'x'), EngineError);
    await cp(ENGINE_HOST, flaky);
    // The copy finds ONNX Runtime from the project's folder.
    process.env.NODE_PATH = join(ROOT, 'node_modules');
    try {
      await created.restart();
      assert.ok((await scoreText(created, 'a', 'x = 1')).map.complete);
    } finally {
      delete process.env.NODE_PATH;
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('stops, too, when every process gives some scores before it crashes', async () => {
    const created = await engineOf(`({ type, request }) => {
      if (type === 'load') {
        process.send({ type: 'loaded', request, model: {}, device: ${deviceOf('cpu')} });
      } else if (type === 'score') {
        const empty = new Uint32Array(0);
        const layout = { starts: empty, ends: empty, ids: empty, pageStarts: empty, pageContexts: new Int32Array(0) };
        const none = new Float32Array(0);
        const scores = { nats: none, entropy: none, varentropy: none, rank: empty };
        process.send({ type: 'layout', request, layout });
        process.send({ type: 'scores', request, from: 0, scores, done: 0 }, () => process.exit(4));
      }
    }`);
    let layouts = 0;
    const scored = created.score('a', 'x', [], { layout: () => layouts++, scores: () => {} });
    await assert.rejects(scored, (error: unknown) => {
      assert.ok(error instanceof EngineError);
      assert.match(error.problem.message, /code 4\. It has failed 3 times/);
      return true;
    });
    assert.equal(layouts, 3);
  });

  it('says that its process cannot be started', async () => {
    const node = process.execPath;
    const created = engine();
    process.execPath = join(ROOT, 'no-node');
    try {
      await assert.rejects(created.ensureReady(), (error: unknown) => {
        assert.ok(error instanceof EngineError);
        assert.match(error.problem.message, /could not be started .*ENOENT/);
        return true;
      });
    } finally {
      process.execPath = node;
    }
    await created.restart();
    assert.ok((await scoreText(created, 'a', 'x = 1')).map.complete);
  });

  for (const [how, fails, reason] of [
    ['ends the process', 'process.exit(5)', 'the process ended with code 5 while it was in use.'],
    [
      'throws',
      `process.send({ type: 'problem', request, problem: { code: 'device', message: 'It was lost.', advice: '' } })`,
      'failed while it was in use. It was lost.',
    ],
  ] as const) {
    it(`goes on on the CPU, and says so, when a GPU ${how} that has worked`, async () => {
      // There is no GPU here to be lost.
      const created = await engineOf(`({ type, request, excluded }) => {
        if (type === 'load') {
          this.onCpu = excluded.webgpu !== undefined;
          const device = this.onCpu ? ${deviceOf('cpu')} : ${deviceOf('webgpu')};
          device.reasons.push('' + excluded.webgpu);
          process.send({ type: 'loaded', request, model: {}, device });
        } else if (type === 'score' && !this.onCpu) {
          ${fails};
        } else if (type === 'score') {
          process.send({ type: 'scored', request, statistics: { seconds: 1, tokensRun: 0, pagesCached: 0, pages: 0 } });
        }
      }`);
      const explained = created.ensureReady().then(() => created.distributions('a', 1, [0], 1));
      const statistics = created.score('a', 'x', [], { layout: () => {}, scores: () => {} });
      await assert.rejects(explained, CancelledError);
      assert.equal((await statistics).seconds, 1);
      const { state } = created;
      assert.ok(state.kind === 'ready' && state.device.provider === 'cpu');
      assert.deepEqual(state.device.reasons, [reason]);
      assert.equal(state.degraded, `WebGPU: ${reason}`);
      await created.restart();
      const again = created.state;
      assert.ok(again.kind === 'ready' && again.device.provider === 'webgpu' && again.degraded === undefined);
    });
  }

  it('stays off when it is stopped while it restarts', async () => {
    const created = engine();
    await created.ensureReady();
    const former = created.processId ?? assert.fail('no process');
    const restarted = created.restart();
    await created.stop();
    await assert.rejects(restarted, CancelledError);
    assert.equal(created.state.kind, 'off');
    assert.equal(created.processId, undefined);
    assert.throws(() => process.kill(former, 0), 'the former process is there');
  });

  it('has one process at a time, however often it is told to restart', async () => {
    const created = engine();
    const processes = new Set<number>();
    created.onDidChangeState(() => {
      const { processId } = created;
      if (processId !== undefined && !processes.has(processId)) {
        for (const former of processes) {
          assert.throws(() => process.kill(former, 0), 'a former process is there');
        }
        processes.add(processId);
      }
    });
    await created.ensureReady();
    created.configure({ ...TINY, threads: 1 });
    const scored = scoreText(created, 'a', 'x = 1');
    created.configure({ ...TINY, threads: 2 });
    assert.ok((await scored).map.complete);
    const { state } = created;
    assert.ok(state.kind === 'ready' && state.device.threads === 2);
    assert.equal(processes.size, 2);
  });

  it('takes nothing any more once it is disposed of', async () => {
    const created = engine();
    created.dispose();
    await assert.rejects(scoreText(created, 'a', 'x'), CancelledError);
    await assert.rejects(created.ensureReady(), CancelledError);
  });

  it('leaves the faster form of the model out once it has cost the process its life', async () => {
    // There is no way to run out of memory here: this one ends as if the system had ended it.
    const created = await engineOf(`({ type, request, excluded }) => {
      if (type === 'load') {
        const device = ${deviceOf('cpu')};
        device.reasons.push(excluded.faster ?? '');
        process.send({ type: 'loaded', request, model: {}, device });
        const trial = excluded.faster === undefined ? 'faster' : undefined;
        process.send({ type: 'trying', trial }, () => {
          if (trial) {
            process.kill(process.pid, 'SIGKILL');
          }
        });
      }
    }`);
    const said: string[] = [];
    await new Promise<void>((resolve) => {
      created.onDidChangeState((state) => {
        if (state.kind === 'ready') {
          said.push(state.device.reasons[0]);
          if (state.device.reasons[0] !== '') {
            resolve();
          }
        }
      });
      created.ensureReady().catch(assert.fail);
    });
    const how = process.platform === 'win32' ? 'ended with code 1' : 'was ended by SIGKILL';
    assert.deepEqual(said, ['', `the process ${how} while float32 ones were loaded.`]);
    await created.restart();
    assert.equal(said[2], '', 'who restarts it wants it tried again');
  });

  it('names what is wrong with a model folder, and goes on with a good one', async () => {
    const created = engine({ ...TINY, folder: join(ROOT, 'no-model') });
    await assert.rejects(scoreText(created, 'a', 'x'), (error: unknown) => {
      assert.ok(error instanceof EngineError);
      assert.equal(error.problem.code, 'model-missing');
      assert.match(error.problem.message, /no-model/);
      return true;
    });
    assert.equal(created.state.kind, 'failed');
    created.configure(TINY);
    assert.ok((await scoreText(created, 'a', 'x = 1')).map.complete);
  });

  it('keeps scoring through a change of settings', async () => {
    const created = engine();
    const text = await longText();
    const scoring = scoreText(created, 'a', text);
    created.configure({ ...TINY, threads: 1 });
    assert.ok((await scoring).map.complete);
    const state = created.state;
    assert.ok(state.kind === 'ready' && state.device.threads === 1);
  });

  it('refuses a model that computes something that is not a number', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'surprisal-nan-'));
    try {
      await cp(TINY_MODEL, folder, { recursive: true });
      await poison(folder);
      const created = engine({ ...TINY, folder });
      await assert.rejects(scoreText(created, 'a', 'hello world'), (error: unknown) => {
        assert.ok(error instanceof EngineError);
        assert.equal(error.problem.code, 'non-finite');
        assert.match(error.problem.message, /tiny-test.*page 1/);
        return true;
      });
      assert.equal(created.state.kind, 'ready');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('agrees with the one-shot numbers within float32 when chunks are joined through the cache', async () => {
    const created = engine();
    const text = (await longText()).slice(0, 2500);
    const { map } = await scoreText(created, 'a', text);
    // A text that begins with the same tokens has the same beginning, wherever its chunks end.
    const shorter = await scoreText(created, 'b', text.slice(0, map.layout.ends[399]));
    assert.ok(largestDifference(map.nats.slice(0, 395), shorter.map.nats.slice(0, 395)) < 1e-4);
  });
});

/** Makes the embedding hold NaN, and the manifest agree with that. */
async function poison(folder: string): Promise<void> {
  const { createHash } = await import('node:crypto');
  const manifestFile = join(folder, 'surprisal.json');
  const manifest = JSON.parse(await readFile(manifestFile, 'utf8'));
  const data = Object.keys(manifest.files).find((file) => /embedding/.test(file));
  assert.ok(data, 'the tiny model keeps its embedding in a file of its own');
  const bytes = await readFile(join(folder, data));
  for (let i = 0; i + 4 <= bytes.length; i += 4) {
    bytes.writeUInt32LE(0x7fc00000, i);
  }
  await writeFile(join(folder, data), bytes);
  manifest.files[data].sha256 = createHash('sha256').update(bytes).digest('hex');
  await writeFile(manifestFile, JSON.stringify(manifest));
}
