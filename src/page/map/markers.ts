// The shapes of what flies and sends, told apart without their colours: a wedge, wings, a square; and letters in a disc.
// Each is drawn once and copied from then on: a path takes the processor ten times as long as a picture of it.
import { el } from '../dom.js';
import type { Palette } from './palette.js';
import type { TrackKind } from './tracks.js';

export const FULL_TURN = Math.PI * 2;
/** Of every picture, with its edge. */
const SIZE_PX = 24;
const MIDDLE = SIZE_PX / 2;
/** A picture for each of so many headings: nobody sees 2.5 degrees. */
const HEADINGS = 72;

type Shape = readonly (readonly [x: number, y: number])[];

/** Flying north. */
const WEDGE: Shape = [
  [0, -9],
  [6.5, 7],
  [0, 3.5],
  [-6.5, 7],
];
const WINGS: Shape = [
  [0, -9],
  [1.8, -3],
  [9, 2],
  [9, 4],
  [1.8, 2.5],
  [1.4, 6],
  [3.5, 8],
  [-3.5, 8],
  [-1.4, 6],
  [-1.8, 2.5],
  [-9, 4],
  [-9, 2],
  [-1.8, -3],
];
const SQUARE: Shape = [
  [-4, -4],
  [4, -4],
  [4, 4],
  [-4, 4],
];

/** What a picture shows: a thing with its heading, or a letter. */
type Subject = { readonly kind: TrackKind; readonly heading: number | null } | { readonly letter: 'P' | 'H' };

export class Markers {
  private readonly pictures = new Map<string, HTMLCanvasElement>();
  private readonly ratio = devicePixelRatio;

  constructor(private readonly palette: Palette) {}

  /** On whole pixels: between them a copy is a computation. */
  draw(context: CanvasRenderingContext2D, subject: Subject, x: number, y: number): void {
    const picture = this.pictureOf(subject);
    context.drawImage(picture, Math.round(x) - MIDDLE, Math.round(y) - MIDDLE, SIZE_PX, SIZE_PX);
  }

  private pictureOf(subject: Subject): HTMLCanvasElement {
    const turn = 'letter' in subject || subject.heading === null ? null : turnOf(subject.heading);
    const name = 'letter' in subject ? subject.letter : `${subject.kind} ${turn}`;
    const picture = this.pictures.get(name) ?? this.paint(subject, turn);
    this.pictures.set(name, picture);
    return picture;
  }

  private paint(subject: Subject, turn: number | null): HTMLCanvasElement {
    const picture = el('canvas', { width: SIZE_PX * this.ratio, height: SIZE_PX * this.ratio });
    const context = picture.getContext('2d');
    if (context === null) return picture;
    context.scale(this.ratio, this.ratio);
    context.translate(MIDDLE, MIDDLE);
    if ('letter' in subject) paintLetter(context, subject.letter, this.palette);
    else paintShape(context, subject.kind, turn, this.palette);
    return picture;
  }
}

function turnOf(heading: number): number {
  return ((Math.round((heading / 360) * HEADINGS) % HEADINGS) + HEADINGS) % HEADINGS;
}

function paintShape(context: CanvasRenderingContext2D, kind: TrackKind, turn: number | null, palette: Palette): void {
  context.lineJoin = 'round';
  context.beginPath();
  // Nobody knows where it is heading.
  if (kind === 'drone' && turn === null) context.arc(0, 0, 5.5, 0, FULL_TURN);
  else {
    if (kind !== 'signal') context.rotate(((turn ?? 0) / HEADINGS) * FULL_TURN);
    for (const point of { drone: WEDGE, aircraft: WINGS, signal: SQUARE }[kind]) context.lineTo(...point);
    context.closePath();
  }
  context.lineWidth = 3;
  context.strokeStyle = palette.halo;
  context.stroke();
  context.fillStyle = palette.kinds[kind];
  context.fill();
}

function paintLetter(context: CanvasRenderingContext2D, letter: string, palette: Palette): void {
  context.beginPath();
  context.arc(0, 0, 6, 0, FULL_TURN);
  context.fillStyle = palette.halo;
  context.fill();
  context.strokeStyle = palette.kinds.drone;
  context.stroke();
  context.font = 'bold 9px system-ui, sans-serif';
  context.textAlign = 'center';
  context.fillStyle = palette.kinds.drone;
  context.fillText(letter, 0, 3.2);
}
