// The server seen from outside: its numbers are the database's, and it says what is wrong while something is.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { connectAsync } from 'mqtt';
import { parse } from 'yaml';
import { readSqlite } from '../../src/base/sqlite.js';
import { KINDS } from '../../src/schema/kinds.js';
import { DEFAULT_TOPICS } from '../../src/schema/topics.js';
import { Server } from '../../src/server/server.js';
import { openStore } from '../../src/server/stores/open-store.js';
import { Health } from '../../src/server/web/health.js';
import { MAX_KITS, Metrics } from '../../src/server/web/metrics.js';
import { WebServer } from '../../src/server/web/web-server.js';
import { freePort } from '../../src/simulate/ports.js';
import { MemoryLog } from '../fixtures/memory-log.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, runDragonsink } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { drone as observation } from '../unit/server/store-batches.js';

const KIT = 'wardragon-A';
const CONFIG = join(import.meta.dirname, '../../config');

async function get(port: number, path: string, method = 'GET'): Promise<{ code: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
  return { code: response.status, body: await response.text() };
}

/** `name{labels}` of each sample of a scrape, and its value. */
function samples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

async function serve(t: TestContext): Promise<{ health: Health; metrics: Metrics; port: number; log: MemoryLog }> {
  const health = new Health();
  const metrics = new Metrics(health);
  const log = new MemoryLog();
  const port = await freePort();
  const web = new WebServer({ host: '127.0.0.1', port, health, metrics, log });
  await web.start();
  t.after(() => web.stop());
  return { health, metrics, port, log };
}

const nowS = Date.now() / 1_000;

function drone(seq: number, fields: Record<string, unknown> = {}): Record<string, unknown> {
  const sink = { v: 1, epoch: '00000001abcdef01', seq };
  return { id: `drone-${seq}`, seen_by: KIT, observed_at: nowS - 100 + seq, lat: 42.1, lon: -71.1, sink, ...fields };
}

const REPLAYED = drone(5);
/** What comes, and on which topic. */
const MESSAGES: [topic: string, message: unknown][] = [
  ['wardragon/drones', drone(1)],
  ['wardragon/drones', drone(2)],
  // resent
  ['wardragon/drones', drone(2)],
  ['wardragon/drones', [drone(3), drone(4)]],
  // the same observation under another number
  ['wardragon/drones', drone(6, { id: 'drone-1', observed_at: nowS - 99 })],
  [
    'wardragon/drones',
    { ...REPLAYED, sink: { ...(REPLAYED['sink'] as object), replay: true }, observed_at: nowS - 86_400 },
  ],
  // rejected: each for its reason, and one of them twice
  ['wardragon/drones', 'garbage'],
  ['wardragon/drones', { ...drone(7), id: '' }],
  ['wardragon/drones', { ...drone(7), id: '' }],
  ['wardragon/drones', { ...drone(8), observed_at: 5 }],
  ['wardragon/drones', { ...drone(9), seen_by: 'wardragon-unknown' }],
  ['wardragon/sink/wardragon-A/status', 'no status'],
  ['wardragon/aircraft', { icao: 'a00001', seen_by: KIT, alt: 1_000, observed_at: nowS }],
  ['wardragon/signals', { uid: 's', seen_by: 'wardragon-B', center_hz: 5.8e9, observed_at: nowS }],
  ['wardragon/signals', { uid: 't', seen_by: 'wardragon-B', observed_at: nowS }],
  ['wardragon/system/wardragon-A/attrs', { id: KIT, cpu_usage: 3, updated: Math.floor(nowS) }],
];

