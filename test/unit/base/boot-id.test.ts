// Which boot of the machine this is.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bootId } from '../../../src/base/boot-id.js';

test("the service manager's word goes before the kernel's, and is given to the kit's service", () => {
  assert.equal(bootId({ DRAGONSINK_BOOT_ID: 'boot-1' }), 'boot-1');
  assert.match(bootId({}), /^[0-9a-f]{32}$/);
  assert.equal(bootId({}), bootId({ DRAGONSINK_BOOT_ID: '' }));
  const unit = readFileSync(join(import.meta.dirname, '../../../systemd/dragonsink-kit.service'), 'utf8');
  assert.match(unit, /^Environment=DRAGONSINK_BOOT_ID=%b$/m, 'it sees nothing of /proc but its own process');
});
