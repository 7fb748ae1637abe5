// What is sent next: what was accepted since the connection began first, with a share for the backlog so that it always
// finishes.
import type { SpoolRow } from '../spool/spool.js';

/** The backlog's part of the window while live messages wait. */
const BACKLOG_SHARE = 4;
const READ_AHEAD_ROWS = 100;

export interface NextRow {
  readonly row: SpoolRow;
  /** True for what was accepted before the connection began. */
  readonly replay: boolean;
}

export interface LanesOptions {
  readonly read: (afterId: number, uptoId: number, limit: number) => SpoolRow[];
  readonly lastId: () => number;
  /** Rows that are on their way already, or that must not be sent now. */
  readonly skip: (row: SpoolRow) => boolean;
}

export class Lanes {
  private readonly backlog: Lane;
  private readonly live: Lane;

  constructor({ read, lastId, skip }: LanesOptions) {
    const boundary = lastId();
    this.backlog = new Lane(0, () => boundary, read, skip);
    this.live = new Lane(boundary, lastId, read, skip);
  }

  /** Null when there is nothing (more) to send. */
  next(backlogInFlight: number, window: number): NextRow | null {
    const backlogFirst = backlogInFlight < Math.ceil(window / BACKLOG_SHARE);
    const order = backlogFirst ? [this.backlog, this.live] : [this.live, this.backlog];
    for (const lane of order) {
      const row = lane.next();
      if (row !== null) return { row, replay: lane === this.backlog };
    }
    return null;
  }
}

/** Rows of one span of ids, in order, read a few at a time: memory does not grow with the backlog. */
class Lane {
  private ahead: SpoolRow[] = [];

  constructor(
    private afterId: number,
    private readonly uptoId: () => number,
    private readonly read: LanesOptions['read'],
    private readonly skip: LanesOptions['skip'],
  ) {}

  next(): SpoolRow | null {
    for (;;) {
      if (this.ahead.length === 0) {
        const uptoId = this.uptoId();
        if (this.afterId >= uptoId) return null;
        this.ahead = this.read(this.afterId, uptoId, READ_AHEAD_ROWS).reverse();
        this.afterId = this.ahead[0]?.id ?? uptoId;
      }
      const row = this.ahead.pop();
      if (row !== undefined && !this.skip(row)) return row;
    }
  }
}
