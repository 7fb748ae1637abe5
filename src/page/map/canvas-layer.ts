// A canvas as large as the map, above it, that lets every click through; drawn at most once a frame.
import { el } from '../dom.js';
import type { View } from './mercator.js';

export class CanvasLayer {
  private readonly canvas = el('canvas', { class: 'layer', 'aria-hidden': 'true' });
  private readonly context: CanvasRenderingContext2D;
  private frame: number | null = null;

  constructor(
    parent: HTMLElement,
    private readonly viewOf: () => View,
    private readonly draw: (context: CanvasRenderingContext2D, view: View) => void,
  ) {
    parent.append(this.canvas);
    const context = this.canvas.getContext('2d');
    if (context === null) throw new Error('this browser draws nothing on a canvas');
    this.context = context;
  }

  /** Draws with the next frame, however often it is asked until then; what nobody looks at is not drawn. */
  redraw(): void {
    if (!this.canvas.isConnected) return;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      const view = this.viewOf();
      this.resize(view);
      this.draw(this.context, view);
    });
  }

  private resize({ width, height }: View): void {
    const ratio = devicePixelRatio;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    // Setting it, also to what it is, clears the canvas.
    if (this.canvas.width !== wide || this.canvas.height !== high) {
      this.canvas.width = wide;
      this.canvas.height = high;
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }
}
