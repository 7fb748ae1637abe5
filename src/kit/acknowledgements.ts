// Takes the server's acknowledgements: binds the kit to the first database that gives one, and lets go of what is committed.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { Ack } from '../schema/ack.js';
import type { Range } from '../schema/ranges.js';
import { type Covered, RELEASE_ROWS, type Spool } from '../spool/spool.js';
import { classOf } from './classes.js';

export interface AcknowledgementsOptions {
  readonly spool: Spool;
  /** What of it can be true: see SentLog. */
  readonly credible: (covered: Covered) => Covered;
  /** Rows are gone from the spool. */
  readonly onReleased: (ids: readonly number[]) => void;
  readonly log: Logger;
}

export class Acknowledgements {
  private readonly waiting: Covered[][] = [];
  private running: Promise<void> | null = null;
  private hasDoubted = false;

  constructor(private readonly options: AcknowledgementsOptions) {}

  /** Takes one of the kit's own database, or of any while it is bound to none. True when the kit was bound by this one. */
  take({ store_id: storeId, acks }: Ack): boolean {
    const { spool, log } = this.options;
    const isFirst = spool.storeId() === null;
    if (isFirst) {
      spool.setStoreId(storeId);
      log.info({ storeId }, 'a server has answered: from now on only its acknowledgement deletes');
    }
    this.waiting.push(acks.map((one) => this.credible(coveredBy(one))));
    this.running ??= this.run().finally(() => {
      this.running = null;
    });
    return isFirst;
  }

  /** Until nothing of what was acknowledged is left to delete. */
  async idle(): Promise<void> {
    await this.running;
  }

  private credible(covered: Covered): Covered {
    const { spool, credible, log } = this.options;
    const believed = credible(covered);
    // Of an older epoch it may be what an earlier process sent; of this one it can only be a mistake.
    const isMistake = covered.epoch === spool.currentEpoch() && sizeOf(believed) < sizeOf(covered);
    if (isMistake && !this.hasDoubted) {
      this.hasDoubted = true;
      log.warn({ epoch: covered.epoch }, 'a server acknowledges what this kit has never sent: it is sent all the same');
    }
    return believed;
  }

  private async run(): Promise<void> {
    const { spool, onReleased, log } = this.options;
    for (let covered = this.waiting.shift(); covered !== undefined; covered = this.waiting.shift()) {
      try {
        await releaseAll(spool, covered, onReleased);
      } catch (thrown: unknown) {
        // They stay in the spool, at worst to be sent and acknowledged again.
        log.error(`acknowledged messages could not be deleted: ${toError(thrown).message}`);
      }
    }
  }
}

/**
 * Takes one that a person brought: it may speak of what was never sent. Binds the spool when it is bound to no database.
 *
 * @throws SpoolError when what it covers can't be deleted.
 */
export async function takeByHand(
  spool: Spool,
  { store_id: storeId, acks }: Ack,
  onReleased: AcknowledgementsOptions['onReleased'] = () => {},
): Promise<void> {
  if (spool.storeId() === null) spool.setStoreId(storeId);
  await releaseAll(spool, acks.map(coveredBy), onReleased);
}

/** A slice at a time: one acknowledgement may cover a million rows, and what is heard meanwhile must not wait. */
async function releaseAll(
  spool: Spool,
  covered: readonly Covered[],
  onReleased: AcknowledgementsOptions['onReleased'],
): Promise<void> {
  for (;;) {
    const ids = spool.release(covered);
    if (ids.length > 0) onReleased(ids);
    if (ids.length < RELEASE_ROWS) return;
    await nextTurn();
  }
}

function coveredBy({ epoch, kind, upto, ranges = [] }: Ack['acks'][number]): Covered {
  const all: Range[] = [...(upto > 0 ? [[1, upto] as const] : []), ...ranges];
  return { epoch, class: classOf(kind), ranges: all };
}

function sizeOf({ ranges }: Covered): number {
  return ranges.reduce((sum, [first, last]) => sum + (last - first + 1), 0);
}
