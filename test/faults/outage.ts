// What the server must do while its database is away, whatever the reason, and after it.
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { becomes } from '../fixtures/patience.js';
import type { World } from './world.js';

export interface Outage {
  readonly name: string;
  /** A commit may succeed in it all the same. */
  readonly isPartial?: boolean;
  /** From when it resolves nothing can be committed, until what it resolves to has been called. */
  begin(world: World): Promise<() => Promise<void> | void>;
}

/** The longest pause between two tries, and some time for the kit to hear of it. */
const GOES_ON_WITHIN_MS = 20_000;

/** Nothing is acknowledged in it, nor the server's connection to the broker lost, and afterwards it goes on by itself. */
export async function endure(world: World, { name, isPartial = false, begin }: Outage, ms: number): Promise<void> {
  const { serverTraffic: traffic, violations } = world;
  const { connects } = traffic;
  const end = await begin(world);
  world.injections += 1;
  if (!isPartial) traffic.forbid();
  await sleep(ms);
  const wrong = traffic.allow();
  if (wrong > 0) violations.push(`I5: ${name}: ${wrong} messages acknowledged while nothing could be committed`);
  await end();
  const { pubacks } = traffic;
  if (!(await becomes(() => traffic.pubacks > pubacks, GOES_ON_WITHIN_MS)))
    violations.push(`I10: ${name}: nothing is acknowledged ${GOES_ON_WITHIN_MS / 1_000} s after it`);
  if (traffic.connects > connects) violations.push(`${name}: the server lost its connection to the broker`);
}

/** Past the server's link, for whoever gets in its way. */
export async function connectTo({ databaseUrl, cleanup }: World): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => {}); // ended with PostgreSQL
  await client.connect();
  cleanup.add(() => client.end());
  return client;
}
