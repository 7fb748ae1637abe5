// One entry of DragonSync's API each, in exactly its shape (recorded from a running DragonSync).

type Entry = Record<string, unknown>;

interface Position {
  readonly lat: number;
  readonly lon: number;
}

export interface DroneFacts {
  readonly i: number;
  readonly kitId: string;
  readonly kit: Position;
  readonly place: Position;
  readonly headingDeg: number;
  readonly speedMps: number;
  readonly heardS: number;
}

/** How each way of hearing a drone fills the entry. */
export interface DroneForm {
  readonly id: (i: number) => string;
  readonly fields: (facts: DroneFacts) => Entry;
}

export const REMOTE_ID: DroneForm = {
  id: (i) => `drone-DEMO1581F5${String(i).padStart(4, '0')}`,
  fields: ({ headingDeg, kitId, heardS }) => ({
    direction: Math.round(headingDeg),
    transport: 'BT5-LR-Extended',
    seen_by: kitId,
    observed_at: heardS,
    timestamp: '24 min 40.700000000000045 s',
    rid_timestamp: '24 min 40.700000000000045 s',
  }),
};

/** No heading in it: DragonSync computes one from the first two fixes, and keeps it. */
export const DJI: DroneForm = {
  id: (i) => `drone-1581F45TDEMO${String(i).padStart(4, '0')}`,
  fields: ({ kitId, heardS, i }) => ({
    ua_type: null,
    ua_type_name: 'Unknown',
    direction: i % 2 === 0 ? null : 90.64677239293769,
    description: 'DJI Mini 3 Pro (O3)',
    mac: '',
    freq: 5756.5,
    seen_by: kitId,
    observed_at: heardS,
    rid: {
      tracking: 'RID000000009',
      status: 'accepted',
      make: 'DJI',
      model: 'Mavic 3',
      source: 'local',
      lookup_attempted: true,
      lookup_success: true,
    },
  }),
};

/** Promoted from a SiK signal: nobody says who heard it, or when. */
export const SIK: DroneForm = {
  id: (i) => `drone-900FHSS-NETID-${i}`,
  fields: ({ i }) => ({
    id_type: '',
    ua_type: null,
    ua_type_name: '',
    direction: 0.0,
    speed_multiplier: null,
    pressure_altitude: null,
    description: `MAVLink drone Net ID ${i} (64 kbps) on 900MHz FHSS`,
    mac: '',
    freq: 921.0,
    transport: 'gfsk_fhss',
    seen_by: null,
    observed_at: null,
  }),
};

/** An encrypted DJI: its place is the kit's own. */
export const ALERT: DroneForm = {
  id: () => 'drone-alert',
  fields: ({ kit, kitId, heardS }) => ({
    ...kit,
    alt: 65531.0,
    description: 'DJI Encrypted (O4) (alert)',
    direction: 0.0,
    mac: '',
    freq: 5776.5,
    seen_by: kitId,
    observed_at: heardS,
  }),
};

/** A packet with a registration only sets everything else back. */
export const CAA_ONLY: Entry = {
  lat: 0.0,
  lon: 0.0,
  alt: 0.0,
  speed: 0.0,
  id_type: 'CAA Assigned Registration ID',
  caa_id: 'FA-DEMO-77',
};

