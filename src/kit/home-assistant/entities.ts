// Home Assistant's entities of a drone and of the kit: DragonSync's, under its unique ids and on its discovery topics
// (DragonSync sinks/mqtt_sink.py), so that what Home Assistant has recorded of them goes on.
import { createHash } from 'node:crypto';
import type { JsonObject } from '../../base/json.js';
import { VERSION } from '../../base/version.js';
import { kitLevel } from '../../schema/topics.js';

export interface EntityNames {
  /** Of Home Assistant's discovery topics. */
  readonly prefix: string;
  /** The beginning of every unique id. */
  readonly deviceBase: string;
}

/** What the entities of one device share. */
export interface Device {
  /** Of its unique ids; the entity's own part follows. */
  readonly base: string;
  readonly device: JsonObject;
  /** Where its values are published. */
  readonly stateTopic: string;
  /** Of the kit: the topic of its last will. */
  readonly service: string;
  /** Of the drone alone: whether it is heard now. */
  readonly presence?: string;
  /** The name of its place on the map. */
  readonly name: string;
}

export interface Entity {
  readonly component: 'sensor' | 'device_tracker';
  /** Its part of the unique id; '' for the place of the device itself. */
  readonly suffix: string;
  /** An entity is made once its value has been known. */
  readonly isKnown: (message: JsonObject) => boolean;
  /** The keys that are its own (home-assistant.io/integrations/sensor.mqtt and device_tracker.mqtt). */
  readonly config: JsonObject;
  /** Before the device's name. */
  readonly prefix?: string;
}

/** Its value is always known: whoever announces a drone announces this one. */
export const ANCHOR = 'main';

interface Look {
  readonly unit?: string;
  readonly deviceClass?: string;
  readonly icon: string;
}

/** A state may have no more characters (homeassistant/const.py MAX_LENGTH_STATE_STATE). */
const MAX_STATE = 255;

function sensor(suffix: string, name: string, template: string, look: Look, isKnown: Entity['isKnown']): Entity {
  const { unit, deviceClass, icon } = look;
  return {
    component: 'sensor',
    suffix,
    isKnown,
    config: {
      name,
      value_template: template,
      ...(unit === undefined ? {} : { unit_of_measurement: unit }),
      ...(deviceClass === undefined ? {} : { device_class: deviceClass }),
      icon,
    },
  };
}

/** DragonSync says 0.0 for what it does not know; an empty value leaves the sensor as it is. */
function measured(suffix: string, name: string, field: string, look: Look): Entity {
  return sensor(suffix, name, `{{ value_json.${field} or '' }}`, look, isNumber(field));
}

/** Where 0 is a value too, once another one has shown that it is measured at all. */
function changing(suffix: string, name: string, field: string, look: Look): Entity {
  return sensor(suffix, name, `{{ value_json.${field} }}`, look, isNumber(field));
}

/** One of the two halves of a place, of which 0.0/0.0 is none. */
function coordinate(suffix: string, name: string, field: string, [lat, lon]: Place, icon: string): Entity {
  const template = `{{ value_json.${field} if value_json.${lat} or value_json.${lon} else '' }}`;
  return sensor(suffix, name, template, { unit: '°', icon }, isPlace([lat, lon]));
}

function words(suffix: string, name: string, field: string, icon: string, otherwise = ''): Entity {
  const template = `{{ ((value_json.${field} or '${otherwise}') | string)[:${MAX_STATE}] }}`;
  return sensor(suffix, name, template, { icon }, otherwise === '' ? isText(field) : () => true);
}

type Place = readonly [lat: string, lon: string];

const DRONE: Place = ['lat', 'lon'];
const PILOT: Place = ['pilot_lat', 'pilot_lon'];
const HOME: Place = ['home_lat', 'home_lon'];
const ON_MAP: Place = ['latitude', 'longitude'];

function isPlace([lat, lon]: Place): Entity['isKnown'] {
  const [isLat, isLon] = [isNumber(lat), isNumber(lon)];
  return (message) => isLat(message) || isLon(message);
}

function isNumber(field: string): Entity['isKnown'] {
  return ({ [field]: value }) => typeof value === 'number' && value !== 0;
}

function isText(field: string): Entity['isKnown'] {
  return ({ [field]: value }) => typeof value === 'string' && value !== '' && value !== 'Unknown';
}