describe('/metrics', () => {
  test('says what is in the database, kind by kind', async (t) => {
    const broker = await startMosquitto({}, t);
    const database = join(tempFolder(t), 'server.db');
    const { health, metrics, port } = await serve(t);
    const server = new Server({
      openStore: async () => {
        const store = await openStore(`sqlite:${database}`);
        health.opened(() => store.ledger(''));
        return store;
      },
      broker: { host: '127.0.0.1', port: broker.port, version: 5, keepaliveS: 30 },
      serverId: 'test',
      shareGroup: null,
      topics: DEFAULT_TOPICS,
      isEnrolled: () => false,
      log: new MemoryLog(),
      recorder: metrics,
    });
    await server.start();
    t.after(() => server.stop());
    await eventually('its readiness', async () => (await get(port, '/readyz')).code === 200);
    const client = await connectAsync(broker.url, { protocolVersion: 5 }, false);
    t.after(() => client.endAsync());
    for (const [topic, message] of MESSAGES) {
      await client.publishAsync(topic, typeof message === 'string' ? message : JSON.stringify(message), { qos: 1 });
    }

    const sum = (found: Map<string, number>, name: string): number =>
      [...found].reduce((total, [sample, value]) => total + (sample.startsWith(`${name}{`) ? value : 0), 0);
    const outcomes = ['stored', 'merged', 'duplicate', 'rejected'];
    const found = await eventually('all of them', async () => {
      const scraped = samples((await get(port, '/metrics')).body);
      const done = outcomes.map((outcome) => sum(scraped, `dragonsink_messages_${outcome}_total`));
      return done.reduce((a, b) => a + b) === MESSAGES.length + 1 && scraped;
    });
    const value = (sample: string): number => found.get(`dragonsink_${sample}`) ?? 0;

    const store = await openStore(`sqlite:${database}`);
    t.after(() => store.close());
    const { rows, rejects } = await store.counts();
    const ledger = await store.ledger();
    for (const kind of KINDS) {
      assert.equal(value(`messages_stored_total{kind="${kind}"}`), rows[kind], kind);
      const [of] = ledger.filter((entry) => entry.kind === kind);
      assert.equal(value(`messages_merged_total{kind="${kind}"}`), of?.merged ?? 0, kind);
      assert.equal(value(`messages_duplicate_total{kind="${kind}"}`), of?.refused ?? 0, kind);
      const all = outcomes.flatMap((outcome) =>
        [...found].filter(([name]) => name.startsWith(`dragonsink_messages_${outcome}_total{kind="${kind}"`)),
      );
      const total = all.reduce((a, [, count]) => a + count, 0);
      assert.equal(value(`messages_received_total{kind="${kind}"}`), total, kind);
    }
    assert.deepEqual(rows, { drone: 5, aircraft: 1, signal: 1, system: 1 });
    assert.deepEqual([ledger[0]?.merged, ledger[0]?.refused], [1, 2]);

    const db = readSqlite(database);
    const inTable = db
      .prepare('SELECT kind, reason, count(*) AS n FROM ingest_rejects GROUP BY kind, reason')
      .all() as { kind: string | null; reason: string; n: number }[];
    const lastSeen = db.prepare('SELECT kit_id FROM kits ORDER BY kit_id').pluck().all();
    db.close();
    const rejected = [...found].filter(([name, n]) => name.startsWith('dragonsink_messages_rejected_total{') && n > 0);
    assert.deepEqual(
      new Map(rejected),
      new Map(
        inTable.map(({ kind, reason, n }) => [
          `dragonsink_messages_rejected_total{kind="${kind ?? 'unknown'}",reason="${reason}"}`,
          n,
        ]),
      ),
    );
    assert.equal(rejects, 6);
    assert.ok(inTable.length >= 4);

    assert.deepEqual(lastSeen, [KIT, 'wardragon-B']);
    for (const kit of lastSeen) {
      const ageS = Date.now() / 1_000 - value(`kit_last_contact_timestamp_seconds{kit="${kit}"}`);
      assert.ok(ageS >= 0 && ageS < 60, `${kit}: ${ageS}`);
    }
    // The replay of a day ago is no lag.
    assert.ok(value('observation_age_seconds_bucket{le="300",kind="drone"}') > 0);
    assert.equal(
      value('observation_age_seconds_bucket{le="300",kind="drone"}'),
      value('observation_age_seconds_count{kind="drone"}'),
    );
    assert.equal(value('batch_messages_sum'), MESSAGES.length + 1);
    assert.equal(value('commit_duration_seconds_count'), value('batch_messages_count'));
    assert.ok(value('receive_to_commit_seconds_count') > 0);
    assert.deepEqual(
      [value('store_up'), value('broker_connected'), value('messages_waiting'), value('commit_failures_total')],
      [1, 1, 0, 0],
    );
    assert.ok((found.get('nodejs_eventloop_lag_seconds') ?? -1) >= 0);

    await broker.kill();
    const { body } = await eventually('its word of the broker', async () => {
      const answer = await get(port, '/readyz');
      return answer.code === 503 && answer;
    });
    const said = JSON.parse(body) as { ready: boolean; broker: { ok: boolean; problem: string }; database: unknown };
    assert.deepEqual([said.ready, said.broker.ok, said.database], [false, false, { ok: true }]);
    assert.notEqual(said.broker.problem, '');
    assert.equal((await get(port, '/healthz')).code, 200);
  });

  test('has every metric that the alerts ask for, and the job of the scrape example', async () => {
    const text = await new Metrics(new Health()).text();
    const names = new Set([...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name));
    const { groups } = parse(readFileSync(join(CONFIG, 'prometheus-alerts.yml'), 'utf8')) as {
      groups: { rules: { alert: string; expr: string; annotations: { summary: string; description: string } }[] }[];
    };
    const rules = groups.flatMap(({ rules: own }) => own);
    assert.ok(rules.length >= 6);
    const asked = rules.flatMap(({ expr, annotations }) => [
      ...`${expr} ${annotations.description}`.matchAll(/\bdragonsink_\w+/g),
    ]);
    assert.ok(asked.length >= rules.length - 1);
    for (const [name] of asked) assert.ok(names.has(name.replace(/_bucket$/, '')), name);
    for (const name of names) if (name?.startsWith('dragonsink_')) assert.match(name, /^dragonsink_[a-z_]+[a-z]$/);

    const scrape = parse(readFileSync(join(CONFIG, 'prometheus.yml'), 'utf8')) as {
      rule_files: string[];
      scrape_configs: { job_name: string }[];
    };
    assert.ok(rules.some(({ expr }) => expr.includes(`job="${scrape.scrape_configs[0]?.job_name}"`)));
    assert.ok(scrape.rule_files.every((file) => existsSync(join(CONFIG, file))));
  });

  test('counts rejects of every kind and reason from zero on: a burst of them is an increase', async () => {
    const counters = samples(await new Metrics(new Health()).text());
    for (const kind of [...KINDS, 'unknown']) {
      for (const reason of ['json', 'schema', 'kit', 'frame', 'time', 'retention', 'database', 'internal']) {
        const name = `dragonsink_messages_rejected_total{kind="${kind}",reason="${reason}"}`;
        assert.equal(counters.get(name), 0, name);
      }
    }
  });

  test('counts the radios of a kit that are in use and hear nothing', async () => {
    const metrics = new Metrics(new Health());
    const radio = { name: 'wifi', enabled: true, lastMessageUs: null, messages: null, errors: null, dropped: null };
    const receivers = [
      { ...radio, state: 'connected' },
      { ...radio, name: 'ble', state: 'dead' },
      { ...radio, name: 'sdr', state: 'dead', enabled: false },
    ];
    const report = { kitId: 'kit-1', opening: 'o', n: 1, listing: null, reconnects: 0, streams: [], receivers };
    const none = { stored: 0, merged: 0, refused: 0, rejected: 0 };
    const counts = { drone: none, aircraft: none, signal: none, system: none };
    const batch = { observations: [], rejects: [], contacts: [], reports: [report] };
    metrics.committed(batch, { counts, rejects: [], streams: [], stored: [] }, 0);
    assert.match(await metrics.text(), /^dragonsink_kit_receivers_broken\{kit="kit-1"\} 1$/m);
  });

  test('keeps a bounded number of kits, whoever makes them up', async () => {
    const metrics = new Metrics(new Health());
    const none = { observations: [], rejects: [], reports: [] };
    const observed = observation();
    const counts = { stored: 0, merged: 0, refused: 0, rejected: 0 };
    const result = {
      counts: { drone: counts, aircraft: counts, signal: counts, system: counts },
      rejects: [],
      streams: [],
      stored: [],
    };
    const heard = (n: number): void => {
      const contacts = [{ kitId: `kit-${n}`, atUs: Date.now() * 1_000, online: true }];
      metrics.committed({ ...none, contacts }, result, 0);
    };
    for (let n = 0; n < MAX_KITS; n += 1) heard(n);
    heard(0);
    heard(MAX_KITS);
    // One that is polled tells nothing by itself; what it showed does.
    const polled = { ...observed, kitId: 'kit-2', polled: true as const };
    metrics.committed({ ...none, contacts: [], observations: [polled] }, result, 0);
    heard(MAX_KITS + 1);
    const kits = (await metrics.text()).match(/^dragonsink_kit_last_contact_timestamp_seconds\{.*/gm) ?? [];
    assert.equal(kits.length, MAX_KITS);
    assert.deepEqual(
      ['kit-0', 'kit-1', 'kit-2', 'kit-3', `kit-${MAX_KITS}`].map((kit) =>
        kits.some((line) => line.includes(`"${kit}"`)),
      ),
      [true, false, true, false, true],
    );
  });
});

describe('/readyz', () => {
  test('says which side is not there, and why', async (t) => {
    const { health, port } = await serve(t);
    const ask = async (): Promise<[number, unknown]> => {
      const { code, body } = await get(port, '/readyz');
      return [code, JSON.parse(body) as unknown];
    };
    const not = (problem: string): object => ({ ok: false, problem });
    const ok = { ok: true };
    assert.deepEqual(await ask(), [
      503,
      { ready: false, broker: not('not connected yet'), database: not('not open yet') },
    ]);
    health.setBroker(true);
    health.opened(() => Promise.resolve());
    assert.deepEqual(await ask(), [200, { ready: true, broker: ok, database: ok }]);
    health.setDatabase('down', 'the disk is full');
    assert.deepEqual(await ask(), [503, { ready: false, broker: ok, database: not('the disk is full') }]);
    health.setDatabase('ok');
    health.setBroker(false, 'refused');
    assert.deepEqual(await ask(), [503, { ready: false, broker: not('refused'), database: ok }]);
  });

  test('asks a database of which nothing was heard lately', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let elapsedMs = 0;
    t.mock.method(performance, 'now', () => elapsedMs);
    const health = new Health();
    health.setBroker(true);
    let answer = (): Promise<unknown> => Promise.reject(new Error('connection refused'));
    let asked = 0;
    health.opened(() => {
      asked += 1;
      return answer();
    });
    assert.deepEqual([(await health.check()).ready, asked], [true, 0]);
    elapsedMs += 10_000;
    assert.deepEqual((await health.check()).database, { ok: false, problem: 'connection refused' });
    answer = () => Promise.resolve();
    assert.deepEqual((await health.check()).database, { ok: true });
    answer = () => new Promise(() => {});
    const [first, second] = [health.check(), health.check()];
    t.mock.timers.tick(10_000);
    assert.deepEqual((await first).database, { ok: false, problem: 'no answer within 3 s' });
    assert.deepEqual((await second).ready, false);
    assert.equal(asked, 3);
  });
});

