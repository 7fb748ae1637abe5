// F4: what a dying SD card leaves of a spool: torn, truncated, zeroed, foreign, gone. The kit starts all the same.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { Fault } from '../fault.js';
import type { Random } from '../random.js';
import { readSpool } from '../spool-view.js';
import type { World } from '../world.js';

const PAGE_BYTES = 4_096;
const WAL_HEADER_BYTES = 32;

type Damage = (spool: string, random: Random) => void;

const DAMAGES: Record<string, Damage> = {
  'WAL truncated': (spool, random) => {
    const { size } = statSync(`${spool}-wal`);
    truncateSync(`${spool}-wal`, random.whole(0, size));
  },
  'WAL torn': (spool, random) => {
    const { size } = statSync(`${spool}-wal`);
    overwrite(
      `${spool}-wal`,
      random.whole(WAL_HEADER_BYTES, Math.max(WAL_HEADER_BYTES, size - 512)),
      noise(random, 512),
    );
  },
  'WAL gone': (spool) => rmSync(`${spool}-wal`),
  'a page zeroed': (spool, random) => {
    overwrite(spool, pageOf(spool, random) * PAGE_BYTES, Buffer.alloc(PAGE_BYTES));
  },
  'a page torn': (spool, random) => {
    overwrite(spool, pageOf(spool, random) * PAGE_BYTES + 512, noise(random, 1_024));
  },
  'first page zeroed': (spool) => overwrite(spool, 0, Buffer.alloc(PAGE_BYTES)),
  'file cut in half': (spool) => truncateSync(spool, statSync(spool).size >>> 1),
  'file of 0 bytes': (spool) => truncateSync(spool, 0),
  'file gone': (spool) => rmSync(spool),
  'a text file': (spool) => {
    removeAll(spool);
    writeFileSync(spool, 'not a database\n'.repeat(1_000));
  },
  "somebody else's database": (spool) => {
    removeAll(spool);
    const db = new Database(spool);
    db.exec('CREATE TABLE somebody (else_s TEXT)');
    db.close();
  },
  'a folder in its place': (spool) => {
    removeAll(spool);
    mkdirSync(spool);
  },
};

export const damagedSpool: Fault = {
  id: 'F4',
  what: 'torn, truncated, zeroed, foreign or missing spool file',
  needs: [],
  // Small, so that the file itself holds something beside the WAL.
  setup: () => ({ spool: ['max_mb = 8'] }),
  async run(world, random) {
    const names = random.shuffled(Object.keys(DAMAGES));
    for (const name of names.slice(0, world.rounds(2, names.length))) {
      await fillAndStop(world, random);
      world.watch.close();
      world.notes.push(`${name}: ${world.ledger.forgive(readSpool(world.spoolFile).values())} rows were in it`);
      world.injections += 1;
      await damage(world, random, name);
      world.watch.open();
      world.links.kit.heal();
      await world.until('the kit accepts again', () => accepts(world), 20_000);
    }
  },
};

/** Something waits in the file, and something in the WAL. */
async function fillAndStop(world: World, random: Random): Promise<void> {
  world.links.kit.set({ name: 'cut' });
  await world.bulk(300);
  await (random.chance(0.5) ? world.stopKit() : world.killKit());
  await world.startKit();
  await sleep(random.durationMs(1_500, 3_000));
  await world.killKit();
}

async function damage(world: World, random: Random, name: string): Promise<void> {
  const { spoolFile } = world;
  const before = keptAside(spoolFile);
  DAMAGES[name]?.(spoolFile, random);
  const kit = await world.startKit();
  const aside = keptAside(spoolFile) > before;
  const saysSo = /kept aside/.test(kit.log());
  if (aside !== saysSo)
    world.violations.push(`${name}: ${aside ? 'kept aside without a word' : 'said to be kept aside'}`);
}

async function accepts(world: World): Promise<boolean> {
  const before = (await world.status())?.counts.accepted ?? 0;
  await sleep(1_500);
  return ((await world.status())?.counts.accepted ?? 0) > before;
}

function keptAside(spool: string): number {
  const stamps = readdirSync(dirname(spool)).map((name) => /\.damaged-\d+/.exec(name)?.[0]);
  return new Set(stamps.filter((stamp) => stamp !== undefined)).size;
}

function removeAll(spool: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(spool + end, { force: true });
}

/** Not the first, which has its own case. */
function pageOf(file: string, random: Random): number {
  return random.whole(1, Math.max(1, Math.floor(statSync(file).size / PAGE_BYTES) - 1));
}

function overwrite(file: string, at: number, bytes: Buffer): void {
  if (!existsSync(file)) return;
  const length = Math.min(bytes.length, Math.max(0, readFileSync(file).length - at));
  const fd = openSync(file, 'r+');
  writeSync(fd, bytes, 0, length, at);
  closeSync(fd);
}

function noise(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.whole(0, 255)));
}
