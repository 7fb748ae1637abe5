// From a kit's status to its half of the ledger, checked beyond its schema: it goes into the database as it is.
import { PayloadError } from '../base/errors.js';
import { CLOCK_TOLERANCE_S } from '../schema/clock-offset.js';
import type { Receiver as ReceiverHealth } from '../schema/receivers.js';
import type { KitStatus } from '../schema/status.js';
import type { KitReport, Receiver, StreamReport } from './store.js';

const MAX_OPENING_LENGTH = 64;

/** @throws PayloadError `schema` when it contradicts itself. */
export function toReport(status: KitStatus): KitReport {
  const { kit_id: kitId, opening, n, listing, link, ledger, receivers } = status;
  if (opening === '' || opening.length > MAX_OPENING_LENGTH) throw contradiction('opening: not 1 to 64 characters');
  if (listing !== undefined && listing.part > listing.of) throw contradiction('listing: a part beyond the last');
  for (const [i, stream] of ledger.entries()) checkStream(`ledger.${i}`, stream);
  const about = { kitId, opening, n, listing: listing ?? null };
  const report = { ...about, reconnects: link.reconnects, streams: ledger, status };
  const endsAtMs = Date.parse(link.certificate_ends_at ?? '');
  // What it is off now is corrected before it is sent; a message of before that may have been refused.
  const clockOffsetS = status.uncorrected_offset_s ?? status.clock_offset_s ?? 0;
  return {
    ...report,
    ...(link.tls_insecure === true ? { insecure: true as const } : {}),
    ...(Math.abs(clockOffsetS) >= CLOCK_TOLERANCE_S
      ? { clockOffsetS, clockOffsetEpochs: status.uncorrected_epochs ?? [] }
      : {}),
    ...(receivers === undefined ? {} : { receivers: Object.entries(receivers).map(toReceiver) }),
    ...(Number.isNaN(endsAtMs) ? {} : { certificateEndsAtMs: endsAtMs }),
  };
}

function toReceiver([name, receiver]: [string, ReceiverHealth]): Receiver {
  const { enabled, state, last_message_at: lastMessageAt, messages, errors, dropped } = receiver;
  const ms = Date.parse(lastMessageAt ?? '');
  return { name, enabled, state, lastMessageUs: Number.isNaN(ms) ? null : ms * 1_000, messages, errors, dropped };
}

function checkStream(at: string, { floor, next, evicted, quarantined }: StreamReport): void {
  if (floor > next) throw contradiction(`${at}: floor ${floor} is above next ${next}`);
  for (const [first, last] of [...evicted, ...quarantined]) {
    if (first > last || last >= next) throw contradiction(`${at}: ${first}..${last} is no range below next ${next}`);
  }
}

function contradiction(message: string): PayloadError {
  return new PayloadError(message, { code: 'schema' });
}
