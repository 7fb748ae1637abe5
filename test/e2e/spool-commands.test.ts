// `dragonsink spool` as an administrator uses it: beside a running kit, and when none runs.
import assert from 'node:assert/strict';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { takeByHand } from '../../src/kit/acknowledgements.js';
import { Control } from '../../src/kit/control.js';
import type { Ack } from '../../src/schema/ack.js';
import type { KitStatus } from '../../src/schema/status.js';
import { openStore } from '../../src/server/stores/open-store.js';
import type { Spool, SpoolRow } from '../../src/spool/spool.js';
import { Heard } from '../fixtures/heard.js';
import { KIT, type KitSpool, kitRows, kitSpool } from '../fixtures/kit-spool.js';
import { MemoryLog } from '../fixtures/memory-log.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, kitFiles, runDragonsink } from '../fixtures/processes.js';
import { dragonsink, dragonsinkJson } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

interface Listed {
  readonly kit_id: string;
  readonly waiting: number;
  readonly handed_over: number;
  readonly quarantined: number;
  readonly messages: readonly {
    readonly id: number;
    readonly reason: string;
    readonly kind: string;
    readonly seq: number;
  }[];
}

/** A spool with three drones, the first two of which are set aside. */
function withQuarantine(kit: KitSpool): SpoolRow[] {
  const spool = kit.open();
  spool.setKitId(KIT);
  const accepted = spool.accept(kitRows('drone', 3));
  for (const row of accepted.slice(0, 2)) spool.quarantine(row, 'refused by the broker');
  spool.close();
  return accepted;
}

function ackFor(rows: readonly SpoolRow[], fields: Record<string, unknown> = {}): string {
  const acks = rows.map(({ epoch, seq }) => ({ epoch, kind: 'drone', upto: 0, ranges: [[seq, seq]] }));
  return `${JSON.stringify({ v: 1, kit_id: KIT, store_id: 'store-a', acks, time: '2026-11-24T10:00:00Z', ...fields })}\n`;
}

