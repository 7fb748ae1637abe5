// A look into the kit's spool file from outside, for reading only: which observations it holds, and under which number.
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { classOf } from '../../src/kit/classes.js';
import { KINDS, type Kind } from '../../src/schema/kinds.js';

/** A row that waits. */
export interface SpooledRow {
  /** `epoch/kind/seq`. */
  readonly number: string;
  /** Of its observation. */
  readonly id: string;
}

/** By the spool's own row id: a row never changes. */
export type SpoolContents = ReadonlyMap<number, SpooledRow>;

interface Row {
  readonly rowId: number;
  readonly epoch: string;
  readonly seq: number;
  readonly body: string;
}

/** With `known`, what was read before is not read again. */
export function readSpool(path: string, known: SpoolContents = new Map()): SpoolContents {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: 2_000 });
  try {
    db.exec('BEGIN'); // all tables as they were at one moment
    const contents = new Map<number, SpooledRow>();
    for (const kind of KINDS.filter((k) => hasTable(db, k))) {
      const read = db.prepare(`SELECT id AS rowId, epoch, seq, body FROM ${tableOf(kind)} WHERE id = ?`);
      for (const rowId of db
        .prepare(`SELECT id FROM ${tableOf(kind)}`)
        .pluck()
        .all() as number[]) {
        contents.set(rowId, known.get(rowId) ?? toSpooled(read.get(rowId) as Row, kind));
      }
    }
    return contents;
  } finally {
    db.close();
  }
}

/** 'ok', or what is wrong with the file. */
export function quickCheck(path: string): string {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: 2_000 });
  try {
    return String(db.pragma('quick_check', { simple: true }));
  } finally {
    db.close();
  }
}

function hasTable(db: Database.Database, kind: Kind): boolean {
  const sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?";
  return db.prepare(sql).pluck().get(tableOf(kind)) === 1;
}

function tableOf(kind: Kind): string {
  return `message_${classOf(kind)}`;
}

function toSpooled({ epoch, seq, body }: Row, kind: Kind): SpooledRow {
  return { number: `${epoch}/${kind}/${seq}`, id: idOf(body, kind) };
}

/** As the kit writes it: DragonSync's own message. */
function idOf(body: string, kind: Kind): string {
  const message = JSON.parse(body) as Record<string, unknown>;
  if (kind === 'aircraft') return String(message['icao']);
  if (kind === 'system') return `system ${message['gpsd_time_utc']}`;
  return String(kind === 'drone' ? message['description'] : message['uid']);
}

export interface SpoolSize {
  readonly folderBytes: number;
  readonly walBytes: number;
}

/** Of what the spool uses; a damaged one that was kept aside is no longer its own. */
export function spoolSize(path: string): SpoolSize {
  const own = readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)) && !/damaged/.test(name));
  const bytes = own.map((name) => statSync(join(dirname(path), name), { throwIfNoEntry: false })?.size ?? 0);
  return {
    folderBytes: bytes.reduce((sum, size) => sum + size, 0),
    walBytes: statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0,
  };
}
