// The spool's promises, on real files.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { SpoolError } from '../../../src/base/errors.js';
import type { NewRow, Spool, SpoolRow } from '../../../src/spool/spool.js';
import { openSqliteSpool, type SqliteSpoolOptions, viewSqliteSpool } from '../../../src/spool/sqlite-spool.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const MB = 1024 * 1024;

function open(path: string, options: Partial<SqliteSpoolOptions> = {}): Spool {
  return openSqliteSpool({
    path,
    classes: [1, 3, 2, 0],
    limits: { maxBytes: 64 * MB, minFreeBytes: 0, evict: 'priority' },
    onDamaged: () => assert.fail('the spool is not damaged'),
    ...options,
  });
}

function rows(count: number, rowClass = 0, bodyBytes = 40): NewRow[] {
  return Array.from({ length: count }, (_, i) => {
    const body = JSON.stringify({ id: `thing-${i}`, text: 'x'.repeat(bodyBytes) });
    return { class: rowClass, thing: `thing-${i}`, mark: `${i}`, body };
  });
}

const identities = (list: readonly SpoolRow[]): string[] =>
  list.map(({ class: c, epoch, seq }) => `${c} ${epoch} ${seq}`);

describe('a spool', () => {
  test('counts seq 1, 2, 3 without holes within each class', (t) => {
    const spool = open(join(tempFolder(t), 'spool.db'));
    t.after(() => spool.close());
    const accepted = spool.accept([...rows(3, 0), ...rows(2, 1)]);
    assert.deepEqual(accepted.map(({ class: c, seq }) => [c, seq]), [[0, 1], [0, 2], [0, 3], [1, 1], [1, 2]]); // biome-ignore format: a table
    assert.deepEqual(spool.accept(rows(1, 0)).map(({ seq }) => seq), [4]); // biome-ignore format: short
  });

  test('begins a new epoch at every opening, later than the one before, and keeps old rows under theirs', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    const before = first.accept(rows(2));
    first.close();
    const second = open(path);
    t.after(() => second.close());
    const [after] = second.accept(rows(1));
    assert.ok(after && before[0]);
    assert.equal(after.seq, 1);
    assert.ok(after.epoch > before[0].epoch);
    assert.match(after.epoch, /^[0-9a-f]{16}$/);
    assert.deepEqual(identities(second.read(0, second.lastId(), 10)), identities([...before, after]));
  });

  test('an opening that accepts nothing leaves no epoch behind', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    open(path).close();
    const spool = open(path);
    t.after(() => spool.close());
    spool.accept(rows(1));
    assert.deepEqual(spool.ledger().map(({ epoch }) => epoch.slice(0, 8)), ['00000001']); // biome-ignore format: short
  });

  test('never uses an id twice, also after it was drained and opened again', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    first.deliver(first.accept(rows(5, 2)));
    first.close();
    const second = open(path);
    t.after(() => second.close());
    assert.deepEqual(second.accept(rows(1)).map(({ id }) => id), [6]); // biome-ignore format: short
  });

  test('remembers across openings what was last accepted of a thing', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    first.accept([{ class: 0, thing: 'drone-1', mark: '17.5', body: '{}' }]);
    first.close();
    const second = open(path);
    t.after(() => second.close());
    assert.equal(second.lastMark(0, 'drone-1'), '17.5');
    assert.equal(second.lastMark(1, 'drone-1'), null);
  });

  test('forgets the things that were quiet for longest, never the recent ones', (t) => {
    const spool = open(join(tempFolder(t), 'spool.db'));
    t.after(() => spool.close());
    for (let i = 0; i < 22; i += 1) {
      const batch = rows(1_000).map((row) => ({ ...row, thing: `${i} ${row.thing}`, body: '{}' }));
      spool.deliver(spool.accept(batch));
    }
    assert.equal(spool.lastMark(0, '0 thing-0'), null);
    assert.equal(spool.lastMark(0, '21 thing-999'), '999');
    assert.equal(spool.lastMark(0, '3 thing-0'), '0');
  });

  test('reads in the order of acceptance across classes', (t) => {
    const spool = open(join(tempFolder(t), 'spool.db'));
    t.after(() => spool.close());
    const accepted = [...rows(2, 3), ...rows(2, 0), ...rows(2, 1)].flatMap((row) => spool.accept([row]));
    assert.deepEqual(spool.read(0, spool.lastId(), 4), accepted.slice(0, 4));
    assert.deepEqual(spool.read(4, spool.lastId(), 4), accepted.slice(4));
    assert.deepEqual(spool.read(0, 1, 4), accepted.slice(0, 1));
  });

  test('delivers a row once, however often it is confirmed', (t) => {
    const spool = open(join(tempFolder(t), 'spool.db'));
    t.after(() => spool.close());
    const accepted = spool.accept(rows(3));
    spool.deliver(accepted.slice(0, 2));
    spool.deliver(accepted.slice(0, 2));
    const { classes, waiting } = spool.counts();
    assert.deepEqual(classes.get(0), { accepted: 3, delivered: 2, evicted: 0, waiting: 1 });
    assert.equal(waiting, 1);
    const [stream] = spool.ledger();
    assert.deepEqual([stream?.floor, stream?.next], [3, 4]);
  });

  test('sets a row aside with its reason, on record, and goes on', (t) => {
    const spool = open(join(tempFolder(t), 'spool.db'));
    t.after(() => spool.close());
    const [first, second] = spool.accept(rows(3));
    assert.ok(first && second);
    spool.quarantine(second, 'too large');
    assert.deepEqual(spool.read(0, 99, 9).map(({ seq }) => seq), [1, 3]); // biome-ignore format: short
    const [aside] = spool.quarantined();
    assert.deepEqual([aside?.seq, aside?.reason, aside?.body], [2, 'too large', second.body]);
    assert.deepEqual(spool.ledger()[0]?.quarantined, [[2, 2]]);
    assert.equal(spool.counts().quarantined, 1);
  });

  test('fixes the kit id for its life', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    assert.equal(first.kitId(), null);
    first.setKitId('wardragon-A');
    first.close();
    const second = open(path);
    t.after(() => second.close());
    assert.equal(second.kitId(), 'wardragon-A');
    second.setKitId('wardragon-A');
    assert.throws(() => second.setKitId('wardragon-B'), { code: 'kit-id' });
    assert.equal(second.kitId(), 'wardragon-A');
  });

  test('can be looked into while another holds it', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const spool = open(path);
    t.after(() => spool.close());
    spool.accept(rows(4));
    const view = viewSqliteSpool(path, [0, 1, 2, 3]);
    t.after(() => view.close());
    assert.equal(view.counts().waiting, 4);
    assert.deepEqual(view.ledger(), spool.ledger());
  });
});

