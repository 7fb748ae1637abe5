// Which database a command works on, and as whom.
import type { Store } from '../server/store.js';
import { openExistingStore, type StoreOptions } from '../server/stores/open-store.js';
import { loadServerSettings, type ServerSettings } from '../settings/server-settings.js';

export interface DatabaseOptions {
  /** In place of both settings. */
  readonly database?: string;
}

export interface DatabaseUrls extends Pick<StoreOptions, 'maintainUrl'> {
  readonly url: string;
}

export function databaseUrls({ database }: DatabaseOptions): DatabaseUrls {
  return database === undefined ? urlsIn(loadServerSettings(process.env).settings) : { url: database };
}

export function urlsIn({ DATABASE_URL: url, DATABASE_MAINTAIN_URL: maintainUrl }: ServerSettings): DatabaseUrls {
  return maintainUrl === '' ? { url } : { url, maintainUrl };
}

/** For a command that reads or adds: the owner's role is not asked for. */
export async function withStore(options: DatabaseOptions, work: (store: Store) => Promise<number>): Promise<number> {
  return withOwnedStore({ url: databaseUrls(options).url }, work);
}

/** For one that deletes: who ingests may not. */
export async function withOwnedStore(
  { url, ...options }: DatabaseUrls,
  work: (store: Store) => Promise<number>,
): Promise<number> {
  const store = await openExistingStore(url, options);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
