// How long it takes from DragonSync's answer to the row, for what is heard from a moment on: looked up in the database
// ten times a second.
import { setTimeout as sleep } from 'node:timers/promises';
import { spareNow } from '../fixtures/patience.js';
import type { DatabaseView } from './database-view.js';
import type { Entered, OutsideLedger } from './outside-ledger.js';

const EVERY_MS = 100;
/** C.2 I10. */
const P99_BELOW_MS = 2_000;
/** Of fewer, one that is late is more than a hundredth. */
const LEAST_SAMPLES = 20;

export class LiveTimes {
  private readonly open = new Set<Entered>();
  private readonly takenMs: number[] = [];
  private cursor: number;
  private stopping = false;
  private readonly running: Promise<void>;

  constructor(
    private readonly ledger: OutsideLedger,
    private readonly database: DatabaseView,
  ) {
    this.cursor = ledger.order.length;
    this.running = this.run();
  }

  /** Returns what is wrong, if anything. */
  async stop(): Promise<{ readonly violations: string[]; readonly note: string }> {
    this.stopping = true;
    await this.running;
    const now = spareNow();
    // One that is not there yet has taken so long at least; one that was shown just now has not had its time.
    for (const { offeredAtMs } of this.open) if (now - offeredAtMs > P99_BELOW_MS) this.takenMs.push(now - offeredAtMs);
    const sorted = this.takenMs.sort((a, b) => a - b);
    const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
    const said = `${sorted.length} live messages took ${Math.round(p99)} ms at p99`;
    const tooSlow = sorted.length >= LEAST_SAMPLES && p99 >= P99_BELOW_MS;
    return { violations: tooSlow ? [`I10: ${said}`] : [], note: said };
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      for (; this.cursor < this.ledger.order.length; this.cursor += 1) {
        const entered = this.ledger.order[this.cursor];
        if (entered !== undefined) this.open.add(entered);
      }
      await this.look();
      await sleep(EVERY_MS);
    }
  }

  private async look(): Promise<void> {
    const found = new Set(await this.database.has([...this.open].map(({ observation }) => observation)));
    const now = spareNow();
    for (const entered of this.open) {
      if (!found.has(entered.observation)) continue;
      this.open.delete(entered);
      this.takenMs.push(now - entered.offeredAtMs);
    }
  }
}
