// The fleet's own certificate authority, kept by the openssl program in a folder: signs, and revokes.
import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EnrolError } from '../../base/errors.js';
import { writeWholeFile } from '../../base/whole-file.js';
import { openssl } from './openssl.js';

const CA_DAYS = 7_300;
/** When a list ends, the broker refuses everybody: it is made anew with every revocation and outlives the CA. */
const CRL_DAYS = 10_950;
/** By which a certificate begins before now: a kit's clock may be a little behind ours. */
export const BACKDATED_MS = 24 * 3_600_000;
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export interface Signed {
  /** What was signed: with it the same key can be signed again. */
  readonly requestPem: string;
  readonly certPem: string;
  /** Hexadecimal. */
  readonly serial: string;
  /** ISO 8601 UTC. */
  readonly endsAt: string;
}

export interface ToSign {
  /** The subject's common name; what the request says of itself is not used. */
  readonly name: string;
  readonly days: number;
  /** The host names and addresses of a broker; without them it is a client's certificate. */
  readonly hosts?: readonly string[];
}

export class Authority {
  constructor(private readonly folder: string) {}

  get certFile(): string {
    return join(this.folder, 'ca.pem');
  }

  get crlFile(): string {
    return join(this.folder, 'crl.pem');
  }

  /** Makes the CA, and its empty list of what is revoked. */
  async create(): Promise<void> {
    const { folder, certFile } = this;
    await writeFile(join(folder, 'index.txt'), '', { flag: 'wx', mode: 0o600 });
    await this.withConfig([], async (config) => {
      const key = join(folder, 'ca.key');
      const subject = ['-subj', '/CN=dragonsink fleet', '-extensions', 'authority'];
      await openssl(['req', '-x509', '-config', config, ...NEW_KEY, '-keyout', key, '-out', certFile, '-days', `${CA_DAYS}`, ...subject]); // biome-ignore format: one command
      await chmod(key, 0o600);
      await chmod(certFile, 0o644);
      await this.listRevoked(config);
    });
  }

  /** A new key and its certificate. */
  async issue(wanted: ToSign): Promise<Signed & { readonly keyPem: string }> {
    return this.withConfig([], async (config, work) => {
      const [key, request] = [join(work, 'key.pem'), join(work, 'request.pem')];
      await openssl(['req', '-new', '-config', config, ...NEW_KEY, '-keyout', key, '-out', request, '-subj', '/CN=x']);
      const signed = await this.sign(await readFile(request, 'utf8'), wanted);
      return { ...signed, keyPem: await readFile(key, 'utf8') };
    });
  }

  /** @throws EnrolError `request` when this is no signing request. */
  sign(requestPem: string, { name, days, hosts = [] }: ToSign): Promise<Signed> {
    return this.withConfig(hosts, async (config, work) => {
      const [request, cert] = [join(work, 'request.pem'), join(work, 'cert.pem')];
      await writeFile(request, requestPem);
      try {
        await openssl(['req', '-in', request, '-noout', '-verify', '-config', config]);
      } catch (cause: unknown) {
        const hint = 'make it as the README says, with openssl req -new';
        throw new EnrolError('this is no certificate signing request', { code: 'request', hint, cause });
      }
      const from = ['-startdate', asn1Time(Date.now() - BACKDATED_MS)];
      const to = ['-enddate', asn1Time(Date.now() + days * 24 * 3_600_000)];
      const use = ['-extensions', hosts.length > 0 ? 'broker' : 'client', '-subj', `/CN=${name}`];
      await openssl([
        'ca',
        '-batch',
        '-notext',
        '-config',
        config,
        ...use,
        ...from,
        ...to,
        '-in',
        request,
        '-out',
        cert,
      ]);
      const certPem = await readFile(cert, 'utf8');
      const { serialNumber: serial, validTo } = new X509Certificate(certPem);
      return { requestPem, certPem, serial, endsAt: new Date(validTo).toISOString() };
    });
  }

  /** Puts certificates on the list of what is revoked; the broker has to read it again. */
  revoke(serials: readonly string[]): Promise<void> {
    return this.withConfig([], async (config) => {
      const index = await readFile(join(this.folder, 'index.txt'), 'utf8');
      const isRevoked = (serial: string): boolean => new RegExp(`^R\t.*\t${serial}\t`, 'm').test(index);
      for (const serial of serials.filter((one) => !isRevoked(one))) {
        await openssl(['ca', '-config', config, '-revoke', join(this.folder, `${serial}.pem`)]);
      }
      await this.listRevoked(config);
    });
  }

  private async listRevoked(config: string): Promise<void> {
    const list = await openssl(['ca', '-config', config, '-gencrl']);
    await writeWholeFile(this.crlFile, [list], { mode: 0o644 });
  }

  /** In a folder of its own, which only its owner may look into and which is gone afterwards. */
  private async withConfig<T>(hosts: readonly string[], run: (config: string, work: string) => Promise<T>): Promise<T> {
    const work = await mkdtemp(join(this.folder, '.work-'));
    try {
      const config = join(work, 'openssl.cnf');
      await writeFile(config, configOf(this.folder, hosts));
      return await run(config, work);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
}

/** `hosts` are names and addresses already checked to be such. */
function configOf(folder: string, hosts: readonly string[]): string {
  const names = hosts.map((host) => (/^[0-9.]+$|:/.test(host) ? `IP:${host}` : `DNS:${host}`));
  return `[ca]
default_ca = fleet
[fleet]
database = ${folder}/index.txt
new_certs_dir = ${folder}
certificate = ${folder}/ca.pem
private_key = ${folder}/ca.key
default_md = sha256
default_crl_days = ${CRL_DAYS}
rand_serial = yes
unique_subject = no
copy_extensions = none
policy = policy
[policy]
commonName = supplied
[req]
distinguished_name = subject
[subject]
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[broker]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
${names.length === 0 ? '' : `subjectAltName = ${names.join(', ')}\n`}`;
}

/** YYYYMMDDHHMMSSZ */
function asn1Time(ms: number): string {
  return `${new Date(ms).toISOString().replace(/[-:T]|\..*/g, '')}Z`;
}
