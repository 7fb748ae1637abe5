// Where things have been: a line through the points of each.
import { turns, type View } from './mercator.js';
import { type Palette, TRAIL_ALPHA } from './palette.js';
import type { Track, TrailPoint } from './tracks.js';

const KINDS = ['signal', 'aircraft', 'drone'] as const;

/** @param sinceMs from when on a trail is to be drawn; what is older is there already. */
export function drawTrails(
  context: CanvasRenderingContext2D,
  view: View,
  palette: Palette,
  tracks: readonly Track[],
  sinceMs: (track: Track) => number,
): void {
  context.lineJoin = 'round';
  // Anything wider takes a processor six times as long, and joined into one path even longer.
  context.lineWidth = 1;
  context.globalAlpha = TRAIL_ALPHA;
  for (const kind of KINDS) {
    const its = tracks.filter((track) => track.kind === kind);
    context.strokeStyle = palette.kinds[kind];
    for (const replay of [false, true]) {
      context.setLineDash(dashes(replay));
      for (const track of its) drawTrail(context, view, track.trail, replay, sinceMs(track));
    }
  }
  context.setLineDash([]);
  context.globalAlpha = 1;
}

/** What came late is dashed. */
export function dashes(replay: boolean): number[] {
  return replay ? [3, 4] : [];
}

/** Of one trail the steps that came live, or those that came late; the oldest first. */
export function drawTrail(
  context: CanvasRenderingContext2D,
  view: View,
  trail: readonly TrailPoint[],
  replay: boolean,
  sinceMs: number,
): void {
  const { scale, left, top } = view;
  // Its own turn round the world: a trail that each point was turned for would cross the whole map.
  const turn = turns(trail[0]?.world.x ?? 0, view);
  const first = Math.max(1, trail.findLastIndex(({ atMs }) => atMs <= sinceMs) + 1);
  let penUp = true;
  let drawn = false;
  for (let i = first; i < trail.length; i += 1) {
    const [before, point] = [trail[i - 1], trail[i]];
    if (before === undefined || point === undefined || point.replay !== replay) {
      penUp = true;
      continue;
    }
    if (!drawn) context.beginPath();
    if (penUp) context.moveTo((before.world.x + turn) * scale + left, before.world.y * scale + top);
    context.lineTo((point.world.x + turn) * scale + left, point.world.y * scale + top);
    penUp = false;
    drawn = true;
  }
  if (drawn) context.stroke();
}
