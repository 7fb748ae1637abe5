// How far the kit's clock is off, and by which clock each row was taken. A kit without a clock battery begins in 1970, or
// where it was switched off, and its clock jumps when it is set: the time since the machine was booted does not jump, so
// that what is known of the clock at one moment tells of every other since.
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { toError } from '../base/errors.js';
import { isObject, type JsonObject, parseJson } from '../base/json.js';
import type { Logger } from '../base/log.js';
import { gpsReading } from '../dragonsync/gps-time.js';
import { CLOCK_TOLERANCE_S } from '../schema/clock-offset.js';
import type { Spool, SpoolRow } from '../spool/spool.js';

export interface KitClockOptions {
  readonly spool: Pick<Spool, 'note' | 'setNote' | 'lastId'>;
  /** Rows that waited may be sent. */
  readonly onKnown: () => void;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Milliseconds since the machine was booted. */
  readonly uptimeMs?: () => number;
  /** Tells one boot of the machine from another. */
  readonly bootId?: string;
}

/** Rows from `fromId` on, until the next one begins, were taken by one clock. */
interface Stretch {
  readonly fromId: number;
  readonly bootId: string;
  /** When the machine was booted, by that clock. */
  bootedMs: number;
  /** To be added to its times; null while that is waited for. */
  offsetMs: number | null;
  /** When it began, by that clock. */
  readonly beganMs: number;
  /** Until when, in milliseconds since the boot. */
  readonly waitUntilMs: number;
  /** It was waited for in vain: what has been sent was sent as it was. */
  gaveUp: boolean;
}

const NOTE = 'clock';
/** Nothing of ours ran before: a clock that says so was never set. */
const OLDEST_MS = Date.UTC(2025, 0, 1);
/** Less is how clocks are kept right, and how coarsely the time since the boot is known. */
const STEP_MS = 2_000;
/** The time since the boot is read in steps of 10 ms: what differs by less is not worth a commit at each poll. */
const DRIFT_MS = 100;
const TOLERANCE_MS = CLOCK_TOLERANCE_S * 1_000;
/** DragonSync renews its status every 30 s; an older one may be from before a step. */
const FRESH_MS = 90_000;
const WAIT_MS = 600_000;
const MAX_STRETCHES = 100;

export class KitClock {
  /** GPS time less the kit's, in seconds, as last measured; null before. */
  private measuredMs: number | null = null;
  /** Of messages that left as they were. */
  private lateMs: number | null = null;
  /** When the machine was really booted, as far as GPS has told. */
  private bootedMs: number | null = null;
  /** Each reading is shown again for a while, and is old by then. */
  private readGpsMs = 0;
  /** Of the last stretch, as it was written down. */
  private savedBootedMs: number;
  private readonly stretches: Stretch[];
  private readonly now: () => number;
  private readonly uptimeMs: () => number;
  private readonly bootId: string;

  constructor(private readonly options: KitClockOptions) {
    this.now = options.now ?? Date.now;
    this.uptimeMs = options.uptimeMs ?? (() => uptime() * 1_000);
    this.bootId = options.bootId ?? readBootId();
    this.stretches = readStretches(options.spool.note(NOTE));
    this.savedBootedMs = this.bootedByLast;
    for (const one of this.stretches) if (one.bootId !== this.bootId) giveUp(one);
  }

  /** What is to be added to the times of messages that left uncorrected, or else to the clock as it is now. Seconds. */
  get offsetS(): number | null {
    const ms = this.lateMs ?? this.measuredMs;
    return ms === null ? null : ms / 1_000;
  }

  /** To be added to the times of this row, in seconds. */
  offsetOf(row: Pick<SpoolRow, 'id' | 'acceptedAtMs' | 'body'>): number {
    return offsetIn(this.stretches, row);
  }

  isWaiting(rowId: number): boolean {
    return this.stretchOf(rowId)?.offsetMs === null;
  }

  /** Rows above it are not to be sent yet. */
  get sendUptoId(): number {
    const waiting = this.stretches.find(({ offsetMs }) => offsetMs === null);
    return waiting === undefined ? Number.POSITIVE_INFINITY : waiting.fromId - 1;
  }

  /** DragonSync's `/status`. */
  heard(status: JsonObject): void {
    const reading = gpsReading(status);
    if (reading === null || reading.gpsMs < OLDEST_MS || reading.gpsMs === this.readGpsMs) return;
    this.readGpsMs = reading.gpsMs;
    if (Math.abs(this.now() - reading.clockMs) > FRESH_MS) return;
    this.measuredMs = reading.gpsMs - reading.clockMs;
    this.bootedMs = this.now() - this.uptimeMs() + this.measuredMs;
  }

  /** Before rows are accepted, and every few seconds: by which clock they are taken. */
  look(): void {
    const before = this.withoutDrift();
    const uptimeMs = this.uptimeMs();
    const bootedMs = this.now() - uptimeMs;
    const last = this.stretches.at(-1);
    const isSame = last?.bootId === this.bootId && Math.abs(last.bootedMs - bootedMs) < STEP_MS;
    const truth = this.bootedMs ?? this.stepTells(last, bootedMs, uptimeMs);
    if (truth !== null) this.resolve(truth);
    for (const one of this.stretches) if (one.offsetMs === null && uptimeMs >= one.waitUntilMs) giveUp(one);
    const offsetMs = this.offsetNow(bootedMs);
    if (
      last !== undefined &&
      last.bootId === this.bootId &&
      offsetMs !== null &&
      offsetMs === last.offsetMs &&
      !last.gaveUp
    ) {
      last.bootedMs = bootedMs; // it drifts, within what is tolerated
    } else if (!isSame || !(last.gaveUp ? offsetMs === null : offsetMs === last.offsetMs)) {
      this.begin({ bootedMs, offsetMs, uptimeMs });
    }
    if (this.withoutDrift() !== before || Math.abs(this.bootedByLast - this.savedBootedMs) >= DRIFT_MS) this.save();
  }

