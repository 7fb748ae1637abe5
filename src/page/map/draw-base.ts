// What lies under everything: land, borders, and the graticule with its degrees; drawn only when the view moves.
import type { Coastline, Line } from './coastline.js';
import { haloed } from './labels.js';
import { latitudeOf, toWorld, type View } from './mercator.js';
import type { Palette } from './palette.js';

/** Degrees between two lines of the graticule, of which the finest that leaves them this far apart is taken. */
const STEPS = [30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
const MIN_GAP_PX = 110;
const LABEL_FONT = '11px system-ui, sans-serif';

/** Without `coastline` a map from elsewhere lies below: only the graticule is drawn. */
export function drawBase(
  context: CanvasRenderingContext2D,
  view: View,
  palette: Palette,
  coastline: Coastline | null,
): void {
  context.clearRect(0, 0, view.width, view.height);
  if (coastline !== null) {
    context.fillStyle = palette.sea;
    context.fillRect(0, 0, view.width, view.height);
    drawCoastline(context, view, palette, coastline);
  }
  drawGraticule(context, view, palette);
}

function drawCoastline(context: CanvasRenderingContext2D, view: View, palette: Palette, coastline: Coastline): void {
  // The world goes round: as many copies as the view is wide.
  const first = Math.floor(-view.left / view.scale);
  const last = Math.floor((view.width - view.left) / view.scale);
  for (let turn = first; turn <= last; turn += 1) {
    context.beginPath();
    for (const ring of coastline.land) trace(context, view, ring, turn);
    context.fillStyle = palette.land;
    context.fill('evenodd');
    context.lineWidth = 1;
    context.strokeStyle = palette.border;
    context.stroke();
    context.beginPath();
    for (const line of coastline.borders) trace(context, view, line, turn);
    context.setLineDash([4, 3]);
    context.stroke();
    context.setLineDash([]);
  }
}

function trace(context: CanvasRenderingContext2D, { scale, left, top }: View, line: Line, turn: number): void {
  line.forEach(({ x, y }, i) => {
    const px = (x + turn) * scale + left;
    const py = y * scale + top;
    if (i === 0) context.moveTo(px, py);
    else context.lineTo(px, py);
  });
}

function drawGraticule(context: CanvasRenderingContext2D, view: View, palette: Palette): void {
  const step = stepFor(view);
  context.strokeStyle = palette.grid;
  context.lineWidth = 1;
  context.font = LABEL_FONT;
  context.lineJoin = 'round';
  context.beginPath();
  const labels: [text: string, x: number, y: number][] = [];
  for (const lon of multiples(step, lonAt(0, view), lonAt(view.width, view))) {
    const x = Math.round((lon / 360 + 0.5) * view.scale + view.left) + 0.5;
    context.moveTo(x, 0);
    context.lineTo(x, view.height);
    labels.push([degrees(wrapped(lon), step, 'E', 'W'), x + 4, view.height - 6]);
  }
  const south = latitudeOf((view.height - view.top) / view.scale);
  const north = latitudeOf(-view.top / view.scale);
  for (const lat of multiples(step, south, north)) {
    const y = Math.round(toWorld(lat, 0).y * view.scale + view.top) + 0.5;
    context.moveTo(0, y);
    context.lineTo(view.width, y);
    labels.push([degrees(lat, step, 'N', 'S'), 4, y - 4]);
  }
  context.stroke();
  for (const [text, x, y] of labels) haloed(context, palette, text, x, y);
}

function stepFor({ scale }: View): number {
  const wanted = (MIN_GAP_PX / scale) * 360;
  return STEPS.findLast((step) => step >= wanted) ?? STEPS[0] ?? 30;
}

function lonAt(px: number, { scale, left }: View): number {
  return ((px - left) / scale - 0.5) * 360;
}

function multiples(step: number, from: number, to: number): number[] {
  const first = Math.ceil(from / step);
  const number = Math.max(0, Math.floor(to / step) - first + 1);
  return Array.from({ length: number }, (_, i) => (first + i) * step);
}

function wrapped(lon: number): number {
  return ((((lon + 180) % 360) + 360) % 360) - 180;
}

function degrees(value: number, step: number, above: string, below: string): string {
  const digits = step >= 1 ? 0 : Math.ceil(-Math.log10(step));
  const text = `${Math.abs(value).toFixed(digits)}°`;
  return Math.abs(value) < step / 2 ? text : `${text} ${value > 0 ? above : below}`;
}
