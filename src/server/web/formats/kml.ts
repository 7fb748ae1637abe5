// KML 2.2 with Google's tracks, which know times; whatever was heard on the radio is escaped, and what XML can't hold at
// all is replaced.
import type { TrackRow } from '../../reads.js';
import { type Path, type WholeTrack, wholeTracks, written } from './tracks.js';

const HEAD = `<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2">
<Document><name>dragonsink</name>
`;
const TAIL = '</Document>\n</kml>\n';

export async function* tracksKml(pages: AsyncIterable<readonly TrackRow[]>): AsyncGenerator<string> {
  yield HEAD;
  for await (const track of wholeTracks(pages)) yield* placemarks(track);
  yield TAIL;
}

function* placemarks({ kind, id, latest, kits, path }: WholeTrack): Generator<string> {
  const data = { kind, id, kits: kits.join(' '), ...textsOf(latest) };
  const about = Object.entries(data).map(([name, value]) => {
    return `<Data name="${escapeXml(name)}"><value>${escapeXml(value)}</value></Data>`;
  });
  // In the order of KML's schema: the geometry is last.
  yield `<Placemark><name>${escapeXml(id)}</name><ExtendedData>${about.join('')}</ExtendedData>`;
  yield* trackOf(path);
  yield '</Placemark>\n';
  yield point(`pilot of ${id}`, latest.pilot_lat, latest.pilot_lon);
  yield point(`home of ${id}`, latest.home_lat, latest.home_lon);
}

/** All times, and then all places, as the schema has it. */
function* trackOf(path: Path): Generator<string> {
  if (path.length === 0) return;
  // A height that was left out is that of before, and not the sea's.
  let height = firstHeight(path);
  yield `<gx:Track><altitudeMode>${height === null ? 'clampToGround' : 'absolute'}</altitudeMode>`;
  yield* written(path, '', ({ time }) => `<when>${time}</when>`);
  yield* written(path, '', ({ lat, lon, alt }) => {
    height = alt ?? height;
    return `<gx:coord>${lon} ${lat} ${height ?? 0}</gx:coord>`;
  });
  yield '</gx:Track>';
}

function firstHeight(path: Path): number | null {
  for (const { alt } of path) if (alt !== null) return alt;
  return null;
}

function point(name: string, lat: number | null, lon: number | null): string {
  if (lat === null || lon === null) return '';
  return `<Placemark><name>${escapeXml(name)}</name><Point><coordinates>${lon},${lat}</coordinates></Point></Placemark>\n`;
}

function textsOf(row: TrackRow): Record<string, string> {
  const { description, operator_id, mac, ua_type_name, rid_make, rid_model } = row;
  const texts = Object.entries({ description, operator_id, mac, ua_type_name, rid_make, rid_model });
  return Object.fromEntries(texts.flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
/** https://www.w3.org/TR/xml/#charsets */
const NOT_XML = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

export function escapeXml(text: string): string {
  return text.replace(NOT_XML, '\uFFFD').replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '');
}
