// `dragonsink ledger`: what the server has of each kit, what the kit still has, and what nobody has.
import { StoreError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import { type Range, Ranges } from '../schema/ranges.js';
import { entryOf } from '../server/ledger-entries.js';
import type { Store } from '../server/store.js';
import { type DatabaseOptions, withStore } from './database.js';
import { columns } from './table.js';
import { toJson } from './terminal.js';

export interface LedgerOptions extends DatabaseOptions {
  readonly kit?: string;
  readonly json?: boolean;
}

const OK = 0;
const SOMETHING_IS_MISSING = 3;

/**
 * `--json` prints one object: `{store_id, entries: [{kit_id, epoch, kind, received, gaps, next, waiting, missing, evicted,
 * quarantined, refused, merged, rejected, last_contact}], rows: {kind: n}, doubled, rejects}`.
 *
 * - `received`, `waiting`, `missing`, `evicted`, `quarantined` are ranges of seq, `[[first, last]]`, and have none in
 *   common: in the database (also as rejects); still in the kit's spool; nowhere, for a minute at least; given up by the
 *   kit's policy; set aside by the kit because nobody takes it.
 * - `gaps` are all that is not received below the highest seq that is; `next` is one above the highest seq known to exist.
 * - `refused` counts resends of what was received, `merged` observations that another message had brought, `rejected`
 *   messages that are no rows (see `ingest_rejects`); `last_contact` is ISO 8601.
 * - `rows` counts the tables, `doubled` the rows that are there twice, which is always 0.
 *
 * Returns 3 when anything is missing, else 0.
 *
 * @throws StoreError when the database is not there or can't be opened, and `kit` when it knows no such kit.
 */
export async function ledgerCommand({ kit, json, ...database }: LedgerOptions): Promise<number> {
  return withStore(database, async (store) => {
    const report = await readReport(store, kit);
    process.stdout.write(json === true ? `${toJson(report)}\n` : describe(report));
    return report.entries.some(({ missing }) => missing.length > 0) ? SOMETHING_IS_MISSING : OK;
  });
}

type Entry = ReturnType<typeof entryOf>;

interface Report extends JsonObject {
  readonly entries: readonly Entry[];
  readonly rows: Readonly<Record<string, number>>;
  readonly doubled: number;
  readonly rejects: number;
}

async function readReport(store: Store, kit: string | undefined): Promise<Report> {
  const entries = (await store.ledger(kit)).map(entryOf);
  if (kit !== undefined && entries.length === 0) throw await noSuchKit(store, kit);
  return { store_id: store.storeId, entries, ...(await store.counts()) };
}

async function noSuchKit(store: Store, kit: string): Promise<StoreError> {
  const known = [...new Set((await store.ledger()).map(({ kitId }) => kitId))];
  const named = known.length === 0 ? 'there is none yet' : `there are: ${known.slice(0, MAX_NAMED).join(', ')}`;
  return new StoreError(`${kit}: no such kit in the ledger`, {
    code: 'kit',
    hint: `${named}${known.length > MAX_NAMED ? ' and more' : ''} (a kit without dragonsink has no ledger)`,
  });
}

const MAX_NAMED = 20;

/** Of `missing` the ranges are shown, for somebody will look for them; of the others, how many. */
const COLUMNS: readonly (readonly [heading: string, cell: (entry: Entry) => string | number])[] = [
  ['kit', ({ kit_id }) => kit_id],
  ['epoch', ({ epoch }) => epoch],
  ['kind', ({ kind }) => kind],
  ['first', ({ received }) => new Ranges(received).first ?? '-'],
  ['last', ({ received }) => new Ranges(received).last ?? '-'],
  ['received', ({ received }) => sizeOf(received)],
  ['waiting', ({ waiting }) => sizeOf(waiting)],
  ['missing', ({ missing }) => shown(missing)],
  ['duplicates', ({ refused }) => refused],
  ['merged', ({ merged }) => merged],
  ['evicted', ({ evicted }) => sizeOf(evicted)],
  ['quarantined', ({ quarantined }) => sizeOf(quarantined)],
  ['rejected', ({ rejected }) => rejected],
  ['last contact', (entry) => entry.last_contact],
];

function describe({ entries, rows, doubled, rejects }: Report): string {
  const cells = entries.map((entry) => COLUMNS.map(([, cell]) => String(cell(entry))));
  const counted = Object.entries(rows).map(([kind, n]) => `${n} ${kind}`);
  const missing = entries.reduce((sum, entry) => sum + sizeOf(entry.missing), 0);
  return [
    columns([COLUMNS.map(([heading]) => heading), ...cells]),
    `\nrows: ${counted.join(', ')}; stored twice: ${doubled}; rejects: ${rejects}; missing: ${missing}\n`,
  ].join('');
}

function sizeOf(ranges: readonly Range[]): number {
  return new Ranges(ranges).size;
}

const MAX_SHOWN = 5;

function shown(ranges: readonly Range[]): string {
  if (ranges.length === 0) return '0';
  const some = ranges.slice(0, MAX_SHOWN).map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  const more = ranges.length > MAX_SHOWN ? [`and ${ranges.length - MAX_SHOWN} ranges more`] : [];
  return `${sizeOf(ranges)}: ${[...some, ...more].join(' ')}`;
}
