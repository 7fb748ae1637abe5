// The kits as a page shows them: the registry, their newest health, the ledger and what they say of themselves, put
// together. Read once for all who ask at about the same time; while the database is down, what was read last is shown.
import { sleep } from '../../base/backoff.js';
import { StoreError, toError } from '../../base/errors.js';
import type { Range } from '../../schema/ranges.js';
import { isoMicros } from '../../schema/time.js';
import type { Kit, KitList } from '../../schema/web/answers.js';
import { type Kit as KitRow, SILENT_US } from '../kits.js';
import type { HealthRow, Reads } from '../reads.js';
import type { LedgerEntry } from '../store.js';
import { type Examined, problemsOf } from './kit-problems.js';
import type { KitSinks } from './live/kit-sinks.js';

const FRESH_MS = 1_000;
/** A database that hangs says so late: whoever looks is shown what was known last. */
const PATIENCE_MS = 3_000;
/** Three words missed: it may be on its way. */
const STALE_US = 90e6;
const POSITION_US = 86_400e6;

type Snapshot = Pick<KitList, 'as_of' | 'database' | 'kits'>;

interface Gathered {
  readonly readMs: number;
  readonly kits: readonly KitRow[];
  readonly health: ReadonlyMap<string, HealthRow>;
  readonly positions: ReadonlyMap<string, HealthRow>;
  readonly ledger: ReadonlyMap<string, NonNullable<Kit['ledger']>>;
}

export class KitBoard {
  private gathered: Gathered | null = null;
  private gathering: Promise<Gathered> | null = null;

  constructor(
    private readonly sinks: Pick<KitSinks, 'get'>,
    private readonly nowMs: () => number = Date.now,
  ) {}

  /**
   * Never throws: it says what is wrong with the database.
   *
   * @param reads or why there are none now.
   */
  async list(reads: Reads | string): Promise<Snapshot> {
    let problem: string | null = null;
    try {
      if (typeof reads === 'string') problem = reads;
      else await this.soon(reads);
    } catch (thrown: unknown) {
      problem = toError(thrown).message;
    }
    const { gathered } = this;
    const kits = gathered === null ? [] : gathered.kits.map((kit) => this.shown(kit, gathered));
    return {
      as_of: gathered === null ? null : new Date(gathered.readMs).toISOString(),
      database: { ok: problem === null, problem },
      kits: kits.sort(byUrgency),
    };
  }

  /** Null when there is no such kit. @throws StoreError */
  async find(reads: Reads, kitId: string): Promise<Kit | null> {
    const gathered = await this.fresh(reads);
    const kit = gathered.kits.find((one) => one.kitId === kitId);
    return kit === undefined ? null : this.shown(kit, gathered);
  }

  /** Something was changed: what was read before is not to be shown to who changed it. */
  expire(): void {
    this.gathering = null;
    if (this.gathered !== null) this.gathered = { ...this.gathered, readMs: 0 };
  }

  /** What comes later is there for the next who asks. */
  private async soon(reads: Reads): Promise<void> {
    const answered = new AbortController();
    const late = sleep(PATIENCE_MS, answered.signal).then(() => {
      throw new StoreError(`no answer within ${PATIENCE_MS / 1_000} s`, { code: 'timeout', retryable: true });
    });
    try {
      const fresh = this.fresh(reads);
      fresh.catch(() => {});
      await Promise.race([fresh, late]);
    } finally {
      late.catch(() => {});
      answered.abort();
    }
  }

  private async fresh(reads: Reads): Promise<Gathered> {
    if (this.gathered !== null && this.nowMs() - this.gathered.readMs < FRESH_MS) return this.gathered;
    const gathering = this.gathering ?? this.gather(reads);
    this.gathering = gathering;
    try {
      const gathered = await gathering;
      if (this.gathering === gathering) this.gathered = gathered;
      return gathered;
    } finally {
      if (this.gathering === gathering) this.gathering = null;
    }
  }