export function droneEntry(form: DroneForm, facts: DroneFacts): Entry {
  const { i, place, speedMps, heardS } = facts;
  return {
    id: form.id(i),
    id_type: 'Serial Number (ANSI/CTA-2063-A)',
    ua_type: 2,
    ua_type_name: 'Helicopter or Multirotor',
    operator_id_type: 'Operator ID',
    operator_id: `OP-DEMO-${i}`,
    op_status: 'Airborne',
    height_type: 'Above Takeoff',
    ew_dir: 'East',
    direction: 0,
    speed_multiplier: 0.25,
    pressure_altitude: 80.5,
    vertical_accuracy: '< 1 m',
    horizontal_accuracy: '< 3 m',
    baro_accuracy: '< 1 m',
    speed_accuracy: '< 0.3 m/s',
    timestamp: '',
    rid_timestamp: '',
    observed_at: null,
    timestamp_accuracy: '0.1 seconds',
    seen_by: null,
    lat: place.lat,
    lon: place.lon,
    alt: 80 + i,
    height: 60 + i,
    speed: speedMps,
    vspeed: 0.0,
    pilot_lat: facts.kit.lat + 0.002,
    pilot_lon: facts.kit.lon + 0.001,
    home_lat: facts.kit.lat + 0.002,
    home_lon: facts.kit.lon + 0.0012,
    description: 'Demo flight',
    mac: `60:60:1F:EF:6F:${i.toString(16).padStart(2, '0').toUpperCase()}`,
    rssi: -60 - i,
    index: 0,
    runtime: 0,
    caa_id: '',
    freq: 2402.0,
    transport: '',
    rid: {
      tracking: null,
      status: null,
      make: null,
      model: null,
      source: null,
      lookup_attempted: true,
      lookup_success: false,
    },
    // DragonSync takes its own clock a few microseconds after the packet's.
    last_update_time: heardS + 0.000009,
    track_type: 'drone',
    ...form.fields(facts),
  };
}

interface SignalFacts {
  readonly i: number;
  readonly kitId: string;
  readonly kit: Position;
  readonly heardS: number;
  readonly pal: number;
}

/** FPV video and SiK telemetry in turn. */
export function signalEntry({ i, kitId, kit, heardS, pal }: SignalFacts): Entry {
  const fpv = i % 2 === 0;
  const mhz = 5785 + i * 20;
  const what = fpv
    ? {
        uid: `fpv-alert-${mhz}MHz`,
        signal_type: 'fpv',
        source: 'confirm',
        alert_id: `fpv-alert-${mhz}.000MHz`,
        callsign: 'FPV confirm',
        description: 'FPV Signal',
        self_id: 'FPV alert (confirm)',
        center_hz: mhz * 1e6,
        bandwidth_hz: 6_000_000,
        pal_conf: pal,
        ntsc_conf: 100 - pal,
        rssi: null,
      }
    : {
        uid: `gfsk_fhss-netid-${24 + i}`,
        signal_type: 'gfsk_fhss',
        source: 'sik_confirm',
        alert_id: `900FHSS-NETID-${24 + i}`,
        callsign: 'GFSK-FHSS sik_confirm',
        description: null,
        self_id: `MAVLink drone Net ID ${24 + i} (64 kbps) on 900MHz FHSS`,
        center_hz: 921_000_000,
        bandwidth_hz: null,
        pal_conf: null,
        ntsc_conf: null,
        rssi: -50.0,
      };
  return {
    ...what,
    sensor_lat: kit.lat,
    sensor_lon: kit.lon,
    sensor_alt: 20.0,
    lat: kit.lat + 0.00005,
    lon: kit.lon - 0.00004,
    alt: 20.0,
    radius_m: 15.0,
    seen_by: kitId,
    observed_at: heardS,
    expires_at: heardS + 60,
  };
}

export function statusEntry(uid: string, kit: Position & { alt: number }, atS: number, uptimeS: number): Entry {
  return {
    uid,
    lat: kit.lat,
    lon: kit.lon,
    alt: kit.alt,
    cpu_usage: 21.2,
    memory_total: 24105.55859375,
    memory_available: 23420.8125,
    disk_total: 258019.61328125,
    disk_used: 25074.05078125,
    temperature: 0.0,
    uptime: uptimeS,
    pluto_temp: 'N/A',
    zynq_temp: 'N/A',
    speed: 0.42,
    track: 36.5,
    gps_fix: true,
    time_source: 'gpsd',
    gpsd_time_utc: new Date(atS * 1000).toISOString(),
    last_update_time: atS,
  };
}
