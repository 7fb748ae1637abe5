// Every query of every board of config/grafana, on a database that is empty and then has something of everything: on PostgreSQL
// with the roles of compose.yaml, as the one that Grafana has; on a WarDragon Analytics; and on TimescaleDB.
import { deepEqual, equal, notDeepEqual, ok, rejects } from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { Client, type QueryResult } from 'pg';
import { Ranges } from '../../src/schema/ranges.js';
import type { Store } from '../../src/server/store.js';
import { openStore } from '../../src/server/stores/open-store.js';
import { expand, type Panel, readBoards } from '../fixtures/boards.js';
import { psql } from '../fixtures/postgres.js';
import { usePostgres } from '../fixtures/postgres-harness.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { useTimescale } from '../fixtures/timescale.js';
import {
  aircraft,
  at,
  batch,
  contact,
  drone,
  EPOCH,
  LATER_EPOCH,
  reject,
  report,
  signal,
  stream,
  system,
  whole,
} from '../unit/server/store-batches.js';

const ROOT = join(import.meta.dirname, '../..');
const ANALYTICS = join(import.meta.dirname, '../fixtures/analytics-schema.sql');
const ANALYTICS_TIMESCALE = join(import.meta.dirname, '../fixtures/analytics-timescale.sql');
const READER = join(ROOT, 'config/grafana/reader.sql');
const KITS = ['wardragon-1', 'wardragon-2'] as const;
const SILENT = 'wardragon-3';
const MINUTE_US = 60e6;
const NOW_US = Date.now() * 1_000;
const SHOWN = {
  from: new Date(NOW_US / 1_000 - 3_600_000),
  to: new Date(NOW_US / 1_000 + 60_000),
  kits: [...KITS, SILENT],
};
const BOARDS = readBoards();
/** What each panel with one number has to show of it. */
const NUMBERS: Readonly<Record<string, number>> = {
  Drones: 1,
  Aircraft: 1,
  Signals: 2,
  'Kits that hear': 2,
  Online: 2,
  Silent: 1,
  'Waiting in spools': 2 * 4,
  Missing: 2 * 6,
};

const postgres = usePostgres();
/** Without the roles of config/roles.sql. */
const cluster = usePostgres();
const timescale = useTimescale();

const HEALTH = { cpu_percent: 12, memory_percent: 40, disk_percent: 30, temp_cpu: 55 };

/** What a fleet of three, of which one has gone silent, leaves behind: rows of each kind, resends, gaps, evictions, rejects. */
async function fill(store: Store): Promise<void> {
  for (const [i, kitId] of KITS.entries()) {
    const when = (agoUs: number, over: object) => ({
      kitId,
      keyUs: NOW_US - agoUs - i,
      timeUs: NOW_US - agoUs - i,
      ...over,
    });
    const flight = { lat: 39.1, lon: -104.9, alt: 120, height: 60, speed: 4.5, heading: 90, rssi: -61 - i };
    const pilot = { pilot_lat: 39.2, pilot_lon: -104.8, operator_id: 'OP-1' };
    const make = { rid_make: 'DJI', rid_model: 'Mini 4 Pro', description: 'a visit' };
    const first = batch(
      drone(when(1e6, { columns: { ...flight, ...pilot, ...make } })),
      drone(when(10 * MINUTE_US, { identity: at(2) })),
      drone(when(30 * MINUTE_US, { identity: at(9), replay: true })),
      aircraft(
        when(2e6, {
          columns: { lat: 39.3, lon: -104.7, alt: 3048, speed: 120, vspeed: 2, heading: 270, description: 'N123AB' },
        }),
      ),
      signal(
        when(3e6, {
          thing: `fpv-${i}`,
          columns: { freq_mhz: 5800, bandwidth_mhz: 6, power_dbm: -60, signal_type: 'fpv', source: 'confirm' },
        }),
      ),
      system(when(4e6, { columns: { ...HEALTH, lat: 39, lon: -104, gps_fix: true, uptime_hours: 5 } })),
    );
    const contacts = [contact({ kitId, atUs: NOW_US })];
    await store.commit({ ...first, contacts });
    await store.commit(first);
    const bad = reject({ kitId, receivedUs: NOW_US, identity: at(3), payload: Buffer.from(`{"kit":${i}}`) });
    // An epoch of before a restore of the disk: its end is gone. Then the one of now: some evicted, some waiting.
    const streams = [
      stream(6, 6, { epoch: EPOCH, evicted: [[4, 4]], quarantined: [[5, 5]] }),
      stream(11, 15, { epoch: LATER_EPOCH, evicted: [[1, 7]] }),
    ];
    const wifi = {
      name: 'wifi',
      enabled: true,
      state: 'dead',
      lastMessageUs: NOW_US,
      messages: 812,
      errors: 3,
      dropped: 0,
    };
    const said = report(1, streams, { kitId, receivers: [wifi] });
    await store.commit(whole({ rejects: [bad], contacts, reports: [said] }));
  }
  await store.commit(whole({ contacts: [contact({ kitId: SILENT, atUs: NOW_US - 60 * MINUTE_US })] }));
}

