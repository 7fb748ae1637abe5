// What one kit has not been told yet: the streams that something was committed of, and which of its messages that answers.
import { type Ack, MAX_ACK_ENTRIES, MAX_ACK_RANGES } from '../schema/ack.js';
import { type Range, Ranges } from '../schema/ranges.js';
import type { CommittedStream, Identity } from './store.js';

type AckEntry = Ack['acks'][number];

/** A kit has one stream per kind and opening with rows left; beyond this the oldest is forgotten, and asked for again. */
const MAX_STREAMS = 256;

interface Pending {
  readonly stream: CommittedStream;
  /** Messages that came, also again, and that no acknowledgement has covered since. */
  readonly answered: Ranges;
}

/** An entry while the places of an acknowledgement are given out. */
interface Draft extends Pending {
  readonly key: string;
  readonly upto: number;
  /** Indexes into `stream.received`, the most wanted first: those of answered messages, then from the floor upwards. */
  readonly answers: readonly number[];
  readonly others: readonly number[];
  readonly taken: number[];
}

export class PendingAcks {
  /** How many messages wait for their answer; a repeated one may count twice. */
  unanswered = 0;
  private readonly streams = new Map<string, Pending>();

  get isEmpty(): boolean {
    return this.streams.size === 0;
  }

  /** A stream as it is after a commit. */
  update(stream: CommittedStream): void {
    const key = keyOf(stream);
    const answered = this.streams.get(key)?.answered ?? new Ranges();
    this.streams.set(key, { stream, answered });
    const [oldest] = this.streams.keys();
    if (this.streams.size > MAX_STREAMS && oldest !== undefined) this.streams.delete(oldest);
  }

  /** A message of a stream that was updated is in the database. */
  answer(kind: CommittedStream['kind'], { epoch, seq }: Identity): void {
    const pending = this.streams.get(keyOf({ kind, epoch }));
    if (pending === undefined) return;
    pending.answered.add(seq);
    this.unanswered += 1;
  }

  /** One acknowledgement's worth. What does not fit stays, and comes first next time. */
  take(): AckEntry[] {
    const drafts = this.choose();
    const left = MAX_ACK_RANGES - giveOut(drafts, MAX_ACK_RANGES, ({ answers }) => answers);
    giveOut(drafts, left, ({ others }) => others);
    for (const draft of drafts) this.settle(draft);
    this.unanswered = [...this.streams.values()].reduce((sum, { answered }) => sum + answered.size, 0);
    return drafts.filter(({ upto, taken }) => upto > 0 || taken.length > 0).map(toEntry);
  }

  /** Those with answers before those that the kit only spoke of, and of each the one that has waited longest. */
  private choose(): Draft[] {
    const answering: Draft[] = [];
    const spokenOf: Draft[] = [];
    for (const [key, pending] of this.streams) {
      if (answering.length === MAX_ACK_ENTRIES) break;
      const draft = toDraft(key, pending);
      if (pending.answered.last !== undefined) answering.push(draft);
      else if (draft.stream.floor <= (draft.stream.received.at(-1)?.[1] ?? 0)) spokenOf.push(draft);
      // The kit has nothing left of what is received: there is nothing to say.
      else this.streams.delete(key);
    }
    return [...answering, ...spokenOf].slice(0, MAX_ACK_ENTRIES);
  }

  private settle({ key, stream, answered, answers, taken }: Draft): void {
    const told = new Set(taken);
    const untold = answers.filter((index) => !told.has(index)).map((index) => stream.received[index]);
    const rest = untold.flatMap((range) => (range === undefined ? [] : answered.within(...range)));
    this.streams.delete(key);
    if (rest.length > 0) this.streams.set(key, { stream, answered: new Ranges(rest) });
  }
}

function toDraft(key: string, pending: Pending): Draft {
  const { received, floor } = pending.stream;
  const [first] = received;
  // A row that is not there is never skipped.
  const upto = first?.[0] === 1 ? first[1] : 0;
  const above = upto === 0 ? 0 : 1;
  const answers: number[] = [];
  for (const [seq] of pending.answered.toJSON()) {
    const index = indexOf(received, seq);
    // Answered messages that lie apart may have been joined since.
    if (index >= above && answers.at(-1) !== index) answers.push(index);
  }
  const answering = new Set(answers);
  const others: number[] = [];
  for (let i = Math.max(above, indexOf(received, floor)); i < received.length; i += 1) {
    if (others.length === MAX_ACK_RANGES) break;
    if (!answering.has(i)) others.push(i);
  }
  return { ...pending, key, upto, answers, others, taken: [] };
}

/** Of the first range that ends at `seq` or above. */
function indexOf(received: readonly Range[], seq: number): number {
  let low = 0;
  let high = received.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((received[middle]?.[1] ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** One range to each entry in turn, while there are places; returns how many were given. */
function giveOut(drafts: readonly Draft[], places: number, wanted: (draft: Draft) => readonly number[]): number {
  let given = 0;
  for (let round = 0; ; round += 1) {
    const before = given;
    for (const draft of drafts) {
      const index = wanted(draft)[round];
      if (index === undefined || given === places) continue;
      draft.taken.push(index);
      given += 1;
    }
    if (given === before) return given;
  }
}

function toEntry({ stream, upto, taken }: Draft): AckEntry {
  const { epoch, kind, received } = stream;
  const ranges = taken.sort((a, b) => a - b).map((index) => received[index]);
  const above = ranges.flatMap((range): [number, number][] => (range === undefined ? [] : [[...range]]));
  return { epoch, kind, upto, ...(above.length === 0 ? {} : { ranges: above }) };
}

function keyOf({ kind, epoch }: Pick<CommittedStream, 'kind' | 'epoch'>): string {
  return `${kind} ${epoch}`;
}
