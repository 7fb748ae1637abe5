// `dragonsink ledger`: the server's half of the ledger, read from its database.
import type { JsonObject } from '../base/json.js';
import { Ranges } from '../schema/ranges.js';
import { isoMicros } from '../schema/time.js';
import type { LedgerEntry, Store } from '../server/store.js';
import { openStore } from '../server/stores/open-store.js';
import { loadServerSettings } from '../settings/server-settings.js';

export interface LedgerOptions {
  readonly kit?: string;
  readonly database?: string;
  readonly json?: boolean;
}

/**
 * `--json` prints one object: `{store_id, entries: [{kit_id, epoch, kind, received: [[first, last]], gaps: [[first,
 * last]], refused, merged, rejected, last_contact}], rows: {kind: n}, doubled, rejects}`. `gaps` are below the highest
 * seq received: on their way, evicted, set aside on the kit, or missing.
 *
 * @throws StoreError when the database can't be opened.
 */
export async function ledgerCommand({ kit, database, json }: LedgerOptions): Promise<number> {
  const url = database ?? loadServerSettings(process.env).settings.DATABASE_URL;
  const store = await openStore(url);
  try {
    const report = await readReport(store, kit);
    process.stdout.write(json === true ? `${JSON.stringify(report)}\n` : describe(report));
    return 0;
  } finally {
    await store.close();
  }
}

interface Report extends JsonObject {
  readonly entries: readonly ReturnType<typeof entryOf>[];
  readonly rows: Readonly<Record<string, number>>;
  readonly doubled: number;
  readonly rejects: number;
}

async function readReport(store: Store, kit: string | undefined): Promise<Report> {
  const entries = (await store.ledger(kit)).map(entryOf);
  return { store_id: store.storeId, entries, ...(await store.counts()) };
}

function entryOf({ kitId, epoch, kind, received, refused, merged, rejected, lastContactUs }: LedgerEntry) {
  const ranges = new Ranges(received);
  return {
    kit_id: kitId,
    epoch,
    kind,
    received,
    gaps: ranges.gaps(1, ranges.last ?? 0),
    refused,
    merged,
    rejected,
    last_contact: isoMicros(lastContactUs),
  };
}

const COLUMNS = ['kit', 'epoch', 'kind', 'received', 'up to', 'gaps', 'refused', 'merged', 'rejected', 'last contact'];

function describe({ entries, rows, doubled, rejects }: Report): string {
  const lines = entries.map((entry) => {
    const ranges = new Ranges(entry.received);
    const gaps = entry.gaps.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
    const numbers = [ranges.size, ranges.last ?? 0, gaps.join(' ') || '-', entry.refused, entry.merged, entry.rejected];
    return [entry.kit_id, entry.epoch, entry.kind, ...numbers.map(String), entry.last_contact];
  });
  const counted = Object.entries(rows).map(([kind, n]) => `${n} ${kind}`);
  return `${table([COLUMNS, ...lines])}\nrows: ${counted.join(', ')}; stored twice: ${doubled}; rejects: ${rejects}\n`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
