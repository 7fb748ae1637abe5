// What several of the kit's settings must be together.
import type { Draft } from './draft.js';
import { addressOf, isLoopback } from './hosts.js';
import { hostOf, KIT_SPEC } from './kit-spec.js';
import { checkTls, exposure } from './link-rules.js';
import { topicConflicts } from './topic-rules.js';

type MqttDraft = Draft<typeof KIT_SPEC.MQTT>;
type DragonSyncDraft = Draft<typeof KIT_SPEC.DRAGONSYNC>;

const TOPICS = ['mqtt_topic', 'mqtt_per_drone_base', 'mqtt_aircraft_topic', 'mqtt_signals_topic'] as const;

export function checkMqtt(draft: MqttDraft, isDragonSyncs: boolean): void {
  checkHost(draft, isDragonSyncs);
  checkPlaintext(draft);
  checkVersion(draft);
  checkFrames(draft);
  checkReplay(draft);
  checkTopics(draft);
  checkHomeAssistant(draft);
  const { mqtt_tls, mqtt_ca_file, mqtt_certfile, mqtt_keyfile, mqtt_tls_insecure } = draft.values;
  checkTls(draft, {
    enabled: ['mqtt_tls', mqtt_tls],
    ca: ['mqtt_ca_file', mqtt_ca_file],
    cert: ['mqtt_certfile', mqtt_certfile],
    key: ['mqtt_keyfile', mqtt_keyfile],
  });
  if (mqtt_tls && mqtt_tls_insecure) {
    draft.warn('mqtt_tls_insecure', 'the certificate of the broker is not checked: anybody can pose as it');
  }
}

function checkHost(draft: MqttDraft, isDragonSyncs: boolean): void {
  const { mqtt_enabled, mqtt_host } = draft.values;
  if (!mqtt_enabled || mqtt_host !== '' || draft.failed.has('mqtt_host')) return;
  const elsewhere = isDragonSyncs ? ", in a section [MQTT] ([SETTINGS] is DragonSync's and not read)" : '';
  draft.fail('mqtt_host', 'is not set', `the broker's host name or address${elsewhere}, or mqtt_enabled = false`);
}

function checkPlaintext(draft: MqttDraft): void {
  const { mqtt_enabled, mqtt_host, mqtt_tls, mqtt_allow_plaintext } = draft.values;
  const unsure = ['mqtt_host', 'mqtt_tls', 'mqtt_allow_plaintext'].some((key) => draft.failed.has(key));
  if (!mqtt_enabled || unsure || mqtt_allow_plaintext) return;
  const readers = exposure(mqtt_host, mqtt_tls);
  if (readers === 'network') {
    draft.warn(
      'mqtt_host',
      `the way to ${mqtt_host} is not encrypted: everybody in that network can read and change it`,
    );
  }
  if (readers !== 'all') return;
  draft.fail(
    'mqtt_host',
    `${mqtt_host} is another machine, and the way there is not encrypted`,
    'mqtt_tls = true, or mqtt_allow_plaintext = true if the network between is trusted',
  );
}

function checkVersion(draft: MqttDraft): void {
  const { mqtt_version, mqtt_username, mqtt_password } = draft.values;
  if (mqtt_version !== '3.1.1') return;
  draft.warn('mqtt_version', '3.1.1: a broker confirms also what its access rules made it throw away; 5 says so');
  // [MQTT-3.1.2-22]
  if (mqtt_password !== '' && mqtt_username === '') {
    draft.fail('mqtt_password', 'is set without mqtt_username', 'both; MQTT 3.1.1 has no password without a user');
  }
}

/** Frames are for a server, and its word is all that tells whether it has them. */
function checkFrames(draft: MqttDraft): void {
  const { mqtt_wire, mqtt_replay, mqtt_delivery } = draft.values;
  if (mqtt_delivery !== 'broker') return;
  const expected = 'mqtt_delivery = auto or database';
  if (mqtt_wire === 'stream') draft.fail('mqtt_wire', 'stream needs a server, and delivery is by the broker', expected);
  if (mqtt_replay === 'frames') {
    draft.fail('mqtt_replay', 'frames need a server, and delivery is by the broker', expected);
  }
}

