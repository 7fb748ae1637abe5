// Time that passes only when the model says so: the clocks, timers and random bytes of the whole process.
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';

/** 2026-11-23T15:30:11Z. */
export const T0_MS = 1_795_447_811_000;
/** Real turns of the event loop in which everything that was set off ends. */
const TURNS = 2;

interface Timer {
  readonly work: () => void;
  readonly everyMs: number | null;
  dueMs: number;
  unref(): Timer;
  ref(): Timer;
}

const realTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Since the process began, in milliseconds, whatever the virtual clocks say. */
export const realMs = performance.now.bind(performance);

export class VirtualTime {
  /** Milliseconds of a monotonic clock. */
  nowMs = 0;
  private readonly timers = new Set<Timer>();
  private random = 1;
  private undo: (() => void)[] = [];

  /** Everybody's time, until `uninstall`. */
  install(): void {
    this.replace(globalThis, 'setTimeout', (work: () => void, ms = 0) => this.add(work, ms, null));
    this.replace(globalThis, 'setInterval', (work: () => void, ms = 0) => this.add(work, ms, ms));
    this.replace(globalThis, 'clearTimeout', (timer?: Timer) => timer && this.timers.delete(timer));
    this.replace(globalThis, 'clearInterval', (timer?: Timer) => timer && this.timers.delete(timer));
    this.replace(performance, 'now', () => this.nowMs);
    this.replace(Date, 'now', () => this.wallMs);
    this.replace(timersPromises, 'setTimeout', (ms: number, _value: unknown, options: { signal?: AbortSignal } = {}) =>
      this.sleep(ms, options.signal),
    );
    this.replace(crypto, 'randomBytes', (size: number) => this.randomBytes(size));
    syncBuiltinESMExports();
  }

  uninstall(): void {
    for (const undo of this.undo.reverse()) undo();
    this.undo = [];
    syncBuiltinESMExports();
  }

  /** A schedule begins: the same time, and the same chance, for each. */
  reset(): void {
    this.nowMs = 0;
    this.random = 1;
    this.timers.clear();
  }

  get wallMs(): number {
    return T0_MS + this.nowMs;
  }

  /** Until nothing more happens by itself. */
  async settle(): Promise<void> {
    for (let i = 0; i < TURNS; i += 1) await realTurn();
  }

  /** A timer may be late: what is due every so often fires once, at the end, however much time passes. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (let timer = this.nextOf(untilMs); timer !== null; timer = this.nextOf(untilMs)) {
      this.nowMs = Math.max(this.nowMs, timer.dueMs);
      this.timers.delete(timer);
      timer.work();
      await realTurn();
    }
    this.nowMs = untilMs;
    for (const timer of [...this.timers]) {
      if (timer.everyMs === null || timer.dueMs > untilMs || !this.timers.has(timer)) continue;
      timer.dueMs = untilMs + timer.everyMs;
      timer.work();
    }
    await this.settle();
  }

  /** The first of those that fire once. */
  private nextOf(untilMs: number): Timer | null {
    let first: Timer | null = null;
    for (const timer of this.timers) {
      const isDue = timer.everyMs === null && timer.dueMs <= untilMs;
      if (isDue && (first === null || timer.dueMs < first.dueMs)) first = timer;
    }
    return first;
  }

  private add(work: () => void, ms: number, everyMs: number | null): Timer {
    const timer: Timer = { work, everyMs, dueMs: this.nowMs + ms, unref: () => timer, ref: () => timer };
    this.timers.add(timer);
    return timer;
  }

  private sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = (): void => {
        this.timers.delete(timer);
        reject(signal?.reason);
      };
      const wake = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const timer = this.add(wake, ms, null);
      signal?.addEventListener('abort', abort);
    });
  }

  /** Of a seeded generator (xorshift), so that a schedule that fails fails again. */
  private randomBytes(size: number): Buffer {
    return Buffer.from(
      Uint8Array.from({ length: size }, () => {
        this.random ^= this.random << 13;
        this.random ^= this.random >>> 17;
        this.random ^= this.random << 5;
        return this.random & 0xff;
      }),
    );
  }

  private replace(owner: object, name: string, value: unknown): void {
    const before: unknown = Reflect.get(owner, name);
    Reflect.set(owner, name, value);
    this.undo.push(() => Reflect.set(owner, name, before));
  }
}
