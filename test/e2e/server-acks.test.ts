// What the server tells kits and its user: acknowledgements after the commit, and the ledger. Real process, real mosquitto.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import { openSqlite } from '../../src/base/sqlite.js';
import { type Ack, ack as ackSchema } from '../../src/schema/ack.js';
import { type Range, Ranges } from '../../src/schema/ranges.js';
import type { KitStatus } from '../../src/schema/status.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, MAIN, type Running, runDragonsink } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const EPOCH = '00000001abcdef01';
const KIT = 'wardragon-A';
/** Between two acknowledgements to an idle kit, and some more. */
const ONE_INTERVAL_MS = 7_000;

interface Entry {
  readonly epoch: string;
  readonly kind: string;
  readonly received: readonly Range[];
  readonly next: number;
  readonly waiting: readonly Range[];
  readonly missing: readonly Range[];
  readonly evicted: readonly Range[];
  readonly quarantined: readonly Range[];
  readonly refused: number;
}

interface Setup {
  readonly client: MqttClient;
  readonly database: string;
  /** Acknowledgements to the kit, as they come. */
  readonly acks: { readonly ack: Ack; readonly atMs: number; readonly retain: boolean }[];
  /** A server that has said hello. */
  start(serverId?: string): Promise<Running>;
  send(...seqs: number[]): Promise<void>;
  say(fields?: Partial<KitStatus>): Promise<void>;
  /** What was acknowledged of the kit's drones. */
  covered(): readonly Range[];
  ledger(...args: string[]): Promise<{ code: number; text: string; err: string; entry: Entry | undefined }>;
}

async function setUp(t: TestContext): Promise<Setup> {
  const broker = await startMosquitto({ config: ['max_queued_messages 0'] });
  t.after(() => broker.stop());
  const client = await connectAsync(broker.url, { protocolVersion: 5 }, false);
  t.after(() => {
    client.end(true);
  });
  const database = join(tempFolder(t), 'server.db');
  const env = {
    DATABASE_URL: `sqlite:${database}`,
    MQTT_BROKER_HOST: '127.0.0.1',
    MQTT_BROKER_PORT: String(broker.port),
  };
  const acks: Setup['acks'] = [];
  const hellos: { server_id: string; online: boolean }[] = [];
  client.on('message', (topic, payload, { retain }) => {
    const body = JSON.parse(payload.toString()) as unknown;
    if (topic.endsWith('/ack')) acks.push({ ack: ackSchema.parse(body), atMs: performance.now(), retain });
    else hellos.push(body as (typeof hellos)[number]);
  });
  await client.subscribeAsync([`wardragon/sink/${KIT}/ack`, 'wardragon/ingest/+/hello'], { qos: 1 });
  let n = 0;
  return {
    client,
    database,
    acks,
    start: async (serverId = 'test') => {
      hellos.length = 0;
      const server = runDragonsink(t, ['server'], { ...env, SERVER_ID: serverId });
      await eventually('its hello', () => hellos.some((one) => one.server_id === serverId && one.online));
      return server;
    },
    send: async (...seqs) => {
      for (const seq of seqs) {
        const observed_at = Math.floor(Date.now() / 1_000) - 1_000 + seq / 1_000;
        const message = { id: `drone-${seq}`, seen_by: KIT, observed_at, sink: { v: 1, epoch: EPOCH, seq } };
        client.publish('wardragon/drones', JSON.stringify(message), { qos: 1 });
      }
    },
    say: async (fields = {}) => {
      n += 1;
      const payload = JSON.stringify({ ...STATUS, n, time: new Date().toISOString(), ...fields });
      await client.publishAsync(`wardragon/sink/${KIT}/status`, payload, { qos: 1, retain: true });
    },
    covered: () => {
      const union = new Ranges();
      for (const { upto, ranges = [] } of acks.flatMap(({ ack }) => ack.acks)) {
        if (upto > 0) union.add(1, upto);
        for (const [first, last] of ranges) union.add(first, last);
      }
      return union.toJSON();
    },
    ledger: (...args) => ledgerCommand(env, args),
  };
}

