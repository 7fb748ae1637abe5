// `dragonsink kits`: the registry of kits: who is there, whom the server polls, and how a kit is forgotten.
import { StoreError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { KINDS, type Kind } from '../schema/kinds.js';
import { isKitId } from '../schema/kit-id.js';
import { Ranges } from '../schema/ranges.js';
import { isoMicros } from '../schema/time.js';
import { API_URL_HINT, readApiUrl } from '../server/kit-api-url.js';
import { removeAlone, removeWithData } from '../server/kit-removal.js';
import type { Kit, StoredReceiver } from '../server/kits.js';
import type { LedgerEntry, Store } from '../server/store.js';
import { nearestName } from '../settings/nearest-name.js';
import { type DatabaseOptions, databaseUrls, withOwnedStore, withStore } from './database.js';
import { columns } from './table.js';
import { toJson } from './terminal.js';

export interface KitsOptions extends DatabaseOptions {
  readonly json?: boolean;
}

const MAX_NAMED = 20;

/**
 * `--json` prints one object: `{kits: [{kit_id, name, location, source, status, enabled, api_url, last_seen, created_at,
 * rows: {kind: n}}]}`; `last_seen` is ISO 8601, or null for a kit that was never heard.
 */
export async function kitsList(options: KitsOptions): Promise<number> {
  return withStore(options, async (store) => {
    const counts = await store.kits.counts();
    const kits = (await store.kits.list()).map((kit) => shownKit(kit, counts.get(kit.kitId)));
    if (options.json === true) return say({ kits });
    const heading = ['kit', 'name', 'source', 'status', 'last seen', 'enabled', 'api url', ...KINDS];
    const lines = kits.map((kit) => [
      kit.kit_id,
      kit.name ?? '-',
      kit.source ?? '-',
      kit.status ?? '-',
      kit.last_seen ?? 'never',
      kit.enabled ? 'yes' : 'no',
      kit.api_url ?? '-',
      ...KINDS.map((kind) => String(kit.rows[kind])),
    ]);
    process.stdout.write(columns([heading, ...lines]));
    return 0;
  });
}

/**
 * `--json` prints a kit as `list` does, with `ledger: [{epoch, kind, received, waiting, missing, evicted, quarantined}]`, each
 * a number of messages, and `receivers: [{name, enabled, state, last_message_at, messages, errors, dropped, reported_at}]`.
 */
export async function kitsShow(kitId: string, options: KitsOptions): Promise<number> {
  return withStore(options, async (store) => {
    const kit = await findKit(store, kitId);
    const counts = await store.kits.counts();
    const shown = {
      ...shownKit(kit, counts.get(kitId)),
      ledger: (await store.ledger(kitId)).map(summaryOf),
      receivers: (await store.kits.receivers(kitId)).map(shownReceiver),
    };
    if (options.json === true) return say(shown);
    const { ledger, receivers, rows, ...fields } = shown;
    const lines = Object.entries(fields).map(([name, value]) => [name.replaceAll('_', ' '), String(value ?? '-')]);
    const stored = KINDS.map((kind) => `${rows[kind]} ${kind}`).join(', ');
    process.stdout.write(columns([...lines, ['rows', stored]]));
    if (ledger.length === 0) process.stdout.write('no ledger: nothing came from a dragonsink on this kit\n');
    else process.stdout.write(`\n${tableOf(ledger)}`);
    if (receivers.length > 0) process.stdout.write(`\n${tableOf(receivers)}`);
    return 0;
  });
}

/** With the names of the fields above. */
function tableOf(rows: readonly object[]): string {
  const heading = Object.keys(rows[0] ?? {}).map((name) => name.replaceAll('_', ' '));
  return columns([heading, ...rows.map((row) => Object.values(row).map((value) => String(value ?? '-')))]);
}

export interface AddOptions extends KitsOptions {
  readonly apiUrl: string;
  readonly name?: string;
  readonly location?: string;
}

/** `--json` prints the kit as `list` does. */
export async function kitsAdd(kitId: string, options: AddOptions): Promise<number> {
  if (!isKitId(kitId)) {
    throw new StoreError(`${kitId}: can't be a kit id`, {
      code: 'kit',
      hint: 'take the uid that the kit itself shows at /status, as wardragon-SERIAL',
    });
  }
  const apiUrl = readApiUrl(options.apiUrl);
  if (apiUrl === null) {
    throw new StoreError('--api-url: not the URL of a DragonSync API', { code: 'url', hint: API_URL_HINT });
  }
  return withStore(options, async (store) => {
    await store.kits.put({ kitId, apiUrl, name: options.name ?? null, location: options.location ?? null });
    return sayKit(store, kitId, options, `${kitId} is polled at ${apiUrl} within half a minute, unless it is disabled`);
  });
}

/** `--json` prints the kit as `list` does. */
export async function kitsRename(kitId: string, name: string, options: KitsOptions): Promise<number> {
  return withStore(options, async (store) => {
    if (!(await store.kits.rename(kitId, name))) throw await noSuchKit(store, kitId);
    return sayKit(store, kitId, options, `${kitId} is named ${name}`);
  });
}

/** `--json` prints the kit as `list` does. */
export async function kitsEnable(kitId: string, enabled: boolean, options: KitsOptions): Promise<number> {
  return withStore(options, async (store) => {
    if (!(await store.kits.setEnabled(kitId, enabled))) throw await noSuchKit(store, kitId);
    const words = enabled
      ? `${kitId} is enabled: polled again if it has an api_url`
      : `${kitId} is disabled: no longer polled; what it sends over MQTT is stored all the same`;
    return sayKit(store, kitId, options, words);
  });
}

export interface RemoveOptions extends KitsOptions {
  readonly yes?: boolean;
  readonly data?: boolean;
}

/** `--json` prints `{kit_id, removed: {table: n}}`, the rows that were deleted. */
export async function kitsRemove(kitId: string, options: RemoveOptions): Promise<number> {
  return withOwnedStore(databaseUrls(options), async (store) => {
    const known = await isKnown(store, kitId);
    if (!known) throw await noSuchKit(store, kitId);
    if (options.yes !== true) {
      const what = options.data === true ? 'the kit, its rows, its ledger and its rejects' : 'the kit from the list';
      throw new StoreError(`this deletes ${what}: nothing was deleted yet`, { code: 'confirm', hint: 'add --yes' });
    }
    const removed =
      options.data === true ? await removeWithData(store.kits, kitId) : await removeAlone(store.kits, kitId);
    if (options.json === true) return say({ kit_id: kitId, removed });
    const rows = Object.entries(removed).map(([table, n]) => `${n} from ${table}`);
    const again = `the next message of ${kitId} registers it again`;
    // Its ledger begins anew in the midst of an epoch, whose beginning nobody has any more.
    const ledger =
      options.data === true
        ? '; what it sent meanwhile is stored, and what it sent before in that epoch then counts as missing'
        : '';
    process.stdout.write(`deleted: ${rows.join(', ')}\n${again}${ledger}\n`);
    return 0;
  });
}

/** Also one of which only rows are left, after its row alone was removed. */
async function isKnown(store: Store, kitId: string): Promise<boolean> {
  if ((await store.kits.list()).some((kit) => kit.kitId === kitId)) return true;
  return (await store.ledger(kitId)).length > 0 || (await store.kits.counts()).has(kitId);
}

async function findKit(store: Store, kitId: string): Promise<Kit> {
  const kit = (await store.kits.list()).find((one) => one.kitId === kitId);
  if (kit === undefined) throw await noSuchKit(store, kitId);
  return kit;
}

async function noSuchKit(store: Store, kitId: string): Promise<StoreError> {
  const known = (await store.kits.list()).map((kit) => kit.kitId);
  const near = nearestName(kitId, known);
  const named = known.length === 0 ? 'there is none yet' : `there are: ${known.slice(0, MAX_NAMED).join(', ')}`;
  const more = known.length > MAX_NAMED ? ' and more' : '';
  const hint = near === null ? `${named}${more}` : `did you mean ${near}? ${named}${more}`;
  return new StoreError(`${kitId}: no such kit`, { code: 'kit', hint });
}

type ShownKit = ReturnType<typeof shownKit>;

function shownKit(kit: Kit, rows: Record<Kind, number> = { drone: 0, aircraft: 0, signal: 0, system: 0 }) {
  return {
    kit_id: kit.kitId,
    name: kit.name,
    location: kit.location,
    source: kit.source,
    status: kit.status,
    enabled: kit.enabled,
    api_url: kit.apiUrl,
    last_seen: kit.lastSeenUs === null ? null : isoMicros(kit.lastSeenUs),
    created_at: isoMicros(kit.createdUs),
    rows,
  };
}

function summaryOf({ epoch, kind, received, waiting, missing, evicted, quarantined }: LedgerEntry) {
  const size = (ranges: LedgerEntry['received']): number => new Ranges(ranges).size;
  return {
    epoch,
    kind,
    received: size(received),
    waiting: size(waiting),
    missing: size(missing),
    evicted: size(evicted),
    quarantined: size(quarantined),
  };
}

function shownReceiver({ name, enabled, state, lastMessageUs, messages, errors, dropped, reportedUs }: StoredReceiver) {
  const last_message_at = lastMessageUs === null ? null : isoMicros(lastMessageUs);
  return { name, enabled, state, last_message_at, messages, errors, dropped, reported_at: isoMicros(reportedUs) };
}

async function sayKit(store: Store, kitId: string, options: KitsOptions, words: string): Promise<number> {
  if (options.json !== true) {
    process.stdout.write(`${printable(words)}\n`);
    return 0;
  }
  const counts = await store.kits.counts();
  const shown: ShownKit = shownKit(await findKit(store, kitId), counts.get(kitId));
  return say(shown);
}

function say(object: object): number {
  process.stdout.write(`${toJson(object)}\n`);
  return 0;
}
