// What the signs on the map mean, painted by what paints them there.
import { el } from '../dom.js';
import { drawKit } from './draw-kits.js';
import { FULL_TURN, type Markers } from './markers.js';
import type { Palette } from './palette.js';

interface Sign {
  readonly words: string;
  readonly paint: (context: CanvasRenderingContext2D, markers: Markers, palette: Palette) => void;
}

const [WIDTH, HEIGHT] = [28, 24];
const [X, Y] = [WIDTH / 2, HEIGHT / 2];

const SIGNS: readonly Sign[] = [
  {
    words: 'drone, flying to where it points; a dot when nobody knows where',
    paint: (context, markers) => markers.draw(context, { kind: 'drone', heading: 45 }, X, Y),
  },
  { words: 'its pilot', paint: (context, markers) => markers.draw(context, { letter: 'P' }, X, Y) },
  { words: 'its home, where it took off', paint: (context, markers) => markers.draw(context, { letter: 'H' }, X, Y) },
  {
    words: 'aircraft',
    paint: (context, markers) => markers.draw(context, { kind: 'aircraft', heading: 45 }, X, Y),
  },
  {
    words: 'radio signal, as of FPV video, at the kit that heard it; it may be anywhere in its circle',
    paint: (context, markers) => markers.draw(context, { kind: 'signal', heading: null }, X, Y),
  },
  { words: 'kit; faint when it is away', paint: (context, _, palette) => drawKit(context, palette, X, Y, true) },
  { words: 'trail', paint: (context, _, palette) => paintTrail(context, palette, []) },
  {
    words: 'trail that a replay filled in later',
    paint: (context, _, palette) => paintTrail(context, palette, [3, 4]),
  },
  {
    words: 'what is selected',
    paint: (context, _, { selected }) => {
      context.beginPath();
      context.arc(X, Y, 10, 0, FULL_TURN);
      context.lineWidth = 3;
      context.strokeStyle = selected;
      context.stroke();
    },
  },
];

export class Legend {
  private readonly canvases = SIGNS.map(() => el('canvas', { 'aria-hidden': 'true' }));
  readonly element = el(
    'details',
    { class: 'legend' },
    el('summary', {}, 'Legend'),
    el('ul', {}, ...SIGNS.map(({ words }, i) => el('li', {}, this.canvases[i] ?? null, el('span', {}, words)))),
    el('p', { class: 'summary' }, 'Faint: not heard for a minute, or told of by a replay alone.'),
  );

  constructor(markers: Markers, palette: Palette) {
    this.paint(markers, palette);
  }

  /** Anew when the colours are others. */
  paint(markers: Markers, palette: Palette): void {
    SIGNS.forEach(({ paint }, i) => {
      const canvas = this.canvases[i];
      const context = canvas?.getContext('2d') ?? null;
      if (canvas === undefined || context === null) return;
      canvas.width = WIDTH * devicePixelRatio;
      canvas.height = HEIGHT * devicePixelRatio;
      canvas.style.width = `${WIDTH}px`;
      canvas.style.height = `${HEIGHT}px`;
      context.scale(devicePixelRatio, devicePixelRatio);
      paint(context, markers, palette);
    });
  }
}

function paintTrail(context: CanvasRenderingContext2D, { kinds }: Palette, dashes: number[]): void {
  context.beginPath();
  context.moveTo(2, Y + 5);
  context.quadraticCurveTo(X, Y - 10, WIDTH - 2, Y + 2);
  context.setLineDash(dashes);
  context.strokeStyle = kinds.drone;
  context.stroke();
}