const STREAM: KitStatus['ledger'][number] = {
  epoch: EPOCH,
  kind: 'drone',
  floor: 1,
  next: 1,
  evicted: [],
  quarantined: [],
};
const STATUS: Omit<KitStatus, 'n' | 'time'> = {
  v: 1,
  kit_id: KIT,
  version: '0.1.0',
  clock_offset_s: null,
  opening: 'opening-1',
  ledger: [],
  spool: { waiting: 0, handed_over: 0, bytes: 4_096, oldest_at: null },
  counts: { accepted: 0, delivered: 0, resent: 0, refused: 0, evicted: {}, evicted_handed_over: {} },
  link: { connected: true, reconnects: 0 },
  source: { state: 'ok' },
};

function ledgerCommand(env: NodeJS.ProcessEnv, args: readonly string[]): ReturnType<Setup['ledger']> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env } };
    execFile(process.execPath, [MAIN, 'ledger', ...args], options, (error, text, err) => {
      const code = typeof error?.code === 'number' ? error.code : 0;
      const entries = code !== 1 && args.includes('--json') ? (JSON.parse(text) as { entries: Entry[] }).entries : [];
      resolve({ code, text, err, entry: entries[0] });
    });
  });
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

describe('what a kit is told', { concurrency: 2 }, () => {
  test('what is committed, new or again, within the interval; a third of its credit at once', async (t) => {
    const { start, send, acks, covered } = await setUp(t);
    const server = await start();
    await send(1, 2, 4);
    await eventually('an acknowledgement', () => acks.length === 1, ONE_INTERVAL_MS);
    assert.deepEqual(covered(), [
      [1, 2],
      [4, 4],
    ]);
    assert.equal(acks[0]?.retain, false);
    await send(2);
    await eventually('another for the duplicate', () => acks.length === 2, ONE_INTERVAL_MS);
    assert.deepEqual(acks[1]?.ack.acks, [{ epoch: EPOCH, kind: 'drone', upto: 2, ranges: [[4, 4]] }]);
    const sentAtMs = performance.now();
    await send(...upTo(600));
    await eventually('word at once', () => acks.length > 2, ONE_INTERVAL_MS);
    assert.ok((acks[2]?.atMs ?? 0) - sentAtMs < 4_000, 'before the interval is over');
    assert.equal(await server.end('SIGTERM'), 0, server.log());
    assert.deepEqual(covered(), [[1, 600]], 'what was left is told before it leaves');
  });

  test('nothing while the database takes nothing', async (t) => {
    const { start, send, say, acks, covered, database } = await setUp(t);
    await start();
    await send(1);
    await eventually('the first', () => acks.length === 1, ONE_INTERVAL_MS);
    const holder = openSqlite(database);
    holder.exec('BEGIN IMMEDIATE');
    await send(...upTo(550));
    await say();
    await sleep(ONE_INTERVAL_MS);
    assert.equal(acks.length, 1);
    holder.exec('ROLLBACK');
    holder.close();
    await eventually('the rest', () => covered()[0]?.[1] === 550);
  });

  test('that a server is there, in answer to the first status of a connection, and of a new server', async (t) => {
    const { start, say, acks } = await setUp(t);
    let server = await start();
    await say();
    await eventually('an answer', () => acks.length === 1, 3_000);
    assert.deepEqual(acks[0]?.ack.acks, []);
    await say();
    await say({ link: { connected: true, reconnects: 1 } });
    await eventually('another on the next connection', () => acks.length === 2, 3_000);
    assert.equal(await server.end('SIGTERM'), 0);
    server = await start();
    await eventually('one to the status that was kept for the new server', () => acks.length === 3, 3_000);
    await sleep(200);
    assert.equal(acks.length, 3);
  });

  test('the same by two servers on one database, whose ledger is exact', async (t) => {
    const { start, send, covered, acks, ledger } = await setUp(t);
    await start('left');
    await start('right');
    for (let i = 0; i < 20; i += 1) await send(...upTo(300).filter((seq) => seq % 20 >= i));
    await eventually('all of it', () => covered()[0]?.[1] === 300);
    await sleep(ONE_INTERVAL_MS);
    assert.equal(new Set(acks.map(({ ack }) => ack.store_id)).size, 1);
    const { entry } = await ledger('--json');
    assert.deepEqual([entry?.received, entry?.missing, entry?.waiting], [[[1, 300]], [], []]);
  });
});

