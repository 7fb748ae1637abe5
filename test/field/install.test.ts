// How install.sh fails: it says what is wrong, what was changed and how to go on, and leaves nothing half done. In
// throw-away roots.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { VERSION } from '../../src/base/version.js';
import { everyKind, KIT, kitSpool } from '../fixtures/kit-spool.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type Installed, install, otherVersion, ROOT, unpack } from './bundles.js';

const UNCHANGED = /what was changed: nothing\nwhat to do: \S/;

let scratch: string;
let bundle: string;

before(() => {
  scratch = mkdtempSync(join(tmpdir(), 'dragonsink-install-'));
  chmodSync(scratch, 0o755); // for whoever is not root
  bundle = unpack('x64', scratch);
});

after(() => rmSync(scratch, { recursive: true, force: true }));

/** As little of a system as useradd needs. */
function emptyRoot(t: TestContext): string {
  const root = tempFolder(t);
  chmodSync(root, 0o755);
  mkdirSync(join(root, 'etc'));
  for (const name of ['passwd', 'group', 'shadow', 'gshadow']) writeFileSync(join(root, 'etc', name), '');
  return root;
}

/** A copy of the bundle with something of it changed, its checksums right. */
function changed(name: string, content: string): string {
  return otherVersion(bundle, join(scratch, `changed-${name}`), VERSION, { [name]: content });
}

function assertRefused({ code, err }: Installed, what: RegExp): void {
  assert.equal(code, 1, err);
  assert.match(err, what);
  assert.match(err, UNCHANGED);
}

function assertInstalled(root: string): void {
  assert.equal(readFileSync(join(root, 'opt/dragonsink/ARCH'), 'utf8'), 'x64\n');
  assert.deepEqual(readdirSync(join(root, 'opt')), ['dragonsink']);
  const { stdout } = spawnSync(join(root, 'opt/dragonsink/bin/dragonsink'), ['--version'], { encoding: 'utf8' });
  assert.equal(stdout, `${VERSION}\n`);
}

/** The user and group that it made. */
function ownerIn(root: string): [uid: number, gid: number] {
  const [, uid = '', gid = ''] =
    /^dragonsink:[^:]*:(\d+):(\d+):/m.exec(readFileSync(join(root, 'etc/passwd'), 'utf8')) ?? [];
  return [Number(uid), Number(gid)];
}

/** Takes a port, unless somebody has it already. */
async function take(t: TestContext, port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.once('error', () => resolve());
    server.listen(port, '127.0.0.1', resolve);
  });
  t.after(() => server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

describe('install.sh refuses, and changes nothing,', () => {
  test('when it is not run by root', (t) => {
    const args = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      join(bundle, 'install.sh'),
      '--root',
      emptyRoot(t),
    ];
    const { status, stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8' });
    assertRefused({ code: status ?? -1, out: stdout, err: stderr }, /needs root/);
    assert.match(stderr, /sudo .*install\.sh/);
  });

  test('without systemd', () => {
    const script = 'mount -t tmpfs none /run && exec "$0"';
    const args = ['--mount', 'sh', '-c', script, join(bundle, 'install.sh')];
    const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
    assertRefused({ code: status ?? -1, out: stdout, err: stderr }, /systemd is not running here/);
  });

  test('on another architecture', (t) => {
    assertRefused(install(changed('ARCH', 'arm64\n'), '--root', emptyRoot(t)), /for arm64, and this machine is x64/);
  });

  test('from a damaged bundle', (t) => {
    const damaged = changed('LICENSE', 'as it should be\n');
    writeFileSync(join(damaged, 'LICENSE'), 'not as it should be\n');
    const refused = install(damaged, '--root', emptyRoot(t));
    assertRefused(refused, /the bundle is damaged/);
    assert.match(refused.err, /LICENSE: FAILED/);
  });

  test('from the source', (t) => {
    assertRefused(install(ROOT, '--root', emptyRoot(t)), /is not a bundle/);
  });

  test('into a folder that is no system', (t) => {
    assertRefused(install(bundle, '--root', tempFolder(t)), /there is no system in/);
  });

  test('with files that are not there', (t) => {
    for (const option of ['--config', '--enrol']) {
      assertRefused(
        install(bundle, '--root', emptyRoot(t), option, '/nowhere/file'),
        /there is no file \/nowhere\/file/,
      );
    }
  });

  test('with an enrolment that is damaged, or for another kit', (t) => {
    const root = emptyRoot(t);
    const file = join(root, 'enrol.json');
    const enrolment = JSON.stringify({ v: 1, kit_id: 'wardragon-OTHER', broker: { host: 'b', port: 8883, tls: true } });
    writeFileSync(file, enrolment.slice(0, 50));
    assertRefused(install(bundle, '--root', root, '--enrol', file), /is damaged, or no file of `dragonsink enrol`/);
    mkdirSync(join(root, 'var/lib/wardragon'), { recursive: true });
    writeFileSync(join(root, 'var/lib/wardragon/kit-id'), 'THIS\n');
    writeFileSync(file, enrolment);
    const refused = install(bundle, '--root', root, '--enrol', file);
    assertRefused(refused, /is for the kit wardragon-OTHER, and this is wardragon-THIS/);
    assert.deepEqual(readdirSync(join(root, 'opt')), []);
  });

  test('on a disk that is too small', (t) => {
    onDisk(t, 'size=50m', (root) => {
      const full = /the disk of .*\/opt is full: \d+ MB are needed, \d+ MB are free/;
      assertRefused(install(bundle, '--root', root), full);
    });
  });

  test('when the disk fills up on the way, and takes back what it had copied', (t) => {
    onDisk(t, 'size=400m,nr_inodes=100', (root) => {
      assertRefused(install(bundle, '--root', root), /this failed: copying the program/);
      assert.deepEqual(readdirSync(join(root, 'opt')), []);
    });
  });

  test('when another program has the port that the configuration names', async (t) => {
    const root = emptyRoot(t);
    const port = await take(t, 0);
    mkdirSync(join(root, 'etc/dragonsink'));
    writeFileSync(join(root, 'etc/dragonsink/server.env'), `HTTP_PORT=${port}\n`);
    const refused = install(bundle, '--server', '--root', root);
    assertRefused(refused, new RegExp(`port ${port} is taken by another program`));
    assert.match(refused.err, /set HTTP_PORT to a free one, such as \d+/);
  });

  test('with options that make no sense, and shows those that do', () => {
    for (const args of [['--nonsense'], ['--config'], ['--purge']]) {
      const { code, err } = install(bundle, ...args);
      assert.equal(code, 2, err);
      assert.match(err, /usage: sudo/);
    }
  });
});

/** A root whose /opt is a small disk of its own. */
function onDisk(t: TestContext, options: string, work: (root: string) => void): void {
  const root = emptyRoot(t);
  const folder = join(root, 'opt');
  mkdirSync(folder);
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'none', folder]).status, 0);
  try {
    work(root);
  } finally {
    spawnSync('umount', [folder]);
  }
}

