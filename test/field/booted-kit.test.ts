// A kit from the bundle to its removal, on a Debian that is booted with systemd and has no network: installed by
// install.sh, watched, killed, upgraded with a backlog, and taken away again.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../../src/base/backoff.js';
import { VERSION } from '../../src/base/version.js';
import type { KitStatus } from '../../src/schema/status.js';
import { DatedAuthority } from '../fixtures/dated-certificates.js';
import { eventually } from '../fixtures/processes.js';
import { BUNDLE, bootWithDragonSync, CONFIG, DRAGONSYNC, KIT, RENEW, SERVER } from './kit-machine.js';
import { Machine } from './machine.js';

/** Longer than the watchdog waits, twice over. */
const SILENCE_MS = 26_000;

let machine: Machine;
let scratch: string;

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'dragonsink-bundles-'));
  machine = Machine.make();
  await bootWithDragonSync(machine);
});

after(async () => {
  await machine?.end();
  rmSync(scratch, { recursive: true, force: true });
});

async function property(name: string, unit = KIT): Promise<string> {
  return machine.ok('systemctl', 'show', '--value', '--property', name, unit);
}

async function status(): Promise<KitStatus> {
  const { out, err } = await machine.run('dragonsink', 'status', '--json');
  try {
    return JSON.parse(out) as KitStatus;
  } catch {
    throw new Error(`dragonsink status: ${out}${err}`);
  }
}

function kill(signal: string, pid: string): Promise<string> {
  return machine.ok('kill', `-${signal}`, pid);
}

/** Running, as another process than before. */
function restarted(pid: string): Promise<true> {
  return eventually(
    'the service runs again',
    async () => (await property('MainPID')) !== pid && (await property('ActiveState')) === 'active',
    60_000,
  );
}

/** Every file that install.sh may touch, with its time and owner. */
function files(): Promise<string> {
  const folders = ['/etc', '/opt', '/usr', '/var/lib', '/home'];
  return machine.ok('find', ...folders, '-newer', '/etc/hostname', '-printf', '%p %m %U %G %T@\n');
}

/** The messages that wait, each once. */
async function waiting(): Promise<string[]> {
  const lines = (await machine.ok('dragonsink', 'spool', 'export')).split('\n');
  return lines.filter((line) => line.includes('"seq"')).sort();
}

