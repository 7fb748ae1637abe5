// The map's colours: the page's own, read from its style sheet, so that light and dark are said once.
import type { TrackKind } from './tracks.js';

export interface Palette {
  readonly sea: string;
  readonly land: string;
  readonly border: string;
  readonly grid: string;
  readonly text: string;
  /** Behind text and around markers. */
  readonly halo: string;
  readonly kit: string;
  readonly selected: string;
  readonly kinds: Readonly<Record<TrackKind, string>>;
}

/** From 0 to 1. A trail: what it leads to is seen first. */
export const TRAIL_ALPHA = 0.7;
/** What may be gone by now; it is seen all the same. */
export const FAINT_ALPHA = 0.7;

export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(`--map-${name}`).trim();
  return {
    sea: colour('sea'),
    land: colour('land'),
    border: colour('border'),
    grid: colour('grid'),
    text: colour('text'),
    halo: colour('halo'),
    kit: colour('kit'),
    selected: colour('selected'),
    kinds: { drone: colour('drone'), aircraft: colour('aircraft'), signal: colour('signal') },
  };
}
