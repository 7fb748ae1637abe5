// Server-sent events to many pages: each event is made once, numbered, kept for a while for pages that come back, and
// written to all. A page that does not read is dropped: it comes back and gets what it missed, or is told to begin anew.
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { EventData, EventName } from '../../../schema/web/events.js';

export const MAX_PAGES = 256;
/** Of one page, what it has not read yet. */
const MAX_BEHIND_BYTES = 256 * 1_024;
/** Of all events that a page may still ask for. */
const MAX_KEPT_BYTES = 8 * 1_024 * 1_024;
/** With nobody there nothing is made: but a page that reloads, or has just asked where to begin, misses nothing. */
const WATCHED_FOR_MS = 60_000;
const HEARTBEAT_MS = 15_000;
const RETRY_MS = 2_000;
/** Then it comes back, if it may still look: a login ends. */
const MAX_AGE_MS = 3_600_000;

interface Kept {
  readonly n: number;
  readonly frame: Buffer;
}

export class EventHub {
  /** Of no other start of this server. */
  private readonly bootId = randomBytes(4).toString('hex');
  private readonly pages = new Set<ServerResponse>();
  private kept: Kept[] = [];
  private keptBytes = 0;
  private n = 0;
  private watchedMs = Number.NEGATIVE_INFINITY;
  private heartbeat: NodeJS.Timeout | undefined;

  constructor(
    private readonly limits = { pages: MAX_PAGES, keptBytes: MAX_KEPT_BYTES, behindBytes: MAX_BEHIND_BYTES },
  ) {}

  get size(): number {
    return this.pages.size;
  }

  /** No page more is taken in. */
  get isFull(): boolean {
    return this.pages.size >= this.limits.pages;
  }

  /** Somebody sees what is published, or may ask for it. */
  get isWatched(): boolean {
    if (this.pages.size > 0) return true;
    if (performance.now() - this.watchedMs < WATCHED_FOR_MS) return true;
    this.forget();
    return false;
  }

  /** Where a page may go on from that reads a snapshot after this. */
  mark(): string {
    // What was not made while nobody was there lies before it.
    if (!this.isWatched) this.n += 1;
    this.watchedMs = performance.now();
    return this.id(this.n);
  }

  publish<Name extends EventName>(name: Name, data: EventData<Name>): void {
    if (!this.isWatched) return;
    this.n += 1;
    const frame = Buffer.from(`id: ${this.id(this.n)}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    this.keep({ n: this.n, frame });
    for (const page of this.pages) this.write(page, frame);
  }

  /**
   * Takes the page in, unless there are too many, with what it missed `after`.
   *
   * @param hello what every page is told first.
   */
  add(page: ServerResponse, after: string | undefined, hello: readonly string[]): void {
    // It may have gone while we looked who it is: then nobody would say so again.
    if (page.destroyed) return;
    if (this.isFull) {
      page.destroy();
      return;
    }
    const missed = this.missedAfter(after);
    this.mark();
    const resetTo = missed === null ? [frameOf('reset', { event_id: this.id(this.n) }, this.id(this.n))] : [];
    page.write(`retry: ${RETRY_MS}\n\n${[...resetTo, ...hello].join('')}`);
    for (const { frame } of missed ?? []) page.write(frame);
    this.pages.add(page);
    const ending = setTimeout(() => page.destroy(), MAX_AGE_MS).unref();
    page.once('close', () => {
      clearTimeout(ending);
      this.remove(page);
    });
    page.on('error', () => this.remove(page));
    this.heartbeat ??= setInterval(() => this.beat(), HEARTBEAT_MS).unref();
  }

  close(): void {
    clearInterval(this.heartbeat);
    for (const page of this.pages) page.destroy();
    this.pages.clear();
    this.forget();
  }

  /** Null when that is too long ago or too much, or of another start. */
  private missedAfter(after: string | undefined): readonly Kept[] | null {
    // Whoever names none begins now, with a snapshot that is read later.
    if (after === undefined) return [];
    const [bootId, number] = after.split('-');
    const n = Number(number);
    if (bootId !== this.bootId || !Number.isSafeInteger(n) || n > this.n) return null;
    if (!this.isWatched) return null;
    const first = this.kept[0]?.n ?? this.n + 1;
    if (n < first - 1) return null;
    const missed = this.kept.slice(n - first + 1);
    const bytes = missed.reduce((sum, { frame }) => sum + frame.length, 0);
    // A page on a slow link would be dropped at the next event, and come back for as much and more, without end.
    return bytes > this.limits.behindBytes ? null : missed;
  }

  private keep(kept: Kept): void {
    this.kept.push(kept);
    this.keptBytes += kept.frame.length;
    let gone = 0;
    while (this.keptBytes > this.limits.keptBytes && gone < this.kept.length) {
      this.keptBytes -= this.kept[gone]?.frame.length ?? 0;
      gone += 1;
    }
    if (gone > 0) this.kept = this.kept.slice(gone);
  }

  private forget(): void {
    this.kept = [];
    this.keptBytes = 0;
  }

  private beat(): void {
    for (const page of this.pages) this.write(page, ':\n\n');
  }

  private write(page: ServerResponse, frame: Buffer | string): void {
    page.write(frame);
    if (page.writableLength > this.limits.behindBytes) page.destroy();
  }

  private remove(page: ServerResponse): void {
    this.pages.delete(page);
    this.watchedMs = performance.now();
    if (this.pages.size > 0) return;
    clearInterval(this.heartbeat);
    this.heartbeat = undefined;
  }

  private id(n: number): string {
    return `${this.bootId}-${n}`;
  }
}

/** An event as it is written. One without an id leaves the page's place where it is. */
export function frameOf<Name extends EventName>(name: Name, data: EventData<Name>, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
