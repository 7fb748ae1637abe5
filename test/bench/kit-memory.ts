// What a kit takes while it sends a backlog of a million messages to a server, and with an empty spool.
import { constants, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createWorld } from '../../src/simulate/world.js';
import type { Cleanup } from '../faults/cleanup.js';
import { fillSpool } from './program.js';
import type { Bench } from './row.js';
import { temporaryFolder, withSite } from './site.js';

const BACKLOG = 1_000_000;
/** Of a drain that takes minutes; the most is reached in the first seconds. */
const SECONDS = 20;

export async function measureKitMemory(cleanup: Cleanup): Promise<Bench> {
  const folder = temporaryFolder(cleanup);
  fillSpool(folder, BACKLOG);
  const full = join(folder, 'spool.db');
  return {
    rows: [
      {
        name: 'kit: memory with a backlog of 1,000,000, being sent',
        unit: 'MB',
        target: 'an empty spool + 30 MB at most, under 120 MB RSS',
        reaches: ({ value, yardstick }) => value - yardstick <= 30 && value < 120,
        reason: 'what is read ahead, compressed and waits for acknowledgement, and the heap V8 grows for it',
      },
    ],
    warmsUp: false,
    run: async () => ({ samples: [{ ours: await peakOf(full), yardstick: await peakOf(null) }] }),
  };
}

/** Of a kit with a copy of that spool, for none is full any more that was sent. */
function peakOf(spool: string | null): Promise<number> {
  return withSite({ world: createWorld({ nowS: () => Date.now() / 1_000 }) }, async (site) => {
    if (spool !== null) copyFileSync(spool, join(site.kitFolder, 'spool.db'), constants.COPYFILE_FICLONE);
    const kit = site.startKit();
    await delay(SECONDS * 1_000);
    return kit.peakMb;
  });
}
