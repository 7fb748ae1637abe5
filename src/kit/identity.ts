// Which kit this is: found once, then fixed for the life of the spool, because every row it ever accepted is his.
import { readFileSync } from 'node:fs';
import type { Logger } from '../base/log.js';
import { isKitId } from '../schema/kit-id.js';
import type { Spool } from '../spool/spool.js';

/** Written by wardragon_monitor: the bare serial (DragonSync utils/kit_id.py). */
export const KIT_ID_FILE = '/var/lib/wardragon/kit-id';

export interface IdentityOptions {
  readonly spool: Spool;
  /** [KIT] kit_id; null to find it. */
  readonly configured: string | null;
  readonly kitIdFile: string;
  readonly log: Logger;
}

export class Identity {
  /** A kit id that was found later and differs from the fixed one: a cloned disk, or a changed setting. */
  conflict: string | null = null;
  /** What our own DragonSync calls the kit; a setting may call it otherwise. */
  private dragonSyncs: string | null = null;
  private readonly waiters: ((kitId: string) => void)[] = [];

  constructor(private readonly options: IdentityOptions) {}

  current(): string | null {
    return this.options.spool.kitId();
  }

  /** Looks where a kit id can be found before DragonSync has said anything. */
  lookAround(): void {
    const { configured, kitIdFile } = this.options;
    const found = configured ?? readKitIdFile(kitIdFile);
    if (found !== null) this.offer(found);
  }

  /** DragonSync's `/status` names the kit in `uid` (its `kit_id` is not there in practice). */
  offerStatus(uid: unknown): void {
    if (!isKitId(uid)) return;
    this.dragonSyncs = uid;
    if (this.options.configured === null) this.offer(uid);
  }

  /** Whether a message that names its kit is this kit's; one that names none is. Of a kit not known yet none is. */
  isOurs(named: unknown): boolean {
    if (!isKitId(named)) return true;
    if (named === this.dragonSyncs || named === this.current()) return true;
    // Under a name that was given to it, only DragonSync can tell what else it is called.
    return this.options.configured !== null && this.dragonSyncs === null;
  }

  /** Resolves when the kit id is known. */
  known(): Promise<string> {
    const current = this.current();
    if (current !== null) return Promise.resolve(current);
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private offer(found: string): void {
    const { spool, log } = this.options;
    const current = spool.kitId();
    if (current === null) {
      spool.setKitId(found);
      log.info({ kitId: found }, 'kit id found');
      for (const resolve of this.waiters.splice(0)) resolve(found);
    } else if (current !== found && this.conflict !== found) {
      this.conflict = found;
      log.error({ kitId: current, found }, 'another kit id was found: going on under the one this spool began with');
    }
  }
}

/** Null when there is none, as on most kits without wardragon_monitor: DragonSync will tell. */
export function readKitIdFile(path: string): string | null {
  try {
    const kitId = `wardragon-${readFileSync(path, 'utf8').trim()}`;
    return isKitId(kitId) ? kitId : null;
  } catch {
    return null;
  }
}
