// `dragonsink rejects` as its user runs it, beside a running server: seen, tried again, and stored once.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DEFAULT_TOPICS } from '../../src/schema/topics.js';
import { Decoder } from '../../src/server/decode.js';
import type { Reject, Store } from '../../src/server/store.js';
import { openStore } from '../../src/server/stores/open-store.js';
import { dragonsink, dragonsinkJson } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const KIT = 'wardragon-A';
const SINK = { v: 1, epoch: '00000001abcdef01', seq: 1 };
const DAY_S = 86_400;

interface Listed {
  readonly rejects: readonly {
    id: number;
    reason: string;
    detail: string;
    kit_id: string | null;
    truncated: boolean;
  }[];
  readonly counts: Readonly<Record<string, number>>;
}
interface Retried {
  readonly stored: number;
  readonly failed: number;
  readonly truncated: number;
  readonly results: readonly { id: number; outcome: string; reason?: string; detail?: string }[];
}

/** A store, and what the server would have rejected of these messages two days ago. */
async function setUp(t: TestContext, ...bodies: (string | object)[]): Promise<{ store: Store; url: string }> {
  const url = `sqlite:${join(tempFolder(t), 'server.db')}`;
  const store = await openStore(url);
  t.after(() => store.close());
  const decoder = new Decoder(DEFAULT_TOPICS);
  const receivedUs = (Date.now() / 1_000 - 2 * DAY_S) * 1e6;
  const rejects = bodies.flatMap((body): readonly Reject[] => {
    const payload = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    return decoder.decode({ topic: 'wardragon/drones', payload, receivedUs: Math.round(receivedUs) }).rejects;
  });
  assert.equal(rejects.length, bodies.length);
  await store.commit({ observations: [], rejects, contacts: [], reports: [] });
  return { store, url };
}

/** Two days ago that was a day and a half ahead. */
const early = { id: 'drone-1', seen_by: KIT, observed_at: Date.now() / 1_000 - DAY_S / 2, sink: SINK };

test('they are listed, shown as they came, and stored when they can be', async (t) => {
  const hostile = '{"id": "\u001b[2J\u202e';
  const long = `{"id": "${'x'.repeat(20_000)}"}`;
  const { store, url } = await setUp(t, early, hostile, long, { id: 'drone-2', seen_by: 'wardragon-unknown' });
  const { rejects, counts } = await dragonsinkJson<Listed>('rejects', 'list', '--database', url);
  assert.deepEqual(counts, { kit: 2, json: 1, time: 1 });
  assert.deepEqual(
    rejects.map(({ reason, kit_id, truncated }) => [reason, kit_id, truncated]),
    [
      ['kit', null, false],
      ['kit', null, true],
      ['json', null, false],
      ['time', KIT, false],
    ],
  );
  const listed = await dragonsink('rejects', 'list', '--reason', 'json', '--database', url);
  assert.match(listed.out, /^id +received[\s\S]*json[\s\S]*1 of 1 shown: 1 json\n$/);

  const [first, second] = [...rejects].reverse();
  const shown = await dragonsink('rejects', 'show', String(second?.id), '--database', url);
  assert.match(shown.out, /\{"id": "\\u\{1b\}\[2J\\u\{202e\}/);
  assert.ok(!/[\p{Cc}\p{Cf}]/u.test(shown.out.replaceAll('\n', '')), 'no control sequence reaches a terminal');
  assert.equal((await dragonsink('rejects', 'show', String(second?.id), '--raw', '--database', url)).out, hostile);

  const results = await dragonsink('rejects', 'retry', '--all', '--json', '--database', url);
  assert.equal(results.code, 1, 'some remain');
  const { stored, failed, truncated } = JSON.parse(results.out) as Retried;
  assert.deepEqual([stored, failed, truncated], [1, 2, 1]);
  const [entry] = await store.ledger(KIT);
  assert.deepEqual([entry?.received, entry?.refused, entry?.rejected], [[[1, 1]], 0, 0]);
  assert.deepEqual([(await store.counts()).rows.drone, (await store.counts()).rejects], [1, 3]);

  const again = await dragonsink('rejects', 'retry', String(first?.id), '--database', url);
  assert.equal(again.code, 1);
  assert.match(again.err, /no such reject[\s\S]*dragonsink rejects list/);
  const rest = await dragonsink('rejects', 'retry', '--reason', 'kit', '--database', url);
  assert.match(rest.out, /only the first 16384 bytes were kept[\s\S]*0 stored, 0 merged, 0 there already, 2 remain/);
});

test('of many, all are tried, in the order in which they came', async (t) => {
  const bodies = Array.from({ length: 450 }, (_, i) => ({ ...early, id: `drone-${i}`, sink: { ...SINK, seq: i + 1 } }));
  const { store, url } = await setUp(t, ...bodies);
  const { stored, results } = await dragonsinkJson<Retried>('rejects', 'retry', '--kit', KIT, '--database', url);
  assert.equal(stored, 450);
  assert.deepEqual(results.map(({ id }) => id), Array.from({ length: 450 }, (_, i) => i + 1)); // biome-ignore format: short
  assert.deepEqual((await store.ledger(KIT))[0]?.received, [[1, 450]]);
  assert.equal((await dragonsink('rejects', 'list', '--database', url)).out, 'none\n');
});

test('what is not said clearly is not done', async () => {
  for (const argv of [['retry'], ['retry', '1', '--all'], ['retry', 'x'], ['list', '--limit', '0'], ['show']]) {
    const { code, err } = await dragonsink('rejects', ...argv);
    assert.equal(code, 2, `${argv.join(' ')}: ${err}`);
  }
});
