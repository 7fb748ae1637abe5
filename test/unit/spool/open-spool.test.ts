// A kit always starts: what is no sound spool is kept aside, and said; what a person has to mend is named with the fix.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { SpoolError } from '../../../src/base/errors.js';
import { openSqlite } from '../../../src/base/sqlite.js';
import { viewSpool } from '../../../src/spool/open-spool.js';
import type { Spool } from '../../../src/spool/spool.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { CLASSES, MIB, open, rows } from './spools.js';

const PAGE = 4_096;

interface Kept {
  readonly spool: Spool;
  /** Empty when nothing was found damaged. */
  readonly keptAt: string;
  readonly said: string;
}

function openDamaged(t: TestContext, path: string): Kept {
  let keptAt = '';
  let said = '';
  const spool = open(path, {
    onDamaged: (problem, kept) => {
      assert.equal(problem.code, 'corrupt');
      said = problem.message;
      keptAt = kept;
    },
  });
  t.after(() => spool.close());
  return { spool, keptAt, said };
}

/** A spool with rows, its WAL drained into it. */
function filled(path: string, count = 3_000): void {
  const spool = open(path);
  spool.setKitId('wardragon-A');
  for (let i = 0; i < count; i += 1_000) spool.accept(rows(Math.min(count, 1_000), 0, 1_000));
  spool.close();
}

/** A copy of a spool as a killed process leaves it: with a WAL that is not in the database yet. */
function killed(folder: string): string {
  const path = join(folder, 'killed.db');
  const live = join(folder, 'live.db');
  const spool = open(live);
  spool.accept(rows(500, 0, 1_000));
  for (const suffix of ['', '-wal']) copyFileSync(live + suffix, path + suffix);
  spool.close();
  return path;
}

function overwrite(path: string, at: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}

describe('a spool that is damaged', () => {
  const damages: Record<string, (path: string) => void> = {
    'text in its place': (path) => writeFileSync(path, 'not a database '.repeat(500)),
    'zeros in its place': (path) => writeFileSync(path, Buffer.alloc(8_192)),
    'nothing in it': (path) => writeFileSync(path, ''),
    'a few bytes of it': (path) => truncateSync(path, 50),
    'its first page only': (path) => truncateSync(path, PAGE),
    'its first half': (path) => truncateSync(path, Math.floor(statSync(path).size / 2)),
    'half of its last page missing': (path) => truncateSync(path, statSync(path).size - PAGE / 2),
    'its header zeroed': (path) => overwrite(path, 0, Buffer.alloc(100)),
    'its first page zeroed behind the header': (path) => overwrite(path, 100, Buffer.alloc(PAGE - 100)),
    'a page zeroed in the middle': (path) => overwrite(path, PAGE * 300, Buffer.alloc(PAGE)),
    'a page of noise in the middle': (path) => overwrite(path, PAGE * 301, Buffer.alloc(PAGE, 'noise')),
    'its last page zeroed': (path) => overwrite(path, statSync(path).size - PAGE, Buffer.alloc(PAGE)),
    'a folder in its place': (path) => {
      rmSync(path);
      mkdirSync(path);
      writeFileSync(join(path, 'file'), 'somebody put it there');
    },
    'the database of another program in its place': (path) => {
      rmSync(path);
      const db = openSqlite(path);
      db.exec('CREATE TABLE meta (x); PRAGMA user_version = 1');
      db.close();
    },
    'no database beside its WAL': (path) => {
      rmSync(path);
      writeFileSync(`${path}-wal`, Buffer.alloc(10_000, 'w'));
    },
  };
  for (const [what, damage] of Object.entries(damages)) {
    test(`(${what}) is kept aside whole, and a new epoch begins`, (t) => {
      const folder = tempFolder(t);
      const path = join(folder, 'spool.db');
      filled(path);
      damage(path);
      const before = ['', '-wal'].map((suffix) => sizeOf(path + suffix));
      const { spool, keptAt, said } = openDamaged(t, path);
      assert.ok(keptAt.startsWith(`${path}.damaged-`), `nothing was found; ${readdirSync(folder)}`);
      assert.match(said, new RegExp(path));
      // SQLite rounds a torn page up when it opens the file.
      const after = ['', '-wal'].map((suffix) => sizeOf(keptAt + suffix));
      assert.ok(
        after.every((size, i) => size >= (before[i] ?? 0)),
        `${after} bytes of ${before}`,
      );
      assert.equal(spool.kitId(), null);
      assert.deepEqual(spool.ledger(), []);
      assert.equal(spool.accept(rows(1))[0]?.seq, 1);
    });
  }

  test('as a large one is found so too, within seconds', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    filled(path, 40_000);
    assert.ok(statSync(path).size > 32 * MIB);
    overwrite(path, PAGE * 2_000, Buffer.alloc(PAGE));
    const startedAt = performance.now();
    const { keptAt } = openDamaged(t, path);
    assert.notEqual(keptAt, '');
    assert.ok(performance.now() - startedAt < 10_000);
  });

  test('twice in one second is kept twice', (t) => {
    const folder = tempFolder(t);
    const path = join(folder, 'spool.db');
    for (const text of ['first', 'second']) {
      writeFileSync(path, text);
      open(path, { now: () => 1_000, onDamaged: () => {} }).close();
    }
    const kept = readdirSync(folder).filter((name) => name.includes('damaged'));
    assert.deepEqual(kept.map((name) => readFileSync(join(folder, name), 'utf8')).sort(), ['first', 'second']);
  });

  test('while it is in use says so, and is kept aside at the next start', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    filled(path, 30_000);
    const spool = open(path);
    overwrite(path, PAGE * 5_000, Buffer.alloc(PAGE * 500));
    const readAll = (): void => {
      for (let id = 0; id < spool.lastId(); id += 500) spool.read(id, id + 500, 500);
    };
    assert.throws(
      readAll,
      (error: unknown) => error instanceof SpoolError && error.code === 'corrupt' && /start/.test(`${error.hint}`),
    );
    spool.close();
    // As if the damage were where a start does not look.
    const { keptAt } = openDamaged(t, path);
    assert.ok(existsSync(`${keptAt}.corrupt`));
    assert.ok(!existsSync(`${path}.corrupt`));
  });
});

