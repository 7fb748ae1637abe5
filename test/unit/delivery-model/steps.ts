// The steps of a schedule. Each takes two numbers and means something by them, whatever the world looks like then.
import type { Heard } from '../../../src/kit/intake.js';
import { KINDS, type Kind } from '../../../src/schema/kinds.js';
import { ackTopic, DEFAULT_TOPICS, historyTopic, streamTopic } from '../../../src/schema/topics.js';
import type { KitProcess } from './kit-process.js';
import type { Death, ServerProcess } from './server-process.js';
import { entryOf, type Kit, type World } from './world.js';

type Step = (world: World, a: number, b: number) => Promise<void> | void;

const CLOCK_NOT_SET_MS = -1_790_000_000_000;
/** More than some brokers take. */
const LARGE = 5_000;
const FAR = 1_000_000;
const REFUSALS = ['quota', 'too-large', 'refused'];
const DEATHS: readonly Death[] = ['commit', 'PUBACK', 'acknowledgement'];
const PAUSES_MS = [1_000, 2_100, 5_100, 31_000, 65_000, 610_000];

function pick<T>(list: readonly T[], which: number): T {
  return list[which % list.length] as T;
}

const kitOf = (world: World, which: number): Kit => pick(world.kits, which);
const processOf = (world: World, which: number): KitProcess => world.running(kitOf(world, which));
const serverOf = (world: World, which: number): ServerProcess => pick(world.servers, which);

/** Something new of a thing; two things may be of one time. */
function observe(world: World, kind: Kind, thing: number, text = ''): Heard {
  const n = world.nextContent();
  const us = kind === 'system' ? n * 1e6 : Math.floor(n / 2) * 250_000;
  return entryOf(kind, thing, us, n, text);
}

const offerAll = (world: World, which: number): void => processOf(world, which).offer([...world.shown.values()]);

const KIT_STEPS: Record<string, Step> = {
  observe: (world, a, b) => {
    for (let i = 0; i <= a % 3; i += 1) {
      const kind = pick(KINDS, b + i);
      const fresh = [0, 1]
        .slice(0, 1 + (a % 2))
        .map((thing) => [`${kind} ${thing}`, observe(world, kind, thing)] as const);
      for (const [about, heard] of fresh) world.shown.set(about, heard);
      processOf(world, b).offer(fresh.map(([, heard]) => heard));
    }
  },
  'observe much': (world, a, b) => {
    const count = 5 + (a % 30);
    processOf(world, b).offer(
      Array.from({ length: count }, (_, i) => observe(world, pick(KINDS, b + (i & 1)), 10 + i)),
    );
  },
  /** What is shown is shown once more; its content may have changed since, its time not. */
  'show again': (world, a, b) => {
    for (const [about, { kind, entry }] of world.shown) {
      if (a % 2 === 1 && kind !== 'aircraft')
        world.shown.set(about, { kind, entry: { ...entry, n: world.nextContent() } });
    }
    offerAll(world, b);
  },
  /** It has moved, and is still the same observation. */
  revise: (world, _a, b) => {
    for (const [about, { kind, entry }] of world.shown) {
      const n = world.nextContent();
      const moved = Number(entry['last_update_time'] ?? 0) + 0.000_001;
      if (kind === 'drone') world.shown.set(about, { kind, entry: { ...entry, n, last_update_time: moved } });
      if (kind === 'aircraft') world.shown.set(about, { kind, entry: { ...entry, n } });
    }
    offerAll(world, b);
  },
  'observe something large': (world, a, b) => {
    processOf(world, b).offer([observe(world, pick(KINDS, a), 5, 'x'.repeat(LARGE))]);
  },
  connect: async (world, a, b) => {
    await processOf(world, b).connect();
    if (a % 3 > 0) await world.flow();
    if (a % 3 > 1) await world.time.advance(2_100);
  },
  'the link flaps': async (world, a, b) => {
    for (let i = 0; i <= a % 5; i += 1) {
      await processOf(world, b).connect();
      await world.flow();
      world.broker.kit?.close();
      await world.time.settle();
    }
  },
  disconnect: (world, a) => {
    const link = world.broker.kit;
    if (link === null) return;
    world.broker.read(link, a % 12);
    link.close();
  },
  'crash kit': (world, _a, b) => kitOf(world, b).process?.crash(),
  'crash kit at a write': (world, a, b) => processOf(world, b).crashAt({ writes: a % 4, after: a % 8 > 3 }),
  'stop kit': (world, _a, b) => kitOf(world, b).process?.stop(() => world.flow()),
  'lose the clock': (world, a, b) => {
    kitOf(world, b).clockOffsetMs = a % 2 === 0 ? CLOCK_NOT_SET_MS : 0;
  },
  maintain: (world, _a, b) => {
    processOf(world, b).spool.maintain();
  },
  retry: (world, a, b) => {
    const process = processOf(world, b);
    const ids = process.spool.quarantined(0, 100).map(({ id }) => id);
    process.retry(ids.slice(0, 1 + (a % 3)));
  },
  drop: (world, a, b) => {
    const { spool } = processOf(world, b);
    spool.drop(spool.quarantined(0, 1 + (a % 2)).map(({ id }) => id));
  },
};

