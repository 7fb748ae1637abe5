// The store on PostgreSQL while its server dies, is in the way of others, or refuses: nothing half, nothing twice.
import { deepEqual, equal, ok, rejects as throws } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { openStore } from '../../src/server/stores/open-store.js';
import { harnessOf, type PostgresHarness, usePostgres } from '../fixtures/postgres-harness.js';
import { at, batch, drone, KIT, signal, system, T0_US } from '../unit/server/store-batches.js';

const postgres = usePostgres();

async function newHarness(t: TestContext): Promise<PostgresHarness> {
  return harnessOf(t, postgres().createDatabase());
}

suite('PostgreSQL: outages', () => {
  test('a backend killed in the middle of a commit leaves nothing of it, and the same batch goes in afterwards', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    const blocker = new Client({ connectionString: harness.url });
    await blocker.connect();
    t.after(() => blocker.end());
    // The ledger is written last: the rows and their keys are in by then.
    await blocker.query('BEGIN; LOCK TABLE ingest_ledger IN EXCLUSIVE MODE');
    const committing = store.commit(batch(drone(), signal())).catch((error: unknown) => error);
    const waiting = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT INTO ingest_ledger%'
      AND datname = current_database()`;
    while ((await harness.query(waiting)).length === 0) await delay(10);
    await harness.query(`SELECT pg_terminate_backend(pid) FROM (${waiting}) AS w`);
    const { name, code, retryable } = (await committing) as { name: string; code: string; retryable: boolean };
    deepEqual([name, code, retryable], ['StoreError', 'unavailable', true]);
    await blocker.query('ROLLBACK');
    const { rows } = await store.counts();
    deepEqual(rows, { drone: 0, aircraft: 0, signal: 0, system: 0 });
    deepEqual([(await harness.rows('ingest_keys')).length, (await harness.rows('kits')).length], [0, 0]);
    equal((await store.commit(batch(drone(), signal()))).counts.drone.stored, 1);
  });

  test('a server that is down is said to be away, and the same store goes on when it is back', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    await store.commit(batch(drone()));
    await postgres().pgCtl('stop', '-m', 'immediate');
    const down = { name: 'StoreError', code: 'unavailable', retryable: true, hint: /is PostgreSQL running/ };
    await throws(store.commit(batch(drone({ identity: at(2) }))), down);
    await throws(store.ledger(), down);
    await throws(openStore(harness.url), down);
    await postgres().pgCtl('start');
    const { drone: counts } = (await store.commit(batch(drone(), drone({ identity: at(2) })))).counts;
    deepEqual([counts.refused, counts.merged], [1, 1]);
  });

  test('backends that are killed all the time cost only retries: every message is there once', async (t) => {
    const harness = await newHarness(t);
    const stores = [await harness.open(), await harness.open()];
    const MESSAGES = 900;
    const sent = Array.from({ length: MESSAGES }, (_, i) =>
      drone({
        kitId: `wardragon-${i % 3}`,
        thing: `d-${i % 5}`,
        keyUs: T0_US + i,
        timeUs: T0_US + i,
        identity: at(Math.floor(i / 3) + 1),
      }),
    );
    let killed = 0;
    let done = false;
    const killing = (async () => {
      while (!done) {
        const rows = await harness.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE pid <> pg_backend_pid() AND datname = current_database() AND state <> 'idle'`,
        );
        killed += rows.length;
        await delay(10);
      }
    })();
    let retries = 0;
    await Promise.all(
      stores.map(async (store, lane) => {
        for (let i = 0; i < MESSAGES; i += 9) {
          // Both send everything, so that a message whose commit was lost to one may be a resend to the other.
          const some = batch(...sent.slice(i, i + 9 + lane));
          for (;;) {
            const error = await store.commit(some).then(
              () => null,
              (thrown: unknown) => thrown as { retryable: boolean },
            );
            if (error === null) break;
            ok(error.retryable, String(error));
            retries += 1;
          }
        }
      }),
    );
    done = true;
    await killing;
    ok(killed > 0 && retries > 0, `${killed} killed, ${retries} retries`);
    const [store] = stores;
    const { rows, doubled } = (await store?.counts()) ?? {};
    deepEqual([rows?.drone, doubled, (await harness.rows('ingest_keys')).length], [MESSAGES, 0, MESSAGES]);
    deepEqual(
      (await store?.ledger())?.map(({ received }) => received),
      [[[1, 300]], [[1, 300]], [[1, 300]]],
    );
  });

  test('another writer that is first at a primary key costs a second try, and its row stays', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    const collector = new Client({ connectionString: harness.url });
    await collector.connect();
    t.after(() => collector.end());
    // Uncommitted, so that it is not seen when places are looked for, and met when the row is written.
    await collector.query(
      `BEGIN; INSERT INTO system_health (time, kit_id) SELECT timestamptz 'epoch' + ${T0_US} * interval '1 us', '${KIT}'`,
    );
    const committing = store.commit(batch(system()));
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    while ((await harness.query(waiting)).length === 0) await delay(10);
    await collector.query('COMMIT');
    equal((await committing).counts.system.stored, 1);
    deepEqual(
      (await harness.rows('system_health')).map((row) => [Number(row['time']) - T0_US, row['observed_raw']]),
      [
        [0, null],
        [1, T0_US],
      ],
    );
  });

  test('a server that ends a session in the same breath as it admits it is said to be away', async (t) => {
    const message = (type: string, ...parts: string[]): Buffer => {
      const body = Buffer.from(parts.join('\0'), 'latin1');
      const head = Buffer.from(`${type}0000`);
      head.writeUInt32BE(body.length + 4, 1);
      return Buffer.concat([head, body]);
    };
    const admitted = [message('R', '', '', '', '', ''), message('Z', 'I')];
    const ended = message('E', 'SFATAL', 'C57P01', 'Mterminating connection due to administrator command', '', '');
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(Buffer.concat([...admitted, ended])));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const opening = openStore(`postgres://x@127.0.0.1:${port}/x`);
    await throws(opening, { name: 'StoreError', code: 'unavailable', retryable: true });
  });

  test('a read-only server is waited for', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    await harness.query(
      "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_read_only = on'; END $$",
    );
    await store.close();
    const again = await harness.open();
    await throws(again.commit(batch(drone())), { code: 'read-only', retryable: true, hint: /primary/ });
  });

  test('a text too long for an index is the row’s fault, not the database’s', async (t) => {
    const store = await (await newHarness(t)).open();
    const description = randomBytes(8_000).toString('hex');
    await throws(store.commit(batch(drone({ columns: { description } }))), { code: 'data', retryable: false });
  });

  test('a NUL that slipped through is the row’s fault', async (t) => {
    const store = await (await newHarness(t)).open();
    await throws(store.commit(batch(drone({ columns: { description: 'a\0b' } }))), { code: 'data' });
    await throws(store.commit(batch(drone({ extra: { a: '\0' } }))), { code: 'data' });
  });
});
