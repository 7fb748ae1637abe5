// How many messages a server's database has, cheaply enough to be asked again and again.
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { readSqlite } from '../../src/base/sqlite.js';
import { Ranges } from '../../src/schema/ranges.js';
import type { Cleanup } from '../faults/cleanup.js';

export interface Counter {
  /** By its ledger. */
  stored(): Promise<number>;
  close(): Promise<void>;
}

const RECEIVED = 'SELECT received FROM ingest_ledger';

export async function openCounter(cleanup: Cleanup, databaseUrl: string): Promise<Counter> {
  const counter = await open(databaseUrl);
  cleanup.add(() => counter.close());
  return counter;
}

async function open(databaseUrl: string): Promise<Counter> {
  if (databaseUrl.startsWith('sqlite:')) {
    const db = readSqlite(databaseUrl.slice('sqlite:'.length));
    const received = db.prepare(RECEIVED).pluck();
    return {
      stored: async () => sum((received.all() as string[]).map((ranges) => JSON.parse(ranges) as [number, number][])),
      close: async () => void db.close(),
    };
  }
  const client = new Client(databaseUrl);
  await client.connect();
  return {
    stored: async () => {
      const { rows } = await client.query<{ received: [number, number][] }>(RECEIVED);
      return sum(rows.map(({ received }) => received));
    },
    close: () => client.end(),
  };
}

export interface Stored {
  readonly stored: number;
  /** By `performance.now()`. */
  readonly atMs: number;
}

/** As soon as so many have been stored. @throws when that takes too long. */
export async function reached(counter: Counter, count: number, withinS = 600): Promise<Stored> {
  const deadline = performance.now() + withinS * 1_000;
  for (;;) {
    const stored = await counter.stored();
    const atMs = performance.now();
    if (stored >= count) return { stored, atMs };
    if (atMs > deadline) throw new Error(`${stored} of ${count} are stored after ${withinS} s`);
    await delay(20);
  }
}

/** Messages a second from one time to another. */
export function rateBetween(from: Stored, to: Stored): number {
  return (to.stored - from.stored) / ((to.atMs - from.atMs) / 1_000);
}

/** How many have been stored after that time, or as soon as it is `all`. */
export async function storedAfter(counter: Counter, seconds: number, all: number): Promise<Stored> {
  const endsAtMs = performance.now() + seconds * 1_000;
  for (;;) {
    const stored = await counter.stored();
    const atMs = performance.now();
    if (stored >= all || atMs >= endsAtMs) return { stored, atMs };
    await delay(20);
  }
}

function sum(streams: readonly [number, number][][]): number {
  return streams.reduce((all, ranges) => all + new Ranges(ranges).size, 0);
}
