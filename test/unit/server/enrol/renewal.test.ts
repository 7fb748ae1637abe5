// What ends is signed anew for the same key, where it can be brought without a person; of the rest a person is told.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { EnrolFile } from '../../../../src/schema/enrol-file.js';
import { EnrolledKits } from '../../../../src/server/enrol/enrolled-kits.js';
import { Fleet, type Wanted } from '../../../../src/server/enrol/fleet.js';
import { certificateFile } from '../../../../src/server/enrol/record.js';
import { type RenewalOptions, renewDue } from '../../../../src/server/enrol/renewal.js';
import { MemoryLog } from '../../../fixtures/memory-log.js';
import { tempFolder } from '../../../fixtures/temp-folder.js';

const DAY_MS = 86_400_000;
const HOST = 'broker.example';

async function fleetIn(folder: string, more: { credentials?: 'password'; tellBroker?: string } = {}): Promise<void> {
  const broker = { host: HOST, port: 8883, names: ['192.0.2.7'], days: 300 };
  await Fleet.create(folder, { credentials: 'certificate', publicCa: false, tellBroker: 'true', ...broker, ...more });
}

async function enrol(folder: string, role: Wanted['role'], name: string, days = 90): Promise<EnrolFile> {
  let file: EnrolFile | undefined;
  const onReady = async (made: EnrolFile): Promise<void> => {
    file = made;
  };
  await Fleet.change(folder, (fleet) => fleet.enrol({ role, name, days, renew: false }, onReady));
  assert.ok(file);
  return file;
}

const inDays = (days: number, isHere = false): RenewalOptions => ({
  nowMs: Date.now() + days * DAY_MS,
  isHere: () => isHere,
});
const names = (members: readonly { name: string }[]): string[] => members.map(({ name }) => name);
const read = (file: string): X509Certificate => new X509Certificate(readFileSync(file));

async function setUp(t: TestContext): Promise<string> {
  const folder = join(tempFolder(t), 'fleet');
  await fleetIn(folder);
  return folder;
}

test('a kit’s certificate is signed anew in the last third of its time, for the same key and name', async (t) => {
  const folder = await setUp(t);
  const { cert_pem = '', key_pem = '' } = await enrol(folder, 'kit', 'wardragon-A');
  assert.deepEqual(names((await renewDue(folder, inDays(59))).renewed), []);
  assert.deepEqual(names((await renewDue(folder, inDays(61))).renewed), ['wardragon-A']);
  const [before, after] = [new X509Certificate(cert_pem), read(certificateFile(folder, 'wardragon-A'))];
  assert.ok(after.publicKey.equals(before.publicKey));
  assert.ok(!readFileSync(certificateFile(folder, 'wardragon-A'), 'utf8').includes('PRIVATE'));
  assert.notEqual(key_pem, '', 'there was a key that might have been kept');
  assert.deepEqual([after.subject, after.issuer], [before.subject, before.issuer]);
  assert.notEqual(after.serialNumber, before.serialNumber);
  const [member] = (await Fleet.open(folder)).members;
  assert.deepEqual(member?.serials, [before.serialNumber, after.serialNumber], 'both can be revoked');
});

test('one that was shut out gets none, and what was signed for it is gone', async (t) => {
  const folder = await setUp(t);
  await enrol(folder, 'kit', 'wardragon-A');
  await renewDue(folder, inDays(80));
  const kits = new EnrolledKits(folder, new MemoryLog());
  assert.match(kits.newerCertificate('wardragon-A', Date.now()) ?? '', /^-----BEGIN CERTIFICATE-----/);
  assert.equal(kits.newerCertificate('wardragon-A', Date.now() + 91 * DAY_MS), null, 'it has one that ends later');
  assert.equal(kits.newerCertificate('wardragon-B', Date.now()), null);
  await Fleet.change(folder, (fleet) => fleet.revoke('kit', 'wardragon-A'));
  assert.ok(!existsSync(certificateFile(folder, 'wardragon-A')));
  assert.equal(new EnrolledKits(folder, new MemoryLog()).newerCertificate('wardragon-A', Date.now()), null);
  const { renewed, byHand } = await renewDue(folder, inDays(80));
  assert.deepEqual([names(renewed), names(byHand)], [[], []]);
});

test('a server’s is signed where it runs, and of a reader’s, or another machine’s, a person is told 30 days ahead', async (t) => {
  const folder = await setUp(t);
  await enrol(folder, 'server', 'main');
  await enrol(folder, 'reader', 'board');
  assert.deepEqual(names((await renewDue(folder, inDays(59))).byHand), []);
  const elsewhere = await renewDue(folder, inDays(61));
  assert.deepEqual([names(elsewhere.renewed), names(elsewhere.byHand)], [[], ['main', 'board']]);
  const here = await renewDue(folder, inDays(61, true));
  assert.deepEqual([names(here.renewed), names(here.byHand)], [['main'], ['board']]);
});

test('the broker’s keeps its names and addresses', async (t) => {
  const folder = await setUp(t);
  const file = join(folder, 'broker.crt');
  const before = read(file);
  assert.equal((await renewDue(folder, inDays(150))).broker, false);
  assert.equal((await renewDue(folder, inDays(210))).broker, true);
  const after = read(file);
  assert.notEqual(after.serialNumber, before.serialNumber);
  for (const host of [HOST, 'localhost']) assert.equal(after.checkHost(host), host);
  for (const address of ['192.0.2.7', '127.0.0.1', '::1']) assert.equal(after.checkIP(address), address);
  assert.ok(Math.abs(Date.parse(after.validTo) - Date.parse(before.validTo)) < 2 * DAY_MS, 'for as long as before');
});

test('where members have passwords, which do not end, only the broker is renewed', async (t) => {
  const folder = join(tempFolder(t), 'fleet');
  await fleetIn(folder, { credentials: 'password' });
  await enrol(folder, 'kit', 'wardragon-A');
  const { renewed, byHand, broker } = await renewDue(folder, inDays(290));
  assert.deepEqual([names(renewed), names(byHand), broker], [[], [], true]);
});

test('what is kept for the next one is no secret, and can be read by the server, whoever runs it', async (t) => {
  const before = process.umask(0o077);
  try {
    const folder = await setUp(t);
    await enrol(folder, 'kit', 'wardragon-A');
    const mode = (path: string): number => statSync(path).mode & 0o777;
    assert.equal(mode(join(folder, 'members')), 0o755);
    assert.equal(mode(certificateFile(folder, 'wardragon-A')), 0o644);
    assert.equal(mode(join(folder, 'ca.key')), 0o600);
  } finally {
    process.umask(before);
  }
});
