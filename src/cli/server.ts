// `dragonsink server`: from the environment to a running server.
import { runParts, stopSignal } from '../base/lifecycle.js';
import { createLogger } from '../base/log.js';
import { EnrolledKits } from '../server/enrol/enrolled-kits.js';
import { Server, type ServerOptions } from '../server/server.js';
import { openStore } from '../server/stores/open-store.js';
import { Health } from '../server/web/health.js';
import { Metrics } from '../server/web/metrics.js';
import { WebServer } from '../server/web/web-server.js';
import { describeProblem } from '../settings/problems.js';
import { loadServerSettings, type ServerSettings } from '../settings/server-settings.js';
import { urlsIn } from './database.js';
import { topicsOf } from './topics.js';

export async function serverCommand(): Promise<number> {
  const { settings, warnings } = loadServerSettings(process.env);
  const log = createLogger(settings.LOG_LEVEL);
  for (const warning of warnings) log.warn(describeProblem(warning));
  const health = new Health();
  // Only polling: no broker is awaited.
  if (!settings.MQTT_INGEST_ENABLED) health.setBroker(true);
  const metrics = new Metrics(health);
  const enrolled = new EnrolledKits(settings.FLEET_DIR, log);
  const server = new Server({
    openStore: async () => {
      const { url, maintainUrl } = urlsIn(settings);
      const store = await openStore(url, { maintainUrl });
      health.opened(() => store.ledger(''));
      return store;
    },
    broker: settings.MQTT_INGEST_ENABLED ? brokerOf(settings) : null,
    serverId: settings.SERVER_ID,
    shareGroup: settings.MQTT_SHARE_GROUP === '' ? null : settings.MQTT_SHARE_GROUP,
    topics: topicsOf(settings),
    isEnrolled: (kitId) => enrolled.has(kitId),
    newerCertificate: (kitId, endsAtMs) => enrolled.newerCertificate(kitId, endsAtMs),
    log,
    recorder: metrics,
  });
  const { HTTP_HOST: host, HTTP_PORT: port } = settings;
  const web = port === 0 ? [] : [new WebServer({ host, port, health, metrics, log })];
  // First, so that it can be asked while the database is still away.
  await runParts([...web, server], log, stopSignal(log));
  return 0;
}

const KEEPALIVE_S = 30;

export function brokerOf(settings: ServerSettings): NonNullable<ServerOptions['broker']> {
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