describe('dragonsink spool, without a running kit,', () => {
  test('lists what is in quarantine, and shows one whole', async (t) => {
    const kit = kitSpool(tempFolder(t));
    const [first] = withQuarantine(kit);
    const list = await dragonsinkJson<Listed>('spool', 'list', '--config', kit.configFile);
    const { messages, ...totals } = list;
    assert.deepEqual(totals, { kit_id: KIT, store_id: null, waiting: 1, handed_over: 0, quarantined: 2 });
    assert.deepEqual(messages.map(({ id, kind, seq, reason }) => [id, kind, seq, reason]), [
      [1, 'drone', 1, 'refused by the broker'],
      [2, 'drone', 2, 'refused by the broker'],
    ]); // biome-ignore format: a table
    const shown = await dragonsinkJson<{ message: unknown }>('spool', 'show', '1', '--config', kit.configFile);
    assert.deepEqual(shown.message, JSON.parse(first?.body ?? ''));
    const words = await dragonsink('spool', 'list', '--config', kit.configFile);
    assert.match(words.out, /waiting 1, handed over 0, in quarantine 2\n1 {2}drone {2}.*refused by the broker/);
    const none = await dragonsink('spool', 'show', '3', '--config', kit.configFile);
    assert.deepEqual([none.code, /what to do: dragonsink spool list/.test(none.err)], [1, true]);
  });

  test('puts messages back, and gives others up on record', async (t) => {
    const kit = kitSpool(tempFolder(t));
    withQuarantine(kit);
    assert.deepEqual(await dragonsinkJson('spool', 'retry', '1', '--config', kit.configFile), { count: 1 });
    assert.deepEqual(await dragonsinkJson('spool', 'drop', '--all', '--config', kit.configFile), { count: 1 });
    const spool = kit.open();
    t.after(() => spool.close());
    assert.deepEqual(spool.read(0, 99, 9).map(({ seq }) => seq), [1, 3]); // biome-ignore format: short
    assert.deepEqual(spool.ledger()[0]?.evicted, [[2, 2]]);
    assert.equal(spool.counts().quarantined, 0);
  });

  test('takes an acknowledgement for this kit alone, of its own database alone', async (t) => {
    const folder = tempFolder(t);
    const kit = kitSpool(folder);
    const rows = withQuarantine(kit);
    const file = join(folder, 'ack.jsonl');
    writeFileSync(file, ackFor(rows.slice(0, 1), { kit_id: 'wardragon-other' }) + ackFor(rows.slice(1)));
    const ack = () => dragonsink('spool', 'ack', file, '--config', kit.configFile, '--json');
    assert.deepEqual(JSON.parse((await ack()).out), { count: 2, others: 1 });
    writeFileSync(file, ackFor(rows, { store_id: 'store-b' }));
    const refused = await ack();
    assert.equal(refused.code, 1);
    assert.match(refused.err, /store-b.*bound to store-a[\s\S]*spool rebind/);
    assert.deepEqual(await dragonsinkJson('spool', 'rebind', '--config', kit.configFile), { count: 0 });
    assert.deepEqual(JSON.parse((await ack()).out), { count: 1, others: 0 });
    for (const content of ['', 'not an acknowledgement\n', ackFor(rows, { kit_id: 'wardragon-other' })]) {
      writeFileSync(file, content);
      assert.equal((await ack()).code, 1);
    }
    writeFileSync(file, ackFor(rows, { acks: [], store_id: 'store-b' }));
    assert.deepEqual(JSON.parse((await ack()).out), { count: 0, others: 0 });
    assert.match((await dragonsink('spool', 'ack', folder, '--config', kit.configFile)).err, /what to do/);
  });

  test('forgets the kit id only when nothing of it is left', async (t) => {
    const kit = kitSpool(tempFolder(t));
    withQuarantine(kit);
    const refused = await dragonsink('spool', 'new-id', '--config', kit.configFile);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /still has 1 messages in the spool and 2 in quarantine/);
    const spool = kit.open();
    spool.deliver(spool.read(0, 99, 9));
    spool.close();
    await dragonsinkJson('spool', 'drop', '--all', '--config', kit.configFile);
    await dragonsinkJson('spool', 'new-id', '--config', kit.configFile);
    const after = kit.open();
    t.after(() => after.close());
    assert.equal(after.kitId(), null);
  });

  test('exports to standard output too, and nothing while the kit does not know who it is', async (t) => {
    const kit = kitSpool(tempFolder(t));
    kit.open().close();
    const unknown = await dragonsink('spool', 'export', '--config', kit.configFile);
    assert.deepEqual([unknown.code, unknown.out], [1, '']);
    assert.match(unknown.err, /kit id is not known/);
    withQuarantine(kit);
    const { code, out } = await dragonsink('spool', 'export', '--config', kit.configFile);
    assert.equal(code, 0);
    const [header, ...lines] = out.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>); // biome-ignore format: a chain
    assert.deepEqual([header?.['dragonsink_export'], header?.['kit_id']], [1, KIT]);
    assert.deepEqual(lines.pop(), { end: true, messages: 3 });
    assert.deepEqual(lines.map(({ kind, state, reason }) => [kind, state, reason]), [
      ['drone', 'quarantined', 'refused by the broker'],
      ['drone', 'quarantined', 'refused by the broker'],
      ['drone', 'waiting', undefined],
    ]); // biome-ignore format: a table
    for (const [i, { message }] of lines.entries()) {
      const { seen_by, sink } = message as { seen_by: string; sink: { seq: number; replay: boolean } };
      assert.deepEqual([seen_by, sink.seq, sink.replay], [KIT, i + 1, true]);
    }
  });

  test('exports a large backlog in little memory, and a file that can not be written is named', async (t) => {
    const folder = tempFolder(t);
    const kit = kitSpool(folder);
    const spool = kit.open();
    spool.setKitId(KIT);
    const row = kitRows('drone', 1)[0];
    assert.ok(row);
    const body = JSON.stringify({ ...(JSON.parse(row.body) as object), text: 'x'.repeat(2_000) });
    spool.accept(Array.from({ length: 30_000 }, (_, i) => ({ ...row, thing: `drone-${i}`, body })));
    spool.close();
    const file = join(folder, 'backlog.jsonl');
    const { code, err } = await dragonsink('spool', 'export', '--to', file, '--config', kit.configFile);
    assert.equal(code, 0, err);
    assert.ok(statSync(file).size > 60_000_000);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.ok(!existsSync(`${file}.part`));
    const nowhere = await dragonsink('spool', 'export', '--to', join(folder, 'a', 'b'), '--config', kit.configFile);
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.err, /what to do: is the name right/);
  });

  test('never makes a spool where none is, and asks for some ids or all', async (t) => {
    const kit = kitSpool(tempFolder(t));
    for (const argv of [['list'], ['drop', '--all'], ['rebind'], ['export']]) {
      const { code, err } = await dragonsink('spool', ...argv, '--config', kit.configFile);
      assert.equal(code, 1);
      assert.match(err, /there is no spool at/);
    }
    assert.ok(!existsSync(kit.path));
    for (const argv of [['retry'], ['drop', '1', '--all'], ['show', 'x'], ['show'], ['nothing']]) {
      assert.equal((await dragonsink('spool', ...argv, '--config', kit.configFile)).code, 2, argv.join(' '));
    }
  });
});