describe('a full spool', () => {
  const small = { maxBytes: 4 * MB, minFreeBytes: 0 } as const;

  test('evicts by priority, the oldest first, on record, and stays within its limit', (t) => {
    const spool = open(join(tempFolder(t), 'spool.db'), { limits: { ...small, evict: 'priority' } });
    t.after(() => spool.close());
    for (let i = 0; i < 60; i += 1) spool.accept([...rows(20, 1, 1_000), ...rows(20, 0, 1_000)]);
    const { classes, waiting, bytes } = spool.counts();
    const [drones, aircraft] = [classes.get(0), classes.get(1)];
    assert.ok(drones && aircraft);
    assert.ok(bytes <= small.maxBytes, `${bytes} bytes`);
    assert.ok(aircraft.evicted > 0);
    assert.ok(drones.evicted === 0 || aircraft.waiting < 40, 'drones only go when no aircraft is left');
    assert.equal(waiting, drones.waiting + aircraft.waiting);
    for (const { class: c, floor, evicted } of spool.ledger()) {
      const gone = classes.get(c)?.evicted ?? 0;
      assert.deepEqual(evicted, gone === 0 ? [] : [[1, gone]]);
      assert.equal(floor, gone + 1);
    }
    for (const { accepted, delivered, evicted, waiting: still } of [drones, aircraft]) {
      assert.equal(accepted, delivered + evicted + still);
    }
  });

  test('with `oldest` evicts whatever came first', (t) => {
    const spool = open(join(tempFolder(t), 'spool.db'), { limits: { ...small, evict: 'oldest' } });
    t.after(() => spool.close());
    spool.accept(rows(400, 0, 1_000));
    for (let i = 0; i < 100; i += 1) spool.accept(rows(20, 1, 1_000));
    assert.equal(spool.counts().classes.get(0)?.evicted, 400);
  });

  test('with `reject-new` takes nothing more, says so, and takes again after a delivery', (t) => {
    const spool = open(join(tempFolder(t), 'spool.db'), { limits: { ...small, evict: 'reject-new' } });
    t.after(() => spool.close());
    const taken: SpoolRow[] = [];
    const fill = (): void => {
      for (;;) taken.push(...spool.accept(rows(20, 0, 1_000)));
    };
    assert.throws(fill, (error: unknown) => error instanceof SpoolError && error.code === 'full' && error.retryable);
    assert.equal(spool.counts().waiting, taken.length);
    assert.equal(spool.counts().classes.get(0)?.evicted, 0);
    spool.deliver(taken.slice(0, 200));
    assert.equal(spool.accept(rows(20, 0, 1_000)).length, 20);
  });

  test('on a disk with less than min_free_mb left it stops growing, each new row evicting', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const first = open(path);
    first.accept(rows(1_000, 0, 1_000));
    const { bytes } = first.counts();
    first.close();
    const spool = open(path, { limits: { maxBytes: 64 * MB, minFreeBytes: Number.MAX_SAFE_INTEGER, evict: 'oldest' } });
    t.after(() => spool.close());
    for (let i = 0; i < 100; i += 1) spool.accept(rows(20, 0, 1_000));
    assert.ok(spool.counts().bytes <= bytes + 5 * MB, 'the WAL may be there, the database does not grow');
    assert.ok((spool.counts().classes.get(0)?.evicted ?? 0) >= 1_000);
    assert.ok(spool.counts().waiting > 0);
  });
});

