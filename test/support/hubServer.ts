/** Stands in for Hugging Face's hub, which tests cannot reach: the parts of its API that downloads use, over folders of this computer. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative, sep } from 'node:path';

/** Files of a listing's page: few, so that there are several. */
const PAGE = 4;

interface StoredFile {
  readonly path: string;
  readonly bytes: Buffer;
  /** Large files are kept apart, by their SHA-256. */
  readonly sha256: string | undefined;
  /** git's hash of it, or of the pointer to it. */
  readonly oid: string;
}

interface Repository {
  readonly name: string;
  readonly commit: string;
  readonly files: readonly StoredFile[];
  readonly downloads: number;
  /** Who may read it; undefined for everybody. */
  readonly token: string | undefined;
}

/** What is said of a repository. */
export interface RepositoryOptions {
  readonly downloads?: number;
  readonly token?: string;
  /** Paths of files that it lacks. */
  readonly without?: readonly string[];
}

/** What may be wrong with an answer that brings a large file: it gets the response, and the bytes that it should have. */
export type Fault = (response: ServerResponse, bytes: Buffer) => void;

/** The server. */
export class HubServer {
  /** What was asked: `GET /path`, and the range of it. */
  readonly requests: string[] = [];
  /** For the next answers with large files, one each; `undefined` leaves one as it is. */
  readonly faults: (Fault | undefined)[] = [];
  /** The tokens that came with requests; undefined for none. */
  readonly tokens: (string | undefined)[] = [];
  /** Files that listings have besides, by names that they cannot have. */
  readonly listed: string[] = [];
  /** Said to be the commit of every repository, where it is set. */
  commit: string | undefined;
  /** What all are answered with, where it is set. */
  status: number | undefined;
  readonly #repositories = new Map<string, Repository>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      try {
        this.#answer(request, response);
      } catch (error) {
        response.writeHead(500).end(String(error));
      }
    });
  }

  /** @param port 0 for any */
  static async start(port = 0): Promise<HubServer> {
    const hub = new HubServer();
    await new Promise<void>((resolve) => hub.#server.listen(port, '127.0.0.1', resolve));
    return hub;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @returns its commit */
  async add(name: string, folder: string, options: RepositoryOptions = {}): Promise<string> {
    const files: StoredFile[] = [];
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const place = join(entry.parentPath, entry.name);
      const path = relative(folder, place).replaceAll(sep, '/');
      if (entry.isFile() && !options.without?.includes(path)) {
        const bytes = await readFile(place);
        const sha256 = /\.onnx/.test(path) ? createHash('sha256').update(bytes).digest('hex') : undefined;
        const kept =
          sha256 === undefined
            ? bytes
            : Buffer.from(
                `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${bytes.length}\n`,
              );
        files.push({ path, bytes, sha256, oid: gitHash(kept) });
      }
    }
    const commit = createHash('sha1')
      .update(files.map(({ path, oid }) => `${oid} ${path}`).join('\n'))
      .digest('hex');
    const { downloads = 0, token } = options;
    this.#repositories.set(name, { name, commit, files, downloads, token });
    return commit;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '', this.address);
    const { authorization, range } = request.headers;
    this.tokens.push(authorization);
    if (this.status !== undefined) {
      response.writeHead(this.status).end();
      return;
    }
    if (authorization !== undefined && !this.#knows(authorization)) {
      // Even of what all may read.
      response.writeHead(401).end(JSON.stringify({ error: 'Invalid credentials in Authorization header' }));
      return;
    }
    this.requests.push(`${request.method} ${pathname}${range === undefined ? '' : ` ${range}`}`);
    if (pathname === '/api/models') {
      this.#search(searchParams, response);
      return;
    }
    const large = /^\/large\/(\w+)$/.exec(pathname)?.[1];
    if (large !== undefined) {
      const file = [...this.#repositories.values()]
        .flatMap(({ files }) => files)
        .find(({ sha256 }) => sha256 === large);
      // Where large files lie is no business of the hub's tokens.
      if (authorization !== undefined || !file) {
        response.writeHead(400).end();
        return;
      }
      sendFile(response, file.bytes, range, this.faults.shift());
      return;
    }
    const [, name, what, rest] =
      /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/(.*)$/.exec(pathname) ??
      /^\/([^/]+\/[^/]+)\/(resolve)\/(.*)$/.exec(pathname) ??
      [];
    const repository = this.#repositories.get(name);
    if (!repository || (repository.token !== undefined && authorization !== `Bearer ${repository.token}`)) {
      // Of what is not there, too: it does not say what is.
      response.writeHead(401, { 'X-Error-Code': repository ? 'GatedRepo' : 'RepoNotFound' });
      response.end(JSON.stringify({ error: 'Invalid username or password.' }));
      return;
    }
    const [revision, ...path] = rest.split('/').map(decodeURIComponent);
    if (!['HEAD', 'main', repository.commit].includes(revision)) {
      response.writeHead(404, { 'X-Error-Code': 'RevisionNotFound' }).end();
    } else if (what === 'revision') {
      sendJson(response, { ...about(repository), sha: this.commit ?? repository.commit });
    } else if (what === 'tree') {
      this.#list(repository, pathname, searchParams, response);
    } else {
      this.#resolve(repository, path.join('/'), range, response);
    }
  }

  #knows(authorization: string): boolean {
    return [...this.#repositories.values()].some(({ token }) => authorization === `Bearer ${token}`);
  }

  #search(parameters: URLSearchParams, response: ServerResponse): void {
    const words = (parameters.get('search') ?? '').toLowerCase();
    const found = [...this.#repositories.values()]
      .filter(({ name }) => name.toLowerCase().includes(words))
      .sort((a, b) => b.downloads - a.downloads);
    sendJson(response, found.map(about));
  }

  #list(
    { files }: Repository,
    pathname: string,
    parameters: URLSearchParams,
    response: ServerResponse,
  ): void {
    const from = Number(parameters.get('cursor') ?? 0);
    const next = new URL(pathname, this.address);
    next.search = String(
      new URLSearchParams({ ...Object.fromEntries(parameters), cursor: String(from + PAGE) }),
    );
    if (from + PAGE < files.length) {
      response.setHeader('Link', `<${next}>; rel="next"`);
    }
    const others = this.listed.map((path) => ({
      type: 'file',
      oid: gitHash(Buffer.from('')),
      size: 0,
      path,
    }));
    sendJson(response, [
      ...(from === 0 ? others : []),
      ...files.slice(from, from + PAGE).map(({ path, bytes, sha256, oid }) => ({
        type: 'file',
        oid,
        size: bytes.length,
        path,
        ...(sha256 === undefined ? {} : { lfs: { oid: sha256, size: bytes.length, pointerSize: 134 } }),
      })),
    ]);
  }

  #resolve(
    { files, commit }: Repository,
    path: string,
    range: string | undefined,
    response: ServerResponse,
  ): void {
    const file = files.find((one) => one.path === path);
    if (!file) {
      response.writeHead(404, { 'X-Error-Code': 'EntryNotFound' }).end();
      return;
    }
    const { sha256, bytes, oid } = file;
    response.setHeader('X-Repo-Commit', commit);
    if (sha256 === undefined) {
      response.setHeader('ETag', `"${oid}"`);
      sendFile(response, bytes, range, undefined);
    } else {
      // As on another host: a browser's and Node's fetch leave the token behind.
      const address = this.address.replace('127.0.0.1', 'localhost');
      response.writeHead(302, {
        Location: `${address}/large/${sha256}`,
        'X-Linked-ETag': `"${sha256}"`,
        'X-Linked-Size': String(bytes.length),
      });
      response.end();
    }
  }
}

function about({ name, downloads, token }: Repository) {
  return {
    _id: gitHash(Buffer.from(name)).slice(0, 24),
    id: name,
    pipeline_tag: 'text-generation',
    private: false,
    gated: token === undefined ? false : 'auto',
    downloads,
    likes: 0,
    lastModified: '2026-01-01T00:00:00.000Z',
    tags: ['onnx', 'text-generation', 'license:apache-2.0'],
  };
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(value));
}

function sendFile(
  response: ServerResponse,
  all: Buffer,
  range: string | undefined,
  fault: Fault | undefined,
): void {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  const bytes = all.subarray(from);
  response.statusCode = range === undefined ? 200 : 206;
  if (range !== undefined) {
    response.setHeader('Content-Range', `bytes ${from}-${all.length - 1}/${all.length}`);
  }
  response.setHeader('Content-Length', bytes.length);
  if (fault) {
    fault(response, bytes);
  } else {
    response.end(bytes);
  }
}

function gitHash(bytes: Buffer): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}
