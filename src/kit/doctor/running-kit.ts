// Doctor: the kit that runs answers for its own connection. A second login with its credential would push it off.
import { type Check, fail, failed, ok } from '../../base/check.js';
import type { MqttLink } from '../../base/mqtt-link.js';
import { checkLink, type LinkUse, type Server } from './link-checks.js';

export interface RunningKitOptions {
  /** The connection there is now, and why there is none. */
  readonly uplink: { readonly link: MqttLink | null; readonly problem: Error | null } | null;
  /** Null while the kit does not know its id. */
  readonly use: () => LinkUse | null;
  readonly server: () => Server;
}

/** Whoever may ask on loopback may not keep the broker busy. */
const EVERY_MS = 3_000;

export class RunningKit {
  private last: { readonly atMs: number; readonly checks: Promise<Check[]> } | null = null;

  constructor(private readonly options: RunningKitOptions) {}

  /** One look at a time, and none too soon after the last. */
  look(): Promise<Check[]> {
    const now = performance.now();
    if (this.last === null || now - this.last.atMs > EVERY_MS) {
      const checks = this.examine().finally(() => {
        this.last = { atMs: performance.now(), checks };
      });
      this.last = { atMs: Number.POSITIVE_INFINITY, checks };
    }
    return this.last.checks;
  }

  private async examine(): Promise<Check[]> {
    const { uplink, use, server } = this.options;
    const name = 'login';
    if (uplink === null) return [ok(name, 'mqtt_enabled = false: everything stays in the spool')];
    const ours = use();
    const { link, problem } = uplink;
    if (ours === null)
      return [fail(name, 'not tried: the kit id is not known yet', 'set [KIT] kit_id, or start DragonSync')];
    if (link === null) return [failed(name, problem ?? new Error('not connected yet'), 'ask again in a moment')];
    return [ok(name, `${ours.kitId} is connected`), ...(await checkLink(link, ours, server()))];
  }
}
