// What both ends of a stream frame know without being told: the fields of each kind, what is usually in them, and the
// bytes that deflate may refer back to. A dictionary never changes once a version of dragonsink is out that has it: a
// frame names its own by number. A field that it does not have travels all the same, with its name.
import { crc32 } from 'node:zlib';
import type { JsonObject } from '../base/json.js';
import type { Kind } from './kinds.js';

export interface Dictionary {
  readonly id: number;
  /** The order in which fields are spelled. One that can be told from others (stream-rows.ts) stands behind them. */
  readonly fields: Readonly<Record<Kind, readonly string[]>>;
  /** A message that differs from it in little is short. */
  readonly typical: Readonly<Record<Kind, JsonObject>>;
  /** For deflate: what is likeliest stands last, where a reference to it is shortest. */
  readonly bytes: Buffer;
  /** Of the bytes: where a frame's checksum begins, so that another dictionary of the same number is noticed. */
  readonly checksum: number;
}

const FIELDS: Dictionary['fields'] = {
  drone: [
    ...['id', 'observed_at', 'last_update_time', 'lat', 'lon', 'alt', 'height', 'speed', 'direction', 'vspeed'],
    ...['rssi', 'freq', 'rid_timestamp', 'index', 'runtime', 'pressure_altitude', 'pilot_lat', 'pilot_lon'],
    ...['home_lat', 'home_lon', 'description', 'mac', 'operator_id_type', 'operator_id', 'id_type', 'ua_type'],
    ...['ua_type_name', 'op_status', 'height_type', 'ew_dir', 'speed_multiplier', 'horizontal_accuracy'],
    ...['vertical_accuracy', 'baro_accuracy', 'speed_accuracy', 'timestamp_accuracy', 'caa_id', 'transport'],
    ...['rid_make', 'rid_model', 'rid_status', 'rid_tracking', 'rid_source', 'rid_lookup_attempted'],
    ...['rid_lookup_success', 'gps_accuracy', 'track_type', 'timestamp', 'latitude', 'longitude', 'freq_mhz'],
  ],
  aircraft: [
    ...['icao', 'observed_at', 'lat', 'lon', 'alt', 'speed', 'track', 'rssi', 'callsign', 'registration', 'squawk'],
    ...['category', 'on_ground', 'nac_p', 'nac_v', 'vertical_rate', 'track_type', 'timestamp', 'latitude', 'longitude'],
    ...['altitude_ft', 'speed_kt', 'heading'],
  ],
  signal: [
    ...['uid', 'observed_at', 'lat', 'lon', 'alt', 'rssi', 'pal', 'ntsc', 'center_hz', 'bandwidth_hz', 'source'],
    ...['signal_type', 'callsign', 'description', 'sensor_lat', 'sensor_lon', 'sensor_alt', 'radius_m', 'timestamp'],
    ...['latitude', 'longitude', 'gps_accuracy'],
  ],
  system: [
    ...['id', 'observed_at', 'latitude', 'longitude', 'hae', 'cpu_usage', 'memory_available_mb', 'disk_used_mb'],
    ...['uptime_s', 'temperature_c', 'pluto_temp_c', 'zynq_temp_c', 'speed_mps', 'track_deg', 'gpsd_time_utc'],
    ...['memory_total_mb', 'disk_total_mb', 'gps_fix', 'time_source', 'timestamp', 'updated'],
  ],
};

const TYPICAL: Dictionary['typical'] = {
  drone: {
    ...{ direction: null, vspeed: 0, freq: null, index: 0, runtime: 0, pressure_altitude: 0 },
    ...{ pilot_lat: 0, pilot_lon: 0, home_lat: 0, home_lon: 0, mac: '', operator_id_type: '', operator_id: '' },
    ...{ id_type: 'Serial Number (ANSI/CTA-2063-A)', ua_type: 2, ua_type_name: 'Helicopter or Multirotor' },
    ...{ op_status: 'Airborne', height_type: '', ew_dir: '', speed_multiplier: 0, horizontal_accuracy: '' },
    ...{ vertical_accuracy: '', baro_accuracy: '', speed_accuracy: '', timestamp_accuracy: '', caa_id: '' },
    ...{ transport: '', rid_make: null, rid_model: null, rid_status: null, rid_tracking: null, rid_source: null },
    ...{ rid_lookup_attempted: true, rid_lookup_success: false, gps_accuracy: null, track_type: 'drone' },
  },
  aircraft: { on_ground: false, nac_p: 9, nac_v: 2, vertical_rate: null, track_type: 'aircraft' },
  signal: { rssi: null, pal: null, ntsc: null, bandwidth_hz: null, radius_m: 15, description: null },
  system: {
    ...{ temperature_c: 0, pluto_temp_c: null, zynq_temp_c: null, speed_mps: 0, track_deg: 0 },
    ...{ gps_fix: true, time_source: 'gpsd' },
  },
};

/** Texts of DragonSync and of the receivers before it, and how rows of a frame look. */
const TEXTS = [
  '["wardragon-","drone-alert","MAVLink drone Net ID  ( kbps) on 900MHz FHSS","drone-900FHSS-NETID-","gfsk_fhss"',
  '"lora_css","mlrs","energy","sik_alive_no_gps","sik_gps_repaired","sik_position_hint","MLRS-LINK-",unknown,static,gpsd',
  '"CAA Assigned Registration ID","UTM Assigned ID","Specific Session ID","None","Aeroplane","Hybrid Lift","Other"',
  '"Undeclared","Ground","Emergency","Remote ID System Failure","AGL","Ground Level","Takeoff","DJI O4 (Decrypted)"',
  '"DJI Encrypted (O4) (alert)","DJI Mini 3 Pro (O3)","DJI Mavic 3 (O3)","DJI Air 2S","DJI Phantom 4","Autel EVO II"',
  '"Skydio X2","Parrot ANAFI","WiFi-NAN","WiFi-Beacon","BT4-Legacy","BT5-LR-Extended"',
  '"accepted","DJI","Mavic","RID000000","local","faa"," h  min  s"," min  s","0.0 seconds past the hour"',
  '">=18.52 km (10 NM) or Unknown","<30 m","<10 m","<3 m","< 10 m","<1 m/s","<3 m/s","0.2 s","FA-","OP-","Operator ID"',
  '["a","AF","adsb","A1","A3","N","1200","squawk"],["y","AF","wardragon-",":00.000Z",0000000001,99999999',
  '["s","AF","fpv-alert-5800MHz","fpv","confirm","FPV confirm","FPV Signal",5800000000,6000000,27000000]',
  '["s","AF","gfsk_fhss-netid-","sik_confirm","gfsk_fhss","GFSK-FHSS sik_confirm","sik_reasm",915000000,921000000,-50',
  '["d","ABCFGHIJKLMNOP","drone-1581F",1790000000.,1800000000.,0,0,"60:60:1F:","90:3A:E6:"',
  '"Operator ID","OP-","Above Takeoff","East","West","< 3 m","< 1 m","< 1 m","< 0.3 m/s","0.1 seconds"],["d","',
];

function dictionary(id: number): Dictionary {
  const bytes = Buffer.from(TEXTS.join(','));
  const known = JSON.stringify([FIELDS, TYPICAL]);
  return { id, fields: FIELDS, typical: TYPICAL, bytes, checksum: crc32(bytes, crc32(known)) };
}

/** What is encoded with. */
export const DICTIONARY = dictionary(1);

/** What is decoded with, by number. */
export const DICTIONARIES: ReadonlyMap<number, Dictionary> = new Map([[DICTIONARY.id, DICTIONARY]]);
