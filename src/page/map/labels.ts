// Names on the map: each where it covers no other, and left out where there is no room.
import type { Palette } from './palette.js';

const FONT = '12px system-ui, sans-serif';
const HEIGHT_PX = 15;
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
  ) {
    context.font = FONT;
    context.lineJoin = 'round';
  }

  /** Beside what stands at (x, y): to the right, to the left, above, or below it. */
  draw(label: string, x: number, y: number): void {
    const text = shortened(label);
    const { width } = this.context.measureText(text);
    const places = [
      [x + 12, y + 4],
      [x - 12 - width, y + 4],
      [x - width / 2, y - 13],
      [x - width / 2, y + 22],
    ] as const;
    for (const [left, base] of places) {
      const box = { left, top: base - HEIGHT_PX + 3, right: left + width, bottom: base + 3 };
      if (this.taken.some((one) => overlap(one, box))) continue;
      this.taken.push(box);
      haloed(this.context, this.palette, text, left, base);
      return;
    }
  }
}

function overlap(one: Box, other: Box): boolean {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}

function shortened(label: string): string {
  const characters = Array.from(label);
  return characters.length <= MAX_CHARACTERS ? label : `${characters.slice(0, MAX_CHARACTERS - 1).join('')}…`;
}

/** Text that is read on any ground. */
export function haloed(context: CanvasRenderingContext2D, palette: Palette, text: string, x: number, y: number): void {
  context.lineWidth = 3;
  context.strokeStyle = palette.halo;
  context.strokeText(text, x, y);
  context.fillStyle = palette.text;
  context.fillText(text, x, y);
}
