// Looks at a running world every second: memory, disk, the kit's own counts, and what has left the spool since the last
// look.
import { readFileSync } from 'node:fs';
import { accountOf } from './account.js';
import { askStatus } from './commands.js';
import type { DatabaseView } from './database-view.js';
import { DELIVERY } from './kit-config.js';
import type { Observation } from './observations.js';
import type { OutsideLedger } from './outside-ledger.js';
import type { Program } from './program.js';
import { readSpool, type SpoolContents, type SpooledRow, spoolSize } from './spool-view.js';

const EVERY_MS = 1_000;
const MIB = 1024 * 1024;
/** C.2 I6. */
const MAX_RSS = { kit: 120 * MIB, server: 250 * MIB, broker: 100 * MIB } as const;
const MAX_WAL = 16 * MIB;
const SPOOL_OVER_CAP = MIB;

export interface Watched {
  readonly spoolFile: string;
  readonly statusPort: number;
  /** What the spool may take at most. */
  capBytes(): number;
  readonly database: DatabaseView;
  readonly ledger: OutsideLedger;
  programs(): Program[];
  /** Null while it is down. */
  brokerPid(): number | null;
}

export class Watch {
  readonly violations = new Set<string>();
  /** Every row ever seen in the spool: its number, and its observation. */
  readonly seen = new Map<string, string>();
  /** Rows that left the spool and were not in the database then: to be found among the evicted. */
  readonly unexplained = new Map<string, string>();
  /** In bytes, once a second. */
  readonly kitRss: { readonly atMs: number; readonly bytes: number }[] = [];
  private before: SpoolContents = new Map();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();
  private blind = false;

  constructor(private readonly world: Watched) {}

  start(): void {
    // One look at a time: with a large spool it may take longer than the pause.
    const next = (): void => {
      this.timer = setTimeout(() => void this.look().then(next), EVERY_MS);
    };
    next();
  }

  async stop(): Promise<void> {
    await this.looking;
    clearTimeout(this.timer);
    await this.looking;
    clearTimeout(this.timer);
  }

  /** While the spool's file is away, or is being damaged. */
  close(): void {
    this.blind = true;
  }

  /** What was in the spool before is no longer expected to be. */
  open(): void {
    this.before = new Map();
    this.blind = false;
  }

  /** What the last look saw. */
  get inSpool(): SpoolContents {
    return this.before;
  }

  /** One look; they follow one another. */
  look(): Promise<void> {
    this.looking = this.looking.then(async () => {
      this.lookAtMemory();
      await this.askForCounts();
      if (this.blind) return;
      this.lookAtDisk();
      await this.lookIntoSpool();
    });
    return this.looking;
  }

  private lookAtMemory(): void {
    const { world } = this;
    for (const { name, pid } of world.programs()) {
      const role = name.startsWith('server') ? 'server' : 'kit';
      const bytes = this.memoryOf(name, pid, MAX_RSS[role]);
      if (name === 'kit' && bytes !== null) this.kitRss.push({ atMs: performance.now(), bytes });
    }
    const broker = world.brokerPid();
    if (broker !== null) this.memoryOf('mosquitto', broker, MAX_RSS.broker);
  }

  private memoryOf(name: string, pid: number, most: number): number | null {
    const bytes = residentBytes(pid);
    if (bytes !== null && bytes > most) this.violate(`I6: ${name} took ${mib(bytes)} MiB of memory`);
    return bytes;
  }

  private async askForCounts(): Promise<void> {
    const status = await askStatus(this.world.statusPort);
    if (status === null) return;
    for (const problem of accountOf(status)) this.violate(problem);
  }

  private lookAtDisk(): void {
    const { spoolFile } = this.world;
    const { folderBytes, walBytes } = spoolSize(spoolFile);
    if (folderBytes > this.world.capBytes() + SPOOL_OVER_CAP)
      this.violate(`I6: the spool took ${mib(folderBytes)} MiB of the disk`);
    if (walBytes > MAX_WAL) this.violate(`I6: the WAL grew to ${mib(walBytes)} MiB`);
  }

  /** C.2 I5: the database is read after the spool, so that what has left the one must be in the other. */
  private async lookIntoSpool(): Promise<void> {
    const { spoolFile, ledger } = this.world;
    let now: SpoolContents;
    try {
      now = readSpool(spoolFile, this.before);
    } catch {
      return; // not made yet, or in the middle of a kill: the next look sees it
    }
    const fresh = [...now].filter(([rowId]) => !this.before.has(rowId)).map(([, row]) => row);
    for (const { number, id } of fresh) this.seen.set(number, id);
    ledger.seen(fresh.map(({ id }) => id));
    const gone = [...this.before].filter(([rowId]) => !now.has(rowId)).map(([, row]) => row);
    this.before = now;
    if (gone.length > 0 && DELIVERY === 'database') await this.explain(gone);
  }

  private async explain(gone: readonly SpooledRow[]): Promise<void> {
    const { ledger, database } = this.world;
    const wanted = gone.map(({ id }) => ledger.entries.get(id)?.observation);
    const known = wanted.filter((observation): observation is Observation => observation !== undefined);
    let stored: Set<string>;
    try {
      stored = new Set((await database.has(known)).map(({ id }) => id));
    } catch {
      return; // PostgreSQL is away: I1 tells in the end
    }
    for (const { number, id } of gone) if (!stored.has(id)) this.unexplained.set(number, id);
  }

  /** The first of a kind says it; that it went on growing says no more. */
  private violate(what: string): void {
    const kind = what.replace(/\d+/g, '');
    if (![...this.violations].some((other) => other.replace(/\d+/g, '') === kind)) this.violations.add(what);
  }
}

/** VmRSS; null when the process is gone. */
function residentBytes(pid: number): number | null {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? null : Number(kib) * 1024;
  } catch {
    return null;
  }
}

function mib(bytes: number): number {
  return Math.round(bytes / MIB);
}
