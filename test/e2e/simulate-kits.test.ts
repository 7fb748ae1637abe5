// Kits that are not there: each has an identity, a spool and a connection of its own, as a real one.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSqlite } from '../../src/base/sqlite.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, kitFiles, runDragonsink } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const PER_KIT = 2;

test('three simulated kits are three kits in the database, each with its messages, and leave nothing behind', async (t) => {
  const broker = await startMosquitto({}, t);
  const folder = tempFolder(t);
  const database = join(folder, 'server.db');
  const server = runDragonsink(t, ['server'], {
    DATABASE_URL: `sqlite:${database}`,
    MQTT_BROKER_PORT: String(broker.port),
    SERVER_ID: 'test',
  });
  await eventually('the database', () => /the database is open/.test(server.log()));
  const { configFile, spoolFile } = await kitFiles(join(folder, 'kit'), 'http://127.0.0.1:1', broker.port);
  const argv = ['simulate', '--kits', '3', '--rate', String(PER_KIT), '--config', configFile];
  const kits = runDragonsink(t, argv, { TMPDIR: folder });
  const perKit = (): { kit_id: string; drones: number }[] => {
    const db = readSqlite(database);
    try {
      const sql = 'SELECT kit_id, count(DISTINCT drone_id) AS drones FROM drones GROUP BY kit_id ORDER BY kit_id';
      return db.prepare(sql).all() as { kit_id: string; drones: number }[];
    } finally {
      db.close();
    }
  };
  const all = ['wardragon-SIM0001', 'wardragon-SIM0002', 'wardragon-SIM0003'].map((kit_id) => ({
    kit_id,
    drones: PER_KIT,
  }));
  await eventually('every drone of each', () => JSON.stringify(perKit()) === JSON.stringify(all));
  assert.equal(await kits.end(), 0);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('dragonsink-kits-')),
    [],
  );
  assert.equal(existsSync(spoolFile), false, "the configured kit's own spool is not touched");
});

test('says what is wrong with a number', async (t) => {
  const kits = runDragonsink(t, ['simulate', '--kits', '0']);
  assert.equal(await kits.end('SIGCONT'), 2);
  assert.match(kits.log(), /a whole number from 1 on/);
});
