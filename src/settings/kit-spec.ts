// Every key of the kit's config.ini.
import { isIP } from 'node:net';
import { LOG_LEVELS } from '../base/log.js';
import { isKitId, UNKNOWN_KIT } from '../schema/kit-id.js';
import { addressOf, isLoopback } from './hosts.js';
import { MQTT_SPEC } from './mqtt-spec.js';
import { quote } from './problems.js';
import { choice, decimal, host, type Parsed, path, text, whole } from './spec.js';

const API_ADDRESS = '127.0.0.88';

const DRAGONSYNC = {
  source: choice({
    choices: ['api', 'mqtt'],
    default: 'api',
    doc: 'Where detections are taken from: the HTTP API of DragonSync, which is polled; or its own MQTT, without delay, and the API for what it does not push.',
  }),
  api_url: text({
    default: 'http://127.0.0.1:8088',
    expected: 'a URL as http://127.0.0.1:8088, without a user or password',
    check: checkApiUrl,
    doc: "The address of DragonSync's HTTP API.",
  }),
  api_poll_s: decimal({
    default: 2,
    min: 1,
    max: 60,
    doc: 'Seconds between two looks at the API. Below 1.5 they are more than the 100 requests a minute DragonSync answers.',
  }),
  api_local_address: text({
    default: API_ADDRESS,
    mayBeEmpty: true,
    derive: (set) => (isLoopback(hostOf(set['api_url'])) ? API_ADDRESS : ''),
    expected: 'an IP address of this machine, or nothing',
    check: (raw) => (isIP(raw) === 0 ? { wrong: `${quote(raw)} is not an IP address` } : { value: raw }),
    doc: 'The loopback address from which the API is asked: DragonSync counts requests per address. Empty for any.',
  }),
  aircraft_interval_s: decimal({
    default: 5,
    min: 0,
    max: 3600,
    doc: 'Seconds between two messages about the same aircraft; 0 for every change.',
  }),
  droneid_health_port: whole({
    default: 4227,
    min: 0,
    max: 65_535,
    doc: 'The port on 127.0.0.1 where droneid-go publishes the health of its receivers (ZeroMQ); 0 for none.',
  }),
  dragonsig_health_port: whole({
    default: 4228,
    min: 0,
    max: 65_535,
    doc: 'The same of DragonSig.',
  }),
  listen: text({
    default: '127.0.0.1:1883',
    expected: 'an address of this kit and a port as 127.0.0.1:1883',
    check: (raw) => {
      return addressOf(raw) === null ? { wrong: `${quote(raw)} is no address with a port` } : { value: raw };
    },
    doc: "Where DragonSync's own MQTT is listened for, with source = mqtt. Whoever reaches it can make detections up.",
  }),
  local_mqtt_host: host({
    default: '',
    doc: "The host of the broker that DragonSync publishes to, with source = mqtt; empty for dragonsink's own listener.",
  }),
  local_mqtt_port: whole({
    default: 1883,
    min: 1,
    max: 65_535,
    doc: 'The port of that broker.',
  }),
} as const;

const SPOOL = {
  path: path({
    default: '/var/lib/dragonsink/spool.db',
    doc: 'The file in which detections wait, on a disk that survives a power cut.',
  }),
  max_mb: whole({
    default: 2048,
    min: 1,
    max: 1_000_000,
    doc: 'The most the spool may take on the disk, in MiB, with its -wal and -shm files.',
  }),
  max_age_h: whole({
    default: 720,
    min: 1,
    max: 87_600,
    doc: 'Hours after which a message is evicted; counted while dragonsink runs, whatever the clock says.',
  }),
  min_free_mb: whole({
    default: 512,
    min: 0,
    max: 1_000_000,
    doc: 'With less than this free on the disk, in MiB, the spool stops growing: each new row evicts an old one.',
  }),
  evict: choice({
    choices: ['priority', 'oldest', 'reject-new'],
    default: 'priority',
    doc: "What a full spool gives up: aircraft, then the kit's health, signals, drones; the oldest of all; or what is new.",
  }),
} as const;

const KIT = {
  kit_id: text({
    default: '',
    example: 'wardragon-1234',
    expected: '1 to 64 letters, digits, dots, dashes or underscores',
    check: (raw) => (isKitId(raw) ? { value: raw } : { wrong: wrongKitId(raw) }),
    doc: "The kit's name; empty to find it on the kit. It can't be changed for a spool that has one.",
  }),
  log_level: choice({ choices: LOG_LEVELS, default: 'info', doc: 'How much is logged, to standard error.' }),
  status_port: whole({
    default: 4290,
    min: 0,
    max: 65_535,
    doc: 'The port on 127.0.0.1 where `dragonsink status` asks the running kit; 0 for none.',
  }),
} as const;

export const KIT_SPEC = { MQTT: MQTT_SPEC, DRAGONSYNC, SPOOL, KIT } as const;

function wrongKitId(raw: string): string {
  return raw === UNKNOWN_KIT
    ? `${raw} is what DragonSync calls every kit it does not know`
    : `${quote(raw)} can't be a kit id`;
}

function checkApiUrl(raw: string): Parsed<string> {
  if (!URL.canParse(raw)) return { wrong: `${quote(raw)} is not a URL` };
  const { protocol, username, password, search, hash } = new URL(raw);
  if (protocol !== 'http:' && protocol !== 'https:') return { wrong: `${quote(raw)} is neither http nor https` };
  if (username !== '' || password !== '') return { wrong: 'holds a user or a password (not shown)' };
  if (search !== '' || hash !== '') return { wrong: `${quote(raw)} holds ? or #` };
  return { value: raw.replace(/\/+$/, '') };
}

export function hostOf(url: unknown): string {
  return typeof url === 'string' && URL.canParse(url) ? new URL(url).hostname : '';
}
