// How a kit is forgotten: its place in the list alone, or with all that it ever sent.
import { KIT_TABLES, type Kits, type KitTable } from './kits.js';

const SLICE_ROWS = 2_000;

/** Rows by table. */
type RemovedRows = Record<string, number>;

/** Its rows stay, and its next message registers it again. */
export async function removeAlone(kits: Kits, kitId: string): Promise<RemovedRows> {
  return { kits: Number(await kits.remove(kitId)) };
}

export async function removeWithData(kits: Kits, kitId: string): Promise<RemovedRows> {
  // A server that polls it stops. The kit itself goes last: it is what everybody locks who stores for it.
  const removed: RemovedRows = { kits: Number(await kits.setEnabled(kitId, false)) };
  for (const table of KIT_TABLES) removed[table] = await removeAll(kits, table, kitId);
  await kits.remove(kitId);
  return removed;
}

async function removeAll(kits: Kits, table: KitTable, kitId: string): Promise<number> {
  for (let total = 0; ; ) {
    const deleted = await kits.removeRows(table, kitId, SLICE_ROWS);
    total += deleted;
    if (deleted < SLICE_ROWS) return total;
  }
}
