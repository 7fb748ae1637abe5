// `dragonsink migrate`: makes the server's database, or brings it to this version.
import type { Migrated } from '../server/stores/migrations.js';
import { migrateStore } from '../server/stores/open-store.js';
import { type DatabaseOptions, databaseUrls } from './database.js';

export interface MigrateOptions extends DatabaseOptions {
  readonly json?: boolean;
}

/**
 * Works as the owner of the tables (DATABASE_MAINTAIN_URL, where set). `--json` prints one object: `{database, from, to}`,
 * the database without user and password, and its versions before and after; 0 is one that was not there.
 *
 * @throws StoreError when it stops half-way: every step that is done stays, and the next call goes on from there.
 */
export async function migrateCommand(options: MigrateOptions): Promise<number> {
  const { url, maintainUrl } = databaseUrls(options);
  const migrated = await migrateStore(url, maintainUrl);
  for (const warning of migrated.warnings) process.stderr.write(`dragonsink: ${warning}\n`);
  process.stdout.write(`${options.json === true ? JSON.stringify(toJson(migrated)) : describe(migrated)}\n`);
  return 0;
}

function toJson({ where, from, to }: Migrated) {
  return { database: where, from, to };
}

function describe({ where, from, to }: Migrated): string {
  return from === to ? `${where}: at version ${to} already` : `${where}: brought from version ${from} to ${to}`;
}
