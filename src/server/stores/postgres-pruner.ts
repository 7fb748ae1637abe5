// The slices in which PostgreSQL forgets what is past its retention; hypertables forget by whole chunks.
import type { Kind } from '../../schema/kinds.js';
import * as plans from './postgres-plans.js';
import type { PostgresPool } from './postgres-pool.js';
import type { Pruner } from './retention.js';
import type { TableName } from './tables.js';
import { hasTimescale, isLicensed } from './timescale.js';
import { DROP_CHUNKS, HYPERTABLES } from './timescale-plans.js';

export class PostgresPruner implements Pruner {
  constructor(private readonly pool: PostgresPool) {}

  /** Where TimescaleDB has policies they say how long rows are kept, also when somebody has taken them away. */
  async dropChunks(table: TableName, beforeUs: number): Promise<boolean> {
    if (!(await hasTimescale(this.pool))) return false;
    const hypertables = await this.pool.query<{ name: string }>(HYPERTABLES);
    if (!hypertables.some(({ name }) => name === table)) return false;
    if (!(await isLicensed(this.pool))) await this.pool.query(DROP_CHUNKS, [table, beforeUs]);
    return true;
  }

  async rows(table: TableName, beforeUs: number, limit: number): Promise<number> {
    return (await this.pool.query(plans.pruneRows(table), [beforeUs, limit])).length;
  }

  async keys(kinds: readonly Kind[], beforeUs: number, limit: number): Promise<number> {
    return (await this.pool.query(plans.PRUNE_KEYS, [beforeUs, limit, kinds])).length;
  }

  async minutes(kinds: readonly Kind[], beforeS: number, limit: number): Promise<number> {
    return (await this.pool.query(plans.PRUNE_MINUTES, [beforeS, limit, kinds])).length;
  }

  async oldRejects(beforeUs: number, limit: number): Promise<number> {
    return (await this.pool.query(plans.PRUNE_OLD_REJECTS, [beforeUs, limit])).length;
  }

  async surplusRejects(kept: number, limit: number): Promise<number> {
    return (await this.pool.query(plans.PRUNE_SURPLUS_REJECTS, [kept, limit])).length;
  }
}
