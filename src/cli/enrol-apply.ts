// `dragonsink enrol --apply FILE`, where the credential is for: a kit's or a server's files and settings.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EnrolError, toError } from '../base/errors.js';
import { writeWholeFile } from '../base/whole-file.js';
import { EVICTION_ORDER } from '../kit/classes.js';
import { KIT_ID_FILE, readKitIdFile } from '../kit/identity.js';
import { type EnrolFile, enrolFile } from '../schema/enrol-file.js';
import { loadKitSettings } from '../settings/kit-settings.js';
import { type NewValues, setIniValues, setVariables } from '../settings/set-values.js';
import { viewSpool } from '../spool/open-spool.js';
import { withFile } from './file-errors.js';

export interface ApplyOptions {
  readonly configDir: string;
  readonly json?: boolean;
}

/** The service runs as another user, of the group that the configuration has. */
const MODE = 0o640;

/**
 * Writes `ca.pem` and, for a kit, `kit.crt` and `kit.key` or `password` (for a server `server.crt`, `server.key` or
 * `server.password`), and sets what goes with them in config.ini (in server.env). `--json` prints one object:
 * `{role, name, changed: [file, ...]}`.
 *
 * @throws EnrolError `damaged`, `other-kit`, `reader` or `key`, before anything is changed; ConfigError when config.ini would
 *   not be right with it: then that is as it was.
 */
export async function applyCommand(file: string, { configDir: folder, json }: ApplyOptions): Promise<number> {
  const configDir = resolve(folder); // in config.ini a path is taken from where that lies
  const enrolment = parse(file, await withFile(file, () => readFile(file, 'utf8')));
  const { role, name } = ownerOf(file, enrolment);
  await withFile(configDir, () => mkdir(configDir, { recursive: true }));
  const config = join(configDir, role === 'kit' ? 'config.ini' : 'server.env');
  if (role === 'kit') checkKit(file, name, config);
  checkKey(enrolment, join(configDir, `${role}.key`));
  const credentials = credentialFiles(role, enrolment);
  const place = (part: string): string => (credentials.has(part) || part.endsWith('.key') ? join(configDir, part) : '');
  const before = existsSync(config) ? readFileSync(config, 'utf8') : '';
  const after =
    role === 'kit'
      ? setIniValues(setIniValues(before, 'MQTT', kitValues(enrolment, place)), 'KIT', { kit_id: name })
      : setVariables(before, serverValues(name, enrolment, place));
  const owner = statSync(existsSync(config) ? config : configDir);
  const write = (path: string, text: string): Promise<void> =>
    withFile(path, () => writeWholeFile(path, [text], { mode: MODE, owner }));
  for (const [part, text] of credentials) await write(join(configDir, part), text);
  if (role === 'kit') await tryFirst(config, after, write);
  else await write(config, after);
  const changed = [...[...credentials.keys()].map((part) => join(configDir, part)), config];
  const text = `${name} is enrolled: ${changed.join(', ')}\nnext: sudo systemctl restart dragonsink-${role}, and remove ${file}\n`;
  process.stdout.write(json === true ? `${JSON.stringify({ role, name, changed })}\n` : text);
  return 0;
}

function parse(file: string, text: string): EnrolFile {
  const hint = 'copy it again from the server; dragonsink enrol --renew makes another';
  try {
    return enrolFile.parse(JSON.parse(text));
  } catch {
    // What is wrong with it is not shown: there may be a secret in the place.
    throw new EnrolError(`${file} is no enrolment file, or it is damaged`, { code: 'damaged', hint });
  }
}

type ApplyRole = 'kit' | 'server';

function ownerOf(file: string, { kit_id, server, reader }: EnrolFile): { role: ApplyRole; name: string } {
  if (kit_id !== undefined) return { role: 'kit', name: kit_id };
  if (server !== undefined) return { role: 'server', name: server };
  const hint = 'give what is in it to the dashboard';
  throw new EnrolError(`${file} is for the reader ${reader}, not for a kit or a server`, { code: 'reader', hint });
}

/** Under another name the broker would refuse all that this kit sends. */
function checkKit(file: string, name: string, config: string): void {
  const known = knownKitId(config);
  if (known === null || known === name) return;
  const hint = `make one for this kit, on the server: dragonsink enrol ${known}`;
  throw new EnrolError(`${file} is for the kit ${name}, and this one is ${known}`, { code: 'other-kit', hint });
}

