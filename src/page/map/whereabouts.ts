// Where a thing is, as one says it in the field: how far and in which direction from the nearest kit.
import { printable } from '../../base/printable.js';
import { number } from '../format.js';
import type { Place } from './tracks.js';

/** Something with a name that one knows the way from. */
export interface Landmark {
  readonly label: string;
  readonly place: Place;
}

const EARTH_RADIUS_M = 6_371_000;
const DIRECTIONS = ['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW'] as const;
/** Nearer than that a direction is a GPS's guess. */
const HERE_M = 20;

/** Null where there is no landmark. */
export function fromNearest(place: Place, landmarks: readonly Landmark[]): string | null {
  let nearest: Landmark | null = null;
  let metres = Number.POSITIVE_INFINITY;
  for (const landmark of landmarks) {
    const distance = distanceM(landmark.place, place);
    if (distance < metres) [nearest, metres] = [landmark, distance];
  }
  if (nearest === null) return null;
  // One alone needs no name.
  const name = landmarks.length === 1 ? 'the kit' : printable(nearest.label);
  return metres < HERE_M ? `at ${name}` : `${distanceWords(metres)} ${direction(nearest.place, place)} of ${name}`;
}

/** Along a great circle. */
export function distanceM(from: Place, to: Place): number {
  const north = Math.sin(radians(to.lat - from.lat) / 2) ** 2;
  const east = Math.sin(radians(to.lon - from.lon) / 2) ** 2;
  const share = north + Math.cos(radians(from.lat)) * Math.cos(radians(to.lat)) * east;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(share)));
}

/** In which one has to look, to an eighth of a turn. */
export function direction(from: Place, to: Place): (typeof DIRECTIONS)[number] {
  const [south, north, turn] = [radians(from.lat), radians(to.lat), radians(to.lon - from.lon)];
  const x = Math.cos(south) * Math.sin(north) - Math.sin(south) * Math.cos(north) * Math.cos(turn);
  const eighths = Math.round((Math.atan2(Math.sin(turn) * Math.cos(north), x) / Math.PI) * 4);
  return DIRECTIONS[(eighths + DIRECTIONS.length) % DIRECTIONS.length] ?? 'N';
}

function distanceWords(metres: number): string {
  if (metres < 1_000) return number(Math.round(metres / 10) * 10, 0, 'm');
  return number(metres / 1_000, metres < 10_000 ? 1 : 0, 'km');
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}