/** With a clock of ten minutes ago, so that what is missing has stood long enough. */
async function fillDatabase(url: string): Promise<void> {
  const store = await openStore(url, { nowUs: () => NOW_US - 10 * MINUTE_US });
  await fill(store).finally(() => store.close());
}

async function connect(t: TestContext, url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  t.after(() => client.end());
  return client;
}

/** Roles as the container of compose.yaml makes them, and the URL of each. */
function makeRoles(t: TestContext, url: string): (role: string) => string {
  const folder = tempFolder(t);
  const init = join(folder, 'init.sql');
  const text = readFileSync(join(ROOT, 'config/timescaledb/init.sql'), 'utf8')
    .replace('/dragonsink/roles.sql', join(ROOT, 'config/roles.sql'))
    .replace('/dragonsink/reader.sql', join(ROOT, 'config/grafana/reader.sql'));
  writeFileSync(init, text);
  Object.assign(process.env, { DB_PASSWORD: 'for-the-server', GRAFANA_DB_PASSWORD: 'for-grafana' });
  psql(url, '-f', init);
  psql(url, '-f', init);
  return (role) => {
    const as = new URL(url);
    as.username = role;
    return as.href;
  };
}

interface Query {
  readonly panel: Panel;
  readonly format: 'table' | 'time_series';
  readonly rawSql: string;
}

const QUERIES: ReadonlyMap<string, Query> = new Map(
  BOARDS.flatMap(({ title, panels }) =>
    panels.flatMap((panel) =>
      panel.targets.map(({ refId, format, rawSql }): [string, Query] => [
        `${title}, ${panel.title} (${panel.id}${refId})`,
        { panel, format, rawSql },
      ]),
    ),
  ),
);

/** What the panel of that name shows. */
async function shown(client: Client, board: string, title: string): Promise<Record<string, unknown>[]> {
  const panel = BOARDS.find(({ uid }) => uid === board)?.panels.find((one) => one.title === title);
  return (await client.query(expand(panel?.targets[0]?.rawSql ?? '', SHOWN))).rows;
}

type Answers = ReadonlyMap<string, QueryResult<Record<string, unknown>>>;

/** What each query of each panel gives, by where it stands. */
async function askAll(client: Client, kits: readonly string[] = SHOWN.kits): Promise<Answers> {
  const answers = new Map<string, QueryResult<Record<string, unknown>>>();
  for (const [where, { rawSql }] of QUERIES) {
    const asked = client.query<Record<string, unknown>>(expand(rawSql, { ...SHOWN, kits }));
    answers.set(
      where,
      await asked.catch((error: unknown) => {
        throw new Error(`${where}: ${rawSql}`, { cause: error });
      }),
    );
  }
  return answers;
}

function checkTimes(where: string, { rows, fields }: QueryResult<Record<string, unknown>>): void {
  equal(fields[0]?.name, 'time', where);
  const times = rows.map((row) => Number(row['time']));
  deepEqual(
    times,
    [...times].sort((a, b) => a - b),
    where,
  );
  ok(
    rows.every((row) => row['time'] instanceof Date),
    where,
  );
}

