// From a reject to its row: whatever it is made of, it must be storable, for nothing comes after it.
import { createHash } from 'node:crypto';
import { MAX_KEPT_BYTES } from '../rejects.js';
import type { Reject } from '../store.js';
import type { RejectRow } from './transaction.js';

const MAX_TEXT_LENGTH = 2_000;

/** The rejects of one batch as rows: equal ones are all kept, and the same batch again has the same digests. */
export function toRejectRows(rejects: readonly Reject[]): RejectRow[] {
  const seen = new Map<string, number>();
  return rejects.map((reject) => {
    const payload = reject.payload.subarray(0, MAX_KEPT_BYTES);
    const hash = hashOf(reject, payload);
    const n = seen.get(hash) ?? 0;
    seen.set(hash, n + 1);
    return {
      ...reject,
      payload,
      digest: `${hash}-${n}`,
      topic: storable(reject.topic),
      detail: storable(reject.detail),
      kitId: reject.kitId === null ? null : storable(reject.kitId),
    };
  });
}

function hashOf({ receivedUs, topic }: Reject, payload: Buffer): string {
  return createHash('sha256').update(`${receivedUs} ${topic.length} ${topic}`).update(payload).digest('hex');
}

/** PostgreSQL takes neither NUL nor lone surrogates. */
export function storable(text: string): string {
  return text.slice(0, MAX_TEXT_LENGTH).toWellFormed().replaceAll('\0', '\uFFFD');
}
