// From what DragonSync shows to what is new: each observation becomes one row, once, also after a restart.
import { PayloadError, SpoolError, toError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import type { Logger } from '../base/log.js';
import { noveltyOf, toMessage } from '../dragonsync/normalise.js';
import type { Kind } from '../schema/kinds.js';
import type { NewRow, Spool, SpoolRow } from '../spool/spool.js';
import { classOf, kindOf } from './classes.js';

/** One entry of DragonSync's API. */
export interface Heard {
  readonly kind: Kind;
  readonly entry: JsonObject;
}

export interface Accepted {
  readonly kind: Kind;
  readonly thing: string;
  readonly row: SpoolRow;
  /** Nothing was accepted of this thing before (or it is forgotten). */
  readonly isFirst: boolean;
}

interface News extends Pick<Accepted, 'isFirst'> {
  readonly row: NewRow;
}

export interface IntakeOptions {
  readonly spool: Spool;
  /** An aircraft changes all the time: at most one message of each in this time. */
  readonly aircraftIntervalMs: number;
  readonly log: Logger;
  readonly monotonicMs?: () => number;
}

/** More aircraft than one receiver hears. */
const MAX_AIRCRAFT = 10_000;
const MAX_COMPLAINTS = 100;

export class Intake {
  /** Entries that are no detection: without an id, of a shape nobody knows, or larger than a spool takes. */
  invalid = 0;
  /** Observations that a full spool did not take; each is offered again while DragonSync still shows it. */
  refused = 0;
  private readonly aircraftAt = new Map<string, number>();
  private readonly complaints = new Set<string>();
  private readonly monotonicMs: () => number;

  constructor(private readonly options: IntakeOptions) {
    this.monotonicMs = options.monotonicMs ?? (() => performance.now());
  }

  /**
   * Accepts what is new. What a spool that is filling up did not take, the next poll offers again.
   *
   * @throws SpoolError when the spool took nothing.
   */
  take(heard: readonly Heard[]): Accepted[] {
    const fresh = new Map<string, News>();
    for (const { kind, entry } of heard) {
      const one = this.news(kind, entry);
      if (one !== null) fresh.set(`${one.row.class} ${one.row.thing}`, one);
    }
    const news = [...fresh.values()];
    const rows = news.map(({ row }) => row);
    try {
      const accepted = this.options.spool.accept(rows);
      this.rememberAircraft(rows.slice(0, accepted.length));
      this.refused += rows.length - accepted.length;
      return accepted.map((row, i) => {
        return { kind: kindOf(row.class), thing: rows[i]?.thing ?? '', row, isFirst: news[i]?.isFirst === true };
      });
    } catch (error: unknown) {
      this.refused += rows.length;
      throw error;
    }
  }

  private news(kind: Kind, entry: JsonObject): News | null {
    const { spool } = this.options;
    try {
      const { thing, mark } = noveltyOf(kind, entry);
      const rowClass = classOf(kind);
      const last = spool.lastMark(rowClass, thing);
      if (last === mark) return null;
      if (kind === 'aircraft' && this.isTooSoon(thing)) return null;
      const body = JSON.stringify(toMessage(kind, entry));
      const bytes = Buffer.byteLength(body);
      if (bytes > spool.maxBodyBytes) throw new PayloadError(`${bytes} bytes are too large`, { code: 'too-large' });
      return { row: { class: rowClass, thing, mark, body }, isFirst: last === null };
    } catch (thrown: unknown) {
      if (thrown instanceof SpoolError) throw thrown;
      this.complain(kind, toError(thrown));
      return null;
    }
  }

  private isTooSoon(icao: string): boolean {
    const last = this.aircraftAt.get(icao);
    return last !== undefined && this.monotonicMs() - last < this.options.aircraftIntervalMs;
  }

  private rememberAircraft(rows: readonly NewRow[]): void {
    for (const { class: c, thing } of rows) {
      if (c === classOf('aircraft')) this.aircraftAt.set(thing, this.monotonicMs());
    }
    if (this.aircraftAt.size > MAX_AIRCRAFT) this.aircraftAt.clear();
  }

  /** Counted every time, said once. */
  private complain(kind: Kind, error: Error): void {
    this.invalid += 1;
    const complaint = `${kind}: ${error.message}`;
    if (this.complaints.has(complaint) || this.complaints.size >= MAX_COMPLAINTS) return;
    this.complaints.add(complaint);
    this.options.log.warn({ kind }, `DragonSync shows an entry that is no detection: ${error.message}`);
  }
}
