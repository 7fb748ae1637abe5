// The contract of the registry of kits: what operators change, and what the servers note of each (stores/sqlite-kits.ts,
// stores/postgres-kits.ts). Commits register kits and note what came over MQTT (stores/contacts.ts).
import type { Kind } from '../schema/kinds.js';
import type { Receiver } from './store.js';

export type KitStatus = 'online' | 'offline' | 'error';

export interface Kit {
  readonly kitId: string;
  readonly name: string | null;
  readonly location: string | null;
  /** Where its DragonSync API answers; null for a kit that only sends over MQTT. */
  readonly apiUrl: string | null;
  readonly source: string | null;
  readonly status: string | null;
  /** False: it is not polled. What it sends over MQTT is stored all the same. */
  readonly enabled: boolean;
  readonly lastSeenUs: number | null;
  readonly createdUs: number;
}

export type NewKit = Pick<Kit, 'kitId' | 'name' | 'location'> & { readonly apiUrl: string };

export interface StoredReceiver extends Receiver {
  readonly reportedUs: number;
}

/** What of a kit is deleted, in this order: the keys after their rows, and the ledger last, or an observation could come in twice. */
export const KIT_TABLES = [
  'drones',
  'signals',
  'system_health',
  'ingest_keys',
  'ingest_rejects',
  'ingest_reports',
  'ingest_openings',
  'ingest_receivers',
  'ingest_minutes',
  'ingest_ledger',
] as const;
export type KitTable = (typeof KIT_TABLES)[number];

/** Three minutes without a word: six statuses missed, and what Analytics' web page calls offline. */
export const SILENT_US = 180 * 1e6;

export interface Kits {
  list(): Promise<Kit[]>;
  /** Rows per kit and kind; reads whole tables. */
  counts(): Promise<Map<string, Record<Kind, number>>>;
  /** The radios that the kit named in its newest report of them, by name. */
  receivers(kitId: string): Promise<StoredReceiver[]>;

  /** Registers a kit to be polled, or gives a known one its `api_url`, keeping the name and place it has unless new ones are given. */
  put(kit: NewKit): Promise<void>;
  /** False when there is no such kit; so are the next three. */
  rename(kitId: string, name: string): Promise<boolean>;
  /** Says where it stands, in words; null forgets that. */
  locate(kitId: string, location: string | null): Promise<boolean>;
  setEnabled(kitId: string, enabled: boolean): Promise<boolean>;
  /** Deletes the kit's own row; the next message of the kit registers it again. */
  remove(kitId: string): Promise<boolean>;
  /**
   * Deletes `limit` rows of the kit (a few more where times are equal) in one transaction; fewer when no more are there. A
   * key whose row is there stays, for the kit may send all the while: without it, the same once more would be a second row.
   */
  removeRows(table: KitTable, kitId: string, limit: number): Promise<number>;

  /** Makes every kit offline that was last seen before `nowUs - SILENT_US`; returns how many. */
  expire(nowUs: number): Promise<number>;
  /** Its API answered. False when the kit is gone or disabled: what it answered is not to be stored. */
  answered(kitId: string, atUs: number): Promise<boolean>;
  /** Its API did not answer, or not with sense. A kit that is heard over MQTT all the same stays online. */
  failed(kitId: string, status: 'offline' | 'error', nowUs: number): Promise<void>;
  /**
   * Which of these kits `holder` alone polls until `untilUs`: those that nobody else holds at `nowUs`. With `untilUs` not
   * after `nowUs` they are let go.
   */
  lease(kitIds: readonly string[], holder: string, nowUs: number, untilUs: number): Promise<string[]>;
}

/** Where a lease is noted, in `ingest_meta`: `<holder> <until>`. */
export function leaseKey(kitId: string): string {
  return `poll ${kitId}`;
}
