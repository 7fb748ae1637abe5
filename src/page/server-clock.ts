// The server's time: what is so many seconds old is so by its clock, whatever the reader's machine believes.

export class ServerClock {
  private aheadMs = 0;

  nowMs(): number {
    return Date.now() + this.aheadMs;
  }

  /** Set by each answer that tells the time. Within two seconds they are the same: an answer takes its time, too. */
  set(serverMs: number): void {
    const aheadMs = serverMs - Date.now();
    this.aheadMs = Math.abs(aheadMs) < 2_000 ? 0 : aheadMs;
  }
}
