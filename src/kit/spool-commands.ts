// What `dragonsink spool` does to a spool: the same in the kit that holds it and in the command when no kit runs.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SpoolError } from '../base/errors.js';
import type { Ack } from '../schema/ack.js';
import type { SpoolCommand } from '../schema/spool-command.js';
import type { Spool } from '../spool/spool.js';

export interface SpoolCommandTarget {
  readonly spool: Spool;
  /** Rows of any age wait again. */
  readonly onRequeued: () => void;
  /** The kit is bound to no database any more. */
  readonly onRebound: () => void;
  /** Resolves when all that it covers is deleted. */
  readonly takeAck: (ack: Ack) => Promise<void>;
  /** False while a kit sends under its id. */
  readonly mayForgetKitId: boolean;
}

/** With their bodies: few at a time. */
const PAGE_ROWS = 100;

/**
 * Returns how many messages it was about.
 *
 * @throws SpoolError `none` for an id that is not in quarantine, `store` for another database's acknowledgement,
 *   `running` and `not-empty` when the kit's id can't be forgotten now; or what the spool throws.
 */
export async function performSpoolCommand(target: SpoolCommandTarget, command: SpoolCommand): Promise<number> {
  const { spool } = target;
  switch (command.command) {
    case 'retry': {
      const count = await each(spool, command.ids, (ids) => spool.retry(ids));
      if (count > 0) target.onRequeued();
      return count;
    }
    case 'drop':
      return each(spool, command.ids, (ids) => spool.drop(ids));
    case 'ack':
      return acknowledge(target, command.ack);
    case 'rebind':
      spool.setStoreId(null);
      target.onRebound();
      return waitingOf(spool);
    case 'new-id':
      if (!target.mayForgetKitId) throw isRunning();
      spool.forgetKitId();
      return 0;
  }
}

async function each(
  spool: Spool,
  chosen: 'all' | readonly number[],
  work: (ids: readonly number[]) => number,
): Promise<number> {
  if (chosen !== 'all') {
    const count = work(chosen);
    if (count === 0) throw noneOf(chosen);
    return count;
  }
  let count = 0;
  for (let afterId = 0; ; ) {
    const ids = spool.quarantined(afterId, PAGE_ROWS).map(({ id }) => id);
    const last = ids.at(-1);
    if (last === undefined) return count;
    count += work(ids);
    afterId = last;
    await nextTurn(); // what is heard meanwhile must not wait for all of them
  }
}

async function acknowledge({ spool, takeAck }: SpoolCommandTarget, ack: Ack): Promise<number> {
  const bound = spool.storeId();
  if (bound !== null && bound !== ack.store_id) {
    throw new SpoolError(`acknowledged by the database ${ack.store_id}; this kit is bound to ${bound}`, {
      code: 'store',
      hint: 'take the file to the server of that database; if ours was replaced: dragonsink spool rebind',
    });
  }
  const before = deliveredOf(spool);
  await takeAck(ack);
  return deliveredOf(spool) - before;
}

function waitingOf(spool: Spool): number {
  const { waiting, handedOver } = spool.counts();
  return waiting + handedOver;
}

function deliveredOf(spool: Spool): number {
  return [...spool.counts().classes.values()].reduce((sum, { delivered }) => sum + delivered, 0);
}

function noneOf(ids: readonly number[]): SpoolError {
  return new SpoolError(`not in quarantine: ${ids.join(', ')}`, {
    code: 'none',
    hint: 'dragonsink spool list shows what is',
  });
}

function isRunning(): SpoolError {
  return new SpoolError('dragonsink kit is running under its present id', {
    code: 'running',
    hint: 'systemctl stop dragonsink-kit, run this again, then start it',
  });
}
