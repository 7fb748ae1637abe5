// Faults put into the code on purpose, one at a time: a model that does not notice them proves nothing.
import { AckWindow } from '../../../src/kit/ack-window.js';
import { Lanes, type NextRow, type Place } from '../../../src/kit/lanes.js';
import type { Packet } from '../../../src/kit/packets.js';
import { PublishSession } from '../../../src/kit/publish-session.js';
import { SentLog } from '../../../src/kit/sent-log.js';
import { Servers } from '../../../src/kit/servers.js';
import { PendingAcks } from '../../../src/server/pending-acks.js';
import type { CommittedStream } from '../../../src/server/store.js';
import { LedgerBook, streamKey } from '../../../src/server/stores/ledger-book.js';
import type { StreamId } from '../../../src/server/stores/transaction.js';
import { HandedOver } from '../../../src/spool/handed-over.js';
import type { NewRow, Spool, SpoolRow } from '../../../src/spool/spool.js';
import { SqliteSpool } from '../../../src/spool/sqlite-spool.js';
import type { Setup } from './world.js';

/** What a method does instead; `original` is bound to the same object. */
type Fault = (self: object, original: (...args: unknown[]) => unknown, ...args: never[]) => unknown;

interface Flaw {
  readonly of: object;
  readonly name: string;
  readonly instead: Fault;
  /** Where it shows soon. */
  readonly setup?: Partial<Setup>;
}

const inner = <T>(self: object, name: string): T => Reflect.get(self, name) as T;
const tamper = (self: object, sql: string): void => inner<{ exec(sql: string): void }>(self, 'db').exec(sql);

export const FLAWS: Readonly<Record<string, Flaw>> = {
  'rows are deleted when the broker confirms them': {
    of: PublishSession.prototype,
    name: 'onPublished',
    instead: (self, original, packet: Packet) => {
      inner<{ spool: Spool }>(self, 'options').spool.deliver(packet.sendings.map(({ row }) => row));
      return original(packet);
    },
  },
  'an epoch goes on over openings of the spool': {
    of: SqliteSpool.prototype,
    name: 'setKitId',
    instead: (self, original, kitId: string) => {
      const streams = (self as SqliteSpool).ledger();
      const epoch = streams.at(-1)?.epoch ?? null;
      Reflect.set(self, 'epoch', epoch);
      const next = streams.filter((one) => one.epoch === epoch).map((one) => [one.class, one.next] as const);
      Reflect.set(self, 'nextSeq', new Map(next));
      return original(kitId);
    },
  },
  'what was last accepted is forgotten when the spool is opened': {
    of: SqliteSpool.prototype,
    name: 'setKitId',
    instead: (self, original, kitId: string) => {
      tamper(self, 'DELETE FROM mark');
      return original(kitId);
    },
  },
  'what is evicted is not on record': {
    of: SqliteSpool.prototype,
    name: 'accept',
    instead: (self, original, rows: NewRow[]) => {
      const accepted = original(rows);
      tamper(self, 'DELETE FROM evicted');
      return accepted;
    },
  },
  'what was handed over is not taken back': {
    of: HandedOver.prototype,
    name: 'clear',
    instead: () => undefined,
  },
  'acknowledgements are believed beyond what was sent': {
    of: SentLog.prototype,
    name: 'credible',
    instead: (_self, _original, covered: unknown) => covered,
  },
  'any database is believed': {
    of: Servers.prototype,
    name: 'isOurs',
    instead: () => true,
    setup: { delivery: 'auto', hasForeign: true, serverFirst: true },
  },
  'the backlog does not keep to the window': {
    of: AckWindow.prototype,
    name: 'isOpen',
    instead: () => true,
  },
  'new messages always go first': {
    of: Lanes.prototype,
    name: 'next',
    instead: (self, original, place: Place) => {
      const row = inner<{ next(): SpoolRow | null }>(self, 'live').next();
      return row === null ? (original(place) as NextRow | null) : { row, replay: false };
    },
  },
  'the ledger leaves out some of the rows of a batch': {
    of: LedgerBook.prototype,
    name: 'receive',
    instead: (_self, original, message: { identity: { seq: number } | null }) =>
      message.identity?.seq === 3 || original(message),
  },
  'acknowledgements cover holes': {
    of: PendingAcks.prototype,
    name: 'update',
    instead: (_self, original, stream: CommittedStream) =>
      original({ ...stream, received: [[1, stream.received.at(-1)?.[1] ?? 1]] }),
  },
  'what comes again is not acknowledged': {
    of: LedgerBook.prototype,
    name: 'committed',
    instead: (self, original, streams: StreamId[]) => {
      const pages = inner<Map<string, { refused: number }>>(self, 'pages');
      const committed = original(streams) as CommittedStream[];
      return committed.filter((stream) => pages.get(streamKey(stream))?.refused === 0);
    },
  },
};

/** Puts it in; returns how to take it out. */
export function putIn({ of, name, instead }: Flaw): () => void {
  const before = Object.getOwnPropertyDescriptor(of, name);
  if (before === undefined) throw new Error(`there is no ${name} to put a fault into`);
  const isGetter = before.get !== undefined;
  const call = function (this: object, ...args: unknown[]): unknown {
    const original = (...given: unknown[]): unknown => Reflect.apply(before.get ?? before.value, this, given);
    return Reflect.apply(instead, undefined, [this, original, ...args]);
  };
  Object.defineProperty(of, name, isGetter ? { ...before, get: call } : { ...before, value: call });
  return () => Object.defineProperty(of, name, before);
}