interface Held {
  readonly kit: KitSpool;
  readonly spool: Spool;
  readonly rows: readonly SpoolRow[];
  readonly control: Control;
  readonly events: string[];
}

/** This process is the kit. */
async function hold(t: TestContext): Promise<Held> {
  const kit = kitSpool(tempFolder(t));
  const rows = withQuarantine(kit);
  const spool = kit.open();
  const events: string[] = [];
  const control = new Control({
    path: kit.path,
    spool,
    onRequeued: () => events.push('requeued'),
    onRebound: () => events.push('rebound'),
    takeAck: (ack: Ack) => {
      events.push(`ack of ${ack.store_id}`);
      return takeByHand(spool, ack);
    },
    log: new MemoryLog(),
  });
  t.after(async () => {
    await control.stop();
    spool.close();
  });
  return { kit, spool, rows, control, events };
}

describe('dragonsink spool, while a kit holds the spool,', () => {
  test('has the kit do it', async (t) => {
    const { kit, spool, rows, control, events } = await hold(t);
    await control.start();
    assert.equal(statSync(`${kit.path}.sock`).mode & 0o777, 0o600);
    const done = (...argv: string[]) => dragonsinkJson('spool', ...argv, '--config', kit.configFile);
    assert.deepEqual(await done('retry', '1', '7'), { count: 1 });
    assert.deepEqual(spool.read(0, 99, 9).map(({ seq }) => seq), [1, 3]); // biome-ignore format: short
    assert.deepEqual(await done('drop', '2'), { count: 1 });
    const file = `${kit.path}.ack`;
    writeFileSync(file, ackFor(rows));
    assert.deepEqual(await done('ack', file), { count: 2, others: 0 });
    assert.deepEqual(await done('rebind'), { count: 0 });
    assert.deepEqual(events, ['requeued', 'ack of store-a', 'rebound']);
    assert.equal(spool.storeId(), null);
    const list = await dragonsinkJson<Listed>('spool', 'list', '--config', kit.configFile);
    assert.deepEqual([list.waiting, list.quarantined], [0, 0]);
  });

  test('says what the kit says: what is not there, and that a kit keeps its id while it runs', async (t) => {
    const { kit, control } = await hold(t);
    await control.start();
    const none = await dragonsink('spool', 'drop', '99', '--config', kit.configFile);
    assert.deepEqual([none.code, /not in quarantine: 99[\s\S]*spool list/.test(none.err)], [1, true]);
    const id = await dragonsink('spool', 'new-id', '--config', kit.configFile);
    assert.deepEqual([id.code, /systemctl stop dragonsink-kit/.test(id.err)], [1, true]);
  });

  test('is not misled by a socket that a killed kit left, and the next kit takes its place', async (t) => {
    const { kit, spool, control } = await hold(t);
    const left = createServer().listen(`${kit.path}.sock`);
    await new Promise((resolve) => left.once('listening', resolve));
    // Closed without being removed, as the kernel does it for a killed process.
    (left as unknown as { _handle: { close(): void } })._handle.close();
    await control.start();
    assert.deepEqual(await dragonsinkJson('spool', 'drop', '--all', '--config', kit.configFile), { count: 2 });
    assert.equal(spool.counts().quarantined, 0);
    await control.stop();
    assert.ok(!existsSync(`${kit.path}.sock`));
    writeFileSync(`${kit.path}.sock`, '');
    const held = await dragonsink('spool', 'rebind', '--config', kit.configFile);
    assert.equal(held.code, 1);
    assert.match(held.err, /held by process/);
  });
});

