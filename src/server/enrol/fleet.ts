// A fleet: the folder on the server with its CA, what the broker reads (certificates, passwords, access rules), and the
// list of who belongs to it.
import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EnrolError, toError } from '../../base/errors.js';
import { type Belonging, writeWholeFile } from '../../base/whole-file.js';
import type { EnrolFile } from '../../schema/enrol-file.js';
import type { FleetRecord, Member, Role } from '../../schema/fleet.js';
import { kitAcl, memberAcl, withoutMember } from './acl.js';
import { Authority, type Signed } from './authority.js';
import { brokersGroup } from './brokers-group.js';
import { alone } from './fleet-lock.js';
import { type MemberName, memberName } from './members.js';
import { newPassword, withoutUser, withPassword } from './passwords.js';
import { certificateFile, MEMBERS_FOLDER, RECORD_FILE, readRecord, requestFile } from './record.js';

export interface BrokerNames {
  readonly host: string;
  readonly port: number;
  /** Further names and addresses under which the broker is reached. */
  readonly names: readonly string[];
  /** Until its certificate ends. */
  readonly days: number;
}

export interface NewFleet extends BrokerNames {
  readonly credentials: FleetRecord['credentials'];
  readonly publicCa: boolean;
  readonly tellBroker: string;
}

export interface Wanted {
  readonly role: Role;
  readonly name: string;
  readonly days: number;
  /** A signing request, when the key stays where it was made. */
  readonly requestPem?: string;
  /** A new credential for one that has one. */
  readonly renew: boolean;
}

/** Under which a broker is always reached by a server beside it. */
const OWN_NAMES = ['localhost', '127.0.0.1', '::1'];

export class Fleet {
  private readonly authority: Authority;

  private constructor(
    private readonly folder: string,
    private record: FleetRecord,
  ) {
    this.authority = new Authority(folder);
  }

  get members(): readonly Member[] {
    return this.record.members;
  }

  get broker(): FleetRecord['broker'] {
    return this.record.broker;
  }

  /** The broker's own certificate is one of ours. */
  get signsBroker(): boolean {
    return !this.record.public_ca;
  }

  /** @throws EnrolError `missing` when there is none. */
  static async open(folder: string): Promise<Fleet> {
    const record = readRecord(folder);
    if (record !== null) return new Fleet(folder, record);
    const hint = 'make one: dragonsink enrol --init HOST, with the name by which kits reach the broker';
    throw new EnrolError(`there is no fleet in ${folder}`, { code: 'missing', hint });
  }

  /**
   * Opens it while nobody else changes it.
   *
   * @throws EnrolError `missing`, or `busy` when somebody does.
   */
  static async change<T>(folder: string, work: (fleet: Fleet) => Promise<T>): Promise<T> {
    await Fleet.open(folder);
    return alone(folder, async () => work(await Fleet.open(folder)));
  }

  /** @throws EnrolError `exists` when there is one. */
  static async create(folder: string, wanted: NewFleet): Promise<Fleet> {
    if (readRecord(folder) !== null) {
      const hint = 'with --renew only the certificate of the broker is made anew';
      throw new EnrolError(`there is a fleet in ${folder} already`, { code: 'exists', hint });
    }
    await mkdir(folder, { recursive: true, mode: 0o755 });
    const { host, port, credentials, publicCa, tellBroker } = wanted;
    const broker = { host, port, tls: true };
    const record = { v: 1 as const, broker, credentials, public_ca: publicCa, tell_broker: tellBroker, members: [] };
    const fleet = new Fleet(folder, record);
    await fleet.authority.create();
    await fleet.makeBrokerCertificate(wanted);
    await fleet.write('acl', kitAcl());
    await fleet.write('passwords', '');
    await fleet.save(); // last: without it there is no fleet
    return fleet;
  }

  /** The same CA, and a new certificate for a broker that may have new names. */
  async renewBroker(wanted: BrokerNames): Promise<void> {
    this.record = { ...this.record, broker: { host: wanted.host, port: wanted.port, tls: true } };
    await this.makeBrokerCertificate(wanted);
    await this.save();
    await this.tell('reload');
  }

  /**
   * Lets somebody in.
   *
   * @throws EnrolError `exists`, `missing` (to be renewed), `name`, `request`, `openssl`, or `broker` when all is done but
   *   the broker could not be told.
   */
  async enrol(wanted: Wanted, onReady: (file: EnrolFile) => Promise<void>): Promise<Member> {
    const who = memberName(wanted.role, wanted.name);
    const before = this.members.find(({ user }) => user === who.user);
    checkNew(wanted, before);
    const { credential, signed } = await this.credential(who.user, wanted);
    if (signed !== null) await this.keep(who.user, signed);
    const member: Member = {
      ...who,
      enrolled_at: before?.enrolled_at ?? new Date().toISOString(),
      ends_at: signed?.endsAt ?? null,
      revoked_at: null,
      ...(signed === null ? {} : { days: wanted.days }),
      serials: [...(before?.serials ?? []), ...(signed === null ? [] : [signed.serial])],
    };
    const others = this.members.filter(({ user }) => user !== who.user);
    this.record = { ...this.record, members: [...others, member] };
    await this.save(); // first: what was signed must be there to be revoked
    if (who.role !== 'kit') await this.write('acl', withoutMember(await this.read('acl'), who.user) + memberAcl(who));
    const ca = this.record.public_ca ? {} : { ca_pem: await readFile(this.authority.certFile, 'utf8') };
    await onReady({ v: 1, ...nameOf(who), broker: this.record.broker, ...ca, ...credential });
    const hasNewRules = who.role !== 'kit' && !wanted.renew;
    if (this.record.credentials === 'password' || hasNewRules) await this.tell('reload');
    return member;
  }