  private withoutDrift(): string {
    return JSON.stringify(this.stretches.map(({ bootedMs: _, ...one }) => one));
  }

  private get bootedByLast(): number {
    return this.stretches.at(-1)?.bootedMs ?? 0;
  }

  private begin({
    bootedMs,
    offsetMs,
    uptimeMs,
  }: {
    bootedMs: number;
    offsetMs: number | null;
    uptimeMs: number;
  }): void {
    const { spool, log } = this.options;
    const fromId = spool.lastId() + 1;
    const last = this.stretches.at(-1);
    // Nothing was taken by the one before.
    if (last?.fromId === fromId) this.stretches.pop();
    const waitUntilMs = uptimeMs + WAIT_MS;
    const beganMs = bootedMs + uptimeMs;
    this.stretches.push({ fromId, bootId: this.bootId, bootedMs, offsetMs, beganMs, waitUntilMs, gaveUp: false });
    if (this.stretches.length > MAX_STRETCHES) this.stretches.shift();
    if (offsetMs === null) {
      log.warn(
        `the clock says ${new Date(this.now()).toISOString()}: what is heard waits for GPS time, 10 minutes at most`,
      );
    } else if (offsetMs !== 0) {
      log.warn({ offset_s: offsetMs / 1_000 }, 'the clock is wrong, by GPS time: what is heard is corrected by that');
    }
  }

  /** Null when nothing but the clock's own word says how far it is off, and that can't be. */
  private offsetNow(bootedMs: number): number | null {
    if (this.bootedMs !== null) return significant(this.bootedMs - bootedMs, this.stretches.at(-1)?.offsetMs ?? 0);
    return this.now() >= OLDEST_MS ? 0 : null;
  }

  /** A clock that was never set and now is tells when the machine was booted. */
  private stepTells(last: Stretch | undefined, bootedMs: number, uptimeMs: number): number | null {
    if (last === undefined || last.bootId !== this.bootId || this.now() < OLDEST_MS) return null;
    return last.bootedMs + uptimeMs < OLDEST_MS ? bootedMs : null;
  }

  private resolve(bootedMs: number): void {
    let isNews = false;
    for (const one of this.stretches) {
      if (one.bootId !== this.bootId || (one.offsetMs !== null && !one.gaveUp)) continue;
      one.offsetMs = significant(bootedMs - one.bootedMs, 0);
      if (one.gaveUp) this.lateMs = one.offsetMs;
      one.gaveUp = false;
      isNews = true;
    }
    if (!isNews) return;
    this.options.log.info('it is known by now how far the clock is off: what waited is sent');
    // Not from within: whoever looks is about to accept rows.
    queueMicrotask(this.options.onKnown);
  }

  private stretchOf(rowId: number): Stretch | undefined {
    return this.stretches.findLast(({ fromId }) => fromId <= rowId);
  }

  private save(): void {
    try {
      this.options.spool.setNote(NOTE, JSON.stringify(this.stretches));
      this.savedBootedMs = this.bootedByLast;
    } catch (thrown: unknown) {
      // On a full disk; after a restart the clock is measured anew.
      this.options.log.debug(`the clock's offset could not be kept: ${toError(thrown).message}`);
    }
  }
}

/**
 * DragonSync shows a thing for a minute: what was observed before the clock jumped may be accepted after it. Of the two
 * clocks it was observed by the one that makes the time between smaller.
 */
function isOfTheOneBefore(row: Pick<SpoolRow, 'acceptedAtMs' | 'body'>, own: Stretch, before: Stretch): boolean {
  if (before.bootId !== own.bootId || row.acceptedAtMs - own.beganMs > FRESH_MS) return false;
  const { observed_at: observedS } = JSON.parse(row.body) as { observed_at?: unknown };
  if (typeof observedS !== 'number') return false;
  const agoMs = row.acceptedAtMs - observedS * 1_000;
  return Math.abs(agoMs + before.bootedMs - own.bootedMs) < Math.abs(agoMs);
}

/** The same for whoever only looks into a spool: by what is known of its rows so far. */
export function clockOffsetsOf(spool: Pick<Spool, 'note'>): KitClock['offsetOf'] {
  const stretches = readStretches(spool.note(NOTE));
  return (row) => offsetIn(stretches, row);
}

function offsetIn(stretches: readonly Stretch[], row: Pick<SpoolRow, 'id' | 'acceptedAtMs' | 'body'>): number {
  const i = stretches.findLastIndex(({ fromId }) => fromId <= row.id);
  const [before, own] = [stretches[i - 1], stretches[i]];
  const stretch = own && before && isOfTheOneBefore(row, own, before) ? before : own;
  return (stretch?.offsetMs ?? 0) / 1_000;
}

function giveUp(one: Stretch): void {
  if (one.offsetMs !== null) return;
  one.offsetMs = 0;
  one.gaveUp = true;
}

/** A clock within the tolerance is right; and one that is off stays off by as much until that changes beyond it. */
function significant(offsetMs: number, before: number): number {
  if (Math.abs(offsetMs - before) < TOLERANCE_MS) return before;
  return Math.abs(offsetMs) < TOLERANCE_MS ? 0 : Math.round(offsetMs);
}

function readStretches(note: string | null): Stretch[] {
  const found = note === null ? [] : parseJson(note);
  return Array.isArray(found) ? (found.filter(isObject) as unknown as Stretch[]) : [];
}

/** https://docs.kernel.org/admin-guide/sysctl/kernel.html#random */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
