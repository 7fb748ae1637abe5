// Where the kits were, each with its trail: read for a time range, and kept up by what they send.
import type { KitHealth } from '../../schema/web/shapes.js';
import { toWorld, type WorldPoint } from './mercator.js';
import type { Place } from './tracks.js';

export interface KitPoint {
  /** The newest time at which it was there, in milliseconds since 1970. */
  readonly atMs: number;
  readonly place: Place;
  readonly world: WorldPoint;
}

/** One that stands is heard here and there by its GPS: some metres, as a share of the world. */
const MOVED = 1e-7;
/** Of each kit; the oldest go first. */
export const MAX_KIT_POINTS = 120;

export class KitPaths {
  private readonly byKit = new Map<string, KitPoint[]>();

  /** In any order: what a replay brings goes to its place in time. */
  add(kitId: string, { time, lat, lon }: Pick<KitHealth, 'time' | 'lat' | 'lon'>): void {
    if (lat === null || lon === null) return;
    const path = this.byKit.get(kitId) ?? [];
    this.byKit.set(kitId, path);
    const point = { atMs: Date.parse(time), place: { lat, lon }, world: toWorld(lat, lon) };
    const behind = path.findLastIndex(({ atMs }) => atMs <= point.atMs);
    const before = path[behind];
    if (before !== undefined && isNear(before.world, point.world)) {
      // It still stood there.
      if (behind === path.length - 1) path[behind] = { ...before, atMs: point.atMs };
      return;
    }
    path.splice(behind + 1, 0, point);
    if (path.length > MAX_KIT_POINTS) path.shift();
  }

  /** The oldest first. */
  of(kitId: string): readonly KitPoint[] {
    return this.byKit.get(kitId) ?? [];
  }

  /** Where it was last is kept, however long ago that is. */
  forgetBefore(ms: number): void {
    for (const path of this.byKit.values()) {
      const kept = path.findIndex(({ atMs }) => atMs >= ms);
      path.splice(0, kept === -1 ? path.length - 1 : kept);
    }
  }
}

function isNear(one: WorldPoint, other: WorldPoint): boolean {
  return Math.hypot(one.x - other.x, one.y - other.y) < MOVED;
}
