// Four servers share the messages on one mosquitto and one PostgreSQL; one is killed with some in its hands and stays dead.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { Heard } from '../fixtures/heard.js';
import { type Broker, startMosquitto } from '../fixtures/mosquitto.js';
import { usePostgres } from '../fixtures/postgres-harness.js';
import { eventually, type KitFiles, kitFiles, type Running, runDragonsink } from '../fixtures/processes.js';
import { dragonsinkJson } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const NAMES = ['a', 'b', 'c', 'd'] as const;
const DRONES = 200;
/** A kit sends again by itself after 30 s: sooner only because it heard that a server went. */
const BEFORE_A_RESEND_MS = 15_000;
/** What the broker had not confirmed to the kit at that moment, a few, does wait for the 30 s. */
const ON_THEIR_WAY = 15;
const A_MINUTE_MS = 60_000;

interface Entry {
  readonly waiting: readonly unknown[];
  readonly missing: readonly unknown[];
}

const postgres = usePostgres();

test('four servers share the load, and one that is killed takes nothing with it', { timeout: 120_000 }, async (t) => {
  const heard = new Heard();
  const api = await heard.start();
  t.after(() => heard.stop());
  const broker = await startMosquitto({ config: ['log_type all'] }, t);
  const url = postgres().createDatabase();
  const servers = await startServers(t, broker, url);
  const files = await kitFiles(tempFolder(t), api, broker.port, {
    // One message each, or few frames would go to few servers.
    mqtt: ['mqtt_delivery = database', 'mqtt_replay = topics'],
  });
  const kit = runDragonsink(t, ['kit', '--config', files.configFile]);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.after(() => client.end());
  const stored = async (): Promise<number> => {
    const { rows } = await client.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM drones WHERE track_type = 'drone'",
    );
    return rows[0]?.n ?? 0;
  };

  for (let i = 0; i < DRONES; i += 1) heard.hear(`drone-${i}`);
  await eventually('the first ones', async () => (await stored()) === DRONES);
  for (const name of NAMES) assert.ok(confirmedBy(broker, name) > DRONES / 8, `${name} has its part`);

  await client.query('BEGIN; LOCK TABLE kits IN EXCLUSIVE MODE');
  const given = takenBy(broker, 'a') + DRONES / 8;
  for (let i = 0; i < DRONES; i += 1) heard.hear(`later-${i}`);
  await eventually('some in the hands of the first', () => takenBy(broker, 'a') > given);
  await servers.a.end('SIGKILL');
  await client.query('ROLLBACK');
  await eventually('most', async () => (await stored()) >= 2 * DRONES - ON_THEIR_WAY, BEFORE_A_RESEND_MS);
  await eventually('an empty spool', async () => (await waitingIn(files)) === 0, A_MINUTE_MS);

  assert.equal(await kit.end('SIGTERM'), 0, kit.log());
  const { b, c, d } = servers;
  for (const server of [b, c, d]) assert.equal(await server.end('SIGTERM'), 0, server.log());
  const { entries, doubled } = await dragonsinkJson<{ entries: Entry[]; doubled: number }>('ledger', '--database', url);
  assert.deepEqual([await stored(), doubled], [2 * DRONES, 0]);
  for (const { waiting, missing } of entries) assert.deepEqual([waiting, missing], [[], []]);
});

async function startServers(
  t: TestContext,
  broker: Broker,
  url: string,
): Promise<Record<'a' | 'b' | 'c' | 'd', Running>> {
  const start = (name: string): Running =>
    runDragonsink(t, ['server'], {
      DATABASE_URL: url,
      MQTT_BROKER_PORT: String(broker.port),
      MQTT_SHARE_GROUP: 'dragonsink',
      SERVER_ID: name,
      HTTP_PORT: '0',
    });
  const servers = { a: start('a'), b: start('b'), c: start('c'), d: start('d') };
  const isMember = (name: string): boolean => broker.log().includes(`dragonsink-${name} 1 $share/dragonsink/`);
  await eventually('all in the share', () => NAMES.every(isMember));
  return servers;
}

/** Messages that a server has acknowledged to the broker, as it says. */
function confirmedBy(broker: Broker, name: string): number {
  return broker.log().split(`Received PUBACK from dragonsink-${name} `).length - 1;
}

function takenBy(broker: Broker, name: string): number {
  return broker.log().split(`Sending PUBLISH to dragonsink-${name} `).length - 1;
}

async function waitingIn({ statusPort }: KitFiles): Promise<number> {
  const status = await fetch(`http://127.0.0.1:${statusPort}/status`);
  return ((await status.json()) as { spool: { waiting: number } }).spool.waiting;
}
