// The radio is an attacker: whatever ids and descriptions hold, no command and no log writes what a terminal acts on.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLink } from '../../src/base/mqtt-link.js';
import { printable } from '../../src/base/printable.js';
import { openStore } from '../../src/server/stores/open-store.js';
import { KIT, kitRows, kitSpool } from '../fixtures/kit-spool.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, runDragonsink } from '../fixtures/processes.js';
import { dragonsink } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const HOSTILE = 'x\u001b[2J\u001b]0;title\u0007\u009b31m\u202e\r\nforged line\u2028end\u200b';

test('no command shows hostile text as it came', async (t) => {
  const { port } = await startMosquitto({}, t);
  const folder = tempFolder(t);
  const database = `sqlite:${join(folder, 'server.db')}`;
  const server = runDragonsink(t, ['server'], {
    DATABASE_URL: database,
    MQTT_BROKER_PORT: String(port),
    LOG_LEVEL: 'debug',
  });
  await eventually('a server', () => server.log().includes('connected to the broker'));
  const link = await openLink({ host: '127.0.0.1', port, version: 5, clientId: 'air', keepaliveS: 30, clean: true });
  t.after(() => link.end(200));
  const send = (topic: string, message: unknown) =>
    link.publish({ topic, payload: JSON.stringify(message), qos: 1, retain: false });
  const observed_at = Date.now() / 1_000;
  await send('wardragon/drones', { id: HOSTILE, description: HOSTILE, seen_by: KIT, observed_at });
  await send('wardragon/drones', { id: HOSTILE, seen_by: HOSTILE, observed_at });
  await send('wardragon/signals', { [HOSTILE]: HOSTILE });
  await send(`wardragon/service/${KIT.replace('LAB', '\u202e')}/availability`, HOSTILE);
  await eventually('rejects', async () =>
    (await dragonsink('rejects', 'list', '--database', database)).out.includes('3 of 3'),
  );
  const store = await openStore(database);
  await store.kits.rename(KIT, HOSTILE);
  await store.close();

  const kit = kitSpool(folder);
  const spool = kit.open();
  spool.setKitId(KIT);
  const [row] = spool.accept(
    kitRows('drone', 1).map((one) => ({ ...one, body: JSON.stringify({ id: HOSTILE, observed_at }) })),
  );
  assert.ok(row);
  spool.quarantine(row, `the broker refused wardragon/drone/${HOSTILE}`);
  spool.close();

  const commands = [
    ['rejects', 'list', '--database', database],
    ['rejects', 'show', '1', '--database', database],
    ['kits', 'list', '--database', database],
    ['kits', 'show', KIT, '--database', database],
    ['kits', 'rename', KIT, HOSTILE, '--database', database],
    ['kits', 'show', HOSTILE, '--database', database],
    ['ledger', '--database', database],
    ['ledger', '--kit', HOSTILE, '--database', database],
    ['spool', 'list', '--config', kit.configFile],
    ['spool', 'show', '1', '--config', kit.configFile],
    ['status', '--config', kit.configFile],
    ['doctor', '--config', kit.configFile],
  ];
  let shown = 0;
  for (const argv of commands) {
    for (const all of [argv, [...argv, '--json']]) {
      const { out, err } = await dragonsink(...all);
      assert.notEqual(out + err, '', all.join(' '));
      for (const line of `${out}${err}`.split('\n')) assert.equal(printable(line), line, all.join(' '));
      shown += Number(/u\{?0*9b/.test(out + err));
    }
  }
  assert.ok(shown >= 10, `${shown} commands had it to show`);
  for (const line of server.log().split('\n')) assert.equal(printable(line), line);
});
