// Which kit this is.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { createLogger } from '../../../src/base/log.js';
import { Identity } from '../../../src/kit/identity.js';
import { openSpool } from '../../../src/spool/open-spool.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

function identityIn(t: TestContext, options: { configured?: string; file?: string; fixed?: string } = {}): Identity {
  const folder = tempFolder(t);
  const spool = openSpool({
    path: join(folder, 'spool.db'),
    classes: [0],
    limits: { maxBytes: 64e6, minFreeBytes: 0, maxAgeMs: null, evict: 'priority' },
    onDamaged: () => assert.fail(),
  });
  t.after(() => spool.close());
  if (options.fixed !== undefined) spool.setKitId(options.fixed);
  const kitIdFile = join(folder, 'kit-id');
  if (options.file !== undefined) writeFileSync(kitIdFile, options.file);
  return new Identity({ spool, configured: options.configured ?? null, kitIdFile, log: createLogger('silent') });
}

describe('the kit id', () => {
  test('is the configured one before any other', (t) => {
    const identity = identityIn(t, { configured: 'my-kit', file: 'SERIAL1' });
    identity.lookAround();
    assert.equal(identity.current(), 'my-kit');
    identity.offerStatus('wardragon-OTHER');
    assert.equal(identity.current(), 'my-kit');
    assert.equal(identity.conflict, null);
  });

  test("is made of the serial in WarDragon's file", (t) => {
    const identity = identityIn(t, { file: 'SERIAL1\n' });
    identity.lookAround();
    assert.equal(identity.current(), 'wardragon-SERIAL1');
  });

  test("comes from DragonSync's status when there is nothing else, and whoever waits for it is told", async (t) => {
    const identity = identityIn(t);
    identity.lookAround();
    assert.equal(identity.current(), null);
    const known = identity.known();
    identity.offerStatus('wardragon-LAB0001');
    assert.equal(await known, 'wardragon-LAB0001');
  });

  for (const uid of ['wardragon-unknown', '', null, 7, 'a/b', 'x'.repeat(65)]) {
    test(`is never ${JSON.stringify(uid).slice(0, 30)}`, (t) => {
      const identity = identityIn(t);
      identity.offerStatus(uid);
      assert.equal(identity.current(), null);
    });
  }

  test('tells whose a message is, on a broker that several kits use', (t) => {
    const identity = identityIn(t);
    assert.equal(identity.isOurs('wardragon-A'), false, 'not known yet');
    identity.offerStatus('wardragon-A');
    assert.deepEqual(
      ['wardragon-A', 'wardragon-B', 'wardragon-unknown', null].map((named) => identity.isOurs(named)),
      [true, false, true, true],
    );
    const renamed = identityIn(t, { configured: 'roof' });
    renamed.lookAround();
    assert.equal(renamed.isOurs('wardragon-A'), true, 'nobody has told yet what DragonSync calls it');
    renamed.offerStatus('wardragon-A');
    assert.deepEqual(
      ['roof', 'wardragon-A', 'wardragon-B'].map((named) => renamed.isOurs(named)),
      [true, true, false],
    );
  });

  test('stays what the spool began with: another one raises an alarm and changes nothing', (t) => {
    const identity = identityIn(t, { fixed: 'wardragon-A', configured: 'wardragon-B' });
    identity.lookAround();
    assert.equal(identity.current(), 'wardragon-A');
    assert.equal(identity.conflict, 'wardragon-B');
  });
});