describe('dragonsink spool beside `dragonsink kit`', () => {
  test('retries what the broker takes by now, and gives up what it never will', async (t) => {
    const heard = new Heard();
    const api = await heard.start();
    t.after(() => heard.stop());
    const broker = await startMosquitto({ config: ['max_packet_size 20000'] }, t);
    const files = await kitFiles(tempFolder(t), api, broker.port);
    const status = async () =>
      (await fetch(`http://127.0.0.1:${files.statusPort}/status`)).json() as Promise<KitStatus>;
    const kit = runDragonsink(t, ['kit', '--config', files.configFile]);
    heard.hear('drone-big', { description: 'x'.repeat(30_000) });
    const list = () => dragonsinkJson<Listed>('spool', 'list', '--config', files.configFile);
    const aside = await eventually('set aside', async () => {
      const listed = existsSync(files.spoolFile) ? await list() : null;
      return listed !== null && listed.quarantined === 1 && listed;
    });
    const [message] = aside.messages;
    assert.match(message?.reason ?? '', /too large/);
    const argv = ['--config', files.configFile];
    assert.deepEqual(await dragonsinkJson('spool', 'retry', String(message?.id), ...argv), { count: 1 });
    await eventually('tried and set aside again', async () => (await list()).quarantined === 1);
    assert.deepEqual(await dragonsinkJson('spool', 'drop', '--all', ...argv), { count: 1 });
    assert.deepEqual((await status()).counts.evicted, { drone: 1 });
    assert.equal(await kit.end('SIGKILL'), 'SIGKILL');
    assert.ok(existsSync(`${files.spoolFile}.sock`), 'left behind');
    assert.ok((await dragonsinkJson<{ count: number }>('spool', 'rebind', ...argv)).count >= 0);
    const again = runDragonsink(t, ['kit', '--config', files.configFile]);
    await eventually('the next one', () => status().catch(() => null));
    assert.ok((await dragonsinkJson<{ count: number }>('spool', 'rebind', ...argv)).count >= 0);
    assert.equal(await again.end(), 0, again.log());
  });

  test('exports what it holds back, and the acknowledgement of it empties the running kit', async (t) => {
    const heard = new Heard();
    const api = await heard.start();
    t.after(() => heard.stop());
    const folder = tempFolder(t);
    const files = await kitFiles(folder, api, 1); // nothing listens there
    runDragonsink(t, ['kit', '--config', files.configFile]);
    for (let i = 0; i < 30; i += 1) heard.hear(`drone-${i}`);
    const waiting = async (): Promise<number> => {
      const answer = await fetch(`http://127.0.0.1:${files.statusPort}/status`).catch(() => null);
      return answer === null ? 0 : ((await answer.json()) as KitStatus).spool.waiting;
    };
    await eventually('thirty', async () => (await waiting()) >= 31);
    const [exported, acked, database] = ['out.jsonl', 'ack.jsonl', 'server.db'].map((name) => join(folder, name));
    const argv = ['--config', files.configFile];
    assert.equal((await dragonsink('spool', 'export', '--to', `${exported}`, ...argv)).code, 0);
    await (await openStore(`sqlite:${database}`)).close(); // as a server that has started once has made it
    for (let round = 0; round < 2; round += 1) {
      await dragonsinkJson('ingest-file', `${exported}`, '--ack-file', `${acked}`, '--database', `sqlite:${database}`);
      const { count } = await dragonsinkJson<{ count: number }>('spool', 'ack', `${acked}`, ...argv);
      assert.ok(round === 0 ? count >= 31 : count === 0, `${count} deleted`);
      assert.equal(await waiting(), 0);
    }
  });
});