describe('install.sh', () => {
  test('refuses a configuration that is wrong, and has changed nothing', async () => {
    machine.write('/root/wrong.ini', '[MQTT]\nmqtt_port = lots\n');
    const before = await files();
    const { code, err } = await machine.run(`${BUNDLE}/install.sh`, '--config', '/root/wrong.ini');
    assert.equal(code, 1);
    assert.match(err, /wrong\.ini can't be used/);
    assert.match(err, /mqtt_port/);
    assert.match(err, /mqtt_host/);
    assert.match(err, /what was changed: nothing\nwhat to do: mend it/);
    assert.equal((await machine.run('test', '-e', '/opt/dragonsink.new')).code, 1);
    const after = await files();
    assert.equal(after.replace(/^\/opt .*\n?/m, ''), before.replace(/^\/opt .*\n?/m, ''));
  });

  test('with --dry-run says each change, and makes none', async () => {
    const before = await files();
    const said = await machine.ok(`${BUNDLE}/install.sh`, '--dry-run');
    for (const change of [
      /make the system user dragonsink/,
      /write .*config\.ini .*mqtt_host/,
      /start dragonsink-kit/,
    ]) {
      assert.match(said, new RegExp(`would ${change.source}`));
    }
    assert.match(said, /nothing was changed$/);
    assert.equal(await files(), before);
  });

  test('brings a kit to where it spools and sends, with nothing but the bundle', async () => {
    const said = await machine.ok(`${BUNDLE}/install.sh`);
    assert.match(said, /found DragonSync: its service in \/home\/dragon\/WarDragon\/DragonSync, API port 8099/);
    assert.match(said, new RegExp(`dragonsink ${VERSION} runs as ${KIT}`));
    assert.match(said, /What to do next:/);
    assert.equal(await property('ActiveState'), 'active');
    assert.equal(await property('User'), 'dragonsink');
    assert.equal(await property('UnitFileState'), 'enabled');
    const { counts } = await eventually('it sends', async () => {
      const now = await status();
      return now.counts.delivered > 0 && now;
    });
    assert.ok(counts.accepted > 0);
  });

  test('takes over what DragonSync was told, and leaves its folder alone', async () => {
    const config = await machine.ok('cat', '/etc/dragonsink/config.ini');
    for (const line of [
      'api_url = http://127.0.0.1:8099',
      'mqtt_host = 127.0.0.1',
      'mqtt_password_file = /etc/dragonsink/secret',
    ]) {
      assert.ok(config.includes(`\n${line}\n`), line);
    }
    const modes = await machine.ok('stat', '-c', '%n %a %U:%G', '/etc/dragonsink/config.ini', '/etc/dragonsink/secret');
    assert.equal(modes, '/etc/dragonsink/config.ini 640 root:dragonsink\n/etc/dragonsink/secret 640 root:dragonsink');
    assert.equal(await machine.ok('cat', `${DRAGONSYNC}/config.ini`), CONFIG.trim());
    assert.equal(await machine.ok('ls', DRAGONSYNC), 'certs\nconfig.ini\ndragonsync.py');
  });

  test('run again changes nothing, and lets the service run', async () => {
    const [pid, before] = [await property('MainPID'), await files()];
    assert.match(await machine.ok(`${BUNDLE}/install.sh`), /is there already/);
    assert.equal(await property('MainPID'), pid);
    const own = (text: string): string => text.replaceAll(/^\/var\/lib\/dragonsink.*\n?/gm, '');
    assert.equal(own(await files()), own(before));
  });
});

describe('the service', () => {
  test('starts again after kill -9, with its spool', async () => {
    const [pid, { counts }] = [await property('MainPID'), await status()];
    await kill('KILL', pid);
    await restarted(pid);
    assert.ok((await status()).counts.accepted >= counts.accepted);
  });

  test('that hangs is ended and started again by the watchdog', async () => {
    const pid = await property('MainPID');
    await kill('STOP', pid);
    await restarted(pid);
    const log = await machine.ok('journalctl', '--unit', KIT, '--output', 'cat', '--no-pager');
    assert.match(log, /Watchdog timeout/);
  });

  test('is started again, too, when only its pipeline hangs and its timers go on', async () => {
    const [pid, dragonsync] = [await property('MainPID'), await property('MainPID', 'dragonsync.service')];
    await kill('USR2', pid);
    await kill('STOP', dragonsync);
    await restarted(pid);
    await kill('CONT', dragonsync);
    const log = await machine.ok('journalctl', '--unit', KIT, '--output', 'cat', '--no-pager');
    assert.match(log, /"msg":"stuck: DragonSync's API is not asked any more/);
  });

  test('outlives a DragonSync that answers nothing for longer than the watchdog waits', async () => {
    const dragonsync = await property('MainPID', 'dragonsync.service');
    // A test machine that stood still itself proves nothing: then once more.
    for (let tries = 0; ; tries += 1) {
      const [pid, startedAt] = [await property('MainPID'), performance.now()];
      await kill('STOP', dragonsync);
      await sleep(SILENCE_MS);
      await kill('CONT', dragonsync);
      if (performance.now() - startedAt > 1.5 * SILENCE_MS && tries < 2) continue;
      assert.equal(await property('MainPID'), pid);
      break;
    }
  });

  test('says an outage in two lines, and none of its secrets', async () => {
    const cursor = await machine.ok('journalctl', '--lines', '0', '--show-cursor', '--quiet');
    await machine.ok('systemctl', 'stop', 'mosquitto');
    await eventually('a backlog', async () => (await status()).spool.waiting > 30, 60_000);
    const log = await machine.ok('journalctl', '--unit', KIT, '--output', 'cat', '--no-pager');
    const since = ['--after-cursor', cursor.replace('-- cursor: ', '')];
    const outage = await machine.ok('journalctl', ...since, '--unit', KIT, '--output', 'cat', '--no-pager');
    assert.ok(outage.split('\n').length <= 2, outage);
    assert.ok(!log.includes('a-password'));
    const warnings = ['--priority', 'warning', '--unit', KIT, '--output', 'cat', '--no-pager'];
    assert.match(await machine.ok('journalctl', ...since, ...warnings), /"msg":"broker: /);
  });
});

describe('an upgrade', () => {
  test('with a backlog keeps every message, and lets a changed template lie beside the configuration', async () => {
    await machine.ok('systemctl', 'stop', 'dragonsync');
    await sleep(3_000); // what was heard last is in the spool
    const [before, config] = [await waiting(), await machine.ok('cat', '/etc/dragonsink/config.ini')];
    assert.ok(before.length > 30);
    const said = await machine.ok('/root/next/install.sh');
    assert.match(said, /dragonsink 98\.0\.0 runs as/);
    assert.match(said, /config\.ini\.new/);
    assert.equal(await machine.ok('dragonsink', '--version'), '98.0.0');
    assert.deepEqual(await waiting(), before);
    assert.equal(await machine.ok('cat', '/etc/dragonsink/config.ini'), config);
    assert.match(await machine.ok('tail', '-n', '1', '/etc/dragonsink/config.ini.new'), /# more/);
  });

  test('that does not start gives the one of before back', async () => {
    const { code, err } = await machine.run('/root/broken/install.sh');
    assert.equal(code, 1);
    assert.match(err, /does not start with dragonsink 99\.0\.0; the one of before is back and runs/);
    assert.match(err, /broken as intended/);
    assert.equal(await machine.ok('dragonsink', '--version'), '98.0.0');
    assert.equal(await property('ActiveState'), 'active');
  });

  test('that fails on the way lets what ran run again, and is finished by the next run', async () => {
    const completion = '/usr/local/share/bash-completion/completions/dragonsink';
    await machine.ok('sh', '-c', `rm ${completion} && mkdir ${completion}`);
    const { code, err } = await machine.run(`${BUNDLE}/install.sh`);
    assert.equal(code, 1);
    assert.match(err, /this failed: write the shell completion/);
    assert.match(err, /start dragonsink-kit.service again\nwhat to do: /);
    assert.equal(await property('ActiveState'), 'active');
    await machine.ok('rmdir', completion);
    assert.match(await machine.ok('/root/next/install.sh'), /dragonsink 98\.0\.0 runs as/);
  });

  test('that would not start with the configuration there is, is refused while the service runs on', async () => {
    const config = '/etc/dragonsink/config.ini';
    const [text, pid] = [readFileSync(join(machine.root, config), 'utf8'), await property('MainPID')];
    await machine.ok('sh', '-c', `sed -i 's/^mqtt_host.*/mqtt_port = lots/' ${config}`);
    const { code, err } = await machine.run(`${BUNDLE}/install.sh`);
    assert.equal(code, 1);
    assert.match(err, /would not start with \/etc\/dragonsink\/config\.ini:[\s\S]*mqtt_port/);
    assert.match(err, /what was changed: nothing/);
    assert.equal(await property('MainPID'), pid);
    writeFileSync(join(machine.root, config), text); // keeps its owner and mode
  });

  test('to an older program is refused when it would not know the spool, and changes nothing', async () => {
    await machine.ok('systemctl', 'stop', KIT);
    const format = (version: number): Promise<string> =>
      machine.ok(
        '/opt/dragonsink/bin/node',
        '-e',
        `
        const db = new (require('/opt/dragonsink/node_modules/better-sqlite3'))('/var/lib/dragonsink/spool.db');
        const was = db.pragma('user_version', { simple: true });
        db.pragma('user_version = ${version}');
        db.close();
        console.log(was);`,
      );
    const was = Number(await format(1_000));
    const sum = (): Promise<string> => machine.ok('sha256sum', '/var/lib/dragonsink/spool.db');
    const before = await sum();
    const { code, err } = await machine.run(`${BUNDLE}/install.sh`);
    assert.equal(code, 1);
    assert.match(err, /older dragonsink .* than the one that wrote the spool/);
    assert.match(err, /what was changed: nothing/);
    assert.equal(await machine.ok('dragonsink', '--version'), '98.0.0');
    // And so does the program itself.
    const started = await machine.run('runuser', '-u', 'dragonsink', '--', 'dragonsink', 'kit');
    assert.equal(started.code, 1);
    assert.match(started.err, /a newer dragonsink wrote it/);
    assert.equal(await sum(), before);
    await format(was);
    await machine.ok('systemctl', 'start', KIT);
  });

  test('is drained when the broker is back', async () => {
    await machine.ok('systemctl', 'start', 'mosquitto');
    await eventually(
      'all is delivered',
      async () => {
        const { spool, counts } = await status();
        return spool.waiting === 0 && counts.accepted === counts.delivered;
      },
      60_000,
    );
  });
});

describe('the server', () => {
  test('is installed beside it from the same bundle, and is ready', async () => {
    machine.write('/root/server.env', 'DATABASE_URL=sqlite:/var/lib/dragonsink/of-its-own.db\n');
    const said = await machine.ok('/root/next/install.sh', '--server', '--config', '/root/server.env');
    assert.match(said, new RegExp(`runs as ${SERVER}`));
    assert.equal(await property('ActiveState', SERVER), 'active');
    const ready = "fetch('http://127.0.0.1:8095/readyz').then(async (r) => console.log(r.status, await r.text()))";
    await eventually('it is ready', async () => {
      const { out } = await machine.run('/opt/dragonsink/bin/node', '-e', ready);
      return out.startsWith('200');
    });
    const pid = await property('MainPID', SERVER);
    await kill('KILL', pid);
    await eventually(
      'it runs again',
      async () => (await property('MainPID', SERVER)) !== pid && (await property('ActiveState', SERVER)) === 'active',
    );
  });

  test('has its settings for its commands too', async () => {
    assert.match(await machine.ok('dragonsink', 'doctor', '--server'), /of-its-own\.db, schema version/);
    await machine.ok('dragonsink', 'ledger');
  });

  test('has a timer that renews what ends, from within its sandbox', async () => {
    assert.equal(await property('ActiveState', `${RENEW}.timer`), 'active');
    await machine.ok('systemctl', 'start', `${RENEW}.service`);
    assert.equal(await property('ConditionResult', `${RENEW}.service`), 'no', 'there is no fleet yet');
    await machine.ok('dragonsink', 'enrol', '--init', '127.0.0.1');
    const authority = new DatedAuthority(join(scratch, 'authority'));
    const fleet = join(machine.root, 'etc/dragonsink/fleet');
    const [certFile, keyFile] = [join(fleet, 'broker.crt'), join(fleet, 'broker.key')];
    authority.issue({ name: '127.0.0.1', from: -10, to: 1, san: 'IP:127.0.0.1' }, { certFile, keyFile });
    const before = readFileSync(certFile, 'utf8');
    await machine.ok('systemctl', 'start', `${RENEW}.service`);
    const said = await machine.ok('journalctl', '--unit', `${RENEW}.service`, '--output', 'cat', '--no-pager');
    assert.match(said, /the broker has a new certificate/);
    assert.notEqual(readFileSync(certFile, 'utf8'), before);
    const owner = await machine.ok('stat', '-c', '%a %G', '/etc/dragonsink/fleet/broker.key');
    assert.equal(owner, '640 mosquitto');
    assert.match(await machine.ok('journalctl', '--unit', 'mosquitto', '--no-pager'), /Reloaded/);
    const readable = ['setpriv', '--reuid=dragonsink', '--regid=dragonsink', '--clear-groups', 'cat'];
    const [command = '', ...argv] = readable;
    assert.equal((await machine.run(command, ...argv, '/etc/dragonsink/fleet/fleet.json')).code, 0);
    assert.equal((await machine.run(command, ...argv, '/etc/dragonsink/fleet/ca.key')).code, 1);
  });

  test('and the kit have units that systemd finds nothing wrong with, and that are shut in', async () => {
    for (const unit of [KIT, SERVER, `${RENEW}.service`, `${RENEW}.timer`]) {
      const verified = await machine.run('systemd-analyze', 'verify', `/etc/systemd/system/${unit}`);
      assert.deepEqual([verified.code, verified.err], [0, ''], unit);
    }
    for (const unit of [KIT, SERVER]) {
      const scored = ['security', '--offline=true', '--threshold=15', '--no-pager', `/etc/systemd/system/${unit}`];
      const { code, out } = await machine.run('systemd-analyze', ...scored);
      assert.equal(code, 0, out);
    }
  });
});

describe('--uninstall', () => {
  test('removes the program and its services, and keeps spool and configuration', async () => {
    const said = await machine.ok('/opt/dragonsink/install.sh', '--uninstall');
    assert.match(said, /kept: \/etc\/dragonsink/);
    assert.equal((await machine.run('systemctl', 'cat', KIT)).code, 1);
    for (const gone of ['/opt/dragonsink', '/usr/local/bin/dragonsink']) {
      assert.equal((await machine.run('test', '-e', gone)).code, 1, gone);
    }
    for (const kept of [
      '/var/lib/dragonsink/spool.db',
      '/etc/dragonsink/config.ini',
      `/etc/systemd/system/${KIT}.d/field.conf`,
    ]) {
      await machine.ok('test', '-s', kept);
    }
    assert.match(await machine.ok(`${BUNDLE}/install.sh`, '--uninstall'), /nothing to remove/);
  });

  test('can be taken back: what was kept is used again', async () => {
    await machine.ok('systemctl', 'start', 'dragonsync');
    await machine.ok(`${BUNDLE}/install.sh`);
    const { counts } = await status();
    assert.ok(counts.delivered > 30);
  });

  test('--purge leaves nothing', async () => {
    await machine.ok(`${BUNDLE}/install.sh`, '--uninstall', '--purge');
    const elsewhere = ['/root', '/src', '/proc', '/tmp'].flatMap((folder) => ['-path', folder, '-prune', '-o']);
    const left = await machine.ok('find', '/', ...elsewhere, '-name', '*dragonsink*', '-print');
    assert.equal(left, '');
    assert.equal((await machine.run('id', 'dragonsink')).code, 1);
  });
});
