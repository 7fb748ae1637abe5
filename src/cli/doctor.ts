// `dragonsink doctor`: looks at everything a kit (or a server) needs, and says what to do about what is not as it should be.
import type { Check } from '../base/check.js';
import { fail, ok, warn } from '../base/check.js';
import { ConfigError } from '../base/errors.js';
import type { TlsFiles } from '../base/mqtt-link.js';
import { printable } from '../base/printable.js';
import { DragonSyncApi } from '../dragonsync/api-client.js';
import { examineKit, type KitDoctorOptions } from '../kit/doctor/kit-doctor.js';
import { KIT_ID_FILE } from '../kit/identity.js';
import { certificatesOf, renewedFileBeside } from '../kit/own-certificate.js';
import { doctorAnswer } from '../schema/doctor-answer.js';
import { kitStatus } from '../schema/status.js';
import { type KitSettings, loadKitSettings } from '../settings/kit-settings.js';
import { describeProblem, type Problem } from '../settings/problems.js';
import { redactUrl } from '../settings/redaction.js';
import { loadServerSettings } from '../settings/server-settings.js';
import { linkOf, pushPlace } from './kit.js';
import { spoolOptions } from './spool-settings.js';
import { toJson } from './terminal.js';
import { topicsOf } from './topics.js';

export interface DoctorOptions {
  readonly config: string;
  readonly server?: boolean;
  readonly json?: boolean;
}

type Found = Check | { readonly notTried: string };

const EXIT_FAILS = 3;
/** An address of its own on loopback, as DragonSync allows each so many requests a minute; the kit's are the kit's. */
const DOCTORS_ADDRESS = '127.0.0.89';
const STATUS_MS = 3_000;
/** It may wait 10 s for the server, after the broker has taken its time. */
const ANSWER_MS = 60_000;

/**
 * `--json` prints one object: `{ok, checks: [{check, status, text, fix?}], not_tried: [check], asked_running_kit}`; `status` is `ok`,
 * `warn` or `fail`, `fix` what to do, and `not_tried` what could not be looked at, as something that it needs is not there.
 *
 * Returns 3 when anything fails, else 0.
 */
export async function doctorCommand(options: DoctorOptions): Promise<number> {
  const checks: Check[] = [];
  const notTried: string[] = [];
  const running = { asked: false };
  for await (const found of options.server === true ? serverChecks() : kitChecks(options.config, running)) {
    if ('notTried' in found) notTried.push(found.notTried);
    else {
      checks.push(found);
      if (options.json !== true) process.stdout.write(lineOf(found));
    }
  }
  const fails = checks.filter(({ status }) => status === 'fail').length;
  if (options.json === true) {
    const report = { ok: fails === 0, checks, not_tried: notTried, asked_running_kit: running.asked };
    process.stdout.write(`${toJson(report)}\n`);
  } else process.stdout.write(summaryOf(checks, notTried, running.asked));
  return fails === 0 ? 0 : EXIT_FAILS;
}

const STATUS_WIDTH = 6;
const NAME_WIDTH = 19;

function lineOf({ check, status, text, fix }: Check): string {
  const line = `${status.padEnd(STATUS_WIDTH)}${check.padEnd(NAME_WIDTH)}${printable(text)}\n`;
  return fix === undefined ? line : `${line}${' '.repeat(STATUS_WIDTH + NAME_WIDTH)}fix: ${printable(fix)}\n`;
}

function summaryOf(checks: readonly Check[], notTried: readonly string[], asked: boolean): string {
  const count = (wanted: Check['status']): number => checks.filter(({ status }) => status === wanted).length;
  const lines = [`${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`];
  if (notTried.length > 0) lines.push(`not tried, as something before is not there yet: ${notTried.join(', ')}`);
  if (asked) lines.push('a kit runs: from login on, it answered for its own connection');
  return `${lines.join('\n')}\n`;
}

async function* kitChecks(config: string, running: { asked: boolean }): AsyncGenerator<Found> {
  const loaded = load(() => loadKitSettings(config));
  yield* configChecks(config, loaded);
  if ('settings' in loaded) yield* examineKit(kitDoctor(loaded.settings, running));
}

