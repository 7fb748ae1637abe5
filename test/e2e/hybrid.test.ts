// Kits by HTTP and by both ways, with the real program: the server, a broker, a kit, and `dragonsink kits`.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { connectAsync } from 'mqtt';
import type { JsonObject } from '../../src/base/json.js';
import { openSqlite, readSqlite } from '../../src/base/sqlite.js';
import { toMessage } from '../../src/dragonsync/normalise.js';
import { openStore } from '../../src/server/stores/open-store.js';
import { type ApiContent, SimulatedDragonSync } from '../../src/simulate/dragonsync-api.js';
import { createWorld } from '../../src/simulate/world.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, runDragonsink } from '../fixtures/processes.js';
import { dragonsink, dragonsinkJson } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const KIT = 'wardragon-DEMO0001';
const EACH = { drone: 5, aircraft: 3, signal: 2, system: 1 };

/** A world that stands still, so that both ways show the same observations. */
function still(): ApiContent {
  const nowS = Date.now() / 1_000 - 5;
  return createWorld({ nowS: () => nowS, drones: 5, aircraft: 3, signals: 2 });
}

async function setUp(t: TestContext) {
  const path = join(tempFolder(t), 'server.db');
  const database = `sqlite:${path}`;
  await (await openStore(database)).close();
  const world = still();
  const api = new SimulatedDragonSync({ world });
  const url = await api.start();
  t.after(() => api.stop());
  const rows = (): Record<string, number> => {
    const db = readSqlite(path);
    const count = (sql: string): number => db.prepare(sql).pluck().get() as number;
    try {
      return {
        drone: count("SELECT count(*) FROM drones WHERE track_type = 'drone'"),
        aircraft: count("SELECT count(*) FROM drones WHERE track_type = 'aircraft'"),
        signal: count('SELECT count(*) FROM signals'),
        system: count('SELECT count(*) FROM system_health'),
      };
    } finally {
      db.close();
    }
  };
  const kits = (...argv: string[]) => dragonsink('kits', ...argv, '--database', database);
  const list = async () =>
    (await dragonsinkJson<{ kits: Record<string, unknown>[] }>('kits', 'list', '--database', database)).kits;
  return { path, database, world, api, url, rows, kits, list };
}

