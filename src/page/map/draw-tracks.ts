// What is in the air, in one pass over one canvas: first the lines to pilots and homes, then the markers.
import { drawKits, type KitMark } from './draw-kits.js';
import { Labels } from './labels.js';
import { FULL_TURN, type Markers } from './markers.js';
import { isNear, metresToPixels, onScreen, type View, type WorldPoint } from './mercator.js';
import { FAINT_ALPHA, type Palette } from './palette.js';
import type { Track } from './tracks.js';

export interface Scene {
  readonly markers: Markers;
  readonly tracks: readonly Track[];
  readonly kits: readonly KitMark[];
  readonly selected: string | null;
  /** What was heard before is faint: it may be gone. */
  readonly faintBeforeMs: number;
}

/** More names than that cover what they name. */
const MAX_LABELS = 40;

export function drawTracks(context: CanvasRenderingContext2D, view: View, palette: Palette, scene: Scene): void {
  context.clearRect(0, 0, view.width, view.height);
  context.lineJoin = 'round';
  const visible = scene.tracks.filter(({ world }) => world !== null && isNear(world, view));
  drawCrew(context, view, palette, scene.markers, visible);
  for (const track of visible) drawMarker(context, view, palette, track, scene);
  // Above the signals, which stand where the kit stands that heard them.
  drawKits(context, view, palette, scene.kits);
  drawLabels(context, view, palette, scene, visible);
  drawSelected(context, view, palette, scene);
}

/** From each drone to its pilot and its home, which a letter tells apart. */
function drawCrew(
  context: CanvasRenderingContext2D,
  view: View,
  palette: Palette,
  markers: Markers,
  tracks: readonly Track[],
): void {
  const ends: { x: number; y: number; letter: 'P' | 'H' }[] = [];
  context.beginPath();
  for (const { world, pilot, home } of tracks) {
    if (world === null) continue;
    const from = onScreen(world, view);
    for (const [place, letter] of [
      [home, 'H'],
      [pilot, 'P'],
    ] as const) {
      if (place === null) continue;
      const to = onScreen(place, view);
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
      ends.push({ ...to, letter });
    }
  }
  context.strokeStyle = palette.kinds.drone;
  context.lineWidth = 1;
  context.globalAlpha = 0.6;
  context.stroke();
  context.globalAlpha = 1;
  for (const { x, y, letter } of ends) markers.draw(context, { letter }, x, y);
}

function drawMarker(
  context: CanvasRenderingContext2D,
  view: View,
  palette: Palette,
  { kind, present, world }: Track,
  { markers, faintBeforeMs }: Scene,
): void {
  if (present === null || world === null) return;
  const { x, y } = onScreen(world, view);
  context.globalAlpha = present.replay || present.atMs < faintBeforeMs ? FAINT_ALPHA : 1;
  markers.draw(context, { kind, heading: present.heading }, x, y);
  // Nobody knows the place better.
  if (present.radiusM !== null && present.place !== null) {
    context.beginPath();
    context.arc(x, y, Math.max(13, metresToPixels(present.radiusM, present.place.lat, view)), 0, FULL_TURN);
    context.strokeStyle = palette.kinds[kind];
    context.lineWidth = 1;
    context.stroke();
  }
  context.globalAlpha = 1;
}

function drawLabels(
  context: CanvasRenderingContext2D,
  view: View,
  palette: Palette,
  { kits, selected }: Scene,
  visible: readonly Track[],
): void {
  const labels = new Labels(context, palette, view.width);
  const name = (label: string, world: WorldPoint, always = false): void => {
    const { x, y } = onScreen(world, view);
    labels.draw(label, x, y, always);
  };
  for (const { world } of [...kits, ...visible]) {
    if (world === null || visible.length > MAX_LABELS) continue;
    const { x, y } = onScreen(world, view);
    labels.keepFree(x, y);
  }
  for (const { key, present, world } of visible) {
    if (key === selected && present !== null && world !== null) name(present.label, world, true);
  }
  for (const { label, world } of kits) name(label, world, true);
  if (visible.length > MAX_LABELS) return;
  for (const { key, present, world } of visible) {
    if (key !== selected && present !== null && world !== null) name(present.label, world);
  }
}

function drawSelected(context: CanvasRenderingContext2D, view: View, palette: Palette, scene: Scene): void {
  const all = [...scene.tracks, ...scene.kits];
  const world = all.find(({ key }) => key === scene.selected)?.world ?? null;
  if (world === null) return;
  const { x, y } = onScreen(world, view);
  context.beginPath();
  context.arc(x, y, 14, 0, FULL_TURN);
  context.lineWidth = 3;
  context.strokeStyle = palette.selected;
  context.stroke();
}
