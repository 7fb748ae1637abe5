// The door of the bundled map of the world (Natural Earth, 1:110 million): land and borders that need no network.
import { feature, mesh } from 'topojson-client';
import atlas from 'world-atlas/countries-110m.json';
import { toWorld, type WorldPoint } from './mercator.js';

export type Line = readonly WorldPoint[];

export interface Coastline {
  /** Closed rings, to be filled by the even-odd rule. */
  readonly land: readonly Line[];
  readonly borders: readonly Line[];
}

type Topology = Parameters<typeof mesh>[0];
type Position = readonly number[];

export function readCoastline(): Coastline {
  const topology = atlas as unknown as Topology;
  const { land, countries } = topology.objects;
  if (land === undefined || countries === undefined) throw new Error('the map of the world has no land');
  const shown = feature(topology, land);
  const features = 'features' in shown ? shown.features : [shown];
  const rings = features.flatMap(({ geometry }): Position[][] => {
    if (geometry.type === 'MultiPolygon') return geometry.coordinates.flat();
    return geometry.type === 'Polygon' ? geometry.coordinates : [];
  });
  const borders = mesh(topology, countries as Parameters<typeof mesh>[1], (one, other) => one !== other);
  return { land: rings.map(toLine), borders: borders.coordinates.map(toLine) };
}

function toLine(positions: readonly Position[]): Line {
  return positions.map(([lon = 0, lat = 0]) => toWorld(lat, lon));
}
