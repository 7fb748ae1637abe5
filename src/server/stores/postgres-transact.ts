// Transactions that are worth a second try at once.
import { StoreError } from '../../base/errors.js';
import type { PostgresPool, Query } from './postgres-pool.js';

/** For this transaction alone: a limit against unpacking more of a compressed chunk than was meant. */
const UNPACK_ANY_NUMBER = 'SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0';

/**
 * Runs `work` in a transaction, and once more when another writer was first with a key, a deadlock was broken up, or it
 * takes more rows of compressed chunks than TimescaleDB unpacks unasked.
 *
 * @throws StoreError `data` when a limit stays in the way: less at a time may pass it, the same again never does.
 */
export async function transact<T>(pool: PostgresPool, work: (query: Query) => Promise<T>): Promise<T> {
  try {
    return await pool.transaction(work);
  } catch (error: unknown) {
    if (!(error instanceof StoreError)) throw error;
    // Analytics' collector, for one, locks no kits.
    if (error.code === 'conflict') return pool.transaction(work);
    if (error.code === 'limit') return unlimited(pool, work);
    throw error;
  }
}

async function unlimited<T>(pool: PostgresPool, work: (query: Query) => Promise<T>): Promise<T> {
  try {
    return await pool.transaction(async (query) => {
      await query(UNPACK_ANY_NUMBER);
      return work(query);
    });
  } catch (error: unknown) {
    if (!(error instanceof StoreError && error.code === 'limit')) throw error;
    throw new StoreError(error.message, { code: 'data', cause: error });
  }
}
