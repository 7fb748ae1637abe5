// Everything one schedule plays with: kits on their disks, a broker, servers on their databases, and the truth beside them.
import type { JsonObject } from '../../../src/base/json.js';
import type { Delivery } from '../../../src/kit/delivery.js';
import type { Heard } from '../../../src/kit/intake.js';
import type { Wire } from '../../../src/kit/wires.js';
import type { Kind } from '../../../src/schema/kinds.js';
import type { EvictPolicy } from '../../../src/spool/eviction.js';
import { Broker } from './broker.js';
import { type DatabaseFile, KitDatabase } from './database.js';
import { Disk, SMALL_BYTES } from './disk.js';
import { type Copy, DiskBook } from './disk-book.js';
import { KitProcess } from './kit-process.js';
import { OutsideLedger } from './outside-ledger.js';
import { ServerProcess } from './server-process.js';
import { T0_MS, type VirtualTime } from './virtual-time.js';

export interface Setup {
  readonly delivery: Delivery;
  readonly wire: Wire;
  /** The twin is of an earlier version, which does not read frames. */
  readonly readsFrames: boolean;
  readonly qos: 0 | 1;
  readonly evict: EvictPolicy;
  /** The spool holds some thirty rows. */
  readonly isSmall: boolean;
  /** Rows grow too old within some minutes. */
  readonly ages: boolean;
  /** What the first hello offers. */
  readonly credit: number;
  readonly receiveMaximum: number;
  readonly maximumPacketBytes: number;
  readonly drainRateKbps: number;
  /** A server is there before the kit. */
  readonly serverFirst: boolean;
  /** A second server on the same database, and one on another. */
  readonly hasTwin: boolean;
  readonly hasForeign: boolean;
}

/** What all schedules share. */
export interface Ground {
  readonly time: VirtualTime;
  readonly home: DatabaseFile;
  readonly foreign: DatabaseFile;
  readonly folder: string;
  readonly emptySpool: Buffer;
}

export interface KitPlace extends Pick<Setup, 'delivery' | 'wire' | 'drainRateKbps' | 'receiveMaximum'> {
  readonly disk: Disk;
  readonly book: DiskBook;
  readonly outside: OutsideLedger;
}

/** A disk, and the process that works on it when there is one. */
export interface Kit {
  readonly place: KitPlace;
  process: KitProcess | null;
  /** Of its clock, which may not have been set yet. */
  clockOffsetMs: number;
}

/** With a credit of 1, one message a round. */
const MAX_ROUNDS = 5_000;
const MAX_AGE_MS = 300_000;

export class World {
  readonly time: VirtualTime;
  readonly broker = new Broker();
  readonly outside = new OutsideLedger();
  readonly databases: readonly KitDatabase[];
  readonly servers: readonly ServerProcess[];
  readonly kits: Kit[] = [];
  /** What DragonSync shows, by kind and thing. */
  readonly shown = new Map<string, Heard>();
  spoolCopy: Copy | null = null;
  private contents = 0;

  constructor(
    readonly ground: Ground,
    readonly kitId: string,
    readonly setup: Setup,
  ) {
    const { time, home, foreign } = ground;
    this.time = time;
    const ours = new KitDatabase(home, kitId, this.outside);
    const theirs = new KitDatabase(foreign, kitId, this.outside);
    this.databases = setup.hasForeign ? [ours, theirs] : [ours];
    const server = (id: string, database: KitDatabase, which: 0 | 1): ServerProcess =>
      new ServerProcess(id, database, database.file.stores[which], this.broker, time);
    const twin = setup.hasTwin ? [server('twin', ours, 1)] : [];
    this.servers = [server('home', ours, 0), ...twin, ...(setup.hasForeign ? [server('foreign', theirs, 0)] : [])];
    for (const one of this.servers) one.credit = setup.credit;
    for (const one of twin) one.readsFrames = setup.readsFrames;
    this.addKit(ground.emptySpool);
    if (setup.serverFirst) for (const one of this.servers) one.start();
  }

  addKit(content: Buffer): Kit {
    const { folder, time } = this.ground;
    const { wire, drainRateKbps, receiveMaximum, isSmall, evict, ages } = this.setup;
    const delivery = wire === 'stream' ? 'database' : this.setup.delivery; // as src/cli/kit.ts has it
    const limits = { evict, ...(isSmall ? { maxBytes: SMALL_BYTES } : {}), ...(ages ? { maxAgeMs: MAX_AGE_MS } : {}) };
    const clocks = { now: () => time.wallMs + kit.clockOffsetMs, monotonicMs: () => time.nowMs };
    const disk = new Disk(content, folder, limits, clocks);
    const book = new DiskBook(disk, this.outside, this.databases, delivery, (identities, isAcknowledged) =>
      kit.process?.gone(identities, isAcknowledged),
    );
    const place = { disk, book, outside: this.outside, delivery, wire, drainRateKbps, receiveMaximum };
    const kit: Kit = { place, process: null, clockOffsetMs: 0 };
    this.kits.push(kit);
    return kit;
  }

  /** The kit's process; started when there is none. */
  running(kit: Kit): KitProcess {
    if (kit.process?.isAlive === true) return kit.process;
    kit.process = new KitProcess(this.kitId, kit.place, { ...this.setup, ...kit.place }, this.broker, this.time);
    return kit.process;
  }

  /** The network and everybody on it work for a while, until nothing is left to do. */
  async flow(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const { kit } = this.broker;
      if (kit !== null && kit.written.length + kit.outbound.length > 0) {
        this.broker.read(kit, kit.written.length);
        for (let left = kit.outbound.length; left > 0; left -= 1) kit.read(0);
        await this.time.settle();
        continue;
      }
      const busy = this.servers.filter((server) => server.isServing && server.queued > 0);
      if (busy.length === 0) return;
      for (const server of busy) await server.take(server.queued, 0, null);
      await this.time.settle();
    }
    this.outside.fail('messages go round for ever');
  }

  /** Content that no other message has. */
  nextContent(): number {
    this.contents += 1;
    return this.contents;
  }

  /** What an older copy does not have, and no disk any more, may be lost: unless a database has it all the same. */
  mayBeLost(identities: readonly string[]): void {
    for (const identity of identities) {
      if (!this.kits.some(({ place }) => place.book.present.has(identity))) this.outside.lost.add(identity);
    }
  }

  close(): void {
    for (const { process } of this.kits) process?.crash();
    for (const server of this.servers) server.crash();
    for (const database of this.databases) database.clear();
    for (const { place } of this.kits) place.disk.close();
  }
}

/** An entry of DragonSync's API, as new as `us` (microseconds since the schedules' first second). */
export function entryOf(kind: Kind, which: number, us: number, n: number, text = ''): Heard {
  const seconds = T0_MS / 1_000 + us / 1e6;
  return { kind, entry: { ...ENTRIES[kind](which, seconds), n, ...(text === '' ? {} : { text }) } };
}

const ENTRIES: Record<Kind, (which: number, seconds: number) => JsonObject> = {
  drone: (which, seconds) => ({ id: `drone-${which}`, last_update_time: seconds, observed_at: seconds }),
  aircraft: (which, seconds) => ({ hex: `A${which}`, track_type: 'aircraft', last_update_time: seconds }),
  // On one frequency, so that two at one time are in each other's place.
  signal: (which, seconds) => ({ uid: `fpv-${which}`, center_hz: 5_800e6, observed_at: seconds }),
  system: (_which, seconds) => ({ last_update_time: seconds }),
};
