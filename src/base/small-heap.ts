// Keeps V8 from growing its heap for speed: on a kit that is memory for nothing.
import { setFlagsFromString } from 'node:v8';

/**
 * To be called before the program is loaded: the young generation grows while that is done (to 16 MiB), and never gives
 * back. The old one may from now on hold a quarter of what is alive in garbage, where V8 would let it hold three times that.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=25');
}
