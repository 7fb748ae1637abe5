// Where every field of every message ends, in which unit.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../../../src/base/json.js';
import { KINDS, type Kind } from '../../../src/schema/kinds.js';
import { MESSAGES } from '../../../src/schema/messages.js';
import { type Row, toRow } from '../../../src/server/rows.js';
import { BASE, FATES, UNKNOWN } from './fields-table.js';

function row(kind: Kind, raw: JsonObject): Row {
  return toRow(kind, MESSAGES[kind].parse(raw) as JsonObject, raw);
}

describe('every field', () => {
  for (const kind of KINDS) {
    test(`of a ${kind} message is in the table`, () => {
      assert.deepEqual(Object.keys(FATES[kind]).sort(), Object.keys(MESSAGES[kind].shape).sort());
    });

    for (const [field, [value, fate]] of Object.entries(FATES[kind])) {
      test(`${kind}.${field} ends ${fate === null ? 'in a place of its own' : fate === 'extra' ? 'in extra' : `in ${Object.keys(fate).join(', ')}`}`, () => {
        const { columns, extra } = row(kind, { ...BASE[kind], [field]: value });
        if (fate === 'extra') assert.deepEqual(extra[field], value);
        else assert.ok(!(field in extra), JSON.stringify(extra));
        for (const [column, expected] of Object.entries(typeof fate === 'object' && fate !== null ? fate : {})) {
          const found = columns[column];
          if (typeof expected === 'number')
            assert.ok(Math.abs(Number(found) - expected) < 1e-9, `${column} is ${found}`);
          else assert.equal(found, expected);
        }
      });
    }
  }

  test('that nobody knows is kept in extra', () => {
    for (const kind of KINDS)
      assert.deepEqual(row(kind, { ...BASE[kind], novel: { a: [1] } }).extra['novel'], { a: [1] });
  });
});

describe('what is unknown or impossible', () => {
  for (const [kind, fields, column, kept] of UNKNOWN) {
    test(`${kind} ${JSON.stringify(fields)} leaves ${column} NULL${kept ? ', and is kept' : ''}`, () => {
      const { columns, extra } = row(kind, { ...BASE[kind], ...fields });
      assert.equal(columns[column], null);
      assert.equal(
        Object.keys(fields).some((field) => field in extra),
        kept,
      );
    });
  }

  test('but a place on the equator or the meridian is one', () => {
    const { columns } = row('drone', { id: 'x', lat: 0, lon: 10 });
    assert.deepEqual([columns['lat'], columns['lon']], [0, 10]);
  });

  test('a number written as text is a number', () => {
    assert.equal(row('drone', { id: 'x', rssi: '-80.5' }).columns['rssi'], -80);
  });

  test('memory and disk are shares of their totals', () => {
    const message = { memory_total_mb: 1_000, memory_available_mb: 250, disk_total_mb: 400, disk_used_mb: 100 };
    const { columns } = row('system', { ...BASE.system, ...message });
    assert.deepEqual([columns['memory_percent'], columns['disk_percent']], [75, 25]);
  });

  test('a signal without a sensor position has its own', () => {
    const { columns } = row('signal', { ...BASE.signal, lat: 42.5, lon: -71.5, alt: 20 });
    assert.deepEqual([columns['lat'], columns['lon'], columns['alt']], [42.5, -71.5, 20]);
  });
});
