// The ledgers a batch touches, while it is being committed: which seq are received, and what was counted.
import type { Kind } from '../../schema/kinds.js';
import { Ranges } from '../../schema/ranges.js';
import type { Batch, Identity } from '../store.js';
import type { LedgerRow, StreamId } from './transaction.js';

interface Page {
  readonly stream: StreamId;
  readonly received: Ranges;
  next: number;
  refused: number;
  merged: number;
  rejected: number;
}

interface Identified {
  readonly kitId: string | null;
  readonly kind: Kind | null;
  readonly identity: Identity | null;
}

/** The streams a batch has messages of, each once. */
export function streamsOf({ observations, rejects }: Batch): StreamId[] {
  const streams = new Map<string, StreamId>();
  for (const message of [...observations, ...rejects]) {
    const stream = streamOf(message);
    if (stream !== null) streams.set(streamKey(stream), stream);
  }
  return [...streams.values()];
}

export class LedgerBook {
  private readonly pages = new Map<string, Page>();

  constructor(stored: readonly LedgerRow[]) {
    for (const { kitId, epoch, kind, received, ...counters } of stored) {
      const stream = { kitId, epoch, kind };
      this.pages.set(streamKey(stream), { stream, received: new Ranges(received), ...counters });
    }
  }

  /** False when this identity is received already, in the database or earlier in the batch; without one it is new. */
  receive(message: Identified): boolean {
    const page = this.page(message);
    if (page === null || message.identity === null) return true;
    const { seq } = message.identity;
    page.next = Math.max(page.next, seq + 1);
    if (page.received.add(seq)) return true;
    page.refused += 1;
    return false;
  }

  count(message: Identified, counter: 'merged' | 'rejected'): void {
    const page = this.page(message);
    if (page !== null) page[counter] += 1;
  }

  rows(nowUs: number): LedgerRow[] {
    return [...this.pages.values()].map(({ stream, received, next, refused, merged, rejected }) => ({
      ...stream,
      received: received.toJSON(),
      next,
      refused,
      merged,
      rejected,
      lastContactUs: nowUs,
    }));
  }

  private page(message: Identified): Page | null {
    const stream = streamOf(message);
    if (stream === null) return null;
    const key = streamKey(stream);
    let page = this.pages.get(key);
    if (page === undefined) {
      page = { stream, received: new Ranges(), next: 1, refused: 0, merged: 0, rejected: 0 };
      this.pages.set(key, page);
    }
    return page;
  }
}

function streamOf({ kitId, kind, identity }: Identified): StreamId | null {
  return kitId === null || kind === null || identity === null ? null : { kitId, epoch: identity.epoch, kind };
}

function streamKey({ kitId, epoch, kind }: StreamId): string {
  return `${kind} ${epoch} ${kitId}`;
}
