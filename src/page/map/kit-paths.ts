// Where the kits were, each with its trail: read for a time range, and kept up by what they send.
import type { KitHealth } from '../../schema/web/shapes.js';
import { toWorld, type WorldPoint } from './mercator.js';
import type { Place, TrailPoint } from './tracks.js';

/** `atMs` is the newest time at which it was there. */
export interface KitPoint extends TrailPoint {
  readonly place: Place;
}

/** One that stands is heard here and there by its GPS: some metres, as a share of the world. */
const MOVED = 1e-7;
/** Of each kit; the oldest go first. */
export const MAX_KIT_POINTS = 120;

export class KitPaths {
  private readonly byKit = new Map<string, KitPoint[]>();

  /** In any order: what a replay brings goes to its place in time. @param replay it came late. */
  add(kitId: string, { time, lat, lon }: Pick<KitHealth, 'time' | 'lat' | 'lon'>, replay: boolean): void {
    if (lat === null || lon === null) return;
    const path = this.byKit.get(kitId) ?? [];
    this.byKit.set(kitId, path);
    const point = { atMs: Date.parse(time), place: { lat, lon }, world: toWorld(lat, lon), replay };
    const behind = path.findLastIndex(({ atMs }) => atMs <= point.atMs);
    const before = path[behind];
    if (before !== undefined && before.replay === replay && isNear(before.world, point.world)) {
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
