// What is in the air now: a snapshot, and from then on what the server commits.
import { type Api, toMessage } from '../api.js';
import type { Live } from '../live.js';
import { toWorld, type WorldPoint } from './mercator.js';
import { addTrack, sightingOf, signalSighting } from './sightings.js';
import { readSnapshot } from './snapshot.js';
import { Tracks } from './tracks.js';

const PATH_POINTS = 60;
/** Of a kit that moves; one that stands is heard here and there by its GPS. */
const MOVED = 1e-7;
const MAX_KIT_TRAIL = 200;

export class LiveTracks {
  readonly tracks = new Tracks();
  readonly kitTrails = new Map<string, WorldPoint[]>();
  /** Why there is no snapshot; null when there is one. */
  problem: string | null = null;
  /** What the snapshot did not have room for. */
  cut = '';

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
          else if (item.kind === 'system') this.moveKit(item.kit_id, item.health.lat, item.health.lon);
        }
        this.changed();
      },
    });
  }

  /** Adds what was heard since `fromMs`: what the stream brought meanwhile is newer, and stays. */
  async read(fromMs: number): Promise<void> {
    try {
      const { tracks, signals, cut } = await readSnapshot(this.api, { from: fromMs }, PATH_POINTS);
      for (const track of tracks) addTrack(this.tracks, track);
      for (const signal of signals) this.tracks.add(signalSighting(signal, signal.late));
      this.cut = cut;
      this.problem = null;
    } catch (thrown: unknown) {
      this.problem = toMessage(thrown);
    }
    this.changed();
  }

  /** Where a kit was since `fromMs`. */
  async readKitTrail(kitId: string, fromMs: number): Promise<void> {
    try {
      const { points } = await this.api.kitHealth(kitId, { from: fromMs, limit: MAX_KIT_TRAIL });
      this.kitTrails.delete(kitId);
      for (const { lat, lon } of points) this.moveKit(kitId, lat, lon);
    } catch (thrown: unknown) {
      this.problem = toMessage(thrown);
    }
    this.changed();
  }

  private moveKit(kitId: string, lat: number | null, lon: number | null): void {
    if (lat === null || lon === null) return;
    const trail = this.kitTrails.get(kitId) ?? [];
    this.kitTrails.set(kitId, trail);
    const point = toWorld(lat, lon);
    const last = trail.at(-1);
    if (last !== undefined && Math.hypot(point.x - last.x, point.y - last.y) < MOVED) return;
    trail.push(point);
    if (trail.length > MAX_KIT_TRAIL) trail.shift();
  }
}
