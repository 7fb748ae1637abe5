// Doctor: looks at everything a server needs. While one runs, it says itself how it stands with its broker: a second login
// with its client id would push it off.
import { type Check, fail, failed, ok, warn } from '../base/check.js';
import { checkName, checkTcp, checkTls } from '../base/check-network.js';
import { errorCode } from '../base/errors.js';
import { isObject } from '../base/json.js';
import { type MqttLink, openLink } from '../base/mqtt-link.js';
import { ackTopic, helloTopic, ingestFilters, type TopicNames } from '../schema/topics.js';
import { MIGRATIONS } from './stores/migrations.js';
import { openExistingStore } from './stores/open-store.js';
import type { SubscriberOptions } from './subscriber.js';

export interface ServerDoctorOptions {
  readonly databaseUrl: string;
  /** The same without the password. */
  readonly databaseName: string;
  /** Null subscribes to none. */
  readonly broker: SubscriberOptions['broker'] | null;
  readonly serverId: string;
  readonly topics: TopicNames;
  /** Null serves nothing. */
  readonly http: { readonly host: string; readonly port: number } | null;
}

const HTTP_MS = 5_000;
/** A kit that there is not: to see whether acknowledgements may be published. */
const NO_KIT = 'dragonsink-doctor';

export async function* examineServer(options: ServerDoctorOptions): AsyncGenerator<Check> {
  const { broker, http } = options;
  yield await checkDatabase(options);
  const readiness = http === null ? null : await askServer(http);
  yield checkHttp(http, readiness);
  if (broker === null) {
    yield ok('login', 'MQTT_INGEST_ENABLED=false: no broker is asked');
    return;
  }
  const steps = [() => checkName(broker), () => checkTcp(broker)];
  for (const step of steps) {
    const check = await step();
    yield check;
    if (check.status === 'fail') return;
  }
  const tls = await checkTls(broker);
  yield* tls;
  if (readiness !== null) yield checkRunning(readiness);
  else if (http === null)
    yield warn('login', 'not tried: a server may be running, and would be pushed off', 'set HTTP_PORT');
  else if (tls.every(({ status }) => status !== 'fail')) yield* await logIn(options, broker);
}

async function checkDatabase({ databaseUrl, databaseName }: ServerDoctorOptions): Promise<Check> {
  try {
    const store = await openExistingStore(databaseUrl);
    await store.close();
    return ok('database', `${databaseName}, schema version ${MIGRATIONS.at(-1)?.version}, store ${store.storeId}`);
  } catch (thrown: unknown) {
    if (errorCode(thrown) !== 'missing') return failed('database', thrown);
    return warn(
      'database',
      `${databaseName}: no database of a dragonsink server yet`,
      'the first start of dragonsink server makes it',
    );
  }
}

type Readiness = Readonly<Record<string, unknown>>;

/** What the running server says of itself; null when none does. */
async function askServer({ host, port }: NonNullable<ServerDoctorOptions['http']>): Promise<Readiness | null> {
  // A server on all addresses answers on this one.
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  try {
    const url = `http://${name.includes(':') ? `[${name}]` : name}:${port}/readyz`;
    const body: unknown = await (await fetch(url, { signal: AbortSignal.timeout(HTTP_MS) })).json();
    return isObject(body) && 'ready' in body ? body : null;
  } catch {
    return null;
  }
}

function checkHttp(http: ServerDoctorOptions['http'], readiness: Readiness | null): Check {
  if (http === null) return ok('http', 'HTTP_PORT=0: nothing is served');
  const at = `${http.host}:${http.port}`;
  if (readiness !== null) return ok('http', `dragonsink server answers at ${at}`);
  return warn('http', `no dragonsink server answers at ${at}`, 'start it: systemctl start dragonsink-server');
}

function checkRunning({ broker }: Readiness): Check {
  if (isObject(broker) && broker['ok'] === true) return ok('login', 'the running server is connected and subscribed');
  const why = isObject(broker) ? String(broker['problem'] ?? 'no reason given') : 'no reason given';
  return fail(
    'login',
    `the running server is not connected: ${why}`,
    'its log says more: journalctl -u dragonsink-server',
  );
}

/** As the server does: on a broker that keeps a session for it, a new one would cost what is kept. */
async function logIn(
  { serverId, topics }: ServerDoctorOptions,
  broker: NonNullable<ServerDoctorOptions['broker']>,
): Promise<Check[]> {
  let link: MqttLink;
  try {
    link = await openLink({ ...broker, clientId: `dragonsink-${serverId}`, clean: false, receiveMaximum: 1 });
  } catch (thrown: unknown) {
    return [failed('login', thrown)];
  }
  try {
    return [
      ok(
        'login',
        `as ${broker.username ?? 'nobody'}, ${link.sessionPresent ? 'with' : 'without'} a session on the broker`,
      ),
      await checkSubscribing(link, topics),
      await checkPublishing(link, [helloTopic(serverId), ackTopic(NO_KIT)]),
    ];
  } finally {
    await link.end();
  }
}

async function checkSubscribing(link: MqttLink, topics: TopicNames): Promise<Check> {
  const filters = ingestFilters(topics);
  try {
    await link.subscribe(filters, 1);
    // The broker would collect messages for a server that may never come.
    if (!link.sessionPresent) await link.unsubscribe(filters);
    return ok('subscribing', `allowed to all ${filters.length} topics`);
  } catch (thrown: unknown) {
    return failed('subscribing', thrown, "let this user read them in the broker's ACL");
  }
}

/** Empty and not retained: to whoever listens it says nothing. */
async function checkPublishing(link: MqttLink, topics: readonly string[]): Promise<Check> {
  try {
    for (const topic of topics) await link.publish({ topic, payload: '', qos: 1, retain: false });
    return ok('publishing', 'allowed: hello and acknowledgements');
  } catch (thrown: unknown) {
    return failed('publishing', thrown, "let this user write to it in the broker's ACL");
  }
}
