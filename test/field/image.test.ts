// The image without a Docker: the Dockerfile's own commands in a folder of their own, and what they leave in a root that holds
// nothing else, read-only, run by the image's user with what compose.yaml gives it, on a real broker and database.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, suite, type TestContext, test } from 'node:test';
import { connectAsync } from 'mqtt';
import { Client } from 'pg';
import { freePort } from '../../src/simulate/ports.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { psql } from '../fixtures/postgres.js';
import { usePostgres } from '../fixtures/postgres-harness.js';
import { eventually } from '../fixtures/processes.js';
import { type Env, loadCompose, makeEnv, ROOT } from '../unit/containers/compose-file.js';
import { allowed, healthCheck, of, STAGES } from '../unit/containers/dockerfile.js';

/** The image's user `node`. */
const UID = 1000;
const PATH = `${dirname(process.execPath)}:/usr/bin:/bin`;
/** As long as the Dockerfile gives its health check. */
const CHECK_MS = 5_000;

/**
 * Makes a root out of the folder that it is given: the image's files, the machine's programs, a /proc and a /tmp; everything
 * but that /tmp read-only, and the image's own folder unless there is a VOLUME. Then runs a command in it as the image's user,
 * without any right.
 */
const ENTER = `
set -e
mount --make-rprivate /
mount --bind "$ROOT" "$ROOT"
mount --bind "$ROOT/var/lib/dragonsink" "$ROOT/var/lib/dragonsink"
mount -o remount,bind,ro "$ROOT"
[ -z "$VOLUME" ] && mount -o remount,bind,ro "$ROOT/var/lib/dragonsink"
mount --rbind -o ro /usr "$ROOT/usr"
mount -t proc proc "$ROOT/proc"
mount -t tmpfs tmpfs "$ROOT/tmp"
mount --rbind /dev "$ROOT/dev"
exec chroot "$ROOT" /usr/bin/setpriv --reuid=${UID} --regid=${UID} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
`;

const postgres = usePostgres();
let folder: string;
let root: string;

/** The build stage, with the dependencies of this clone in the place of `npm ci`; then the final stage's. */
function build(): void {
  const context = join(folder, 'build');
  mkdirSync(context);
  for (const name of [...allowed(), 'node_modules']) {
    execFileSync('cp', ['-a', '--parents', name, context], { cwd: ROOT });
  }
  rmSync(join(context, 'node_modules/.cache'), { recursive: true, force: true });
  const env = { PATH, HOME: folder };
  const commands = of('RUN', STAGES.build);
  const own = commands.slice(commands.findIndex((command) => command.startsWith('npm ci')) + 1);
  assert.equal(own.length, 1);
  for (const command of own)
    execFileSync('sh', ['-ec', command], { cwd: context, env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [workdir = ''] = of('WORKDIR', STAGES.final);
  for (const copied of of('COPY', STAGES.final)) {
    const [stage, ...paths] = copied.split(' ');
    const to = join(root, workdir, paths.pop() ?? '');
    assert.equal(stage, '--from=build');
    for (const path of paths) {
      const one = path.replace('/build', context);
      cpSync(one, paths.length > 1 ? join(to, basename(one)) : to, { recursive: true, verbatimSymlinks: true });
    }
  }
  const [made = ''] = of('RUN', STAGES.final);
  assert.match(made, /^install -d -o node -g node \/var\/lib\/dragonsink$/);
  execFileSync('install', ['-d', '-o', String(UID), '-g', String(UID), join(root, 'var/lib/dragonsink')]);
  for (const name of ['run/secrets', 'usr', 'proc', 'tmp', 'dev']) mkdirSync(join(root, name), { recursive: true });
  for (const name of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(root, name));
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'dragonsink-image-'));
  root = join(folder, 'root');
  mkdirSync(root);
  for (const path of [folder, root]) chmodSync(path, 0o755);
  build();
});

after(() => rmSync(folder, { recursive: true, force: true }));

const ENTRYPOINT = [...of('ENTRYPOINT', STAGES.final), ...of('CMD', STAGES.final)].flatMap(
  (rest) => JSON.parse(rest) as string[],
);

/** How such a command is begun; without `volume` the image's folder can't be written to either. */
function inside(argv: readonly string[], env: Env, volume = ''): { command: string; args: string[]; env: Env } {
  const variables = Object.entries({ ...env, PATH, NODE_ENV: 'production' }).map(([name, value]) => `${name}=${value}`);
  return {
    command: 'unshare',
    args: ['--mount', 'sh', '-c', ENTER, 'sh', '/usr/bin/env', '-i', ...variables, ...argv],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ROOT: root, VOLUME: volume },
  };
}

interface Container {
  readonly child: ChildProcess;
  log(): string;
  /** What Docker would say: the health check's word, within its time. */
  healthy(): boolean;
  stop(): Promise<number | null>;
}

