/** Models that are fetched from the hub, for which a server on this computer stands in. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import files, {
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { scanCacheDir } from '@huggingface/hub';
import { CHECKS, checksBeside } from '../../src/model/checks';
import { downloadModel, type ModelChecks } from '../../src/model/download';
import { ModelError } from '../../src/model/errors';
import { openModelFolder } from '../../src/model/folder';
import { hubName, isPlainPath, locateModel, modelsInCache, resolveModel } from '../../src/model/found';
import { HubSite } from '../../src/model/hubSite';
import { HubServer } from '../support/hubServer';
import { HUB_MODEL, ROOT, TINY_MODEL } from '../support/paths';

const NAME = 'someone/small-llama';
const THREAD = join(ROOT, 'dist', 'checks.cjs');

describe('a download from the hub', () => {
  let hub: HubServer;
  let home: string;
  let cache: string;
  let commit: string;

  beforeEach(async () => {
    hub = await HubServer.start();
    commit = await hub.add(NAME, HUB_MODEL, { downloads: 5 });
    home = await mkdtemp(join(await realpath(tmpdir()), 'surprisal-download-'));
    cache = join(home, 'hub');
  });
  afterEach(async () => {
    await hub.close();
    await rm(home, { recursive: true, force: true });
  });

  const environment = () => ({ HF_ENDPOINT: hub.address, HF_HOME: home });
  const site = (more: NodeJS.ProcessEnv = {}) => new HubSite({ ...environment(), ...more }, home);
  const never = () => new AbortController().signal;

  /** Fetches a form of the model. @returns the path of its ONNX file, and how far it was from time to time */
  async function download(
    file: string,
    {
      name = NAME,
      from = site(),
      signal = never(),
      checks = CHECKS,
      heard = (_done: number) => {},
    }: {
      name?: string;
      from?: HubSite;
      signal?: AbortSignal;
      checks?: ModelChecks;
      heard?: (done: number) => void;
    } = {},
  ) {
    const form = (await from.forms(name, signal)).find((one) => one.file === file);
    assert.ok(form, file);
    const progress: [done: number, total: number][] = [];
    const path = await downloadModel(from, form, {
      cache,
      checks,
      signal,
      progress: (done, total) => {
        progress.push([done, total]);
        heard(done);
      },
    });
    return { path, progress, form };
  }

  const requested = (path: RegExp) => hub.requests.filter((line) => path.test(line));

  it('brings all files of a form, each as the hub has it, and nothing of the others', async () => {
    const { path, progress, form } = await download('onnx/model_q4.onnx');
    const snapshot = join(cache, 'models--someone--small-llama', 'snapshots', commit);
    assert.equal(path, join(snapshot, 'onnx', 'model_q4.onnx'));
    const names = (await readdir(snapshot, { recursive: true })).sort();
    assert.deepEqual(names, [
      'config.json',
      'onnx',
      join('onnx', 'model_q4.onnx'),
      join('onnx', 'model_q4.onnx.data'),
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    let size = 0;
    for (const file of names.filter((name) => name !== 'onnx')) {
      const bytes = await readFile(join(snapshot, file));
      assert.ok(bytes.equals(await readFile(join(HUB_MODEL, file))), file);
      size += bytes.length;
    }
    assert.equal(form.bytes, size);
    assert.deepEqual(progress.at(-1), [size, size]);
    assert.ok(progress.every(([done], i) => i === 0 || done >= progress[i - 1][0]));
    assert.deepEqual((await openModelFolder(path)).manifest.name, 'small-llama (model_q4.onnx)');
  });

  it('is in the cache as Hugging Face’s library reads it, and is found there by its name', async () => {
    const { path } = await download('onnx/model_q4.onnx');
    await download('onnx/model.onnx');
    const scanned = await scanCacheDir(cache);
    assert.deepEqual(scanned.warnings, []);
    assert.deepEqual(
      scanned.repos.map(({ id }) => id),
      [{ name: NAME, type: 'model' }],
    );
    const [{ commitOid, refs, files: top }] = scanned.repos[0].revisions;
    assert.equal(commitOid, commit);
    assert.deepEqual(refs, ['main']);
    // It does not look into folders.
    assert.equal(top.length, 3);
    for (const file of top) {
      const name = relative(join(cache, 'models--someone--small-llama', 'snapshots', commit), file.path);
      assert.equal(file.blob.size, (await stat(join(HUB_MODEL, name))).size, name);
    }

    assert.deepEqual(
      (await modelsInCache(cache)).map(({ choice }) => choice),
      [`${NAME}/onnx/model.onnx`, `${NAME}/onnx/model_q4.onnx`],
    );
    const where = (choice: string) => locateModel(resolveModel(choice, tmpdir(), home), environment(), home);
    assert.equal(where(`${NAME}/onnx/model_q4.onnx`), path);
    assert.equal(where(NAME), join(path, '..', '..'));
  });

  it('goes on where it ended: what is there is not fetched again', async () => {
    const size = (await stat(join(HUB_MODEL, 'onnx', 'model.onnx'))).size;
    const half = Math.floor(size / 2);
    const stop = new AbortController();
    // The half of it, and then nothing.
    hub.faults.push((response, bytes) => response.write(bytes.subarray(0, half)));
    const begun = download('onnx/model.onnx', {
      signal: stop.signal,
      heard: (done) => {
        if (done >= half) {
          stop.abort();
        }
      },
    });
    await assert.rejects(begun, { name: 'AbortError' });
    assert.deepEqual(await modelsInCache(cache), [], 'half of a model is none');
    hub.requests.length = 0;
    const { path } = await download('onnx/model.onnx');
    const [range, ...more] = requested(/^GET \/large/);
    assert.deepEqual(more, []);
    assert.match(range, /bytes=\d+-$/);
    const from = Number(/(\d+)-$/.exec(range)?.[1]);
    assert.ok(from > 0 && from <= half, range);
    assert.deepEqual(requested(/^GET .*resolve.*json/), [], 'small files are there, too');
    assert.ok((await readFile(path)).equals(await readFile(join(HUB_MODEL, 'onnx', 'model.onnx'))));

    hub.requests.length = 0;
    await download('onnx/model.onnx');
    assert.deepEqual(requested(/resolve|large/), [], 'a second time there is nothing to fetch');
  });

  it('outlasts a connection that breaks', async () => {
    for (const share of [0.3, 0.5]) {
      hub.faults.push((response, bytes) =>
        response.write(bytes.subarray(0, Math.floor(bytes.length * share)), () => response.destroy()),
      );
    }
    const { path } = await download('onnx/model.onnx');
    assert.ok((await readFile(path)).equals(await readFile(join(HUB_MODEL, 'onnx', 'model.onnx'))));
    assert.equal(requested(/^GET \/large/).length, 3);
  }).timeout(20_000);

  it('keeps nothing that is not what the hub says it is', async () => {
    hub.faults.push((response, bytes) => {
      const damaged = Buffer.from(bytes);
      damaged[1000] ^= 1;
      response.end(damaged);
    });
    await assert.rejects(
      download('onnx/model.onnx'),
      isProblem(/model\.onnx of .* arrived damaged/, /again/),
    );
    const blobs = await readdir(join(cache, 'models--someone--small-llama', 'blobs'));
    assert.equal(blobs.length, 3, `${blobs}`);
    await download('onnx/model.onnx');

    // A part that is there from another time, and longer than the whole.
    const hash = createHash('sha256')
      .update(await readFile(join(HUB_MODEL, 'onnx', 'model_fp16.onnx')))
      .digest('hex');
    const part = join(cache, 'models--someone--small-llama', 'blobs', `${hash}.surprisal-incomplete`);
    await writeFile(part, Buffer.alloc(2_000_000));
    const { path } = await download('onnx/model_fp16.onnx');
    assert.ok((await readFile(path)).equals(await readFile(join(HUB_MODEL, 'onnx', 'model_fp16.onnx'))));
  });

  it('is done by one at a time: others are told so, and find what it has fetched', async () => {
    let release = () => {};
    hub.faults.push((response, bytes) => {
      response.write(bytes.subarray(0, 1000));
      release = () => response.end(bytes.subarray(1000));
    });
    let other: unknown;
    const one = download('onnx/model.onnx', {
      heard: (done) => {
        if (done > 20_000) {
          other ??= download('onnx/model_fp16.onnx').then(
            () => assert.fail('the second one was let through'),
            (error) => error,
          );
        }
      },
    });
    await assert.doesNotReject(async () => {
      while (other === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    });
    assert.ok(
      isProblem(/is being downloaded by another window or program/, /when that is done/)(await other),
    );
    release();
    const { path } = await one;
    assert.ok((await readFile(path)).equals(await readFile(join(HUB_MODEL, 'onnx', 'model.onnx'))));
    await download('onnx/model_fp16.onnx');
    assert.ok(!(await readdir(join(cache, 'models--someone--small-llama'))).includes('surprisal.lock'));
  });

  it('can be given up while a model is looked at, whatever that does', async () => {
    const stop = new AbortController();
    const endless = new URL(`data:text/javascript,for(;;);`);
    const checks = checksBeside(endless as unknown as string);
    const begun = download('onnx/model.onnx', { signal: stop.signal, checks });
    setTimeout(() => stop.abort(), 300);
    await assert.rejects(begun, { name: 'AbortError' });
    // A check that ends at the same time makes no model of it either.
    const late = new AbortController();
    const ending: ModelChecks = {
      ...CHECKS,
      dataFiles: async () => {
        late.abort();
        return [];
      },
    };
    await assert.rejects(download('onnx/model.onnx', { signal: late.signal, checks: ending }), {
      name: 'AbortError',
    });
    assert.deepEqual(await modelsInCache(cache), []);
  });

  it('works where the system has no links', async () => {
    // As on Windows without its developer mode.
    const real = files.symlink;
    files.symlink = () => Promise.reject(Object.assign(new Error('not permitted'), { code: 'EPERM' }));
    try {
      const { path } = await download('onnx/model_q4.onnx');
      assert.ok((await lstat(path)).isFile());
      assert.equal((await openModelFolder(path)).manifest.name, 'small-llama (model_q4.onnx)');
      hub.requests.length = 0;
      await download('onnx/model_q4.onnx');
      assert.deepEqual(requested(/resolve/), []);
      // One that is damaged is fetched again, and once.
      const tokenizer = join(path, '..', '..', 'tokenizer.json');
      await writeFile(tokenizer, '{');
      await download('onnx/model_q4.onnx');
      assert.ok((await readFile(tokenizer)).equals(await readFile(join(HUB_MODEL, 'tokenizer.json'))));
    } finally {
      files.symlink = real;
    }
  });

  it('begins anew where the server has no parts', async () => {
    const bytes = await readFile(join(HUB_MODEL, 'onnx', 'model.onnx'));
    hub.faults.push(
      (response) => response.write(bytes.subarray(0, 300_000), () => response.destroy()),
      (response) => {
        response.statusCode = 200;
        response.removeHeader('Content-Range');
        response.setHeader('Content-Length', bytes.length);
        response.end(bytes);
      },
    );
    const { path } = await download('onnx/model.onnx');
    assert.ok((await readFile(path)).equals(bytes));
  });

  it('writes nowhere else, whatever a repository says', async () => {
    for (const name of [
      'onnx/../../x',
      '../x',
      '/x',
      'onnx\\x',
      'C:x',
      'a/b:c',
      'a/',
      'x.',
      ' /..',
      'x\x1b',
      '',
    ]) {
      assert.ok(!isPlainPath(name), name);
    }
    assert.ok(isPlainPath('onnx/model_q4.onnx_data_1'));
    hub.listed.push('../../evil.onnx', 'onnx/..\\..\\evil.bat', 'onnx/model_[a](command:x).onnx');
    const [form, ...others] = await site().forms(NAME, never());
    assert.equal(others.length, 3);
    assert.ok([...form.files.keys()].every(isPlainPath));
    hub.commit = '../../../evil';
    await assert.rejects(site().forms(NAME, never()), isProblem(/makes no sense/, /./));
  });

  it('quotes nothing of a graph that is no name of a file', async () => {
    const checks: ModelChecks = { ...CHECKS, dataFiles: async () => ['[Repair](command:evil)'] };
    await assert.rejects(download('onnx/model.onnx', { checks }), (error: ModelError) => {
      assert.match(error.message, /has its weights in a file whose name no repository can have/);
      assert.ok(!error.message.includes('command'));
      return true;
    });
  });

  it('says that the disk is full', async () => {
    const { form } = { form: (await site().forms(NAME, never()))[0] };
    const hash = form.files.get('onnx/model.onnx')!.hash.hex;
    const blobs = join(cache, 'models--someone--small-llama', 'blobs');
    await mkdir(blobs, { recursive: true });
    // Writing there fails as on a full disk.
    await symlink('/dev/full', join(blobs, `${hash}.surprisal-incomplete`));
    await assert.rejects(
      download('onnx/model.onnx'),
      isProblem(/^The disk of .*small-llama is full\.$/, /room/),
    );
    const huge = { ...form, parts: form.parts.map((part) => ({ ...part, bytes: 1e18 })) };
    hub.requests.length = 0;
    await assert.rejects(
      downloadModel(site(), huge, { cache, checks: CHECKS, signal: never() }),
      isProblem(/takes 1000000000\.0 GB more, and \d+(\.\d)? [MG]B are free in /, /smaller form/),
    );
    assert.deepEqual(hub.requests, []);
  });

  it('says that its folder cannot be written', async () => {
    await writeFile(cache, 'a file');
    await assert.rejects(download('onnx/model.onnx'), isProblem(/cannot be written \(.*\)\.$/, /HF_HOME/));
  });

  for (const [where, checks] of [
    ['here', CHECKS],
    ['on a thread', checksBeside(THREAD)],
  ] as const) {
    it(`ends before the weights where a model cannot be used, which is looked at ${where}`, async () => {
      const other = join(home, 'other');
      await cp(HUB_MODEL, other, { recursive: true });
      const tokenizer = JSON.parse(await readFile(join(other, 'tokenizer.json'), 'utf8'));
      await writeFile(
        join(other, 'tokenizer.json'),
        JSON.stringify({ ...tokenizer, decoder: { type: 'WordPiece' } }),
      );
      await hub.add('someone/wordpiece', other);
      await assert.rejects(
        download('onnx/model_q4.onnx', { name: 'someone/wordpiece', checks }),
        (error: ModelError) => error.code === 'model-invalid' && /tokenizer\.json/.test(error.message),
      );
      for (const [file, text, why] of [
        [
          'tokenizer.json',
          JSON.stringify({ ...tokenizer, pre_tokenizer: { type: 'Unknown' } }),
          /has a pre_tokenizer that is not known/,
        ],
        ['config.json', '{"architectures":["LlamaForCausalLM"],"bos_token_id":1}', /does not say the width/],
      ] as const) {
        await cp(HUB_MODEL, other, { recursive: true });
        await writeFile(join(other, file), text);
        await hub.add('someone/odd', other);
        await assert.rejects(
          download('onnx/model_q4.onnx', { name: 'someone/odd', checks }),
          (error: ModelError) => error.code === 'model-invalid' && why.test(error.message),
        );
      }
      assert.deepEqual(requested(/large/), []);
      await cp(HUB_MODEL, other, { recursive: true });

      // A graph that is no decoder, whose weights are in another file.
      await cp(join(HUB_MODEL, 'tokenizer.json'), join(other, 'tokenizer.json'));
      await cp(join(TINY_MODEL, 'onnx', 'backbone.onnx'), join(other, 'onnx', 'model_q4.onnx'));
      await hub.add('someone/backbone', other);
      await assert.rejects(
        download('onnx/model_q4.onnx', { name: 'someone/backbone', checks }),
        (error: ModelError) =>
          error.code === 'model-invalid' && /^someone\/backbone\/onnx\/model_q4\.onnx /.test(error.message),
      );
      assert.equal(requested(/large/).length, 1);
      const blobs = await readdir(join(cache, 'models--someone--backbone', 'blobs'));
      assert.equal(blobs.length, 3, 'what cannot be used is not kept');
      // But for what another program has fetched, which may have a use for it.
      const onnx = await readFile(join(other, 'onnx', 'model_q4.onnx'));
      const hash = createHash('sha256').update(onnx).digest('hex');
      const theirs = join(cache, 'models--someone--backbone', 'blobs', hash);
      await writeFile(theirs, onnx);
      await assert.rejects(download('onnx/model_q4.onnx', { name: 'someone/backbone', checks }), {
        code: 'model-invalid',
      });
      assert.ok((await readFile(theirs)).equals(onnx));
      const { path } = await download('onnx/model_q4.onnx', { checks });
      assert.ok(await lstat(path));
    });
  }

  it('names the file of weights that the hub lacks', async () => {
    await hub.add('someone/torn', HUB_MODEL, { without: ['onnx/model_q4.onnx.data'] });
    await assert.rejects(
      download('onnx/model_q4.onnx', { name: 'someone/torn' }),
      isProblem(
        /someone\/torn lacks model_q4\.onnx\.data, in which onnx\/model_q4\.onnx has its weights/,
        /another/,
      ),
    );
  });

  it('sends the user’s token only where it is needed, and to the hub alone', async () => {
    await hub.add('someone/gated', HUB_MODEL, { token: 'hf_secret' });
    await assert.rejects(
      download('onnx/model.onnx', { name: 'someone/gated' }),
      isProblem(/^127\.0\.0\.1:\d+ has no model someone\/gated that anybody may read\.$/, /hf auth login/),
    );
    await assert.rejects(
      download('onnx/model.onnx', { name: 'someone/gated', from: site({ HF_TOKEN: 'hf_other' }) }),
      isProblem(/does not let you read someone\/gated/, /terms/),
    );
    // The server refuses large files to those who come with a token.
    const from = site({ HF_TOKEN: 'hf_secret' });
    await download('onnx/model.onnx', { name: 'someone/gated', from });
    // Nor is it sent with anything else from then on.
    await assert.rejects(from.forms('someone/misspelt', never()), isProblem(/does not let you read/, /name/));
    hub.tokens.length = 0;
    await from.search('secret plans', never());
    await download('onnx/model.onnx', { from });
    assert.deepEqual([...new Set(hub.tokens)], [undefined]);
    // Whoever logs in meanwhile need not start anew.
    const patient = site();
    await assert.rejects(patient.forms('someone/gated', never()), isProblem(/anybody may read/, /./));
    await writeFile(join(home, 'token'), 'hf_secret\n');
    await download('onnx/model_fp16.onnx', { name: 'someone/gated', from: patient });
  });

  it('says why there is nothing to fetch', async () => {
    await assert.rejects(
      site().forms('someone/none', never()),
      isProblem(/has no model someone\/none/, /name/),
    );
    await hub.add('someone/tiny', TINY_MODEL);
    await assert.rejects(
      site().forms('someone/tiny', never()),
      isProblem(/^someone\/tiny has no ONNX file of a decoder/, /onnx-community/),
    );
    await hub.add('someone/mute', HUB_MODEL, { without: ['tokenizer.json'] });
    await assert.rejects(
      site().forms('someone/mute', never()),
      isProblem(/mute has no tokenizer\.json/, /./),
    );
    await assert.rejects(
      site({ HF_HUB_OFFLINE: '1' }).forms(NAME, never()),
      isProblem(/HF_HUB_OFFLINE/, /Unset/),
    );
    await assert.rejects(
      site({ HF_ENDPOINT: 'hub.local' }).forms(NAME, never()),
      isProblem(/^HF_ENDPOINT is no address \(hub\.local\)/, /https:/),
    );
    hub.status = 429;
    await assert.rejects(
      site().search('', never()),
      isProblem(/cannot answer now \(HTTP status 429\)/, /minutes/),
    );
    hub.status = undefined;
    const gone = site();
    await hub.close();
    await assert.rejects(
      gone.forms(NAME, never()),
      isProblem(/^127\.0\.0\.1:\d+ cannot be reached \(.+\)\.$/, /network/),
    );
    hub = await HubServer.start();
  });

  it('finds models by words of their names, the most popular first', async () => {
    await hub.add('other/large-llama', HUB_MODEL, { downloads: 7 });
    const names = async (words: string) =>
      (await site().search(words, never())).map(({ repository }) => repository);
    assert.deepEqual(await names(''), ['other/large-llama', NAME]);
    assert.deepEqual(await names('SMALL'), [NAME]);
    const [first] = await site().search('large', never());
    assert.deepEqual(first, { repository: 'other/large-llama', downloads: 7, licence: 'apache-2.0' });
    const forms = await site().forms(NAME, never());
    assert.deepEqual(
      forms.map(({ file }) => file),
      ['onnx/model.onnx', 'onnx/model_q4.onnx', 'onnx/model_fp16.onnx', 'onnx/model_quantized.onnx'],
    );
  });

  it('links to what it has fetched, by addresses that outlast a move of the folder', async () => {
    const { path } = await download('onnx/model.onnx');
    const target = await readlink(path);
    assert.match(target, /^\.\.[\\/]\.\.[\\/]\.\.[\\/]blobs[\\/][0-9a-f]{64}$/);
  });
});

describe('the name of a model of the hub', () => {
  it('is that of a repository, or of an ONNX file in one', () => {
    assert.deepEqual(hubName('a/b.c-d_e'), { repository: 'a/b.c-d_e', file: undefined });
    assert.deepEqual(hubName('a/b/onnx/model_q4.onnx'), { repository: 'a/b', file: 'onnx/model_q4.onnx' });
    assert.deepEqual(hubName('a/b/model.onnx'), { repository: 'a/b', file: 'model.onnx' });
    for (const other of [
      '',
      'a',
      '/a/b',
      'a/b/',
      'a/b/c',
      'a/../b',
      '../a',
      './a/b',
      'a/b/../model.onnx',
      'C:/a',
    ]) {
      assert.equal(hubName(other), undefined, other);
    }
  });

  it('is a path where there is such a folder, and else names what is in the cache, or is not', async () => {
    const home = await mkdtemp(join(await realpath(tmpdir()), 'surprisal-names-'));
    try {
      const where = (choice: string) =>
        locateModel(resolveModel(choice, home, home), { HF_HOME: home }, home);
      assert.equal(where('~/a/b'), join(home, 'a', 'b'));
      assert.equal(where('/x'), join('/x'));
      assert.equal(where('./a/b'), join(home, 'a', 'b'));
      assert.equal(where('a/b/onnx/model.onnx'), undefined);
      for (const name of ['nobody/none/onnx/model.onnx', 'nobody/none']) {
        await assert.rejects(
          openModelFolder(name),
          isMissing(new RegExp(`^The model ${name} is not on this computer\\.$`)),
        );
      }

      const states = join(home, 'hub', 'models--a--b', 'snapshots');
      await cp(HUB_MODEL, join(states, 'old'), { recursive: true });
      await cp(join(HUB_MODEL, 'config.json'), join(states, 'new', 'config.json'));
      await mkdir(join(home, 'hub', 'models--a--b', 'refs'));
      await writeFile(join(home, 'hub', 'models--a--b', 'refs', 'main'), 'new');
      assert.equal(where('a/b'), join(states, 'old'), 'a configuration alone is no model');
      assert.equal(
        where('a/b/onnx/model.onnx'),
        join(states, 'old', 'onnx', 'model.onnx'),
        'where it is, though not in the main state',
      );
      await mkdir(join(home, 'a', 'b'), { recursive: true });
      assert.equal(where('a/b'), join(home, 'a', 'b'));
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });
});

function isProblem(message: RegExp, advice: RegExp) {
  return isError('download', message, advice);
}

function isMissing(message: RegExp) {
  return isError('model-missing', message, /[Dd]ownload/);
}

function isError(code: ModelError['code'], message: RegExp, advice: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof ModelError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.match(error.advice, advice);
    return true;
  };
}