  private async gather(reads: Reads): Promise<Gathered> {
    const readMs = this.nowMs();
    const [kits, health, ledger] = await Promise.all([reads.kits(), reads.latestHealth(), reads.ledger()]);
    const lost = health.filter((row) => !isPresent(row));
    const since = isoMicros(readMs * 1_000 - POSITION_US);
    const positions = lost.length === 0 ? [] : await reads.latestPositions(since);
    const byKit = (rows: readonly HealthRow[]): Map<string, HealthRow> => new Map(rows.map((row) => [row.kit_id, row]));
    return { readMs, kits, health: byKit(health), positions: byKit(positions), ledger: sums(ledger) };
  }

  private shown(kit: KitRow, { health, positions, ledger }: Gathered): Kit {
    const { kitId, name, location, enabled, apiUrl, lastSeenUs, createdUs } = kit;
    const nowMs = this.nowMs();
    const said = this.sinks.get(kitId, nowMs);
    const latest = health.get(kitId);
    const examined: Examined = {
      kit_id: kitId,
      name,
      location,
      enabled,
      api_url: apiUrl,
      source: sourceOf(kit.source),
      state: stateOf(kit, nowMs * 1_000),
      last_contact_at: lastSeenUs === null ? null : isoMicros(lastSeenUs),
      created_at: isoMicros(createdUs),
      // A replay moves nothing that is present.
      position: positionOf(latest !== undefined && isPresent(latest) ? latest : (positions.get(kitId) ?? latest)),
      health: latest === undefined ? null : healthOf(latest),
      sink: said?.sink ?? null,
      ledger: ledger.get(kitId) ?? null,
    };
    return { ...examined, problems: problemsOf(examined, said, nowMs, kit.status) };
  }
}

function sourceOf(source: string | null): Kit['source'] {
  return source === 'mqtt' || source === 'http' || source === 'both' ? source : null;
}

function stateOf({ status, lastSeenUs }: KitRow, nowUs: number): Kit['state'] {
  const silentUs = lastSeenUs === null ? Number.POSITIVE_INFINITY : nowUs - lastSeenUs;
  if (status !== 'online' || silentUs > SILENT_US) return 'offline';
  return silentUs > STALE_US ? 'stale' : 'online';
}

/** It says where the kit is now. */
function isPresent({ lat, lon, late }: HealthRow): boolean {
  return lat !== null && lon !== null && !late;
}

function positionOf(row: HealthRow | undefined): Kit['position'] {
  if (row === undefined || row.lat === null || row.lon === null) return null;
  return { lat: row.lat, lon: row.lon, alt: row.alt, at: row.time };
}

function healthOf({ kit_id: _, late: __, ...health }: HealthRow): NonNullable<Kit['health']> {
  return health;
}

function sums(entries: readonly LedgerEntry[]): Map<string, NonNullable<Kit['ledger']>> {
  const none = { received: 0, waiting: 0, missing: 0, evicted: 0, quarantined: 0, refused: 0, merged: 0, rejected: 0 };
  const found = new Map<string, NonNullable<Kit['ledger']>>();
  for (const entry of entries) {
    const sum = found.get(entry.kitId) ?? { ...none };
    for (const name of ['received', 'waiting', 'missing', 'evicted', 'quarantined'] as const)
      sum[name] += size(entry[name]);
    for (const name of ['refused', 'merged', 'rejected'] as const) sum[name] += entry[name];
    found.set(entry.kitId, sum);
  }
  return found;
}

function size(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

function byUrgency(a: Kit, b: Kit): number {
  const rank = ({ problems }: Kit): number => (problems.length === 0 ? 2 : problems[0]?.severity === 'error' ? 0 : 1);
  const nameOf = ({ name, kit_id }: Kit): string => name ?? kit_id;
  return rank(a) - rank(b) || nameOf(a).localeCompare(nameOf(b));
}
