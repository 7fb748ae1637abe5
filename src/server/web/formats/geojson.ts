// GeoJSON (RFC 7946): each track is a line, or a point when there is one position alone; JSON itself escapes all text.
import type { TrackRow } from '../../reads.js';
import { kitsOf, type Placed, placed, type WholeTrack, wholeTracks } from './tracks.js';

export async function* tracksGeojson(pages: AsyncIterable<readonly TrackRow[]>): AsyncGenerator<string> {
  yield '{"type":"FeatureCollection","features":[';
  let separator = '\n';
  for await (const track of wholeTracks(pages)) {
    yield separator + JSON.stringify(featureOf(track));
    separator = ',\n';
  }
  yield '\n]}\n';
}

function featureOf(track: WholeTrack): object {
  const { kind, id, rows } = track;
  const [first] = rows;
  const { time, kit_id: _, ...latest } = rows.at(-1) ?? first;
  const points = placed(track);
  return {
    type: 'Feature',
    geometry: geometryOf(points),
    properties: {
      ...latest,
      kind,
      id,
      kits: kitsOf(track),
      first_at: first.time,
      last_at: time,
      rows: rows.length,
      // Of each position.
      times: points.map((point) => point.time),
    },
  };
}

function geometryOf(points: readonly Placed[]): object | null {
  const [first, second] = points;
  if (first === undefined) return null;
  if (second === undefined) return { type: 'Point', coordinates: coordinatesOf(first) };
  return { type: 'LineString', coordinates: points.map(coordinatesOf) };
}

function coordinatesOf({ lat, lon, alt }: Placed): number[] {
  return alt === null ? [lon, lat] : [lon, lat, alt];
}
