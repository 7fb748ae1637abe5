// What is in the air now: a snapshot, and from then on what the server commits.
import { type Api, toMessage } from '../api.js';
import { fewAtOnce } from '../few-at-once.js';
import type { Live } from '../live.js';
import { KitPaths, MAX_KIT_POINTS } from './kit-paths.js';
import { addTrack, sightingOf, signalSighting } from './sightings.js';
import { readSnapshot } from './snapshot.js';
import { MAX_TRAIL, Tracks } from './tracks.js';

export class LiveTracks {
  readonly tracks = new Tracks();
  readonly kitPaths = new KitPaths();
  /** Nothing is known yet. */
  isReading = true;
  /** What the snapshot did not have room for. */
  cut = '';
  private tracksProblem: string | null = null;
  private kitsProblem: string | null = null;
  /** Kits whose paths were read. */
  private readonly kitsRead = new Set<string>();

  constructor(
    private readonly api: Api,
    live: Live,
    /** Something is new. */
    private readonly changed: () => void,
  ) {
    live.listen({
      news: ({ messages }) => {
        for (const item of messages) {
          const sighting = sightingOf(item);
          if (sighting !== null) this.tracks.add(sighting);
          else if (item.kind === 'system') this.kitPaths.add(item.kit_id, item.health, item.late);
        }
        this.changed();
      },
    });
  }

  /** Why not all of it could be read; null when it could. */
  get problem(): string | null {
    return this.tracksProblem ?? this.kitsProblem;
  }

  /** Adds what was heard since `fromMs`: what the stream brought meanwhile is newer, and stays. */
  async read(fromMs: number): Promise<void> {
    this.kitsRead.clear();
    try {
      const { tracks, signals, cut } = await readSnapshot(this.api, { from: fromMs }, MAX_TRAIL);
      for (const track of tracks) addTrack(this.tracks, track);
      for (const signal of signals) this.tracks.add(signalSighting(signal, signal.late));
      this.cut = cut;
      this.tracksProblem = null;
      this.isReading = false;
    } catch (thrown: unknown) {
      this.tracksProblem = toMessage(thrown);
    }
    this.changed();
  }

  /**
   * Adds where these kits were since `fromMs`, of each once until `read` is called again.
   *
   * @returns whether there was one to read.
   */
  async readKits(kitIds: readonly string[], fromMs: number): Promise<boolean> {
    const unread = kitIds.filter((kitId) => !this.kitsRead.has(kitId));
    if (unread.length === 0) return false;
    for (const kitId of unread) this.kitsRead.add(kitId);
    try {
      await fewAtOnce(unread, (kitId) => this.readKit(kitId, fromMs));
      this.kitsProblem = null;
    } catch (thrown: unknown) {
      for (const kitId of unread) this.kitsRead.delete(kitId);
      this.kitsProblem = toMessage(thrown);
    }
    this.changed();
    return true;
  }

  private async readKit(kitId: string, from: number): Promise<void> {
    const { points } = await this.api.kitHealth(kitId, { from, limit: MAX_KIT_POINTS });
    for (const health of points) this.kitPaths.add(kitId, health, health.late);
  }

  /** Forgets what was heard last before `ms`, and where things and kits were before. */
  forgetBefore(ms: number): void {
    this.tracks.forgetBefore(ms);
    this.kitPaths.forgetBefore(ms);
  }
}
