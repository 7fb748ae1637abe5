// A server's database on the real SQLite store, with the model's own account of what was committed to it. All schedules
// share the file: each has a kit of its own.
import Database from 'better-sqlite3';
import { Ranges } from '../../../src/schema/ranges.js';
import type { Batch, CommitResult, Store } from '../../../src/server/store.js';
import { openStore } from '../../../src/server/stores/open-store.js';
import { identityOf, type OutsideLedger } from './outside-ledger.js';

interface Row {
  readonly kind: string;
  readonly thing: string;
  readonly observed_raw: number;
  readonly sink_epoch: string;
  readonly sink_seq: number;
  readonly extra: string;
}

const COLUMNS = 'observed_raw, sink_epoch, sink_seq, extra';
const ROWS = `
  SELECT track_type AS kind, drone_id AS thing, ${COLUMNS} FROM drones WHERE kit_id = :kit
  UNION ALL SELECT 'signal', uid, ${COLUMNS} FROM signals WHERE kit_id = :kit
  UNION ALL SELECT 'system', '', ${COLUMNS} FROM system_health WHERE kit_id = :kit`;

/** The file, and the connections to it. */
export class DatabaseFile {
  private constructor(
    /** Two servers on one database each have one. */
    readonly stores: readonly [Store, Store],
    private readonly raw: Database.Database,
    private readonly tables: ReadonlyMap<string, readonly string[]>,
    private readonly rowsOfKit: Database.Statement,
  ) {}

  static async open(path: string, nowUs: () => number): Promise<DatabaseFile> {
    const stores = [
      await openStore(`sqlite:${path}`, { nowUs }),
      await openStore(`sqlite:${path}`, { nowUs }),
    ] as const;
    const raw = new Database(path);
    const names = raw.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all() as string[];
    const tables = new Map<string, string[]>();
    for (const name of names) {
      const columns = raw.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(name) as string[];
      if (columns.includes('kit_id')) tables.set(name, columns);
    }
    return new DatabaseFile(stores, raw, tables, raw.prepare(ROWS));
  }

  get storeId(): string {
    return this.stores[0].storeId;
  }

  rows(kit: string): Row[] {
    return this.rowsOfKit.all({ kit }) as Row[];
  }

  /** Everything there is of a kit. */
  copy(kit: string): Map<string, unknown[][]> {
    const read = (name: string): unknown[][] =>
      this.raw.prepare(`SELECT * FROM ${name} WHERE kit_id = ?`).raw().all(kit) as unknown[][];
    return new Map([...this.tables.keys()].map((name) => [name, read(name)]));
  }

  /** As if the whole file were put back: other kits have nothing to do with it. */
  putBack(kit: string, copy: ReadonlyMap<string, unknown[][]>): void {
    this.raw.transaction(() => {
      for (const [name, columns] of this.tables) {
        this.raw.prepare(`DELETE FROM ${name} WHERE kit_id = ?`).run(kit);
        const places = columns.map(() => '?').join(', ');
        for (const row of copy.get(name) ?? []) this.raw.prepare(`INSERT INTO ${name} VALUES (${places})`).run(...row);
      }
    })();
  }

  async close(): Promise<void> {
    this.raw.close();
    for (const store of this.stores) await store.close();
  }
}

interface Account {
  /** Identities whose rows are committed. */
  readonly committed: Set<string>;
  /** By observation: the identity whose content its row must show. */
  readonly states: Map<string, string>;
}

/** One schedule's part of a database. */
export class KitDatabase {
  private account: Account = { committed: new Set(), states: new Map() };
  /** Gone with a copy that was put back, whatever has come again since. */
  readonly rolledBack = new Set<string>();
  /** What kits have deleted because this database had it. */
  readonly owed = new Set<string>();
  private copied: { readonly rows: Map<string, unknown[][]>; readonly account: Account } | null = null;

  constructor(
    readonly file: DatabaseFile,
    readonly kit: string,
    private readonly outside: OutsideLedger,
  ) {}

  get storeId(): string {
    return this.file.storeId;
  }

  has(identity: string): boolean {
    return this.account.committed.has(identity);
  }

  /** `store` is one of the file's, or a faulty one around it. */
  async commit(store: Pick<Store, 'commit'>, batch: Batch): Promise<CommitResult> {
    const result = await store.commit(batch);
    this.outside.expect(batch.rejects.length === 0, () => `rejected: ${batch.rejects[0]?.detail}`);
    for (const { kind, identity } of batch.observations) {
      if (identity === null) continue;
      const key = identityOf({ kind, ...identity });
      this.account.committed.add(key);
      const { observation } = this.outside.get(key);
      this.account.states.set(observation, this.outside.later(key, this.account.states.get(observation)));
    }
    if (batch.observations.length > 0) this.checkRows();
    for (const { epoch, kind, received } of result.streams) this.checkReceived(epoch, kind, new Ranges(received));
    return result;
  }

  /** One row for each observation, with the content of the latest of its copies. */
  private checkRows(): void {
    const rows = this.file.rows(this.kit);
    const { states } = this.account;
    this.outside.expect(rows.length === states.size, () => `${rows.length} rows of ${states.size} observations`);
    for (const { kind, thing, observed_raw: us, sink_epoch: epoch, sink_seq: seq, extra } of rows) {
      const observation = `${kind} ${thing} ${us}`;
      const identity = states.get(observation);
      const shown = `${kind} ${epoch} ${seq}`;
      this.outside.expect(identity === shown, () => `the row of ${observation} shows ${shown}, not ${identity}`);
      if (identity !== shown) continue;
      const { n } = JSON.parse(extra) as { n: number };
      this.outside.expect(n === this.outside.get(identity).n, () => `the row of ${observation} is not what was sent`);
    }
  }

  private checkReceived(epoch: string, kind: string, received: Ranges): void {
    const beginning = `${kind} ${epoch} `;
    const committed = [...this.account.committed].filter((identity) => identity.startsWith(beginning));
    const isSame =
      committed.length === received.size &&
      committed.every((identity) => received.has(Number(identity.slice(beginning.length))));
    this.outside.expect(isSame, () => `the ledger of ${beginning}has ${JSON.stringify(received)}`);
  }

  copy(): void {
    this.copied = { rows: this.file.copy(this.kit), account: copyOf(this.account) };
  }

  get hasCopy(): boolean {
    return this.copied !== null;
  }

  /** Back to the copy; returns the identities that are gone with it. */
  putBack(): string[] {
    if (this.copied === null) return [];
    const before = this.account.committed;
    this.file.putBack(this.kit, this.copied.rows);
    this.account = copyOf(this.copied.account);
    const gone = [...before].filter((identity) => !this.has(identity));
    for (const identity of gone) this.rolledBack.add(identity);
    return gone;
  }

  /** The schedule is over. */
  clear(): void {
    this.file.putBack(this.kit, new Map());
  }
}

function copyOf({ committed, states }: Account): Account {
  return { committed: new Set(committed), states: new Map(states) };
}
