// What a page costs its main thread, frame by frame: from a trace of the browser's own, whatever the page says of itself.
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';

export interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds: when it began, and how long it took. */
  readonly ts: number;
  readonly dur?: number;
  /** Of that, the time that the thread ran: what it waited for others counts for nothing. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** Of the frames that the page drew; a 60th of a second in which it had nothing to draw is none. */
export interface FrameCosts {
  readonly frames: number;
  /** Milliseconds of processor time for one. */
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  /** Of the time that was measured, the share in which the main thread worked; 0 to 1. */
  readonly busy: number;
  /** Of the time that its tasks took, the share in which it ran; else it waited while others had the processor. */
  readonly ran: number;
}

/** Traces the page's main thread for `ms`. */
export async function frameCosts(browser: Browser, page: Page, ms: number, file: string): Promise<FrameCosts> {
  await browser.startTracing(page, {
    path: file,
    categories: ['toplevel', '__metadata', 'devtools.timeline', 'disabled-by-default-devtools.timeline'],
  });
  await page.waitForTimeout(ms);
  await browser.stopTracing();
  const { traceEvents } = JSON.parse(readFileSync(file, 'utf8')) as { traceEvents: TraceEvent[] };
  const mains = traceEvents.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain');
  const threads = mains.map(({ pid, tid }) => traceEvents.filter((event) => event.pid === pid && event.tid === tid));
  const busiest = threads.sort((one, other) => total(tasksOf(other)) - total(tasksOf(one)))[0] ?? [];
  return costsOf(
    tasksOf(busiest),
    busiest.filter(({ name }) => name === 'FireAnimationFrame'),
  );
}

/** The outermost, the oldest first: each holds all that ran in it. */
function tasksOf(events: readonly TraceEvent[]): TraceEvent[] {
  return events.filter(({ name, ph }) => name === 'RunTask' && ph === 'X').sort((one, other) => one.ts - other.ts);
}

function total(tasks: readonly TraceEvent[]): number {
  return tasks.reduce((sum, { tdur = 0 }) => sum + tdur, 0);
}

/** A frame costs all that was done since the one before it: reading what came, and drawing it. */
export function costsOf(tasks: readonly TraceEvent[], drawings: readonly TraceEvent[]): FrameCosts {
  const costs: number[] = [];
  let sum = 0;
  for (const { ts, dur = 0, tdur = 0 } of tasks) {
    sum += tdur / 1_000;
    if (!drawings.some((drawing) => drawing.ts >= ts && drawing.ts < ts + dur)) continue;
    costs.push(sum);
    sum = 0;
  }
  // What was done before the trace began is not in the first.
  const sorted = costs.slice(1).sort((one, other) => one - other);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const [first, last] = [tasks[0], tasks.at(-1)];
  const took = first === undefined || last === undefined ? 1 : Math.max(1, last.ts - first.ts);
  const lasted = tasks.reduce((all, { dur = 0 }) => all + dur, 0);
  const [busy, ran] = [total(tasks) / took, total(tasks) / Math.max(1, lasted)];
  return { frames: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1), busy, ran };
}
