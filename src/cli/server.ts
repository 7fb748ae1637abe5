// `dragonsink server`: from the environment to a running server.
import { fileURLToPath } from 'node:url';
import { runParts, stopSignal } from '../base/lifecycle.js';
import { createLogger } from '../base/log.js';
import { EnrolledKits } from '../server/enrol/enrolled-kits.js';
import { all } from '../server/recorder.js';
import { Server, type ServerOptions } from '../server/server.js';
import { openStore } from '../server/stores/open-store.js';
import { Health } from '../server/web/health.js';
import { Metrics } from '../server/web/metrics.js';
import { Site, type SiteOptions } from '../server/web/site.js';
import { WebServer } from '../server/web/web-server.js';
import { isLoopback, networksOf } from '../settings/hosts.js';
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
  const { HTTP_HOST: host, HTTP_PORT: port } = settings;
  const site = port === 0 ? null : new Site({ ...siteOf(settings), health, log });
  const enrolled = new EnrolledKits(settings.FLEET_DIR, log);
  const server = new Server({
    openStore: async () => {
      const { url, maintainUrl } = urlsIn(settings);
      const store = await openStore(url, { maintainUrl });
      health.opened(() => store.ledger(''));
      site?.opened(store);
      return store;
    },
    broker: settings.MQTT_INGEST_ENABLED ? brokerOf(settings) : null,
    serverId: settings.SERVER_ID,
    shareGroup: settings.MQTT_SHARE_GROUP === '' ? null : settings.MQTT_SHARE_GROUP,
    topics: topicsOf(settings),
    isEnrolled: (kitId) => enrolled.has(kitId),
    newerCertificate: (kitId, endsAtMs) => enrolled.newerCertificate(kitId, endsAtMs),
    log,
    // The metrics first: what they note of the broker and the database the page tells.
    recorder: site === null ? metrics : all(metrics, site.recorder),
  });
  const web = site === null ? [] : [new WebServer({ host, port, health, metrics, site, log })];
  // First, so that it can be asked while the database is still away.
  await runParts([...web, server], log, stopSignal(log));
  return 0;
}

function siteOf(settings: ServerSettings): Omit<SiteOptions, 'health' | 'log'> {
  const { SERVER_ID: serverId, HTTP_HOST, HTTP_TOKEN, MAP_TILE_URL: url, MAP_TILE_ATTRIBUTION: attribution } = settings;
  return {
    serverId,
    access: {
      isLocal: isLoopback(HTTP_HOST),
      token: HTTP_TOKEN === '' ? null : HTTP_TOKEN,
      isProxy: networksOf(settings.HTTP_TRUSTED_PROXIES) ?? (() => false),
    },
    tiles: { url, attribution },
    pageFolder: fileURLToPath(new URL('../page', import.meta.url)),
  };
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
