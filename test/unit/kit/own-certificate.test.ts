// The kit takes a certificate from a server only when it is of use to nobody else, and never gives up one that works for it.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type CertificateFiles, certificatesOf, OwnCertificate } from '../../../src/kit/own-certificate.js';
import { Authority } from '../../../src/server/enrol/authority.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

interface Setup {
  readonly files: CertificateFiles;
  readonly own: OwnCertificate;
  readonly log: MemoryLog;
  /** Signs a certificate for the kit's own key, which ends in so many days. */
  readonly sign: (days: number, name?: string) => Promise<string>;
}

/** A kit that is connected with the certificate of its enrolment, which ends in 10 days. */
async function setUp(t: TestContext): Promise<Setup> {
  const folder = tempFolder(t);
  const authority = await authorityIn(join(folder, 'fleet'));
  const { certPem, keyPem, requestPem } = await authority.issue({ name: 'kit-a', days: 10 });
  const place = (name: string): string => join(folder, name);
  const files = { certFile: place('kit.crt'), keyFile: place('kit.key'), caFile: authority.certFile };
  writeFileSync(files.certFile, certPem);
  writeFileSync(files.keyFile, keyPem);
  const log = new MemoryLog();
  const all = { ...files, renewedFile: place('kit-renewed.crt') };
  const own = new OwnCertificate(all, log);
  own.tried(own.next(), true);
  const sign = async (days: number, name = 'kit-a'): Promise<string> =>
    (await authority.sign(requestPem, { name, days })).certPem;
  return { files: all, own, log, sign };
}

async function authorityIn(folder: string): Promise<Authority> {
  mkdirSync(folder);
  const authority = new Authority(folder);
  await authority.create();
  return authority;
}

test('one that ends later is kept beside the spool, and the next connection is made with it', async (t) => {
  const { files, own, sign } = await setUp(t);
  assert.equal(own.next(), files.certFile);
  const pem = await sign(400);
  assert.equal(await own.take(pem), true);
  assert.equal(own.next(), files.renewedFile);
  assert.equal(readFileSync(files.renewedFile, 'utf8'), pem);
  own.tried(own.next(), true);
  assert.ok(Date.parse(own.endsAt ?? '') > Date.now() + 399 * 86_400_000);
  assert.equal(await own.take(pem), false, 'it has it already');
});

test('while the broker does not let it in, the one of before is tried in turn', async (t) => {
  const { files, own, log, sign } = await setUp(t);
  await own.take(await sign(400));
  const tried: string[] = [];
  for (const isIn of [false, false, false, true]) {
    tried.push(own.next());
    own.tried(own.next(), isIn);
  }
  const { certFile, renewedFile } = files;
  assert.deepEqual(tried, [renewedFile, certFile, renewedFile, certFile]);
  assert.match(log.texts.at(-1) ?? '', /warn: connected with the certificate of before/);
  assert.equal(own.next(), renewedFile, 'and the new one is tried first again');
});

test('one that is not of its key, its name and its authority, or ends no later, is not taken', async (t) => {
  const { files, own, log, sign } = await setUp(t);
  const other = await authorityIn(join(tempFolder(t), 'fleet'));
  const { certPem: ofAnotherKey } = await other.issue({ name: 'kit-a', days: 400 });
  const offers = [await sign(5), await sign(400, 'kit-b'), ofAnotherKey, 'nonsense', ''];
  for (const pem of offers) assert.equal(await own.take(pem), false, pem);
  assert.ok(!existsSync(files.renewedFile));
  assert.match(log.texts.find((text) => text.startsWith('warn')) ?? '', /it is for another name/);
});

test('one that another authority of the same name signed for its key is not taken', async (t) => {
  const folder = tempFolder(t);
  const [ours, theirs] = [await authorityIn(join(folder, 'ours')), await authorityIn(join(folder, 'theirs'))];
  const { certPem, keyPem, requestPem } = await ours.issue({ name: 'kit-a', days: 10 });
  const [certFile, keyFile] = [join(folder, 'kit.crt'), join(folder, 'kit.key')];
  writeFileSync(certFile, certPem);
  writeFileSync(keyFile, keyPem);
  const log = new MemoryLog();
  const files = { certFile, keyFile, caFile: ours.certFile, renewedFile: join(folder, 'renewed.crt') };
  const own = new OwnCertificate(files, log);
  own.tried(certFile, true);
  assert.equal(await own.take((await theirs.sign(requestPem, { name: 'kit-a', days: 400 })).certPem), false);
  assert.match(log.texts.at(-1) ?? '', /not signed by the authority of this fleet/);
});

test('a kit that was enrolled anew does not use what came for its key of before', async (t) => {
  const { files, own, sign } = await setUp(t);
  await own.take(await sign(400));
  const again = await (await authorityIn(join(tempFolder(t), 'fleet'))).issue({ name: 'kit-a', days: 30 });
  writeFileSync(files.certFile, again.certPem);
  writeFileSync(files.keyFile, again.keyPem);
  assert.deepEqual(certificatesOf(files), [files.certFile]);
  assert.equal(own.next(), files.certFile);
});

test('what can’t be read or kept leaves it with the one it has', async (t) => {
  const { files, own, log, sign } = await setUp(t);
  const pem = await sign(400);
  writeFileSync(files.renewedFile, 'half of a certifi');
  assert.equal(own.next(), files.certFile);
  const nowhere = new OwnCertificate({ ...files, renewedFile: join(files.renewedFile, 'no', 'folder') }, log);
  nowhere.tried(files.certFile, true);
  assert.equal(await nowhere.take(pem), false);
  assert.match(log.texts.at(-1) ?? '', /error: the certificate .* could not be kept/);
  assert.equal(nowhere.next(), files.certFile);
});