/** Each panel shows something else than on an empty database: `fillIt` makes the difference, and only that. */
async function checkAll(client: Client, fillIt: () => Promise<void>): Promise<void> {
  const empty = await askAll(client);
  // Before there is a kit the variable has no value.
  await askAll(client, []);
  await fillIt();
  const filled = await askAll(client);
  for (const [where, { format, panel }] of QUERIES) {
    const answer = filled.get(where);
    ok(answer !== undefined && answer.rows.length > 0, `${where}: nothing`);
    notDeepEqual(answer.rows, empty.get(where)?.rows, `${where}: the same as on an empty database`);
    for (const { name } of answer.fields) {
      ok(
        answer.rows.some((row) => row[name] !== null),
        `${where}: never a value in ${name}`,
      );
    }
    if (format === 'time_series') checkTimes(where, answer);
    if (panel.type !== 'stat') continue;
    deepEqual(answer.rows.map(Object.values), [[String(NUMBERS[panel.title])]], where);
  }
  for (const { title, fieldConfig } of BOARDS.flatMap(({ panels }) => panels)) {
    const columns = [...QUERIES].flatMap(([where, { panel }]) =>
      panel.title === title ? (filled.get(where)?.fields ?? []).map(({ name }) => name) : [],
    );
    for (const { matcher } of fieldConfig.overrides) {
      ok(columns.includes(matcher.options), `${title} has no ${matcher.options}`);
    }
  }
  for (const { query } of BOARDS.flatMap(({ templating }) => templating.list)) {
    equal((await client.query(query)).rowCount, SHOWN.kits.length);
  }
}

