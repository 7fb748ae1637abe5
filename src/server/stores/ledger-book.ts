// The ledgers a batch touches, while it is being committed: which seq are received, and what was counted.
import type { Kind } from '../../schema/kinds.js';
import { type Range, Ranges } from '../../schema/ranges.js';
import type { Batch, CommittedStream, Identity } from '../store.js';
import type { LedgerRow, LedgerWithFloor, StreamId } from './transaction.js';

interface Page {
  readonly stream: StreamId;
  readonly received: Ranges;
  next: number;
  refused: number;
  merged: number;
  rejected: number;
  /** As stored; null for a new page. */
  readonly lastContactUs: number | null;
  floor: number;
  /** A message came: its kit was there. */
  contacted: boolean;
  changed: boolean;
}

interface Identified {
  readonly kitId: string | null;
  readonly kind: Kind | null;
  readonly identity: Identity | null;
}

/** The streams that a batch has messages or a report of, and others, each once. */
export function streamsOf({ observations, rejects, reports }: Batch, others: readonly StreamId[] = []): StreamId[] {
  const streams = new Map<string, StreamId>();
  const add = (stream: StreamId | null): void => {
    if (stream !== null) streams.set(streamKey(stream), stream);
  };
  for (const message of observations) add(streamOf(message));
  for (const message of rejects) add(streamOf(message));
  for (const { kitId, streams: said } of reports) for (const { epoch, kind } of said) add({ kitId, epoch, kind });
  for (const stream of others) add(stream);
  return [...streams.values()];
}

export class LedgerBook {
  private readonly pages = new Map<string, Page>();

  constructor(stored: readonly LedgerWithFloor[]) {
    for (const { kitId, epoch, kind, received, floor, ...counters } of stored) {
      const stream = { kitId, epoch, kind };
      const found = { received: new Ranges(received), floor: floor ?? 1, contacted: false, changed: false };
      this.pages.set(streamKey(stream), { stream, ...found, ...counters });
    }
  }

  /** False when this identity is received already, in the database or earlier in the batch; without one it is new. */
  receive(message: Identified): boolean {
    const stream = streamOf(message);
    if (stream === null || message.identity === null) return true;
    const { seq } = message.identity;
    const page = this.open(stream);
    page.contacted = true;
    page.changed = true;
    page.next = Math.max(page.next, seq + 1);
    if (page.received.add(seq)) return true;
    page.refused += 1;
    return false;
  }

  count(message: Identified, counter: 'merged' | 'rejected'): void {
    const stream = streamOf(message);
    if (stream !== null) this.open(stream)[counter] += 1;
  }

  /** What is received of a stream, and one above the highest seq that is known to exist. */
  find(stream: StreamId): { readonly received: readonly Range[]; readonly next: number } | undefined {
    const page = this.pages.get(streamKey(stream));
    return page && { received: page.received.toJSON(), next: page.next };
  }

  /** The kit says which seq it gives out next; a stream that nothing was received of begins its ledger with that. */
  foretell(stream: StreamId, next: number): void {
    const page = this.open(stream);
    if (page.next >= next && page.lastContactUs !== null) return;
    page.next = Math.max(page.next, next);
    page.changed = true;
  }

  setFloor(stream: StreamId, floor: number): void {
    this.open(stream).floor = floor;
  }

  /** Those that are to be written. */
  rows(nowUs: number): LedgerRow[] {
    const changed = [...this.pages.values()].filter((page) => page.changed);
    return changed.map(({ stream, received, next, refused, merged, rejected, contacted, lastContactUs }) => ({
      ...stream,
      received: received.toJSON(),
      next,
      refused,
      merged,
      rejected,
      lastContactUs: contacted ? nowUs : (lastContactUs ?? nowUs),
    }));
  }

  /** Of these streams, those that something is received of. */
  committed(streams: readonly StreamId[]): CommittedStream[] {
    return streams.flatMap((stream) => {
      const page = this.pages.get(streamKey(stream));
      if (page?.received.last === undefined) return [];
      return [{ ...stream, received: page.received.toJSON(), floor: page.floor }];
    });
  }

  private open(stream: StreamId): Page {
    const key = streamKey(stream);
    let page = this.pages.get(key);
    if (page === undefined) {
      const counters = { next: 1, refused: 0, merged: 0, rejected: 0, floor: 1, lastContactUs: null };
      page = { stream, received: new Ranges(), ...counters, contacted: false, changed: false };
      this.pages.set(key, page);
    }
    return page;
  }
}

function streamOf({ kitId, kind, identity }: Identified): StreamId | null {
  return kitId === null || kind === null || identity === null ? null : { kitId, epoch: identity.epoch, kind };
}

export function streamKey({ kitId, epoch, kind }: StreamId): string {
  return `${kind} ${epoch} ${kitId}`;
}
