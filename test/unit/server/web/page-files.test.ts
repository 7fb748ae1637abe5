// The page's files: what is served, as what, for how long, and nothing beside them.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { PageFiles } from '../../../../src/server/web/page-files.js';
import { securityHeaders } from '../../../../src/server/web/security-headers.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';

function pageIn(t: TestContext): string {
  const folder = tempFolder(t);
  mkdirSync(join(folder, 'assets'));
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>x</title>');
  writeFileSync(join(folder, 'secret.txt'), 'not of the page');
  writeFileSync(join(folder, 'assets/main-ABCD1234.js'), 'x();'.repeat(1_000));
  writeFileSync(join(folder, 'assets/icon.svg'), '<svg/>');
  writeFileSync(join(folder, 'assets/odd.exe'), 'x');
  return folder;
}

async function serving(
  t: TestContext,
  folder: string,
  tileUrl = '',
): Promise<(path: string, headers?: object) => Promise<Response>> {
  const files = new PageFiles(folder);
  const secure = securityHeaders(tileUrl);
  const server = createServer((request, response) => {
    secure(response);
    if (!files.serve(request.url ?? '', request, response)) response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return (path, headers = {}) => fetch(`http://127.0.0.1:${port}${path}`, { headers: { ...headers } });
}

test('a page is served with what its browser may do with it', async (t) => {
  const get = await serving(t, pageIn(t));
  const index = await get('/');
  assert.deepEqual([index.status, index.headers.get('content-type')], [200, 'text/html; charset=utf-8']);
  assert.equal(index.headers.get('cache-control'), 'no-cache');
  const policy = index.headers.get('content-security-policy') ?? '';
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; /);
  assert.doesNotMatch(policy, /unsafe|\*/);
  assert.equal(index.headers.get('x-content-type-options'), 'nosniff');
  const script = await get('/assets/main-ABCD1234.js');
  assert.equal(script.headers.get('cache-control'), 'public, max-age=31536000, immutable');
  assert.equal(script.headers.get('content-type'), 'text/javascript; charset=utf-8');
  assert.equal(await script.text(), 'x();'.repeat(1_000));
  assert.equal((await get('/assets/icon.svg')).headers.get('cache-control'), 'no-cache');
});

test('what a browser has already is not sent again', async (t) => {
  const get = await serving(t, pageIn(t));
  const etag = (await get('/')).headers.get('etag') ?? '';
  const again = await get('/', { 'if-none-match': etag });
  assert.deepEqual([again.status, await again.text()], [304, '']);
  assert.equal((await get('/', { 'if-none-match': '"other"' })).status, 200);
});

test('it is compressed for who asks, and only then', async (t) => {
  const folder = pageIn(t);
  const files = new PageFiles(folder);
  const served = (encoding: string): { headers: Record<string, unknown>; body: Buffer } => {
    const headers: Record<string, unknown> = {};
    let body: Buffer = Buffer.alloc(0);
    const response = {
      setHeader: (name: string, value: unknown) => Object.assign(headers, { [name]: value }),
      writeHead: () => response,
      end: (data: Buffer) => {
        body = data;
      },
    };
    files.serve('/assets/main-ABCD1234.js', { headers: { 'accept-encoding': encoding } } as never, response as never);
    return { headers, body };
  };
  const [plain, zipped] = [served('identity'), served('br, gzip')];
  assert.equal(plain.headers['content-encoding'], undefined);
  assert.equal(zipped.headers['content-encoding'], 'gzip');
  assert.deepEqual(gunzipSync(zipped.body), plain.body);
});

test('nothing else is there, by whatever way it is asked for', async (t) => {
  const get = await serving(t, pageIn(t));
  for (const path of [
    '/secret.txt',
    '/assets/../secret.txt',
    '/assets/%2e%2e/secret.txt',
    '/assets/',
    '/index.html',
    '/assets/odd.exe',
  ]) {
    assert.equal((await get(path)).status, 404, path);
  }
  assert.equal(new PageFiles(join(tempFolder(t), 'nowhere')).isThere, false);
});

test('tiles of a map come from where the setting says, and from nowhere else', async (t) => {
  for (const [url, origin] of [
    ['https://tiles.example.org/{z}/{x}/{y}.png', 'https://tiles.example.org'],
    ['https://{s}.tiles.example.org:8443/a/{z}/{x}/{y}.png', 'https://*.tiles.example.org:8443'],
  ] as const) {
    const get = await serving(t, pageIn(t), url);
    const policy = (await get('/')).headers.get('content-security-policy') ?? '';
    assert.ok(policy.includes(`img-src 'self' data: ${origin};`), policy);
  }
});
