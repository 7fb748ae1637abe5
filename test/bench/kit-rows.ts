// A kit's backlog all the way: from its spool to committed rows in PostgreSQL, against the rate at which the server takes
// the same messages, of several kits, when they wait in the broker.

import type { Cleanup } from '../faults/cleanup.js';
import { openCounter, rateBetween, reached } from './counter.js';
import { ingest, openPostgres } from './ingest.js';
import { fillSpool } from './program.js';
import { atLeast, type Bench } from './row.js';
import { Site, withCleanup } from './site.js';

const BACKLOG = 50_000;

export async function measureKitRows(cleanup: Cleanup): Promise<Bench> {
  const postgres = await openPostgres(cleanup);
  return {
    rows: [
      {
        name: 'kit -> PostgreSQL: the same backlog to committed rows',
        unit: 'messages/s',
        ...atLeast(0.8, "the server's own sustained rate, from the broker"),
        reason: 'two cores: the kit, which the yardstick does without, takes its share of them',
      },
    ],
    run: async () => {
      const ours = await kitRate(postgres.createDatabase());
      const { perSecond, generatorCpuS } = await ingest(postgres.createDatabase(), BACKLOG);
      return { samples: [{ ours, yardstick: perSecond }], generatorCpuS };
    },
  };
}

function kitRate(databaseUrl: string): Promise<number> {
  return withCleanup(async (cleanup) => {
    const site = await Site.open(cleanup, { databaseUrl });
    fillSpool(site.kitFolder, BACKLOG);
    const counter = await openCounter(cleanup, databaseUrl);
    site.startKit();
    return rateBetween(await reached(counter, 1), await reached(counter, BACKLOG));
  });
}
