// The kits on the map, and where those that move have been.
import { onScreen, type View, type WorldPoint } from './mercator.js';
import type { Palette } from './palette.js';

export interface KitMark {
  /** As that of a track. */
  readonly key: string;
  readonly label: string;
  readonly world: WorldPoint;
  readonly online: boolean;
}

const AWAY = 0.45;

export function drawKitTrails(
  context: CanvasRenderingContext2D,
  view: View,
  palette: Palette,
  trails: readonly (readonly WorldPoint[])[],
): void {
  context.beginPath();
  for (const trail of trails) {
    trail.forEach((world, i) => {
      const { x, y } = onScreen(world, view);
      if (i === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    });
  }
  context.strokeStyle = palette.kit;
  context.lineWidth = 2;
  context.globalAlpha = 0.5;
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
    context.globalAlpha = online ? 1 : AWAY;
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
}