function knownKitId(config: string): string | null {
  if (!existsSync(config)) return readKitIdFile(KIT_ID_FILE);
  let settings: ReturnType<typeof loadKitSettings>['settings'];
  try {
    settings = loadKitSettings(config).settings;
  } catch {
    return readKitIdFile(KIT_ID_FILE); // as it is before the broker is set
  }
  return spoolKitId(settings.SPOOL.path) ?? (settings.KIT.kit_id || readKitIdFile(KIT_ID_FILE));
}

function spoolKitId(path: string): string | null {
  if (!existsSync(path)) return null;
  const view = viewSpool(path, EVICTION_ORDER);
  try {
    return view.kitId();
  } finally {
    view.close();
  }
}

/** A certificate is of use with its key alone: with the one in the file, or one that was made here. */
function checkKey({ cert_pem, key_pem }: EnrolFile, keyFile: string): void {
  if (cert_pem === undefined) return;
  const hint = `the key that the signing request was made with belongs into ${keyFile}`;
  if (key_pem === undefined && !existsSync(keyFile)) {
    throw new EnrolError('the private key of this certificate is not here', { code: 'key', hint });
  }
  try {
    const key = createPrivateKey(key_pem ?? readFileSync(keyFile));
    if (new X509Certificate(cert_pem).checkPrivateKey(key)) return;
  } catch (thrown: unknown) {
    throw new EnrolError(`certificate or key: ${toError(thrown).message}`, { code: 'key', hint });
  }
  throw new EnrolError('the certificate is not of this private key', { code: 'key', hint });
}

function credentialFiles(role: ApplyRole, { ca_pem, cert_pem, key_pem, password }: EnrolFile): Map<string, string> {
  const files: [string, string | undefined][] = [
    ['ca.pem', ca_pem],
    [`${role}.crt`, cert_pem],
    [`${role}.key`, key_pem],
    [role === 'kit' ? 'password' : 'server.password', password],
  ];
  return new Map(files.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

type Place = (part: string) => string;

function kitValues({ broker, cert_pem, username }: EnrolFile, place: Place): NewValues {
  const isCertificate = cert_pem !== undefined;
  return {
    mqtt_enabled: 'true',
    mqtt_host: broker.host,
    mqtt_port: String(broker.port),
    mqtt_tls: String(broker.tls),
    mqtt_ca_cert: null,
    mqtt_ca_file: place('ca.pem') || null,
    mqtt_tls_insecure: null,
    mqtt_certfile: isCertificate ? place('kit.crt') : null,
    mqtt_keyfile: isCertificate ? place('kit.key') : null,
    mqtt_username: username ?? null,
    mqtt_password: null,
    mqtt_password_file: isCertificate ? null : place('password'),
    mqtt_delivery: 'database',
    mqtt_wire: 'stream',
    // As topics its backlog would be refused.
    mqtt_replay: null,
  };
}

function serverValues(name: string, { broker, cert_pem, username }: EnrolFile, place: Place): NewValues {
  const isCertificate = cert_pem !== undefined;
  return {
    // The access rules let it say hello under this name alone.
    SERVER_ID: name,
    MQTT_BROKER_HOST: broker.host,
    MQTT_TLS_ENABLED: String(broker.tls),
    MQTT_USE_TLS: null,
    MQTT_TLS_PORT: String(broker.port),
    MQTT_CA_FILE: place('ca.pem') || null,
    MQTT_CERT_FILE: isCertificate ? place('server.crt') : null,
    MQTT_KEY_FILE: isCertificate ? place('server.key') : null,
    MQTT_AUTH_ENABLED: null,
    MQTT_USERNAME: username ?? null,
    MQTT_PASSWORD: null,
    MQTT_PASSWORD_FILE: isCertificate ? null : place('server.password'),
  };
}

/** A config.ini takes its place only when a kit would start with it. */
async function tryFirst(
  config: string,
  text: string,
  write: (path: string, text: string) => Promise<void>,
): Promise<void> {
  const candidate = `${config}.enrol`;
  await write(candidate, text);
  try {
    loadKitSettings(candidate);
    await rename(candidate, config);
  } catch (thrown: unknown) {
    await rm(candidate, { force: true });
    throw thrown;
  }
}
