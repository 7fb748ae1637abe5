// How many messages a server's database has, cheaply enough to be asked again and again.
import { Client } from 'pg';
import { readSqlite } from '../../src/base/sqlite.js';
import { Ranges } from '../../src/schema/ranges.js';

export interface Counter {
  /** By its ledger. */
  stored(): Promise<number>;
  close(): Promise<void>;
}

const RECEIVED = 'SELECT received FROM ingest_ledger';

export async function openCounter(databaseUrl: string): Promise<Counter> {
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

function sum(streams: readonly [number, number][][]): number {
  return streams.reduce((all, ranges) => all + new Ranges(ranges).size, 0);
}
