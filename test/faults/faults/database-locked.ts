// F15L: another session holds a lock on the tables for a minute, while somebody sends nonsense as fast as it can.
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import type { Fault, Setup } from '../fault.js';
import { connectTo, endure, type Outage } from '../outage.js';
import type { World } from '../world.js';

/** The least that mosquitto can be set to: a server whose pings do not come is thrown out after one and a half of it. */
const KEEPALIVE_S = 10;
/** Of what comes only once, and which no broker holds back: together more than the server may take of memory. */
const FLOOD = { messages: 1_600, bytes: 60_000, atOnce: 20, everyMs: 150 };
/** What the kit was shown is committed by then. */
const QUIET_MS = 2_000;
/** By then a message that the flood does not keep waiting has come. */
const FLOOD_AFTER_MS = 2_500;

const LOCKED: Outage = { name: 'locked', begin: lock };

export const databaseLocked: Fault = {
  id: 'F15L',
  what: 'a lock on the tables held for a minute, and a flood meanwhile: pings go on, memory stays bounded',
  needs: [],
  setup: (): Setup => ({
    database: 'postgres',
    broker: [`max_keepalive ${KEEPALIVE_S}`, 'max_queued_messages 0'],
  }),
  async run(world) {
    const { pings } = world.serverTraffic;
    const lockedMs = world.rounds(KEEPALIVE_S * 1_700, 60_000);
    await Promise.all([endure(world, LOCKED, lockedMs), sleep(QUIET_MS + FLOOD_AFTER_MS).then(() => flood(world))]);
    if (world.serverTraffic.pings === pings) world.violations.push('no ping while the database was locked');
  },
};

/** While nothing is under way: a server that acknowledged too early would do so with what it gets first. */
async function lock(world: World): Promise<() => Promise<void>> {
  world.stopFeeding();
  await sleep(QUIET_MS);
  const client = await connectTo(world);
  const { rows } = await client.query<{ name: string }>(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
  );
  await client.query(`BEGIN; LOCK TABLE ${rows.map(({ name }) => name).join(', ')} IN EXCLUSIVE MODE`);
  world.feed();
  return () => client.end();
}

/** At QoS 0; every one of them is to be rejected. */
async function flood({ broker }: World): Promise<void> {
  const client = await connectAsync(broker.url, { protocolVersion: 5 }, false);
  const nonsense = Buffer.alloc(FLOOD.bytes, 'nonsense ');
  for (let sent = 0; sent < FLOOD.messages; sent += FLOOD.atOnce) {
    for (let i = 0; i < FLOOD.atOnce; i += 1) client.publish('wardragon/drones', nonsense);
    await sleep(FLOOD.everyMs);
  }
  await client.endAsync();
}
