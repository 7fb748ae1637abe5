// Observations of which each is made once: in DragonSync's shapes, with a content that nothing else has.
import { createHash } from 'node:crypto';
import type { Kind } from '../../src/schema/kinds.js';
import { pythonJson } from '../../src/simulate/dragonsync-api.js';
import { droneEntry, REMOTE_ID, signalEntry, statusEntry } from '../../src/simulate/entries.js';
import type { Random } from './random.js';

export type Entry = Record<string, unknown>;

export interface Observation {
  /** Nothing else has it: a drone is seen many times, and each time is one of these. */
  readonly id: string;
  readonly kind: Kind;
  /** What it is about, as kit and server call it. */
  readonly thing: string;
  /** With kind and thing: its natural key. */
  readonly keyUs: number;
  /** When it was heard, whatever the kit's clock said, in microseconds since 1970. */
  readonly trueUs: number;
  /** The entry as the API shows it. */
  readonly json: string;
  /** Of what the database must hold of it. */
  readonly hash: string;
}

const KIT = { lat: 42.3601, lon: -71.0589, alt: 12 };
const DRONES_OF_TEN = 8;
/** Drones that stay in the air, and are seen again and again. */
const REGULARS = 3;

export class Observations {
  /** The clock of the kit, by which all of it is timed, less the true time. */
  aheadMs = 0;
  /** It has the true time in its status. */
  hasGps = true;
  private count = 0;
  private lastUs = 0;
  private health: Observation | null = null;

  constructor(
    private readonly random: Random,
    private readonly kitId: string,
  ) {}

  /** Drones mostly, as in the field; now and then an aircraft or a signal. */
  next(): Observation {
    this.count += 1;
    const turn = this.count % 10;
    if (turn < DRONES_OF_TEN) return this.drone();
    return turn === DRONES_OF_TEN ? this.aircraft() : this.signal();
  }

  /** The kit's health: renewed at most once a second, which is how closely the server looks at it. */
  system(): Observation {
    const second = Math.floor((Date.now() + this.aheadMs) / 1_000);
    if (this.health !== null && this.health.keyUs === second * 1e6) return this.health;
    this.count += 1;
    const entry = statusEntry(this.kitId, KIT, second, this.count);
    entry['gpsd_time_utc'] = new Date(Math.floor(Date.now() / 1_000) * 1_000).toISOString();
    entry['gps_fix'] = this.hasGps;
    entry['cpu_usage'] = this.round(this.random.between(1, 99), 1);
    const { gpsd_time_utc: utc, cpu_usage: cpu, uptime } = entry as Record<string, number | string>;
    const name = { id: `system ${utc}`, kind: 'system', thing: '' } as const;
    this.health = this.made(name, second * 1e6, entry, [utc, cpu, Number(uptime) / 3_600]);
    return this.health;
  }

  private drone(): Observation {
    const { random } = this;
    const heardUs = this.nowUs();
    const isRegular = this.count % 10 === 0;
    const thing = isRegular
      ? `drone-FAULT-REG-${random.whole(1, REGULARS)}`
      : `drone-FAULT-${this.count}-${random.hex(6)}`;
    const description = `flight ${this.count} ${random.hex(16)}`;
    const base = droneEntry(REMOTE_ID, {
      i: this.count % 250,
      kitId: this.kitId,
      kit: KIT,
      place: { lat: this.round(random.between(42, 43), 5), lon: this.round(random.between(-72, -71), 5) },
      headingDeg: random.whole(0, 359),
      speedMps: this.round(random.between(1, 30), 2),
      heardS: heardUs / 1e6,
    });
    const entry: Entry = {
      ...base,
      id: thing,
      description,
      rssi: -random.whole(30, 110),
      alt: this.round(random.between(5, 500), 1),
    };
    const { mac, operator_id, lat, lon, alt, height, speed, rssi } = entry;
    const content = [thing, mac, operator_id, lat, lon, alt, height, speed, rssi];
    return this.made({ id: description, kind: 'drone', thing }, heardUs, entry, content);
  }

  private aircraft(): Observation {
    const { random } = this;
    const heardUs = this.nowUs();
    const hex = `${this.count.toString(16).padStart(6, '0')}${random.hex(4)}`.toUpperCase();
    const flight = `FLT${this.count}${random.hex(4)}`;
    const lat = this.round(random.between(42, 43), 5);
    const feet = random.whole(500, 39_000);
    const knots = random.whole(80, 520);
    const entry = {
      id: `adsb-${hex.toLowerCase()}`,
      track_type: 'aircraft',
      callsign: `adsb-${hex.toLowerCase()}`,
      hex,
      lat,
      lon: -71.5,
      alt: feet,
      ground_speed: knots,
      track: 95.7,
      squawk: '1200',
      reg: 'N100LB',
      category: 'A3',
      flight,
      on_ground: false,
      rssi: -12.4,
      last_update_time: heardUs / 1e6,
      source: 'adsb',
      seen_by: this.kitId,
    };
    const content = [flight, lat, feet * 0.3048, knots * 0.514444];
    return this.made({ id: hex, kind: 'aircraft', thing: hex }, heardUs, entry, content);
  }

  private signal(): Observation {
    const heardUs = this.nowUs();
    const pal = this.random.whole(1, 99);
    const i = 2 * this.random.whole(0, 20);
    const uid = `fpv-alert-${this.count}-${this.random.hex(8)}`;
    const entry: Entry = { ...signalEntry({ i, kitId: this.kitId, kit: KIT, heardS: heardUs / 1e6, pal }), uid };
    const content = [Number(entry['center_hz']) / 1e6, pal, entry['sensor_lat'], entry['sensor_lon']];
    return this.made({ id: uid, kind: 'signal', thing: uid }, heardUs, entry, content);
  }

  /** Heard at `keyUs` by the kit's clock. */
  private made(
    name: Pick<Observation, 'id' | 'kind' | 'thing'>,
    keyUs: number,
    entry: Entry,
    content: readonly unknown[],
  ): Observation {
    const trueUs = keyUs - Math.round(this.aheadMs) * 1_000;
    return { ...name, keyUs, trueUs, json: pythonJson(entry), hash: contentHash(content) };
  }

  /** Each a microsecond after the one before, at least. */
  private nowUs(): number {
    this.lastUs = Math.max(Date.now() * 1_000, this.lastUs + 1);
    return this.lastUs + Math.round(this.aheadMs) * 1_000;
  }

  private round(value: number, digits: number): number {
    return Number(value.toFixed(digits));
  }
}

/** Numbers to three decimals: units were converted on the way. */
export function contentHash(values: readonly unknown[]): string {
  const plain = values.map((value) => (typeof value === 'number' ? value.toFixed(3) : value));
  return createHash('sha256').update(JSON.stringify(plain)).digest('hex').slice(0, 16);
}
