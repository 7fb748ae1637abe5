// Says in the log which kits check no certificate of the broker: whoever poses as it has their detections.
import type { Logger } from '../base/log.js';
import type { KitReport } from './store.js';

/** Kit ids come from outside; beyond so many nothing more is said. */
const MAX_KITS = 1_000;

export class InsecureKits {
  private readonly known = new Set<string>();

  constructor(private readonly log: Logger) {}

  /** Once of each, and again when it had been set right in between. */
  look(reports: readonly KitReport[]): void {
    for (const { kitId, insecure } of reports) {
      if (insecure !== true) this.known.delete(kitId);
      else if (!this.known.has(kitId) && this.known.size < MAX_KITS) {
        this.known.add(kitId);
        this.log.warn(
          `${kitId} does not check the certificate of the broker (mqtt_tls_insecure): anybody can pose as it`,
        );
      }
    }
  }
}