function startContainer(t: TestContext, env: Env, volume = ''): Container {
  const { command, args, env: around } = inside(ENTRYPOINT, env, volume);
  const child = spawn(command, args, { env: around, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  t.after(() => {
    child.kill('SIGKILL');
    return ended;
  });
  return {
    child,
    log: () => log,
    healthy: () => {
      const check = inside(healthCheck(), env);
      return (
        spawnSync(check.command, check.args, { env: check.env, timeout: CHECK_MS, killSignal: 'SIGKILL' }).status === 0
      );
    },
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** What compose.yaml gives the server, with the places of broker and database on this machine. */
async function composeEnv(t: TestContext, broker: { port: number }): Promise<{ env: Env; url: string }> {
  const given = makeEnv(t);
  const { services } = loadCompose({ ...given, MQTT_BROKER_HOST: '127.0.0.1', MQTT_BROKER_PORT: String(broker.port) });
  const environment: Env = services['server']?.environment ?? {};
  const url = new URL(postgres().createDatabase());
  psql(
    url.href,
    ...['-v', `ingest_password=${given['DB_PASSWORD']}`, '-v', `maintain_password=${given['DB_PASSWORD']}`],
    ...['-f', join(ROOT, 'config/roles.sql')],
  );
  const here = (text = ''): string => text.replace('timescaledb:5432/dragonsink', `${url.host}${url.pathname}`);
  const token = join(root, environment['HTTP_TOKEN_FILE'] ?? '');
  writeFileSync(token, 'a-token-of-this-test', { mode: 0o400 });
  execFileSync('chown', [String(UID), token]);
  return {
    env: {
      ...environment,
      DATABASE_URL: here(environment['DATABASE_URL']),
      DATABASE_MAINTAIN_URL: here(environment['DATABASE_MAINTAIN_URL']),
      HTTP_PORT: String(await freePort()),
    },
    url: url.href,
  };
}

suite('the image', () => {
  test('holds what the server needs, and not what makes or tries it', () => {
    const program = join(root, 'opt/dragonsink');
    for (const name of ['dist/main.js', 'dist/page/index.html', 'config/roles.sql', 'package.json', 'LICENSE']) {
      assert.ok(existsSync(join(program, name)), name);
    }
    const modules = [
      'typescript',
      'esbuild',
      'tsx',
      '@biomejs/biome',
      'zeromq',
      'better-sqlite3/deps',
      'better-sqlite3/src',
    ];
    for (const name of [
      'dist/simulate',
      'src',
      'test',
      '.npmrc',
      ...modules.map((module) => `node_modules/${module}`),
    ]) {
      assert.ok(!existsSync(join(program, name)), name);
    }
    const kilobytes = Number.parseInt(execFileSync('du', ['-sk', program], { encoding: 'utf8' }), 10);
    assert.ok(kilobytes < 48_000, `${kilobytes} kB beside Node`);
  });

  test('serves with what compose.yaml gives it, and its health is true', async (t) => {
    const broker = await startMosquitto({}, t);
    const { env, url } = await composeEnv(t, broker);
    const { child, log, healthy, stop } = startContainer(t, env);
    assert.match(of('HEALTHCHECK')[0] ?? '', new RegExp(`--timeout=${CHECK_MS / 1_000}s `));
    await eventually('its health', healthy).catch((error: unknown) => {
      throw new Error(log(), { cause: error });
    });
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    assert.match(status, new RegExp(`^Uid:\\s+${UID}\\s+${UID}\\s+${UID}\\s+${UID}$`, 'm'));
    assert.match(status, /^CapEff:\s+0+$/m);
    assert.match(status, /^CapBnd:\s+0+$/m);
    const kit = await connectAsync(broker.url, { protocolVersion: 5 }, false);
    t.after(() => kit.endAsync(true));
    const observed_at = Date.now() / 1_000;
    const drone = { id: 'drone-1', seen_by: 'wardragon-A', observed_at, lat: 1, lon: 2 };
    await kit.publishAsync('wardragon/drones', JSON.stringify(drone), { qos: 1 });
    const database = new Client({ connectionString: url });
    await database.connect();
    const rows = (): Promise<number> => database.query('SELECT 1 FROM drones').then(({ rowCount }) => rowCount ?? 0);
    await eventually('its row', async () => (await rows()) === 1).finally(() => database.end());

    child.kill('SIGSTOP');
    assert.ok(!healthy(), 'it hangs');
    child.kill('SIGCONT');
    await eventually('its health after it hung', healthy);
    await postgres().pgCtl('stop', '-m', 'immediate');
    await eventually('its word of the database', () => !healthy());
    await postgres().pgCtl('start');
    await eventually('its health with the database', healthy, 60_000);
    await broker.stop();
    await eventually('its word of the broker', () => !healthy());
    await broker.start();
    await eventually('its health with the broker', healthy, 60_000);
    assert.equal(await stop(), 0, log());
    assert.ok(!healthy(), 'it is gone');
  });

  test('can write nowhere but into /tmp', () => {
    const wanted = ['/opt/dragonsink/x', '/var/lib/dragonsink/x', '/run/secrets/x', '/x', '/tmp/x'];
    const attempt = 'for f; do if touch "$f"; then echo "$f"; fi; done 2>/dev/null';
    const { command, args, env } = inside(['sh', '-c', attempt, 'sh', ...wanted], {});
    const { stdout } = spawnSync(command, args, { env, encoding: 'utf8' });
    assert.equal(stdout, '/tmp/x\n');
  });

  test('alone, with a volume at /var/lib/dragonsink, it keeps what comes there', async (t) => {
    const broker = await startMosquitto({}, t);
    const env = { MQTT_BROKER_PORT: String(broker.port), HTTP_PORT: String(await freePort()) };
    const { log, healthy, stop } = startContainer(t, env, 'yes');
    await eventually('its health', healthy).catch((error: unknown) => {
      throw new Error(log(), { cause: error });
    });
    assert.equal(statSync(join(root, 'var/lib/dragonsink/server.db')).uid, UID);
    assert.equal(await stop(), 0, log());
  });
});
