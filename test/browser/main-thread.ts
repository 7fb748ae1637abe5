// What a page costs its main thread, frame by frame: from a trace of the browser's own, whatever the page says of itself.
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts: number;
  /** Of it, the time that the thread ran: what it waited for others counts for nothing. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

const FRAME_US = 1_000_000 / 60;

export interface FrameCosts {
  readonly frames: number;
  /** Milliseconds of processor time in a 60th of a second. */
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** Traces for `ms`: the processor time of every task of the page's main thread, summed up by the 60th of a second it began in. */
export async function frameCosts(browser: Browser, page: Page, ms: number, file: string): Promise<FrameCosts> {
  await browser.startTracing(page, {
    path: file,
    categories: ['toplevel', '__metadata', 'disabled-by-default-devtools.timeline'],
  });
  await page.waitForTimeout(ms);
  await browser.stopTracing();
  const { traceEvents } = JSON.parse(readFileSync(file, 'utf8')) as { traceEvents: TraceEvent[] };
  const mains = traceEvents.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain');
  const busiest =
    mains.map(({ pid, tid }) => tasks(traceEvents, pid, tid)).sort((one, other) => total(other) - total(one))[0] ?? [];
  return costs(busiest);
}

function tasks(events: readonly TraceEvent[], pid: number, tid: number): TraceEvent[] {
  const isTask = ({ name }: TraceEvent): boolean => name === 'RunTask'; // the outermost: it holds all others
  return events.filter((event) => event.pid === pid && event.tid === tid && event.ph === 'X' && isTask(event));
}

function total(events: readonly TraceEvent[]): number {
  return events.reduce((sum, { tdur = 0 }) => sum + tdur, 0);
}

function costs(events: readonly TraceEvent[]): FrameCosts {
  const begin = Math.min(...events.map(({ ts }) => ts));
  const end = Math.max(...events.map(({ ts }) => ts));
  const frames = new Array<number>(Math.max(1, Math.ceil((end - begin) / FRAME_US))).fill(0);
  for (const { ts, tdur = 0 } of events) {
    const i = Math.min(frames.length - 1, Math.floor((ts - begin) / FRAME_US));
    frames[i] = (frames[i] ?? 0) + tdur / 1_000;
  }
  const sorted = frames.sort((one, other) => one - other);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { frames: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}
