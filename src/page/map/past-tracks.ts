// What was in the air at a moment of the past, and where the kits were, as the database has it by now: replays included.
import type { KitHealthSeries } from '../../schema/web/answers.js';
import type { KitHealth } from '../../schema/web/shapes.js';
import { type Api, isAborted, toMessage } from '../api.js';
import { fewAtOnce } from '../few-at-once.js';
import { KitPaths, MAX_KIT_POINTS } from './kit-paths.js';
import { addTrack, signalSighting } from './sightings.js';
import { readSnapshot } from './snapshot.js';
import { MAX_TRAIL, Tracks } from './tracks.js';

/** Somebody drags: only where they stop is asked for. */
const SETTLED_MS = 120;
/** A kit that was silent, or did not know where it was, stands where it was last, as on the map of now (server/web/kit-board.ts). */
const LAST_PLACE_MS = 86_400_000;

type KitPoints = KitHealthSeries['points'];

interface TimeRange {
  readonly from: number;
  readonly to: number;
}

export class PastTracks {
  tracks = new Tracks();
  kitPaths = new KitPaths();
  /** Of each kit the newest until then. */
  kitHealth: ReadonlyMap<string, KitHealth> = new Map();
  /** What is shown is of another moment still. */
  isReading = true;
  problem: string | null = null;
  /** What one answer did not have room for. */
  cut = '';
  private asking: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly api: Api,
    private readonly changed: () => void,
  ) {}

  /** What was heard in the `windowMs` before `atMs`, and where these kits were. */
  goTo(atMs: number, windowMs: number, kitIds: readonly string[]): void {
    this.stop();
    this.isReading = true;
    this.timer = setTimeout(() => void this.read({ from: atMs - windowMs, to: atMs }, kitIds), SETTLED_MS);
  }

  leave(): void {
    this.stop();
    this.tracks = new Tracks();
    this.kitPaths = new KitPaths();
  }

  private stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.asking?.abort();
  }

  private async read(range: TimeRange, kitIds: readonly string[]): Promise<void> {
    const asking = new AbortController();
    this.asking = asking;
    try {
      const [{ tracks, signals, cut }, healths] = await Promise.all([
        readSnapshot(this.api, range, MAX_TRAIL, asking.signal),
        fewAtOnce(kitIds, (kitId) => this.readKit(kitId, range, asking.signal)),
      ]);
      const then = new Tracks();
      // Of the past, the newest that is known by now.
      for (const track of tracks) addTrack(then, { ...track, late: false });
      for (const signal of signals) then.add(signalSighting(signal, false));
      this.tracks = then;
      this.setKits(kitIds, healths);
      this.cut = cut;
      this.problem = null;
    } catch (thrown: unknown) {
      if (isAborted(thrown)) return;
      this.problem = toMessage(thrown);
    }
    this.isReading = false;
    this.changed();
  }

  private async readKit(kitId: string, range: TimeRange, signal: AbortSignal): Promise<KitPoints> {
    const { points } = await this.api.kitHealth(kitId, { ...range, limit: MAX_KIT_POINTS }, signal);
    if (points.some(({ lat, lon }) => lat !== null && lon !== null)) return points;
    const before = { from: range.to - LAST_PLACE_MS, to: range.to, placed: true, limit: 1 };
    const last = await this.api.kitHealth(kitId, before, signal);
    return [...last.points, ...points];
  }

  private setKits(kitIds: readonly string[], healths: readonly KitPoints[]): void {
    const newest = new Map<string, KitHealth>();
    this.kitPaths = new KitPaths();
    kitIds.forEach((kitId, i) => {
      for (const health of healths[i] ?? []) {
        this.kitPaths.add(kitId, health, health.late);
        newest.set(kitId, health);
      }
    });
    this.kitHealth = newest;
  }
}
