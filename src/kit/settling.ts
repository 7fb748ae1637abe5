// Takes off the spool what a broker's confirmation is enough for: deletes it, or hands it over, a batch at a time.
import { toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { Spool, SpoolRow } from '../spool/spool.js';
import type { OnConfirmed } from './delivery.js';

export interface SettlingOptions {
  readonly spool: Spool;
  /** What a broker's confirmation is worth now. */
  readonly onConfirmed: () => OnConfirmed;
  readonly log: Logger;
}

const EVERY_MS = 50;
const EVERY_ROWS = 500;
const AFTER_FAILURE_MS = 1_000;

export class Settling {
  private confirmed = new Map<number, SpoolRow>();
  private timer: NodeJS.Timeout | undefined;
  private isFailing = false;

  constructor(private readonly options: SettlingOptions) {}

  has(id: number): boolean {
    return this.confirmed.has(id);
  }

  add(row: SpoolRow): void {
    this.confirmed.set(row.id, row);
    if (this.confirmed.size >= EVERY_ROWS) this.settle();
    else this.timer ??= setTimeout(() => this.settle(), EVERY_MS);
  }

  /** Settles what is there; false when the spool did not take it, which is then tried again. */
  settle(): boolean {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.confirmed.size === 0) return true;
    const { spool, onConfirmed, log } = this.options;
    const rows = [...this.confirmed.values()];
    const way = onConfirmed();
    try {
      if (way === 'delete') spool.deliver(rows);
      else if (way === 'hand-over') spool.handOver(rows);
      this.confirmed = new Map();
      this.isFailing = false;
      return true;
    } catch (thrown: unknown) {
      // They stay in the spool, at worst to be sent again, which the server refuses.
      if (!this.isFailing) log.error(`confirmed messages stay in the spool: ${toError(thrown).message}`);
      this.isFailing = true;
      this.timer = setTimeout(() => this.settle(), AFTER_FAILURE_MS);
      return false;
    }
  }

  end(): void {
    this.settle();
    clearTimeout(this.timer);
  }
}
