// The files of the built page, in memory: there are few, and they are asked for again and again.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};
const COMPRESSED = new Set(['.png', '.webp', '.woff2']);
/** The name says what is in it: it never changes. */
const HASHED = /-[A-Z0-9]{8}\./;

interface PageFile {
  readonly type: string;
  readonly etag: string;
  readonly cache: string;
  readonly body: Buffer;
  /** Where that is shorter. */
  readonly gzipped: Buffer | null;
}

export class PageFiles {
  private readonly files = new Map<string, PageFile>();

  /** @param folder with index.html and assets/; it may be missing. */
  constructor(folder: string) {
    const assets = join(folder, 'assets');
    if (existsSync(join(folder, 'index.html'))) this.add('/', join(folder, 'index.html'));
    const entries = existsSync(assets) ? readdirSync(assets, { withFileTypes: true }) : [];
    for (const entry of entries) if (entry.isFile()) this.add(`/assets/${entry.name}`, join(assets, entry.name));
  }

  get isThere(): boolean {
    return this.files.has('/');
  }

  /** False when there is no such file. */
  serve(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const file = this.files.get(path);
    if (file === undefined) return false;
    response.setHeader('cache-control', file.cache);
    response.setHeader('etag', file.etag);
    response.setHeader('vary', 'accept-encoding');
    if (request.headers['if-none-match'] === file.etag) {
      response.writeHead(304).end();
      return true;
    }
    const mayZip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
    const body = mayZip && file.gzipped !== null ? file.gzipped : file.body;
    if (body === file.gzipped) response.setHeader('content-encoding', 'gzip');
    response.writeHead(200, { 'content-type': file.type, 'content-length': body.length });
    response.end(body);
    return true;
  }

  private add(path: string, from: string): void {
    const type = TYPES[extname(from)];
    if (type === undefined) return;
    const body = readFileSync(from);
    const gzipped = COMPRESSED.has(extname(from)) ? body : gzipSync(body);
    this.files.set(path, {
      type,
      etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
      cache: HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
      body,
      gzipped: gzipped.length < body.length ? gzipped : null,
    });
  }
}
