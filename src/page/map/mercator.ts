// Web Mercator, with the whole world as a square from 0 to 1: computed once per place, so that a frame only scales.

export interface WorldPoint {
  /** West to east. */
  readonly x: number;
  /** North to south. */
  readonly y: number;
}

/** Where the projection ends: beyond, the square would not be one. */
const MAX_LATITUDE = 85.051129;
const EARTH_CIRCUMFERENCE_M = 40_075_017;

export function toWorld(lat: number, lon: number): WorldPoint {
  const clamped = Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, lat));
  const sin = Math.sin((clamped * Math.PI) / 180);
  return { x: lon / 360 + 0.5, y: 0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI) };
}

export function latitudeOf(y: number): number {
  return (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;
}

/** From the world's square to the pixels of a view. */
export interface View {
  /** Pixels that the whole world is wide. */
  readonly scale: number;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The world goes round: how many times to the east of itself a place is drawn, to be nearest to the middle of the view. */
export function turns(x: number, { scale, left, width }: View): number {
  const middle = (width / 2 - left) / scale;
  return Math.round(middle - x);
}

export function metresToPixels(metres: number, lat: number, { scale }: View): number {
  return (metres / (EARTH_CIRCUMFERENCE_M * Math.cos((lat * Math.PI) / 180))) * scale;
}

export function onScreen(world: WorldPoint, view: View): { x: number; y: number } {
  return { x: (world.x + turns(world.x, view)) * view.scale + view.left, y: world.y * view.scale + view.top };
}

const NEAR_PX = 40;

/** In the view, or so near to it that some of its marker is. */
export function isNear(world: WorldPoint, view: View): boolean {
  const { x, y } = onScreen(world, view);
  return x > -NEAR_PX && y > -NEAR_PX && x < view.width + NEAR_PX && y < view.height + NEAR_PX;
}
