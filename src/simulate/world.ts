// A small world for the simulated DragonSync: drones that fly, aircraft that pass, signals that come and go, and the
// quirks of the real thing. The same seed and the same clock give the same world.

import type { ApiContent } from './dragonsync-api.js';
import { ALERT, CAA_ONLY, DJI, droneEntry, REMOTE_ID, SIK, signalEntry, statusEntry } from './entries.js';

export interface WorldOptions {
  /** Seconds since 1970, as the kit's clock has it. */
  readonly nowS: () => number;
  readonly kitId?: string;
  readonly drones?: number;
  readonly aircraft?: number;
  readonly signals?: number;
  readonly seed?: number;
}

type Entry = Record<string, unknown>;

const KIT = { lat: 42.3601, lon: -71.0589, alt: 12 };
const DEMO_KIT_ID = 'wardragon-DEMO0001';
const METRES_PER_DEGREE = 111_320;
const STATUS_EVERY_S = 10;
const SIGNAL_EVERY_S = 3;
/** Now and then a packet without position resets a drone to 0,0, and one has an altitude that is no number. */
const CAA_ONLY_EVERY = 17;
const NAN_EVERY = 23;

export function createWorld(options: WorldOptions): ApiContent {
  const { nowS, kitId = DEMO_KIT_ID, drones = 5, aircraft = 6, signals = 3, seed = 1 } = options;
  const startedS = nowS();
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  return {
    drones: () => [
      ...numbers(drones).map((i) => drone(i, { kitId, seed, startedS, nowS: nowS() })),
      ...numbers(aircraft).map((i) => plane(i, { kitId, seed, startedS, nowS: nowS() })),
    ],
    signals: () => numbers(signals).map((i) => signal(i, { kitId, seed, startedS, nowS: nowS() })),
    status: () => {
      const atS = tickOf(nowS(), startedS, STATUS_EVERY_S);
      return statusEntry(kitId, KIT, atS, atS - startedS + 1_752.9);
    },
  };
}

/** A number in 0..1 that belongs to (seed, thing, what). */
function chance(...parts: readonly number[]): number {
  let hash = 2_166_136_261;
  for (const part of parts) hash = Math.imul(hash ^ (part + 374_761_393), 668_265_263) ^ (hash >>> 13);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** The last time, at or before now, at which something that happens every `everyS` happened. */
function tickOf(nowS: number, startedS: number, everyS: number, offsetS = 0): number {
  return startedS + offsetS + Math.floor((nowS - startedS - offsetS) / everyS) * everyS;
}

/** Of one world, now; in seconds since 1970. */
interface Moment {
  readonly kitId: string;
  readonly seed: number;
  readonly startedS: number;
  readonly nowS: number;
}

function drone(i: number, { kitId, seed, startedS, nowS }: Moment): Entry {
  const heardS = tickOf(nowS, startedS, 1, chance(seed, i, 1));
  const packet = Math.floor(heardS - startedS);
  const headingDeg = (chance(seed, i, 2) * 360 + packet * 3) % 360;
  const speedMps = 5 + chance(seed, i, 3) * 10;
  const radiusM = 150 + chance(seed, i, 4) * 400;
  const place = offset(KIT, radiusM, headingDeg);
  const form = [REMOTE_ID, DJI, REMOTE_ID, SIK, ALERT][i % 5] ?? REMOTE_ID;
  const entry = droneEntry(form, { i, kitId, kit: KIT, place, headingDeg, speedMps, heardS });
  if (form !== REMOTE_ID) return entry;
  if (packet % CAA_ONLY_EVERY === CAA_ONLY_EVERY - 1) return { ...entry, ...CAA_ONLY };
  if (packet % NAN_EVERY === NAN_EVERY - 1) return { ...entry, alt: Number.NaN, height: Number.POSITIVE_INFINITY };
  return entry;
}

function plane(i: number, { kitId, seed, nowS }: Moment): Entry {
  const track = Math.round(chance(seed, i, 5) * 3_600) / 10;
  const knots = 120 + Math.round(chance(seed, i, 6) * 350);
  const alongM = ((nowS * knots * 0.514444) % 60_000) - 30_000;
  const place = offset(KIT, alongM, track);
  const hex = (0xa00000 + i).toString(16).toUpperCase();
  return {
    id: `adsb-${hex.toLowerCase()}`,
    track_type: 'aircraft',
    callsign: `adsb-${hex.toLowerCase()}`,
    hex,
    lat: Number(place.lat.toFixed(6)),
    lon: Number(place.lon.toFixed(6)),
    // readsb tells by its altitude that a plane is on the ground
    alt: i % 6 === 5 ? 'ground' : 9_000 + i * 1_525,
    ground_speed: knots,
    track,
    squawk: '1200',
    reg: `N10${i}LB`,
    category: 'A3',
    flight: `LAB10${i}`,
    on_ground: false,
    nac_p: 9,
    nac_v: 2,
    rssi: -12.4,
    last_update_time: nowS,
    source: 'adsb',
    seen_by: kitId,
  };
}

function signal(i: number, { kitId, seed, startedS, nowS }: Moment): Entry {
  const heardS = tickOf(nowS, startedS, SIGNAL_EVERY_S, chance(seed, i, 7) * SIGNAL_EVERY_S);
  return signalEntry({
    i,
    kitId,
    kit: KIT,
    heardS,
    pal: Math.round(chance(seed, i, Math.floor(heardS)) * 100),
  });
}

function offset(from: { lat: number; lon: number }, metres: number, bearingDeg: number): { lat: number; lon: number } {
  const bearing = (bearingDeg * Math.PI) / 180;
  const lat = from.lat + (metres * Math.cos(bearing)) / METRES_PER_DEGREE;
  const lon = from.lon + (metres * Math.sin(bearing)) / (METRES_PER_DEGREE * Math.cos((from.lat * Math.PI) / 180));
  return { lat, lon };
}