async function* serverChecks(): AsyncGenerator<Found> {
  const loaded = load(() => loadServerSettings(process.env));
  yield* configChecks('environment', loaded);
  if (!('settings' in loaded)) return;
  // Only now: a kit never loads PostgreSQL.
  const [{ examineServer }, { brokerOf }] = await Promise.all([import('../server/doctor.js'), import('./server.js')]);
  const { DATABASE_URL, MQTT_INGEST_ENABLED, SERVER_ID, HTTP_HOST, HTTP_PORT } = loaded.settings;
  yield* examineServer({
    databaseUrl: DATABASE_URL,
    databaseName: redactUrl(DATABASE_URL),
    broker: MQTT_INGEST_ENABLED ? brokerOf(loaded.settings) : null,
    serverId: SERVER_ID,
    topics: topicsOf(loaded.settings),
    http: HTTP_PORT === 0 ? null : { host: HTTP_HOST, port: HTTP_PORT },
  });
}

function load<T extends { readonly warnings: readonly Problem[] }>(read: () => T): T | ConfigError {
  try {
    return read();
  } catch (thrown: unknown) {
    if (thrown instanceof ConfigError) return thrown;
    throw thrown;
  }
}

/** Before a warning among the errors (settings/problems.ts). */
const WARNING = 'warning: ';

function configChecks(place: string, loaded: { readonly warnings: readonly Problem[] } | ConfigError): Check[] {
  if (loaded instanceof ConfigError) {
    const fix = loaded.hint ?? 'correct this';
    return loaded.message.split('\n').map((line) => {
      return line.startsWith(WARNING) ? warn('config', line.slice(WARNING.length), fix) : fail('config', line, fix);
    });
  }
  if (loaded.warnings.length === 0) return [ok('config', place)];
  return loaded.warnings.map((problem) => warn('config', describeProblem(problem), `change it in ${place}`));
}

function kitDoctor(settings: KitSettings, running: { asked: boolean }): KitDoctorOptions {
  const { MQTT, DRAGONSYNC, SPOOL, KIT } = settings;
  const { broker, topics, kinds, qos, wires, delivery, perDrone, homeAssistant } = linkOf(MQTT);
  const { limits } = spoolOptions(SPOOL);
  return {
    spool: { path: SPOOL.path, maxBytes: limits.maxBytes, minFreeBytes: limits.minFreeBytes },
    apiUrl: DRAGONSYNC.api_url,
    api: new DragonSyncApi({ baseUrl: DRAGONSYNC.api_url, localAddress: DOCTORS_ADDRESS }),
    push: pushPlace(DRAGONSYNC),
    kitId: KIT.kit_id,
    kitIdFile: KIT_ID_FILE,
    broker: broker && withNewestCertificate(broker, SPOOL.path),
    use: {
      version: MQTT.mqtt_version === '5' ? 5 : 4,
      topics,
      kinds,
      qos,
      wires,
      perDrone: perDrone !== null,
      homeAssistant: homeAssistant?.names ?? null,
      listens: delivery !== 'broker',
    },
    askRunningKit: async () => {
      const checks = await askRunningKit(KIT.status_port);
      running.asked = checks !== null;
      return checks;
    },
  };
}

/** The one that the kit connects with first. */
function withNewestCertificate<Broker extends { readonly tls?: TlsFiles | undefined }>(
  broker: Broker,
  spoolPath: string,
): Broker {
  const { certFile, keyFile } = broker.tls ?? {};
  if (broker.tls === undefined || certFile === undefined || keyFile === undefined) return broker;
  const [newest] = certificatesOf({ certFile, keyFile, renewedFile: renewedFileBeside(spoolPath) });
  return { ...broker, tls: { ...broker.tls, certFile: newest } };
}

async function askRunningKit(port: number): Promise<Check[] | null> {
  if (port === 0 || !(await isKit(port))) return null;
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(`http://127.0.0.1:${port}/doctor`, { method: 'POST', signal });
    return doctorAnswer.parse(await response.json()).checks.map(({ fix, ...check }) => {
      return fix === undefined ? check : { ...check, fix };
    });
  } catch {
    const fix = 'restart it: systemctl restart dragonsink-kit (it may be of an older version)';
    return [fail('login', 'a kit runs, and does not answer the doctor', fix)];
  }
}

async function isKit(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/status`, { signal: AbortSignal.timeout(STATUS_MS) });
    return kitStatus.safeParse(await response.json()).success;
  } catch {
    return false;
  }
}
