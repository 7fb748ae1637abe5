// `dragonsink enrol` and `dragonsink revoke`, on the server: who may use the broker.
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { EnrolError } from '../base/errors.js';
import { writeWholeFile } from '../base/whole-file.js';
import type { Member, Role } from '../schema/fleet.js';
import { closedToBroker } from '../server/enrol/brokers-group.js';
import { Fleet, type NewFleet } from '../server/enrol/fleet.js';
import { withFile } from './file-errors.js';
import { columns } from './table.js';

export interface EnrolOptions {
  readonly fleet: string;
  /** Exactly one of these four, or a kit's id. */
  readonly init?: string;
  readonly reader?: string;
  readonly server?: string;
  readonly list?: true;
  readonly renew?: boolean;
  readonly days?: number;
  readonly csr?: string;
  readonly out?: string;
  readonly json?: boolean;
  readonly port: number;
  readonly names?: string;
  readonly passwords?: boolean;
  readonly publicCa?: boolean;
  readonly tellBroker: string;
}

/** Where they lie, in a checkout and as installed. */
const BROKER_FILES = join(import.meta.dirname, '../../config/mosquitto');
const MEMBER_DAYS = 365;
const BROKER_DAYS = 3_650;
const DAY_MS = 24 * 3_600_000;

/**
 * `--json` prints one object: of a kit, reader or server `{role, name, user, ends_at, file}`; with `--list`
 * `{members: [{role, name, user, enrolled_at, ends_at, revoked_at}]}`.
 *
 * @throws EnrolError for what can't be done, with what to do.
 */
export async function enrolCommand(kit: string | undefined, options: EnrolOptions): Promise<number> {
  if (options.init !== undefined) return initFleet(options.init, options);
  if (options.list === true) {
    const { members } = await Fleet.open(options.fleet);
    process.stdout.write(options.json === true ? listAsJson(members) : listAsText(members));
    return 0;
  }
  const { role, name } = whom(kit, options);
  const file = options.out ?? `${name}.enrol.json`;
  const { csr } = options;
  const request = csr === undefined ? {} : { requestPem: await withFile(csr, () => readFile(csr, 'utf8')) };
  const wanted = { role, name, days: options.days ?? MEMBER_DAYS, renew: options.renew === true, ...request };
  const write = (content: object): Promise<void> =>
    withFile(file, () => writeWholeFile(file, [`${JSON.stringify(content, null, 2)}\n`]));
  const member = await withFile(options.fleet, () =>
    Fleet.change(options.fleet, (fleet) => fleet.enrol(wanted, write)),
  );
  const { user, ends_at } = member;
  const report = { role, name, user, ends_at, file };
  process.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : describe(member, file));
  return 0;
}

/** `--json` prints one object: `{role, name, revoked: true}`. */
export async function revokeCommand(kit: string | undefined, options: EnrolOptions): Promise<number> {
  const { role, name } = whom(kit, options);
  await withFile(options.fleet, () => Fleet.change(options.fleet, (fleet) => fleet.revoke(role, name)));
  const text = `${name} is shut out\n`;
  process.stdout.write(options.json === true ? `${JSON.stringify({ role, name, revoked: true })}\n` : text);
  return 0;
}

async function initFleet(host: string, options: EnrolOptions): Promise<number> {
  const names = (options.names ?? '').split(',').filter((name) => name !== '');
  for (const name of [host, ...names]) checkHost(name);
  const wanted: NewFleet = {
    host,
    port: options.port,
    names,
    credentials: options.passwords === true ? 'password' : 'certificate',
    publicCa: options.publicCa === true,
    tellBroker: options.tellBroker,
    days: options.days ?? BROKER_DAYS,
  };
  if (options.renew === true) {
    await withFile(options.fleet, () => Fleet.change(options.fleet, (fleet) => fleet.renewBroker(wanted)));
    process.stdout.write(`${options.fleet}: the broker has a new certificate for ${[host, ...names].join(', ')}\n`);
    return 0;
  }
  await withFile(options.fleet, () => Fleet.create(options.fleet, wanted));
  const closed = await closedToBroker(options.fleet);
  if (closed !== null) process.stderr.write(`the broker can't get there: chmod o+x ${closed}\n`);
  const config = wanted.credentials === 'password' ? 'password.conf' : 'mtls.conf';
  process.stdout.write(
    `${options.fleet}: the fleet is made; its ca.key is worth a copy on another machine\n` +
      `next: start the broker with ${join(BROKER_FILES, config)}, in the place of its own mosquitto.conf;\n` +
      '      then dragonsink enrol --server NAME for the server, and dragonsink enrol KIT_ID for each kit\n',
  );
  return 0;
}

function checkHost(name: string): void {
  if (isIP(name) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(name)) return;
  const hint = 'give it alone, without mqtt:// and without a port; several --names with commas between';
  throw new EnrolError(`${JSON.stringify(name)} is no host name and no address`, { code: 'name', hint });
}

function whom(kit: string | undefined, { reader, server }: EnrolOptions): { role: Role; name: string } {
  if (reader !== undefined) return { role: 'reader', name: reader };
  if (server !== undefined) return { role: 'server', name: server };
  return { role: 'kit', name: kit ?? '' };
}

function describe({ role, name, ends_at }: Member, file: string): string {
  const until =
    ends_at === null
      ? 'does not end'
      : `ends on ${ends_at.slice(0, 10)}${role === 'reader' ? '' : ', and is renewed before'}`;
  const next = {
    kit: 'on the kit: sudo ./install.sh --enrol FILE, or dragonsink enrol --apply FILE',
    server: 'on the server: dragonsink enrol --apply FILE',
    reader: 'it holds what a dashboard needs',
  }[role];
  return `${file}: the credential of ${role} ${name}, which ${until}\n${next.replace('FILE', file).replace('FILE', file)}\n`;
}

type Listed = Omit<Member, 'serials'>;

function listAsJson(members: readonly Member[]): string {
  const listed: Listed[] = members.map(({ serials: _, ...member }) => member);
  return `${JSON.stringify({ members: listed })}\n`;
}

function listAsText(members: readonly Member[]): string {
  const lines = members.map(({ role, name, user, ends_at, revoked_at }) => {
    const days = ends_at === null ? '-' : String(Math.floor((Date.parse(ends_at) - Date.now()) / DAY_MS));
    return [role, name, user, revoked_at === null ? days : '-', revoked_at === null ? '' : `revoked ${revoked_at}`];
  });
  return columns([['role', 'name', 'user', 'days left', ''], ...lines]);
}
