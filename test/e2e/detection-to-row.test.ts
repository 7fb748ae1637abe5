// The whole way, all parts real: DragonSync's API, the kit, mosquitto, the server, PostgreSQL. Kit and server are
// killed, the link is cut; at the end both halves of the ledger agree, and every observation is there once.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import pg from 'pg';
import type { KitStatus } from '../../src/schema/status.js';
import { compareLedgers } from '../../src/simulate/demo-ledger.js';
import { LinkProxy } from '../../src/simulate/link-proxy.js';
import { Heard } from '../fixtures/heard.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { startPostgres } from '../fixtures/postgres.js';
import { eventually, kitFiles, MAIN, runDragonsink } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const CLOSED_PORT = 1;
const ENOUGH = 150;

interface Accounts {
  readonly entries: readonly Readonly<Record<string, unknown>>[];
}

/** The server's own word, which it owes to what the kit has said; fails when something is missing. */
function ledgerOf(databaseUrl: string): Promise<Accounts> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [MAIN, 'ledger', '--database', databaseUrl, '--json'], (error, stdout) => {
      if (error) reject(error);
      else resolve(JSON.parse(stdout) as Accounts);
    });
  });
}

describe('from a heard drone to a row in PostgreSQL', () => {
  test('nothing is missing and nothing is there twice, whoever is killed', { timeout: 120_000 }, async (t) => {
    const heard = new Heard();
    const api = await heard.start();
    t.after(() => heard.stop());
    const broker = await startMosquitto({ config: ['max_queued_messages 0'] });
    t.after(() => broker.stop());
    const proxy = new LinkProxy({ targetHost: '127.0.0.1', targetPort: broker.port });
    const port = await proxy.start();
    t.after(() => proxy.stop());
    const postgres = await startPostgres();
    t.after(() => postgres.stop());
    const files = await kitFiles(tempFolder(t), api, port);
    const env = { DATABASE_URL: postgres.url, MQTT_BROKER_PORT: String(broker.port), SERVER_ID: 'test' };
    const startKit = () => runDragonsink(t, ['kit', '--config', files.configFile]);
    const startServer = () => runDragonsink(t, ['server'], env);

    let server = startServer();
    // Its session must be there before anything is published: QoS 1 keeps nothing for a reader nobody knows.
    await eventually('the server', () => /connected to the broker/.test(server.log()));
    let kit = startKit();
    const status = async (): Promise<KitStatus | null> => {
      try {
        return (await (await fetch(`http://127.0.0.1:${files.statusPort}/status`)).json()) as KitStatus;
      } catch {
        return null; // not started yet
      }
    };
    let isOver = false;
    t.after(() => {
      isOver = true;
    });
    const feeding = (async () => {
      for (let i = 0; !isOver; i += 1) {
        heard.hear(`drone-${i % 25}`);
        if (i % 10 === 0) heard.aircraft(`A0000${(i / 10) % 7}`, { squawk: String(1_000 + i) });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    for (let round = 0; round < 4; round += 1) {
      // On a busy machine it would come no further than its start.
      await eventually('the kit', () => /connected to the broker/.test(kit.log()));
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      await server.end('SIGKILL');
      proxy.cut();
      server = startServer();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await kit.end('SIGKILL');
      proxy.heal();
      kit = startKit();
    }
    await eventually('enough to lose', async () => ((await status())?.counts.accepted ?? 0) > ENOUGH);
    isOver = true;
    await feeding;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await eventually('an empty spool', async () => (await status())?.spool.waiting === 0, 30_000);
    assert.equal(await kit.end('SIGTERM'), 0, kit.log());

    const compared = await eventually('both halves agree', async () => {
      const found = await compareLedgers(MAIN, files.configFile, postgres.url);
      return found.missing === 0 && found;
    });
    assert.equal(await server.end('SIGTERM'), 0, server.log());
    const accounts = await ledgerOf(postgres.url);
    for (const { epoch, kind, ...account } of accounts.entries) {
      const { waiting, missing, evicted, quarantined } = account;
      const nothing = { waiting: [], missing: [], evicted: [], quarantined: [] };
      assert.deepEqual({ waiting, missing, evicted, quarantined }, nothing, `${kind} of ${epoch}`);
    }
    assert.equal(compared.duplicates, 0);
    assert.equal(compared.stored, compared.accepted, 'one row for each accepted observation');
    assert.ok(compared.accepted > ENOUGH, `${compared.accepted} accepted`);

    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    t.after(() => client.end());
    const sql = `SELECT count(*)::int AS rows, count(DISTINCT extra->>'index')::int AS things,
                        bool_and(kit_id = 'wardragon-LAB0001') AS one_kit FROM drones WHERE track_type = 'drone'`;
    const { rows } = await client.query<{ rows: number; things: number; one_kit: boolean }>(sql);
    assert.equal(rows[0]?.rows, rows[0]?.things, 'every detection is one row');
    assert.equal(rows[0]?.one_kit, true);
  });

  test('a database that is not there yet is waited for', async (t) => {
    const broker = await startMosquitto();
    t.after(() => broker.stop());
    const env = {
      DATABASE_URL: `postgres://nobody@127.0.0.1:${CLOSED_PORT}/none`,
      MQTT_BROKER_PORT: String(broker.port),
    };
    const server = runDragonsink(t, ['server'], env);
    await eventually('its complaint', () => /trying again/.test(server.log()));
    assert.ok(!/connected to the broker/.test(server.log()), 'it takes nothing that it can not store');
    assert.equal(await server.end('SIGTERM'), 0);
  });
});