describe('dragonsink ledger', () => {
  test('knows what waits, what was given up and what nobody has, as soon as the kit has said so', async (t) => {
    const { start, send, say, ledger, database, acks } = await setUp(t);
    await start();
    await say();
    await send(3, 4, 8);
    const evicted: [number, number][] = [[1, 2]];
    await say({ ledger: [{ ...STREAM, floor: 6, next: 12, evicted, quarantined: [[10, 10]] }] });
    const stored = await eventually('the report', async () => {
      const { entry, code } = await ledger('--json');
      return entry?.next === 12 ? { entry, code } : null;
    });
    const { received, waiting, quarantined, missing } = stored.entry;
    assert.deepEqual(received, [[3, 4], [8, 8]]); // biome-ignore format: short
    assert.deepEqual(waiting, [[6, 7], [9, 9], [11, 11]]); // biome-ignore format: short
    assert.deepEqual([stored.entry.evicted, quarantined], [evicted, [[10, 10]]]);
    assert.deepEqual([missing, stored.code], [[], 0], 'it has not stood for a minute');

    // The disk is put back to an earlier day: the epoch now ends at 9.
    await say({ opening: 'opening-2', n: 1, listing: { part: 1, of: 1 }, ledger: [{ ...STREAM, floor: 9, next: 9 }] });
    await eventually('an answer to the new opening', () => acks.length >= 2, 3_000);
    aMinuteLater(database);
    const later = await ledger('--json');
    // Also what had been set aside: the disk of that day does not know it.
    assert.deepEqual(later.entry?.missing, [[5, 7], [9, 11]]); // biome-ignore format: short
    assert.deepEqual([later.entry?.waiting, later.code], [[], 3]);
    const { code, text } = await ledger('--kit', KIT);
    assert.equal(code, 3);
    assert.match(text, /^kit +epoch +kind +first +last +received +waiting +missing/);
    assert.match(text, /wardragon-A +00000001abcdef01 +drone +3 +8 +3 +0 +6: 5-7 9-11 /);
    const nobody = await ledger('--kit', 'nobody');
    assert.equal(nobody.code, 1);
    assert.match(nobody.err, /nobody: no such kit[\s\S]*what to do: there are: wardragon-A /);

    // It was only late.
    await send(5, 6, 7, 9, 10, 11);
    const found = await eventually('all of it', async () => {
      const { code: now, entry } = await ledger('--json');
      return now === 0 && entry !== undefined && entry;
    });
    assert.deepEqual([found.missing, found.received], [[], [[3, 11]]]);
  });
});

test('dragonsink ledger makes no database at a mistyped path', async (t) => {
  const folder = tempFolder(t);
  const mistyped = join(folder, 'servr.db');
  const empty = join(folder, 'empty.db');
  writeFileSync(empty, '');
  for (const file of [mistyped, empty]) {
    const { code, err } = await ledgerCommand({}, ['--database', `sqlite:${file}`]);
    assert.equal(code, 1);
    assert.match(err, /: no database of a dragonsink server\nwhat to do: .*--database/);
  }
  assert.equal(existsSync(mistyped), false);
});

/** What is missing has been so since 1970. */
function aMinuteLater(database: string): void {
  const db = openSqlite(database);
  const missing = db.prepare('SELECT missing FROM ingest_reports').pluck().get() as string;
  const aged = (JSON.parse(missing) as [number, number, number][]).map(([first, last]) => [first, last, 0]);
  db.prepare('UPDATE ingest_reports SET missing = ?').run(JSON.stringify(aged));
  db.close();
}
