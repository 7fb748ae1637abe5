// The end of every schedule: nothing fails any more, everybody is there, and everything that waits must arrive in a time
// that is not for ever. Then the books are compared.
import { classOf } from '../../../src/kit/classes.js';
import { type Range, Ranges } from '../../../src/schema/ranges.js';
import type { LedgerEntry } from '../../../src/server/store.js';
import type { KitDatabase } from './database.js';
import type { KitProcess } from './kit-process.js';
import type { Kit, World } from './world.js';

/** While nothing gets less. The longest wait of the protocol, for a resend or for a probe, is ten minutes. */
const PAUSES_MS = [0, 2_100, 31_000, 65_000, 130_000, 305_000, 610_000, 610_000];
/** In which an idle kit is told. */
const ACKNOWLEDGED_MS = 5_100;
const STANDS_MS = 61_000;
const STATUS_MS = 31_000;

export async function heal(world: World): Promise<void> {
  const { broker, servers } = world;
  broker.denied.clear();
  broker.refusal = null;
  for (const server of servers) {
    if (server.credit === 0) server.credit = 5;
    if (server.creditOffered === 0) server.crash();
    server.start();
    server.connect();
    server.setStore('ok');
  }
  // Of clones the later one first: in the end only one of them is there, and the ledger is about it.
  for (const kit of [...world.kits].reverse()) await drain(world, kit);
  checkAccount(world);
  const [kit] = world.kits;
  if (kit !== undefined && world.setup.delivery !== 'broker') await checkLedger(world, kit);
}

async function drain(world: World, kit: Kit): Promise<void> {
  // One of several that were alive at once was superseded: it begins anew, and says everything again.
  if (world.kits.length > 1) kit.process?.crash();
  let process = await link(world, kit);
  let least = Number.POSITIVE_INFINITY;
  for (let stuck = 0; stuck < PAUSES_MS.length; stuck += 1) {
    for (const pauseMs of [PAUSES_MS[stuck] ?? 0, ACKNOWLEDGED_MS]) {
      await world.time.advance(pauseMs);
      await world.flow();
    }
    const left = rowsOf(process);
    if (left === 0) break;
    if (left < least) stuck = -1;
    least = Math.min(left, least);
    process = await free(world, kit);
  }
  await world.flow();
  const { waiting, handedOver, quarantined } = process.spool.counts();
  const left = `${waiting} waiting, ${handedOver} handed over, ${quarantined} in quarantine`;
  world.outside.expect(rowsOf(process) === 0, () => `the spool does not drain: ${left}`);
  // The last status tells what changed last.
  await world.time.advance(STATUS_MS);
  await world.flow();
}

/** What was too large for the connection's limit is tried again without it. */
async function free(world: World, kit: Kit): Promise<KitProcess> {
  const process = await link(world, kit);
  const aside = process.spool.quarantined(0, 1_000).map(({ id }) => id);
  if (aside.length === 0) return process;
  world.broker.kit?.close();
  await link(world, kit);
  process.retry(aside);
  return process;
}

/** A crash may still have been armed. */
async function link(world: World, kit: Kit): Promise<KitProcess> {
  const process = world.running(kit);
  process.disarm();
  await process.connect({ maximumPacketBytes: 65_536 });
  await world.flow();
  return process;
}

function rowsOf({ spool }: KitProcess): number {
  const { waiting, handedOver, quarantined } = spool.counts();
  return waiting + handedOver + quarantined;
}

/** Of everything that was ever accepted it is known what became of it. */
function checkAccount({ outside, databases, kits }: World): void {
  for (const identity of outside.accepted.keys()) {
    const isSafe =
      databases.some((database) => database.has(identity)) ||
      kits.some(({ place }) => place.book.present.has(identity)) ||
      [outside.evicted, outside.delivered, outside.lost].some((set) => set.has(identity));
    outside.expect(isSafe, () => `${identity} is lost`);
  }
}

/** Both halves of the ledger agree, and say what the model knows. */
async function checkLedger(world: World, kit: Kit): Promise<void> {
  const { outside, databases } = world;
  const { spool } = world.running(kit);
  const database = databases.find((one) => one.storeId === spool.storeId());
  if (database === undefined) {
    outside.expect(outside.accepted.size === 0, () => 'the kit was drained, and is bound to no database');
    return;
  }
  await world.time.advance(STANDS_MS);
  await world.flow();
  const entries = await database.file.stores[0].ledger(world.kitId);
  for (const entry of entries) checkEntry(world, database, entry);
  for (const { epoch, class: c, next } of spool.ledger()) {
    const entry = entries.find((one) => one.epoch === epoch && classOf(one.kind) === c);
    // Of a spool that was put back the server may know more.
    outside.expect(
      (entry?.next ?? 0) >= next,
      () => `the kit has ${next - 1} of ${epoch} ${c}, the server knows of ${entry?.next}`,
    );
  }
  const counts = spool.counts();
  const sum = (
    pick: (one: { accepted: number; delivered: number; evicted: number; evictedHandedOver: number }) => number,
  ) => [...counts.classes.values()].reduce((total, one) => total + pick(one), 0);
  const settled = sum((one) => one.delivered + one.evicted + one.evictedHandedOver);
  outside.expect(
    sum((one) => one.accepted) === settled,
    () => `of ${sum((one) => one.accepted)} accepted, ${settled} went`,
  );
}

const ACCOUNTS = ['received', 'evicted', 'quarantined', 'waiting', 'missing'] as const;

function checkEntry(world: World, database: KitDatabase, entry: LedgerEntry): void {
  const { outside } = world;
  const { epoch, kind, next } = entry;
  const has = (name: (typeof ACCOUNTS)[number]): Ranges => new Ranges(entry[name] as readonly Range[]);
  const sets = ACCOUNTS.map((name) => [name, has(name)] as const);
  for (let seq = 1; seq < next; seq += 1) {
    const identity = `${kind} ${epoch} ${seq}`;
    const found = sets.filter(([, set]) => set.has(seq)).map(([name]) => name);
    const is = found.join(' and ') || 'nothing';
    outside.expect(isRight(world, database, identity, is), () => `the ledger says ${is} of ${identity}`);
  }
}

/** What a ledger may say of a message when the kit is drained. */
function isRight({ outside, databases }: World, database: KitDatabase, identity: string, is: string): boolean {
  if (database.has(identity) !== (is === 'received')) return false;
  const isElsewhere = databases.some((one) => one !== database && one.owed.has(identity));
  const mayBeMissing = outside.lost.has(identity) || outside.unrecorded.has(identity) || isElsewhere;
  switch (is) {
    case 'received':
      return outside.accepted.has(identity);
    case 'evicted':
      return outside.evicted.has(identity);
    // What a kit once set aside the server remembers, also when it can't know what came after.
    case 'quarantined':
      return outside.aside.has(identity) && mayBeMissing;
    case 'missing':
      return mayBeMissing;
    default:
      return false;
  }
}
