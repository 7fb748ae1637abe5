// The way to a broker up to its door: its name, its port, and its TLS certificate. Nobody logs in, so no client of the
// same name is pushed off.
import { X509Certificate } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { type Check, fail, failed, ok, warn } from './check.js';
import { errorCode, toError } from './errors.js';
import type { TlsFiles } from './mqtt-link.js';

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsFiles | undefined;
}

const TIMEOUT_MS = 10_000;
const DAY_MS = 86_400_000;
/** Long enough to have a new certificate made and brought to a kit. */
const WARN_DAYS = 30;

export async function checkName({ host }: BrokerAddress): Promise<Check> {
  if (isIP(host) !== 0) return ok('name', `${host} is an address: there is no name to resolve`);
  try {
    const addresses = await lookup(host, { all: true });
    return ok('name', `${host} is ${addresses.map(({ address }) => address).join(', ')}`);
  } catch (thrown: unknown) {
    const fix = 'correct the host name, or the name server (resolvectl status)';
    return fail('name', `${host} has no address (${errorCode(thrown)})`, fix);
  }
}

export async function checkTcp({ host, port }: BrokerAddress): Promise<Check> {
  const startedAt = performance.now();
  const at = `${host}:${port}`;
  const socket = connectTcp({ host, port, timeout: TIMEOUT_MS });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
      socket.once('timeout', () => reject(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    });
    return ok('tcp', `${at} answers, in ${Math.round(performance.now() - startedAt)} ms`);
  } catch (thrown: unknown) {
    const code = errorCode(thrown) || toError(thrown).message;
    if (code === 'ECONNREFUSED')
      return fail('tcp', `nothing listens at ${at}`, 'start the broker, or correct its port');
    const fix = 'look at the network and at the firewalls on the way (ip route, ping)';
    return fail('tcp', `${at} can't be reached (${code})`, fix);
  } finally {
    socket.destroy();
  }
}

/** The broker's certificate, and ours where the broker asks for one. Empty without TLS. */
export async function checkTls(broker: BrokerAddress, nowMs = Date.now()): Promise<Check[]> {
  const { tls } = broker;
  if (tls === undefined) return [];
  const own = tls.certFile === undefined ? [] : [checkOwn(tls.certFile, nowMs)];
  return [await checkBrokers(broker, tls, nowMs), ...own];
}

async function checkBrokers(broker: BrokerAddress, tls: TlsFiles, nowMs: number): Promise<Check> {
  try {
    const socket = await shakeHands(broker, tls);
    const problem = socket.authorizationError as Error | string | undefined;
    const chain = chainOf(socket.getPeerCertificate(true));
    const protocol = socket.getProtocol();
    socket.destroy();
    const wrong = problem ? distrust(broker, String(problem), chain, nowMs) : null;
    if (tls.insecure) {
      const anyway = wrong === null ? '' : `, though ${wrong.text}`;
      const fix = 'remove mqtt_tls_insecure, and name the CA of the broker in mqtt_ca_file';
      return warn(
        'tls',
        `any certificate is accepted (mqtt_tls_insecure)${anyway}: anybody can pose as the broker`,
        fix,
      );
    }
    return (
      wrong ?? expiry('tls', `${protocol}, the certificate is good`, chain, nowMs, 'have the broker given a new one')
    );
  } catch (thrown: unknown) {
    const text = `no TLS connection: ${toError(thrown).message}`;
    return fail('tls', text, 'is this the TLS port (8883), and are the certificate and key files what they should be?');
  }
}

/** Through the handshake whatever the certificate is: what is wrong with it is read afterwards. */
function shakeHands({ host, port }: BrokerAddress, { caFile, certFile, keyFile }: TlsFiles): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      host,
      port,
      timeout: TIMEOUT_MS,
      rejectUnauthorized: false,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
      ...(certFile === undefined ? {} : { cert: readFileSync(certFile) }),
      ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
    });
    const give = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.on('error', give);
    socket.once('timeout', () => give(new Error('no answer')));
    socket.once('close', () => give(new Error('it closed the connection')));
    socket.once('secureConnect', () => resolve(socket));
  });
}

/** The broker's certificate first, then those that vouch for it. */
function chainOf(leaf: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<string>();
  for (let one = leaf; one?.raw !== undefined && !seen.has(one.fingerprint256); one = one.issuerCertificate) {
    seen.add(one.fingerprint256);
    chain.push(new X509Certificate(one.raw));
  }
  return chain;
}

/** The codes of OpenSSL's verification (openssl-verification-options(1)), as Node names them. */
function distrust({ host }: BrokerAddress, problem: string, chain: X509Certificate[], nowMs: number): Check {
  const now = new Date(nowMs).toISOString();
  const expired = chain.find((one) => Date.parse(one.validTo) < nowMs);
  const early = chain.find((one) => Date.parse(one.validFrom) > nowMs);
  if (/CERT_HAS_EXPIRED/.test(problem)) {
    const text = `the certificate of ${nameOf(expired)} ended on ${expired?.validTo}; it is ${now} here`;
    return fail('tls', text, 'give the broker a new one, or set the clock if that is wrong (timedatectl)');
  }
  if (/CERT_NOT_YET_VALID/.test(problem)) {
    const text = `the certificate of ${nameOf(early)} begins on ${early?.validFrom}; it is ${now} here`;
    return fail('tls', text, "set this machine's clock (timedatectl)");
  }
  if (/ALTNAME_INVALID/.test(problem)) {
    const names = chain[0]?.subjectAltName ?? chain[0]?.subject ?? 'nobody';
    return fail(
      'tls',
      `the certificate is not for ${host}, it is for ${names}`,
      'name the broker as its certificate does',
    );
  }
  const text = `the certificate is signed by a CA that is not trusted here (${problem}): ${nameOf(chain.at(-1))}`;
  return fail('tls', text, "name the CA that signed the broker's certificate in mqtt_ca_file");
}

function nameOf(certificate: X509Certificate | undefined): string {
  return certificate?.subject.replaceAll('\n', ', ') ?? 'nobody';
}

function expiry(check: string, good: string, chain: X509Certificate[], nowMs: number, fix: string): Check {
  const [first] = chain.toSorted((a, b) => Date.parse(a.validTo) - Date.parse(b.validTo));
  if (first === undefined) return ok(check, good);
  const days = Math.floor((Date.parse(first.validTo) - nowMs) / DAY_MS);
  const until = `until ${first.validTo}, ${days} ${days === 1 ? 'day' : 'days'}`;
  if (days >= WARN_DAYS) return ok(check, `${good}, ${until}`);
  return warn(check, `the certificate of ${nameOf(first)} is good ${until} only`, fix);
}

function checkOwn(certFile: string, nowMs: number): Check {
  const fix = 'on the server: dragonsink enrol NAME --renew; here: dragonsink enrol --apply FILE';
  try {
    const own = new X509Certificate(readFileSync(certFile));
    if (Date.parse(own.validTo) < nowMs) return fail('certificate', `${certFile} ended on ${own.validTo}`, fix);
    if (Date.parse(own.validFrom) > nowMs) {
      const text = `${certFile} begins on ${own.validFrom}; it is ${new Date(nowMs).toISOString()} here`;
      return fail('certificate', text, "set this machine's clock (timedatectl)");
    }
    return expiry('certificate', `ours is ${nameOf(own)}`, [own], nowMs, fix);
  } catch (thrown: unknown) {
    return failed('certificate', thrown, 'it must be a PEM file that this user can read');
  }
}
