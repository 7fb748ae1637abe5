// The trails, on a canvas of their own: what is new is added to what is painted there, for painting all of them with each
// message that comes would take longer than a frame may.
import { CanvasLayer } from './canvas-layer.js';
import { drawKitTrails, type KitMark } from './draw-kits.js';
import { drawTrails } from './draw-trails.js';
import { isNear, type View } from './mercator.js';
import type { Palette } from './palette.js';
import type { Track } from './tracks.js';

export interface Trails {
  readonly palette: Palette;
  readonly tracks: readonly Track[];
  readonly kits: readonly KitMark[];
}

/** After so long what has become too old goes, and what a replay brought between older points is painted. */
const ANEW_MS = 5_000;

export class TrailLayer {
  private readonly layer: CanvasLayer;
  /** By its key, until when the trail of each track is painted, in milliseconds since 1970. */
  private readonly paintedMs = new Map<string, number>();
  private isStale = true;
  private paintedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parent: HTMLElement, viewOf: () => View, trailsOf: () => Trails) {
    this.layer = new CanvasLayer(parent, viewOf, (context, view) => this.draw(context, view, trailsOf()));
  }

  /** Something moved. */
  extend(): void {
    this.layer.redraw();
  }

  /** The view is another one, or what is shown in it. */
  repaint(): void {
    this.isStale = true;
    this.layer.redraw();
  }

  private draw(context: CanvasRenderingContext2D, view: View, { palette, tracks, kits }: Trails): void {
    if (this.isStale || performance.now() - this.paintedAtMs > ANEW_MS) {
      context.clearRect(0, 0, view.width, view.height);
      this.paintedMs.clear();
      this.isStale = false;
      this.paintedAtMs = performance.now();
      drawKitTrails(context, view, palette, kits);
    }
    const seen = tracks.filter((track) => this.paintedMs.has(track.key) || isInView(track, view));
    const since = ({ key }: Track): number => this.paintedMs.get(key) ?? Number.NEGATIVE_INFINITY;
    drawTrails(context, view, palette, seen, since);
    for (const { key, trail } of seen) this.paintedMs.set(key, trail.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY);
  }
}

function isInView({ world, trail }: Track, view: View): boolean {
  return (world !== null && isNear(world, view)) || trail.some((point) => isNear(point.world, view));
}
