// GeoJSON (RFC 7946): each track is a line, or a point when there is one position alone; JSON itself escapes all text.
import type { TrackRow } from '../../reads.js';
import { type Path, type Placed, type WholeTrack, wholeTracks, written } from './tracks.js';

export async function* tracksGeojson(pages: AsyncIterable<readonly TrackRow[]>): AsyncGenerator<string> {
  yield '{"type":"FeatureCollection","features":[';
  let separator = '\n';
  for await (const track of wholeTracks(pages)) {
    yield separator;
    yield* featureOf(track);
    separator = ',\n';
  }
  yield '\n]}\n';
}

function* featureOf({ kind, id, first, latest, rows, kits, path }: WholeTrack): Generator<string> {
  const { time, kit_id: _, ...state } = latest;
  const known = { ...state, kind, id, kits, first_at: first.time, last_at: time, rows };
  yield '{"type":"Feature","geometry":';
  yield* geometryOf(path);
  // And the time of each position.
  yield `,"properties":${JSON.stringify(known).slice(0, -1)},"times":[`;
  yield* written(path, ',', (at) => JSON.stringify(at.time));
  yield ']}}';
}

function* geometryOf(path: Path): Generator<string> {
  const coordinates = written(path, ',', (at) => JSON.stringify(coordinatesOf(at)));
  if (path.length === 0) yield 'null';
  else if (path.length === 1) yield `{"type":"Point","coordinates":${[...coordinates].join('')}}`;
  else {
    yield '{"type":"LineString","coordinates":[';
    yield* coordinates;
    yield ']}';
  }
}

function coordinatesOf({ lat, lon, alt }: Placed): number[] {
  return alt === null ? [lon, lat] : [lon, lat, alt];
}