function checkReplay(draft: MqttDraft): void {
  const { mqtt_replay, mqtt_delivery } = draft.values;
  if (mqtt_replay !== 'off' || mqtt_delivery === 'broker') return;
  const consequence = 'what an outage held back stays in the spool until it is evicted';
  draft.warn('mqtt_replay', `with mqtt_delivery = ${mqtt_delivery} and mqtt_replay = off, ${consequence}`);
}

function checkTopics(draft: MqttDraft): void {
  const used = draft.values.mqtt_ha_enabled ? [...TOPICS, 'mqtt_ha_prefix' as const] : TOPICS;
  const sound = used.filter((key) => !draft.failed.has(key));
  const topics = Object.fromEntries(sound.map((key) => [key, draft.values[key]]));
  for (const { key, message, expected } of topicConflicts(topics, 'mqtt_per_drone_base')) {
    draft.fail(key, message, expected);
  }
}

function checkHomeAssistant(draft: MqttDraft): void {
  const { mqtt_ha_enabled, mqtt_per_drone_enabled, mqtt_wire } = draft.values;
  if (!mqtt_ha_enabled) return;
  if (!mqtt_per_drone_enabled) {
    const message = "reads each drone's values on the drone's own topic, and there is none";
    draft.fail('mqtt_ha_enabled', `Home Assistant ${message}`, 'mqtt_per_drone_enabled = true beside it');
  }
  if (mqtt_wire === 'stream') {
    const health =
      'of the kit itself Home Assistant gets nothing: with mqtt_wire = stream its health goes to the server';
    const access =
      "and an enrolled kit announces drones only where the broker's access rules let it (config/mosquitto/acl)";
    draft.warn('mqtt_ha_enabled', `${health}; ${access}`);
  }
}

export function checkDragonSync(draft: DragonSyncDraft, ours: Broker): void {
  checkPush(draft, ours);
  const { api_url, api_local_address } = draft.values;
  if (draft.failed.has('api_url') || isLoopback(hostOf(api_url))) return;
  if (draft.isSet('api_local_address') && api_local_address !== '') {
    draft.warn('api_local_address', 'has no effect: api_url is on another machine');
  }
}

/** What we publish to. */
type Broker = Pick<MqttDraft['values'], 'mqtt_enabled' | 'mqtt_host' | 'mqtt_port'>;

function checkPush(draft: DragonSyncDraft, ours: Broker): void {
  const { source, listen, local_mqtt_host } = draft.values;
  const isSubscriber = local_mqtt_host !== '';
  if (source !== 'mqtt') {
    for (const key of ['listen', 'local_mqtt_host'] as const) {
      if (draft.values[key] !== KIT_SPEC.DRAGONSYNC[key].default)
        draft.warn(key, 'has no effect without source = mqtt');
    }
    return;
  }
  if (isSubscriber) {
    if (draft.isSet('listen')) draft.warn('listen', 'has no effect: local_mqtt_host names a broker');
    if (exposure(local_mqtt_host, false) !== 'nobody') {
      draft.warn(
        'local_mqtt_host',
        `the way to ${local_mqtt_host} is not encrypted, and whoever is on it can make detections up`,
      );
    }
    return;
  }
  const place = addressOf(listen);
  if (draft.failed.has('listen') || place === null) return;
  if (!isLoopback(place.host)) {
    draft.warn('listen', `${place.host} can be reached from other machines: they can make detections up`);
  }
  if (ours.mqtt_enabled && isLoopback(ours.mqtt_host) && ours.mqtt_port === place.port) {
    const expected = 'local_mqtt_host and local_mqtt_port of that broker, or another port here and in DragonSync';
    draft.fail('listen', `${listen} is where mqtt_host and mqtt_port expect a broker`, expected);
  }
}
