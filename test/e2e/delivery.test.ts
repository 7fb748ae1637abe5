// From the kit's spool to the database and back: what leaves the spool, and on whose word. Real kit, broker and server.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSqlite } from '../../src/base/sqlite.js';
import type { KitStatus } from '../../src/schema/status.js';
import { Heard } from '../fixtures/heard.js';
import { Listener } from '../fixtures/listener.js';
import { type Broker, startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, type KitFiles, kitFiles, MAIN, type Running, runDragonsink } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';

interface Setup {
  readonly heard: Heard;
  readonly broker: Broker;
  readonly listener: Listener;
  readonly files: KitFiles;
  startKit(): Running;
  startServer(database?: string): Running;
  status(): Promise<KitStatus>;
  /** Of drones, as the database has them. */
  rows(database?: string): number;
  hear(count: number): void;
}

async function setUp(t: TestContext, mqtt: string[] = []): Promise<Setup> {
  const heard = new Heard();
  const api = await heard.start();
  t.after(() => heard.stop());
  const broker = await startMosquitto({ config: ['max_queued_messages 0'] });
  t.after(() => broker.stop());
  const listener = await Listener.on(broker.port);
  t.after(() => listener.stop());
  const folder = tempFolder(t);
  const files = await kitFiles(join(folder, 'kit'), api, broker.port, { mqtt });
  const fileOf = (database: string): string => join(folder, `${database}.db`);
  let heardSoFar = 0;
  return {
    heard,
    broker,
    listener,
    files,
    startKit: () => runDragonsink(t, ['kit', '--config', files.configFile]),
    startServer: (database = 'server') =>
      runDragonsink(t, ['server'], {
        DATABASE_URL: `sqlite:${fileOf(database)}`,
        MQTT_BROKER_PORT: String(broker.port),
        SERVER_ID: database,
      }),
    status: async () => (await fetch(`http://127.0.0.1:${files.statusPort}/status`)).json() as Promise<KitStatus>,
    rows: (database = 'server') => countDrones(fileOf(database)),
    hear: (count) => {
      for (let i = 0; i < count; i += 1) {
        heard.hear(`drone-${heardSoFar}`);
        heardSoFar += 1;
      }
    },
  };
}

function countDrones(file: string): number {
  try {
    const db = readSqlite(file);
    try {
      return db.prepare("SELECT count(*) FROM drones WHERE track_type = 'drone'").pluck().get() as number;
    } finally {
      db.close();
    }
  } catch {
    return 0; // the server has not made it yet
  }
}

interface Accounts {
  readonly doubled: number;
  readonly entries: readonly { readonly missing: readonly unknown[]; readonly waiting: readonly unknown[] }[];
}

function ledgerOf(url: string): Promise<Accounts> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [MAIN, 'ledger', '--database', url, '--json'], (error, stdout) => {
      if (stdout === '') reject(error ?? new Error('no answer'));
      else resolve(JSON.parse(stdout) as Accounts);
    });
  });
}

const accepted = async ({ status }: Setup, count: number): Promise<boolean> => {
  try {
    const { counts } = await status();
    return Number((counts['accepted_by_kind'] as { drone?: number }).drone ?? 0) >= count;
  } catch {
    return false; // not up yet
  }
};

describe('delivery', { concurrency: 2 }, () => {
  test('a kit installed before its server: what brokers had for nobody reaches the first server that comes', async (t) => {
    const kit = await setUp(t);
    const running = kit.startKit();
    kit.hear(20);
    await eventually('handed over', async () => {
      try {
        const { spool } = await kit.status();
        return spool.waiting === 0 && spool.handed_over > 20;
      } catch {
        return false;
      }
    });
    kit.startServer();
    await eventually('all of it in the database', () => kit.rows() === 20);
    await eventually('and out of the spool', async () => {
      const { spool, counts } = await kit.status();
      return spool.handed_over + spool.waiting === 0 && counts.delivered === counts.accepted;
    });
    assert.equal(await running.end('SIGTERM'), 0, running.log());
  });

  test('a dashboard that reads along deletes nothing; what came while the server was away is there in the end', async (t) => {
    const kit = await setUp(t, ['mqtt_delivery = database']);
    kit.startKit();
    kit.hear(10);
    await eventually('ten accepted', () => accepted(kit, 10));
    kit.hear(5);
    await eventually(
      'the new ones are on the topics all the same',
      () => kit.listener.on('wardragon/drones').length >= 5,
    );
    await sleep(500);
    assert.ok((await kit.status()).spool.waiting >= 15, 'everything is still in the spool');
    let server = kit.startServer();
    await eventually('fifteen rows', () => kit.rows() === 15);
    await eventually('an empty spool', async () => (await kit.status()).spool.waiting === 0);
    // With the broker's queue gone as well, nobody but the kit has them.
    assert.equal(await server.end('SIGKILL'), 'SIGKILL');
    kit.hear(10);
    await eventually('ten more accepted', () => accepted(kit, 25));
    await kit.broker.kill();
    await kit.broker.start();
    server = kit.startServer();
    await eventually('twenty-five rows', () => kit.rows() === 25, 60_000);
    await eventually('an empty spool', async () => (await kit.status()).spool.waiting === 0, 30_000);
    assert.equal(await server.end('SIGTERM'), 0);
  });

  test('a server on another database is ignored with an alarm', async (t) => {
    const kit = await setUp(t);
    kit.startServer('first');
    const running = kit.startKit();
    kit.hear(3);
    await eventually('bound', async () => {
      try {
        const { link, spool } = await kit.status();
        return typeof link['store_id'] === 'string' && spool.waiting === 0;
      } catch {
        return false;
      }
    });
    kit.startServer('other');
    await eventually('the alarm', async () => typeof (await kit.status()).link['store_conflict'] === 'string');
    kit.hear(3);
    await eventually('the first has them', () => kit.rows('first') === 6);
    await eventually('an empty spool', async () => (await kit.status()).spool.waiting === 0);
    assert.match(running.log(), /another database is on this broker/);
    assert.equal(running.log().match(/another database/g)?.length, 1, 'said once');
  });

  test('two servers by mistake, on one database, store everything once', async (t) => {
    const kit = await setUp(t);
    const url = (id: string): Record<string, string> => ({
      DATABASE_URL: `sqlite:${join(kit.files.spoolFile, '../../server.db')}`,
      MQTT_BROKER_PORT: String(kit.broker.port),
      SERVER_ID: id,
    });
    runDragonsink(t, ['server'], url('one'));
    runDragonsink(t, ['server'], url('two'));
    kit.startKit();
    for (let i = 0; i < 10; i += 1) {
      kit.hear(10);
      await sleep(200);
    }
    await eventually('a hundred rows', () => kit.rows() === 100);
    await eventually('an empty spool', async () => (await kit.status()).spool.waiting === 0);
    const { doubled, entries } = await ledgerOf(`sqlite:${join(kit.files.spoolFile, '../../server.db')}`);
    assert.equal(doubled, 0);
    assert.ok(entries.every(({ missing }) => missing.length === 0));
  });
});
