// Publishes the kit's status, retained: every 30 s, and soon after what should be known at once. Of the ledger it says
// what changed since it was last told, and all of it to a server that has just begun.
import { SpoolError, toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { MqttLink } from '../base/mqtt-link.js';
import type { Hello } from '../schema/hello.js';
import type { KitStatus } from '../schema/status.js';
import { statusTopic } from '../schema/topics.js';
import type { KitCondition } from './status.js';

export interface StatusReporterOptions {
  readonly condition: () => KitCondition;
  /** Every stream there ever was. */
  readonly ledger: () => KitStatus['ledger'];
  /** The spool could not be read. */
  readonly onSpoolError: (error: Error) => void;
  readonly log: Logger;
}

const EVERY_MS = 30_000;
const LOOK_MS = 2_000;
/** A status that a broker confirmed may still be lost, and a stream that is quiet now is not spoken of again. */
const LIST_EVERY_MS = 3_600_000;
/** What the broker takes, without the rest of a status. */
const MAX_LEDGER_BYTES = 40_000;
const MAX_BEGINNINGS = 100;

type Entry = KitStatus['ledger'][number];

export class StatusReporter {
  /** Of the last status that was published; the next is one higher. */
  n = 0;
  private readonly told = new Map<string, string>();
  /** Starts and sessions of servers that everything was listed for. */
  private readonly listedFor = new Set<string>();
  private toList = new Set<string>();
  private link: MqttLink | null = null;
  private kitId = '';
  private timer: NodeJS.Timeout | undefined;
  private saidAtMs = Number.NEGATIVE_INFINITY;
  private listedAtMs = Number.NEGATIVE_INFINITY;
  /** One more is due after the one that is being published. */
  private isWaiting = false;
  private saidOf = '';
  private busy: Promise<void> = Promise.resolve();

  constructor(private readonly options: StatusReporterOptions) {}

  /** A new connection, on which we listen already: the server answers its first status. */
  begin(link: MqttLink, kitId: string): void {
    this.link = link;
    this.kitId = kitId;
    this.say();
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  /** Says how it is now, and then nothing more on this connection. */
  async end(): Promise<void> {
    clearInterval(this.timer);
    if (this.link !== null) this.say();
    await this.busy;
    this.link = null;
  }

  /** A server said hello. One that has just begun, or that the broker has forgotten, is told everything. */
  hello({ boot_id, session, online }: Hello): void {
    const begun = `${boot_id} ${session}`;
    // While it is away, statuses may be lost on their way to it: when it is back, it is told everything.
    if (!online) this.listedFor.delete(begun);
    if (!online) return;
    if (this.listedFor.has(begun) || this.toList.has(begun)) return;
    this.toList.add(begun);
    if (this.link !== null) this.say();
  }

  /** Says everything once more: a server acknowledges a listing at once. */
  list(): void {
    this.listedAtMs = Number.NEGATIVE_INFINITY;
    this.say();
  }

  private look(): void {
    const due = performance.now() - this.saidAtMs >= EVERY_MS;
    try {
      if (due || gist(this.options.condition()) !== this.saidOf) this.say();
    } catch (thrown: unknown) {
      this.options.onSpoolError(toError(thrown));
    }
  }

  private say(): void {
    const { link } = this;
    if (link === null || this.isWaiting) return;
    this.isWaiting = true;
    this.busy = this.busy.then(() => {
      this.isWaiting = false;
      return this.publish(link);
    });
  }

  private async publish(link: MqttLink): Promise<void> {
    const beginnings = this.toList;
    this.toList = new Set();
    try {
      const condition = this.options.condition();
      const ledger = this.options.ledger();
      const isListing = beginnings.size > 0 || performance.now() - this.listedAtMs >= LIST_EVERY_MS;
      const entries = isListing ? ledger : ledger.filter((one) => this.told.get(key(one)) !== text(one));
      const parts = split(entries);
      for (const [i, part] of parts.entries()) {
        this.n += 1;
        const listing = isListing ? { listing: { part: i + 1, of: parts.length } } : {};
        const payload = JSON.stringify({ ...condition, n: this.n, ...listing, ledger: part });
        await link.publish({ topic: statusTopic(this.kitId), payload, qos: 1, retain: true });
        for (const entry of part) this.told.set(key(entry), text(entry));
      }
      this.saidAtMs = performance.now();
      if (isListing) this.listedAtMs = this.saidAtMs;
      this.saidOf = gist(condition);
      this.remember(beginnings);
    } catch (thrown: unknown) {
      for (const begun of beginnings) this.toList.add(begun);
      const error = toError(thrown);
      this.options.log.debug(`status: ${error.message}; again on the next occasion`);
      if (error instanceof SpoolError) this.options.onSpoolError(error);
    }
  }

  private remember(beginnings: ReadonlySet<string>): void {
    for (const begun of beginnings) this.listedFor.add(begun);
    for (const begun of this.listedFor) {
      if (this.listedFor.size <= MAX_BEGINNINGS) break;
      this.listedFor.delete(begun);
    }
  }
}

/** What should be known at once when it changes; what changes with every message is not in it. */
function gist({ kit_id, spool, counts, link, source, receivers = {}, clock_waits_s }: KitCondition): string {
  const { published: _, ...ofLink } = link;
  const radios = Object.entries(receivers).map(([name, { state }]) => [name, state]);
  const waits = clock_waits_s !== undefined;
  return JSON.stringify([kit_id, spool.quarantined, counts.refused > 0, ofLink, source.state, radios, waits]);
}

function key({ epoch, kind }: Entry): string {
  return `${epoch} ${kind}`;
}

function text(entry: Entry): string {
  return JSON.stringify(entry);
}

/** Into as many statuses as it takes; at least one. Ranges beyond one status go with another entry of the same stream. */
function split(entries: readonly Entry[]): Entry[][] {
  const parts: Entry[][] = [[]];
  let bytes = 0;
  for (const entry of entries.flatMap(splitEntry)) {
    const size = text(entry).length;
    if (bytes + size > MAX_LEDGER_BYTES && bytes > 0) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(entry);
    bytes += size;
  }
  return parts;
}

const MAX_RANGES = 500;

/** The server keeps the union of what was evicted, and of what is set aside the newest word, which is whole in each. */
function splitEntry(entry: Entry): Entry[] {
  const { evicted } = entry;
  const quarantined = atMost(MAX_RANGES, entry.quarantined);
  const pieces = Math.max(1, Math.ceil(evicted.length / MAX_RANGES));
  return Array.from({ length: pieces }, (_, i) => {
    return { ...entry, evicted: evicted.slice(i * MAX_RANGES, (i + 1) * MAX_RANGES), quarantined };
  });
}

/** With the smallest gaps closed until it is so few: what lies in a gap is received, which counts for more, or waits. */
function atMost(count: number, ranges: Entry['quarantined']): Entry['quarantined'] {
  if (ranges.length <= count) return ranges;
  const gapBefore = (i: number): number => (ranges[i]?.[0] ?? 0) - (ranges[i - 1]?.[1] ?? 0);
  const byGap = ranges
    .map((_, i) => i)
    .slice(1)
    .sort((a, b) => gapBefore(b) - gapBefore(a));
  const starts = new Set([0, ...byGap.slice(0, count - 1)]);
  const few: Entry['quarantined'] = [];
  for (const [i, [first, last]] of ranges.entries()) {
    if (starts.has(i)) few.push([first, last]);
    else few[few.length - 1] = [few.at(-1)?.[0] ?? first, last];
  }
  return few;
}
