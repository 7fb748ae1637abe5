// Names on the map: each where it covers no other, and left out where there is no room.
import { printable } from '../../base/printable.js';
import type { Palette } from './palette.js';

const FONT = '12px system-ui, sans-serif';
const HEIGHT_PX = 15;
/** From the middle of a marker to its edge. */
const MARKER_PX = 8;
/** Longer ones come from the air, too. */
const MAX_CHARACTERS = 24;

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Of one frame; whoever is named first has the first choice. */
export class Labels {
  private readonly taken: Box[] = [];

  constructor(
    private readonly context: CanvasRenderingContext2D,
    private readonly palette: Palette,
    /** Of the map, in pixels: half a name is none. */
    private readonly width: number,
  ) {
    context.font = FONT;
    context.lineJoin = 'round';
  }

  /** What stands at (x, y) is not covered either. */
  keepFree(x: number, y: number): void {
    this.taken.push({ left: x - MARKER_PX, top: y - MARKER_PX, right: x + MARKER_PX, bottom: y + MARKER_PX });
  }

  /** Beside what stands at (x, y): to the right, to the left, above, or below it; when `always`, then there anyhow. */
  draw(label: string, x: number, y: number, always = false): void {
    const text = shown(label);
    const { width } = this.context.measureText(text);
    const places = [
      [x + 12, y + 4],
      [x - 12 - width, y + 4],
      [x - width / 2, y - 13],
      [x - width / 2, y + 22],
    ] as const;
    const boxes = places.map(([left, base]) => ({
      left,
      base,
      top: base - HEIGHT_PX + 3,
      right: left + width,
      bottom: base + 3,
    }));
    const inside = boxes.filter(({ left, right }) => left >= 0 && right <= this.width);
    const free = inside.find((box) => !this.taken.some((one) => overlap(one, box)));
    const box = free ?? (always ? boxes.at(-1) : undefined);
    if (box === undefined) return;
    this.taken.push(box);
    const left = Math.max(0, Math.min(box.left, this.width - width));
    haloed(this.context, this.palette, text, left, box.base);
  }
}

function overlap(one: Box, other: Box): boolean {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}

function shown(label: string): string {
  // Of a long one the rest would only cost time.
  const characters = Array.from(printable(label.slice(0, 2 * MAX_CHARACTERS)));
  return characters.length <= MAX_CHARACTERS
    ? characters.join('')
    : `${characters.slice(0, MAX_CHARACTERS - 1).join('')}…`;
}

/** Text that is read on any ground. */
export function haloed(context: CanvasRenderingContext2D, palette: Palette, text: string, x: number, y: number): void {
  context.lineWidth = 3;
  context.strokeStyle = palette.halo;
  context.strokeText(text, x, y);
  context.fillStyle = palette.text;
  context.fillText(text, x, y);
}
