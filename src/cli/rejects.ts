// `dragonsink rejects`: what could not be stored and why, and the second try of it.
import { StoreError } from '../base/errors.js';
import { isoMicros } from '../schema/time.js';
import { Decoder } from '../server/decode.js';
import { isTruncated, type RejectFilter, type Retried, retry, type StoredReject } from '../server/rejects.js';
import type { Store } from '../server/store.js';
import { loadServerSettings } from '../settings/server-settings.js';
import { type DatabaseOptions, databaseUrls, withOwnedStore, withStore } from './database.js';
import { columns } from './table.js';
import { topicsOf } from './topics.js';

interface Options extends DatabaseOptions {
  readonly json?: boolean;
}

export interface ListOptions extends Options {
  readonly kit?: string;
  readonly reason?: string;
  readonly limit: number;
}

const PAGE = 200;
const MAX_DETAIL = 100;
const SOME_REMAIN = 1;

/**
 * `--json` prints one object: `{rejects: [{id, received_at, topic, kit_id, kind, epoch, seq, reason, detail, bytes,
 * truncated}], counts: {reason: n}}`, the newest first; `counts` are of all that match, not only of those listed.
 */
export async function rejectsList(options: ListOptions): Promise<number> {
  return withStore(options, async ({ rejects }) => {
    const filter = filterOf(options);
    const shown = (await rejects.newest(filter, options.limit)).map(summaryOf);
    const counts = await rejects.counts(filter);
    if (options.json === true) return print(JSON.stringify({ rejects: shown, counts: Object.fromEntries(counts) }));
    const heading = ['id', 'received', 'kit', 'kind', 'reason', 'bytes', 'detail'];
    const lines = shown.map(({ id, received_at, kit_id, kind, reason, bytes, truncated, detail }) => [
      String(id),
      received_at,
      printable(kit_id ?? '-'),
      kind ?? '-',
      reason,
      `${bytes}${truncated ? '+' : ''}`,
      printable(detail).slice(0, MAX_DETAIL),
    ]);
    const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
    const byReason = [...counts].map(([reason, n]) => `${n} ${reason}`).join(', ');
    const summary = total === 0 ? 'none' : `${shown.length} of ${total} shown: ${byReason}`;
    return print(lines.length === 0 ? summary : `${columns([heading, ...lines])}\n${summary}`);
  });
}

export interface ShowOptions extends Options {
  readonly raw?: boolean;
}

/**
 * `--json` prints one object as `list` does for each, with `payload` (as text, what is no UTF-8 replaced) and
 * `payload_base64`; `--raw` the bytes that came, and nothing else.
 */
export async function rejectsShow(id: number, options: ShowOptions): Promise<number> {
  return withStore(options, async ({ rejects }) => {
    const reject = await rejects.find(id);
    if (reject === null) throw notThere(id);
    const { payload } = reject;
    if (options.raw === true) {
      await new Promise<void>((resolve) => process.stdout.write(payload, () => resolve()));
      return 0;
    }
    const shown = summaryOf(reject);
    const text = payload.toString();
    if (options.json === true)
      return print(JSON.stringify({ ...shown, payload: text, payload_base64: payload.toString('base64') }));
    const lines = Object.entries(shown).map(([name, value]) => [
      name.replaceAll('_', ' '),
      printable(String(value ?? '-')),
    ]);
    return print(`${columns(lines)}\n${printable(text)}`);
  });
}

export interface RetryOptions extends Options {
  readonly kit?: string;
  readonly reason?: string;
  readonly all?: boolean;
}

/**
 * `--json` prints one object: `{stored, merged, duplicate, failed, truncated, gone, results: [{id, outcome, reason,
 * detail}]}`. What was stored, merged or there already is no longer a reject; what failed has its reason anew.
 *
 * Returns 1 when any of them remains a reject, else 0.
 */
export async function rejectsRetry(ids: readonly number[], options: RetryOptions): Promise<number> {
  const { settings } = loadServerSettings(process.env);
  const decoder = new Decoder(topicsOf(settings));
  return withOwnedStore(databaseUrls(options), async (store) => {
    const results: Retried[] = [];
    for await (const reject of chosen(store, ids, filterOf(options))) {
      results.push(await retry(store.rejects, decoder, reject, Date.now() * 1_000));
    }
    const numbers = { stored: 0, merged: 0, duplicate: 0, failed: 0, truncated: 0, gone: 0 };
    for (const { outcome } of results) numbers[outcome] += 1;
    if (options.json === true) print(JSON.stringify({ ...numbers, results }));
    else print(describe(results, numbers));
    return numbers.failed + numbers.truncated > 0 ? SOME_REMAIN : 0;
  });
}

/** @throws StoreError `reject` when a named one is not there; before, nothing is tried. */
async function* chosen(store: Store, ids: readonly number[], filter: RejectFilter): AsyncGenerator<StoredReject> {
  if (ids.length > 0) {
    const named: StoredReject[] = [];
    for (const id of new Set(ids)) {
      const reject = await store.rejects.find(id);
      if (reject === null) throw notThere(id);
      named.push(reject);
    }
    yield* named;
    return;
  }
  // In the order in which they came; those that come meanwhile belong to it too, but each only once.
  for (let after = 0, page: StoredReject[]; ; after = page.at(-1)?.id ?? after) {
    page = await store.rejects.after(after, filter, PAGE);
    yield* page;
    if (page.length < PAGE) return;
  }
}

function describe(results: readonly Retried[], numbers: Record<Retried['outcome'], number>): string {
  const { stored, merged, duplicate, failed, truncated, gone } = numbers;
  const remaining = results.filter(({ outcome }) => outcome === 'failed' || outcome === 'truncated');
  const lines = remaining
    .slice(0, PAGE)
    .map(({ id, reason, detail }) => [String(id), reason ?? '-', printable(detail ?? '').slice(0, MAX_DETAIL)]);
  const more = remaining.length > lines.length ? `and ${remaining.length - lines.length} more\n` : '';
  const sums = `${stored} stored, ${merged} merged, ${duplicate} there already, ${failed + truncated} remain`;
  return `${lines.length === 0 ? '' : `${columns(lines)}${more}`}${sums}${gone > 0 ? `, ${gone} were gone` : ''}`;
}

function summaryOf(reject: StoredReject) {
  const { id, receivedUs, topic, kitId, kind, identity, reason, detail, payload } = reject;
  return {
    id,
    received_at: isoMicros(receivedUs),
    topic,
    kit_id: kitId,
    kind,
    epoch: identity?.epoch ?? null,
    seq: identity?.seq ?? null,
    reason,
    detail,
    bytes: payload.length,
    truncated: isTruncated(reject),
  };
}

function filterOf({ kit, reason }: { kit?: string; reason?: string }): RejectFilter {
  return { kitId: kit, reason };
}

/** What came from the air may hold a terminal's control sequences. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (char) =>
    char === '\n' || char === '\t' ? ' ' : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

function notThere(id: number): StoreError {
  return new StoreError(`${id}: no such reject`, { code: 'reject', hint: 'see dragonsink rejects list' });
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}
