// Every key of the kit's [MQTT] section: those of WarDragon Analytics' MQTT guide, and ours.
import { quote } from './problems.js';
import { choice, flag, host, path, text, whole } from './spec.js';
import { topic } from './topic-rules.js';

const QOS = [0, 1, 2] as const;

/** The keys of the guide, with its meanings (WarDragonAnalytics docs/mqtt.md). */
const GUIDE = {
  mqtt_enabled: flag({ default: true, doc: 'Publish over MQTT. When false, everything stays in the spool.' }),
  mqtt_host: host({
    default: '',
    required: true,
    example: 'broker.example',
    doc: "The broker's host name or address. Required.",
  }),
  mqtt_port: whole({
    default: 1883,
    min: 1,
    max: 65_535,
    derive: (set) => (set['mqtt_tls'] === true ? 8883 : 1883),
    doc: "The broker's port. Unless it is set it is 1883, and 8883 with mqtt_tls.",
  }),
  mqtt_username: text({ default: '', example: 'kit-1', doc: 'The user name for the broker; empty for none.' }),
  mqtt_password: text({
    default: '',
    secret: 'all',
    secretFile: 'mqtt_password_file',
    doc: 'The password for the broker. The whole rest of the line belongs to it, also # and ;.',
  }),
  mqtt_tls: flag({ default: false, doc: 'Encrypt the connection to the broker with TLS.' }),
  mqtt_ca_file: path({
    default: '',
    aliases: ['mqtt_ca_cert'],
    example: '/etc/dragonsink/ca.crt',
    doc: "The CA certificate (PEM) that signed the broker's; empty for the well-known CAs.",
  }),
  mqtt_certfile: path({
    default: '',
    example: '/etc/dragonsink/kit.crt',
    doc: 'The client certificate (PEM), for a broker that asks for one. Needs mqtt_keyfile.',
  }),
  mqtt_keyfile: path({
    default: '',
    example: '/etc/dragonsink/kit.key',
    doc: 'The private key (PEM) of mqtt_certfile.',
  }),
  mqtt_tls_insecure: flag({ default: false, doc: 'Accept any certificate from the broker. For a lab only.' }),
  mqtt_topic: topic({ default: 'wardragon/drones', doc: 'The topic of all drone messages.' }),
  mqtt_per_drone_enabled: flag({
    default: false,
    doc: 'Also publish the latest state of each drone, on a topic of its own.',
  }),
  mqtt_per_drone_base: topic({
    default: 'wardragon/drone',
    doc: "The beginning of the drones' own topics; a / and the drone's id follow.",
  }),
  mqtt_aircraft_enabled: flag({ default: true, doc: 'Take in and publish aircraft (ADS-B, UAT).' }),
  mqtt_aircraft_topic: topic({ default: 'wardragon/aircraft', doc: 'The topic of aircraft messages.' }),
  mqtt_signals_enabled: flag({ default: true, doc: 'Take in and publish FPV and other RF signals.' }),
  mqtt_signals_topic: topic({ default: 'wardragon/signals', doc: 'The topic of signal messages.' }),
  mqtt_retain: flag({
    default: true,
    doc: "Let the broker keep the latest message on the drones' own topics. All other detections are never retained.",
  }),
  mqtt_ha_enabled: flag({
    default: false,
    doc: 'Announce drones and the kit to Home Assistant (MQTT discovery), at most 100 drones at a time. Needs mqtt_per_drone_enabled.',
  }),
  mqtt_ha_prefix: topic({
    default: 'homeassistant',
    doc: "The topic prefix of Home Assistant's discovery.",
  }),
  mqtt_ha_device_base: text({
    default: 'wardragon_drone',
    expected: '1 to 64 letters, digits, dashes or underscores',
    check: (raw) =>
      /^[A-Za-z0-9_-]{1,64}$/.test(raw) ? { value: raw } : { wrong: `${quote(raw)} can't begin a unique id` },
    doc: "The beginning of the unique ids in Home Assistant; DragonSync's, so that what was recorded before goes on.",
  }),
} as const;

const OURS = {
  mqtt_qos: choice({
    choices: QOS,
    default: 1,
    doc: 'The MQTT quality of service of what is published: 0 may lose, 1 repeats until confirmed, 2 never doubles.',
  }),
  mqtt_qos_drones: qosOf('drones'),
  mqtt_qos_aircraft: qosOf('aircraft'),
  mqtt_qos_signals: qosOf('signals'),
  mqtt_qos_system: qosOf("the kit's health"),
  mqtt_version: choice({
    choices: ['5', '3.1.1'],
    default: '5',
    doc: 'The MQTT version. With 3.1.1 a broker can confirm a message that it has thrown away.',
  }),
  mqtt_client_id: text({ default: '', example: 'kit-1', doc: 'The MQTT client id; empty for the kit id.' }),
  mqtt_keepalive: whole({
    default: 30,
    min: 5,
    max: 3600,
    doc: 'Seconds without traffic after which the connection is tried with a ping.',
  }),
  mqtt_password_file: path({
    default: '',
    example: '/etc/dragonsink/mqtt-password',
    doc: 'A file that holds the password instead of mqtt_password. Others must not be able to read it (chmod 600).',
  }),
  mqtt_wire: choice({
    choices: ['topics', 'stream'],
    default: 'topics',
    doc: 'How detections travel: topics, one message each on its topic; or stream, many in one compressed frame that only a dragonsink server reads. With stream nothing is sent while no server is there, only the database frees the spool (as mqtt_delivery = database), and a server too old for it gets topics.',
  }),
  mqtt_frame_ms: whole({
    default: 250,
    min: 10,
    max: 60_000,
    doc: 'Milliseconds that a new detection may wait for others to share its frame; 10000 suits a metered link.',
  }),
  mqtt_replay: choice({
    choices: ['auto', 'frames', 'topics', 'off'],
    default: 'auto',
    doc: 'How the backlog is sent after an outage: in frames where every server takes them, else on the topics (auto); only in frames, however long it takes until a server takes them; or only on the topics. Its messages are marked as replays and never retained; off, for a broker that only Home Assistant reads, keeps it in the spool.',
  }),
  mqtt_delivery: choice({
    choices: ['auto', 'database', 'broker'],
    default: 'auto',
    doc: 'When a message may leave the spool: when the database has it; when the broker has confirmed it; or auto: as database once a dragonsink server has ever answered, and until then what the broker confirmed is kept for the first server that comes.',
  }),
  mqtt_drain_rate_kbps: whole({
    default: 0,
    min: 0,
    max: 10_000_000,
    doc: 'The most kilobits per second that the backlog may use; 0 for no limit.',
  }),
  mqtt_allow_plaintext: flag({
    default: false,
    doc: 'Allow a connection without TLS to a broker outside the private network. Everybody on the way can read and change it.',
  }),
  mqtt_ha_expire_h: whole({
    default: 24,
    min: 1,
    max: 8760,
    doc: 'Hours after which a drone that is gone is removed from Home Assistant; counted while dragonsink runs, whatever the clock says.',
  }),
} as const;

function qosOf(what: string) {
  return choice({ choices: QOS, default: 1, follows: 'mqtt_qos', doc: `The same for ${what}; unless set, mqtt_qos.` });
}

export const MQTT_SPEC = { ...GUIDE, ...OURS } as const;
