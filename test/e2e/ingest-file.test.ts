// The way of a USB stick: a kit without a network, its backlog carried to the server, the server's answer carried back.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { connectAsync } from 'mqtt';
import { readSqlite } from '../../src/base/sqlite.js';
import { kindOf } from '../../src/kit/classes.js';
import { seal } from '../../src/schema/envelope.js';
import type { Kind } from '../../src/schema/kinds.js';
import { DEFAULT_TOPICS, historyTopic } from '../../src/schema/topics.js';
import { openStore } from '../../src/server/stores/open-store.js';
import type { Spool, SpoolRow } from '../../src/spool/spool.js';
import { everyKind, KIT, type KitSpool, kitRows, kitSpool } from '../fixtures/kit-spool.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, runDragonsink } from '../fixtures/processes.js';
import { dragonsink, dragonsinkJson } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

interface Ingested {
  readonly messages: number;
  readonly damaged: number;
  readonly truncated: boolean;
  readonly missing: number;
  readonly complete: boolean;
  readonly counts: Record<Kind, { stored: number; merged: number; refused: number; rejected: number }>;
  readonly ack_lines: number;
}

interface Setup {
  readonly kit: KitSpool;
  readonly databaseFile: string;
  readonly exportFile: string;
  readonly ackFile: string;
  use<T>(work: (spool: Spool) => T): T;
  exported(): Promise<string[]>;
  /** A file that is whole ends with 0, any other with 3. */
  ingest(): Promise<Ingested>;
  ack(): Promise<{ count: number; others: number }>;
  /** What a query on the server's database gives as one number. */
  number(sql: string): number;
}

async function setUp(t: TestContext): Promise<Setup> {
  const folder = tempFolder(t);
  const kit = kitSpool(folder);
  const [exportFile, ackFile] = [join(folder, 'backlog.jsonl'), join(folder, 'ack.jsonl')];
  const databaseFile = join(folder, 'server.db');
  const use: Setup['use'] = (work) => {
    const spool = kit.open();
    try {
      return work(spool);
    } finally {
      spool.close();
    }
  };
  use((spool) => spool.setKitId(KIT));
  await (await openStore(`sqlite:${databaseFile}`)).close();
  return {
    kit,
    databaseFile,
    exportFile,
    ackFile,
    use,
    exported: async () => {
      const { code, err } = await dragonsink('spool', 'export', '--to', exportFile, '--config', kit.configFile);
      assert.equal(code, 0, err);
      return readFileSync(exportFile, 'utf8').split('\n').filter(Boolean);
    },
    ingest: async () => {
      const argv = ['ingest-file', exportFile, '--ack-file', ackFile, '--database', `sqlite:${databaseFile}`, '--json'];
      const { code, out, err } = await dragonsink(...argv);
      assert.equal(err, '');
      const report = JSON.parse(out) as Ingested;
      assert.equal(code, report.complete && !report.truncated && report.damaged === 0 ? 0 : 3);
      return report;
    },
    ack: () => dragonsinkJson('spool', 'ack', ackFile, '--config', kit.configFile),
    number: (sql) => {
      const db = readSqlite(databaseFile);
      try {
        return db.prepare(sql).pluck().get() as number;
      } finally {
        db.close();
      }
    },
  };
}

const ROWS =
  'SELECT (SELECT count(*) FROM drones) + (SELECT count(*) FROM signals) + (SELECT count(*) FROM system_health)';

function sum(counts: Ingested['counts'], of: 'stored' | 'refused' | 'rejected'): number {
  return Object.values(counts).reduce((total, count) => total + count[of], 0);
}

