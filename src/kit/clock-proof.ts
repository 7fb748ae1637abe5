// Who says that the machine's clock is right, besides GPS: NTP, or a hardware clock that went on while the machine was off.
// A machine without one (a Raspberry Pi) begins in 1970 or, by fake-hwclock or systemd-timesyncd, where it was switched off.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLOCK_TOLERANCE_S } from '../schema/clock-offset.js';

export interface ClockProofOptions {
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** A folder for each hardware clock (Linux Documentation/ABI/testing/rtc-cdev and sysfs-class-rtc). */
  readonly hardwareClocks?: string;
  /** It is there once systemd-timesyncd has set the clock in this boot (systemd-timesyncd.service(8)). */
  readonly synchronizedFile?: string;
  /** Of any other NTP client: whether the kernel holds the clock for synchronized (adjtimex(2)). */
  readonly askKernel?: () => Promise<boolean>;
  readonly monotonicMs?: () => number;
}

/** NTP knows. A hardware clock only went on from what it was set to: hours wrong, or local time. */
export type ClockWitness = 'ntp' | 'hardware';

/** A process each time, on a machine that may never hear of NTP. */
const ASK_EVERY_MS = 30_000;
/** While nothing waits for the answer. */
const ASK_RARELY_MS = 600_000;
const ANSWER_WITHIN_MS = 5_000;

export class ClockProof {
  private isSynchronized = false;
  private hardwareAgreed = false;
  private askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: ClockProofOptions = {}) {}

  /** Who says so now. The kernel's answer comes later, and is told by the next call. */
  witness(): ClockWitness | null {
    const { synchronizedFile = '/run/systemd/timesync/synchronized' } = this.options;
    if (this.isSynchronized || existsSync(synchronizedFile)) return 'ntp';
    this.hardwareAgreed ||= this.hardwareAgrees();
    this.ask(this.hardwareAgreed ? ASK_RARELY_MS : ASK_EVERY_MS);
    return this.hardwareAgreed ? 'hardware' : null;
  }

  private hardwareAgrees(): boolean {
    const { now = Date.now, hardwareClocks = '/sys/class/rtc' } = this.options;
    // Without such a folder it is a virtual machine, whose host tells it the time.
    if (!existsSync(hardwareClocks)) return true;
    return namesIn(hardwareClocks).some((name) => {
      const s = secondsOf(join(hardwareClocks, name, 'since_epoch'));
      return Math.abs(s - now() / 1_000) < CLOCK_TOLERANCE_S;
    });
  }

  private ask(everyMs: number): void {
    const { askKernel = askTimedated, monotonicMs = () => performance.now() } = this.options;
    if (monotonicMs() - this.askedAtMs < everyMs) return;
    this.askedAtMs = monotonicMs();
    askKernel().then(
      (answer) => {
        this.isSynchronized ||= answer;
      },
      () => {}, // it can't be asked: no answer
    );
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Not a number when it can't be read: a clock whose battery is flat may say nothing. */
function secondsOf(file: string): number {
  try {
    return Number.parseInt(readFileSync(file, 'utf8'), 10);
  } catch {
    return Number.NaN;
  }
}

/** Node has no adjtimex; systemd-timedated asks it (org.freedesktop.timedate1(5), NTPSynchronized). */
function askTimedated(): Promise<boolean> {
  return new Promise((resolve) => {
    const question = ['show', '--property=NTPSynchronized', '--value'];
    execFile('timedatectl', question, { timeout: ANSWER_WITHIN_MS }, (error, answer) => {
      resolve(error === null && answer.trim() === 'yes');
    });
  });
}
