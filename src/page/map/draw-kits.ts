// The kits on the map, and where those that move have been.
import type { KitPoint } from './kit-paths.js';
import { onScreen, turns, type View, type WorldPoint } from './mercator.js';
import { FAINT_ALPHA, type Palette, TRAIL_ALPHA } from './palette.js';
import type { Place } from './tracks.js';

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
  const { scale, left, top } = view;
  context.beginPath();
  for (const { trail, world } of kits) {
    const [first] = trail;
    if (first === undefined) continue;
    // All of it in one turn round the world, as the trails of tracks.
    const turn = turns(first.world.x, view);
    for (const [i, { x, y }] of [...trail.map((point) => point.world), world].entries()) {
      if (i === 0) context.moveTo((x + turn) * scale + left, y * scale + top);
      else context.lineTo((x + turn) * scale + left, y * scale + top);
    }
  }
  context.strokeStyle = palette.kit;
  context.lineWidth = 2;
  context.globalAlpha = TRAIL_ALPHA;
  context.stroke();
  context.globalAlpha = 1;
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