describe('the web server', () => {
  test('answers what it knows, and nothing else', async (t) => {
    const { port } = await serve(t);
    assert.equal((JSON.parse((await get(port, '/healthz')).body) as { status: string }).status, 'ok');
    assert.match((await get(port, '/metrics?x=1')).body, /^dragonsink_build_info\{version="\d/m);
    assert.deepEqual(await get(port, '/metrics', 'HEAD'), { code: 200, body: '' });
    assert.equal((await get(port, '/')).code, 404);
    assert.equal((await get(port, '/metrics/../etc/passwd')).code, 404);
    assert.equal((await get(port, '/metrics', 'POST')).code, 405);
  });

  test('lets the server go on when its port is taken, and says what to do', async (t) => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    t.after(() => other.close());
    const { port } = other.address() as AddressInfo;
    const log = new MemoryLog();
    const health = new Health();
    const web = new WebServer({ host: '127.0.0.1', port, health, metrics: new Metrics(health), log });
    await web.start();
    await web.stop();
    assert.deepEqual(
      log.lines.map(({ level }) => level),
      ['warn'],
    );
    assert.match(log.texts[0] ?? '', /EADDRINUSE/);
    assert.match(String(log.lines[0]?.fields['hint']), /HTTP_PORT/);
  });

  test('of `dragonsink server` is there before the database is', async (t) => {
    const port = await freePort();
    const server = runDragonsink(t, ['server'], {
      // Nobody listens there.
      DATABASE_URL: `postgres://u@127.0.0.1:${await freePort()}/d`,
      MQTT_BROKER_PORT: String(await freePort()),
      SERVER_ID: 'test',
      HTTP_PORT: String(port),
    });
    const { body } = await eventually('its answer', async () => {
      const answer = await get(port, '/readyz').catch(() => null);
      return answer?.code === 503 && !answer.body.includes('not open yet') && answer;
    });
    const { database } = JSON.parse(body) as { database: { ok: boolean; problem: string } };
    assert.equal(database.ok, false);
    assert.equal((await get(port, '/healthz')).code, 200);
    assert.equal(samples((await get(port, '/metrics')).body).get('dragonsink_store_up'), 0);
    assert.equal(await server.end(), 0, server.log());
  });
});
