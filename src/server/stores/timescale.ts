// Gives our tables what TimescaleDB offers, where its extension is: now, or when it is installed later. Each table and each
// aggregate in a transaction of its own: what is there is whole, and a run that dies half-way goes on with the next.
// A hypertable that is there already is somebody's, with the policies that they want or do not want: it is left alone.
import { StoreError, toError } from '../../base/errors.js';
import { LOCK_SCHEMA } from './postgres-plans.js';
import type { PostgresPool, Query } from './postgres-pool.js';
import { TABLES, type TableName } from './tables.js';
import * as plans from './timescale-plans.js';

/**
 * In a database that has nothing of ours yet, creates the extension where the server has it; says why it could not. Where
 * it is installed but not preloaded, the attempt ends the connection: any failure only means to do without it.
 */
export async function offerTimescale(pool: PostgresPool): Promise<string[]> {
  const create = pool.transaction(async (query) => {
    await query(LOCK_SCHEMA);
    const [state] = await query<{ offered: boolean }>(plans.EXTENSION_IS_OFFERED);
    if (state?.offered === true) await query(plans.CREATE_EXTENSION);
  });
  return create.then(
    () => [],
    (error: unknown) => [`TimescaleDB is not made use of: ${toError(error).message}`],
  );
}

/**
 * Makes the tables hypertables and their hourly aggregates, as far as they are not and the role owns them.
 *
 * @returns what of it the database does not take, in words: everything else works.
 * @throws StoreError `unavailable`.
 */
export async function setUpTimescale(pool: PostgresPool): Promise<string[]> {
  if (!(await hasTimescale(pool))) return [];
  const licensed = await isLicensed(pool);
  const warnings = licensed ? [] : [UNLICENSED];
  const plain = await pool.query<{ name: TableName; owned: boolean }>(plans.PLAIN_TABLES, [TABLES]);
  for (const { name, owned } of plain) {
    if (owned) warnings.push(...(await trying(`${name} stays a plain table`, () => convert(pool, name, licensed))));
    else warnings.push(`${name} is a plain table: its owner makes a hypertable of it with dragonsink migrate`);
  }
  if (!licensed) return warnings;
  for (const aggregate of plans.AGGREGATES) {
    warnings.push(...(await trying(`${aggregate.name} is not there`, () => addAggregate(pool, aggregate))));
  }
  return warnings;
}

const UNLICENSED =
  'this TimescaleDB has only what is under the Apache licence: no compression, no hourly aggregates, and old rows are dropped by dragonsink';

export async function hasTimescale(pool: PostgresPool): Promise<boolean> {
  const [state] = await pool.query<{ found: boolean }>(plans.HAS_TIMESCALE);
  return state?.found === true;
}

/** Whether TimescaleDB has its policies here, or hypertables alone. */
export async function isLicensed(pool: PostgresPool): Promise<boolean> {
  const [setting] = await pool.query<{ licence: string }>(plans.LICENCE);
  return setting?.licence !== 'apache';
}

function convert(pool: PostgresPool, table: TableName, licensed: boolean): Promise<void> {
  return pool.transaction(async (query) => {
    await query(LOCK_SCHEMA);
    const stillPlain = await query(plans.PLAIN_TABLES, [[table]]);
    if (stillPlain.length === 0) return;
    await query(plans.makeHypertable(table));
    if (licensed) await all(query, plans.addPolicies(table));
  });
}

function addAggregate(pool: PostgresPool, aggregate: plans.Aggregate): Promise<void> {
  return pool.transaction(async (query) => {
    await query(LOCK_SCHEMA);
    const [state] = await query<{ lacking: boolean }>(plans.LACKS_AGGREGATE, [aggregate.name, aggregate.table]);
    if (state?.lacking === true) await all(query, plans.makeAggregate(aggregate));
  });
}

async function all(query: Query, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await query(statement);
}

/** Plain tables serve too: nothing here is worth not starting for. */
async function trying(otherwise: string, work: () => Promise<void>): Promise<string[]> {
  try {
    await work();
    return [];
  } catch (error: unknown) {
    if (!(error instanceof StoreError) || error.code === 'unavailable') throw error;
    return [`${otherwise}: ${error.message}`];
  }
}
