// Whatever the order, the batches and the repetitions in which messages come, the rows and the ledger are the same.
import { deepEqual } from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import type { Observation } from '../../../src/server/store.js';
import { openStore } from '../../../src/server/stores/open-store.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { batch, EPOCH, LATER_EPOCH, signal, T0_US } from './store-batches.js';

interface Message {
  readonly kitId: string;
  readonly thing: string;
  readonly offsetUs: number;
  readonly epoch: string;
  readonly stock: boolean;
}

const message = fc.record<Message>({
  kitId: fc.constantFrom('kit-a', 'kit-b'),
  thing: fc.constantFrom('s-1', 's-2', 's-3'),
  offsetUs: fc.constantFrom(0, 1, 2),
  epoch: fc.constantFrom(EPOCH, LATER_EPOCH),
  stock: fc.boolean(),
});

/** Seq counts within (kit, epoch); the power tells copies apart, and follows from the identity as in real life. */
function toObservations(messages: readonly Message[]): Observation[] {
  const last = new Map<string, number>();
  return messages.map(({ kitId, thing, offsetUs, epoch, stock }) => {
    const stream = `${kitId} ${epoch}`;
    const seq = (last.get(stream) ?? 0) + 1;
    if (!stock) last.set(stream, seq);
    return signal({
      kitId,
      thing,
      keyUs: T0_US + offsetUs,
      timeUs: T0_US + offsetUs,
      identity: stock ? null : { epoch, seq },
      columns: { freq_mhz: 5800, power_dbm: stock ? 0 : seq + (epoch === LATER_EPOCH ? 1000 : 0) },
    });
  });
}

function expectedStates(observations: readonly Observation[]): string[] {
  const powers = new Map<string, number>();
  for (const { kitId, thing, keyUs, columns } of observations) {
    const key = `${kitId} ${thing} ${keyUs}`;
    powers.set(key, Math.max(powers.get(key) ?? 0, Number(columns['power_dbm'])));
  }
  return [...powers].map(([key, power]) => `${key} ${power}`).sort();
}

suite('a store against its model', () => {
  test('every order of every selection of copies leaves one row per observation, with the latest state', async (t) => {
    const folder = tempFolder(t);
    let runs = 0;
    const schedule = fc.record({
      messages: fc.array(message, { minLength: 1, maxLength: 40 }),
      repeats: fc.array(fc.nat(39), { maxLength: 20 }),
      shuffle: fc.infiniteStream(fc.nat(1_000_000)),
      size: fc.integer({ min: 1, max: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(schedule, async ({ messages, repeats, shuffle, size }) => {
        const sent = toObservations(messages);
        const copies = repeats.map((i) => sent[i % sent.length]).filter((copy) => copy !== undefined);
        const order = [...sent, ...copies].map((one) => ({ one, rank: shuffle.next().value ?? 0 }));
        const arriving = order.sort((a, b) => a.rank - b.rank).map(({ one }) => one);
        runs += 1;
        const path = join(folder, `${runs}.db`);
        const store = await openStore(`sqlite:${path}`);
        for (let i = 0; i < arriving.length; i += size) await store.commit(batch(...arriving.slice(i, i + size)));
        const db = new Database(path, { readonly: true });
        const rows = db.prepare('SELECT kit_id, uid, observed_raw, power_dbm FROM signals').raw().all() as unknown[][];
        db.close();
        deepEqual(rows.map((row) => row.join(' ')).sort(), expectedStates(sent));
        const received = (await store.ledger()).flatMap((entry) =>
          entry.received.map((range) => [entry.kitId, ...range]),
        );
        const { doubled } = await store.counts();
        await store.close();
        // Without holes in what was sent, there are none in what was received.
        const streams = new Set(
          sent.filter(({ identity }) => identity).map((one) => `${one.kitId} ${one.identity?.epoch}`),
        );
        deepEqual([received.length, doubled], [streams.size, 0]);
      }),
      { numRuns: 60 },
    );
  });
});
