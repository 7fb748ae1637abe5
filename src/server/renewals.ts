// Hands kits the certificates that `dragonsink enrol --renew-due` has signed for them. The fleet's own key is not needed
// for it, and not readable here: a certificate is no secret, and of use to the kit that has its key alone.
import type { Logger } from '../base/log.js';
import type { OutgoingMessage } from '../base/mqtt-link.js';
import type { Ack } from '../schema/ack.js';
import { isoMicros } from '../schema/time.js';
import { ackTopic } from '../schema/topics.js';
import type { Clock, KitReport } from './store.js';

/** The newest certificate of a kit (PEM), when it ends after `endsAtMs`; null when there is none, or the kit was shut out. */
export type NewerCertificate = (kitId: string, endsAtMs: number) => string | null;

export interface RenewalsOptions {
  readonly newer: NewerCertificate;
  readonly storeId: string;
  readonly publish: (message: OutgoingMessage) => void;
  readonly nowUs: Clock;
  readonly log: Logger;
}

/** A kit that can't use it (it is of another key) says so every 30 s by still having the old one. */
const AGAIN_US = 3_600_000_000;

export class Renewals {
  /** By kit, in microseconds since 1970; of enrolled kits alone, so they stay few. */
  private readonly handedAt = new Map<string, number>();

  constructor(private readonly options: RenewalsOptions) {}

  look(reports: readonly KitReport[]): void {
    const { newer, storeId, publish, nowUs, log } = this.options;
    for (const { kitId, certificateEndsAtMs } of reports) {
      const now = nowUs();
      if (certificateEndsAtMs === undefined || now - (this.handedAt.get(kitId) ?? 0) < AGAIN_US) continue;
      const certificate = newer(kitId, certificateEndsAtMs);
      if (certificate === null) continue;
      this.handedAt.set(kitId, now);
      log.info(`${kitId} is handed its next certificate`);
      const ack: Ack = { v: 1, store_id: storeId, acks: [], time: isoMicros(now), certificate };
      publish({ topic: ackTopic(kitId), payload: JSON.stringify(ack), qos: 1, retain: false });
    }
  }
}
