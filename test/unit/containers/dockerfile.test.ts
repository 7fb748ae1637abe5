// Dockerfile and .dockerignore: pinned, unprivileged, made of what is there, and with a health check that tells the truth.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePort } from '../../../src/simulate/ports.js';
import { ROOT } from './compose-file.js';
import { ALL, allowed, healthCheck, of, STAGES } from './dockerfile.js';

const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

test('every instruction is one, and none fetches from the internet by itself', () => {
  const known = ['FROM', 'RUN', 'WORKDIR', 'COPY', 'ENV', 'USER', 'EXPOSE', 'HEALTHCHECK', 'ENTRYPOINT', 'CMD'];
  deepEqual(
    ALL.filter(([name]) => !known.includes(name)),
    [],
  );
  deepEqual(
    of('RUN').filter((command) => /curl|wget|https?:|sudo/.test(command)),
    [],
  );
});

test('both stages begin with the same Node, a whole version that package.json allows', () => {
  const bases = of('FROM').map((rest) => rest.split(' ')[0]);
  equal(bases.length, 2);
  equal(bases[0], bases[1]);
  const [, major = 0, minor = 0] = (/^node:(\d+)\.(\d+)\.\d+-bookworm-slim$/.exec(bases[0] ?? '') ?? []).map(Number);
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  equal(engines.node, '>=20.17 <21 || >=22.14');
  ok(major > 22 || (major === 22 && minor >= 14), bases[0]);
});

test('what it installs leaves no lists of packages behind', () => {
  for (const command of of('RUN').filter((one) => one.includes('apt-get install'))) {
    match(command, /apt-get update .*--no-install-recommends .*rm -rf \/var\/lib\/apt\/lists/);
  }
});

test('it does not run as root, and starts the server as its first process', () => {
  equal(of('USER', STAGES.final).at(-1), 'node');
  deepEqual(JSON.parse(of('ENTRYPOINT')[0] ?? ''), ['node', '/opt/dragonsink/dist/main.js']);
  deepEqual(JSON.parse(of('CMD')[0] ?? ''), ['server']);
});

test('.dockerignore lets in what it copies, and nothing else', () => {
  const lines = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  equal(lines[0], '*');
  equal(lines.length, allowed().length + 1);
  for (const path of allowed()) ok(existsSync(join(ROOT, path)), path);
  const copied = of('COPY').flatMap((rest) => rest.split(' ').slice(0, -1));
  const wanted = copied
    .filter((path) => path !== '--from=build' && path !== '.')
    .map((path) => path.replace('/build/', ''));
  const made = ['node_modules', 'dist'];
  deepEqual(
    wanted.filter((path) => !allowed().includes(path) && !made.includes(path)),
    [],
  );
});

/** Runs the image's own health check; resolves to its exit code. */
function check(port: number): Promise<number | null> {
  const [command, ...args] = healthCheck();
  equal(command, 'node');
  const child = spawn(process.execPath, args, { env: { HTTP_PORT: String(port) }, stdio: 'ignore' });
  return new Promise((resolve) => child.once('exit', resolve));
}

async function answering(t: TestContext, code: number): Promise<number> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(code).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  t.after(() => deepEqual(asked, ['/readyz']));
  return (server.address() as AddressInfo).port;
}

test('its health check is true: well when the server is ready, and else not', async (t) => {
  equal(await check(await answering(t, 200)), 0);
  equal(await check(await answering(t, 503)), 1);
  equal(await check(await freePort()), 1);
});
