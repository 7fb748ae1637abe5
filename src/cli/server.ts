// `dragonsink server`: from the environment to a running server.
import { ConfigError } from '../base/errors.js';
import { runParts, stopSignal } from '../base/lifecycle.js';
import { createLogger } from '../base/log.js';
import { Server, type ServerOptions } from '../server/server.js';
import { openStore } from '../server/stores/open-store.js';
import { describeProblem } from '../settings/problems.js';
import { loadServerSettings, type ServerSettings } from '../settings/server-settings.js';

export async function serverCommand(): Promise<number> {
  const { settings, warnings } = loadServerSettings(process.env);
  if (!settings.MQTT_INGEST_ENABLED) {
    throw new ConfigError('MQTT_INGEST_ENABLED=false leaves the server nothing to do', {
      code: 'config',
      hint: 'set it to true, or stop this server',
    });
  }
  const log = createLogger(settings.LOG_LEVEL);
  for (const warning of warnings) log.warn(describeProblem(warning));
  const server = new Server({
    openStore: () => openStore(settings.DATABASE_URL),
    broker: brokerOf(settings),
    serverId: settings.SERVER_ID,
    topics: {
      drones: settings.MQTT_TOPIC_DRONES,
      perDroneBase: settings.MQTT_TOPIC_DRONE_PREFIX,
      aircraft: settings.MQTT_TOPIC_AIRCRAFT,
      signals: settings.MQTT_TOPIC_SIGNALS,
      systemBase: settings.MQTT_TOPIC_SYSTEM,
    },
    log,
  });
  await runParts([server], log, stopSignal(log));
  return 0;
}

const KEEPALIVE_S = 30;

function brokerOf(settings: ServerSettings): ServerOptions['broker'] {
  const { MQTT_TLS_ENABLED: tls, MQTT_AUTH_ENABLED: auth } = settings;
  const set = (value: string): string | undefined => (value === '' ? undefined : value);
  return {
    host: settings.MQTT_BROKER_HOST,
    port: tls ? settings.MQTT_TLS_PORT : settings.MQTT_BROKER_PORT,
    version: settings.MQTT_VERSION === '5' ? 5 : 4,
    username: auth ? set(settings.MQTT_USERNAME) : undefined,
    password: auth ? set(settings.MQTT_PASSWORD) : undefined,
    keepaliveS: KEEPALIVE_S,
    tls: tls
      ? {
          caFile: set(settings.MQTT_CA_FILE),
          certFile: set(settings.MQTT_CERT_FILE),
          keyFile: set(settings.MQTT_KEY_FILE),
          insecure: false,
        }
      : undefined,
  };
}
