// How long something may take: of a machine that has a processor to spare. What others keep it busy with is not counted,
// or a busy machine would find mistakes that are none.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** However busy: then it is no longer the machine's fault. */
const AT_MOST_TIMES = 4;
const LOOK_EVERY_MS = 100;
const PRESSURE = '/proc/pressure/cpu';

/** Milliseconds since boot in which some process had to wait for a processor; where the kernel does not count them, 0. */
function busyMs(): number {
  try {
    return Number(/^some .*total=(\d+)/m.exec(readFileSync(PRESSURE, 'utf8'))?.[1] ?? 0) / 1_000;
  } catch {
    return 0;
  }
}

/** Milliseconds of a clock that stands still while the machine is busy. */
export function spareNow(): number {
  return performance.now() - busyMs();
}

export class Patience {
  private readonly startedAt = performance.now();
  private readonly spareAt = spareNow();

  constructor(readonly withinMs: number) {}

  get waitedMs(): number {
    return performance.now() - this.startedAt;
  }

  get isOver(): boolean {
    return spareNow() - this.spareAt > this.withinMs || this.waitedMs > this.withinMs * AT_MOST_TIMES;
  }
}

/** False when it does not become so. */
export async function becomes(check: () => Promise<boolean> | boolean, withinMs: number): Promise<boolean> {
  const patience = new Patience(withinMs);
  while (!(await check())) {
    if (patience.isOver) return false;
    await sleep(LOOK_EVERY_MS);
  }
  return true;
}
