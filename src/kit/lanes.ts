// What is sent next: what was accepted since the connection began first, with a share for the backlog so that it always
// finishes.
import type { SpoolRow } from '../spool/spool.js';

/** The backlog's part of the window while live messages wait. */
const BACKLOG_SHARE = 4;
const READ_AHEAD_ROWS = 100;

export interface NextRow {
  readonly row: SpoolRow;
  /** True for what was there when the lanes began, and for what is sent again. */
  readonly replay: boolean;
}

export interface LanesOptions {
  readonly read: (afterId: number, uptoId: number, limit: number) => SpoolRow[];
  /** The highest id that may be sent: what is above it is not there, or waits. */
  readonly lastId: () => number;
  /** Rows that are on their way already, or that must not be sent now. */
  readonly skip: (row: SpoolRow) => boolean;
}

export interface Place {
  readonly window: number;
  readonly backlogInFlight: number;
  readonly mayBacklog: boolean;
  readonly mayLive: boolean;
}

export class Lanes {
  private readonly backlog: Lane;
  private readonly live: Lane;

  /** What has an id above `boundary` is new. */
  constructor({ read, lastId, skip }: LanesOptions, boundary = lastId()) {
    this.backlog = new Lane(0, () => Math.min(boundary, lastId()), read, skip);
    this.live = new Lane(boundary, lastId, read, skip);
  }

  /** Null when there is nothing (more) to send. */
  next({ window, backlogInFlight, mayBacklog, mayLive }: Place): NextRow | null {
    const backlogFirst = backlogInFlight < Math.ceil(window / BACKLOG_SHARE);
    const order = backlogFirst ? [this.backlog, this.live] : [this.live, this.backlog];
    for (const lane of order) {
      if (!(lane === this.backlog ? mayBacklog : mayLive)) continue;
      const row = lane.next();
      if (row !== null) return { row, replay: lane === this.backlog };
    }
    return null;
  }

  /** Puts a row that was sent already before the rest of the backlog. */
  again(row: SpoolRow): void {
    this.backlog.prepend(row);
  }

  /** These are gone from the spool: read ahead or not, they are not sent. */
  drop(ids: ReadonlySet<number>): void {
    this.backlog.drop(ids);
    this.live.drop(ids);
  }
}

/** Rows of one span of ids, in order, read a few at a time: memory does not grow with the backlog. */
class Lane {
  /** The next one last. */
  private ahead: SpoolRow[] = [];

  constructor(
    private afterId: number,
    private readonly uptoId: () => number,
    private readonly read: LanesOptions['read'],
    private readonly skip: LanesOptions['skip'],
  ) {}

  next(): SpoolRow | null {
    for (;;) {
      const row = this.ahead.pop();
      if (row !== undefined && !this.skip(row)) return row;
      if (row === undefined && !this.readAhead()) return null;
    }
  }

  prepend(row: SpoolRow): void {
    this.ahead.push(row);
  }

  drop(ids: ReadonlySet<number>): void {
    if (this.ahead.length > 0) this.ahead = this.ahead.filter(({ id }) => !ids.has(id));
  }

  /** False when there is nothing left. */
  private readAhead(): boolean {
    const uptoId = this.uptoId();
    if (this.afterId >= uptoId) return false;
    this.ahead = this.read(this.afterId, uptoId, READ_AHEAD_ROWS).reverse();
    this.afterId = this.ahead[0]?.id ?? uptoId;
    return true;
  }
}