describe('a backlog on a USB stick', () => {
  test('is stored once, and the kit lets go of it, also when all is done twice', async (t) => {
    const { use, exported, ingest, ack, number } = await setUp(t);
    const accepted = use((spool) => {
      const all = [...spool.accept(everyKind(300)), ...spool.accept(kitRows('drone', 5))];
      spool.handOver(all.slice(10, 200));
      for (const row of all.slice(300, 305)) spool.quarantine(row, 'refused by the broker');
      return all;
    });
    const lines = await exported();
    assert.equal(lines.length, accepted.length + 2);
    const first = await ingest();
    assert.deepEqual([first.messages, first.damaged, first.truncated, first.complete], [1_205, 0, false, true]);
    assert.deepEqual([sum(first.counts, 'stored'), sum(first.counts, 'rejected')], [1_205, 0]);
    assert.equal(number(ROWS), 1_205);
    const again = await ingest();
    assert.deepEqual([sum(again.counts, 'stored'), sum(again.counts, 'refused'), number(ROWS)], [0, 1_205, 1_205]);

    assert.deepEqual(await ack(), { count: 1_205, others: 0 });
    assert.deepEqual(await ack(), { count: 0, others: 0 });
    use((spool) => {
      const { waiting, handedOver, quarantined, classes } = spool.counts();
      assert.deepEqual([waiting, handedOver, quarantined], [0, 0, 0]);
      for (const { accepted: all, delivered } of classes.values()) assert.equal(delivered, all);
      assert.notEqual(spool.storeId(), null);
    });
    assert.equal((await exported()).length, 2);
  });

  test('keeps what came after it was written, and what the server could not read', async (t) => {
    const { use, exported, ingest, ack, number, exportFile } = await setUp(t);
    use((spool) => spool.accept(kitRows('drone', 10)));
    const lines = await exported();
    const later = use((spool) => spool.accept(kitRows('drone', 3)));
    // Line 0 is the header: seq 4 is torn inside, seq 7 is no message of its kind.
    lines[4] = `${lines[4]?.slice(0, 60)}\u0000${lines[4]?.slice(70)}`;
    const wrong = JSON.parse(lines[7] ?? '') as { message: Record<string, unknown> };
    lines[7] = JSON.stringify({ ...wrong, message: { ...wrong.message, observed_at: 'yesterday' } });
    writeFileSync(exportFile, `${lines.join('\n')}\n`);
    const report = await ingest();
    assert.deepEqual([report.damaged, report.counts.drone.stored, report.counts.drone.rejected], [1, 8, 1]);
    assert.deepEqual([report.missing, report.complete], [1, false]);
    assert.equal(number('SELECT count(*) FROM ingest_rejects'), 2);
    // A reject is kept on the server: nobody gains if the kit sends it again. Of a torn line nothing is known.
    assert.equal((await ack()).count, 9);
    use((spool) => {
      const left = spool.read(0, Number.MAX_SAFE_INTEGER, 99);
      assert.deepEqual(left.map(({ epoch, seq }) => [epoch, seq]).slice(1), later.map(({ epoch, seq }) => [epoch, seq])); // biome-ignore format: short
      assert.equal(left[0]?.seq, 4);
    });
    await ingest();
    assert.equal(number('SELECT count(*) FROM ingest_rejects'), 2);
  });

  test('that was cut off gives what is whole, says so, and the rest comes with the next one', async (t) => {
    const { use, exported, ingest, ack, number, exportFile } = await setUp(t);
    use((spool) => spool.accept(kitRows('signal', 50)));
    await exported();
    truncateSync(exportFile, Math.floor(statSync(exportFile).size / 2));
    const half = await ingest();
    assert.deepEqual([half.truncated, half.complete, half.damaged], [true, false, 0]);
    assert.ok(half.messages > 10 && half.messages < 40, `${half.messages}`);
    assert.equal((await ack()).count, half.messages);
    await exported();
    const rest = await ingest();
    assert.deepEqual([rest.complete, rest.messages, number(ROWS)], [true, 50 - half.messages, 50]);
    assert.equal((await ack()).count, 50 - half.messages);
  });

  test('with part of it delivered over MQTT already: each message is there once', async (t) => {
    const { use, exported, ingest, ack, number, databaseFile } = await setUp(t);
    const accepted = use((spool) => spool.accept([...kitRows('drone', 120), ...kitRows('signal', 30)]));
    await exported();
    const broker = await startMosquitto({}, t);
    const server = runDragonsink(t, ['server'], {
      DATABASE_URL: `sqlite:${databaseFile}`,
      MQTT_BROKER_HOST: '127.0.0.1',
      MQTT_BROKER_PORT: String(broker.port),
      SERVER_ID: 'test',
    });
    await eventually('the server', () => /connected to the broker/.test(server.log()));
    const client = await connectAsync(broker.url, { protocolVersion: 5 }, false);
    t.after(() => {
      client.end(true);
    });
    const publish = (row: SpoolRow): Promise<unknown> =>
      client.publishAsync(
        historyTopic(DEFAULT_TOPICS, kindOf(row.class), KIT),
        seal(row.body, KIT, { v: 1, epoch: row.epoch, seq: row.seq }),
        { qos: 1 },
      );
    const sent = accepted.filter((_, i) => i % 3 === 0);
    for (const row of sent.slice(0, 25)) await publish(row);
    await eventually('some rows', () => number(ROWS) === 25);
    // The rest comes over MQTT while the file is read.
    const [report] = await Promise.all([ingest(), ...sent.slice(25).map(publish)]);
    await eventually('all rows', () => number(ROWS) === accepted.length);
    assert.ok(sum(report.counts, 'refused') >= 25);
    assert.equal(number('SELECT count(DISTINCT drone_id) FROM drones'), 120);
    assert.equal((await ack()).count, accepted.length);
    assert.equal(await server.end(), 0, server.log());
  });

  test('of many pieces is acknowledged whole, in as many lines as it takes', async (t) => {
    const { use, exported, ingest, ack, ackFile } = await setUp(t);
    use((spool) => {
      const rows = spool.accept(kitRows('drone', 1_400));
      spool.deliver(rows.filter((_, i) => i % 2 === 0));
    });
    await exported();
    const { ack_lines } = await ingest();
    assert.equal(ack_lines, 3);
    for (const line of readFileSync(ackFile, 'utf8').split('\n').filter(Boolean)) {
      const { acks } = JSON.parse(line) as { acks: { upto: number; ranges?: unknown[] }[] };
      assert.ok(acks.length <= 32 && acks.every(({ upto, ranges = [] }) => upto === 0 && ranges.length <= 256));
    }
    assert.equal((await ack()).count, 700);
  });

  test('may be several files in one, with line ends as other systems write them', async (t) => {
    const { use, exported, ingest, ack, exportFile, number } = await setUp(t);
    use((spool) => spool.accept(kitRows('drone', 3)));
    const first = await exported();
    use((spool) => spool.accept(kitRows('drone', 3)));
    const second = await exported();
    writeFileSync(exportFile, `\uFEFF${[...first, '', ...second].join('\r\n')}\r\n`);
    utimesSync(exportFile, 1, 1);
    const report = await ingest();
    assert.deepEqual([report.messages, report.damaged, report.complete, number(ROWS)], [9, 0, true, 6]);
    assert.equal((await ack()).count, 6);
  });

  test('out of the middle of which something was cut is not taken for a whole one', async (t) => {
    const { use, exported, ingest, ack, number, exportFile, databaseFile } = await setUp(t);
    use((spool) => spool.accept(kitRows('drone', 40)));
    const lines = await exported();
    writeFileSync(exportFile, `${[...lines.slice(0, 11), ...lines.slice(27)].join('\n')}\n`);
    const report = await ingest();
    assert.deepEqual([report.messages, report.missing, report.complete, report.damaged], [24, 16, false, 0]);
    assert.deepEqual([number(ROWS), (await ack()).count], [24, 24]);
    const { code, out } = await dragonsink('ingest-file', exportFile, '--database', `sqlite:${databaseFile}`);
    assert.equal(code, 3);
    assert.match(out, /missing: 16 messages[\s\S]*the file is not whole: export it again/);
  });

  test('that lost its beginning, or an end between two files in one, is not whole either', async (t) => {
    const { use, exported, ingest, number, exportFile } = await setUp(t);
    use((spool) => spool.accept(kitRows('drone', 4)));
    const lines = await exported();
    for (const broken of [lines.slice(1), [...lines.slice(0, -1), ...lines], [...lines, ...lines.slice(1)]]) {
      writeFileSync(exportFile, `${broken.join('\n')}\n`);
      const { complete, missing } = await ingest();
      assert.deepEqual([complete, missing, number(ROWS)], [false, 0, 4]);
    }
  });

  test('makes no database: neither for a wrong file nor at a wrong path', async (t) => {
    const { use, exported, exportFile, databaseFile } = await setUp(t);
    use((spool) => spool.accept(kitRows('drone', 3)));
    await exported();
    const mistyped = `${databaseFile}.typo`;
    const { code, err } = await dragonsink('ingest-file', exportFile, '--database', `sqlite:${mistyped}`);
    assert.equal(code, 1);
    assert.match(err, /no database of a dragonsink server\nwhat to do: .*dragonsink server/);
    assert.equal(existsSync(mistyped), false);
    writeFileSync(exportFile, 'not an export\n');
    const wrong = await dragonsink('ingest-file', exportFile, '--database', `sqlite:${mistyped}`);
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /is no export of a kit/, 'said before the database is looked for');
    assert.equal(existsSync(mistyped), false);
  });

  test('that is none is refused, with what to take instead', async (t) => {
    const { exportFile, databaseFile } = await setUp(t);
    for (const [content, expected] of [
      ['x'.repeat(3_000_000), /is no export of a kit/],
      ['', /is no export of a kit/],
      ['{"a": 1}\n[]\nnull\n', /is no export of a kit/],
    ] as const) {
      writeFileSync(exportFile, content);
      const { code, err } = await dragonsink('ingest-file', exportFile, '--database', `sqlite:${databaseFile}`);
      assert.equal(code, 1);
      assert.match(err, expected);
      assert.match(err, /what to do: .*spool export/);
    }
    const { code, err } = await dragonsink('ingest-file', `${exportFile}.none`, '--database', `sqlite:${databaseFile}`);
    assert.equal(code, 1);
    assert.match(err, /no such file/);
  });

  test('waits for no database that is away: it says so, and can be run again', async (t) => {
    const { use, exported, exportFile } = await setUp(t);
    use((spool) => spool.accept(kitRows('drone', 3)));
    await exported();
    const { code, err } = await dragonsink(
      'ingest-file',
      exportFile,
      '--database',
      'postgres://nobody@127.0.0.1:1/none',
    );
    assert.equal(code, 1);
    assert.match(err, /what to do/);
  });
});