describe('install.sh finishes what was begun', () => {
  test('by a run that was killed while it copied', async (t) => {
    const root = emptyRoot(t);
    const first = spawn(join(bundle, 'install.sh'), ['--root', root], {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    const killed = new Promise((resolve) => first.once('exit', resolve));
    first.stdout.on('data', (text: Buffer) => {
      if (text.includes('- copy')) setTimeout(() => process.kill(-(first.pid ?? 0), 'SIGKILL'), 50);
    });
    await killed;
    assert.ok(!existsSync(join(root, 'opt/dragonsink')));
    assert.equal(install(bundle, '--root', root).code, 0);
    assertInstalled(root);
  });

  test('by an upgrade that was killed between the two renames', (t) => {
    const root = emptyRoot(t);
    assert.equal(install(bundle, '--root', root).code, 0);
    renameSync(join(root, 'opt/dragonsink'), join(root, 'opt/dragonsink.old'));
    const { code, out } = install(bundle, '--root', root);
    assert.equal(code, 0);
    assert.match(out, /put back the program of before/);
    assertInstalled(root);
  });
});

describe('install.sh', () => {
  test('gives a new configuration ports that are free', async (t) => {
    const root = emptyRoot(t);
    await take(t, 4290);
    await take(t, 8095);
    assert.equal(install(bundle, '--root', root).code, 0);
    assert.match(readFileSync(join(root, 'etc/dragonsink/config.ini'), 'utf8'), /^status_port = 42(9[1-9]|\d\d)$/m);
    assert.equal(install(bundle, '--root', root, '--server').code, 0);
    assert.match(readFileSync(join(root, 'etc/dragonsink/server.env'), 'utf8'), /^HTTP_PORT=(809[6-9]|81\d\d)$/m);
  });

  test('upgrades beside a spool that is full, and every row of it stays (F24)', async (t) => {
    const root = emptyRoot(t);
    assert.equal(install(bundle, '--root', root).code, 0);
    const kit = kitSpool(join(root, 'var/lib/dragonsink'));
    const [uid, gid] = ownerIn(root);
    const config = readFileSync(kit.configFile, 'utf8').replace('[SPOOL]', '[SPOOL]\nmax_mb = 1');
    writeFileSync(kit.configFile, config.replace('[MQTT]', '[MQTT]\nmqtt_enabled = false'));
    const spool = kit.open({ maxBytes: 1024 * 1024 });
    const evicted = (): number => [...spool.counts().classes.values()].reduce((sum, one) => sum + one.evicted, 0);
    spool.setKitId(KIT);
    while (evicted() === 0) spool.accept(everyKind(100));
    spool.close();
    for (const name of readdirSync(kit.folder)) chownSync(join(kit.folder, name), uid, gid);
    const command = join(root, 'opt/dragonsink/bin/dragonsink');
    const rows = (): string[] => {
      const { stdout, stderr, status } = spawnSync(command, ['spool', 'export', '--config', kit.configFile], {
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
      return stdout.split('\n').filter((line) => line.includes('"seq"'));
    };
    const before = rows();
    assert.ok(before.length > 500, `${before.length} rows`);
    const { code, out, err } = install(otherVersion(bundle, join(scratch, 'next'), '98.0.0'), '--root', root);
    assert.equal(code, 0, err);
    assert.doesNotMatch(out, /could not be looked into/);
    assert.deepEqual(rows(), before);
    // And when the new program has run on it.
    const running = spawn(command, ['kit', '--config', kit.configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
    t.after(() => running.kill('SIGKILL'));
    const ended = new Promise((resolve) => running.once('exit', resolve));
    await new Promise((resolve) => running.stderr.once('data', resolve));
    await sleep(1_000);
    running.kill('SIGTERM');
    assert.equal(await ended, 0);
    assert.deepEqual(rows(), before);
  });

  test('tries an enrolment before it changes anything, and says what is wrong with it', (t) => {
    const root = emptyRoot(t);
    const [file, other] = [join(root, 'enrol.json'), join(root, 'other.json')];
    const enrolment = (kit_id: string): string =>
      JSON.stringify({
        ...{ v: 1, kit_id, broker: { host: 'broker.example', port: 8883, tls: true } },
        ...{ username: kit_id, password: 'planted-and-secret' },
      });
    writeFileSync(file, enrolment('wardragon-ONE'));
    writeFileSync(other, enrolment('wardragon-TWO'));
    const dry = install(bundle, '--root', root, '--enrol', file, '--dry-run');
    assert.equal(dry.code, 0, dry.err);
    assert.match(dry.out, /would enrol this kit with .*enrol\.json/);
    const done = install(bundle, '--root', root, '--enrol', file);
    assert.equal(done.code, 0, done.err);
    assert.match(done.out, /enrol\.json is in place, and holds a secret: remove it/);
    assert.ok(!(done.out + done.err + dry.out).includes('planted-and-secret'));
    const config = readFileSync(join(root, 'etc/dragonsink/config.ini'), 'utf8');
    assert.match(config, /^mqtt_host = broker\.example$/m);
    assert.match(config, /^mqtt_password_file = \/etc\/dragonsink\/password$/m);
    assertRefused(
      install(bundle, '--root', root, '--enrol', other),
      /other\.json can't be used: .*for the kit wardragon-TWO, and this one is wardragon-ONE/,
    );
    assert.equal(readFileSync(join(root, 'etc/dragonsink/config.ini'), 'utf8'), config);
  });

  test('that is interrupted says how to go on, and leaves nothing half done', async (t) => {
    const root = emptyRoot(t);
    const running = spawn(join(bundle, 'install.sh'), ['--root', root], { stdio: 'pipe', detached: true });
    let err = '';
    running.stderr.on('data', (text: Buffer) => {
      err += text.toString();
    });
    const ended = new Promise((resolve) => running.once('close', resolve));
    // As Ctrl-C does it: to all that run in the foreground.
    running.stdout.on('data', (text: Buffer) => {
      if (text.includes('- copy')) setTimeout(() => process.kill(-(running.pid ?? 0), 'SIGINT'), 50);
    });
    assert.equal(await ended, 1);
    assert.match(err, /install\.sh: it was interrupted\nwhat was changed: nothing\nwhat to do: run it again/);
    assert.deepEqual(readdirSync(join(root, 'opt')), []);
  });

  test('never overwrites a configuration: another one lies beside it', (t) => {
    const root = emptyRoot(t);
    const [config, other] = [join(root, 'etc/dragonsink/config.ini'), join(root, 'other.ini')];
    assert.equal(install(bundle, '--root', root).code, 0);
    writeFileSync(config, '# mine\n');
    writeFileSync(other, '# other\n');
    const { code, out } = install(bundle, '--root', root, '--config', other);
    assert.equal(code, 0);
    assert.match(out, /config\.ini is there already and stays/);
    assert.equal(readFileSync(config, 'utf8'), '# mine\n');
    assert.equal(readFileSync(`${config}.new`, 'utf8'), '# other\n');
  });
});