/** No place by `state_topic`: Home Assistant takes it from the attributes alone (homeassistant/components/mqtt/device_tracker.py). */
function tracker(suffix: string, template: string, icon: string, place: Place, prefix?: string): Entity {
  const config = { source_type: 'gps', json_attributes_template: template, icon };
  return {
    component: 'device_tracker',
    suffix,
    isKnown: isPlace(place),
    config,
    ...(prefix === undefined ? {} : { prefix }),
  };
}

/** All of the message, without what changes with each one and means nothing there, and without a place that is none. */
const ATTRIBUTES =
  "{% set without = ['gps_accuracy', 'sink'] + ([] if value_json.latitude or value_json.longitude else ['latitude', 'longitude']) %}" +
  "{{ dict(value_json.items() | rejectattr(0, 'in', without)) | tojson }}";

function placeOnly([lat, lon]: Place): string {
  const place = `{'latitude': value_json.${lat}, 'longitude': value_json.${lon}}`;
  return `{{ (${place} if value_json.${lat} or value_json.${lon} else {}) | tojson }}`;
}

export const DRONE_ENTITIES: readonly Entity[] = [
  words(ANCHOR, 'Drone', 'description', 'mdi:drone', 'Drone'),
  tracker('', ATTRIBUTES, 'mdi:drone', ON_MAP),
  tracker('pilot', placeOnly(PILOT), 'mdi:account', PILOT, 'pilot-'),
  tracker('home', placeOnly(HOME), 'mdi:home', HOME, 'home-'),
  coordinate('lat', 'Latitude', 'lat', DRONE, 'mdi:map-marker'),
  coordinate('lon', 'Longitude', 'lon', DRONE, 'mdi:map-marker'),
  measured('alt', 'Altitude', 'alt', { unit: 'm', deviceClass: 'distance', icon: 'mdi:map-marker-distance' }),
  changing('speed', 'Speed', 'speed', { unit: 'm/s', deviceClass: 'speed', icon: 'mdi:speedometer' }),
  changing('vspeed', 'Vertical Speed', 'vspeed', { unit: 'm/s', icon: 'mdi:axis-z-arrow' }),
  changing('height', 'AGL', 'height', { unit: 'm', icon: 'mdi:altimeter' }),
  changing('dir', 'Course', 'direction', { unit: '°', icon: 'mdi:compass' }),
  coordinate('pilot_lat', 'Pilot Latitude', 'pilot_lat', PILOT, 'mdi:account'),
  coordinate('pilot_lon', 'Pilot Longitude', 'pilot_lon', PILOT, 'mdi:account'),
  coordinate('home_lat', 'Home Latitude', 'home_lat', HOME, 'mdi:home'),
  coordinate('home_lon', 'Home Longitude', 'home_lon', HOME, 'mdi:home'),
  measured('rssi', 'Signal (RSSI)', 'rssi', { unit: 'dBm', deviceClass: 'signal_strength', icon: 'mdi:wifi' }),
  measured('freq', 'Radio Freq (MHz)', 'freq_mhz', { unit: 'MHz', icon: 'mdi:radio-tower' }),
  words('ua_type', 'UA Type', 'ua_type_name', 'mdi:airplane'),
  words('op_id', 'Operator ID', 'operator_id', 'mdi:id-card'),
  words('transport', 'Transport', 'transport', 'mdi:transit-connection-variant'),
  words('description', 'Description', 'description', 'mdi:information-outline'),
];

/** The kit's health is history: a replay of it must not stand for how the kit is now. */
const IS_REPLAY = "value_json.get('sink', {}).get('replay')";

function healthTemplate(value: string): string {
  return `{{ '' if ${IS_REPLAY} else ${value} }}`;
}

function health(suffix: string, name: string, field: string, look: Look, value = `value_json.${field}`): Entity {
  return sensor(suffix, name, healthTemplate(value), look, isNumber(field));
}

const DEGREES = { unit: '°C', deviceClass: 'temperature', icon: 'mdi:thermometer' };