describe('kits over HTTP', () => {
  test('a server without MQTT polls what `dragonsink kits add` named, and stores it once across a restart', async (t) => {
    const { database, api, url, rows, kits, list } = await setUp(t);
    const added = await kits('add', KIT, '--api-url', url, '--name', 'Roof');
    assert.equal(added.code, 0, added.err);
    const env = { DATABASE_URL: database, MQTT_INGEST_ENABLED: 'false', SERVER_ID: 'test' };
    const server = runDragonsink(t, ['server'], env);
    await eventually('every kind', () => rows()['system'] === 1 && rows()['signal'] === 2);
    assert.deepEqual(rows(), EACH);
    assert.equal(await server.end(), 0, server.log());
    const asked = api.requests;
    const again = runDragonsink(t, ['server'], env);
    await eventually('the next one polls', () => api.requests >= asked + 3);
    assert.equal(await again.end(), 0, again.log());
    assert.deepEqual(rows(), EACH);
    const [kit] = await list();
    assert.deepEqual(
      [kit?.['name'], kit?.['source'], kit?.['status'], kit?.['rows']],
      ['Roof', 'http', 'online', EACH],
    );
  });

  test('what comes over MQTT too is stored once, and the kit comes both ways', async (t) => {
    const { path, database, world, url, rows, kits, list } = await setUp(t);
    await kits('add', KIT, '--api-url', url);
    const broker = await startMosquitto({});
    t.after(() => broker.stop());
    const env = { DATABASE_URL: database, MQTT_BROKER_PORT: String(broker.port), SERVER_ID: 'test' };
    const server = runDragonsink(t, ['server'], env);
    await eventually('the subscription', () => /connected to the broker/.test(server.log()));
    await eventually('every kind by HTTP', () => rows()['system'] === 1 && rows()['signal'] === 2);
    const client = await connectAsync(broker.url, { protocolVersion: 5 }, false);
    t.after(() => {
      client.end(true);
    });
    const send = (topic: string, kind: Parameters<typeof toMessage>[0], entry: object, seq: number) => {
      const sink = { v: 1, epoch: '00000001abcdef01', seq };
      const message = { ...toMessage(kind, entry as JsonObject), seen_by: KIT, sink };
      return client.publishAsync(topic, JSON.stringify(message), { qos: 1 });
    };
    const tracks = world.drones() as JsonObject[];
    const drones = tracks.filter((one) => one['track_type'] !== 'aircraft');
    const planes = tracks.filter((one) => one['track_type'] === 'aircraft');
    for (const [i, entry] of drones.entries()) await send('wardragon/drones', 'drone', entry, i + 1);
    for (const [i, entry] of planes.entries()) await send('wardragon/aircraft', 'aircraft', entry, i + 1);
    for (const [i, entry] of world.signals().entries()) await send('wardragon/signals', 'signal', entry, i + 1);
    await send(`wardragon/system/${KIT}/attrs`, 'system', world.status() ?? {}, 1);
    const received = (): string[] => {
      const db = readSqlite(path);
      const ranges = db.prepare('SELECT received FROM ingest_ledger ORDER BY kind').pluck().all() as string[];
      db.close();
      return ranges;
    };
    await eventually('the ledger', () => received().length === 4 && received()[1] === '[[1,5]]');
    await eventually('all of it', () => received().join() === '[[1,3]],[[1,5]],[[1,2]],[[1,1]]');
    assert.deepEqual(rows(), EACH);
    assert.equal((await list())[0]?.['source'], 'both');
    assert.equal(await server.end(), 0, server.log());
  });

  test('what a stock DragonSync sends over MQTT is stored once beside its API', async (t) => {
    const { path, database, world, url, rows, kits } = await setUp(t);
    await kits('add', KIT, '--api-url', url);
    const broker = await startMosquitto({});
    t.after(() => broker.stop());
    const env = { DATABASE_URL: database, MQTT_BROKER_PORT: String(broker.port), SERVER_ID: 'test' };
    const server = runDragonsink(t, ['server'], env);
    await eventually('the subscription', () => /connected to the broker/.test(server.log()));
    await eventually('every kind by HTTP', () => rows()['system'] === 1 && rows()['signal'] === 2);
    const client = await connectAsync(broker.url, { protocolVersion: 5 }, false);
    t.after(() => {
      client.end(true);
    });
    const send = (topic: string, message: JsonObject) =>
      client.publishAsync(topic, JSON.stringify(message), { qos: 1 });
    for (const entry of world.drones() as JsonObject[]) {
      if (entry['track_type'] === 'aircraft') {
        const { timestamp: _, observed_at: __, ...timeless } = toMessage('aircraft', entry);
        // As its MQTT sink has it (D16 of its faults): the registration under another name, and a rate beside.
        await send('wardragon/aircraft', { ...timeless, seen_by: KIT, registration: '', vertical_rate: -64 });
      } else await send('wardragon/drones', { ...toMessage('drone', entry), seen_by: KIT });
    }
    for (const entry of world.signals() as JsonObject[])
      await send('wardragon/signals', { ...toMessage('signal', entry), seen_by: KIT });
    // What comes after all of it, and so says that it was stored.
    const last = { id: 'drone-last', seen_by: KIT, observed_at: Date.now() / 1_000 };
    await send('wardragon/drones', last);
    await eventually('the last one', () => rows()['drone'] === 6);
    assert.deepEqual(rows(), { ...EACH, drone: 6 });
    assert.equal(await server.end(), 0, server.log());
    const db = readSqlite(path);
    t.after(() => db.close());
    assert.equal(db.prepare('SELECT count(*) FROM ingest_rejects').pluck().get(), 0);
    assert.deepEqual(db.prepare('SELECT kit_id, source FROM kits').all(), [{ kit_id: KIT, source: 'both' }]);
  });
});

describe('dragonsink kits', () => {
  test('lists, shows, renames, disables and removes, and says what a mistyped name may have meant', async (t) => {
    const { path, url, kits, list } = await setUp(t);
    await kits('add', KIT, '--api-url', url);
    await kits('add', 'wardragon-2', '--api-url', url, '--location', 'Hill');
    const db = openSqlite(path);
    db.exec(`INSERT INTO system_health (time, kit_id) VALUES ('2026-01-01T00:00:00.000000Z', '${KIT}')`);
    db.close();
    assert.match((await kits('list')).out, /wardragon-2 +wardragon-2 +http +offline +never +yes/);
    assert.match((await kits('show', KIT)).out, /rows +0 drone, 0 aircraft, 0 signal, 1 system\nno ledger/);
    assert.equal((await kits('rename', KIT, 'Roof')).code, 0);
    assert.match((await kits('disable', KIT)).out, /over MQTT is stored all the same/);
    assert.deepEqual(
      (await list()).map(({ kit_id, name, enabled }) => [kit_id, name, enabled]),
      [
        ['wardragon-2', 'wardragon-2', true],
        [KIT, 'Roof', false],
      ],
    );
    const mistyped = await kits('enable', 'wardragon-DEMO001');
    assert.deepEqual([mistyped.code, /did you mean wardragon-DEMO0001\?/.test(mistyped.err)], [1, true]);
    assert.match((await kits('remove', KIT)).err, /add --yes/);
    assert.equal((await list()).length, 2);
    assert.match(
      (await kits('remove', KIT, '--yes', '--data')).out,
      /1 from kits, 0 from drones.*1 from system_health/,
    );
    assert.equal((await list()).length, 1);
    assert.equal((await kits('remove', KIT, '--yes')).code, 1);
    for (const bad of ['ftp://kit', 'kit:8088', 'http://user:secret@kit']) {
      const refused = await kits('add', 'wardragon-3', '--api-url', bad);
      assert.deepEqual([refused.code, /write http:/.test(refused.err)], [1, true], bad);
    }
    assert.equal((await kits('add', 'wardragon-unknown', '--api-url', url)).code, 1);
  });
});
