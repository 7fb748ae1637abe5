// A message that is right as it is does not go through its schema: what comes out must be what the schema would have said.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../../../src/base/json.js';
import { KINDS } from '../../../src/schema/kinds.js';
import { MESSAGES, readMessage } from '../../../src/schema/messages.js';

const value = fc.oneof(
  fc.string({ maxLength: 4 }),
  fc.double(),
  fc.integer().map(String),
  fc.boolean(),
  fc.constant(null),
  fc.constant(undefined),
  fc.constant([1]),
);

for (const kind of KINDS) {
  const fields = Object.keys(MESSAGES[kind].shape);
  const right = { id: 'drone-1', icao: 'A00000', uid: 'signal-1' };

  test(`${kind}: whatever its fields hold, it is read as by its schema`, () => {
    const message = fc
      .dictionary(fc.constantFrom(...fields, 'new_field'), value, { maxKeys: 4, noNullPrototype: true })
      .map((some): JsonObject => ({ ...right, ...some }));
    fc.assert(
      fc.property(message, (sent) => {
        const read = readMessage(kind, sent);
        const expected = MESSAGES[kind].safeParse(sent);
        equal(read.success, expected.success);
        deepEqual(read.data, expected.data);
        deepEqual(read.error?.issues, expected.error?.issues);
      }),
    );
  });

  test(`${kind}: one with nothing to change is given back itself`, () => {
    const message = { ...right, rssi: -60, seen_by: 'kit', new_field: [1] };
    equal(readMessage(kind, message).data, message);
  });
}
