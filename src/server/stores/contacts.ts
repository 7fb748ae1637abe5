// What a batch says about its kits: who is registered, when each was last seen, and whether it is there.
import type { Batch, Contact } from '../store.js';
import type { KitRow } from './transaction.js';

/** The kits of a batch, each once, sorted: locked in one order everywhere, two servers cannot wait for each other. */
export function kitIdsOf({ observations, rejects, contacts, reports }: Batch): string[] {
  const ids = new Set<string>();
  for (const { kitId } of observations) ids.add(kitId);
  for (const { kitId } of contacts) ids.add(kitId);
  for (const { kitId } of reports) ids.add(kitId);
  // A reject alone is no proof of a kit, unless a ledger has to be kept for it.
  for (const { kitId, kind, identity } of rejects)
    if (kitId !== null && kind !== null && identity !== null) ids.add(kitId);
  return [...ids].sort();
}

/** The kits that only a poll speaks of: removed while it was under way, they are not to come back. */
export function polledKitsOf({ observations, contacts, reports, rejects }: Batch): Set<string> {
  const polled = new Set(observations.filter((one) => one.polled === true).map(({ kitId }) => kitId));
  const sent = observations.filter((one) => one.polled !== true);
  for (const { kitId } of [...sent, ...contacts, ...reports, ...rejects]) if (kitId !== null) polled.delete(kitId);
  return polled;
}

/** The kits as they are after the batch; only those that changed. */
export function contacted(kits: readonly KitRow[], batch: Batch, nowUs: number): KitRow[] {
  const latest = new Map<string, { seenUs: number; last: Contact }>();
  for (const contact of contactsOf(batch, nowUs)) {
    const { kitId, atUs, online } = contact;
    const known = latest.get(kitId);
    const seenUs = Math.max(known?.seenUs ?? Number.NEGATIVE_INFINITY, online ? atUs : Number.NEGATIVE_INFINITY);
    latest.set(kitId, { seenUs, last: known !== undefined && known.last.atUs > atUs ? known.last : contact });
  }
  const overMqtt = sentOverMqtt(batch);
  const changed: KitRow[] = [];
  for (const kit of kits) {
    const news = latest.get(kit.kitId);
    if (news !== undefined) changed.push(afterContact(kit, news.last, news.seenUs, overMqtt.has(kit.kitId)));
  }
  return changed;
}

/** An observation is a contact too, at its own time: a replay of last week says nothing about now. */
function* contactsOf({ observations, contacts }: Batch, nowUs: number): Generator<Contact> {
  for (const { kitId, timeUs } of observations) yield { kitId, atUs: Math.min(timeUs, nowUs), online: true };
  yield* contacts;
}

function sentOverMqtt({ observations, contacts }: Batch): Set<string> {
  const sent = observations.filter(({ polled }) => polled !== true);
  return new Set([...sent, ...contacts].map(({ kitId }) => kitId));
}

function afterContact(kit: KitRow, last: Contact, seenUs: number, overMqtt: boolean): KitRow {
  const knownUs = kit.lastSeenUs ?? Number.NEGATIVE_INFINITY;
  // A last will does not move `last_seen`: the broker repeats it for days after the kit has gone.
  const lastSeenUs = Math.max(knownUs, seenUs);
  return {
    kitId: kit.kitId,
    source: overMqtt && kit.source === 'http' ? 'both' : (kit.source ?? 'mqtt'),
    status: last.atUs >= knownUs ? (last.online ? 'online' : 'offline') : kit.status,
    lastSeenUs: Number.isFinite(lastSeenUs) ? lastSeenUs : null,
  };
}
