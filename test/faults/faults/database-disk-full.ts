// F16: the disk under PostgreSQL is full for a while. What still fits is committed, and a WAL that no longer fits takes the
// whole of PostgreSQL down: what is acknowledged must be there all the same.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Setup } from '../fault.js';
import { endure, type Outage } from '../outage.js';
import type { World } from '../world.js';

/** An empty cluster takes about half of it. */
const DISK_MB = 80;
const CHUNKS = [Buffer.alloc(64 * 1024), Buffer.alloc(4 * 1024)];
const REFUSED_WITHIN_MS = 30_000;
/** What the server says of it: that the disk is full, or that PostgreSQL went down over it. */
const REFUSED = /"code":"(full|unavailable)"/;

const FULL: Outage = { name: 'disk full', isPartial: true, begin: fillDisk };

export const databaseDiskFull: Fault = {
  id: 'F16',
  what: 'database disk full: what does not fit is waited for',
  needs: ['tmpfs'],
  setup: (): Setup => ({ database: 'postgres', cluster: { tmpfsMb: DISK_MB }, perSecond: 100 }),
  async run(world, random) {
    for (let i = 0; i < world.rounds(1, 3); i += 1) {
      await sleep(random.durationMs(500, 2_000));
      await endure(world, FULL, world.rounds(2_000, random.durationMs(2_000, 60_000)));
    }
  },
};

async function fillDisk(world: World): Promise<() => Promise<void>> {
  const { cluster } = world;
  if (cluster === null) throw new Error('this world has no PostgreSQL of its own');
  const filler = join(cluster.pgdata, 'filler');
  const log = (): string => world.servers.get('fault')?.log() ?? '';
  const before = log().length;
  let code: string | undefined;
  const refused = (): boolean => {
    fill(filler); // also what a checkpoint has given back
    code = REFUSED.exec(log().slice(before))?.[1];
    return code !== undefined;
  };
  await world.until('the disk is full', refused, REFUSED_WITHIN_MS);
  world.notes.push(`disk full: ${code}`);
  return async () => {
    rmSync(filler);
    // As systemd does with a server that went down over it.
    await cluster.pgCtl('status').catch(() => cluster.pgCtl('start'));
  };
}

function fill(file: string): void {
  for (const chunk of CHUNKS) {
    try {
      for (;;) writeFileSync(file, chunk, { flag: 'a' });
    } catch {
      // full
    }
  }
}
