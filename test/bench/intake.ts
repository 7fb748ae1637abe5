// How fast rows are accepted durably, against better-sqlite3 alone writing the same rows in the same transactions.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite } from '../../src/base/sqlite.js';
import { openSpool } from '../../src/spool/open-spool.js';
import type { NewRow } from '../../src/spool/spool.js';
import { droneRows } from './input.js';
import { atLeast, type Bench } from './row.js';

const ROWS = 20_000;
/** A busy poll. */
const PER_TRANSACTION = 50;

export async function measureIntake(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-bench-'));
  const rows = droneRows(ROWS);
  const batches = Array.from({ length: ROWS / PER_TRANSACTION }, (_, i) =>
    rows.slice(i * PER_TRANSACTION, (i + 1) * PER_TRANSACTION),
  );
  let run = 0;
  return {
    name: 'kit: durable intake, 50 rows a transaction',
    unit: 'rows/s',
    yardstick: 'better-sqlite3 alone, synchronous=FULL',
    ...atLeast(0.7),
    run: async () => {
      run += 1;
      return {
        ours: intake(join(folder, `spool-${run}.db`), batches),
        yardstick: alone(join(folder, `alone-${run}.db`), batches),
      };
    },
    end: async () => rmSync(folder, { recursive: true }),
  };
}

function rate(work: () => void): number {
  const startedAt = performance.now();
  work();
  return ROWS / ((performance.now() - startedAt) / 1_000);
}

function intake(path: string, batches: readonly NewRow[][]): number {
  const spool = openSpool({
    path,
    classes: [0],
    limits: { maxBytes: 2 ** 31, minFreeBytes: 0, maxAgeMs: null, evict: 'priority' },
    onDamaged: () => {},
  });
  const result = rate(() => {
    for (const batch of batches) spool.accept(batch);
  });
  spool.close();
  return result;
}

/** The same bytes, in one table with the same identity index. */
function alone(path: string, batches: readonly NewRow[][]): number {
  const db = openSqlite(path);
  db.exec('CREATE TABLE message (id INTEGER PRIMARY KEY, epoch TEXT, seq INTEGER, accepted_ms INTEGER, body TEXT)');
  db.exec('CREATE UNIQUE INDEX identity ON message (epoch, seq)');
  const insert = db.prepare('INSERT INTO message (epoch, seq, accepted_ms, body) VALUES (?, ?, ?, ?)');
  let seq = 0;
  const write = db.transaction((batch: readonly NewRow[]) => {
    for (const { body } of batch) {
      seq += 1;
      insert.run('00000001abcdef01', seq, Date.now(), body);
    }
  });
  const result = rate(() => {
    for (const batch of batches) write.immediate(batch);
  });
  db.close();
  return result;
}
