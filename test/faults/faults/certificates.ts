// F22: certificates that are expired, revoked, of another CA, of another name, or not valid yet (as to a kit whose clock
// stands at 1970). The kit sends nothing to whom it can't trust, says why, keeps everything, and goes on when it is right.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../src/simulate/ports.js';
import { DatedAuthority } from '../../fixtures/dated-certificates.js';
import type { Fault } from '../fault.js';
import { KIT_ID } from '../kit-config.js';
import { Link } from '../link.js';
import type { World } from '../world.js';

interface Files {
  readonly port: number;
  readonly broker: { certFile: string; keyFile: string };
  readonly kit: { certFile: string; keyFile: string };
  readonly ours: DatedAuthority;
  readonly foreign: DatedAuthority;
}

const BROKER = { name: 'broker', from: -1, to: 10, san: 'IP:127.0.0.1' };
const KIT = { name: KIT_ID, from: -1, to: 10 };
/** A kit that can't connect tries less and less often. */
const COMES_BACK_MS = 100_000;

/** What is wrong, and what the kit says of it. */
const WRONGS: readonly { what: string; said: RegExp; spoil(files: Files): void }[] = [
  {
    what: 'the certificate of the broker has expired',
    said: /certificate has expired/,
    spoil: ({ ours, broker }) => ours.issue({ ...BROKER, from: -3, to: -1 }, broker),
  },
  {
    what: 'the certificate of the broker is not valid yet',
    said: /certificate is not yet valid/,
    spoil: ({ ours, broker }) => ours.issue({ ...BROKER, from: 2, to: 10 }, broker),
  },
  {
    what: 'the certificate of the broker is of another CA',
    said: /unable to (get local issuer|verify the first) certificate/,
    spoil: ({ foreign, broker }) => foreign.issue(BROKER, broker),
  },
  {
    what: 'the certificate of the broker is for another name',
    said: /does not match certificate's altnames|IP: 127\.0\.0\.1 is not in the cert's list/,
    spoil: ({ ours, broker }) => ours.issue({ ...BROKER, san: 'DNS:elsewhere' }, broker),
  },
  {
    what: 'the certificate of the kit is revoked',
    said: /certificate revoked/,
    spoil: ({ ours, kit }) => ours.revoke(kit.certFile),
  },
  {
    what: 'the certificate of the kit has expired',
    said: /certificate expired/,
    spoil: ({ ours, kit }) => ours.issue({ ...KIT, from: -3, to: -1 }, kit),
  },
  {
    what: 'the certificate of the kit is of another CA',
    said: /unknown ca|decrypt error/,
    spoil: ({ foreign, kit }) => foreign.issue(KIT, kit),
  },
];

export const certificates: Fault = {
  id: 'F22',
  what: 'certificates expired, revoked, not valid yet, of another CA, for another name',
  needs: [],
  async run(world, random) {
    const files = await listenWithTls(world);
    const link = await new Link(files.port, 'other').start();
    world.cleanup.add(() => link.stop());
    await world.stopKit();
    world.configureKit({
      mqtt: [
        ...[`mqtt_port = ${link.port}`, 'mqtt_tls = true', `mqtt_ca_file = ${files.ours.caFile}`],
        ...[`mqtt_certfile = ${files.kit.certFile}`, `mqtt_keyfile = ${files.kit.keyFile}`],
      ],
    });
    await world.startKit();
    await world.until('the kit is connected', () => world.connected());
    const wrongs = world.options.long ? WRONGS : random.shuffled(WRONGS).slice(0, 3);
    for (const { what, said, spoil } of wrongs) {
      spoil(files);
      reload(world);
      await world.stopKit();
      const kit = await world.startKit();
      world.injections += 1;
      if (!(await world.becomes(() => said.test(kit.log()), 20_000))) {
        world.violations.push(`the kit does not say that ${what}: ${kit.log().split('\n').slice(-3).join(' ')}`);
      }
      await checkClosed(world, what);
      files.ours.issue(BROKER, files.broker);
      files.ours.issue(KIT, files.kit);
      reload(world);
      await world.until(`the kit is back after: ${what}`, () => world.connected(), COMES_BACK_MS);
    }
  },
};

/** A second way to the same broker. */
async function listenWithTls({ broker: { folder, restart }, folder: place }: World): Promise<Files> {
  const pair = (name: string) => ({ certFile: join(place, `${name}.crt`), keyFile: join(place, `${name}.key`) });
  const ours = new DatedAuthority(join(place, 'ours'));
  const files: Files = {
    port: await freePort(),
    broker: pair('broker'),
    kit: pair('kit'),
    ours,
    foreign: new DatedAuthority(join(place, 'foreign')),
  };
  ours.issue(BROKER, files.broker);
  ours.issue(KIT, files.kit);
  const lines = [
    `listener ${files.port} 127.0.0.1`,
    ...[`cafile ${ours.caFile}`, `crlfile ${ours.crlFile}`, 'require_certificate true'],
    ...[`certfile ${files.broker.certFile}`, `keyfile ${files.broker.keyFile}`],
  ];
  appendFileSync(join(folder, 'mosquitto.conf'), `${lines.join('\n')}\n`);
  await restart();
  return files;
}

/** It reads its certificates and its list anew. */
function reload(world: World): void {
  process.kill(world.brokerPid() ?? 0, 'SIGHUP');
}

/** Nothing goes to where it must not, and what is heard meanwhile waits. */
async function checkClosed(world: World, what: string): Promise<void> {
  const waits = await world.becomes(async () => {
    const status = await world.status();
    return status?.link?.connected === false && (status.spool?.waiting ?? 0) > 0;
  }, 20_000);
  if (!waits) world.violations.push(`although ${what}, the kit is connected or keeps nothing`);
}
