// Small makers of what a store is given, so that a test shows only what it is about.
import type { Batch, Contact, KitReport, Observation, Reject, Store, StreamReport } from '../../../src/server/store.js';

export const KIT = 'wardragon-1';
export const EPOCH = '00000001aaaaaaaa';
export const LATER_EPOCH = '00000002aaaaaaaa';
/** 2026-11-23T15:30:11.363589Z: its double, 1795447811.3635893, has more digits than a microsecond. */
export const T0_US = Math.round(1795447811.3635893 * 1e6);

export const at = (seq: number, epoch = EPOCH): { epoch: string; seq: number } => ({ epoch, seq });

export function drone(over: Partial<Observation> = {}): Observation {
  return {
    kind: 'drone',
    kitId: KIT,
    thing: 'drone-1',
    keyUs: T0_US,
    timeUs: T0_US,
    identity: at(1),
    columns: { lat: 39.1, lon: -104.9 },
    extra: {},
    ...over,
  };
}

export function aircraft(over: Partial<Observation> = {}): Observation {
  return drone({ kind: 'aircraft', thing: 'A1B2C3', columns: { alt: 3048 }, ...over });
}

export function signal(over: Partial<Observation> = {}): Observation {
  return drone({ kind: 'signal', thing: 'fpv-alert-5800MHz', columns: { freq_mhz: 5800 }, ...over });
}

export function system(over: Partial<Observation> = {}): Observation {
  return drone({ kind: 'system', thing: '', columns: { cpu_percent: 12.5 }, ...over });
}

export function reject(over: Partial<Reject> = {}): Reject {
  return {
    receivedUs: T0_US,
    topic: 'wardragon/drones',
    kitId: KIT,
    kind: 'drone',
    identity: at(1),
    reason: 'schema',
    detail: 'id is missing',
    payload: Buffer.from('{"lat":1}'),
    ...over,
  };
}

export function contact(over: Partial<Contact> = {}): Contact {
  return { kitId: KIT, atUs: T0_US, online: true, ...over };
}

/** A batch of these parts, and nothing else. */
export function whole(parts: Partial<Batch>): Batch {
  return { observations: [], rejects: [], contacts: [], reports: [], ...parts };
}

export function batch(...observations: Observation[]): Batch {
  return whole({ observations });
}

export function rejects(...rejected: Reject[]): Batch {
  return whole({ rejects: rejected });
}

export function contacts(...heard: Contact[]): Batch {
  return whole({ contacts: heard });
}

export function reports(...said: KitReport[]): Batch {
  return whole({ reports: said });
}

const OPENING = 'opening-1';

/** What the kit says of its drones. */
export function stream(floor: number, next: number, over: Partial<StreamReport> = {}): StreamReport {
  return { epoch: EPOCH, kind: 'drone', floor, next, evicted: [], quarantined: [], ...over };
}

export function report(n: number, streams: readonly StreamReport[], over: Partial<KitReport> = {}): KitReport {
  return { kitId: KIT, opening: OPENING, n, listing: null, reconnects: 0, streams, ...over };
}

/** The ranges a store has of one kind of one kit, by epoch. */
export async function received(store: Store, kind = 'drone', kitId = KIT): Promise<Record<string, unknown>> {
  const entries = (await store.ledger(kitId)).filter((entry) => entry.kind === kind);
  return Object.fromEntries(entries.map(({ epoch, received: ranges }) => [epoch, ranges]));
}
