// What came in each minute of observation, and how late.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { Observation } from '../../../src/server/store.js';
import { aircraft, batch, KIT, signal, system, T0_US } from './store-batches.js';
import { ALL, type Build, MINUTE_US, numbered, OTHER, range, readsOf, seen } from './store-seen.js';

export function minuteCases(build: Build): void {
  test('messages are counted by step, kit and kind', async (t) => {
    const minute = Math.floor(T0_US / MINUTE_US) * 60;
    const inMinute = (i: number): Partial<Observation> => {
      const timeUs = (minute + i * 60) * 1e6 + 1;
      return { timeUs, keyUs: timeUs };
    };
    const reads = await readsOf(
      t,
      build,
      ...numbered(KIT, seen('a', 0, inMinute(0)), seen('b', 0, inMinute(0)), seen('a', 0, inMinute(1))),
      ...numbered(OTHER, signal(inMinute(0)), system(inMinute(2)), aircraft(inMinute(0))),
    );
    const counted = async (stepS: number, kitId?: string): Promise<unknown[]> => {
      const rows = await reads.buckets(ALL, stepS, kitId, 100);
      return rows.map(({ at: from, kit_id, kind, messages }) => [from - minute, kit_id, kind, messages]);
    };
    deepEqual(await counted(60), [
      [0, KIT, 'drone', 2],
      [0, OTHER, 'aircraft', 1],
      [0, OTHER, 'signal', 1],
      [60, KIT, 'drone', 1],
      [120, OTHER, 'system', 1],
    ]);
    deepEqual(await counted(60, KIT), [
      [0, KIT, 'drone', 2],
      [60, KIT, 'drone', 1],
    ]);
    const day = await reads.buckets(ALL, 86_400, KIT, 100);
    deepEqual([day.length, day[0]?.messages], [1, 3]);
    equal((await reads.buckets(ALL, 60, undefined, 2)).length, 2);
  });

  test('how late messages came is known of each minute, whoever stored them, and after a restart', async (t) => {
    const harness = await build(t);
    const minute = Math.floor(T0_US / MINUTE_US) * 60;
    const first = await harness.open(() => T0_US + 200_000);
    const live = [0, 1, 2].map((i) => seen(`drone-${i}`, 60_000 * i));
    await first.commit(batch(...numbered(KIT, ...live)));
    await first.close();
    const second = await harness.open(() => T0_US + 30 * MINUTE_US);
    const filled = [0, 1].map((i) => seen(`late-${i}`, i, { replay: true }));
    const before = seen('before', -MINUTE_US, { replay: true });
    const messages = numbered(KIT, ...filled, before);
    await second.commit(batch(...messages));
    // Sent once more they are no more messages; nor is another state of one of them.
    await second.commit(batch(...messages));
    await second.commit(batch(...numbered(KIT, seen('late-0', 0))));
    const read = async (stepS: number): Promise<unknown[]> => {
      const rows = await second.reads.buckets(ALL, stepS, KIT, 100);
      return rows.map(({ at: from, messages: n, late, latency_ms }) => [from - minute, n, late, latency_ms]);
    };
    deepEqual(await read(60), [
      [-60, 1, 1, null],
      [0, 5, 2, { p50: 200, max: 200 }],
    ]);
    const slow = seen('slow', 30 * MINUTE_US - 3_600e6);
    const quick = [1, 2].map((i) => seen(`quick-${i}`, 30 * MINUTE_US - 8_000 * i));
    await second.commit(batch(...numbered(OTHER, slow, ...quick)));
    const ofOther = await second.reads.buckets(range(T0_US - 86_400e6, T0_US + 86_400e6), 86_400 * 7, OTHER, 100);
    deepEqual(
      ofOther.map(({ messages: n, latency_ms }) => [n, latency_ms]),
      [[3, { p50: 20, max: 3_600_000 }]],
    );
    const day = await second.reads.buckets(ALL, 86_400, KIT, 100);
    deepEqual(
      day.map(({ messages: n, late, latency_ms }) => [n, late, latency_ms]),
      [[6, 3, { p50: 200, max: 200 }]],
    );
  });
}