describe('a WAL', () => {
  const count = (spool: Spool): number => spool.read(0, Number.MAX_SAFE_INTEGER, 10_000).length;

  test('that a killed process left is taken up', (t) => {
    const { spool, keptAt } = openDamaged(t, killed(tempFolder(t)));
    assert.deepEqual([keptAt, count(spool)], ['', 500]);
  });

  const harms: Record<string, (wal: string) => void> = {
    'is gone': (wal) => rmSync(wal),
    'is empty': (wal) => truncateSync(wal, 0),
    'is noise': (wal) => writeFileSync(wal, Buffer.alloc(50_000, 'noise')),
    'has noise after its end': (wal) => appendFileSync(wal, Buffer.alloc(5_000, 'noise')),
  };
  for (const [what, harm] of Object.entries(harms)) {
    test(`that ${what} does not keep the spool from opening`, (t) => {
      const path = killed(tempFolder(t));
      harm(`${path}-wal`);
      const { spool } = openDamaged(t, path);
      assert.equal(spool.accept(rows(1)).length, 1);
    });
  }

  test('cut anywhere leaves whole transactions', (t) => {
    const folder = tempFolder(t);
    const from = killed(folder);
    const { size } = statSync(`${from}-wal`);
    for (let i = 0; i <= 20; i += 1) {
      const path = join(folder, `cut-${i}.db`);
      for (const suffix of ['', '-wal']) copyFileSync(from + suffix, path + suffix);
      const fd = openSync(`${path}-wal`, 'r+');
      ftruncateSync(fd, Math.floor((size * i) / 20));
      closeSync(fd);
      const spool = open(path);
      assert.equal(count(spool), spool.counts().classes.get(0)?.accepted);
      spool.close();
    }
  });
});

function sizeOf(file: string): number {
  const found = statSync(file, { throwIfNoEntry: false });
  return found?.isDirectory() === true ? readdirSync(file).length : (found?.size ?? 0);
}

describe('a lock file', () => {
  for (const [what, put] of [
    ['text', (lock: string) => writeFileSync(lock, 'not a lock '.repeat(100))],
    ['a folder', (lock: string) => mkdirSync(lock)],
    ['nothing', (lock: string) => writeFileSync(lock, '')],
  ] as const) {
    test(`that is ${what} does not keep the spool from opening`, (t) => {
      const path = join(tempFolder(t), 'spool.db');
      put(`${path}.lock`);
      const spool = open(path);
      t.after(() => spool.close());
      assert.throws(() => open(path), { code: 'held' });
    });
  }
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

  test('of a newer dragonsink is left as it is', (t) => {
    const path = join(tempFolder(t), 'spool.db');
    filled(path);
    overwrite(path, 60, Buffer.from([0, 0, 0, 99]));
    const bytes = readFileSync(path);
    assert.throws(() => open(path), { code: 'version' });
    assert.deepEqual(readFileSync(path), bytes);
  });

  test('and is not there, is not made by looking at it', (t) => {
    const folder = tempFolder(t);
    assert.throws(() => viewSpool(join(folder, 'spool.db'), CLASSES), { code: 'missing' });
    assert.deepEqual(readdirSync(folder), []);
  });

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
