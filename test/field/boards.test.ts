// Every query of every board of config/grafana, on a database that has something of everything: on PostgreSQL with the roles
// of compose.yaml, as the one that Grafana has, and on TimescaleDB.
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { Client } from 'pg';
import { Ranges } from '../../src/schema/ranges.js';
import type { Store } from '../../src/server/store.js';
import { openStore } from '../../src/server/stores/open-store.js';
import { type Board, expand, type Panel, readBoards } from '../fixtures/boards.js';
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
const KITS = ['wardragon-1', 'wardragon-2'] as const;
const MINUTE_US = 60e6;
const NOW_US = Date.now() * 1_000;
const SHOWN = { from: new Date(NOW_US / 1_000 - 3_600_000), to: new Date(NOW_US / 1_000 + 60_000), kits: KITS };
const BOARDS = readBoards();

const postgres = usePostgres();
const timescale = useTimescale();

/** What a fleet of two leaves behind: rows of each kind, resends, gaps, evictions, rejects. */
async function fill(store: Store): Promise<void> {
  for (const [i, kitId] of KITS.entries()) {
    const when = (agoUs: number, over: object) => ({
      kitId,
      keyUs: NOW_US - agoUs - i,
      timeUs: NOW_US - agoUs - i,
      ...over,
    });
    const pilot = { pilot_lat: 39.2, pilot_lon: -104.8, rid_make: 'DJI', rssi: -61 - i, alt: 120, speed: 4.5 };
    const first = batch(
      drone(when(1e6, { columns: { lat: 39.1, lon: -104.9, ...pilot } })),
      drone(when(10 * MINUTE_US, { identity: at(2) })),
      drone(when(30 * MINUTE_US, { identity: at(9), replay: true })),
      aircraft(when(2e6, { columns: { alt: 3048, speed: 120, lat: 39.3, lon: -104.7 } })),
      signal(when(3e6, { columns: { freq_mhz: 5800, power_dbm: -60 } })),
      system(
        when(4e6, {
          columns: { cpu_percent: 12, memory_percent: 40, disk_percent: 30, temp_cpu: 55, lat: 39, lon: -104 },
        }),
      ),
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

/** What the panel of that name shows. */
async function shown(client: Client, board: string, title: string): Promise<Record<string, unknown>[]> {
  const panel = BOARDS.find(({ uid }) => uid === board)?.panels.find((one) => one.title === title);
  return (await client.query(expand(panel?.targets[0]?.rawSql ?? '', SHOWN))).rows;
}

async function check(client: Client, board: Board, panel: Panel): Promise<void> {
  const columns: string[] = [];
  for (const { rawSql, format } of panel.targets) {
    const where = `${board.title}, ${panel.title}`;
    const { rows, fields } = await client.query(expand(rawSql, SHOWN)).catch((error: unknown) => {
      throw new Error(`${where}: ${rawSql}`, { cause: error });
    });
    ok(rows.length > 0, `${where}: nothing`);
    columns.push(...fields.map(({ name }) => name));
    if (format !== 'time_series') continue;
    equal(fields[0]?.name, 'time', where);
    const times = rows.map((row) => Number(row.time));
    deepEqual(
      times,
      [...times].sort((a, b) => a - b),
      where,
    );
    ok(
      rows.every((row) => row.time instanceof Date),
      where,
    );
  }
  for (const { matcher } of panel.fieldConfig.overrides) {
    ok(columns.includes(matcher.options), `${panel.title} has no ${matcher.options}`);
  }
}

async function checkAll(client: Client): Promise<void> {
  let panels = 0;
  for (const board of BOARDS) {
    for (const { query } of board.templating.list) ok(((await client.query(query)).rowCount ?? 0) > 0);
    for (const panel of board.panels) await check(client, board, panel);
    panels += board.panels.length;
  }
  ok(panels > 20);
}

const DATA_OF = (board: Board): string[] =>
  board.panels.flatMap((panel) => [panel, ...panel.targets].map(({ datasource }) => datasource.uid));

suite('the boards', () => {
  test('are three, each with its own ids, and all of them read what is provisioned', () => {
    deepEqual(BOARDS.map(({ title }) => title).sort(), ['Delivery', 'Fleet health', 'In the air']);
    const provisioned = readFileSync(join(ROOT, 'config/grafana/provisioning/datasources/dragonsink.yaml'), 'utf8');
    for (const board of BOARDS) {
      match(board.uid, /^dragonsink-[a-z]+$/);
      deepEqual([...new Set(DATA_OF(board))], ['dragonsink']);
      equal(new Set(board.panels.map(({ id }) => id)).size, board.panels.length);
      for (const { gridPos, title } of board.panels) ok(gridPos.x + gridPos.w <= 24, title);
    }
    match(provisioned, /^ +uid: dragonsink$/m);
  });

  test('show everything on PostgreSQL, to the role that Grafana has', async (t) => {
    const url = postgres().createDatabase();
    const as = makeRoles(t, url);
    await fillDatabase(as('dragonsink_maintain'));
    const client = await connect(t, as('dragonsink_grafana'));
    await checkAll(client);
    await client.query('SET default_transaction_read_only = off');
    await rejects(client.query('DELETE FROM kits'), /permission denied/);
    const admin = await connect(t, url);
    const { rows } = await admin.query(
      "SELECT rolname FROM pg_authid WHERE rolname ~ '^dragonsink_' AND rolpassword IS NOT NULL",
    );
    equal(rows.length, 3);
  });

  test('show everything on TimescaleDB', async (t) => {
    await fillDatabase(timescale().url);
    await checkAll(await connect(t, timescale().url));
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