const NETWORK_STEPS: Record<string, Step> = {
  flow: (world) => world.flow(),
  'time passes': (world, a) => world.time.advance(pick(PAUSES_MS, a)),
  'broker reads': async (world, a) => {
    if (world.broker.kit === null) return;
    world.broker.read(world.broker.kit, 1 + (a % 12));
    await world.time.settle();
  },
  'kit reads': async (world, a, b) => {
    for (let i = 0; i <= a % 12; i += 1) world.broker.kit?.read(b + i);
    await world.time.settle();
  },
  'to the kit is lost': (world, a) => {
    const outbound = world.broker.kit?.outbound ?? [];
    const at = outbound.findIndex(({ topic }) => topic === ackTopic(world.kitId));
    if (at >= 0) outbound.splice(at, 1 + (a % 2));
  },
  'to the kit comes again': (world, a) => {
    const said = world.broker.said.filter(({ topic }) => topic === ackTopic(world.kitId));
    const again = said[a % Math.max(1, said.length)];
    if (again !== undefined) world.broker.kit?.outbound.push({ ...again, retain: false });
  },
  'an old connection is read': (world, a) => {
    for (const link of world.broker.oldLinks) world.broker.read(link, 1 + (a % 5));
  },
  'to a server comes again': (world, a, b) => {
    const queue = world.broker.sessions.get(serverOf(world, b).id)?.queue ?? [];
    const again = queue[a % Math.max(1, queue.length)];
    if (again !== undefined) queue.push(again);
  },
  'a queue overflows': (world, a, b) => {
    const queue = world.broker.sessions.get(serverOf(world, b).id)?.queue ?? [];
    const at = a % Math.max(1, queue.length);
    if (queue[at]?.topic.endsWith('/status') === false) queue.splice(at, 1);
  },
  'broker restarts': (world, a) => restartBroker(world, a % 2 === 0),
  'broker refuses one': (world, a) => {
    world.broker.refusal = pick(REFUSALS, a);
  },
  'broker denies a topic': (world, a, b) => {
    const histories = KINDS.map((kind) => historyTopic(DEFAULT_TOPICS, kind, world.kitId));
    const topic = pick([...histories, streamTopic(world.kitId)], a);
    if (b % 2 === 0) world.broker.denied.add(topic);
    else world.broker.denied.clear();
  },
};

function restartBroker(world: World, forgets: boolean): void {
  world.broker.restart(forgets);
  for (const server of world.servers) {
    server.cutOff();
    server.connect();
  }
}

const SERVER_STEPS: Record<string, Step> = {
  'server takes': (world, a, b) => serverOf(world, b).take(1 + (a % 10), a >> 3, null),
  'server dies over a batch': (world, a, b) => serverOf(world, b).take(1 + (a % 10), a >> 3, pick(DEATHS, a)),
  'server starts': async (world, a, b) => {
    const server = serverOf(world, b);
    server.start();
    server.connect();
    if (a % 2 === 0) await world.flow();
  },
  'server crashes': (world, _a, b) => serverOf(world, b).crash(),
  'server stops': (world, _a, b) => serverOf(world, b).stop(),
  'server loses its link': (world, _a, b) => serverOf(world, b).disconnect(),
  'database goes away': (world, _a, b) => serverOf(world, b).setStore('down'),
  'database is back': (world, _a, b) => serverOf(world, b).setStore('ok'),
  /** Counts from the next start on. */
  'credit changes': (world, a, b) => {
    serverOf(world, b).credit = pick([0, 1, 3, 8, 1_500], a);
  },
  /** All of what is so, and more of what cannot be: the epoch's rows that nobody has sent. */
  'too much is acknowledged': (world, _a, b) => {
    const { process } = kitOf(world, b);
    const server = serverOf(world, b);
    const epoch = process?.spool.currentEpoch() ?? null;
    if (epoch === null || process?.isLinked !== true) return;
    const acks = KINDS.map((kind) => {
      const sent = [...world.outside.accepted.values()].filter((row) => row.epoch === epoch && row.kind === kind);
      const highest = Math.max(0, ...sent.filter((row) => row.sent).map(({ seq }) => seq));
      return { epoch, kind, upto: 0, ranges: [[highest + 1, FAR]] };
    });
    const ack = { v: 1, store_id: server.database.storeId, acks, time: '' };
    const payload = Buffer.from(JSON.stringify(ack));
    // Heard at once: what is sent in the meantime would be covered too.
    world.broker.kit?.hear({ topic: ackTopic(world.kitId), payload, qos: 1, retain: false });
  },
};

const DISK_STEPS: Record<string, Step> = {
  'copy the spool': (world, _a, b) => {
    world.spoolCopy = kitOf(world, b).place.book.copy();
  },
  'put the spool back': (world, a, b) => {
    const kit = kitOf(world, b);
    const { spoolCopy } = world;
    if (spoolCopy === null) return;
    kit.process?.crash();
    kit.place.disk.putBack(spoolCopy.content);
    if (a % 2 === 0) kit.place.disk.lastTakenMs = null;
    world.mayBeLost(kit.place.book.restored(spoolCopy));
  },
  'clone the kit': (world) => {
    if (world.spoolCopy === null || world.kits.length > 1) return;
    world.addKit(world.spoolCopy.content).place.book.restored(world.spoolCopy);
  },
  'copy the database': (world, _a, b) => serverOf(world, b).database.copy(),
  'put the database back': (world, _a, b) => {
    const { database } = serverOf(world, b);
    if (!database.hasCopy) return;
    for (const server of world.servers) if (server.database === database) server.crash();
    world.mayBeLost(database.putBack());
    for (const server of world.servers) if (server.database === database) server.start();
  },
};

export const STEPS: Readonly<Record<string, Step>> = { ...KIT_STEPS, ...NETWORK_STEPS, ...SERVER_STEPS, ...DISK_STEPS };

/** How often each comes; the rest once. */
export const WEIGHTS: Readonly<Record<string, number>> = {
  observe: 10,
  'observe much': 3,
  connect: 7,
  flow: 5,
  'time passes': 6,
  'broker reads': 5,
  'kit reads': 5,
  'server takes': 6,
  'server dies over a batch': 2,
  'server starts': 5,
  'crash kit at a write': 3,
  'copy the spool': 2,
  'put the spool back': 2,
};