suite('the boards', () => {
  test('are three, with panels that fit, each with its own id', () => {
    deepEqual(BOARDS.map(({ title }) => title).sort(), ['Delivery', 'Fleet health', 'In the air']);
    ok(QUERIES.size > 20);
    for (const board of BOARDS) {
      equal(new Set(board.panels.map(({ id }) => id)).size, board.panels.length);
      for (const { gridPos, title } of board.panels) ok(gridPos.x + gridPos.w <= 24, title);
    }
    const numbers = [...QUERIES.values()].filter(({ panel }) => panel.type === 'stat').map(({ panel }) => panel.title);
    deepEqual(numbers.sort(), Object.keys(NUMBERS).sort());
  });

  test('show everything on PostgreSQL, to the role that Grafana has', async (t) => {
    const url = postgres().createDatabase();
    const as = makeRoles(t, url);
    await openStore(as('dragonsink_maintain')).then((store) => store.close());
    const client = await connect(t, as('dragonsink_grafana'));
    await checkAll(client, () => fillDatabase(as('dragonsink_maintain')));
    await client.query('SET default_transaction_read_only = off');
    await rejects(client.query('DELETE FROM kits'), /permission denied/);
    const admin = await connect(t, url);
    const { rows } = await admin.query(
      "SELECT rolname FROM pg_authid WHERE rolname ~ '^dragonsink_' AND rolpassword IS NOT NULL",
    );
    equal(rows.length, 3);
  });

  for (const [whose, order] of [
    ['of Analytics, with reader.sql before the server has been there', ['analytics', 'reader', 'server']],
    ['of Analytics, with reader.sql after it', ['analytics', 'server', 'reader']],
    ['of its own, with reader.sql before there is anything', ['owner', 'reader', 'server']],
  ] as const) {
    test(`show everything where one role does everything, in a database ${whose}`, async (t) => {
      const admin = cluster().createDatabase();
      const name = new URL(admin).pathname.slice(1);
      const role = `SELECT 'CREATE ROLE wardragon SUPERUSER LOGIN' WHERE to_regrole('wardragon') IS NULL`;
      psql(admin, '-c', `DO $$ BEGIN EXECUTE coalesce((${role}), 'SELECT 1'); END $$`);
      const as = (user: string): string => admin.replace('//postgres@', `//${user}@`);
      const url = as('wardragon');
      const steps = {
        owner: () => psql(admin, '-c', `ALTER DATABASE ${name} OWNER TO wardragon`),
        analytics: () => psql(url, '-f', ANALYTICS),
        server: () => openStore(url).then((store) => store.close()),
        reader: () => psql(admin, '-v', 'grafana_password=a-new-one', '-f', READER),
      };
      for (const step of order) await steps[step]();
      const client = await connect(t, as('dragonsink_grafana'));
      await checkAll(client, () => fillDatabase(url));
      await client.query('SET default_transaction_read_only = off');
      await rejects(client.query('DELETE FROM kits'), /permission denied/);
    });
  }

  test('show everything on the TimescaleDB of Analytics, to the role that Grafana has', async (t) => {
    const { url } = timescale();
    const client = await connect(t, url);
    await client.query('CREATE EXTENSION timescaledb');
    for (const file of [ANALYTICS, ANALYTICS_TIMESCALE]) await client.query(readFileSync(file, 'utf8'));
    await openStore(url).then((store) => store.close());
    const forPsql = new URL(url);
    forPsql.password = 'any';
    forPsql.searchParams.set('sslmode', 'disable');
    psql(forPsql.href, '-f', READER);
    // There is one session for all.
    const asReader = async (work: () => Promise<void>): Promise<void> => {
      await client.query('SET ROLE dragonsink_grafana');
      await work().finally(() => client.query('RESET ROLE'));
    };
    await asReader(() =>
      checkAll(client, async () => {
        await client.query('RESET ROLE');
        await fillDatabase(url);
        await client.query('SET ROLE dragonsink_grafana');
      }),
    );
  });

  test('count what the ledger counts', async (t) => {
    const url = postgres().createDatabase();
    await fillDatabase(url);
    const store = await openStore(url, {});
    t.after(() => store.close());
    const size = (ranges: ReadonlyArray<readonly [number, number]>): number => new Ranges(ranges).size;
    const expected = (await store.ledger()).filter(({ kitId, kind }) => kitId === KITS[0] && kind === 'drone');
    const sum = (pick: (one: (typeof expected)[number]) => number): number =>
      expected.reduce((total, one) => total + pick(one), 0);
    const counted = {
      received: sum(({ received }) => size(received)),
      waiting: sum(({ waiting }) => size(waiting)),
      missing: sum(({ missing }) => size(missing)),
      evicted: sum(({ evicted }) => size(evicted)),
      quarantined: sum(({ quarantined }) => size(quarantined)),
      'duplicates refused': sum(({ refused }) => refused),
      merged: sum(({ merged }) => merged),
      rejected: sum(({ rejected }) => rejected),
    };
    for (const [name, count] of Object.entries(counted)) ok(count > 0 || name === 'merged', `no ${name}`);
    const client = await connect(t, url);
    const ledger = (await shown(client, 'dragonsink-delivery', 'Ledger')).find(
      (row) => row['kit'] === KITS[0] && row['kind'] === 'drone',
    );
    deepEqual(Object.fromEntries(Object.keys(counted).map((name) => [name, Number(ledger?.[name])])), counted);
    const [waiting] = await shown(client, 'dragonsink-fleet', 'Waiting in spools');
    const all = (await store.ledger()).reduce((total, one) => total + size(one.waiting), 0);
    equal(Number(waiting?.['messages']), all);
  });

  test('tell live messages from late ones, and how long each took', async (t) => {
    const url = postgres().createDatabase();
    await fillDatabase(url);
    const client = await connect(t, url);
    const late: Record<string, number> = {};
    for (const { metric, messages } of await shown(client, 'dragonsink-delivery', 'Live and late')) {
      late[String(metric)] = (late[String(metric)] ?? 0) + Number(messages);
    }
    deepEqual(late, { 'within a minute': 2 * 4, 'within an hour': 2 * 2 });
    for (const { p50, p99 } of await shown(client, 'dragonsink-delivery', 'Latency of live messages')) {
      ok(Number(p50) >= 1 && Number(p99) < 60, `${p50} ${p99}`);
    }
  });
});
