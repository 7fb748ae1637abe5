// How far the kit's clock is off, and by which clock each row was taken. A kit without a clock battery begins in 1970, or
// where it was switched off, and its clock jumps when it is set: the time since the machine was booted does not jump, so
// that what is known of the clock at one moment tells of every other since.
import { uptime } from 'node:os';
import { bootId } from '../base/boot-id.js';
import { toError } from '../base/errors.js';
import { isObject, type JsonObject, parseJson } from '../base/json.js';
import type { Logger } from '../base/log.js';
import { gpsReading } from '../dragonsync/gps-time.js';
import { CLOCK_TOLERANCE_S } from '../schema/clock-offset.js';
import type { Spool, SpoolRow } from '../spool/spool.js';
import type { ClockWitness } from './clock-proof.js';

export interface KitClockOptions {
  readonly spool: Pick<Spool, 'note' | 'setNote' | 'lastId' | 'currentEpoch'>;
  /** Who but GPS time says that the clock is right (clock-proof.ts). */
  readonly witness: () => ClockWitness | null;
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
  beganMs: number;
  /** Until when, in milliseconds since the boot. */
  readonly waitUntilMs: number;
  /** By 'hardware', or by 'nobody' after it was waited for in vain, it was sent as it was: GPS time and NTP know better. */
  knownBy: 'gps' | ClockWitness | 'nobody';
  /** In which its rows were taken: one for each process. */
  epochs: readonly string[];
}

const NOTE = 'clock';
/** Nothing of ours ran before: a clock that says so was never set. */
const OLDEST_MS = Date.UTC(2025, 0, 1);
/** Less is how clocks are kept right, and how coarsely the time since the boot is known. */
const STEP_MS = 2_000;
/**
 * Under a unit with ProcSubset=pid libuv reads no /proc/uptime, and knows the time since the boot in whole seconds (its
 * uv_uptime). What differs by no more is not worth a commit at each poll, and whoever reads it allows for STEP_MS.
 */
const DRIFT_MS = 1_500;
const TOLERANCE_MS = CLOCK_TOLERANCE_S * 1_000;
/** DragonSync renews its status every 30 s; an older one may be from before a step. */
const FRESH_MS = 90_000;
const WAIT_MS = 600_000;
const MAX_STRETCHES = 100;
/** As many as a server remembers of a kit. */
const MAX_EPOCHS = 20;

