// Drones and aircraft: the `drones` table (WarDragon Analytics timescaledb/01-init.sql).
import {
  always,
  flag,
  integer,
  type KindRules,
  nonZero,
  number,
  position,
  type Read,
  same,
  text,
  times,
  within,
} from './columns.js';

const METRES_PER_FOOT = 0.3048;
const MPS_PER_KNOT = 0.514444;
const MPS_PER_FOOT_PER_MINUTE = 0.00508;
/** A uint16 that wrapped: 65531 is -5. */
const WRAPPED_M = 32_768;
/** Above it a frequency is in Hz, below in MHz: the key is the same, the unit is not. */
const HIGHEST_MHZ = 100_000;

const altitude = within(-1_000, WRAPPED_M - 1, nonZero);
const heading = within(0, 360);

function mhz(value: unknown): Read {
  const plain = nonZero(value);
  return typeof plain === 'number' && plain > HIGHEST_MHZ ? plain / 1e6 : plain;
}

export const droneColumns: KindRules = {
  rules: [
    { column: 'drone_id', field: 'id', read: text },
    { column: 'track_type', field: 'track_type', read: always('drone') },
    ...position('lat', 'lon'),
    ...position('pilot_lat', 'pilot_lon'),
    ...position('home_lat', 'home_lon'),
    ...same(altitude, 'alt'),
    { column: 'heading', field: 'direction', read: heading },
    ...same(heading, 'direction'),
    ...same(number, 'speed', 'vspeed', 'height', 'pressure_altitude', 'observed_at'),
    ...same(nonZero, 'gps_accuracy'),
    ...same(integer, 'runtime'),
    { column: 'rssi', field: 'rssi', read: (value) => integer(nonZero(value)) },
    ...same(mhz, 'freq', 'freq_mhz'),
    ...same(text, 'ua_type', 'ua_type_name', 'id_type', 'operator_id_type', 'operator_id', 'op_status', 'caa_id'),
    ...same(text, 'height_type', 'ew_dir', 'mac', 'transport', 'description'),
    ...same(text, 'rid_make', 'rid_model', 'rid_source', 'rid_status', 'rid_tracking'),
    ...same(flag, 'rid_lookup_attempted', 'rid_lookup_success'),
  ],
  elsewhere: [],
  echoes: { latitude: 'lat', longitude: 'lon' },
};

export const aircraftColumns: KindRules = {
  rules: [
    // One identity per aircraft, whichever way it came.
    { column: 'drone_id', field: 'icao', read: (value) => (typeof value === 'string' ? value.toUpperCase() : null) },
    { column: 'track_type', field: 'track_type', read: always('aircraft') },
    { column: 'rid_source', field: 'rid_source', read: always('adsb') },
    ...position('lat', 'lon'),
    ...same(times(METRES_PER_FOOT), 'alt'),
    ...same(times(MPS_PER_KNOT), 'speed'),
    { column: 'vspeed', field: 'vertical_rate', read: times(MPS_PER_FOOT_PER_MINUTE) },
    { column: 'heading', field: 'track', read: heading },
    { column: 'direction', field: 'track', read: heading },
    { column: 'rssi', field: 'rssi', read: (value) => integer(nonZero(value)) },
    { column: 'description', field: 'callsign', read: text },
    ...same(number, 'observed_at'),
  ],
  elsewhere: [],
  echoes: { latitude: 'lat', longitude: 'lon', altitude_ft: 'alt', speed_kt: 'speed', heading: 'track' },
};