describe('a spool that can not be opened', () => {
  test('says who holds it', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const spool = open(path);
    t.after(() => spool.close());
    assert.throws(
      () => open(path),
      (error: unknown) => {
        assert.ok(error instanceof SpoolError);
        assert.equal(error.code, 'held');
        assert.match(error.message, new RegExp(`held by process ${process.pid}`));
        return true;
      },
    );
  });

  test('names the missing folder and how to make it', (t) => {
    const path = join(tempFolder(t), 'nowhere', 'spool.db');
    assert.throws(
      () => open(path),
      (error: unknown) => {
        assert.ok(error instanceof SpoolError);
        assert.equal(error.code, 'missing');
        assert.match(`${error.message} ${error.hint}`, /nowhere.*mkdir -p/s);
        return true;
      },
    );
  });

  test('names a folder that stands in its place', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    mkdirSync(path);
    assert.throws(
      () => open(path),
      (error: unknown) => error instanceof SpoolError && /is a folder/.test(error.hint ?? ''),
    );
  });

  test('leaves the database of another program alone', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    const made = spawnSync(process.execPath, ['-e', `
      const db = new (require('better-sqlite3'))(${JSON.stringify(path)});
      db.exec('CREATE TABLE theirs (x)');`]); // biome-ignore format: a script
    assert.equal(made.status, 0, made.stderr.toString());
    assert.throws(() => open(path), { code: 'version' });
  });

  for (const [what, bytes] of [
    ['text', Buffer.from('not a database '.repeat(500))],
    ['zeros', Buffer.alloc(8_192, 1)],
  ] as const) {
    test(`keeps a damaged file (${what}) aside and starts anew`, (t) => {
      const folder = tempFolder(t);
      const path = join(folder, 'spool.db');
      writeFileSync(path, bytes);
      let keptAt = '';
      const spool = open(path, { onDamaged: (_, kept) => { keptAt = kept; } }); // biome-ignore format: short
      t.after(() => spool.close());
      assert.ok(existsSync(keptAt), readdirSync(folder).join(' '));
      assert.equal(spool.accept(rows(1)).length, 1);
    });
  }

  for (const [what, mount, expected] of [
    ['a read-only file system', 'mount -t tmpfs -o size=4m,ro none', 'read-only'],
    ['a full disk', 'mount -t tmpfs -o size=4k none', 'full'],
  ] as const) {
    test(`on ${what} names the path and the fix`, { skip: process.getuid?.() !== 0 && 'needs root to mount' }, (t) => {
      const folder = tempFolder(t);
      const script = join(import.meta.dirname, 'open-and-report.ts');
      const command = `${mount} ${folder} && ${process.execPath} --import tsx ${script} ${folder}/spool.db`;
      const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', command], { encoding: 'utf8' });
      const report = JSON.parse(stdout || '{}') as { code?: string; text?: string };
      assert.equal(report.code, expected, stderr);
      assert.match(report.text ?? '', new RegExp(folder));
    });
  }
});
