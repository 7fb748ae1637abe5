// What the map knows of each thing in the air: where it is now, where it was, and who heard it how well.
import { toWorld, type WorldPoint } from './mercator.js';

export type TrackKind = 'drone' | 'aircraft' | 'signal';

export interface Place {
  readonly lat: number;
  readonly lon: number;
}

/** One observation of a thing, by one kit. */
export interface Sighting {
  readonly kind: TrackKind;
  readonly id: string;
  readonly kitId: string;
  /** When it was so, in milliseconds since 1970. */
  readonly atMs: number;
  readonly place: Place | null;
  /** Degrees from north, where it is known. */
  readonly heading: number | null;
  readonly rssi: number | null;
  readonly pilot: Place | null;
  readonly home: Place | null;
  /** Metres around `place`, of a signal whose place nobody knows better. */
  readonly radiusM: number | null;
  /** What a person calls it. */
  readonly label: string;
  /** It came late: it tells of the past. */
  readonly replay: boolean;
  /** Everything that is known, by the names the API gives it. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface TrailPoint {
  readonly atMs: number;
  readonly world: WorldPoint;
  readonly replay: boolean;
}

export interface Heard {
  readonly kitId: string;
  readonly atMs: number;
  readonly rssi: number | null;
}

export interface Track {
  /** Kind and id: unique. */
  readonly key: string;
  readonly kind: TrackKind;
  readonly id: string;
  /** The newest that came live; of a thing that only a replay told of, the newest of that. Null of none yet. */
  present: Sighting | null;
  /** Where `present` is, and what belongs to it. */
  world: WorldPoint | null;
  pilot: WorldPoint | null;
  home: WorldPoint | null;
  /** The oldest first. */
  readonly trail: TrailPoint[];
  readonly heard: Map<string, Heard>;
  /** The newest of all that came. */
  lastMs: number;
}

/** Points of each: a frame draws all of them. */
export const MAX_TRAIL = 120;
/** Anybody can send made-up ids: beyond this many the one that has been quiet longest is left out. */
const MAX_TRACKS = 5_000;

function trackKey(kind: TrackKind, id: string): string {
  return `${kind} ${id}`;
}

export class Tracks {
  private readonly byKey = new Map<string, Track>();

  get size(): number {
    return this.byKey.size;
  }

  get(key: string): Track | null {
    return this.byKey.get(key) ?? null;
  }

  /** In no order. */
  all(): Iterable<Track> {
    return this.byKey.values();
  }

  clear(): void {
    this.byKey.clear();
  }

  add(sighting: Sighting): Track {
    const track = this.trackOf(sighting);
    const { atMs, kitId, rssi, place, replay } = sighting;
    this.addHeard(track, { kitId, atMs, rssi });
    if (place !== null) insert(track.trail, { atMs, world: toWorld(place.lat, place.lon), replay });
    track.lastMs = Math.max(track.lastMs, atMs);
    if (isPresent(sighting, track.present)) setPresent(track, sighting);
    return track;
  }

  addTrail(track: Track, points: readonly TrailPoint[]): void {
    for (const point of points) insert(track.trail, point);
    // Its newest packet had no position.
    const isPresent = track.trail.findLast(({ replay }) => !replay) ?? track.trail.at(-1);
    if (track.present !== null) track.world ??= isPresent?.world ?? null;
  }

  /** Of each kit the strongest, and when it heard it last. */
  addHeard(track: Track, { kitId, atMs, rssi }: Heard): void {
    const before = track.heard.get(kitId);
    const strongest = Math.max(rssi ?? Number.NEGATIVE_INFINITY, before?.rssi ?? Number.NEGATIVE_INFINITY);
    track.heard.set(kitId, {
      kitId,
      atMs: Math.max(atMs, before?.atMs ?? 0),
      rssi: strongest === Number.NEGATIVE_INFINITY ? null : strongest,
    });
  }

  /** Forgets what was heard last before `ms`, and where things were before. */
  forgetBefore(ms: number): void {
    for (const [key, track] of this.byKey) {
      if (track.lastMs < ms) this.byKey.delete(key);
      const kept = track.trail.findIndex(({ atMs }) => atMs >= ms);
      if (kept > 0) track.trail.splice(0, kept);
    }
  }

  private trackOf({ kind, id }: Sighting): Track {
    const key = trackKey(kind, id);
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    if (this.byKey.size >= MAX_TRACKS) this.forgetQuietest();
    const track: Track = {
      key,
      kind,
      id,
      present: null,
      world: null,
      pilot: null,
      home: null,
      trail: [],
      heard: new Map(),
      lastMs: 0,
    };
    this.byKey.set(key, track);
    return track;
  }

  private forgetQuietest(): void {
    let quietest: Track | null = null;
    for (const track of this.byKey.values()) {
      if (quietest === null || track.lastMs < quietest.lastMs) quietest = track;
    }
    if (quietest !== null) this.byKey.delete(quietest.key);
  }
}

/**
 * What comes late draws the past, however new it is: it never moves what came as it happened. Of what nothing came live
 * the newest that is known is shown, faintly.
 */
function isPresent({ atMs, replay }: Sighting, before: Sighting | null): boolean {
  if (before === null) return true;
  return replay === before.replay ? before.atMs <= atMs : before.replay;
}

function setPresent(track: Track, sighting: Sighting): void {
  const { place, pilot, home } = sighting;
  track.present = sighting;
  // A packet without a position takes none away.
  if (place !== null) track.world = toWorld(place.lat, place.lon);
  if (pilot !== null) track.pilot = toWorld(pilot.lat, pilot.lon);
  if (home !== null) track.home = toWorld(home.lat, home.lon);
}

/** At its place in time; nearly always that is the end. */
function insert(trail: TrailPoint[], point: TrailPoint): void {
  let at = trail.length;
  while (at > 0 && (trail[at - 1]?.atMs ?? 0) > point.atMs) at -= 1;
  // Two kits heard the same.
  if (trail[at - 1]?.atMs === point.atMs) return;
  trail.splice(at, 0, point);
  if (trail.length > MAX_TRAIL) thin(trail);
}

/** Of the older half every second point goes: a long trail is coarse where it is old. */
function thin(trail: TrailPoint[]): void {
  const kept = trail.filter((_, i) => i % 2 === 0 || i > trail.length / 2);
  trail.splice(0, trail.length, ...kept);
}

/** The strongest first; whoever tells no strength comes last, the latest first. */
export function strongestFirst(tracks: readonly Track[]): Heard[] {
  return tracks
    .flatMap(({ heard }) => [...heard.values()])
    .sort((one, other) => {
      const difference = (other.rssi ?? Number.NEGATIVE_INFINITY) - (one.rssi ?? Number.NEGATIVE_INFINITY);
      return Number.isNaN(difference) || difference === 0 ? other.atMs - one.atMs : difference;
    });
}
