// From what the API says of a thing to what the map knows of it.
import type { Heard, PathPoint, Track as TrackAnswer } from '../../schema/web/answers.js';
import type { Item } from '../../schema/web/events.js';
import type { Signal, TrackState } from '../../schema/web/shapes.js';
import { toWorld } from './mercator.js';
import type { Place, Sighting, TrackKind, Tracks } from './tracks.js';

/** It comes from the air; the whole of it is among the fields. */
const MAX_LABEL_LENGTH = 60;

/** Null of a kit's health, which is no thing in the air. */
export function sightingOf(item: Item): Sighting | null {
  if (item.kind === 'system') return null;
  return item.kind === 'signal'
    ? signalSighting(item.signal, item.late)
    : trackSighting(item.kind, item.id, item.state, item.late);
}

function trackSighting(kind: 'drone' | 'aircraft', id: string, state: TrackState, late: boolean): Sighting {
  return {
    kind,
    id,
    kitId: state.kit_id,
    atMs: Date.parse(state.time),
    place: placeOf(state.lat, state.lon),
    heading: state.heading,
    rssi: strength(state.rssi),
    pilot: placeOf(state.pilot_lat, state.pilot_lon),
    home: placeOf(state.home_lat, state.home_lon),
    radiusM: null,
    label: labelOf(kind, id, state),
    replay: late,
    fields: state,
  };
}

/** It stands where the kit stands that heard it, so that it is a thing of its own for each kit. */
export function signalSighting(signal: Signal, late: boolean): Sighting {
  const name = signal.uid ?? `${signal.freq_mhz} MHz`;
  const radius = signal.extra?.['radius_m'];
  return {
    kind: 'signal',
    id: `${name} ${signal.kit_id}`,
    kitId: signal.kit_id,
    atMs: Date.parse(signal.time),
    place: placeOf(signal.lat, signal.lon),
    heading: null,
    rssi: strength(signal.power_dbm),
    pilot: null,
    home: null,
    radiusM: typeof radius === 'number' ? radius : null,
    label: `${(signal.signal_type ?? 'signal').slice(0, MAX_LABEL_LENGTH)} ${signal.freq_mhz} MHz`,
    replay: late,
    fields: signal,
  };
}

/** One of a snapshot: where it is, where it was, who heard it. */
export function addTrack(tracks: Tracks, { kind, id, latest, late, live, path, heard_by: heardBy }: TrackAnswer): void {
  // First what is present: a late one that came before it would lend it its place.
  if (live !== null) tracks.add(trackSighting(kind, id, live, false));
  const track = tracks.add(trackSighting(kind, id, latest, late));
  tracks.addTrail(track, path.map(trailPoint));
  for (const heard of heardBy) tracks.addHeard(track, heardOf(heard));
}

function trailPoint([atMs, lat, lon, , , replay]: PathPoint) {
  return { atMs, world: toWorld(lat, lon), replay };
}

function heardOf({ kit_id, last_at, rssi }: Heard) {
  return { kitId: kit_id, atMs: Date.parse(last_at), rssi: strength(rssi) };
}

function placeOf(lat: number | null, lon: number | null): Place | null {
  return lat === null || lon === null ? null : { lat, lon };
}

/** 0 is what receivers write that measure none (upstream's quirk). */
function strength(rssi: number | null): number | null {
  return rssi === 0 ? null : rssi;
}

function labelOf(kind: TrackKind, id: string, { description }: TrackState): string {
  const name = kind === 'aircraft' && description !== null && description.trim() !== '' ? description : id;
  return name.replace(/^drone-/, '').slice(0, MAX_LABEL_LENGTH);
}
