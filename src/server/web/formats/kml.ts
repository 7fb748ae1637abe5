// KML 2.2 with Google's tracks, which know times; whatever was heard on the radio is escaped, and what XML can't hold at
// all is replaced.
import type { TrackRow } from '../../reads.js';
import { kitsOf, placed, type WholeTrack, wholeTracks } from './tracks.js';

const HEAD = `<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2">
<Document><name>dragonsink</name>
`;
const TAIL = '</Document>\n</kml>\n';

export async function* tracksKml(pages: AsyncIterable<readonly TrackRow[]>): AsyncGenerator<string> {
  yield HEAD;
  for await (const track of wholeTracks(pages)) yield placemarks(track);
  yield TAIL;
}

function placemarks(track: WholeTrack): string {
  const { kind, id, rows } = track;
  const latest = rows.at(-1) ?? rows[0];
  const points = placed(track);
  const data = { kind, id, kits: kitsOf(track).join(' '), ...textsOf(latest) };
  const about = Object.entries(data).map(([name, value]) => {
    return `<Data name="${escapeXml(name)}"><value>${escapeXml(value)}</value></Data>`;
  });
  // In the order of KML's schema: the geometry is last.
  const path = points.length === 0 ? '' : trackOf(points);
  return [
    `<Placemark><name>${escapeXml(id)}</name><ExtendedData>${about.join('')}</ExtendedData>${path}</Placemark>\n`,
    point(`pilot of ${id}`, latest.pilot_lat, latest.pilot_lon),
    point(`home of ${id}`, latest.home_lat, latest.home_lon),
  ].join('');
}

function trackOf(points: readonly { time: string; lat: number; lon: number; alt: number | null }[]): string {
  const whens = points.map(({ time }) => `<when>${time}</when>`);
  // A height that was left out is that of before, and not the sea's.
  let height = points.find(({ alt }) => alt !== null)?.alt ?? null;
  const mode = height === null ? 'clampToGround' : 'absolute';
  const coords = points.map(({ lat, lon, alt }) => {
    height = alt ?? height;
    return `<gx:coord>${lon} ${lat} ${height ?? 0}</gx:coord>`;
  });
  return `<gx:Track><altitudeMode>${mode}</altitudeMode>${whens.join('')}${coords.join('')}</gx:Track>`;
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
