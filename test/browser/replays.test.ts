// What came late is stored: another start of the server, or another server, tells the same of it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { usePostgres } from '../fixtures/postgres-harness.js';
import { eventually } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type Served, serve } from './served.js';
import { drone } from './world.js';

const postgres = usePostgres();

const DATABASES: readonly [name: string, url: (t: TestContext) => string][] = [
  ['SQLite', (t) => `sqlite:${join(tempFolder(t), 'server.db')}`],
  ['PostgreSQL', () => postgres().createDatabase()],
];

interface Tracks {
  readonly tracks: {
    points: number;
    late: boolean;
    latest: { lat: number };
    live: { lat: number } | null;
    path: unknown[][];
  }[];
}

for (const [name, databaseUrl] of DATABASES) {
  test(`${name} knows after a restart what came late, and how long the rest took`, async (t) => {
    const url = databaseUrl(t);
    const before = await serve(t, url);
    const id = 'drone-late';
    const replay = { sink: { v: 1, epoch: '00000001abcdef01', seq: 1, replay: true } };
    await before.publish('wardragon/drones', drone(id, { observed_at: Date.now() / 1_000 - 2, lat: 42.5 }));
    await before.publish('wardragon/drones', drone(id, { observed_at: Date.now() / 1_000 - 1, lat: 42.6, ...replay }));
    const trackOf = async ({ ask }: Served): Promise<Tracks['tracks'][number] | undefined> =>
      ((await ask(`/api/tracks?id=${id}&path=10`)).json as Tracks).tracks[0];
    await eventually('both', async () => (await trackOf(before))?.points === 2);
    await before.server.end();
    const after = await serve(t, url);
    const { late, latest, live, path } = (await trackOf(after)) ?? assert.fail('it is gone');
    assert.deepEqual([late, latest.lat, live?.lat], [true, 42.6, 42.5]);
    assert.deepEqual(
      path.map((point) => point.at(-1)),
      [false, true],
    );
    const { buckets } = (await after.ask('/api/timeline?step=600')).json as {
      buckets: { messages: number; late: number; latency_ms: { p50: number; max: number } | null }[];
    };
    const sum = (of: 'messages' | 'late'): number => buckets.reduce((total, bucket) => total + bucket[of], 0);
    assert.deepEqual([sum('messages'), sum('late')], [2, 1]);
    const longest = Math.max(...buckets.map(({ latency_ms }) => latency_ms?.max ?? 0));
    assert.ok(longest >= 2_000 && longest < 30_000, String(longest));
  });
}
