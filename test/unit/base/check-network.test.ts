// The doctor up to the broker's door: real names, ports and certificates, and a real mosquitto behind them.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { Check } from '../../../src/base/check.js';
import { checkName, checkTcp, checkTls } from '../../../src/base/check-network.js';
import type { TlsFiles } from '../../../src/base/mqtt-link.js';
import { freePort } from '../../../src/simulate/ports.js';
import { assertCheck } from '../../fixtures/assert-check.js';
import { type KeyPair, makeCertificates } from '../../fixtures/certificates.js';
import { DatedAuthority } from '../../fixtures/dated-certificates.js';
import { type BrokerOptions, startMosquitto } from '../../fixtures/mosquitto.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const LOCAL = 'DNS:localhost,IP:127.0.0.1';
const YEAR = 365;

describe('a name', () => {
  test('is resolved, or is an address already', async () => {
    assertCheck(await checkName({ host: 'localhost', port: 1 }), 'ok', /^localhost is .*(127\.0\.0\.1|::1)/);
    assertCheck(await checkName({ host: '127.0.0.1', port: 1 }), 'ok', /address/);
    assertCheck(await checkName({ host: '::1', port: 1 }), 'ok', /address/);
  });

  test('that nobody knows fails', async () => {
    const check = await checkName({ host: 'no-such-host.invalid', port: 1 });
    assertCheck(check, 'fail', /no-such-host\.invalid has no address/, /name server/);
  });
});

describe('a port', () => {
  test('answers, or nothing listens there', async (t) => {
    const { port } = await startMosquitto({}, t);
    assertCheck(await checkTcp({ host: '127.0.0.1', port }), 'ok', /answers, in \d+ ms/);
    const nobody = await freePort();
    assertCheck(await checkTcp({ host: '127.0.0.1', port: nobody }), 'fail', /nothing listens/, /start the broker/);
  });
});

describe('a certificate', () => {
  let authority: DatedAuthority;
  let made: { caFile: string; server: KeyPair; client: KeyPair };
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-certificates-'));
  /** Good from and to so many days from now; without names, a client's. */
  const issue = (name: string, from: number, to: number, san?: string): KeyPair => {
    const base = join(folder, `${name}${from}${to}`);
    const pair = { certFile: `${base}.pem`, keyFile: `${base}.key` };
    authority.issue({ name, from, to, ...(san === undefined ? {} : { san }) }, pair);
    return pair;
  };
  before(() => {
    authority = new DatedAuthority(folder);
    made = { caFile: authority.caFile, server: issue('localhost', -1, 2, LOCAL), client: issue('client', -1, 2) };
  });
  after(() => rmSync(folder, { recursive: true }));

  async function check(
    t: TestContext,
    pair: KeyPair,
    { host = 'localhost', tls, broker }: { host?: string; tls?: Partial<TlsFiles>; broker?: BrokerOptions } = {},
  ): Promise<Check[]> {
    const options = { ...broker, tls: { caFile: made.caFile, ...pair } };
    const { port } = await startMosquitto(options, t);
    return checkTls({ host, port, tls: { caFile: made.caFile, insecure: false, ...tls } });
  }

  test('that ends within 30 days is a warning, with who ends when', async (t) => {
    const [tls, ...others] = await check(t, made.server);
    assertCheck(tls, 'warn', /is good until .* GMT, (0 days|1 day) only/, /new one/);
    assert.deepEqual(others, []);
  });

  test('is looked at by the clock it is told', async (t) => {
    const options = { tls: { caFile: made.caFile, ...made.server } };
    const { port } = await startMosquitto(options, t);
    const broker = { host: '127.0.0.1', port, tls: { caFile: made.caFile, insecure: false } };
    const [tls] = await checkTls(broker, Date.now() - 40 * 24 * 3_600_000);
    assertCheck(tls, 'ok', /^TLSv1\.[23], the certificate is good, until .*, 4[12] days/);
  });

  test('that has ended, or has not begun, fails with its time and ours', async (t) => {
    const [ended] = await check(t, issue('localhost', -2, -1, LOCAL));
    assertCheck(ended, 'fail', /CN=localhost ended on .*; it is 20.*Z here/, /new one, or set the clock/);
    const [early] = await check(t, issue('localhost', 1, 2, LOCAL));
    assertCheck(early, 'fail', /CN=localhost begins on .*; it is 20.*Z here/, /set this machine's clock/);
  });

  test('of another name fails, and says for whom it is', async (t) => {
    const pair = issue('other', -1, YEAR, 'DNS:other.example');
    const [tls] = await check(t, pair);
    assertCheck(tls, 'fail', /not for localhost, it is for DNS:other\.example/, /name the broker as/);
    const [byAddress] = await check(t, pair, { host: '127.0.0.1' });
    assertCheck(byAddress, 'fail', /not for 127\.0\.0\.1/);
  });

  test('of a CA that is not trusted fails', async (t) => {
    const another = makeCertificates(tempFolder(t));
    const [wrong] = await check(t, made.server, { tls: { caFile: another.caFile } });
    assertCheck(wrong, 'fail', /CA that is not trusted here/, /mqtt_ca_file/);
    const [wellKnown] = await check(t, made.server, { tls: { caFile: undefined } });
    assertCheck(wellKnown, 'fail', /CA that is not trusted here/, /mqtt_ca_file/);
  });

  test('that is not looked at is a warning, which says what is wrong with it all the same', async (t) => {
    const another = makeCertificates(tempFolder(t));
    const [tls] = await check(t, made.server, { tls: { caFile: another.caFile, insecure: true } });
    assertCheck(tls, 'warn', /any certificate is accepted .*not trusted.*anybody can pose/, /mqtt_tls_insecure/);
    const [good] = await check(t, made.server, { tls: { insecure: true } });
    assertCheck(good, 'warn', /any certificate is accepted \(mqtt_tls_insecure\): anybody/);
  });

  test('of ours is looked at too', async (t) => {
    const broker = { config: ['require_certificate true'] };
    const { certFile, keyFile } = made.client;
    const [, good] = await check(t, made.server, { tls: { certFile, keyFile }, broker });
    assertCheck(good, 'warn', /CN=client is good until/, /dragonsink enrol/);
    const lasting = issue('client', -1, YEAR);
    const [, long] = await check(t, made.server, { tls: lasting, broker });
    assertCheck(long, 'ok', /ours is CN=client, until .*, 36[45] days/);
    const old = issue('client', -2, -1);
    const [, ended] = await check(t, made.server, { tls: old, broker });
    assertCheck(ended, 'fail', /ended on/, /dragonsink enrol/);
  });

  test('where there is no TLS fails, and without TLS there is none to look at', async (t) => {
    const { port } = await startMosquitto({}, t);
    const tls = { caFile: made.caFile, insecure: false };
    assertCheck((await checkTls({ host: 'localhost', port, tls }))[0], 'fail', /no TLS connection/, /TLS port/);
    assert.deepEqual(await checkTls({ host: 'localhost', port }), []);
  });
});
