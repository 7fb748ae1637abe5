// What `npm run bundle` makes, on both architectures (arm64 under emulation): complete, for old enough systems, and it
// starts, spools, publishes and drains.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { VERSION } from '../../src/base/version.js';
import type { KitStatus } from '../../src/schema/status.js';
import { LinkProxy } from '../../src/simulate/link-proxy.js';
import { Heard } from '../fixtures/heard.js';
import { Listener } from '../fixtures/listener.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, kitFiles } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type Arch, ROOT, unpack } from './bundles.js';

const NEWEST_GLIBC = 2.35;
/** The emulator, and where Debian's cross compiler keeps the libraries. */
const EMULATION = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'];
const ELF_MACHINE: Record<Arch, number> = { x64: 62, arm64: 183 };
/** Emulated, everything takes ten times as long. */
const PATIENCE_MS = 120_000;
const BACKLOG = 40;

function node(arch: Arch, bundle: string): string[] {
  return [...(arch === process.arch ? [] : EMULATION), join(bundle, 'bin/node')];
}

/** Runs the bundle's kit against a broker that it can't reach at first. */
async function drain(t: TestContext, arch: Arch, bundle: string): Promise<void> {
  const heard = new Heard();
  const api = await heard.start();
  t.after(() => heard.stop());
  const broker = await startMosquitto({}, t);
  const proxy = new LinkProxy({ targetHost: '127.0.0.1', targetPort: broker.port });
  const port = await proxy.start();
  t.after(() => proxy.stop());
  proxy.cut();
  const listener = await Listener.on(broker.port, {});
  t.after(() => listener.stop());
  const { configFile, statusPort } = await kitFiles(tempFolder(t), api, port, { mqtt: ['mqtt_delivery = broker'] });
  const [command = '', ...args] = [...node(arch, bundle), join(bundle, 'dist/main.js'), 'kit', '--config', configFile];
  const kit = spawn(command, args, { stdio: 'ignore' });
  t.after(() => kit.kill('SIGKILL'));
  const status = async (): Promise<KitStatus | null> => {
    const answer = await fetch(`http://127.0.0.1:${statusPort}/status`).catch(() => null);
    return answer && ((await answer.json()) as KitStatus);
  };
  for (let n = 0; n < BACKLOG; n += 1) heard.hear(`drone-${n}`);
  await eventually('it spools', async () => ((await status())?.spool.waiting ?? 0) >= BACKLOG, PATIENCE_MS);
  proxy.heal();
  const drained = async (): Promise<boolean> => (await status())?.spool.waiting === 0;
  await eventually('it drains', drained, PATIENCE_MS);
  const ids = new Set(listener.json('wardragon/drones').map((message) => message['id']));
  assert.equal(ids.size, BACKLOG);
  const ended = new Promise((resolve) => kit.once('exit', resolve));
  kit.kill('SIGTERM');
  assert.equal(await ended, 0);
}

for (const arch of ['x64', 'arm64'] as const) {
  describe(`the bundle for ${arch}`, () => {
    let scratch: string;
    let bundle: string;

    before(() => {
      scratch = mkdtempSync(join(tmpdir(), 'dragonsink-bundle-'));
      bundle = unpack(arch, scratch);
    });

    after(() => rmSync(scratch, { recursive: true, force: true }));

    test('has what it needs, and no more', () => {
      execFileSync('sha256sum', ['--check', '--quiet', '--strict', 'SHA256SUMS'], { cwd: bundle });
      for (const name of [
        'install.sh',
        'systemd/dragonsink-kit.service',
        'config/config.ini',
        'LICENSE',
        'bin/node.LICENSE',
      ]) {
        assert.ok(existsSync(join(bundle, name)), name);
      }
      assert.ok(!existsSync(join(bundle, 'dist/simulate')));
      const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
        packages: Record<string, { dev?: boolean; optional?: boolean }>;
      };
      const wanted = Object.keys(packages).filter((name) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(name));
      const present = (name: string): boolean => existsSync(join(bundle, name, 'package.json'));
      assert.deepEqual(
        wanted.filter((name) => packages[name]?.dev === true && present(name)),
        [],
      );
      assert.ok(present('node_modules/better-sqlite3') && present('node_modules/pg'));
      assert.ok(!readdirSync(bundle).includes('test'));
    });

    test('asks for no newer glibc than Ubuntu 22.04 has', () => {
      for (const name of ['bin/node', 'node_modules/better-sqlite3/build/Release/better_sqlite3.node']) {
        const file = join(bundle, name);
        assert.equal(readFileSync(file).readUInt16LE(18), ELF_MACHINE[arch], `${name} is for ${arch}`);
        const text = spawnSync('grep', ['-aoh', 'GLIBC_2\\.[0-9]*', file], { encoding: 'utf8' }).stdout;
        const versions = text
          .trim()
          .split('\n')
          .map((version) => Number(version.replace('GLIBC_2.', '')));
        assert.ok(versions.length > 3, name);
        assert.ok(2 + Math.max(...versions) / 100 <= NEWEST_GLIBC, `${name}: ${Math.max(...versions)}`);
      }
    });

    test('reads ZeroMQ, with the one native part that is for it', () => {
      const addons = readdirSync(join(bundle, 'node_modules/zeromq/build/linux'), { recursive: true });
      assert.equal(addons.filter((name) => String(name).endsWith('.node')).length, 1);
      const [command = '', ...args] = node(arch, bundle);
      const load = "require('zeromq'); process.stdout.write('loaded')";
      assert.equal(execFileSync(command, [...args, '-e', load], { cwd: bundle, encoding: 'utf8' }), 'loaded');
    });

    test('starts, spools, publishes and drains', async (t) => {
      const [command = '', ...args] = [...node(arch, bundle), join(bundle, 'dist/main.js'), '--version'];
      assert.equal(execFileSync(command, args, { encoding: 'utf8' }).trim(), VERSION);
      await drain(t, arch, bundle);
    });
  });
}
