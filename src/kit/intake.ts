// From what DragonSync shows to what is new: each observation becomes one row, once, also after a restart.
import { errorCode, PayloadError, SpoolError, toError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import type { Logger } from '../base/log.js';
import { TokenBucket } from '../base/token-bucket.js';
import { noveltyOf, toMessage } from '../dragonsync/normalise.js';
import { fromPublished, lackingOf, noveltyOfPublished } from '../dragonsync/published.js';
import type { Kind } from '../schema/kinds.js';
import { contentHash } from '../schema/messages.js';
import type { NewRow, Spool, SpoolRow } from '../spool/spool.js';
import { classOf, kindOf } from './classes.js';
import { type Copy, isOfBefore, knowsMore, Recent } from './recent.js';

/** One entry of DragonSync's API, or one message that it pushed over MQTT. */
export interface Heard {
  readonly kind: Kind;
  readonly entry: JsonObject;
  readonly pushed?: true;
}

export interface Accepted {
  readonly kind: Kind;
  readonly thing: string;
  readonly row: SpoolRow;
  /** Nothing was accepted of this thing before (or it is forgotten). */
  readonly isFirst: boolean;
}

/** A row, and what is remembered of the copy that it is. */
interface Fresh extends Pick<Accepted, 'isFirst'> {
  readonly row: NewRow;
  readonly copy: Copy;
}

/** What becomes one row. */
interface Found extends Fresh {
  readonly from: Heard[];
  /** Of the row, and those that it leaves out. */
  readonly copies: Copy[];
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

/** Made-up ids must neither fill the spool nor stand before real drones; what is known already always passes. */
const NEWCOMERS = { perSecond: 250, burst: 2_500 };

const SHOWN = { noveltyOf, toMessage };
const PUSHED = { noveltyOf: noveltyOfPublished, toMessage: fromPublished };

export class Intake {
  /** Entries that are no detection: without an id, of a shape nobody knows, or larger than a spool takes. */
  invalid = 0;
  /** Observations that a full spool did not take; each is offered again while DragonSync still shows it. */
  refused = 0;
  /** Things never heard of that were pushed faster than there can be new ones: made up, or heard again in a moment. */
  crowded = 0;
  private readonly aircraftAt = new Map<string, number>();
  private readonly recent = new Recent();
  private readonly newcomers: TokenBucket;
  private readonly complaints = new Set<string>();
  private readonly monotonicMs: () => number;

  constructor(private readonly options: IntakeOptions) {
    this.monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.newcomers = new TokenBucket(NEWCOMERS, this.monotonicMs);
  }

  /**
   * Accepts what is new. What a spool that is filling up did not take, the next poll offers again; `onLeft` is told of each
   * that is news and was not taken.
   *
   * @throws SpoolError when the spool took nothing.
   */
  take(heard: readonly Heard[], onLeft: (one: Heard) => void = () => {}): Accepted[] {
    const found = new Map<string, Found>();
    for (const one of heard) {
      const news = this.fresh(one);
      if (news === null) continue;
      // Of an aircraft the last state of those that came at once, of others each observation.
      const key = one.kind === 'aircraft' ? thingKey(news.row) : observationKey(news.row);
      const before = found.get(key);
      if (one.pushed === true && news.isFirst && before === undefined && !this.admits()) {
        onLeft(one);
        continue;
      }
      const best = before !== undefined && isOfBefore(news.copy, before.copy) ? before : news;
      const from = before?.from ?? [];
      const copies = before?.copies ?? [];
      from.push(one);
      copies.push(news.copy);
      found.set(key, { ...best, from, copies });
    }
    const fresh = [...found.values()];
    const rows = fresh.map(({ row }) => row);
    try {
      const accepted = this.options.spool.accept(rows);
      this.remember(fresh.slice(0, accepted.length));
      for (const { from } of fresh.slice(accepted.length)) from.forEach(onLeft);
      this.refused += rows.length - accepted.length;
      return accepted.map((row, i) => {
        return { kind: kindOf(row.class), thing: rows[i]?.thing ?? '', row, isFirst: fresh[i]?.isFirst === true };
      });
    } catch (error: unknown) {
      this.refused += rows.length;
      throw error;
    }
  }

  /** Something came that is no detection: counted every time, said once of each sort. */
  complain(kind: Kind, error: Error): void {
    this.invalid += 1;
    const complaint = `${kind} ${errorCode(error)}`;
    if (this.complaints.has(complaint)) return;
    this.complaints.add(complaint);
    this.options.log.warn({ kind }, `DragonSync shows an entry that is no detection: ${error.message}`);
  }

  private fresh({ kind, entry, pushed }: Heard): Fresh | null {
    const { spool } = this.options;
    const form = pushed === true ? PUSHED : SHOWN;
    try {
      const { thing, mark } = form.noveltyOf(kind, entry);
      const rowClass = classOf(kind);
      // An aircraft's mark is its content, and may come again; with other things it is a time.
      const known = kind === 'aircraft' ? undefined : this.recent.find(thingKey({ class: rowClass, thing }), mark);
      const last = known === undefined ? spool.lastMark(rowClass, thing) : mark;
      if (known === undefined && last === mark) return null;
      if (known !== undefined && pushed !== true) return null;
      if (kind === 'aircraft' && this.isTooSoon(thing)) return null;
      const message = form.toMessage(kind, entry);
      const body = JSON.stringify(message);
      const copy = { content: pushed === true ? contentHash(body) : null, lacks: lackingOf(message) };
      if (known !== undefined && !knowsMore(copy, known)) return null;
      const bytes = Buffer.byteLength(body);
      if (bytes > spool.maxBodyBytes) throw new PayloadError(`${bytes} bytes are too large`, { code: 'too-large' });
      return { row: { class: rowClass, thing, mark, body }, copy, isFirst: last === null };
    } catch (thrown: unknown) {
      if (thrown instanceof SpoolError) throw thrown;
      this.complain(kind, toError(thrown));
      return null;
    }
  }

  /** DragonSync's API shows some dozens of new things at a time; who pushes is held to that too. */
  private admits(): boolean {
    if (this.newcomers.waitMs() === 0) {
      this.newcomers.spend(1);
      return true;
    }
    if (this.crowded === 0) {
      this.options.log.warn('more new things are pushed than there can be: those beyond are not taken, only counted');
    }
    this.crowded += 1;
    return false;
  }

  private isTooSoon(icao: string): boolean {
    const last = this.aircraftAt.get(icao);
    return last !== undefined && this.monotonicMs() - last < this.options.aircraftIntervalMs;
  }

  private remember(accepted: readonly Found[]): void {
    for (const { row, copies } of accepted) {
      if (row.class === classOf('aircraft')) this.aircraftAt.set(row.thing, this.monotonicMs());
      else for (const copy of copies) this.recent.add(thingKey(row), row.mark, copy);
    }
    if (this.aircraftAt.size > MAX_AIRCRAFT) this.aircraftAt.clear();
  }
}

function thingKey({ class: c, thing }: Pick<NewRow, 'class' | 'thing'>): string {
  return `${c} ${thing}`;
}

function observationKey(row: NewRow): string {
  return `${row.mark} ${thingKey(row)}`;
}
