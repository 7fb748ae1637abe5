// How fast rows are accepted durably, against better-sqlite3 alone writing the same rows in the same transactions.
import { join } from 'node:path';
import { openSqlite } from '../../src/base/sqlite.js';
import { openSpool } from '../../src/spool/open-spool.js';
import type { NewRow } from '../../src/spool/spool.js';
import type { Cleanup } from '../faults/cleanup.js';
import { droneRows } from './input.js';
import { atLeast, type Bench } from './row.js';
import { temporaryFolder } from './site.js';

const ROWS = 100_000;
/** A busy poll. */
const PER_TRANSACTION = 50;

export async function measureIntake(cleanup: Cleanup): Promise<Bench> {
  const folder = temporaryFolder(cleanup);
  const rows = droneRows(ROWS);
  const batches = Array.from({ length: ROWS / PER_TRANSACTION }, (_, i) =>
    rows.slice(i * PER_TRANSACTION, (i + 1) * PER_TRANSACTION),
  );
  let run = 0;
  return {
    rows: [
      {
        name: `kit: durable intake, group commit of ${PER_TRANSACTION}, FULL`,
        unit: 'rows/s',
        ...atLeast(0.7, 'better-sqlite3 alone, same rows, same transaction size'),
        reason: 'each row also writes what was last accepted of its thing (a second table), and is counted',
      },
    ],
    run: async () => {
      run += 1;
      const ours = intake(join(folder, `spool-${run}.db`), batches);
      return { samples: [{ ours, yardstick: alone(join(folder, `alone-${run}.db`), batches) }] };
    },
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
  try {
    return rate(() => {
      for (const batch of batches) spool.accept(batch);
    });
  } finally {
    spool.close();
  }
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
  try {
    return rate(() => {
      for (const batch of batches) write.immediate(batch);
    });
  } finally {
    db.close();
  }
}