export const KIT_ENTITIES: readonly Entity[] = [
  tracker('', `{% if ${IS_REPLAY} %}{}{% else %}${ATTRIBUTES}{% endif %}`, 'mdi:router-wireless', ON_MAP),
  health('cpu', 'CPU Usage', 'cpu_usage', { unit: '%', icon: 'mdi:cpu-64-bit' }),
  health('mem_free', 'Memory Available', 'memory_available_mb', { unit: 'MB', icon: 'mdi:memory' }),
  health('mem_total', 'Memory Total', 'memory_total_mb', { unit: 'MB', icon: 'mdi:memory' }),
  health('disk_used', 'Disk Used', 'disk_used_mb', { unit: 'MB', icon: 'mdi:harddisk' }),
  health('disk_total', 'Disk Total', 'disk_total_mb', { unit: 'MB', icon: 'mdi:harddisk' }),
  health('temp', 'System Temp', 'temperature_c', DEGREES, "value_json.temperature_c or ''"),
  health('uptime', 'Uptime', 'uptime_s', { unit: 'h', icon: 'mdi:timer-outline' }, '(value_json.uptime_s or 0) / 3600'),
  health('speed', 'Ground Speed', 'speed_mps', { unit: 'm/s', deviceClass: 'speed', icon: 'mdi:speedometer' }),
  health('track', 'Course', 'track_deg', { unit: '°', icon: 'mdi:compass' }),
  health('pluto_temp', 'Pluto Temp', 'pluto_temp_c', DEGREES),
  health('zynq_temp', 'Zynq Temp', 'zynq_temp_c', DEGREES),
];

/** A name that people read; ids come from the air, of any length. */
const MAX_NAME = 64;

export function droneDevice(names: EntityNames, id: string, stateTopic: string, service: string): Device {
  const safe = safeId(id);
  return {
    base: `${names.deviceBase}_${safe}`,
    device: { identifiers: [`${names.deviceBase}:${safe}`], name: shortName(id) },
    stateTopic,
    service,
    presence: presenceTopic(stateTopic),
    name: shortName(id),
  };
}

/** DragonSync's: whether the drone is heard now. */
export function presenceTopic(stateTopic: string): string {
  return `${stateTopic}/availability`;
}

export function kitDevice({ deviceBase }: EntityNames, kitId: string, stateTopic: string, service: string): Device {
  const level = kitLevel(kitId);
  const name = `WarDragon ${level}`;
  return {
    base: `${deviceBase}_${level}_system`,
    device: { identifiers: [`${deviceBase}:${level}:system`], name, manufacturer: 'CEMAXECUTER', model: 'WarDragon' },
    stateTopic,
    service,
    name,
  };
}

/** Where it is announced. */
export function configTopic(
  { prefix }: EntityNames,
  { base }: Device,
  entity: Pick<Entity, 'component' | 'suffix'>,
): string {
  return `${prefix}/${entity.component}/${uniqueId(base, entity.suffix)}/config`;
}

export function configOf({ base, device, stateTopic, service, presence, name }: Device, entity: Entity): JsonObject {
  const { component, suffix, config, prefix } = entity;
  const isTracker = component === 'device_tracker';
  // A place that is over leaves the map; a sensor keeps its last value while the kit is there.
  const topics = isTracker && presence !== undefined ? [presence, service] : [service];
  return {
    ...(isTracker ? { name: prefix === undefined ? name : prefix + name.replace(/^drone-/, '') } : {}),
    ...config,
    unique_id: uniqueId(base, suffix),
    device,
    [isTracker ? 'json_attributes_topic' : 'state_topic']: stateTopic,
    availability: topics.map((topic) => ({ topic })),
    ...(topics.length > 1 ? { availability_mode: 'all' } : {}),
    origin: { name: 'dragonsink', sw_version: VERSION },
  };
}

/** The topic of the last will of the kit that announced this; null for what is no announcement of ours. */
export function announcerOf(config: unknown): string | null {
  const { availability } = (config ?? {}) as { availability?: unknown };
  const last: unknown = Array.isArray(availability) ? availability.at(-1) : null;
  const { topic } = (last ?? {}) as { topic?: unknown };
  return typeof topic === 'string' ? topic : null;
}

function uniqueId(base: string, suffix: string): string {
  return suffix === '' ? base : `${base}_${suffix}`;
}

const SAFE_ID = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * A drone's id as Home Assistant takes it in a discovery topic (homeassistant/components/mqtt/discovery.py). What
 * it does not take it has never taken from DragonSync, so there is no history that would break; the digest keeps apart
 * what looks the same without those characters.
 */
function safeId(id: string): string {
  if (SAFE_ID.test(id)) return id;
  const digest = createHash('sha256').update(id).digest('hex').slice(0, 12);
  return `${id.slice(0, 40).replace(/[^A-Za-z0-9_-]/g, '_')}_${digest}`;
}

function shortName(id: string): string {
  const plain = id.toWellFormed().replace(/\p{C}/gu, ' ').trim();
  return plain === '' ? 'drone' : plain.slice(0, MAX_NAME).toWellFormed();
}
