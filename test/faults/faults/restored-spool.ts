// F23: yesterday's copy of the spool is put back, or a card is cloned and both kits run.
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../src/simulate/ports.js';
import { askStatus } from '../commands.js';
import type { Fault, Setup } from '../fault.js';
import type { Program } from '../program.js';
import type { Random } from '../random.js';
import { readSpool } from '../spool-view.js';
import type { World } from '../world.js';

const PARTS = ['', '-wal', '-shm'];
const DRAINED_WITHIN_MS = 90_000;

export const restoredSpool: Fault = {
  id: 'F23',
  what: 'spool rolled back to an older copy; cloned kit running beside',
  needs: [],
  setup: (random): Setup => ({ database: random.pick(['sqlite', 'postgres']) }),
  async run(world, random) {
    const rounds = world.rounds(1, 10);
    for (let i = 0; i < rounds; i += 1) {
      await rollBack(world, random);
      await clone(world, random, i);
    }
  },
};

async function rollBack(world: World, random: Random): Promise<void> {
  const copy = join(world.folder, 'yesterday');
  // Sometimes the copy holds what the server does not have yet.
  if (random.chance(0.5)) world.links.kit.set({ name: 'cut' });
  await sleep(random.durationMs(1_000, 2_000));
  await (random.chance(0.5) ? world.stopKit() : world.killKit());
  copySpool(world.spoolFile, copy);
  const kept = new Set([...readSpool(world.spoolFile).values()].map(({ number }) => number));
  world.links.kit.heal();
  await world.startKit();
  await sleep(random.durationMs(1_000, 4_000));

  if (random.chance(0.5)) world.links.kit.set({ name: 'cut' });
  await sleep(random.durationMs(500, 1_500));
  await (random.chance(0.5) ? world.stopKit() : world.killKit());
  world.watch.close();
  const gone = [...readSpool(world.spoolFile).values()].filter(({ number }) => !kept.has(number));
  world.notes.push(`rolled back over ${world.ledger.forgive(gone)} rows`);
  copySpool(copy, world.spoolFile);
  world.injections += 1;
  world.watch.open();
  world.links.kit.heal();
  await world.startKit();
  await sleep(random.durationMs(1_000, 3_000));
}

/** With the same name on the broker the two throw each other out; with another one both send. */
async function clone(world: World, random: Random, round: number): Promise<void> {
  const folder = join(world.folder, `clone-${round}`);
  mkdirSync(folder);
  await world.killKit();
  const spoolFile = join(folder, 'spool.db');
  copySpool(world.spoolFile, spoolFile);
  const sameName = random.chance(0.5);
  const statusPort = await freePort();
  const file = join(folder, 'config.ini');
  const mqtt = sameName ? [] : ['mqtt_client_id = clone'];
  world.writeConfig({ file, spoolFile, statusPort, apiPath: '/clone', mqtt });
  await world.startKit();
  const cloned = world.launchKitOf('clone', file, statusPort);
  world.others.add(cloned);
  await cloned.ready();
  world.injections += 1;
  await sleep(random.durationMs(2_000, 5_000));
  await leave(world, cloned, statusPort);
}

/** The clone leaves when all it has accepted has arrived: else that would be lost with it, as it would be in life. */
async function leave(world: World, cloned: Program, statusPort: number): Promise<void> {
  await world.stopKit();
  const drained = await world.becomes(
    async () => (await askStatus(statusPort))?.spool.waiting === 0,
    DRAINED_WITHIN_MS,
  );
  if (!drained) world.violations.push('the cloned kit does not drain');
  await cloned.end('SIGTERM');
  world.others.delete(cloned);
  await world.startKit();
}

function copySpool(from: string, to: string): void {
  for (const part of PARTS) {
    rmSync(to + part, { force: true });
    if (existsSync(from + part)) copyFileSync(from + part, to + part);
  }
}