export class KitClock {
  /** When the machine was really booted, by GPS time. */
  private gpsBootedMs: number | null = null;
  /** What messages lacked that left as they were. */
  private uncorrectedMs = 0;
  /** The epochs of those messages. */
  uncorrectedEpochs: readonly string[] = [];
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
    this.bootId = withoutDashes(options.bootId ?? bootId());
    this.stretches = readStretches(options.spool.note(NOTE));
    this.savedBootedMs = this.bootedByLast;
    for (const one of this.stretches) if (one.bootId !== this.bootId) giveUp(one);
    // What a process before this one has found out in this boot.
    const last = this.ownLast();
    if (last?.knownBy === 'gps' && last.offsetMs) this.gpsBootedMs = last.bootedMs + last.offsetMs;
  }

  /** GPS time less the clock as it is now, in seconds; null while there was no GPS time. */
  get offsetS(): number | null {
    if (this.gpsBootedMs === null) return null;
    return Math.round(this.gpsBootedMs - (this.now() - this.uptimeMs())) / 1_000;
  }

  /** What the times of messages lacked, in seconds, that left before that was known; 0 when none did. */
  get uncorrectedS(): number {
    return this.uncorrectedMs / 1_000;
  }

  /** For how many seconds at most rows still wait to know the clock; 0 when none do. */
  get waitsForS(): number {
    const waiting = this.stretches.findLast(({ offsetMs }) => offsetMs === null);
    return waiting === undefined ? 0 : Math.max(1, Math.ceil((waiting.waitUntilMs - this.uptimeMs()) / 1_000));
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
    this.gpsBootedMs = this.now() - this.uptimeMs() + reading.gpsMs - reading.clockMs;
  }

  /** Before rows are accepted, and every few seconds: by which clock they are taken. */
  look(): void {
    const before = this.withoutDrift();
    this.noteEpoch();
    const uptimeMs = this.uptimeMs();
    const bootedMs = this.now() - uptimeMs;
    const knownBy = this.knownBy(bootedMs);
    if (knownBy !== 'nobody') this.resolve(this.gpsBootedMs ?? bootedMs, knownBy);
    if (isSure({ knownBy })) this.forgetTheFuture((this.gpsBootedMs ?? bootedMs) + uptimeMs);
    this.losePatience(uptimeMs);
    const last = this.ownLast();
    const offsetMs = knownBy === 'nobody' ? null : this.offsetNow(bootedMs);
    if (offsetMs === null) {
      const isSame = last !== undefined && Math.abs(last.bootedMs - bootedMs) < STEP_MS;
      if (!isSame) this.begin({ bootedMs, offsetMs, knownBy, uptimeMs });
    } else if (last?.offsetMs === offsetMs) {
      last.bootedMs = bootedMs; // it drifts, within what is tolerated
    } else {
      this.begin({ bootedMs, offsetMs, knownBy, uptimeMs });
    }
    if (this.withoutDrift() !== before || Math.abs(this.bootedByLast - this.savedBootedMs) >= DRIFT_MS) this.save();
  }

  /** What was taken since the last look was taken by the clock of then. */
  private noteEpoch(): void {
    const [last, epoch] = [this.ownLast(), this.options.spool.currentEpoch()];
    if (last === undefined || epoch === null || last.epochs.includes(epoch)) return;
    last.epochs = [...last.epochs, epoch].slice(-MAX_EPOCHS);
  }

  private withoutDrift(): string {
    return JSON.stringify(this.stretches.map(({ bootedMs: _, ...one }) => one));
  }

  private get bootedByLast(): number {
    return this.stretches.at(-1)?.bootedMs ?? 0;
  }

  private begin(clock: Pick<Stretch, 'bootedMs' | 'offsetMs' | 'knownBy'> & { uptimeMs: number }): void {
    const { uptimeMs, ...known } = clock;
    const { bootedMs, offsetMs } = known;
    const { spool, log } = this.options;
    const fromId = spool.lastId() + 1;
    // Nothing was taken by the one before.
    if (this.stretches.at(-1)?.fromId === fromId) this.stretches.pop();
    // One that can't be right is never sent as it is before its time; one that may be, 10 minutes after the boot.
    const waitUntilMs = this.mayBeRight ? WAIT_MS : uptimeMs + WAIT_MS;
    const began = { beganMs: bootedMs + uptimeMs, waitUntilMs, epochs: [] };
    this.stretches.push({ fromId, bootId: this.bootId, ...known, ...began });
    if (this.stretches.length > MAX_STRETCHES) this.stretches.shift();
    this.losePatience(uptimeMs);
    if (this.isWaiting(fromId)) {
      const now = new Date(this.now()).toISOString();
      log.warn(
        `the clock says ${now}, and nothing says that it is right: what is heard waits for GPS time or NTP, 10 minutes at most`,
      );
    } else if (offsetMs !== null && offsetMs !== 0) {
      log.warn({ offset_s: offsetMs / 1_000 }, 'the clock is wrong, by GPS time: what is heard is corrected by that');
    }
  }

  private losePatience(uptimeMs: number): void {
    const lost = this.stretches.filter(({ offsetMs, waitUntilMs }) => offsetMs === null && uptimeMs >= waitUntilMs);
    if (lost.length === 0) return;
    for (const one of lost) giveUp(one);
    this.options.log.warn('neither GPS time nor NTP says whether the clock is right: it is taken as it is');
  }

  private get mayBeRight(): boolean {
    return this.now() >= OLDEST_MS;
  }

  private offsetNow(bootedMs: number): number {
    return this.gpsBootedMs === null ? 0 : significant(this.gpsBootedMs - bootedMs, this.ownLast()?.offsetMs ?? 0);
  }

  /** Who says how far the clock is off now; nobody, when that is the clock's own word alone. */
  private knownBy(bootedMs: number): Stretch['knownBy'] {
    if (this.gpsBootedMs !== null) return 'gps';
    if (!this.mayBeRight) return 'nobody';
    if (this.isTrusted || this.wasSet(bootedMs)) return 'ntp';
    const last = this.ownLast();
    // After it was waited for in vain nobody is asked any more: then it takes GPS time, or a clock that is set.
    if (last?.knownBy === 'nobody' && last.offsetMs !== null) return 'nobody';
    const witness = this.options.witness();
    if (witness === 'ntp' || last?.knownBy === 'hardware') return witness ?? 'hardware';
    return witness === null || this.isInThePast ? 'nobody' : witness;
  }

  /** In this boot it was found that the clock is right: from then on it is, until GPS time says otherwise. */
  private get isTrusted(): boolean {
    return this.stretches.some((one) => one.bootId === this.bootId && isSure(one));
  }

  /** While nobody knew for sure whether it is right: whoever set it knew better. */
  private wasSet(bootedMs: number): boolean {
    const last = this.ownLast();
    return last !== undefined && !isSure(last) && Math.abs(last.bootedMs - bootedMs) >= TOLERANCE_MS;
  }

  /** A boot before this one began later than it is now: so a hardware clock may have stood still since. */
  private get isInThePast(): boolean {
    const now = this.now();
    return this.stretches.some((one) => one.bootId !== this.bootId && one.beganMs + (one.offsetMs ?? 0) > now);
  }

  /** By a clock that was in the future then: no later boot is to be doubted for that. */
  private forgetTheFuture(trueMs: number): void {
    for (const one of this.stretches) {
      const latestMs = trueMs - (one.offsetMs ?? 0);
      if (one.bootId !== this.bootId && one.beganMs > latestMs) one.beganMs = latestMs;
    }
  }

  private resolve(bootedMs: number, by: Stretch['knownBy']): void {
    let isNews = false;
    for (const one of this.stretches) {
      const wasSent = one.offsetMs !== null;
      if (one.bootId !== this.bootId || isSure(one) || (wasSent && by === 'hardware')) continue;
      const offsetMs = significant(bootedMs - one.bootedMs, 0);
      if (wasSent) {
        this.uncorrectedMs = offsetMs;
        this.uncorrectedEpochs = [...new Set([...this.uncorrectedEpochs, ...one.epochs])];
      }
      isNews ||= offsetMs !== one.offsetMs;
      one.offsetMs = offsetMs;
      one.knownBy = by;
    }
    if (!isNews) return;
    this.options.log.info('it is known by now whether the clock is right: what waited is sent');
    // Not from within: whoever looks is about to accept rows.
    queueMicrotask(this.options.onKnown);
  }

  private stretchOf(rowId: number): Stretch | undefined {
    return this.stretches.findLast(({ fromId }) => fromId <= rowId);
  }

  /** The last stretch, if it is of this boot. */
  private ownLast(): Stretch | undefined {
    const last = this.stretches.at(-1);
    return last?.bootId === this.bootId ? last : undefined;
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
 * clocks it was observed by the one that makes the time between smaller, by more than either may drift.
 */
function isOfTheOneBefore(row: Pick<SpoolRow, 'acceptedAtMs' | 'body'>, own: Stretch, before: Stretch): boolean {
  if (before.bootId !== own.bootId || row.acceptedAtMs - own.beganMs > FRESH_MS) return false;
  const { observed_at: observedS } = JSON.parse(row.body) as { observed_at?: unknown };
  if (typeof observedS !== 'number') return false;
  const agoMs = row.acceptedAtMs - observedS * 1_000;
  return Math.abs(agoMs + before.bootedMs - own.bootedMs) + TOLERANCE_MS < Math.abs(agoMs);
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
  one.offsetMs ??= 0;
}

/** A hardware clock may be hours wrong, or in local time, and the machine's clock with it. */
function isSure({ knownBy }: Pick<Stretch, 'knownBy'>): boolean {
  return knownBy === 'gps' || knownBy === 'ntp';
}

/** A clock within the tolerance is right; and one that is off stays off by as much until that changes beyond it. */
function significant(offsetMs: number, before: number): number {
  if (Math.abs(offsetMs - before) < TOLERANCE_MS) return before;
  return Math.abs(offsetMs) < TOLERANCE_MS ? 0 : Math.round(offsetMs);
}

function readStretches(note: string | null): Stretch[] {
  const found = note === null ? [] : parseJson(note);
  const stretches = Array.isArray(found) ? (found.filter(isObject) as unknown as Stretch[]) : [];
  return stretches.map((one) => ({ ...one, bootId: withoutDashes(String(one.bootId)), epochs: one.epochs ?? [] }));
}

/** The service manager writes it without them, the kernel with, and older notes too. */
function withoutDashes(id: string): string {
  return id.replaceAll('-', '');
}
