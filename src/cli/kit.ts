// `dragonsink kit`: from the configuration to a running kit.
import { runParts, stopSignal } from '../base/lifecycle.js';
import { createLogger, type Logger } from '../base/log.js';
import type { Qos } from '../base/mqtt-link.js';
import { DragonSyncApi } from '../dragonsync/api-client.js';
import { KIT_ID_FILE } from '../kit/identity.js';
import { Kit, type KitOptions } from '../kit/kit.js';
import type { PushPlace } from '../kit/push-link.js';
import type { Kind } from '../schema/kinds.js';
import { DEFAULT_TOPICS } from '../schema/topics.js';
import { addressOf } from '../settings/hosts.js';
import type { KitSettings } from '../settings/kit-settings.js';
import { loadKitSettings } from '../settings/kit-settings.js';
import { describeProblem } from '../settings/problems.js';
import { openSpool } from '../spool/open-spool.js';
import type { Spool } from '../spool/spool.js';
import { spoolOptions } from './spool-settings.js';

export async function kitCommand(options: { config: string }): Promise<number> {
  const { settings, warnings } = loadKitSettings(options.config);
  const log = createLogger(settings.KIT.log_level);
  for (const warning of warnings) log.warn(describeProblem(warning));
  let damage: Error | null = null;
  const damaged = new AbortController();
  const onCorrupt = (error: Error): void => {
    damage ??= error;
    damaged.abort();
  };
  const kit = new Kit(kitOptions(settings, log, onCorrupt));
  await runParts([kit], log, AbortSignal.any([stopSignal(log), damaged.signal]));
  if (damage !== null) throw damage;
  return 0;
}

/** What the settings say of a kit; opens its spool. */
export function kitOptions(settings: KitSettings, log: Logger, onCorrupt: KitOptions['onCorrupt']): KitOptions {
  const { MQTT, DRAGONSYNC, SPOOL, KIT } = settings;
  if (!MQTT.mqtt_enabled) log.warn('mqtt_enabled = false: everything stays in the spool');
  return {
    spool: spoolOf(SPOOL, log),
    spoolPath: SPOOL.path,
    source: new DragonSyncApi({ baseUrl: DRAGONSYNC.api_url, localAddress: DRAGONSYNC.api_local_address }),
    pollMs: DRAGONSYNC.api_poll_s * 1_000,
    push: pushPlace(DRAGONSYNC),
    aircraftIntervalMs: DRAGONSYNC.aircraft_interval_s * 1_000,
    receiverPorts: [DRAGONSYNC.droneid_health_port, DRAGONSYNC.dragonsig_health_port].filter((port) => port !== 0),
    ...linkOf(MQTT),
    drainRateKbps: MQTT.mqtt_drain_rate_kbps,
    kitId: KIT.kit_id === '' ? null : KIT.kit_id,
    kitIdFile: KIT_ID_FILE,
    statusPort: KIT.status_port === 0 ? null : KIT.status_port,
    onCorrupt,
    log,
  };
}

/** Where DragonSync's own MQTT is to be had; null with source = api. */
export function pushPlace(settings: KitSettings['DRAGONSYNC']): PushPlace | null {
  const { source, listen, local_mqtt_host, local_mqtt_port } = settings;
  if (source !== 'mqtt') return null;
  if (local_mqtt_host !== '') return { host: local_mqtt_host, port: local_mqtt_port, isShared: true };
  return { ...(addressOf(listen) ?? { host: '127.0.0.1', port: 1883 }), isShared: false };
}

type LinkSettings = Pick<
  KitOptions,
  'kinds' | 'broker' | 'topics' | 'qos' | 'delivery' | 'wires' | 'perDrone' | 'homeAssistant'
>;

/** What goes to the broker, and how. */
export function linkOf(MQTT: KitSettings['MQTT']): LinkSettings {
  const kinds = new Set<Kind>(['drone', 'system']);
  if (MQTT.mqtt_aircraft_enabled) kinds.add('aircraft');
  if (MQTT.mqtt_signals_enabled) kinds.add('signal');
  return {
    kinds,
    broker: MQTT.mqtt_enabled ? brokerOf(MQTT) : null,
    topics: {
      drones: MQTT.mqtt_topic,
      perDroneBase: MQTT.mqtt_per_drone_base,
      aircraft: MQTT.mqtt_aircraft_topic,
      signals: MQTT.mqtt_signals_topic,
      systemBase: DEFAULT_TOPICS.systemBase,
    },
    qos: {
      drone: MQTT.mqtt_qos_drones as Qos,
      aircraft: MQTT.mqtt_qos_aircraft as Qos,
      signal: MQTT.mqtt_qos_signals as Qos,
      system: MQTT.mqtt_qos_system as Qos,
    },
    // Nobody but a server reads frames.
    delivery: MQTT.mqtt_wire === 'stream' ? 'database' : MQTT.mqtt_delivery,
    wires: { wire: MQTT.mqtt_wire, replay: MQTT.mqtt_replay, frameMs: MQTT.mqtt_frame_ms },
    perDrone: MQTT.mqtt_per_drone_enabled ? { retain: MQTT.mqtt_retain, qos: MQTT.mqtt_qos_drones as Qos } : null,
    homeAssistant: MQTT.mqtt_ha_enabled
      ? {
          names: { prefix: MQTT.mqtt_ha_prefix, deviceBase: MQTT.mqtt_ha_device_base },
          expireMs: MQTT.mqtt_ha_expire_h * 3_600_000,
        }
      : null,
  };
}

function spoolOf(settings: KitSettings['SPOOL'], log: Logger): Spool {
  return openSpool({
    ...spoolOptions(settings),
    onDamaged: (problem, keptAt) => log.error({ keptAt }, `${problem.message}: kept aside, a new spool is begun`),
  });
}

function brokerOf(MQTT: KitSettings['MQTT']): NonNullable<KitOptions['broker']> {
  return {
    host: MQTT.mqtt_host,
    port: MQTT.mqtt_port,
    version: MQTT.mqtt_version === '5' ? 5 : 4,
    clientId: MQTT.mqtt_client_id === '' ? null : MQTT.mqtt_client_id,
    username: MQTT.mqtt_username === '' ? undefined : MQTT.mqtt_username,
    password: MQTT.mqtt_password === '' ? undefined : MQTT.mqtt_password,
    keepaliveS: MQTT.mqtt_keepalive,
    tls: MQTT.mqtt_tls
      ? {
          caFile: MQTT.mqtt_ca_file === '' ? undefined : MQTT.mqtt_ca_file,
          certFile: MQTT.mqtt_certfile === '' ? undefined : MQTT.mqtt_certfile,
          keyFile: MQTT.mqtt_keyfile === '' ? undefined : MQTT.mqtt_keyfile,
          insecure: MQTT.mqtt_tls_insecure,
        }
      : undefined,
  };
}