  /**
   * Shuts somebody out at once, also one that is connected.
   *
   * @throws EnrolError `missing`; `broker` when the credential is void but the broker could not be told.
   */
  async revoke(role: Role, name: string): Promise<void> {
    const { user } = memberName(role, name);
    const member = this.members.find((one) => one.user === user && one.name === name);
    if (member === undefined || member.revoked_at !== null) {
      const hint = 'dragonsink enrol --list shows who is';
      throw new EnrolError(`${name} is no ${role} of this fleet`, { code: 'missing', hint });
    }
    if (member.serials.length > 0) await this.authority.revoke(member.serials);
    for (const file of [requestFile, certificateFile]) await rm(file(this.folder, user), { force: true });
    await this.write('passwords', withoutUser(await this.read('passwords'), user));
    await this.write('acl', withoutMember(await this.read('acl'), user));
    // It stays on the list: nobody else may send under its name either.
    const revoked = { ...member, revoked_at: new Date().toISOString(), ends_at: null };
    this.record = { ...this.record, members: this.members.map((one) => (one === member ? revoked : one)) };
    await this.save();
    // On a reload mosquitto looks at the passwords of those who are connected again, and not at their certificates.
    await this.tell(this.record.credentials === 'password' ? 'reload' : 'restart');
  }

  private async credential(
    user: string,
    { days, requestPem }: Wanted,
  ): Promise<{ credential: Partial<EnrolFile>; signed: Signed | null }> {
    if (this.record.credentials === 'password') {
      if (requestPem !== undefined) {
        throw new EnrolError('this fleet has passwords: there is nothing to sign', { code: 'request' });
      }
      const password = newPassword();
      await this.write('passwords', withPassword(await this.read('passwords'), user, password));
      return { credential: { username: user, password }, signed: null };
    }
    const toSign = { name: user, days };
    const signed =
      requestPem === undefined
        ? await this.authority.issue(toSign)
        : { ...(await this.authority.sign(requestPem, toSign)), keyPem: undefined };
    const { certPem: cert_pem, keyPem: key_pem } = signed;
    return { credential: { cert_pem, ...(key_pem === undefined ? {} : { key_pem }) }, signed };
  }

  /** For the next one, and for the server, which hands it to its kit. Before it is on the list, or it would be missed there. */
  private async keep(user: string, { requestPem, certPem }: Signed): Promise<void> {
    const folder = join(this.folder, MEMBERS_FOLDER);
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755); // whatever the umask
    for (const [file, pem] of [
      [requestFile, requestPem],
      [certificateFile, certPem],
    ] as const) {
      await writeWholeFile(file(this.folder, user), [pem], { mode: 0o644 });
    }
  }

  private async makeBrokerCertificate({ host, names, days }: BrokerNames): Promise<void> {
    if (!this.signsBroker) return;
    const hosts = [...new Set([host, ...names, ...OWN_NAMES])];
    const { certPem, keyPem } = await this.authority.issue({ name: host, days, hosts });
    await this.write('broker.crt', certPem, 0o644);
    await this.write('broker.key', keyPem);
  }

  private save(): Promise<void> {
    return this.write(RECORD_FILE, `${JSON.stringify(this.record, null, 2)}\n`, 0o644);
  }

  private read(name: string): Promise<string> {
    return readFile(join(this.folder, name), 'utf8');
  }

  /** What only the broker may read is its group's. */
  private async write(name: string, text: string, mode = 0o640): Promise<void> {
    const gid = await brokersGroup();
    const belonging: Belonging = gid === null ? { mode } : { mode, owner: { uid: process.getuid?.() ?? 0, gid } };
    await writeWholeFile(join(this.folder, name), [text], belonging);
  }

  private tell(action: 'reload' | 'restart'): Promise<void> {
    const command = this.record.tell_broker.replaceAll('{action}', action);
    return new Promise((resolve, reject) => {
      execFile('sh', ['-c', command], (error, _, said) => {
        if (error === null) resolve();
        else {
          const why = said.trim() === '' ? toError(error).message : said.trim();
          const hint = `${action} the broker now: until then it goes by what it knew before`;
          reject(new EnrolError(`the broker could not be told (${command}): ${why}`, { code: 'broker', hint }));
        }
      });
    });
  }
}

/** @throws EnrolError `exists` or `missing`: what is asked for and what is there don't go together. */
function checkNew({ role, name, renew }: Wanted, before: Member | undefined): void {
  if (before !== undefined && before.name !== name) {
    const hint = 'the topics of both would be the same: give one of them another id';
    throw new EnrolError(`${name} is ${before.user} to the broker, and so is ${before.name}`, { code: 'exists', hint });
  }
  const isMember = before !== undefined && before.revoked_at === null;
  if (isMember && !renew) {
    const hint = 'with --renew it gets a new credential';
    throw new EnrolError(`${name} is a ${role} of this fleet already`, { code: 'exists', hint });
  }
  if (!isMember && renew) {
    throw new EnrolError(`${name} is no ${role} of this fleet`, { code: 'missing', hint: 'leave --renew out' });
  }
}

function nameOf({ role, name }: MemberName): Partial<EnrolFile> {
  return role === 'kit' ? { kit_id: name } : { [role]: name };
}
