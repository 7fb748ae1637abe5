// The kits on the map, and where those that move have been.

import { dashes, drawTrail } from './draw-trails.js';
import type { KitPoint } from './kit-paths.js';
import { onScreen, type View, type WorldPoint } from './mercator.js';
import { FAINT_ALPHA, type Palette, TRAIL_ALPHA } from './palette.js';
import type { Place, TrailPoint } from './tracks.js';

export interface KitMark {
  /** As that of a track. */
  readonly key: string;
  readonly label: string;
  readonly place: Place;
  readonly world: WorldPoint;
  /** Else it is faint: it may stand elsewhere by now. */
  readonly online: boolean;
  /** The oldest first. */
  readonly trail: readonly KitPoint[];
}

export function drawKitTrails(
  context: CanvasRenderingContext2D,
  view: View,
  palette: Palette,
  kits: readonly KitMark[],
): void {
  context.strokeStyle = palette.kit;
  context.lineWidth = 2;
  context.globalAlpha = TRAIL_ALPHA;
  for (const replay of [false, true]) {
    context.setLineDash(dashes(replay));
    for (const mark of kits) drawTrail(context, view, toMark(mark), replay, Number.NEGATIVE_INFINITY);
  }
  context.setLineDash([]);
  context.globalAlpha = 1;
}

/** A replay's end is no way to where the kit is now. */
function toMark({ trail, world }: KitMark): readonly TrailPoint[] {
  const last = trail.at(-1);
  return last === undefined || last.replay ? trail : [...trail, { ...last, world }];
}

export function drawKits(
  context: CanvasRenderingContext2D,
  view: View,
  palette: Palette,
  kits: readonly KitMark[],
): void {
  for (const { world, online } of kits) {
    const { x, y } = onScreen(world, view);
    drawKit(context, palette, x, y, online);
  }
}

export function drawKit(
  context: CanvasRenderingContext2D,
  palette: Palette,
  x: number,
  y: number,
  online: boolean,
): void {
  context.globalAlpha = online ? 1 : FAINT_ALPHA;
  context.beginPath();
  context.moveTo(x, y - 8);
  context.lineTo(x + 7, y + 6);
  context.lineTo(x - 7, y + 6);
  context.closePath();
  context.fillStyle = palette.halo;
  context.strokeStyle = palette.kit;
  context.lineWidth = 2.5;
  context.fill();
  context.stroke();
  context.globalAlpha = 1;
}
